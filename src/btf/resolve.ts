// What each type comes to: types with checked references in, their sizes checked and their bitfields in one form out.
// kernel/bpf/btf.c `btf_check_all_types`

import { isAlias, LARGEST_SIZE, POINTER } from "./graph.ts";
import { label, typeError } from "./label.ts";
import { placeMembers, type Resolved } from "./members.ts";
import type { BtfType, TypeId } from "./types.ts";
import { forEachAfterParts } from "./walk.ts";

/** Levels of types within types; the kernel stops at 32 (MAX_RESOLVE_DEPTH). Few enough for later stages to recurse. */
const DEPTH = 256;

/** Members of a type and of all that its members are made of: what it can cost to flatten or print one type. */
const EXPANSION = 1_000_000;

const NO_SIZE = -1;

/** Replaces old-style bitfields in `types`; throws where a type contains itself or does not fit what contains it. */
export function resolveTypes(types: BtfType[]): void {
  const resolved: Resolved = { size: new Float64Array(types.length), base: new Uint32Array(types.length) };
  const depth = new Uint16Array(types.length);
  const expansion = new Float64Array(types.length);

  forEachAfterParts(types, (id, parts) => {
    const type = types[id]!;
    resolved.base[id] = isAlias(type) ? resolved.base[type.type]! : id;
    resolved.size[id] = sizeAt(id, type, types, resolved);
    const record = type.kind === "struct" || type.kind === "union";
    let levels = 0;
    let members = record ? type.members.length : 0;
    for (const part of parts) {
      levels = Math.max(levels, depth[part]!);
      // A section is no type: nothing is made of all its variables at once.
      if (type.kind !== "datasec") members += expansion[part]!;
    }
    if (levels >= DEPTH) throw typeError(id, type, `nests more than ${DEPTH} levels of types by value`);
    if (members > EXPANSION) throw typeError(id, type, `is made of more than ${EXPANSION} members`);
    depth[id] = levels + 1;
    expansion[id] = members;
    if (record) types[id] = placeMembers(id, type, types, resolved);
  });
}

/** Bytes of a type whose parts are known (libbpf `btf__resolve_size`). */
function sizeAt(id: TypeId, type: BtfType, types: readonly BtfType[], { size, base }: Resolved): number {
  const isFunction = (part: TypeId): boolean => types[base[part]!]!.kind === "func_proto";
  const place = (part: TypeId): string => label(part, types[part]!);
  if (isAlias(type)) return size[type.type]!;
  switch (type.kind) {
    case "int":
    case "float":
    case "struct":
    case "union":
    case "enum":
    case "enum64":
    case "datasec":
      return type.size;
    case "ptr":
      return POINTER;
    case "var":
      // An extern may well be of type void: `extern const void x __ksym`.
      if (isFunction(type.type)) throw typeError(id, type, `must not refer to ${place(type.type)}`);
      return size[type.type]!;
    case "array": {
      if (isFunction(type.type)) throw typeError(id, type, `elements must not be ${place(type.type)}`);
      if (size[type.indexType]! < 0) throw typeError(id, type, `index must not be ${place(type.indexType)}`);
      const element = size[type.type]!;
      // Rust and C++ have arrays of what BTF cannot tell (see BtfMember). An array of more bytes than C can count only
      // encodes a number: `__uint(max_entries, 1 << 30)` is a pointer to one.
      return element < 0 || element * type.length > LARGEST_SIZE ? NO_SIZE : element * type.length;
    }
    default:
      return NO_SIZE;
  }
}
