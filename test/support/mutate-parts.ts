// Parts of an object in, the same parts with one to four things changed: ids, sizes, kinds, counts, offsets and names, as no
// compiler would write them but every encoding is sound.

import { raw } from "./btf-builder.ts";
import { HOSTILE } from "./hostile.ts";
import type { Parts } from "./parts.ts";
import type { Random } from "./random.ts";

/** A record as whatever fields it has. */
type Loose = Record<string, unknown> & { kind: string };

const SIZES = [0, 1, 2, 3, 4, 5, 8, 12, 16, 17, 255, 256, 4096, 0x7fffffff, 0x80000000, 0xffffffff];
const NUMBERS = ["-9223372036854775808", "-1", "0", "1", "4294967295", "4294967296", "18446744073709551615"];
const ARRAYS = ["members", "values", "params", "vars"] as const;
const KINDS: readonly (readonly string[])[] = [
  ["struct", "union"],
  ["enum", "enum64"],
  ["const", "volatile", "restrict", "ptr"],
  ["typedef", "type_tag"],
];

function changeRecord(record: Loose, parts: Parts, rng: Random): void {
  const id = (): number =>
    rng.pick([
      rng.below(parts.types.length + 1),
      rng.below(parts.types.length + 1),
      0,
      parts.types.length + 1,
      0xffffffff,
    ]);
  const lists = ARRAYS.filter((key) => Array.isArray(record[key]) && (record[key] as Loose[]).length > 0);
  const list = lists.length > 0 && rng.chance(60) ? (record[rng.pick(lists)] as Loose[]) : undefined;
  const target = list === undefined ? record : rng.pick(list);
  const keys = Object.keys(target).filter((key) => key !== "kind" && !Array.isArray(target[key]));
  if (list !== undefined && rng.chance(20)) {
    if (rng.chance(50)) list.splice(rng.below(list.length), 1);
    else list.splice(rng.below(list.length), 0, structuredClone(rng.pick(list)));
    return;
  }
  const family = KINDS.find((kinds) => kinds.includes(target.kind));
  if (family !== undefined && rng.chance(10)) {
    target.kind = rng.pick(family);
    return;
  }
  if (keys.length === 0) return;
  const key = rng.pick(keys);
  switch (key) {
    case "name":
      target[key] = rng.chance(10) ? "" : rng.pick(HOSTILE);
      break;
    case "type":
    case "indexType":
    case "returnType":
      target[key] = id();
      break;
    case "bitOffset":
      target[key] = rng.chance(50) ? (target[key] as number) + rng.pick([-8, -1, 1, 8]) : rng.below(1 << 24);
      break;
    case "bitSize":
    case "bits":
      target[key] = rng.pick([0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 255]);
      break;
    case "value":
      target[key] = rng.pick(NUMBERS);
      break;
    case "signed":
      target[key] = !target[key];
      break;
    case "encoding":
      target[key] = rng.pick(["unsigned", "signed", "char", "bool"]);
      break;
    case "linkage":
      target[key] = rng.pick(["static", "global", "extern"]);
      break;
    default:
      target[key] = rng.chance(30) ? (target[key] as number) + rng.pick([-1, 1]) : rng.pick(SIZES);
  }
  // Where BTF has 32 bits, or 24, the builder has no more to give.
  if (typeof target[key] === "number")
    target[key] = (target[key] >>> 0) & ((key === "bitOffset" ? 0xffffff : -1) >>> 0);
}

function changeTypes(parts: Parts, rng: Random): void {
  const { types } = parts;
  const at = rng.below(types.length);
  const record = types[at]!;
  if (rng.chance(6)) types.splice(at, 1);
  else if (rng.chance(6)) types.splice(at, 0, structuredClone(rng.pick(types)));
  else if (rng.chance(6))
    types[at] = raw(rng.below(32), {
      name: rng.pick(HOSTILE),
      vlen: rng.pick([0, 1, 2, 0xffff]),
      flag: rng.chance(30),
      value: rng.pick(SIZES),
      words: Array.from({ length: rng.below(7) }, () => rng.pick(SIZES)),
    });
  else if (record.kind !== "raw") changeRecord(record as unknown as Loose, parts, rng);
}

function changeElf({ sections, symbols, relocations }: Parts, rng: Random): void {
  const symbol = rng.pick(symbols);
  const section = rng.pick(sections);
  switch (rng.below(9)) {
    case 0:
      symbol.name = rng.pick(HOSTILE);
      break;
    case 1:
      symbol.value = rng.pick(SIZES);
      break;
    case 2:
      symbol.size = rng.pick(SIZES);
      break;
    case 3:
      symbol.bind = rng.below(3);
      break;
    case 4:
      symbol.kind = rng.below(5);
      symbol.visibility = rng.below(4);
      break;
    case 5:
      section.name = rng.chance(50) ? rng.pick(HOSTILE) : `${String(section.name)}${rng.pick(HOSTILE)}`;
      break;
    case 6:
      section.type = rng.pick([1, 1, 3, 8]);
      section.flags = rng.pick([0, 2, 3, 4, 6, 0x10, 0x800]);
      break;
    case 7:
      section.name = rng.pick([
        ".maps",
        ".rodata",
        ".data",
        ".bss",
        ".rodata.x",
        ".data.x.y",
        ".kconfig",
        ".struct_ops",
        "?.struct_ops.link",
        "maps",
        "license",
        ".text",
        "?xdp",
        "tracepoint",
        ".addr_space.1",
      ]);
      break;
    default:
      if (relocations.length > 0) rng.pick(relocations).symbol = rng.below(symbols.length + 1);
  }
}

/** The parts, changed in place. */
export function mutateParts(parts: Parts, rng: Random): void {
  for (let edits = 1 + rng.below(4); edits > 0; edits--) {
    if (rng.chance(80) && parts.types.length > 0) changeTypes(parts, rng);
    else changeElf(parts, rng);
  }
}
