// A type's entry in, its size and what lies in it out, without making a type of it: most that are looked at are no candidates.

import { AT, TAG } from "./abi.ts";
import { LARGEST_SIZE, POINTER } from "../btf/graph.ts";
import { bad } from "./cursor.ts";
import type { Die } from "./die.ts";
import { RECORDS } from "./index.ts";

/** Steps from a type to what it stands for, and levels of types in types. */
const MAX_DEPTH = 64;

const ALIASES: ReadonlySet<number> = new Set([
  TAG.typedef,
  TAG.const_type,
  TAG.volatile_type,
  TAG.restrict_type,
  TAG.atomic_type,
  TAG.immutable_type,
]);
const POINTERS: ReadonlySet<number> = new Set([TAG.pointer_type, TAG.reference_type, TAG.rvalue_reference_type]);

export function isPointer({ tag }: Die): boolean {
  return POINTERS.has(tag);
}

/** The entry behind typedefs and qualifiers, and behind a declaration whose type is a unit of its own; undefined for void. */
export function skipAliases(type: Die | undefined): Die | undefined {
  let at = type;
  for (let left = MAX_DEPTH; at !== undefined; left--) {
    if (left === 0) throw bad(`the type at ${type!.at} stands for more than ${MAX_DEPTH} others`);
    if (ALIASES.has(at.tag)) at = at.reference(AT.type);
    else if (at.has(AT.signature)) at = at.reference(AT.signature);
    else return at;
  }
  return undefined;
}

/** What a pointer points to, behind typedefs and qualifiers of the pointer; undefined for what is none, and for `void *`. */
export function pointee(type: Die | undefined): Die | undefined {
  const pointer = skipAliases(type);
  return pointer !== undefined && isPointer(pointer) ? pointer.reference(AT.type) : undefined;
}

/** The lengths of an array from the outside in; undefined where one is not constant. A flexible array's is 0. */
export function dimensionsOf(array: Die): number[] | undefined {
  const lengths: number[] = [];
  for (const child of array.children()) {
    if (child.tag !== TAG.subrange_type) continue;
    if (lengths.length >= MAX_DEPTH) throw bad(`an array has more than ${MAX_DEPTH} dimensions`);
    const count = child.constant(AT.count);
    const upper = child.constant(AT.upper_bound);
    const varies = (child.has(AT.count) && count === undefined) || (child.has(AT.upper_bound) && upper === undefined);
    if (varies) return undefined;
    const length = count ?? (upper === undefined ? 0n : upper + 1n);
    // Without a sign, the bound of an array of no elements is the largest number there is.
    const none = length > BigInt(LARGEST_SIZE) || length < 0n;
    lengths.push(none ? 0 : Number(length));
  }
  return lengths.length === 0 ? [0] : lengths;
}

/** Bytes of a type; undefined for one that has no size. */
export function sizeOfType(type: Die | undefined, depth = 0): number | undefined {
  const die = skipAliases(type);
  if (die === undefined || depth > MAX_DEPTH) return undefined;
  if (isPointer(die)) return POINTER;
  if (die.tag !== TAG.array_type) return die.count(AT.byte_size);
  const lengths = dimensionsOf(die);
  const element = sizeOfType(die.reference(AT.type), depth + 1);
  if (lengths === undefined || element === undefined) return undefined;
  const size = lengths.reduce((product, length) => product * length, element);
  return size <= LARGEST_SIZE ? size : undefined;
}

/** The bits from the start of a struct to a member; undefined where an expression tells. */
export function bitOffsetOf(member: Die): number | undefined {
  const bits = member.count(AT.data_bit_offset);
  if (bits !== undefined) return bits;
  if (!member.has(AT.data_member_location)) return 0;
  const bytes = member.count(AT.data_member_location);
  return bytes === undefined ? undefined : 8 * bytes;
}

/** The types that values of `size` bytes at `offset` in a value of `type` have: the outermost ones, several in a union. */
export function partsAt(type: Die | undefined, offset: number, size: number, depth = 0): Die[] {
  const whole = sizeOfType(type);
  if (type === undefined || whole === undefined || offset < 0 || offset + size > whole || depth > MAX_DEPTH) return [];
  if (offset === 0 && whole === size) return [type];
  const die = skipAliases(type)!;
  if (die.tag === TAG.array_type) {
    const element = die.reference(AT.type);
    const each = sizeOfType(element) ?? 0;
    // Of an array of arrays, the elements are of the innermost type: what is an array in between has no entry.
    return each === 0 ? [] : partsAt(element, offset % each, size, depth + 1);
  }
  if (!RECORDS.has(die.tag)) return [];
  const parts: Die[] = [];
  for (const member of die.children()) {
    if (member.tag !== TAG.member || member.has(AT.bit_size)) continue;
    const from = bitOffsetOf(member);
    if (from !== undefined) parts.push(...partsAt(member.reference(AT.type), offset - from / 8, size, depth + 1));
  }
  return parts;
}

/** Whether a type is an array of bytes or characters, or one of them: storage, of which it says nothing more. */
export function isRaw(type: Die): boolean {
  let at = skipAliases(type);
  while (at?.tag === TAG.array_type) at = skipAliases(at.reference(AT.type));
  return at?.tag === TAG.base_type && at.count(AT.byte_size) === 1;
}
