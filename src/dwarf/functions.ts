// A function's entry in, its variables and parameters out: what each is called, its type, where it is, and in which
// instructions its scope is. Inlined functions are scopes like blocks.

import { AT, OP, TAG } from "./abi.ts";
import { bad } from "./cursor.ts";
import type { Die } from "./die.ts";
import { type Place, placesOf, type Range, rangesOf } from "./places.ts";

/** A variable or parameter of a function, or of one that was inlined into it. */
export interface Variable {
  readonly name: string;
  /** The entry of its type; undefined where it has none. */
  readonly type: Die | undefined;
  /** Where it is, with the frame base resolved; none where it was optimised away. */
  readonly places: readonly { readonly range: Range | undefined; readonly place: Place }[];
  /** The scope that declares it. */
  readonly scope: Scope;
}

/** A function, a block, or a function that was inlined. */
export interface Scope {
  readonly ranges: readonly Range[];
  readonly parent: Scope | undefined;
  /** Of the function that it is a part of, where that was inlined too. */
  readonly function: string;
}

/** What is known of one function. */
export interface FunctionScopes {
  readonly name: string;
  readonly variables: readonly Variable[];
}

const MAX_DEPTH = 64;
/** Variables of one function and all that was inlined into it. */
const MAX_VARIABLES = 1 << 16;

/** The register or place that the frame base of a function is. */
interface Frame {
  readonly register: number;
  readonly offset: number;
}

/** Reads all scopes of a function. */
export function readFunction(die: Die): FunctionScopes {
  const variables: Variable[] = [];
  const frame = frameOf(die);
  const name = nameOf(die);

  const add = (entry: Die, scope: Scope, seen: Set<string>): void => {
    const origins = entry.origins();
    for (const { key } of origins) seen.add(key);
    if (variables.length >= MAX_VARIABLES) throw bad(`a function has more than ${MAX_VARIABLES} variables`);
    variables.push({
      name: firstOf(origins, (one) => one.text(AT.name)) ?? "",
      type: firstOf(origins, (one) => one.reference(AT.type)),
      places: placesOf(entry).flatMap(({ range, place }) => {
        const known = resolve(place, frame);
        return known === undefined ? [] : [{ range, place: known }];
      }),
      scope,
    });
  };
  /** The variables of the inlined function itself that no entry of the instance stands for: they were optimised away. */
  const addLost = (entry: Die, scope: Scope, seen: Set<string>, depth: number): void => {
    if (depth > MAX_DEPTH) throw bad(`a function nests more than ${MAX_DEPTH} blocks`);
    for (const child of entry.children()) {
      if (child.tag === TAG.lexical_block) addLost(child, scope, seen, depth + 1);
      else if (isVariable(child) && !seen.has(child.key)) add(child, scope, seen);
    }
  };
  const walk = (entry: Die, scope: Scope, seen: Set<string>, depth: number): void => {
    if (depth > MAX_DEPTH) throw bad(`a function nests more than ${MAX_DEPTH} blocks`);
    for (const child of entry.children()) {
      if (isVariable(child)) add(child, scope, seen);
      else if (child.tag === TAG.lexical_block) {
        walk(child, { ranges: rangesOf(child), parent: scope, function: scope.function }, seen, depth + 1);
      } else if (child.tag === TAG.inlined_subroutine) {
        const inlined = { ranges: rangesOf(child), parent: scope, function: nameOf(child) };
        const own = new Set<string>();
        walk(child, inlined, own, depth + 1);
        lost(child, inlined, own, depth + 1);
      }
    }
  };
  const lost = (entry: Die, scope: Scope, seen: Set<string>, depth: number): void => {
    const origin = entry.reference(AT.abstract_origin);
    if (origin !== undefined) addLost(origin, scope, seen, depth);
  };
  const outermost: Scope = { ranges: rangesOf(die), parent: undefined, function: name };
  const own = new Set<string>();
  walk(die, outermost, own, 0);
  lost(die, outermost, own, 0);
  return { name, variables };
}

function isVariable({ tag }: Die): boolean {
  return tag === TAG.variable || tag === TAG.formal_parameter;
}

function nameOf(die: Die): string {
  return firstOf(die.origins(), (one) => one.text(AT.name)) ?? "";
}

/** The first answer of an entry or of those that it stands for. */
export function firstOf<T>(origins: readonly Die[], ask: (die: Die) => T | undefined): T | undefined {
  for (const die of origins) {
    const answer = ask(die);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Whether an instruction of a section is in a scope. A scope without ranges has no instructions. */
export function holds({ ranges }: Scope, section: number, at: number): boolean {
  return ranges.some((range) => range.section === section && at >= range.low && at < range.high);
}

/** Whether the scope and all around it hold an instruction. */
export function isInside(scope: Scope, section: number, at: number): boolean {
  for (let one: Scope | undefined = scope; one !== undefined; one = one.parent)
    if (!holds(one, section, at)) return false;
  return true;
}

/** clang's is a register, gcc's an offset from one. */
function frameOf(die: Die): Frame | undefined {
  const cursor = die.expression(AT.frame_base);
  if (cursor === undefined || cursor.at === cursor.end) return undefined;
  const code = cursor.u8();
  const isRegister = code >= OP.reg0 && code < OP.breg0;
  if (isRegister && cursor.at === cursor.end) return { register: code - OP.reg0, offset: 0 };
  if (code < OP.breg0 || code >= OP.regx) return undefined;
  const offset = Number(cursor.sleb());
  return cursor.at === cursor.end ? { register: code - OP.breg0, offset } : undefined;
}

/** A place with a register instead of the frame base. */
function resolve(place: Place, frame: Frame | undefined): Place | undefined {
  if ((place.kind !== "memory" && place.kind !== "value") || place.base !== "frame") return place;
  if (frame === undefined) return undefined;
  return { ...place, base: frame.register, offset: place.offset + frame.offset };
}
