// The order in which types can be understood: types in, a call for each after the types that it is made of.
// kernel/bpf/btf.c `btf_resolve`, with a stack of its own too: hostile input nests as deep as it is long.

import { typeError } from "./label.ts";
import type { BtfType, TypeId } from "./types.ts";

/** Calls `visit` once for each type, after all its parts. Throws where a type is a part of itself. */
export function forEachAfterParts(
  types: readonly BtfType[],
  visit: (id: TypeId, parts: readonly TypeId[]) => void,
): void {
  const entered = new Uint8Array(types.length);
  const left = new Uint8Array(types.length);
  const stack: { id: TypeId; parts: readonly TypeId[]; next: number }[] = [];
  const enter = (id: TypeId): void => {
    entered[id] = 1;
    const parts = partsOf(types[id]!);
    // Most types come after their parts as it is, and need no place on the stack.
    if (parts.every((part) => left[part] === 1)) {
      left[id] = 1;
      visit(id, parts);
    } else stack.push({ id, parts, next: 0 });
  };
  for (let root = 0; root < types.length; root++) {
    if (entered[root] === 0) enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const part = top.parts[top.next++];
      if (part === undefined) {
        stack.pop();
        left[top.id] = 1;
        visit(top.id, top.parts);
      } else if (entered[part] === 0) {
        enter(part);
      } else if (left[part] === 0) {
        const ring = stack.slice(stack.findIndex((frame) => frame.id === part)).map((frame) => frame.id);
        throw typeError(part, types[part]!, `contains itself by value${route(ring)} (only a pointer may lead back)`);
      }
    }
  }
}

function route([, ...through]: readonly TypeId[]): string {
  if (through.length === 0) return "";
  const more = through.length > 8 ? ` and ${through.length - 8} more` : "";
  return `, through ${through.length === 1 ? "type" : "types"} ${through.slice(0, 8).join(", ")}${more}`;
}

const NONE: readonly TypeId[] = [];

/** The types that a type is made of. A pointer is made of none, which is what makes a ring through it legal. */
function partsOf(type: BtfType): readonly TypeId[] {
  switch (type.kind) {
    case "const":
    case "volatile":
    case "restrict":
    case "typedef":
    case "type_tag":
    case "var":
    case "func":
    case "decl_tag":
      return [type.type];
    case "array":
      return [type.type, type.indexType];
    case "struct":
    case "union":
      return type.members.map((member) => member.type);
    case "func_proto":
      return [type.returnType, ...type.params.map((param) => param.type)];
    case "datasec":
      return type.vars.map((variable) => variable.type);
    case "void":
    case "int":
    case "float":
    case "ptr":
    case "enum":
    case "enum64":
    case "fwd":
      return NONE;
  }
}
