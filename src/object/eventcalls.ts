// Bytes of an object and its maps in, the calls that send records to its ring buffers and perf buffers out. What a function of
// the object is given, it is given by those that call it: then each of these calls is one that sends.

import {
  type CallingFunction,
  findCallers,
  type FunctionCall,
  type HelperCall,
  resultOf,
  type Callers,
} from "../bytecode/calls.ts";
import { addressValue } from "../bytecode/code.ts";
import { splitValue, type Value } from "../bytecode/state.ts";
import { isLegacySection } from "./legacy.ts";
import type { MapModel } from "./model.ts";
import type { Source } from "./source.ts";

/** A place in the code where the address of what is sent is at hand. */
export interface Site {
  readonly function: CallingFunction;
  /** Of the call, in bytes from the start of the section. */
  readonly offset: number;
  /** The address, as it is given there, or as the call returns it. */
  readonly value: Value;
  /** Whether the call returns it. */
  readonly returned: boolean;
}

/** One call that sends a record. */
export interface EventCall {
  /** The function that calls. */
  readonly caller: string;
  /** The map's name; undefined where the code does not tell. */
  readonly map: string | undefined;
  /** Bytes; undefined where it is not constant. */
  readonly size: number | undefined;
  /** Whether bytes of a packet may follow in the same record (BPF_F_CTXLEN_MASK). */
  readonly longer: boolean;
  /** Where the record is made: the call itself, then the call of the function that it is in, and so on. */
  readonly sites: readonly Site[];
}

/** Which arguments of a helper say what, and which type of map it sends to. */
interface Sender {
  readonly to: "ringbuf" | "perf_event_array";
  readonly map: number;
  readonly size: number;
  /** What is sent; absent where the helper gives the memory for it. */
  readonly data?: number;
  readonly flags?: number;
}

const PERF: Sender = { to: "perf_event_array", map: 1, flags: 2, data: 3, size: 4 };

/** By `enum bpf_func_id` (linux/bpf.h). */
export const SENDERS: ReadonlyMap<number, Sender> = new Map([
  // bpf_perf_event_output, bpf_skb_output, bpf_xdp_output
  [25, PERF],
  [111, PERF],
  [121, PERF],
  // bpf_ringbuf_output, bpf_ringbuf_reserve, bpf_ringbuf_reserve_dynptr
  [130, { to: "ringbuf", map: 0, data: 1, size: 2 }],
  [131, { to: "ringbuf", map: 0, size: 1 }],
  [198, { to: "ringbuf", map: 0, size: 1 }],
]);

const RESERVE_DYNPTR = 198;
const DYNPTR_WRITE = 202;
const DYNPTR_DATA = 203;
/** Helpers that say more of what others send. */
const OTHERS = [DYNPTR_WRITE, DYNPTR_DATA];

/** Every such call, by the type of map that it is for. */
export function findEventCalls(
  source: Source,
  bytes: Uint8Array,
  maps: readonly MapModel[],
): Readonly<Record<Sender["to"], readonly EventCall[]>> {
  const places = mapPlaces(source, maps);
  const calls: Record<Sender["to"], EventCall[]> = { ringbuf: [], perf_event_array: [] };
  const callers = findCallers(bytes, source.elf, new Set([...SENDERS.keys(), ...OTHERS]));
  for (const one of callers.functions)
    for (const call of one.calls) {
      const sender = SENDERS.get(call.helper);
      if (sender === undefined) continue;
      for (const sent of sentBy(callers, one, call, sender))
        calls[sender.to].push(readCall(call, sent, sender.to, places));
    }
  return calls;
}

/** What is known of a call, as far as its callers say. */
interface Sent {
  readonly map: Value;
  readonly size: Value;
  readonly flags: Value;
  readonly sites: readonly Site[];
}

/** The kernel's MAX_CALL_FRAMES. */
const MAX_FRAMES = 8;
/** Calls that one call of a helper is followed to; more are one that nobody knows. */
const MAX_CALLERS = 64;

function sentBy(callers: Callers, one: CallingFunction, call: HelperCall, sender: Sender): Sent[] {
  const { args, offset } = call;
  const sites = ownSites(one, call, sender).map((site) => ({ function: one, offset, ...site }));
  const sent = {
    map: args[sender.map],
    size: args[sender.size],
    flags: sender.flags === undefined ? 0n : args[sender.flags],
    sites,
  };
  const resolved = resolveCallers(callers, one, sent, MAX_FRAMES);
  return resolved.length > MAX_CALLERS ? [unresolved(sent)] : resolved;
}

/** What the call itself is given or gives; a dynptr is written to, or taken the address of, as a whole. */
function ownSites(one: CallingFunction, call: HelperCall, { data }: Sender): Pick<Site, "value" | "returned">[] {
  if (data !== undefined) return [{ value: call.args[data], returned: false }];
  if (call.helper !== RESERVE_DYNPTR) return [{ value: resultOf(call), returned: true }];
  const [, size, , dynptr] = call.args;
  if (typeof dynptr !== "string" || typeof size !== "bigint") return [];
  const whole = one.calls.flatMap(({ helper, args, offset }) => {
    if (helper === DYNPTR_WRITE && args[0] === dynptr && args[1] === 0n && args[3] === size)
      return [{ value: args[2], returned: false, offset }];
    if (helper === DYNPTR_DATA && args[0] === dynptr && args[1] === 0n && args[2] === size)
      return [{ value: resultOf({ offset }), returned: true, offset }];
    return [];
  });
  return whole.length === 1 ? whole : [];
}

/** The register of an argument that the function itself was given. */
function given(value: Value): number | undefined {
  const base = splitValue(value)?.base;
  return base?.startsWith("arg") === true ? Number(base.slice(3)) : undefined;
}

const dependsOnCaller = ({ map, size, flags, sites }: Sent): boolean =>
  [map, size, flags, sites.at(-1)?.value].some((value) => given(value) !== undefined);

/** The same once for each call of the function, with what that call gives. */
function resolveCallers(callers: Callers, one: CallingFunction, sent: Sent, frames: number): Sent[] {
  if (!dependsOnCaller(sent)) return [sent];
  const calls = frames === 0 ? undefined : callers.callsOf(one);
  if (calls === undefined || calls.length > MAX_CALLERS) return [unresolved(sent)];
  const all: Sent[] = [];
  for (const call of calls) {
    const passed = passedBy(call, sent);
    all.push(...resolveCallers(callers, call.from, passed, frames - 1));
    if (all.length > MAX_CALLERS) break;
  }
  return all;
}

function passedBy({ from, offset, args }: FunctionCall, { map, size, flags, sites }: Sent): Sent {
  const pass = (value: Value): Value => {
    const register = given(value);
    // An argument that was moved on is no longer the one that the caller has.
    return register === undefined ? value : splitValue(value)!.offset === 0 ? args[register - 1] : undefined;
  };
  const last = sites.at(-1);
  const site =
    given(last?.value) === undefined ? [] : [{ function: from, offset, value: pass(last!.value), returned: false }];
  return { map: pass(map), size: pass(size), flags: pass(flags), sites: [...sites, ...site] };
}

/** What is left where the callers are not known. */
function unresolved(sent: Sent): Sent {
  const known = (value: Value): Value => (given(value) === undefined ? value : undefined);
  return { ...sent, map: known(sent.map), size: known(sent.size), flags: known(sent.flags) };
}

const MAX_SIZE = 0xffffffffn;
/** The flags' upper half is how much of the packet follows. */
const MAX_FLAGS = 0xffffffffn;

function readCall(
  { caller }: HelperCall,
  { map, size, flags, sites }: Sent,
  to: Sender["to"],
  places: ReadonlyMap<unknown, MapModel>,
): EventCall {
  const target = places.get(map);
  return {
    caller,
    map: target?.type === to ? target.name : undefined,
    size: typeof size === "bigint" && size <= MAX_SIZE ? Number(size) : undefined,
    longer: typeof flags !== "bigint" || flags > MAX_FLAGS,
    sites,
  };
}

/** The maps by the addresses that programs refer to them by: as libbpf finds them, by section and offset alone. */
function mapPlaces({ elf }: Source, maps: readonly MapModel[]): ReadonlyMap<unknown, MapModel> {
  const byName = new Map(maps.map((map) => [map.name, map]));
  const places = new Map<unknown, MapModel>();
  for (const { name, section, value, kind } of elf.symbols) {
    const home = typeof section === "number" ? elf.sections[section]! : undefined;
    const map = kind === "section" ? undefined : byName.get(name);
    if (home !== undefined && map !== undefined && (home.name === ".maps" || isLegacySection(home)))
      places.set(addressValue(home.index, value), map);
  }
  return places;
}
