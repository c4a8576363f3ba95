// A type graph that grew and the new types that are wanted in, the graph with no more new types than these need out.

import { checkTypes } from "../btf/read.ts";
import type { BtfType, TypeId } from "../btf/types.ts";

export interface Kept {
  readonly types: readonly BtfType[];
  /** The new id of each root. */
  readonly ids: ReadonlyMap<TypeId, TypeId>;
}

/**
 * The types before `first`, and behind them those of the others that `roots` are made of, with their tags.
 * @throws SkelError where one breaks a rule that types of BTF keep
 */
export function keepReachable(all: readonly BtfType[], first: TypeId, roots: readonly TypeId[]): Kept {
  const kept = new Set(roots.filter((id) => id >= first));
  // A Set gives what is added while it is walked.
  for (const id of kept) for (const part of partsOf(all[id]!)) if (part >= first) kept.add(part);
  const ids = new Map([...kept].map((id, i) => [id, first + i] as const));
  const renumber = (id: TypeId): TypeId => ids.get(id) ?? id;
  const tags = all.slice(first).filter((type) => type.kind === "decl_tag" && kept.has(type.type));
  const added = [...[...kept].map((id) => all[id]!), ...tags].map((type) => withParts(type, renumber));
  const types = [...all.slice(0, first), ...added];
  if (added.length > 0) checkTypes(types);
  return { types, ids: new Map(roots.map((id) => [id, renumber(id)])) };
}

/** The types that a new type refers to. */
function partsOf(type: BtfType): TypeId[] {
  if ("members" in type) return type.members.map((member) => member.type);
  if (type.kind === "array") return [type.type, type.indexType];
  return "type" in type ? [type.type] : [];
}

function withParts(type: BtfType, renumber: (id: TypeId) => TypeId): BtfType {
  if ("members" in type)
    return { ...type, members: type.members.map((member) => ({ ...member, type: renumber(member.type) })) };
  if (type.kind === "array") return { ...type, type: renumber(type.type), indexType: renumber(type.indexType) };
  return "type" in type ? { ...type, type: renumber(type.type) } : type;
}
