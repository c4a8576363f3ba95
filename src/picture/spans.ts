// A struct's layout in, its bits as spans out: one for each field, those of nested structs on their own, and one for each
// hole. Fields that overlap lie in lanes.

import type { TypeId } from "../btf/types.ts";
import type { FieldLayout, NamedLayout, StructLayout } from "../layout/layout.ts";

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
export interface Drawn {
  readonly size: number;
  readonly fields: readonly FieldLayout[];
  readonly kernelFields: StructLayout["kernelFields"];
}

/** A struct of more fields, with those of the structs in it, shows the structs whole. */
const MAX_SPANS = 512;
/** What overlaps more often is left to the table. */
const MAX_LANES = 32;

type Placed = Omit<Span, "lane">;

/** All spans, by lane and place. */
export function spansOf(drawn: Drawn, structs: Structs): readonly Span[] {
  const placed = placeFields(drawn, structs, { base: 0, prefix: "", member: undefined, count: 0 });
  return [...inLanes(placed), ...gapsIn(placed, 8 * drawn.size)].sort((a, b) => a.lane - b.lane || a.start - b.start);
}

interface Nesting {
  readonly base: number;
  readonly prefix: string;
  readonly member: number | undefined;
  /** Spans that there are beside those of this struct. */
  readonly count: number;
}

function placeFields({ fields, kernelFields }: Drawn, structs: Structs, nesting: Nesting): Placed[] {
  const { base, prefix } = nesting;
  const spans = kernelFields.map(({ spelled, offset, size }, i): Placed => {
    const start = base + 8 * offset;
    const member = nesting.member ?? fields.length + i;
    return { kind: "kernel", start, end: start + 8 * size, name: prefix, spelled, member };
  });
  for (const [i, { name, offset, size, layout, spelled }] of fields.entries()) {
    const member = nesting.member ?? i;
    const start = base + 8 * offset;
    const inner = layout.kind === "struct" ? structs.get(layout.type) : undefined;
    const count = nesting.count + spans.length + fields.length - i;
    if (inner !== undefined && inner.fields.length > 0 && count + inner.fields.length <= MAX_SPANS)
      spans.push(...placeFields(inner, structs, { base: start, prefix: `${prefix}${name}.`, member, count }));
    else if (layout.kind === "bits")
      spans.push(field(start + layout.bit, layout.width, `${prefix}${name}`, spelled, member));
    else spans.push(field(start, 8 * size, `${prefix}${name}`, spelled, member));
  }
  return spans;
}

function field(start: number, width: number, name: string, spelled: string, member: number): Placed {
  return { kind: "field", start, end: start + width, name, spelled, member };
}

/**
 * Each span in a lane where nothing is yet. The members of a struct in a union stay in one lane; what follows a union is in
 * the first again.
 */
function inLanes(placed: readonly Placed[]): Span[] {
  const ends: number[] = [];
  let [last, end] = [0, 0];
  return placed.flatMap((span) => {
    // The kernel wants its own outside of unions.
    if (span.kind === "kernel") return [{ ...span, lane: 0 }];
    const fits = (lane: number): boolean => (ends[lane] ?? 0) <= span.start;
    const first = (): number => {
      const found = ends.findIndex((_, lane) => fits(lane));
      return found < 0 ? ends.length : found;
    };
    const lane = span.start >= end ? 0 : fits(last) ? last : first();
    if (lane >= MAX_LANES) return [];
    ends[lane] = span.end;
    end = Math.max(end, span.end);
    last = lane;
    return [{ ...span, lane }];
  });
}

/** The bits that nothing covers. */
function gapsIn(placed: readonly Placed[], bits: number): Span[] {
  const gaps: Span[] = [];
  const gap = (start: number, end: number): void => {
    if (end > start) gaps.push({ kind: "padding", start, end, name: "", spelled: "", member: -1, lane: 0 });
  };
  let covered = 0;
  for (const { start, end } of [...placed].sort((a, b) => a.start - b.start)) {
    gap(covered, start);
    covered = Math.max(covered, end);
  }
  gap(covered, bits);
  return gaps;
}
