// A BTF type in, its Layout out. Structs and enums become references; whoever lowers collects what they refer to.

import { skipModifiers, skipModifiersAndTypedefs, sizeOf } from "../btf/graph.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import type { Layout, TypeName } from "./layout.ts";
import { isSigned, scalarOf } from "./scalar.ts";

/** Deeper arrays of arrays than anyone writes become bytes, so that no later stage needs to guard its recursion. */
const MAX_DIMENSIONS = 16;

/** Told of every struct and enum that a layout refers to, with its name; may say why it cannot be one. */
export type Refer = (type: TypeId, name: TypeName) => string | undefined;

/** The typedef nearest to what `id` stands for, if any: `typedef struct {...} event_t`. */
function nearestTypedef(types: readonly BtfType[], id: TypeId): string | undefined {
  let name: string | undefined;
  for (let at = skipModifiers(types, id); ; at = skipModifiers(types, at)) {
    const type = types[at]!;
    if (type.kind !== "typedef") return name;
    name = type.name;
    at = type.type;
  }
}

/** The name of the struct, union or enum that `id` stands for; `context` names what C leaves anonymous. */
export function nameType(types: readonly BtfType[], id: TypeId, context: string): TypeName {
  const type = types[skipModifiersAndTypedefs(types, id)]!;
  if ((type.kind === "struct" || type.kind === "union") && type.name !== "")
    return { rank: type.kind, name: type.name };
  if ((type.kind === "enum" || type.kind === "enum64") && type.name !== "") return { rank: "enum", name: type.name };
  const typedef = nearestTypedef(types, id);
  return typedef !== undefined ? { rank: "typedef", name: typedef } : { rank: "anonymous", name: context };
}

/** Whether `id` is C's `char`: by name, since clang encodes it like any signed integer. */
function isChar(types: readonly BtfType[], id: TypeId): boolean {
  const type = types[skipModifiersAndTypedefs(types, id)]!;
  return type.kind === "int" && type.size === 1 && type.name === "char";
}

function isByte(types: readonly BtfType[], id: TypeId): boolean {
  const type = types[skipModifiersAndTypedefs(types, id)]!;
  return type.kind === "int" && type.size === 1 && type.encoding !== "bool" && !isSigned(type);
}

function lowerArray(types: readonly BtfType[], id: TypeId, context: string, refer: Refer, depth: number): Layout {
  const array = types[id]!;
  if (array.kind !== "array") throw new TypeError("not an array");
  if (depth > MAX_DIMENSIONS)
    return { kind: "bytes", length: sizeOf(types, id), reason: `more than ${MAX_DIMENSIONS} dimensions` };
  if (isChar(types, array.type)) return { kind: "chars", length: array.length };
  if (isByte(types, array.type)) return { kind: "bytes", length: array.length };
  const element = lowerType(types, array.type, context, refer, depth + 1);
  // Bytes that stand for something else carry their reason outward: the whole array is bytes then.
  if (element.kind === "bytes" && element.reason !== undefined)
    return { kind: "bytes", length: sizeOf(types, id), reason: element.reason };
  return { kind: "list", length: array.length, element };
}

/** The layout of type `id`, which must have a size; `context` names what C leaves anonymous. */
export function lowerType(types: readonly BtfType[], id: TypeId, context: string, refer: Refer, depth = 0): Layout {
  const target = skipModifiersAndTypedefs(types, id);
  const type = types[target]!;
  const bytes = (reason: string): Layout => ({ kind: "bytes", length: sizeOf(types, target), reason });
  switch (type.kind) {
    case "int":
    case "float": {
      const scalar = scalarOf(type);
      return scalar ? { kind: "scalar", scalar } : bytes(`a ${type.kind} of ${type.size} bytes has no codec`);
    }
    case "ptr":
      return { kind: "pointer" };
    case "enum":
    case "enum64": {
      const scalar = scalarOf(type);
      if (scalar === undefined) return bytes(`an enum of ${type.size} bytes has no codec`);
      const refusal = refer(target, nameType(types, id, context));
      // An enum without values is only a forward declaration of one: its number is all there is.
      return refusal === undefined ? { kind: "enum", type: target, scalar } : { kind: "scalar", scalar };
    }
    case "struct":
    case "union": {
      const refusal = refer(target, nameType(types, id, context));
      return refusal === undefined ? { kind: "struct", type: target } : bytes(refusal);
    }
    case "array":
      return lowerArray(types, target, context, refer, depth);
    default:
      return bytes(`a ${type.kind} has no value`);
  }
}
