// Every hash map, array map and data section of every fixture that loads: random values, as bpftool prints them by BTF and
// as the skeleton decodes them.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ArrayMap, HashMap, Loaded, Skeleton, SkeletonShape } from "../../runtime/src/index.ts";
import { openLibrary } from "../../runtime/src/library.ts";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { present } from "../../src/layout/present.ts";
import type { EnumLayout, Layout, NamedLayout, StructLayout } from "../../src/layout/layout.ts";
import { readLayouts } from "../../src/layout/read.ts";
import { assignNames } from "../../src/names/names.ts";
import { readObject } from "../../src/object/read.ts";
import { twinOf } from "../support/c-values.ts";
import { goldens } from "../support/fixtures.ts";
import { random } from "../support/random.ts";

requireKernel();

type Types = ReadonlyMap<number, NamedLayout>;
type AnyMap = HashMap<unknown, unknown> & ArrayMap<unknown> & { readonly type: string };

/** Those that this kernel cannot load, or that share maps with whoever pinned them. */
const elsewhere = new Set(["verifier_fail", "programs", "pinned"]);

/** JSON with the digits of large numbers kept as text. */
function dump(id: number): { formatted?: { key?: unknown; value: unknown }; value?: unknown }[] {
  const json = execFileSync("bpftool", ["-j", "map", "dump", "id", String(id)], { encoding: "utf8" });
  // Floating point breaks its JSON.
  return JSON.parse(
    json.replace(/\(unsupport[^,}]*/g, "null").replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,}\]])/g, '$1"$2"'),
  );
}

const number = (value: bigint): unknown =>
  value > 999999999999999n || value < -99999999999999n ? String(value) : Number(value);

/** `value` of `layout` as bpftool 7.1 prints it; undefined where it prints something else than the value. */
function printed(layout: Layout, value: unknown, types: Types): unknown {
  switch (layout.kind) {
    case "scalar":
      // 128 bits are hexadecimal digits, and floating point is nothing.
      if (layout.scalar.endsWith("128") || layout.scalar.startsWith("f")) return undefined;
      return typeof value === "bigint" ? number(value) : value;
    case "pointer":
      return undefined;
    case "enum": {
      const { values, size } = types.get(layout.type) as EnumLayout;
      const found = values.find((one) => BigInt(one.value) === BigInt(value as bigint));
      // Enums of one byte are read as signed, of eight as numbers.
      return size === 4 ? (found?.name ?? Number(value) | 0) : undefined;
    }
    case "bits":
      return undefined; // the bits of the storage unit, whatever the type: compared in unions.test.ts
    case "chars":
      // Text that is not terminated is an array of characters.
      return (value as string).length < layout.length && value !== "" ? value : undefined;
    case "bytes":
      return layout.reason === undefined ? [...(value as Uint8Array)] : undefined;
    case "list":
      return (value as unknown[]).map((one) => printed(layout.element, one, types));
    case "strings":
    case "view":
    case "tail":
      return undefined;
    case "struct":
      return Object.fromEntries(
        (types.get(layout.type) as StructLayout).fields.map(({ name, layout: field, tag }) => [
          name,
          tag === undefined ? printed(field, (value as Record<string, unknown>)[name], types) : undefined,
        ]),
      );
  }
}

/** bpftool shows an anonymous member as one called "". */
function flatten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(flatten);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) =>
      key === "" ? Object.entries(flatten(field) as object) : [[key, flatten(field)]],
    ),
  );
}

/** Without what has no say. */
function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.some((one) => one === undefined) ? expect.anything() : value.map(known);
  if (value === undefined) return expect.anything();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, known(one)]])),
  );
}

/** Where bpftool stops: the rest of the value is missing then. */
function hasFloat(layout: Layout, types: Types): boolean {
  if (layout.kind === "scalar") return layout.scalar.startsWith("f");
  if (layout.kind === "list") return hasFloat(layout.element, types);
  return (
    layout.kind === "struct" && (types.get(layout.type) as StructLayout).fields.some((f) => hasFloat(f.layout, types))
  );
}

/** What this libbpf cannot load: it is looked at with a younger one. */
const tooYoung = new Set(openLibrary().atLeast(1, 4) ? [] : ["arena", "struct_ops_link"]);

const specimens = goldens
  .filter(({ name }) => !elsewhere.has(name) && !name.endsWith("big_endian") && !tooYoung.has(name))
  .map((golden) => {
    const layouts = present(readLayouts(readObject(readFileSync(golden.object))), { int64: "bigint", as: new Map() });
    return { ...golden, layouts, types: new Map(layouts.types.map((type) => [type.type, type])) as Types };
  });

describe.each(specimens)("$name", ({ module, object, layouts, types }) => {
  let live: Loaded<SkeletonShape> & Record<string, Record<string, unknown>>;
  beforeAll(async () => {
    const exported = (await import(module)) as Record<string, Skeleton<SkeletonShape>>;
    const { skeleton } = assignNames(basename(object).replace(".bpf.o", ""), layouts.types);
    live = exported[skeleton]!.load() as typeof live;
  });
  afterAll(() => live?.close());

  test("maps", () => {
    const dice = random(11);
    for (const { name, key, value } of layouts.maps) {
      const map = (live.maps as unknown as Record<string, AnyMap>)[name]!;
      if (!["hash", "lru_hash", "array"].includes(map.type) || value === undefined) continue;
      if (hasFloat(value.layout, types)) continue;
      const stored = twinOf(dice, value.layout, types).js;
      const at = map.type === "array" ? 0 : twinOf(dice, key!.layout, types).js;
      map.set(at, stored as never, { resetKernelFields: true });
      const entry = dump(map.id)[0]!;
      const [ours] = [...map.entries()];
      if (entry.formatted === undefined) continue; // no BTF for this map
      if (map.type !== "array")
        expect({ [name]: flatten(entry.formatted.key) }).toMatchObject({
          [name]: known(printed(key!.layout, ours![0], types)),
        });
      expect({ [name]: flatten(entry.formatted.value) }).toMatchObject({
        [name]: known(printed(value.layout, ours![1], types)),
      });
    }
  });

  test("sections", () => {
    const dice = random(12);
    for (const { ident, variables } of layouts.sections) {
      const section = live[ident]!;
      if (!/^(rodata|kconfig)/.test(ident)) {
        for (const { name, layout } of variables) section[name] = twinOf(dice, layout, types).js;
      }
      const id = idOf(ident, object);
      if (id === undefined) continue;
      const [entry] = dump(id);
      const printedSection = Object.assign(
        {},
        ...Object.values(entry!.formatted!.value as Record<string, object[]>).flat(),
      ) as object;
      const stops = variables.some(({ layout }) => hasFloat(layout, types));
      const shown = variables.filter(({ name }) => !stops || (printedSection as Record<string, unknown>)[name] != null);
      expect(shown.length).toBeGreaterThan(variables.length / 3);
      const expected = Object.fromEntries(
        shown.map(({ name, layout }) => [name, known(printed(layout, section[name], types))]),
      );
      expect(flatten(printedSection)).toMatchObject(expected);
    }
  });

  /** The section's map, by the name that libbpf gives it: of the object's name eight characters at most. */
  function idOf(ident: string, path: string): number | undefined {
    const section = ident.replace("_", ".");
    const all = JSON.parse(execFileSync("bpftool", ["-j", "map", "show"], { encoding: "utf8" })) as {
      id: number;
      name: string;
    }[];
    const prefix = basename(path).replace(".bpf.o", "");
    const found = all.filter(
      ({ name }) => name.endsWith(`.${section}`.slice(-(15 - 1))) && prefix.startsWith(name.split(".")[0]!),
    );
    return found.at(-1)?.id;
  }
});
