// BTF for tests: types as literals in, the bytes of a .BTF section out, in either byte order and as broken as asked.
//
//   buildBtf([int("int", 4), ptr(1), struct("pair", 16, [["a", 1, 0], ["p", 2, 64]])])
//
// The first literal is type 1, since 0 is void. Literals are the graph's own records (src/btf/types.ts), so what parseBtf
// returns for them is `[VOID, ...literals]`. The short forms below only save typing.

import type {
  BtfArray,
  BtfDatasec,
  BtfDeclTag,
  BtfEnum,
  BtfFunc,
  BtfFuncProto,
  BtfFwd,
  BtfInt,
  BtfModifier,
  BtfPtr,
  BtfStruct,
  BtfType,
  BtfTypedef,
  BtfTypeTag,
  BtfVar,
  BtfVoid,
  TypeId,
} from "../../src/btf/types.ts";

export const VOID: BtfVoid = { kind: "void" };

export function int(
  name: string,
  size: number,
  encoding: BtfInt["encoding"] = "signed",
  bits = 8 * size,
  bitOffset = 0,
): BtfInt {
  return { kind: "int", name, size, encoding, bits, bitOffset };
}
export function ptr(type: TypeId): BtfPtr {
  return { kind: "ptr", type };
}
export function array(type: TypeId, indexType: TypeId, length: number): BtfArray {
  return { kind: "array", type, indexType, length };
}
/** Members are name, type, bit offset and, for a bitfield, its width; any width makes the record use kind_flag. */
export type MemberRow = readonly [name: string, type: TypeId, bitOffset: number, bitSize?: number];
export function struct(name: string, size: number, members: readonly MemberRow[] = []): BtfStruct {
  return record("struct", name, size, members);
}
export function union(name: string, size: number, members: readonly MemberRow[] = []): BtfStruct {
  return record("union", name, size, members);
}
function record(kind: BtfStruct["kind"], name: string, size: number, members: readonly MemberRow[]): BtfStruct {
  return {
    kind,
    name,
    size,
    members: members.map(([n, type, bitOffset, bitSize = 0]) => ({ name: n, type, bitOffset, bitSize })),
  };
}
export function enumeration(
  name: string,
  values: Readonly<Record<string, bigint | number>>,
  { size = 4, signed = false, kind = "enum" }: Partial<Pick<BtfEnum, "size" | "signed" | "kind">> = {},
): BtfEnum {
  return {
    kind,
    name,
    size,
    signed,
    values: Object.entries(values).map(([n, value]) => ({ name: n, value: String(value) })),
  };
}
export function fwd(name: string, of: BtfFwd["of"] = "struct"): BtfFwd {
  return { kind: "fwd", name, of };
}
export function typedef(name: string, type: TypeId): BtfTypedef {
  return { kind: "typedef", name, type };
}
export function modifier(kind: BtfModifier["kind"], type: TypeId): BtfModifier {
  return { kind, type };
}
export function typeTag(name: string, type: TypeId): BtfTypeTag {
  return { kind: "type_tag", name, type };
}
export function proto(
  returnType: TypeId,
  params: readonly (readonly [name: string, type: TypeId])[] = [],
): BtfFuncProto {
  return { kind: "func_proto", returnType, params: params.map(([name, type]) => ({ name, type })) };
}
export function func(name: string, type: TypeId, linkage: BtfFunc["linkage"] = "global"): BtfFunc {
  return { kind: "func", name, type, linkage };
}
export function variable(name: string, type: TypeId, linkage: BtfVar["linkage"] = "global"): BtfVar {
  return { kind: "var", name, type, linkage };
}
export function datasec(
  name: string,
  size: number,
  vars: readonly (readonly [type: TypeId, offset: number, size: number])[] = [],
): BtfDatasec {
  return { kind: "datasec", name, size, vars: vars.map(([type, offset, bytes]) => ({ type, offset, size: bytes })) };
}
export function declTag(name: string, type: TypeId, componentIndex = -1): BtfDeclTag {
  return { kind: "decl_tag", name, type, componentIndex };
}

/** A record as it stands in the section, for what no literal can say. */
export interface RawType {
  readonly kind: "raw";
  /** BTF_KIND_*, 0 to 127. */
  readonly number: number;
  readonly name?: string;
  readonly vlen?: number;
  readonly flag?: boolean;
  /** `size` or `type`. */
  readonly value?: number;
  /** What follows the first 12 bytes; a string becomes the offset of that name. */
  readonly words?: readonly (number | string)[];
}
export function raw(number: number, rest: Omit<RawType, "kind" | "number"> = {}): RawType {
  return { kind: "raw", number, ...rest };
}

export interface BuildOptions {
  readonly endian?: "little" | "big" | undefined;
  /** Header fields that shall not be right. */
  readonly header?: Partial<Header> | undefined;
  /** Zero bytes that a newer, longer header would have. */
  readonly headerTail?: number | undefined;
}
export interface Header {
  readonly magic: number;
  readonly version: number;
  readonly flags: number;
  readonly hdrLen: number;
  readonly typeOff: number;
  readonly typeLen: number;
  readonly strOff: number;
  readonly strLen: number;
}

/** The bytes of a .BTF section. */
export function buildBtf(types: readonly (BtfType | RawType)[], options: BuildOptions = {}): Uint8Array {
  const little = options.endian !== "big";
  const strings: number[] = [0];
  const offsets = new Map<string, number>([["", 0]]);
  const nameOffset = (name: string): number => {
    let offset = offsets.get(name);
    if (offset === undefined) {
      offset = strings.length;
      offsets.set(name, offset);
      for (const byte of encodeName(name)) strings.push(byte);
      strings.push(0);
    }
    return offset;
  };
  const words: number[] = [];
  for (const type of types) {
    const { number, name = "", vlen = 0, flag = false, value = 0, words: tail = [] } = toRaw(type);
    words.push(nameOffset(name), ((number << 24) | (flag ? 0x8000_0000 : 0) | vlen) >>> 0, value);
    for (const word of tail) words.push(typeof word === "string" ? nameOffset(word) : word);
  }

  const hdrLen = 24 + (options.headerTail ?? 0);
  const header: Header = {
    magic: 0xeb9f,
    version: 1,
    flags: 0,
    hdrLen,
    typeOff: 0,
    typeLen: 4 * words.length,
    strOff: 4 * words.length,
    strLen: strings.length,
    ...options.header,
  };
  const bytes = new Uint8Array(hdrLen + 4 * words.length + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.magic, little);
  view.setUint8(2, header.version);
  view.setUint8(3, header.flags);
  [header.hdrLen, header.typeOff, header.typeLen, header.strOff, header.strLen].forEach((word, index) =>
    view.setUint32(4 + 4 * index, word, little),
  );
  words.forEach((word, index) => view.setUint32(hdrLen + 4 * index, word, little));
  bytes.set(strings, hdrLen + 4 * words.length);
  return bytes;
}

/** UTF-8, and the byte b for U+DC00+b: the inverse of how parseBtf reads names. */
function encodeName(name: string): number[] {
  return [...name].flatMap((char) => {
    const code = char.codePointAt(0)!;
    return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...new TextEncoder().encode(char)];
  });
}

function toRaw(type: BtfType | RawType): RawType {
  switch (type.kind) {
    case "raw":
      return type;
    case "void":
      throw new Error("void is type 0 and has no record");
    case "int": {
      const encoding = { unsigned: 0, signed: 1, char: 2, bool: 4 }[type.encoding];
      return raw(1, {
        name: type.name,
        value: type.size,
        words: [(encoding << 24) | (type.bitOffset << 16) | type.bits],
      });
    }
    case "ptr":
      return raw(2, { value: type.type });
    case "array":
      return raw(3, { words: [type.type, type.indexType, type.length] });
    case "struct":
    case "union": {
      const flag = type.members.some((member) => member.bitSize !== 0);
      return raw(type.kind === "struct" ? 4 : 5, {
        name: type.name,
        value: type.size,
        vlen: type.members.length,
        flag,
        words: type.members.flatMap((m) => [m.name, m.type, ((flag ? m.bitSize << 24 : 0) | m.bitOffset) >>> 0]),
      });
    }
    case "enum":
      return raw(6, {
        name: type.name,
        value: type.size,
        vlen: type.values.length,
        flag: type.signed,
        words: type.values.flatMap((v) => [v.name, Number(v.value) >>> 0]),
      });
    case "enum64":
      return raw(19, {
        name: type.name,
        value: type.size,
        vlen: type.values.length,
        flag: type.signed,
        words: type.values.flatMap(({ name, value }) => {
          const bits = BigInt.asUintN(64, BigInt(value));
          return [name, Number(bits & 0xffff_ffffn), Number(bits >> 32n)];
        }),
      });
    case "fwd":
      return raw(7, { name: type.name, flag: type.of === "union" });
    case "typedef":
      return raw(8, { name: type.name, value: type.type });
    case "volatile":
      return raw(9, { value: type.type });
    case "const":
      return raw(10, { value: type.type });
    case "restrict":
      return raw(11, { value: type.type });
    case "func":
      return raw(12, { name: type.name, value: type.type, vlen: linkage(type) });
    case "func_proto":
      return raw(13, {
        value: type.returnType,
        vlen: type.params.length,
        words: type.params.flatMap((param) => [param.name, param.type]),
      });
    case "var":
      return raw(14, { name: type.name, value: type.type, words: [linkage(type)] });
    case "datasec":
      return raw(15, {
        name: type.name,
        value: type.size,
        vlen: type.vars.length,
        words: type.vars.flatMap((v) => [v.type, v.offset, v.size]),
      });
    case "float":
      return raw(16, { name: type.name, value: type.size });
    case "decl_tag":
      return raw(17, { name: type.name, value: type.type, words: [type.componentIndex >>> 0] });
    case "type_tag":
      return raw(18, { name: type.name, value: type.type });
  }
}

function linkage({ linkage: word }: BtfFunc | BtfVar): number {
  return ["static", "global", "extern"].indexOf(word);
}
