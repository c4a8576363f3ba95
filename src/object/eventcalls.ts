// Bytes of an object and its maps in, the calls that send records to its ring buffers and perf buffers out.

import { addressValue, findHelperCalls, type HelperCall } from "../bytecode/calls.ts";
import { isLegacySection } from "./legacy.ts";
import type { MapModel } from "./model.ts";
import type { Source } from "./source.ts";

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
}

/** Which arguments of a helper say what, and which type of map it sends to. */
interface Sender {
  readonly to: "ringbuf" | "perf_event_array";
  readonly map: number;
  readonly size: number;
  readonly flags?: number;
}

const RINGBUF: Omit<Sender, "size"> = { to: "ringbuf", map: 0 };
const PERF: Sender = { to: "perf_event_array", map: 1, flags: 2, size: 4 };

/** By `enum bpf_func_id` (linux/bpf.h). */
export const SENDERS: ReadonlyMap<number, Sender> = new Map([
  // bpf_perf_event_output, bpf_skb_output, bpf_xdp_output
  [25, PERF],
  [111, PERF],
  [121, PERF],
  // bpf_ringbuf_output, bpf_ringbuf_reserve, bpf_ringbuf_reserve_dynptr
  [130, { ...RINGBUF, size: 2 }],
  [131, { ...RINGBUF, size: 1 }],
  [198, { ...RINGBUF, size: 1 }],
]);

/** Every such call, by the type of map that it is for. */
export function findEventCalls(
  source: Source,
  bytes: Uint8Array,
  maps: readonly MapModel[],
): Readonly<Record<Sender["to"], readonly EventCall[]>> {
  const places = mapPlaces(source, maps);
  const calls: Record<Sender["to"], EventCall[]> = { ringbuf: [], perf_event_array: [] };
  for (const call of findHelperCalls(bytes, source.elf, new Set(SENDERS.keys()))) {
    const sender = SENDERS.get(call.helper)!;
    calls[sender.to].push(readCall(call, sender, places));
  }
  return calls;
}

const MAX_SIZE = 0xffffffffn;
/** The flags' upper half is how much of the packet follows. */
const MAX_FLAGS = 0xffffffffn;

function readCall({ caller, args }: HelperCall, sender: Sender, places: ReadonlyMap<unknown, MapModel>): EventCall {
  const map = places.get(args[sender.map]);
  const size = args[sender.size];
  const flags = sender.flags === undefined ? 0n : args[sender.flags];
  return {
    caller,
    map: map?.type === sender.to ? map.name : undefined,
    size: typeof size === "bigint" && size <= MAX_SIZE ? Number(size) : undefined,
    longer: typeof flags !== "bigint" || flags > MAX_FLAGS,
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
