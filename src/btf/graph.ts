// Questions that later stages ask of a type graph that parseBtf has validated: types and an id in, an id or a size out.
// None recurses, and every walk along modifiers and typedefs is bounded by what parseBtf accepts.

import { SkelError } from "../errors.ts";
import { label } from "./label.ts";
import type { BtfKind, BtfType, TypeId } from "./types.ts";

/** Bytes of a pointer: BPF is a 64-bit machine, whatever the host is. */
export const POINTER = 8;

/** Bytes of the largest type: the kernel and libbpf count in 32 bits. */
export const LARGEST_SIZE = 0xffff_ffff;

/** The type with this id. */
export function typeAt(types: readonly BtfType[], id: TypeId): BtfType {
  const type = types[id];
  if (type === undefined)
    throw new SkelError("ERR_TYPE", `no such type, got only ${types.length} types`, [`type ${id}`]);
  return type;
}

/** The first type that is no const, volatile, restrict or type tag (libbpf `btf_is_mod`). */
export function skipModifiers(types: readonly BtfType[], id: TypeId): TypeId {
  let at = id;
  for (;;) {
    const type = typeAt(types, at);
    if (!isModifier(type)) return at;
    at = type.type;
  }
}

/** The first type that is neither a modifier nor a typedef (libbpf `skip_mods_and_typedefs`). */
export function skipModifiersAndTypedefs(types: readonly BtfType[], id: TypeId): TypeId {
  let at = id;
  for (;;) {
    const type = typeAt(types, at);
    if (!isAlias(type)) return at;
    at = type.type;
  }
}

/**
 * Bytes of a type (libbpf `btf__resolve_size`), or undefined for one without a size: void, a function, a forward
 * declaration, an array of those or of more than {@link LARGEST_SIZE} bytes.
 */
export function trySizeOf(types: readonly BtfType[], id: TypeId): number | undefined {
  let count = 1;
  let at = id;
  const times = (size: number): number | undefined => (count * size > LARGEST_SIZE ? undefined : count * size);
  for (;;) {
    const type = typeAt(types, at);
    switch (type.kind) {
      case "ptr":
        return times(POINTER);
      case "int":
      case "float":
      case "struct":
      case "union":
      case "enum":
      case "enum64":
      case "datasec":
        return times(type.size);
      case "array":
        // Lengths multiply without bound only over elements of no bytes; kept finite, the product stays 0.
        count = Math.min(count * type.length, Number.MAX_SAFE_INTEGER);
        at = type.type;
        break;
      case "typedef":
      case "const":
      case "volatile":
      case "restrict":
      case "type_tag":
      case "var":
        at = type.type;
        break;
      case "void":
      case "fwd":
      case "func":
      case "func_proto":
      case "decl_tag":
        return undefined;
    }
  }
}

/** The same for a type that must have a size: throws `ERR_TYPE` for one that has none. */
export function sizeOf(types: readonly BtfType[], id: TypeId): number {
  const size = trySizeOf(types, id);
  if (size === undefined) throw new SkelError("ERR_TYPE", whyNoSize(types, id), [label(id, typeAt(types, id))]);
  return size;
}

/** Why {@link trySizeOf} gives nothing for a type. */
export function whyNoSize(types: readonly BtfType[], id: TypeId): string {
  let element = types[skipModifiersAndTypedefs(types, id)]!;
  while (element.kind === "array") element = types[skipModifiersAndTypedefs(types, element.type)]!;
  return "size" in element || element.kind === "ptr" ? `is larger than ${LARGEST_SIZE} bytes` : "has no size";
}

/** One `btf_decl_tag` attribute. */
export interface DeclTag {
  readonly name: string;
  /** -1 for the type itself, else the index of a member or parameter. */
  readonly componentIndex: number;
}

/** The declaration tags of every type that has some. */
export function declTags(types: readonly BtfType[]): ReadonlyMap<TypeId, readonly DeclTag[]> {
  const tags = new Map<TypeId, DeclTag[]>();
  for (const type of types) {
    if (type.kind !== "decl_tag") continue;
    const tag = { name: type.name, componentIndex: type.componentIndex };
    const known = tags.get(type.type);
    if (known) known.push(tag);
    else tags.set(type.type, [tag]);
  }
  return tags;
}

/** The kinds that have a name. */
export type NamedKind = Extract<BtfType, { readonly name: string }>["kind"];

/** Ids by name of one kind: `idsByName(types, "func").get("handle_execve")`. The first of several wins, as in libbpf. */
export function idsByName(types: readonly BtfType[], kind: NamedKind): ReadonlyMap<string, TypeId> {
  const ids = new Map<string, TypeId>();
  types.forEach((type, id) => {
    if (type.kind === kind && "name" in type && !ids.has(type.name)) ids.set(type.name, id);
  });
  return ids;
}

/** The kinds that say something about another type and have its size. */
export type Modifier = Extract<BtfType, { readonly kind: "const" | "volatile" | "restrict" | "type_tag" }>;
export type Alias = Modifier | Extract<BtfType, { readonly kind: "typedef" }>;

const MODIFIERS: ReadonlySet<BtfKind> = new Set(["const", "volatile", "restrict", "type_tag"]);

export function isModifier(type: BtfType): type is Modifier {
  return MODIFIERS.has(type.kind);
}

/** A modifier or a typedef. */
export function isAlias(type: BtfType): type is Alias {
  return type.kind === "typedef" || isModifier(type);
}
