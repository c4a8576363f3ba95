// The type records of BTF: bytes in, one plain record per type out. References between types are checked later (refs.ts).
// https://docs.kernel.org/bpf/btf.html#type-encoding, kernel/bpf/btf.c `btf_check_meta`

import { isSkelError, SkelError } from "../errors.ts";
import type { BtfParts } from "./header.ts";
import { label } from "./label.ts";
import type { NameAt } from "./names.ts";
import type { BtfInt, BtfKind, BtfStruct, BtfType, TypeId } from "./types.ts";

interface Kind {
  readonly kind: BtfKind;
  /** Bytes after the common 12, or for each of the `entries`. */
  readonly tail: number;
  /** What vlen counts; absent where it must be 0. */
  readonly entries?: string;
  /** Whether kind_flag may be set. */
  readonly flag?: true;
  /** Whether it must have a name. The kernel wants one for func too, but gcc 12 leaves it out. */
  readonly named?: true;
}

/** By number, BTF_KIND_*. */
const KINDS: readonly (Kind | undefined)[] = [
  undefined,
  { kind: "int", tail: 4 },
  { kind: "ptr", tail: 0 },
  { kind: "array", tail: 12 },
  { kind: "struct", tail: 12, entries: "members", flag: true },
  { kind: "union", tail: 12, entries: "members", flag: true },
  { kind: "enum", tail: 8, entries: "values", flag: true },
  { kind: "fwd", tail: 0, flag: true, named: true },
  { kind: "typedef", tail: 0, named: true },
  { kind: "volatile", tail: 0 },
  { kind: "const", tail: 0 },
  { kind: "restrict", tail: 0 },
  // vlen is the linkage.
  { kind: "func", tail: 0, entries: "linkage" },
  { kind: "func_proto", tail: 8, entries: "parameters" },
  { kind: "var", tail: 4, named: true },
  { kind: "datasec", tail: 12, entries: "variables", named: true },
  { kind: "float", tail: 0 },
  // Since Linux 6.15 the flag says that the tag is an attribute of another name than btf_*_tag.
  { kind: "decl_tag", tail: 4, flag: true },
  { kind: "type_tag", tail: 0, flag: true },
  { kind: "enum64", tail: 12, entries: "values", flag: true },
];

const COMMON = 12;

/** 24 bits of `info`, and 7 of it are the kind; older kernels know 16 and 5, and have 0 in the others. */
const MAX_VLEN = 0xff_ffff;

/** All types, by id; the records only, so ids in them may still point anywhere. */
export function decodeTypes({ records, endian, nameAt }: BtfParts): BtfType[] {
  const little = endian === "little";
  const types: BtfType[] = [{ kind: "void" }];
  for (let at = 0; at < records.byteLength;) {
    const id = types.length;
    const left = records.byteLength - at - COMMON;
    if (left < 0) throw bad(`needs ${COMMON} bytes, got ${left + COMMON} at the end of the types`, `type ${id}`);
    const info = records.getUint32(at + 4, little);
    const kind = kindOf(info, id);
    const head: Head = {
      kind: kind.kind,
      vlen: info & MAX_VLEN,
      flag: info >>> 31 === 1,
      value: records.getUint32(at + 8, little),
      name: "",
    };
    try {
      head.name = nameAt(records.getUint32(at, little));
      checkHead(head, kind);
      const tail = kind.tail * (kind.entries ? head.vlen : 1);
      if (tail > left) {
        const what = kind.entries ? `${head.vlen} ${kind.entries} need` : "needs";
        throw bad(`${what} ${tail} bytes, got ${left} at the end of the types`);
      }
      const start = at + COMMON;
      types.push(decode(head, { u32: (offset) => records.getUint32(start + offset, little), nameAt }));
      at = start + tail;
    } catch (e) {
      throw isSkelError(e) ? e.within(label(id, head)) : e;
    }
  }
  return types;
}

/** Where the record of each type begins, by id (0 for `void`, which has none), in records that {@link decodeTypes} took. */
export function recordOffsets({ records, endian }: Pick<BtfParts, "records" | "endian">): number[] {
  const offsets = [0];
  for (let at = 0; at < records.byteLength;) {
    const info = records.getUint32(at + 4, endian === "little");
    const kind = kindOf(info, offsets.length);
    offsets.push(at);
    at += COMMON + kind.tail * (kind.entries ? info & MAX_VLEN : 1);
  }
  return offsets;
}

/** The 12 bytes that begin every record. */
interface Head {
  readonly kind: BtfKind;
  readonly vlen: number;
  readonly flag: boolean;
  /** `size` or `type`, as the kind has it. */
  readonly value: number;
  name: string;
}

/** What follows the head. */
interface Tail {
  readonly u32: (offset: number) => number;
  readonly nameAt: NameAt;
}

function kindOf(info: number, id: TypeId): Kind {
  const number = (info >>> 24) & 0x7f;
  const kind = KINDS[number];
  if (kind) return kind;
  const why =
    number === 0 ? "void, which has no record" : `newer than this reader, which knows 1 to ${KINDS.length - 1}`;
  throw bad(`kind ${number} is ${why}`, `type ${id}`);
}

function checkHead(head: Head, kind: Kind): void {
  if (head.flag && !kind.flag) throw bad("kind_flag must be 0, got 1");
  if (head.vlen !== 0 && !kind.entries) throw bad(`vlen must be 0, got ${head.vlen}`);
  if (kind.named && head.name === "") throw bad("has no name");
}

function decode(head: Head, tail: Tail): BtfType {
  const { kind, name, value } = head;
  const { u32 } = tail;
  switch (kind) {
    case "int":
      return decodeInt(name, value, u32(0));
    case "ptr":
    case "const":
    case "volatile":
    case "restrict":
      return { kind, type: value };
    case "typedef":
    case "type_tag":
      return { kind, name, type: value };
    case "array":
      return { kind, type: u32(0), indexType: u32(4), length: u32(8) };
    case "struct":
    case "union":
      return decodeStruct(kind, head, tail);
    case "enum": {
      // `enum color;` alone: older clang writes an enum of no bytes, since BTF_KIND_FWD knows only structs and unions.
      if (value === 0 && head.vlen === 0 && name !== "") return { kind: "fwd", name, of: "enum" };
      checkSize(value, [1, 2, 4, 8]);
      const number = head.flag ? (at: number) => u32(at) | 0 : u32;
      const values = list(head.vlen, (i) => ({ name: tail.nameAt(u32(8 * i)), value: String(number(8 * i + 4)) }));
      return { kind, name, size: value, signed: head.flag, values };
    }
    case "enum64": {
      checkSize(value, [1, 2, 4, 8]);
      const number = head.flag ? BigInt.asIntN : BigInt.asUintN;
      const values = list(head.vlen, (i) => ({
        name: tail.nameAt(u32(12 * i)),
        value: String(number(64, (BigInt(u32(12 * i + 8)) << 32n) | BigInt(u32(12 * i + 4)))),
      }));
      return { kind, name, size: value, signed: head.flag, values };
    }
    case "fwd":
      return { kind, name, of: head.flag ? "union" : "struct" };
    case "func":
      return { kind, name, type: value, linkage: linkage(head.vlen) };
    case "func_proto":
      return {
        kind,
        returnType: value,
        params: list(head.vlen, (i) => ({ name: tail.nameAt(u32(8 * i)), type: u32(8 * i + 4) })),
      };
    case "var":
      return { kind, name, type: value, linkage: linkage(u32(0)) };
    case "datasec":
      return {
        kind,
        name,
        size: value,
        vars: list(head.vlen, (i) => ({ type: u32(12 * i), offset: u32(12 * i + 4), size: u32(12 * i + 8) })),
      };
    case "float":
      checkSize(value, [2, 4, 8, 12, 16]);
      return { kind, name, size: value };
    case "decl_tag":
      return { kind, name, type: value, componentIndex: u32(0) | 0 };
    case "void":
      return { kind };
  }
}

const ENCODING_SIGNED = 1;
const ENCODING_CHAR = 2;
const ENCODING_BOOL = 4;

function decodeInt(name: string, size: number, data: number): BtfInt {
  const flags = data >>> 24;
  if (flags > (ENCODING_SIGNED | ENCODING_CHAR | ENCODING_BOOL)) {
    throw bad(`encoding 0x${flags.toString(16)} is newer than this reader`);
  }
  const bitOffset = (data >>> 16) & 0xff;
  const unused = (data >>> 8) & 0xff;
  const bits = data & 0xff;
  if (unused !== 0) throw bad(`int data has unknown bits 0x${(unused << 8).toString(16)} (newer than this reader)`);
  const unit = size === 0 && bits === 0 && bitOffset === 0;
  if (!unit) {
    checkSize(size, [1, 2, 4, 8, 16]);
    if (bits === 0 || bitOffset + bits > 8 * size) {
      throw bad(`bits must lie in its ${size} bytes, got ${bits} at bit ${bitOffset}`);
    }
  }
  const encoding =
    (flags & ENCODING_BOOL) !== 0
      ? "bool"
      : (flags & ENCODING_CHAR) !== 0
        ? "char"
        : (flags & ENCODING_SIGNED) !== 0
          ? "signed"
          : "unsigned";
  return { kind: "int", name, size, encoding, bits, bitOffset };
}

/** With kind_flag a member's offset keeps the width of a bitfield in its high 8 bits. */
function decodeStruct(kind: BtfStruct["kind"], head: Head, { u32, nameAt }: Tail): BtfStruct {
  const members = list(head.vlen, (i) => {
    const offset = u32(12 * i + 8);
    return {
      name: nameAt(u32(12 * i)),
      type: u32(12 * i + 4),
      bitOffset: head.flag ? offset & 0xffffff : offset,
      bitSize: head.flag ? offset >>> 24 : 0,
    };
  });
  return { kind, name: head.name, size: head.value, members };
}

const LINKAGES = ["static", "global", "extern"] as const;

function linkage(number: number): (typeof LINKAGES)[number] {
  const known = LINKAGES[number];
  if (known === undefined) throw bad(`linkage must be 0, 1 or 2, got ${number}`);
  return known;
}

function checkSize(size: number, sizes: readonly number[]): void {
  if (!sizes.includes(size)) throw bad(`size must be one of ${sizes.join(", ")} bytes, got ${size}`);
}

function list<T>(length: number, read: (index: number) => T): T[] {
  const items: T[] = [];
  for (let index = 0; index < length; index++) items.push(read(index));
  return items;
}

function bad(what: string, place?: string): SkelError {
  return new SkelError("ERR_BTF_FORMAT", what, place === undefined ? [] : [place]);
}
