// Two types of one graph in, whether values of them look the same out: names, places and sizes of all that they are made of.
// What pointers point to is no part of a value.

import type { BtfMember, BtfType, TypeId } from "../btf/types.ts";

/** Pairs of types that one comparison may look at. */
const MAX_PAIRS = 1 << 16;

/** Whether `type` is like the type `id`. */
export function alike(types: readonly BtfType[], type: BtfType, id: TypeId): boolean {
  let left = MAX_PAIRS;
  const same = (a: TypeId, b: TypeId): boolean => a === b || (left-- > 0 && sameType(types[a]!, types[b]!));
  const sameMember = (a: BtfMember, b: BtfMember): boolean =>
    a.name === b.name && a.bitOffset === b.bitOffset && a.bitSize === b.bitSize && same(a.type, b.type);

  function sameType(a: BtfType, b: BtfType): boolean {
    switch (a.kind) {
      case "void":
        return b.kind === "void";
      case "int":
        // Compilers differ in what they call signed of a `char`; its name tells.
        return b.kind === "int" && a.name === b.name && a.size === b.size && isBool(a) === isBool(b);
      case "float":
        return b.kind === "float" && a.name === b.name && a.size === b.size;
      case "ptr":
        return b.kind === "ptr";
      case "array":
        return b.kind === "array" && a.length === b.length && same(a.type, b.type);
      case "const":
      case "volatile":
      case "restrict":
        return b.kind === a.kind && same(a.type, b.type);
      case "typedef":
        return b.kind === "typedef" && a.name === b.name && same(a.type, b.type);
      case "struct":
      case "union":
        return (
          b.kind === a.kind &&
          a.name === b.name &&
          a.size === b.size &&
          a.members.length === b.members.length &&
          a.members.every((member, i) => sameMember(member, b.members[i]!))
        );
      case "enum":
      case "enum64":
        return (
          (b.kind === "enum" || b.kind === "enum64") &&
          a.name === b.name &&
          a.size === b.size &&
          a.signed === b.signed &&
          a.values.length === b.values.length &&
          a.values.every(({ name, value }, i) => name === b.values[i]!.name && value === b.values[i]!.value)
        );
      case "fwd":
        return b.kind === "fwd" && a.name === b.name && a.of === b.of;
      default:
        return false;
    }
  }
  return sameType(type, types[id]!);
}

function isBool(type: Extract<BtfType, { readonly kind: "int" }>): boolean {
  return type.encoding === "bool";
}
