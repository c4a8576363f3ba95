// One BTF struct or union in, its StructLayout out: anonymous members flattened into the parent, as in C.

import { type DeclTag, declTags, skipModifiersAndTypedefs, sizeOf, trySizeOf, whyNoSize } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfMember, BtfStruct, BtfType, TypeId } from "../btf/types.ts";
import { type Extent, extentOf, type Untyped, untypedFields, whyOverlap } from "./extents.ts";
import type { FieldLayout, Hole, KernelField, Part, StructLayout, TypeName, Union } from "./layout.ts";
import { lowerType, type Refer } from "./lower.ts";
import { scalarOf } from "./scalar.ts";

/** libbpf's own limit for nested members (MAX_RESOLVE_DEPTH). */
const MAX_DEPTH = 32;
/** BTF's own limit for the members of one struct; flattening can multiply them in a hostile object. */
const MAX_FIELDS = 65535;

/** What only the kernel may touch, see kernel/bpf/btf.c `btf_find_field`. */
const KERNEL_STRUCTS: ReadonlySet<string> = new Set([
  "bpf_spin_lock",
  "bpf_res_spin_lock",
  "bpf_timer",
  "bpf_wq",
  "bpf_task_work",
  "bpf_list_head",
  "bpf_list_node",
  "bpf_rb_root",
  "bpf_rb_node",
  "bpf_refcount",
]);

interface Walk {
  readonly types: readonly BtfType[];
  readonly context: string;
  readonly refer: Refer;
  /** Of members, by the struct's id and the member's index. */
  readonly tags: ReadonlyMap<TypeId, readonly DeclTag[]>;
  readonly fields: FieldLayout[];
  readonly kernelFields: KernelField[];
  readonly names: Set<string>;
}

/** Why a struct cannot be read field by field, thrown and caught within this file. */
class Refusal extends Error {}

function isKernelStruct(type: BtfType): boolean {
  return type.kind === "struct" && KERNEL_STRUCTS.has(type.name);
}

/** Of pointers that own what they point to, see kernel/bpf/btf.c `btf_find_kptr`. */
const KPTR_TAGS: ReadonlySet<string> = new Set(["kptr", "kptr_untrusted", "percpu_kptr", "uptr"]);

function isKptr(types: readonly BtfType[], type: BtfType): boolean {
  if (type.kind !== "ptr") return false;
  const target = types[type.type]!;
  return target.kind === "type_tag" && KPTR_TAGS.has(target.name);
}

function isKernelOwned(types: readonly BtfType[], type: BtfType): boolean {
  return isKernelStruct(type) || isKptr(types, type);
}

function addField(walk: Walk, field: FieldLayout): void {
  if (walk.names.has(field.name)) throw new Refusal(`two members are called ${JSON.stringify(field.name)}`);
  if (walk.fields.length >= MAX_FIELDS) throw new Refusal(`more than ${MAX_FIELDS} members`);
  walk.names.add(field.name);
  walk.fields.push(field);
}

function addBitfield(walk: Walk, member: BtfMember, base: number): Part[] {
  const { types } = walk;
  // A nameless bitfield is a gap.
  if (member.name === "") return [];
  const type = types[skipModifiersAndTypedefs(types, member.type)]!;
  const scalar = type.kind === "int" || type.kind === "enum" || type.kind === "enum64" ? scalarOf(type) : undefined;
  if (scalar === undefined || member.bitSize > 64)
    throw new Refusal(`member ${member.name} is a bitfield of ${spellType(types, member.type)}`);
  const bits = base * 8 + member.bitOffset;
  addField(walk, {
    name: member.name,
    offset: Math.floor(bits / 8),
    size: Math.ceil(((bits % 8) + member.bitSize) / 8),
    layout: {
      kind: "bits",
      bit: bits % 8,
      width: member.bitSize,
      base: lowerType(types, member.type, `${walk.context}_${member.name}`, walk.refer),
    },
    spelled: `${spellType(types, member.type)}:${member.bitSize}`,
  });
  return [member.name];
}

/** Adds the fields of one member; says what it is made of, in the terms of {@link Union}. */
function addMember(
  walk: Walk,
  member: BtfMember,
  base: number,
  depth: number,
  name: string,
  tag: string | undefined,
): readonly Part[] {
  if (member.bitSize > 0) return addBitfield(walk, member, base);
  const { types } = walk;
  if (member.bitOffset % 8 !== 0) throw new Refusal(`member ${member.name} starts inside a byte`);
  const offset = base + member.bitOffset / 8;
  const targetId = skipModifiersAndTypedefs(types, member.type);
  const target = types[targetId]!;
  const spelled = spellType(types, member.type);
  if (isKernelOwned(types, target)) {
    const lock = target.kind === "struct" && target.name.endsWith("_spin_lock");
    const size = sizeOf(types, member.type);
    walk.kernelFields.push({ spelled: `${spelled} ${member.name}`, offset, size, reset: !lock });
    return [];
  }
  if (member.name === "" && (target.kind === "struct" || target.kind === "union"))
    return addMembers(walk, targetId, offset, depth + 1);
  const size = trySizeOf(types, member.type);
  if (size === undefined)
    throw new Refusal(`member ${name} is of type ${spelled}, which ${whyNoSize(types, member.type)}`);
  addField(walk, {
    name,
    offset,
    size,
    layout: lowerType(types, member.type, `${walk.context}_${name}`, walk.refer),
    spelled,
    ...(tag !== undefined && { tag }),
  });
  return [name];
}

const TAG = "ebpf-skel:";
const NO_TYPE = "BTF has no type for it";

function addMembers(walk: Walk, id: TypeId, base: number, depth: number): readonly Part[] {
  if (depth > MAX_DEPTH) throw new Refusal(`anonymous members nested deeper than ${MAX_DEPTH}`);
  const { types, fields, kernelFields } = walk;
  const struct = types[id] as BtfStruct;
  const tags = walk.tags.get(id) ?? [];
  const extents: Extent[] = [];
  const untyped: Untyped[] = [];
  const parts = struct.members.map((member, i) => {
    const index = fields.length;
    const target = types[skipModifiersAndTypedefs(types, member.type)]!;
    const { kind } = target;
    const offset = base + Math.floor(member.bitOffset / 8);
    const name = member.name === "" ? `${kind}_at_${offset}` : member.name;
    if (kind === "void") {
      untyped.push({ name, named: member.name !== "", offset, index, spelled: spellType(types, member.type) });
      return [];
    }
    const kernel = kernelFields.length;
    const tag = tags.find(({ name, componentIndex }) => componentIndex === i && name.startsWith(TAG));
    const part = addMember(walk, member, base, depth, name, tag?.name.slice(TAG.length));
    const extent = extentOf(name, fields.slice(index), kernelFields.slice(kernel));
    // C++ gives a class without members one byte, which another member may have: [[no_unique_address]].
    const isEmpty = kind === "struct" && target.members.length === 0;
    if (extent !== undefined && !isEmpty) extents.push(extent);
    return part;
  });
  const overlap = struct.kind === "struct" ? whyOverlap(extents) : undefined;
  if (overlap !== undefined) throw new Refusal(overlap);
  if (untyped.length > 0) {
    const found = untypedFields(struct, base, untyped, extents);
    if (typeof found === "string") throw new Refusal(found);
    // From the last one on, so that the places of those before stay.
    for (const { name, offset, size, index, spelled } of found.toReversed().sort((a, b) => b.index - a.index)) {
      addField(walk, { name, offset, size, layout: { kind: "bytes", length: size, reason: NO_TYPE }, spelled });
      fields.splice(index, 0, fields.pop()!);
    }
    parts.push(found.map(({ name }) => name));
  }
  if (struct.kind === "struct") return parts.flat();
  // A union directly in a union adds its members to it; one of a single member is that member.
  const union: Union = parts.flatMap((member): Union => {
    const [only] = member;
    return member.length === 1 ? (typeof only === "string" ? [only] : only!) : member.length === 0 ? [] : [member];
  });
  const [only] = union;
  return union.length > 1 ? [union] : only === undefined ? [] : typeof only === "string" ? [only] : only;
}

/** Bytes of a struct of `size` that no member covers; what the kernel owns counts as covered. */
function findPadding(size: number, { fields, kernelFields }: Walk): Hole[] {
  const covered = [...fields, ...kernelFields].sort((a, b) => a.offset - b.offset);
  const holes: Hole[] = [];
  let end = 0;
  for (const one of covered) {
    if (one.offset > end) holes.push({ offset: end, size: one.offset - end });
    end = Math.max(end, one.offset + one.size);
  }
  if (size > end) holes.push({ offset: end, size: size - end });
  return holes;
}

/** A field that is C's flexible array: the struct's last member, of no elements. */
function asTail(field: FieldLayout, struct: BtfStruct): FieldLayout {
  const { layout } = field;
  if (field.size !== 0 || struct.members.at(-1)?.name !== field.name) return field;
  if (layout.kind === "list") return { ...field, layout: { kind: "tail", element: layout.element } };
  if (layout.kind === "bytes" && layout.reason === undefined)
    return { ...field, layout: { kind: "tail", element: "bytes" } };
  return layout.kind === "chars" ? { ...field, layout: { kind: "tail", element: "text" } } : field;
}

/** The layout of struct or union `id`, or why it has none. */
export function layoutStruct(
  types: readonly BtfType[],
  id: TypeId,
  name: TypeName,
  refer: Refer,
  tags: ReadonlyMap<TypeId, readonly DeclTag[]> = declTags(types),
): StructLayout | string {
  const struct = types[id]!;
  if (struct.kind !== "struct" && struct.kind !== "union") throw new TypeError("not a struct");
  const walk: Walk = { types, context: name.name, refer, tags, fields: [], kernelFields: [], names: new Set() };
  let parts: readonly Part[];
  try {
    parts = addMembers(walk, id, 0, 0);
  } catch (e) {
    if (e instanceof Refusal) return e.message;
    throw e;
  }
  const last = walk.fields.at(-1);
  if (last !== undefined && struct.kind === "struct") walk.fields[walk.fields.length - 1] = asTail(last, struct);
  return {
    kind: "struct",
    type: id,
    name,
    spelled: name.rank === "typedef" ? name.name : `${struct.kind} ${name.rank === "anonymous" ? "{…}" : name.name}`,
    size: struct.size,
    fields: walk.fields,
    unions: parts.filter((part) => typeof part !== "string"),
    init: false,
    padding: findPadding(struct.size, walk),
    kernelFields: walk.kernelFields,
  };
}
