// A type as C spells it: an id in, "const volatile u32" or "void (*)(int, void *)" out, for doc comments and `inspect`.
// Names stand as BTF has them; whoever prints them escapes them.

import { skipModifiersAndTypedefs, typeAt } from "./graph.ts";
import type { BtfFuncProto, BtfType, TypeId } from "./types.ts";

/** What stands for the rest of a type that is too long to spell. */
const MORE = "…";

/**
 * Types that one spelling may name. Rings of pointers are legal, and functions that share their parameters grow without
 * bound, so both end in {@link MORE}.
 */
const STEPS = 100;

/** The C spelling of a type. Typedef names are kept, except those of arrays: they hide the length. Type tags are left out. */
export function spellType(types: readonly BtfType[], id: TypeId): string {
  return declare(types, id, { left: STEPS });
}

const QUALIFIERS = ["const", "volatile", "restrict"] as const;

/** Builds the declarator from the inside out while walking to the base type. */
function declare(types: readonly BtfType[], id: TypeId, steps: { left: number }): string {
  let declarator = "";
  let qualifiers = new Set<string>();
  const qualified = (name: string): string =>
    [...QUALIFIERS.filter((word) => qualifiers.has(word)), name].filter((word) => word !== "").join(" ");
  const bracketed = (): string => (declarator.startsWith("*") ? `(${declarator})` : declarator);
  const finish = (base: string): string =>
    qualified(base) + (declarator === "" || declarator.startsWith("[") ? "" : " ") + declarator;

  for (let at = id; ;) {
    if (steps.left-- <= 0) return finish(MORE);
    const type = typeAt(types, at);
    switch (type.kind) {
      case "const":
      case "volatile":
      case "restrict":
        qualifiers.add(type.kind);
        at = type.type;
        break;
      case "type_tag":
        at = type.type;
        break;
      case "ptr": {
        const own = qualified("");
        declarator = `*${own}${own === "" || /^(\[|$)/.test(declarator) ? "" : " "}${declarator}`;
        qualifiers = new Set();
        at = type.type;
        break;
      }
      case "array":
        declarator = `${bracketed()}[${type.length}]`;
        at = type.type;
        break;
      case "func_proto":
        declarator = `${bracketed()}(${parameters(types, type, steps)})`;
        qualifiers = new Set();
        at = type.returnType;
        break;
      case "func":
      case "var":
        declarator = type.name;
        at = type.type;
        break;
      case "typedef":
        if (types[skipModifiersAndTypedefs(types, at)]?.kind !== "array") return finish(type.name);
        at = type.type;
        break;
      default:
        return finish(baseName(type));
    }
  }
}

function parameters(types: readonly BtfType[], type: BtfFuncProto, steps: { left: number }): string {
  if (type.params.length === 0) return "void";
  const spelled: string[] = [];
  for (const [index, param] of type.params.entries()) {
    if (steps.left <= 0) return [...spelled, MORE].join(", ");
    const variadic = index === type.params.length - 1 && param.type === 0 && param.name === "";
    // Functions that take functions nest only as deep as the steps reach.
    spelled.push(variadic ? "..." : declare(types, param.type, steps));
  }
  return spelled.join(", ");
}

function baseName(type: BtfType): string {
  switch (type.kind) {
    case "struct":
    case "union":
    case "enum":
      return type.name === "" ? `${type.kind} {${MORE}}` : `${type.kind} ${type.name}`;
    case "enum64":
      return type.name === "" ? `enum {${MORE}}` : `enum ${type.name}`;
    case "fwd":
      return `${type.of} ${type.name}`;
    case "int":
    case "float":
    case "datasec":
    case "decl_tag":
      return type.name;
    default:
      return type.kind;
  }
}
