// The instructions of one function in, what holds before each of its basic blocks out: data flow to the fixed point, with
// states joined where branches meet. A function that is too large or too twisted for a bounded amount of work has no answer.

import { CALL, CLASS, type Code, EXIT, type Instruction, JA, JA32, JA_REGISTER, LDDW } from "./instructions.ts";
import { entryState, joinStates, type State, step, type Value } from "./state.ts";

/** A function: instructions from `start` up to `end` of its section. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** The value of the 64-bit immediate at an index. */
export type Wide = (index: number) => Value;

/** The verifier looks at no more than a million instructions (BPF_COMPLEXITY_LIMIT_INSNS). */
const LONGEST = 1_000_000;
const MOST_BLOCKS = 1 << 16;
/** How often an instruction is looked at, on average: a loop costs one more for what it changes. */
const PASSES = 8;

/** Where control can go after an instruction; undefined: where nobody knows. */
function targetsOf({ code, offset, imm }: Instruction, index: number): readonly number[] | undefined {
  if (code === JA_REGISTER) return undefined;
  if (code === EXIT) return [];
  if (code === JA) return [index + 1 + offset];
  if (code === JA32) return [index + 1 + imm];
  return [index + 1, index + 1 + offset];
}

/** Whether a basic block ends after this instruction. */
function endsBlock({ code }: Instruction): boolean {
  const kind = code & 7;
  return (kind === CLASS.jmp || kind === CLASS.jmp32) && code !== CALL;
}

/** One function under analysis. */
interface Function {
  readonly code: Code;
  readonly wide: Wide;
  readonly extent: Extent;
  /** The first instructions of its basic blocks. */
  readonly leaders: ReadonlySet<number>;
}

type Visit = (index: number, state: State) => void;

/**
 * Runs a block from `start` until control may go elsewhere, changing `state`; `visit` is called before each instruction.
 * Gives where control goes, undefined where that is out of the function, and how many instructions it took.
 */
function runBlock(
  { code, wide, extent, leaders }: Function,
  start: number,
  state: State,
  visit?: Visit,
): { readonly targets: readonly number[] | undefined; readonly steps: number } {
  const inside = (index: number): boolean => index >= extent.start && index < extent.end;
  for (let index = start, steps = 1; ; steps++) {
    const instruction = code(index);
    visit?.(index, state);
    if (endsBlock(instruction)) {
      const targets = targetsOf(instruction, index);
      return { targets: targets?.every(inside) === true ? targets : undefined, steps };
    }
    const isWide = instruction.code === LDDW;
    step(state, instruction, isWide ? wide(index) : undefined, index);
    index += isWide ? 2 : 1;
    if (!inside(index)) return { targets: undefined, steps };
    if (leaders.has(index)) return { targets: [index], steps };
  }
}

/** The instructions that control jumps to, in a linear look at all of them. */
function findLeaders(code: Code, { start, end }: Extent): Set<number> {
  const leaders = new Set([start]);
  for (let index = start; index < end; index++) {
    const instruction = code(index);
    if (endsBlock(instruction)) for (const target of targetsOf(instruction, index) ?? []) leaders.add(target);
    if (instruction.code === LDDW) index++;
  }
  return leaders;
}

/** What holds in a function. */
export interface Flow {
  /** Calls `visit` with every instruction that control reaches, and what holds before it. */
  visit(visit: Visit): void;
}

/** The fixed point of a function that is called with `args`; undefined where there is none to be had. */
export function analyse(code: Code, wide: Wide, extent: Extent, args: readonly Value[] = []): Flow | undefined {
  if (extent.end - extent.start > LONGEST) return undefined;
  const leaders = findLeaders(code, extent);
  if (leaders.size > MOST_BLOCKS) return undefined;
  const body: Function = { code, wide, extent, leaders };
  const states = new Map<number, State>([[extent.start, entryState(args)]]);
  const queue = new Set([extent.start]);
  let left = PASSES * (extent.end - extent.start + 1);
  // A Set gives what is added while it is walked.
  for (const start of queue) {
    queue.delete(start);
    const state = states.get(start)!.slice();
    const { targets, steps } = runBlock(body, start, state);
    left -= steps;
    if (targets === undefined || left < 0) return undefined;
    for (const target of targets) {
      const known = states.get(target);
      if (known === undefined) states.set(target, state.slice());
      else if (!joinStates(known, state)) continue;
      queue.add(target);
    }
  }
  return {
    visit: (visit) => {
      for (const [start, state] of states) runBlock(body, start, state.slice(), visit);
    },
  };
}
