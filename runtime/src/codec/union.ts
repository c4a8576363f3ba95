// Unions: members that share memory. Reading gives every member; writing takes all of them, as reading gave them, or one.

import { ValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { join } from "./checked.ts";
import { detailsOf, type Field, setOwn } from "./fields.ts";
import { borrow, giveBack } from "./scratch.ts";

/** The members of a union: each a field's name, or the parts of an anonymous struct. */
export type Union = readonly (string | readonly Part[])[];
/** A part of a struct: a field's name, or an anonymous union. */
export type Part = string | Union;

type Merge<T> = T extends unknown ? { [K in keyof T]: T[K] } : never;
type Named<P> = P extends string ? P : P extends readonly (infer E)[] ? Named<E> : never;

// Each part of a struct, in its place.
type PartsOf<F, P> = P extends readonly [infer H, ...infer R]
  ? (H extends string ? Pick<F, H & keyof F> : AnyOf<F, H>) & PartsOf<F, R>
  : unknown;
type MemberOf<F, M> = M extends string ? Pick<F, M & keyof F> : PartsOf<F, M>;
type AllOf<F, U> = U extends readonly [infer H, ...infer R] ? MemberOf<F, H> & AllOf<F, R> : unknown;
type OneOf<F, U, Names extends PropertyKey> = U extends readonly [infer H, ...infer R]
  ? (MemberOf<F, H> & { readonly [K in Exclude<Names, Named<H>>]?: undefined }) | OneOf<F, R, Names>
  : never;
type AnyOf<F, U> = AllOf<F, U> | OneOf<F, U, Named<U>>;

/**
 * What a struct that reads as `T` is written from: of each of its unions `U` all members or exactly one, and the fields of
 * `Changed` by their own such types.
 * @example
 * type AddrInit = Init<{ v4: number; v6: Uint8Array; port: number }, [["v4", "v6"]]>;
 * const addr: AddrInit = { v4: 0x7f000001, port: 80 };
 */
export type Init<T, U extends readonly unknown[], Changed = unknown> = InitOf<
  unknown extends Changed ? T : Omit<T, keyof Changed> & Changed,
  U
>;
type InitOf<F, U> = Merge<Omit<F, Named<U> & string> & PartsOf<F, U>>;

/** One member of a union, as it is written and read. */
interface Member {
  /** As messages call it: "v4", or "a and b" for those of an anonymous struct. */
  readonly name: string;
  /** Its place in C. */
  readonly index: number;
  readonly fields: readonly Field[];
  readonly overlays: readonly Overlay[];
  /** In bytes, from the union's start. */
  readonly size: number;
  readonly hasText: boolean;
}

/** A union inside a struct: a run of its bytes, and the members over it, the largest first. */
export interface Overlay {
  /** In bytes, from the struct's start. */
  readonly offset: number;
  readonly size: number;
  readonly members: readonly Member[];
}

/** The overlays of a struct's `unions`, and the fields that are in none. */
export function readUnions(
  fields: readonly Field[],
  unions: readonly Union[],
): { readonly plain: readonly Field[]; readonly overlays: readonly Overlay[] } {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const take = (name: string): Field => {
    const field = byName.get(name);
    if (field === undefined) throw new ValueError(`expected a union of other fields, got ${name} (it is none)`, name);
    byName.delete(name);
    return field;
  };
  const overlays = unions.map((union) => makeOverlay(union, take));
  return { plain: fields.filter(({ name }) => byName.has(name)), overlays };
}

function makeOverlay(union: Union, take: (name: string) => Field): Overlay {
  const made = union.map((member, i) => makeMember(typeof member === "string" ? [member] : member, i, take));
  const offset = Math.min(...made.map(startOf));
  const members = made.map((member) => ({ ...member, size: endOf(member) - offset }));
  // The sort is stable: of members of one size the first in C comes first.
  members.sort((a, b) => b.size - a.size);
  return { offset, size: members[0]!.size, members };
}

function makeMember(parts: readonly Part[], index: number, take: (name: string) => Field): Omit<Member, "size"> {
  const fields = parts.filter((part) => typeof part === "string").map(take);
  const overlays = parts.filter((part) => typeof part !== "string").map((union) => makeOverlay(union, take));
  const inner = overlays.flatMap(({ members }) => members);
  return {
    name: [...fields, ...inner].map(({ name }) => name).join(" and "),
    index,
    fields,
    overlays,
    hasText: fields.some(({ codec }) => detailsOf(codec).hasText?.() !== false) || inner.some((m) => m.hasText),
  };
}

function startOf({ fields, overlays }: Omit<Member, "size">): number {
  return Math.min(...fields.map(({ offset }) => offset), ...overlays.map(({ offset }) => offset));
}

function endOf({ fields, overlays }: Omit<Member, "size">): number {
  return Math.max(
    ...fields.map(({ offset, codec }) => offset + codec.size),
    ...overlays.map(({ offset, size }) => offset + size),
  );
}

type Values = Readonly<Record<string, unknown>>;

/**
 * Writes the union at `at` of `m` from those of its members that `value` has; with a `path`, by `check`. Of several the
 * first is written, the largest before others, whose bytes the others read back from; where padding of one is another's
 * data, all are.
 */
export function writeOverlay(overlay: Overlay, m: Memory, at: number, value: Values, path?: string): void {
  const { offset, size, members } = overlay;
  m.zero(at + offset, size);
  const given = members.filter((member) => isGiven(member, value));
  if (given.length === 0) refuse(path, `expected one of ${nameAll(members, ", ")}, got none`);
  if (given.length === 1) return writeMember(given[0]!, m, at, value, path);
  const images = given.map((member) => imageOf(overlay, m, [member], value, path));
  const agree = (bytes: Uint8Array): boolean =>
    given.every((member, i) => readsBack(overlay, m, member, bytes, images[i]!));
  const image = images.find(agree) ?? [imageOf(overlay, m, forMerging(given), value, path)].find(agree);
  if (image === undefined) {
    const other = given.find((member, i) => !readsBack(overlay, m, member, images[0]!, images[i]!)) ?? given[1]!;
    refuse(path, `members ${nameAll([given[0]!, other], " and ")} disagree (write one)`);
  }
  m.setBytes(at + offset, size, image);
}

function refuse(path: string | undefined, what: string): never {
  throw new ValueError(path === undefined || path === "" ? what : `${path}: ${what}`, path ?? "");
}

function nameAll(members: readonly Member[], separator: string): string {
  const inC = [...members].sort((a, b) => a.index - b.index);
  return inC.map(({ name }) => name).join(separator);
}

function isGiven({ fields, overlays }: Member, value: Values): boolean {
  return (
    fields.some(({ name }) => value[name] !== undefined) ||
    overlays.some(({ members }) => members.some((member) => isGiven(member, value)))
  );
}

// Text goes first: what follows its NUL is zeroed, which another member may know better.
function forMerging(members: readonly Member[]): Member[] {
  return [...members.filter(({ hasText }) => hasText), ...members.filter(({ hasText }) => !hasText)];
}

/** The union's bytes after `members` were written over each other. */
function imageOf(
  { offset, size }: Overlay,
  like: Memory,
  members: readonly Member[],
  value: Values,
  path?: string,
): Uint8Array {
  return withScratch(like, offset + size, (m) => {
    for (const member of members) writeMember(member, m, 0, value, path);
    return m.bytes(offset, size);
  });
}

/** Whether `member`, whose own bytes are `image`, reads from `bytes` as the same value. */
function readsBack(overlay: Overlay, like: Memory, member: Member, bytes: Uint8Array, image: Uint8Array): boolean {
  if (equal(bytes, image, member.size)) return true;
  const { offset, size } = overlay;
  try {
    const value = withScratch(like, offset + size, (m) => {
      m.setBytes(offset, size, bytes);
      return readMember(member, m, {});
    });
    return equal(imageOf(overlay, like, [member], value), image, size);
  } catch {
    return false; // a 64-bit integer that no number holds
  }
}

function equal(a: Uint8Array, b: Uint8Array, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Zeroed memory of `size` bytes that reads and writes as `like` does. */
function withScratch<R>(like: Memory, size: number, use: (m: Memory) => R): R {
  const m = borrow(size, !like.littleEndian);
  try {
    m.zero(0, size);
    return use(like.keys ? m.asKeys() : m);
  } finally {
    giveBack();
  }
}

function writeMember({ fields, overlays }: Member, m: Memory, at: number, value: Values, path?: string): void {
  for (const { name, offset, codec } of fields) {
    const part = value[name];
    const place = path === undefined ? name : join(path, name);
    if (part === undefined) throw new ValueError(`${place}: expected ${codec.name}, got undefined (missing)`, place);
    if (path === undefined) codec.write(m, at + offset, part);
    else codec.check(m, at + offset, part, place);
  }
  for (const overlay of overlays) writeOverlay(overlay, m, at, value, path);
}

function readMember({ fields, overlays }: Member, m: Memory, value: Record<string, unknown>): Values {
  for (const { name, offset, codec } of fields) setOwn(value, name, codec.read(m, offset));
  for (const { members } of overlays) for (const member of members) readMember(member, m, value);
  return value;
}
