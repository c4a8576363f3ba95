// What is known of registers and stack at one place of a program: constants, addresses of symbols, places in the stack
// frame. What an instruction makes of it is the one function `step`; whatever it does not follow becomes unknown.

import { CALL, CLASS, type Instruction, LDDW, X } from "./instructions.ts";

/**
 * What a register or a stack slot holds. A constant is a bigint of 64 bits without sign; a string is an address, "3+16" of
 * byte 16 of section 3, "fp-8" in the stack frame; undefined is anything else. What is not known has a name where it comes
 * from, and may be moved from there: "call7+0" is what the call at instruction 7 returned, "load7+0" the 8 bytes that
 * instruction 7 read, "arg1+0" what the function was given in r1, where it is said to be. Where a function is said to begin
 * with the program's context, "ctx+4" is its byte 4, and "*ctx+4" what was read there, or lies some way from it.
 */
export type Value = bigint | string | undefined;

const REGISTERS = 11;
const FRAME_POINTER = 10;
/** The kernel's MAX_BPF_STACK is 512 bytes; a spilled register takes 8. */
const SLOTS = 64;
export const SLOT_SIZE = 8;

const FRAME = "fp";
/** Anything, in the stack frame too. */
const SOMEWHERE = "fp?";

/** Registers 0 to 10, then the slots of the stack from the frame pointer down, then whether its address was given away. */
export type State = Value[];
const ESCAPED = REGISTERS + SLOTS;

/** The first byte of what a program is called with. */
export const CONTEXT = "ctx+0";
const IN_CONTEXT = /^ctx\+(\d+)$/;

/** The place in the context that `value` was read from; undefined for anything else. */
export function readFrom(value: Value): number | undefined {
  const offset = typeof value === "string" ? /^\*ctx\+(\d+)$/.exec(value)?.[1] : undefined;
  return offset === undefined ? undefined : Number(offset);
}

function contextOffset(value: Value): number | undefined {
  const offset = typeof value === "string" ? IN_CONTEXT.exec(value)?.[1] : undefined;
  return offset === undefined ? undefined : Number(offset);
}

/** What holds where a function begins: the frame pointer, and of its arguments what is given. */
export function entryState(args: readonly Value[] = []): State {
  const state: State = new Array<Value>(ESCAPED + 1).fill(undefined);
  args.forEach((value, i) => (state[i + 1] = value));
  state[FRAME_POINTER] = frame(0);
  state[ESCAPED] = 0n;
  return state;
}

/** Leaves in `into` what holds on both ways; whether that is less than before. */
export function joinStates(into: State, other: State): boolean {
  let changed = false;
  for (let i = 0; i < ESCAPED; i++) {
    if (into[i] === other[i]) continue;
    // What may be in the stack stays known as such: a write through it may change any slot.
    const joined = isFrame(into[i]) || isFrame(other[i]) ? SOMEWHERE : undefined;
    if (into[i] === joined) continue;
    into[i] = joined;
    changed = true;
  }
  if (other[ESCAPED] === 1n && into[ESCAPED] === 0n) {
    into[ESCAPED] = 1n;
    changed = true;
  }
  return changed;
}

/** Changes `state` as the instruction at `index` would; `wide` is the value of a 64-bit immediate. */
export function step(state: State, instruction: Instruction, wide: Value, index: number): void {
  const { code, dst } = instruction;
  switch (code & 7) {
    case CLASS.ld:
      // What else there is of this class reads packets, into r0, as a call.
      if (code === LDDW) set(state, dst, wide);
      else clobber(state);
      return;
    case CLASS.ldx:
      set(state, dst, load(state, instruction, index));
      return;
    case CLASS.st:
      store(state, instruction, BigInt.asUintN(64, BigInt(instruction.imm)));
      return;
    case CLASS.stx:
      if ((code & MODE) === ATOMIC) storeAtomically(state, instruction);
      else store(state, instruction, get(state, instruction.src));
      return;
    case CLASS.alu:
    case CLASS.alu64:
      set(state, dst, compute(state, instruction));
      return;
    default:
      if (code !== CALL) return;
      clobber(state);
      state[0] = `call${index}+0`;
  }
}

function frame(offset: number): string {
  return `${FRAME}${offset}`;
}

function isFrame(value: Value): value is string {
  return typeof value === "string" && value.startsWith(FRAME);
}

/** The bytes from the frame pointer; undefined for what is no known place in the frame. */
export function frameOffset(value: Value): number | undefined {
  return isFrame(value) && value !== SOMEWHERE ? Number(value.slice(FRAME.length)) : undefined;
}

/** Gives every register but the frame pointer, and every slot by its bytes from there, with what it holds. */
export function eachPlace(state: State, give: (place: number, value: Value) => void): void {
  for (let register = 0; register < FRAME_POINTER; register++) give(register, state[register]);
  for (let slot = 1; slot <= SLOTS; slot++) give(-SLOT_SIZE * slot, state[REGISTERS + slot - 1]);
}

// An instruction has room for 16 registers.
function get(state: State, register: number): Value {
  return register < REGISTERS ? state[register] : undefined;
}

function set(state: State, register: number, value: Value): void {
  if (register < FRAME_POINTER) state[register] = value;
}

/** A call: what it was given the address of may have changed, and r0 to r5 have. */
function clobber(state: State): void {
  for (let register = 1; register <= 5; register++) {
    if (isFrame(state[register])) forget(state, frameOffset(state[register]) ?? -SLOTS * SLOT_SIZE, Infinity);
  }
  if (state[ESCAPED] === 1n) forget(state, -SLOTS * SLOT_SIZE, Infinity);
  state.fill(undefined, 0, 6);
}

/** Bytes of the four sizes of memory access, by bits 3 and 4 of the code. */
const WIDTHS = [4, 2, 1, 8] as const;
const widthOf = (code: number): number => WIDTHS[((code >> 3) & 3) as 0 | 1 | 2 | 3];

const MODE = 0xe0;
const MEM = 0x60;
const ATOMIC = 0xc0;

/** The index in the state of the slot at `offset` from the frame pointer. */
function slotAt(offset: number): number | undefined {
  const slot = -offset / SLOT_SIZE;
  return Number.isInteger(slot) && slot >= 1 && slot <= SLOTS ? REGISTERS + slot - 1 : undefined;
}

function load(state: State, { code, src, offset }: Instruction, index: number): Value {
  const from = get(state, src);
  const base = frameOffset(from);
  const inContext = contextOffset(from);
  if (inContext !== undefined) return inContext + offset >= 0 ? `*ctx+${inContext + offset}` : undefined;
  const whole = (code & MODE) === MEM && widthOf(code) === SLOT_SIZE;
  const read = whole ? `load${index}+0` : undefined;
  if (base === undefined) return isFrame(from) ? SOMEWHERE : read;
  const slot = slotAt(base + offset);
  if (slot === undefined || !whole) return undefined;
  // From here on the slot holds what was read there, until it is written to.
  return (state[slot] ??= read);
}

function store(state: State, { code, dst, offset }: Instruction, value: Value): void {
  const to = get(state, dst);
  const base = frameOffset(to);
  const width = widthOf(code);
  if (base === undefined) {
    if (isFrame(value)) state[ESCAPED] = 1n;
    if (isFrame(to) || state[ESCAPED] === 1n) forget(state, -SLOTS * SLOT_SIZE, Infinity);
    return;
  }
  forget(state, base + offset, width);
  const slot = slotAt(base + offset);
  if (slot !== undefined && width === SLOT_SIZE) state[slot] = value;
  else if (isFrame(value)) state[ESCAPED] = 1n;
}

/** BPF_LOAD_ACQ, the `imm` of the one atomic instruction that writes to `dst` itself. */
const LOAD_ACQUIRE = 0x100;

/** The old value may come into a register: `src`, or r0. */
function storeAtomically(state: State, instruction: Instruction): void {
  if (instruction.imm === LOAD_ACQUIRE) return set(state, instruction.dst, undefined);
  store(state, instruction, undefined);
  set(state, instruction.src, undefined);
  set(state, 0, undefined);
}

/** Forgets the slots that `width` bytes from `offset` touch; an address that was in one may still be there. */
function forget(state: State, offset: number, width: number): void {
  const first = Math.max(1, Math.floor(-(offset + width) / SLOT_SIZE) + 1);
  const last = Math.min(SLOTS, Math.ceil(-offset / SLOT_SIZE));
  for (let slot = first; slot <= last; slot++) {
    if (isFrame(state[REGISTERS + slot - 1])) state[ESCAPED] = 1n;
    state[REGISTERS + slot - 1] = undefined;
  }
}

const MOV = 0xb0;
const NEG = 0x80;
const ADD = 0x00;
const SUB = 0x10;

/** Those of the two-operand instructions that compilers leave between constants. Shifts use the low bits of their count. */
const OPERATIONS: ReadonlyMap<number, (a: bigint, b: bigint, bits: bigint) => bigint> = new Map([
  [ADD, (a, b) => a + b],
  [SUB, (a, b) => a - b],
  [0x20, (a, b) => a * b],
  [0x40, (a, b) => a | b],
  [0x50, (a, b) => a & b],
  [0x60, (a, b, bits) => a << (b & (bits - 1n))],
  [0x70, (a, b, bits) => a >> (b & (bits - 1n))],
  [0xa0, (a, b) => a ^ b],
]);

function compute(state: State, { code, dst, src, offset, imm }: Instruction): Value {
  const bits = (code & 7) === CLASS.alu64 ? 64 : 32;
  const operation = code & 0xf0;
  const operand = (code & X) !== 0 && operation !== NEG ? get(state, src) : BigInt(imm);
  const before = get(state, dst);
  if (operation === MOV) {
    // With an offset it extends the sign of fewer bits.
    if (offset !== 0) return undefined;
    if (typeof operand === "bigint") return BigInt.asUintN(bits, operand);
    return bits === 64 ? operand : undefined;
  }
  if (typeof before === "bigint" && typeof operand === "bigint") {
    const [a, b] = [BigInt.asUintN(bits, before), BigInt.asUintN(bits, operand)];
    const result = OPERATIONS.get(operation)?.(a, b, BigInt(bits));
    return result === undefined ? undefined : BigInt.asUintN(bits, result);
  }
  if (isFrame(before) || isFrame(operand)) return moved(before, operand, operation, bits);
  if (bits !== 64) return undefined;
  return movedFromSource(before, operand, operation) ?? movedInContext(before, operand, operation);
}

/** A named value, or an address in a section, with how far it was moved. */
const NAMED = /^((?:call|load|arg)?\d+)([+-]\d+)$/;
/** No value that anybody sends lies further from where it begins. */
const FURTHEST = 1 << 24;

/** The name and the offset of "call7+8"; undefined for constants, addresses in the frame and in the context. */
export function splitValue(value: Value): { readonly base: string; readonly offset: number } | undefined {
  const [, base, offset] = (typeof value === "string" && NAMED.exec(value)) || [];
  return base === undefined ? undefined : { base, offset: Number(offset) };
}

/** Arithmetic on a named value, or an address in a section, by a constant. */
function movedFromSource(before: Value, operand: Value, operation: number): Value {
  const from = splitValue(before);
  if (from === undefined || typeof operand !== "bigint" || (operation !== ADD && operation !== SUB)) return undefined;
  const by = Number(BigInt.asIntN(64, operand));
  const offset = operation === ADD ? from.offset + by : from.offset - by;
  return Math.abs(offset) > FURTHEST ? undefined : `${from.base}${offset < 0 ? "" : "+"}${offset}`;
}

/** Arithmetic on an address in the context, by a constant, and on what was read from it: whichever way, it is some way from there. */
function movedInContext(before: Value, operand: Value, operation: number): Value {
  const base = contextOffset(before);
  if (base !== undefined) {
    const offset = operation === ADD && typeof operand === "bigint" ? base + Number(BigInt.asIntN(64, operand)) : -1;
    return offset >= 0 && offset <= LARGEST_CONTEXT ? `ctx+${offset}` : undefined;
  }
  if (operation === ADD && readFrom(operand) !== undefined) return readFrom(before) === undefined ? operand : undefined;
  const stays = operation === ADD || (operation === SUB && typeof operand === "bigint");
  return stays && readFrom(before) !== undefined ? before : undefined;
}

/** No context has as many bytes; so a loop ends that walks on. */
const LARGEST_CONTEXT = 1024;

/** Arithmetic on an address in the frame. */
function moved(before: Value, operand: Value, operation: number, bits: number): Value {
  const base = frameOffset(before);
  if (bits !== 64 || base === undefined || typeof operand !== "bigint") return SOMEWHERE;
  if (operation !== ADD && operation !== SUB) return SOMEWHERE;
  const by = Number(BigInt.asIntN(64, operand));
  const offset = operation === ADD ? base + by : base - by;
  return Math.abs(offset) <= SLOTS * SLOT_SIZE ? frame(offset) : SOMEWHERE;
}
