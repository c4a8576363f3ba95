// Bytes of an object in, its calls of certain kernel helpers out, with what is known of their arguments and of where the
// values are held that they take and give. Functions are looked at one by one; who calls them is asked for where it matters.

import type { Elf } from "../elf/elf.ts";
import { addressValue, type CodeSection, executable, openCodeSections, type Part } from "./code.ts";
import { analyse } from "./flow.ts";
import { CALL, CALLS_FUNCTION, CALLS_HELPER, INSTRUCTION_SIZE, LDDW } from "./instructions.ts";
import { Held } from "./held.ts";
import type { State, Value } from "./state.ts";

/** One call of a helper. */
export interface HelperCall {
  /** The function that calls; the section's name where no symbol tells. */
  readonly caller: string;
  readonly section: number;
  /** Of the call, in bytes from the start of the section. */
  readonly offset: number;
  /** `enum bpf_func_id`. */
  readonly helper: number;
  /** What r1 to r5 hold. */
  readonly args: readonly Value[];
}

/** A function that was followed. */
export interface CallingFunction {
  readonly name: string;
  readonly section: number;
  /** Of its first instruction, in bytes from the start of the section. */
  readonly start: number;
  readonly calls: readonly HelperCall[];
  /** Where its code has values; undefined where it cannot be followed. */
  readonly held: Held | undefined;
}

/** A call of a function of the object. */
export interface FunctionCall {
  readonly from: CallingFunction;
  /** Of the call, in bytes from the start of the section. */
  readonly offset: number;
  readonly args: readonly Value[];
}

export interface Callers {
  /** Those that call one of the helpers, by place. */
  readonly functions: readonly CallingFunction[];
  /** The calls of a function; undefined where not all are known, since its address is taken or there are none. */
  callsOf(callee: CallingFunction): readonly FunctionCall[] | undefined;
}

const UNKNOWN: readonly Value[] = [undefined, undefined, undefined, undefined, undefined];
/** What a function is given, which nobody knows while it is looked at alone. */
const ARGUMENTS: readonly Value[] = [1, 2, 3, 4, 5].map((register) => `arg${register}+0`);

/** What a helper's call returned, as values say it. */
export function resultOf({ offset }: Pick<HelperCall, "offset">): Value {
  return `call${offset / INSTRUCTION_SIZE}+0`;
}

/** The functions that call `helpers`. */
export function findCallers(bytes: Uint8Array, elf: Elf, helpers: ReadonlySet<number>): Callers {
  const open = openCodeSections(bytes, elf);
  const sections = executable(elf).map(({ index }) => open(index)!);
  const followed = new Map<string, CallingFunction>();
  const follow = (section: CodeSection, part: Part): CallingFunction => {
    const key = `${section.header.index}:${part.start}`;
    let found = followed.get(key);
    if (found === undefined) {
      found = followFunction(section, part, helpers);
      followed.set(key, found);
    }
    return found;
  };
  const functions = sections.flatMap((section) =>
    [...section.parts.values()].filter((part) => hasCall(section, part, helpers)).map((part) => follow(section, part)),
  );
  let sites: ReadonlyMap<Value, readonly Site[]> | undefined;
  return {
    functions,
    callsOf({ section, start }) {
      sites ??= findSites(sections);
      const own = sites.get(addressValue(section, start)) ?? [];
      if (own.length === 0 || own.some(({ taken }) => taken)) return undefined;
      return own.map((site) => {
        const from = follow(site.section, site.part);
        return { from, offset: INSTRUCTION_SIZE * site.index, args: from.held?.argumentsAt(site.index) ?? UNKNOWN };
      });
    },
  };
}

/** All calls of `helpers`, by place. Where the code cannot be followed, the arguments are unknown. */
export function findHelperCalls(bytes: Uint8Array, elf: Elf, helpers: ReadonlySet<number>): HelperCall[] {
  return findCallers(bytes, elf, helpers).functions.flatMap(({ calls }) => calls);
}

/** An instruction that calls a function of the object, or takes its address. */
interface Site {
  readonly section: CodeSection;
  readonly part: Part;
  readonly index: number;
  readonly taken: boolean;
}

function findSites(sections: readonly CodeSection[]): ReadonlyMap<Value, readonly Site[]> {
  const sites = new Map<Value, Site[]>();
  for (const section of sections)
    for (const part of section.parts.values())
      for (let index = part.start; index < part.end; index++) {
        const { code: op, src, imm } = section.code(index);
        const taken = op === LDDW;
        const at = index;
        if (taken) index++;
        else if (op !== CALL || src !== CALLS_FUNCTION) continue;
        const local = { section: section.header.index, offset: INSTRUCTION_SIZE * (at + imm + 1) };
        const { section: home, offset } = section.calls.get(at) ?? local;
        const target = taken ? section.wide(at) : addressValue(home, offset);
        const others = sites.get(target);
        if (typeof target !== "string") continue;
        if (others === undefined) sites.set(target, [{ section, part, index: at, taken }]);
        else others.push({ section, part, index: at, taken });
      }
  return sites;
}

function hasCall({ code }: CodeSection, { start, end }: Part, helpers: ReadonlySet<number>): boolean {
  for (let index = start; index < end; index++) {
    const { code: op, src, imm } = code(index);
    if (op === CALL && src === CALLS_HELPER && helpers.has(imm)) return true;
    if (op === LDDW) index++;
  }
  return false;
}

/** The calls of a function, with what each is given. Those that control does not reach are given nothing that is known. */
function followFunction(section: CodeSection, part: Part, helpers: ReadonlySet<number>): CallingFunction {
  const { code, wide, header } = section;
  const flow = analyse(code, wide, part, ARGUMENTS);
  const reached = new Map<number, State>();
  const isCall = (index: number): boolean => code(index).code === CALL;
  flow?.visit((index, state) => {
    if (isCall(index)) reached.set(index, state.slice(1, 6));
  });
  const calls: HelperCall[] = [];
  for (let index = part.start; index < part.end; index++) {
    const { code: op, src, imm: helper } = code(index);
    if (op === CALL && src === CALLS_HELPER && helpers.has(helper)) {
      const args = reached.get(index) ?? UNKNOWN;
      calls.push({ caller: part.name, section: header.index, offset: INSTRUCTION_SIZE * index, helper, args });
    }
    if (op === LDDW) index++;
  }
  return {
    name: part.name,
    section: header.index,
    start: INSTRUCTION_SIZE * part.start,
    calls,
    held: flow && new Held(code, flow, reached),
  };
}
