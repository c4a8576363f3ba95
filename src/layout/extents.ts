// Which bytes of a struct its members hold, in BTF that tells it badly, as clang's of C++ does.

import type { BtfStruct } from "../btf/types.ts";
import type { FieldLayout, KernelField } from "./layout.ts";

/** What of a struct's bits one member takes, from the first of its data to the last. */
export interface Extent {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Of the member that gave `fields` and `kernelFields`; undefined where it holds no data, as an empty struct does. */
export function extentOf(
  name: string,
  fields: readonly FieldLayout[],
  kernelFields: readonly KernelField[],
): Extent | undefined {
  let start = Infinity;
  let end = 0;
  for (const { offset, size, layout } of [
    ...fields,
    ...kernelFields.map((field) => ({ ...field, layout: undefined })),
  ]) {
    if (size === 0) continue;
    const [bit, width] = layout?.kind === "bits" ? [layout.bit, layout.width] : [0, size * 8];
    start = Math.min(start, offset * 8 + bit);
    end = Math.max(end, offset * 8 + bit + width);
  }
  return start < end ? { name, start, end } : undefined;
}

/**
 * clang's BTF of C++ has as members what holds none of the bytes: static members, at 0, and functions, without a type and
 * at a made-up place. Static members that have a type cannot be told from the data that they seem to share bytes with.
 */
export function whyOverlap(extents: readonly Extent[]): string | undefined {
  const sorted = extents.toSorted((a, b) => a.start - b.start);
  const second = sorted.findIndex(({ start }, i) => i > 0 && sorted[i - 1]!.end > start);
  if (second < 0) return undefined;
  return `members ${sorted[second - 1]!.name} and ${sorted[second]!.name} share bytes (one may be a static member)`;
}

/** A member without a type, and where it stands among the fields. */
export interface Untyped {
  readonly name: string;
  /** Whether C gives it the name: base classes have none. */
  readonly named: boolean;
  readonly offset: number;
  readonly index: number;
  readonly spelled: string;
}

/**
 * The fields of a struct's members that BTF has no type for, such as references: bytes to the next member; or why that
 * cannot be said. Members that start outside of the struct, or in the bytes of another one, hold no data: they are
 * functions and static members.
 */
export function untypedFields(
  struct: BtfStruct,
  base: number,
  untyped: readonly Untyped[],
  extents: readonly Extent[],
): readonly (Untyped & { readonly size: number })[] | string {
  const end = base + struct.size;
  const inside = untyped.filter(({ offset }) => offset < end);
  if (struct.kind === "union") {
    const known = extents.reduce((most, extent) => Math.max(most, extent.end), 0);
    return inside.length > 0 && known < end * 8 ? `member ${inside[0]!.name} has no type` : [];
  }
  // Of those in one place the data of others comes first, then a base class, which has no name.
  const marks = [
    ...extents.map((extent) => ({
      start: Math.floor(extent.start / 8),
      end: Math.ceil(extent.end / 8),
      member: undefined,
    })),
    ...inside.map((member) => ({ start: member.offset, end: 0, member })),
  ].sort((a, b) => a.start - b.start || Number(a.member?.named ?? false) - Number(b.member?.named ?? false));
  const starts: number[] = [];
  const own: (Untyped & { readonly at: number })[] = [];
  let covered = base;
  for (const { start, end: next, member } of marks) {
    covered = Math.max(covered, next);
    if (member !== undefined) {
      if (start < covered) continue;
      const twin = own.at(-1);
      if (twin?.offset === start && twin.named) return `members ${twin.name} and ${member.name} have no type`;
      if (twin?.offset === start) continue;
      own.push({ ...member, at: starts.length });
    }
    starts.push(start);
  }
  return own.map((member) => ({ ...member, size: (starts[member.at + 1] ?? end) - member.offset }));
}
