// A struct_ops map in, the members that userspace may change before load out, as bpftool's shadow types have them
// (gen.c, `walk_st_ops_shadow_vars`): functions and plain values; other pointers and nested structs are the kernel's own.

import { skipModifiersAndTypedefs, trySizeOf } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfMember, BtfType } from "../btf/types.ts";
import type { StructOpsModel } from "../object/model.ts";
import type { Layout, StructOpsLayout, StructOpsMember } from "./layout.ts";
import { lowerType, type Refer } from "./lower.ts";

function isFunction(types: readonly BtfType[], type: BtfType): boolean {
  return type.kind === "ptr" && types[skipModifiersAndTypedefs(types, type.type)]!.kind === "func_proto";
}

function isPlain(layout: Layout): boolean {
  switch (layout.kind) {
    case "scalar":
    case "enum":
    case "chars":
      return true;
    case "bytes":
      return layout.reason === undefined;
    case "list":
      return isPlain(layout.element);
    default:
      return false;
  }
}

/** Whether lowering the type asks for no struct: what is not shown must not be declared. */
function hasStruct(types: readonly BtfType[], id: number): boolean {
  for (let at = id; ;) {
    const type = types[skipModifiersAndTypedefs(types, at)]!;
    if (type.kind !== "array") return type.kind === "struct" || type.kind === "union";
    at = type.type;
  }
}

function layoutMember(types: readonly BtfType[], member: BtfMember, context: string, refer: Refer): StructOpsMember[] {
  const { name, type, bitOffset, bitSize } = member;
  // libbpf refuses bitfields that are set (libbpf.c, `bpf_map__init_kern_struct_ops`).
  if (name === "" || bitSize > 0 || bitOffset % 8 !== 0 || !trySizeOf(types, type)) return [];
  const common = { name, offset: bitOffset / 8, spelled: spellType(types, type) };
  if (isFunction(types, types[skipModifiersAndTypedefs(types, type)]!)) return [{ ...common, layout: "func" }];
  if (hasStruct(types, type)) return [];
  const layout = lowerType(types, type, `${context}_${name}`, refer);
  return isPlain(layout) ? [{ ...common, layout }] : [];
}

/** The layout of a struct_ops map. */
export function layoutStructOps(
  types: readonly BtfType[],
  { name, type }: StructOpsModel,
  refer: Refer,
): StructOpsLayout {
  const variable = types[type]!;
  const declared = variable.kind === "var" ? variable.type : type;
  const struct = types[skipModifiersAndTypedefs(types, declared)]!;
  const seen = new Set<string>();
  const members =
    struct.kind === "struct" ? struct.members.flatMap((member) => layoutMember(types, member, struct.name, refer)) : [];
  return {
    name,
    spelled: spellType(types, declared),
    members: members.filter((member) => !seen.has(member.name) && seen.add(member.name)),
  };
}
