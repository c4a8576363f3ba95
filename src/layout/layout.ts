// Layouts: how each C type that a skeleton mentions is seen from TypeScript, as plain data. Offsets always come from
// BTF; C layout is never re-derived.

import type { TypeId } from "../btf/types.ts";

/** The scalar codecs of the runtime, by their names there. */
export type Scalar =
  | "bool"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "u128"
  | "s8"
  | "s16"
  | "s32"
  | "s64"
  | "s128"
  | "f32"
  | "f64"
  /** 64 bits as numbers. */
  | "u64n"
  | "s64n";

/** The codecs of network data, by their names in the runtime. */
export type View = "ipv4" | "ipv6" | "mac" | "be16" | "be32" | "be64";

/** How one value is read and written. */
export type Layout =
  | { readonly kind: "scalar"; readonly scalar: Scalar }
  /** An address, 64 bits for BPF. */
  | { readonly kind: "pointer" }
  /** What `--as` or a declaration tag asks for. */
  | { readonly kind: "view"; readonly view: View }
  /** `char[length]`, a string. */
  | { readonly kind: "chars"; readonly length: number }
  /** `char[length]`, several texts with a NUL after each. */
  | { readonly kind: "strings"; readonly length: number }
  /** `u8[length]`; or, with a reason, a type that has no better form. */
  | { readonly kind: "bytes"; readonly length: number; readonly reason?: string }
  | { readonly kind: "list"; readonly length: number; readonly element: Layout }
  /** `element[]` at the end of a struct: as much as the record has. */
  | { readonly kind: "tail"; readonly element: Layout | "bytes" | "text" }
  /** `width` bits from `bit` (as BTF counts them), of declared type `base`. */
  | { readonly kind: "bits"; readonly bit: number; readonly width: number; readonly base: Layout }
  /** An {@link EnumLayout}, stored as `scalar`. */
  | { readonly kind: "enum"; readonly type: TypeId; readonly scalar: Scalar }
  /** A {@link StructLayout}; `fixed` where it has a tail and something may stand behind it. */
  | { readonly kind: "struct"; readonly type: TypeId; readonly fixed?: true };

/** A field of a struct; those of anonymous members are the parent's own, as in C. */
export interface FieldLayout {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly layout: Layout;
  /** Bytes it occupies (for a bitfield: of its storage unit). */
  readonly size: number;
  /** Its C type: "u32", "char[16]", "u64:3". */
  readonly spelled: string;
  /** What its declaration tag asks for: of `ebpf-skel:ipv4` "ipv4". */
  readonly tag?: string;
}

/** What a type is called in C, or what it is named after where C gives it no name. */
export interface TypeName {
  readonly rank: "struct" | "union" | "enum" | "typedef" | "anonymous";
  /** "event"; for an anonymous type the names that lead to it: "conn_key_addr". */
  readonly name: string;
}

/**
 * The members of an anonymous union, or of a C union itself: each the name of a field, or the parts of an anonymous
 * struct, which are fields again and anonymous unions.
 */
export type Union = readonly (string | readonly Part[])[];
export type Part = string | Union;

/** A run of bytes that no field uses. */
export interface Hole {
  readonly offset: number;
  readonly size: number;
}

/** A field that is the kernel's own: a lock, a timer, a kptr, the head or node of a list or tree. */
export interface KernelField {
  /** "struct bpf_timer timer" */
  readonly spelled: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly size: number;
  /** Whether an update of the value resets it: all but locks. */
  readonly reset: boolean;
}

/** A struct, or a union, which is a struct of one union. */
export interface StructLayout {
  readonly kind: "struct";
  readonly type: TypeId;
  readonly name: TypeName;
  /** "struct event", "event_t". */
  readonly spelled: string;
  readonly size: number;
  readonly fields: readonly FieldLayout[];
  /** The last field, where that is a flexible array or a struct that ends in one. */
  readonly tail?: string;
  /** Which of the fields share memory. */
  readonly unions: readonly Union[];
  /** Whether a union is in it, at any depth: then writing takes more than reading gives. */
  readonly init: boolean;
  readonly padding: readonly Hole[];
  /** Fields only the kernel may touch, left out of {@link fields}. */
  readonly kernelFields: readonly KernelField[];
}

export interface EnumLayout {
  readonly kind: "enum";
  readonly type: TypeId;
  readonly name: TypeName;
  readonly spelled: string;
  readonly size: number;
  readonly scalar: Scalar;
  /** Values as decimal text. */
  readonly values: readonly { readonly name: string; readonly value: string }[];
}

export type NamedLayout = StructLayout | EnumLayout;

/** A place where a type is used: a map's key or value, a variable. */
export interface Use {
  readonly layout: Layout;
  readonly spelled: string;
  readonly size: number;
}

export interface MapLayout {
  readonly name: string;
  readonly key?: Use;
  readonly value?: Use;
  /** What the records of a ring buffer or perf buffer are; it has no key and value then. */
  readonly events?: readonly Use[];
  /** Of the maps in a map of maps. */
  readonly inner?: MapLayout;
}

export interface SectionLayout {
  readonly ident: string;
  readonly variables: readonly (Use & { readonly name: string; readonly offset: number })[];
}

/** A program whose context is a struct of its author's. */
export interface ProgramLayout {
  readonly name: string;
  readonly ctx?: Use;
}

/** A member of a struct_ops map that userspace may change before load: one that names a program, or a value. */
export interface StructOpsMember {
  readonly name: string;
  readonly offset: number;
  readonly spelled: string;
  /** "func" for a pointer to a function. */
  readonly layout: Layout | "func";
}

export interface StructOpsLayout {
  readonly name: string;
  /** "struct tcp_congestion_ops". */
  readonly spelled: string;
  readonly members: readonly StructOpsMember[];
}

/** The layouts of everything an object exposes. */
export interface Layouts {
  readonly maps: readonly MapLayout[];
  readonly programs: readonly ProgramLayout[];
  readonly sections: readonly SectionLayout[];
  readonly structOps: readonly StructOpsLayout[];
  /** Structs and enums that the above mention, by BTF id. */
  readonly types: readonly NamedLayout[];
  /** Types shown as bytes, with the reason. */
  readonly warnings: readonly { readonly where: string; readonly what: string }[];
}
