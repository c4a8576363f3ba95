// A struct's layout in, its bits as spans out: one for each field, those of nested structs on their own, and one for each
// hole. Fields that overlap lie in lanes.

import type { TypeId } from "../btf/types.ts";
import type { FieldLayout, NamedLayout, Part, StructLayout, Union } from "../layout/layout.ts";

/** A run of bits that is one thing. */
export interface Span {
  readonly kind: "field" | "kernel" | "padding";
  /** Bits from the start of the struct, as BTF counts them. */
  readonly start: number;
  readonly end: number;
  /** "seen.first"; "" for padding. */
  readonly name: string;
  /** Its C type. */
  readonly spelled: string;
  /** Which member of the struct it belongs to, counted from 0. */
  readonly member: number;
  /** 0 but for what overlaps with spans of lanes before. */
  readonly lane: number;
}

/** The struct types of an object, by id. */
export type Structs = ReadonlyMap<TypeId, StructLayout>;

export function structsOf(types: readonly NamedLayout[]): Structs {
  return new Map(types.flatMap((type) => (type.kind === "struct" ? [[type.type, type]] : [])));
}

/** What is drawn: a struct, or the variables of a section. */
export type Drawn = Pick<StructLayout, "size" | "fields" | "kernelFields" | "unions">;

/** A struct of more fields, with those of the structs in it, shows the structs whole. */
const MAX_SPANS = 512;
/** What overlaps more often is left to the table. */
const MAX_LANES = 32;

/** All spans, by lane and place. */
export function spansOf(drawn: Drawn, structs: Structs): readonly Span[] {
  const { spans } = placeFields(drawn, structs, { base: 0, prefix: "", member: undefined, count: 0 });
  return [...spans.filter(({ lane }) => lane < MAX_LANES), ...gapsIn(spans, 8 * drawn.size)].sort(
    (a, b) => a.lane - b.lane || a.start - b.start,
  );
}

interface Nesting {
  /** Bits before the struct. */
  readonly base: number;
  readonly prefix: string;
  readonly member: number | undefined;
  /** Spans that there are beside those of this struct. */
  readonly count: number;
}

/** Spans whose lanes count from 0 on, and how many lanes they take. */
interface Placed {
  readonly spans: readonly Span[];
  readonly lanes: number;
}

function placeFields({ fields, kernelFields, unions }: Drawn, structs: Structs, nesting: Nesting): Placed {
  const { base, prefix } = nesting;
  // The kernel wants its own outside of unions.
  const spans = kernelFields.map(({ spelled, offset, size }, i): Span => {
    const start = base + 8 * offset;
    const member = nesting.member ?? fields.length + i;
    return { kind: "kernel", start, end: start + 8 * size, name: prefix, spelled, member, lane: 0 };
  });
  let count = nesting.count + spans.length + fields.length;
  const placed = fields.map((field, i): Placed => {
    const inner = field.layout.kind === "struct" ? structs.get(field.layout.type) : undefined;
    const member = nesting.member ?? i;
    if (inner === undefined || inner.fields.length === 0 || count + inner.fields.length > MAX_SPANS)
      return { spans: [spanOf(field, base, prefix, member)], lanes: 1 };
    const within = { base: base + 8 * field.offset, prefix: `${prefix}${field.name}.`, member, count };
    const result = placeFields(inner, structs, within);
    count += result.spans.length;
    return result;
  });
  const lanes = stackUnions(unions, new Map(fields.map(({ name }, i) => [name, placed[i]!.lanes])));
  let height = 1;
  for (const [i, { name }] of fields.entries()) {
    const first = lanes.get(name) ?? 0;
    spans.push(...placed[i]!.spans.map((span) => ({ ...span, lane: first + span.lane })));
    height = Math.max(height, first + placed[i]!.lanes);
  }
  return { spans, lanes: height };
}

function spanOf(
  { name, offset, size, layout, spelled }: FieldLayout,
  base: number,
  prefix: string,
  member: number,
): Span {
  const start = base + 8 * offset + (layout.kind === "bits" ? layout.bit : 0);
  const end = start + (layout.kind === "bits" ? layout.width : 8 * size);
  return { kind: "field", start, end, name: `${prefix}${name}`, spelled, member, lane: 0 };
}

/** The first lane of each field in a union: below all that the members before it take, `heights` by field. */
function stackUnions(unions: readonly Union[], heights: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const lanes = new Map<string, number>();
  /** How many lanes it takes. */
  const stack = (part: Part, lane: number): number => {
    if (typeof part === "string") {
      lanes.set(part, lane);
      return heights.get(part) ?? 1;
    }
    let next = lane;
    for (const member of part) {
      const parts = typeof member === "string" ? [member] : member;
      next += Math.max(1, ...parts.map((one) => stack(one, next)));
    }
    return next - lane;
  };
  for (const union of unions) stack(union, 0);
  return lanes;
}

/** The bits that nothing covers. */
function gapsIn(spans: readonly Span[], bits: number): Span[] {
  const gaps: Span[] = [];
  const gap = (start: number, end: number): void => {
    if (end > start) gaps.push({ kind: "padding", start, end, name: "", spelled: "", member: -1, lane: 0 });
  };
  let covered = 0;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    gap(covered, start);
    covered = Math.max(covered, end);
  }
  gap(covered, bits);
  return gaps;
}
