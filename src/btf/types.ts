// The BTF type graph as plain data: records that refer to each other by type id, so that cycles stay data.
// Kinds and fields as in https://docs.kernel.org/bpf/btf.html.

/** Index into {@link Btf.types}; 0 is `void`. */
export type TypeId = number;

/** `void`: type 0 alone. */
export interface BtfVoid {
  readonly kind: "void";
}
/** An integer, a `char` or a `bool`. */
export interface BtfInt {
  readonly kind: "int";
  readonly name: string;
  /** Bytes: 1, 2, 4, 8 or 16, and 0 for the `()` and `!` of Rust. */
  readonly size: number;
  readonly encoding: "unsigned" | "signed" | "char" | "bool";
  /** Bits in use; below 8 * size for an old-style bitfield, which {@link BtfMember} already accounts for. */
  readonly bits: number;
  /** Bit offset of an old-style bitfield within the integer. */
  readonly bitOffset: number;
}
/** A floating-point number; `size` is in bytes. */
export interface BtfFloat {
  readonly kind: "float";
  readonly name: string;
  readonly size: number;
}
/** A pointer to `type`. */
export interface BtfPtr {
  readonly kind: "ptr";
  readonly type: TypeId;
}
/** `length` elements of `type`. */
export interface BtfArray {
  readonly kind: "array";
  readonly type: TypeId;
  readonly indexType: TypeId;
  readonly length: number;
}
/** A member of a struct or union. */
export interface BtfMember {
  /** "" for an anonymous member. */
  readonly name: string;
  /** `void` where the compiler has no BTF for the type, such as `char` in Rust and references in C++: it has no size. */
  readonly type: TypeId;
  /** From the start of the struct, in bits; counted from the most significant bit of a unit on big-endian. */
  readonly bitOffset: number;
  /** Width in bits of a bitfield, in either encoding (kind_flag or {@link BtfInt.bits}), else 0. */
  readonly bitSize: number;
}
/** A struct or union; `size` is in bytes, and an anonymous one has the name "". */
export interface BtfStruct {
  readonly kind: "struct" | "union";
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}
/** A named value of an enum. */
export interface BtfEnumValue {
  readonly name: string;
  /** A decimal number as text, exact also for 64 bits and JSON. */
  readonly value: string;
}
/** An enum; `size` is in bytes, and an anonymous one has the name "". */
export interface BtfEnum {
  readonly kind: "enum" | "enum64";
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumValue[];
}
/** A struct, union or enum that is declared and not defined. */
export interface BtfFwd {
  readonly kind: "fwd";
  readonly name: string;
  readonly of: "struct" | "union" | "enum";
}
/** Another name of `type`. */
export interface BtfTypedef {
  readonly kind: "typedef";
  readonly name: string;
  readonly type: TypeId;
}
/** `type` with a qualifier. */
export interface BtfModifier {
  readonly kind: "const" | "volatile" | "restrict";
  readonly type: TypeId;
}
/** A pointed-to `type` with `__attribute__((btf_type_tag("name")))`. */
export interface BtfTypeTag {
  readonly kind: "type_tag";
  readonly name: string;
  readonly type: TypeId;
}
/** A function; `type` is its prototype, a {@link BtfFuncProto}. */
export interface BtfFunc {
  readonly kind: "func";
  readonly name: string;
  readonly type: TypeId;
  readonly linkage: "static" | "global" | "extern";
}
/** A parameter of a function. */
export interface BtfParam {
  readonly name: string;
  readonly type: TypeId;
}
/** What a function takes and returns. */
export interface BtfFuncProto {
  readonly kind: "func_proto";
  readonly returnType: TypeId;
  /** A last parameter without name and type (`void`) stands for `...`. */
  readonly params: readonly BtfParam[];
}
/** A global variable of `type`. */
export interface BtfVar {
  readonly kind: "var";
  readonly name: string;
  readonly type: TypeId;
  readonly linkage: "static" | "global" | "extern";
}
/** Where a variable lies in its section; `offset` and `size` are in bytes. */
export interface BtfSecInfo {
  readonly type: TypeId;
  readonly offset: number;
  readonly size: number;
}
/** A section of variables, such as `.bss`. */
export interface BtfDatasec {
  readonly kind: "datasec";
  readonly name: string;
  /** 0 as clang leaves it; the truth is in the ELF section header. */
  readonly size: number;
  /** Variables (and functions, in `.ksyms`); offsets are 0 as clang leaves them, see libbpf `btf_fixup_datasec`. */
  readonly vars: readonly BtfSecInfo[];
}
/** A tag on a declaration: `__attribute__((btf_decl_tag("name")))`. */
export interface BtfDeclTag {
  readonly kind: "decl_tag";
  readonly name: string;
  readonly type: TypeId;
  /** -1 for the type itself, else the index of a member or parameter. */
  readonly componentIndex: number;
}

/** A BTF type, told apart by `kind`. */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfFloat
  | BtfPtr
  | BtfArray
  | BtfStruct
  | BtfEnum
  | BtfFwd
  | BtfTypedef
  | BtfModifier
  | BtfTypeTag
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfDeclTag;

/** The kinds of BTF types. */
export type BtfKind = BtfType["kind"];

/**
 * A validated type graph: every id is in range, every reference has a legal kind, members lie in their struct, a type
 * contains itself only through pointers, and by value it nests at most 256 levels and a million members.
 */
export interface Btf {
  readonly endian: "little" | "big";
  /** By type id; `types[0]` is `void`. */
  readonly types: readonly BtfType[];
}
