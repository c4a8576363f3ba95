// The maps of an object in, the same with what is known of their events out: declared with `__type(value, ...)`, else what the
// debug information says of the variable or pointer that is sent, else inferred where every size that programs send is that of
// one struct of the author's.

import { skipModifiersAndTypedefs, sizeOf } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import { groupBy } from "../group.ts";
import { type Candidate, findAuthors } from "./authors.ts";
import { DebugTypes } from "./debugtypes.ts";
import { type EventCall, findEventCalls } from "./eventcalls.ts";
import type { EventsModel, MapModel, ProgramModel } from "./model.ts";
import type { Source } from "./source.ts";
import { listed, plain } from "./typefinder.ts";

/** Bytes of a value as the kernel wants it, by the type of the map: what it says of events is this generator's own rule. */
const VALUE_SIZES: Readonly<Record<string, number>> = { ringbuf: 0, user_ringbuf: 0, perf_event_array: 4 };

/** Whether maps of that type carry events. */
export function isEventMap({ type }: Pick<MapModel, "type">): boolean {
  return Object.hasOwn(VALUE_SIZES, type);
}

/** `value_size` as the map is made with, whatever its definition says. */
export function valueSizeOf({ type, valueSize }: MapModel): number {
  return VALUE_SIZES[type] ?? valueSize;
}

/**
 * The length that a record of `size` bytes arrives with, by which types are told apart: perf buffers round it up, with the 4
 * bytes of the length itself, to 8 (kernel/events/core.c `perf_sample_save_raw_data`).
 */
export function recordLength({ type }: Pick<MapModel, "type">, size: number): number {
  return type === "perf_event_array" ? Math.ceil((size + 4) / 8) * 8 - 4 : size;
}

/** The maps with their `events`, where they carry some, and the types that these need. */
export function withEvents(
  source: Source,
  bytes: Uint8Array,
  maps: readonly MapModel[],
  programs: readonly ProgramModel[],
): { readonly maps: readonly MapModel[]; readonly types: readonly BtfType[] } {
  const { types } = source;
  if (!maps.some((map) => isEventMap(map) || (map.inner && isEventMap(map.inner)))) return { maps, types };
  const sent = findEventCalls(source, bytes, maps);
  const byMap = groupBy([...sent.ringbuf, ...sent.perf_event_array], ({ map }) => map);
  const bySize = groupBy(findAuthors(source, bytes, maps, programs), ({ size }) => size);
  const debug = new DebugTypes(bytes, source.elf, types, source.warn);
  const strays = {
    ringbuf: sent.ringbuf.find(({ map }) => map === undefined),
    perf_event_array: sent.perf_event_array.find(({ map }) => map === undefined),
  };
  const typed = maps.map((map) => {
    // Programs reach inner maps by lookups: their code does not tell which.
    if (map.inner !== undefined && isEventMap(map.inner)) {
      const { inner } = map;
      return { ...map, inner: { ...inner, events: declaredOf(types, inner, []) ?? untyped([]) } };
    }
    if (!isEventMap(map)) return map;
    const own = byMap.get(map.name) ?? [];
    const sizes = [...new Set(own.map(({ size }) => size))].filter((size) => size !== undefined).sort((a, b) => a - b);
    const stray = map.type === "ringbuf" || map.type === "perf_event_array" ? strays[map.type] : undefined;
    const calls = stray === undefined ? own : [...own, stray];
    return { ...map, events: declaredOf(types, map, sizes) ?? infer(map, calls, sizes, { debug, bySize }) };
  });
  return joinTypes(typed, debug);
}

/** The maps with the ids that the types of their events have once those that nothing refers to are left out. */
function joinTypes(maps: readonly MapModel[], debug: DebugTypes): ReturnType<typeof withEvents> {
  const { types, ids } = debug.finish(maps.flatMap(({ events }) => events?.types ?? []));
  const renumbered = maps.map((map) =>
    map.events === undefined
      ? map
      : { ...map, events: { ...map.events, types: map.events.types.map((id) => ids.get(id)!) } },
  );
  return { maps: renumbered, types };
}

function untyped(sizes: readonly number[], reason?: string): EventsModel {
  return { types: [], source: "none", sizes, ...(reason !== undefined && { reason }) };
}

function declaredOf(types: readonly BtfType[], map: MapModel, sizes: readonly number[]): EventsModel | undefined {
  const { valueType } = map;
  if (valueType === undefined || sizeOf(types, valueType) === 0) return undefined;
  // The usual definition of a perf event array, whose value is the descriptor of a perf event.
  const isDescriptor = types[skipModifiersAndTypedefs(types, valueType)]!.kind === "int" && map.valueSize === 4;
  if (map.type === "perf_event_array" && isDescriptor) return undefined;
  return { types: [valueType], source: "declared", sizes };
}

/** What to write where nothing can be inferred. */
const remedy = ({ name }: MapModel, type = "TYPE"): string => `say what they are: gen --event ${name}=${type}`;

/** What tells the types of records: debug information, and the structs of the author by size. */
interface Tellers {
  readonly debug: DebugTypes;
  readonly bySize: ReadonlyMap<number, readonly Candidate[]>;
}

function infer(map: MapModel, calls: readonly EventCall[], sizes: readonly number[], tellers: Tellers): EventsModel {
  if (calls.length === 0) return untyped(sizes);
  const stray = calls.find((call) => call.map === undefined);
  if (stray !== undefined)
    return untyped(sizes, `${plain(stray.caller)} sends to a map that its code does not tell (${remedy(map)})`);
  const variable = calls.find(({ size }) => size === undefined);
  if (variable !== undefined)
    return untyped(sizes, `${plain(variable.caller)} sends a size that is not constant (${remedy(map)})`);
  const types: TypeId[] = [];
  let source: EventsModel["source"] = "dwarf";
  for (const size of sizes) {
    const one = typeOfSize(
      map,
      calls.filter((call) => call.size === size),
      size,
      tellers,
    );
    if ("reason" in one) return untyped(sizes, one.reason);
    types.push(one.type);
    // Of several, the weakest word counts.
    if (one.source === "inferred") source = "inferred";
  }
  if (sizes.length > 1 && !areApart(map, sizes, calls))
    return untyped(sizes, `sizes ${sizes.join(", ")} cannot be told apart by their length (${remedy(map)})`);
  return { types, source, sizes };
}

/** The one type of all records of a size, or why there is none. */
function typeOfSize(
  map: MapModel,
  calls: readonly EventCall[],
  size: number,
  { debug, bySize }: Tellers,
): { readonly type: TypeId; readonly source: "dwarf" | "inferred" } | { readonly reason: string } {
  const told = calls.map(({ sites }) => debug.ofRecord(sites, size));
  const all = told.flatMap(({ types }) => types);
  const types = all.filter((id, i) => all.findIndex((other) => debug.same(other, id)) === i);
  if (types.length > 1)
    return {
      reason: undecided(
        map,
        size,
        types.map((id) => spellType(debug.types, id)),
      ),
    };
  const fitting = bySize.get(size) ?? [];
  const covered = told.some((one) => one.covered);
  const isTold = types.length === 1 && told.every((one) => one.types.length === 1);
  if (isTold && told.every(({ placed }) => placed)) return { type: types[0]!, source: "dwarf" };
  // Where the functions are known and their places do not tell, a type that is the only one of its size is what is left.
  const left = isTold ? types[0] : fitting.length === 1 ? fitting[0]!.type : undefined;
  const rivals = covered ? debug.ofSize(size) : [];
  const others = [...types, ...(rivals ?? [])].filter((id) => left === undefined || !debug.same(id, left));
  if (left !== undefined && rivals !== undefined && others.length === 0)
    return { type: left, source: isTold ? "dwarf" : "inferred" };
  // What is neither declared around the call nor of the author's data is not named: it is the kernel's, as a rule.
  const known = [...types, ...fitting.map(({ type }) => type)];
  const named = known.length === 0 ? [] : [...known, ...others];
  const spelled = named.map((id) => spellType(debug.types, id));
  return { reason: undecided(map, size, [...new Set(spelled)], debug.exists) };
}

function areApart(map: MapModel, sizes: readonly number[], calls: readonly EventCall[]): boolean {
  const lengths = new Set(sizes.map((size) => recordLength(map, size)));
  return lengths.size === sizes.length && !calls.some(({ longer }) => longer);
}

/** Only the author's structs are named: of others BTF has mostly the kernel's, whose size is the same by chance. */
function undecided(map: MapModel, size: number, fitting: readonly string[], hasDebug = true): string {
  const sent = `programs send ${size} ${size === 1 ? "byte" : "bytes"}`;
  if (fitting.length > 0) {
    const type = plain(fitting[0]!.replace(/^(struct|union) /, ""));
    return `${sent}, the size of ${listed(fitting)} (${remedy(map, type)})`;
  }
  const line = "struct event *unused_event __attribute__((unused));";
  const lost = hasDebug ? "" : ", and the object has no debug information";
  const keep = hasDebug ? "" : "compile with -g and run gen before anything strips it, ";
  return `${sent}, which no struct of a global, map value or parameter has${lost} (${keep}add ${line} or ${remedy(map)})`;
}

/** What is doubtful of a map's events: that programs send what is no type here, or what does not fit the type. */
export function eventDoubt(types: readonly BtfType[], map: MapModel): string | undefined {
  const { events } = map;
  if (events === undefined || events.types.length === 0)
    return events?.reason === undefined ? undefined : `events are bytes: ${events.reason}`;
  const stranger = events.sizes.find((size) => !events.types.some((type) => fits(types, type, size)));
  if (stranger === undefined) return undefined;
  const named = events.types.map((type) => `${plain(spellType(types, type))} of ${sizeOf(types, type)} bytes`);
  const said = events.source === "option" ? "said to be" : "declared as";
  return `events are ${said} ${named.join(" and ")}, but programs send ${stranger} bytes (correct the type)`;
}

/** Whether `size` bytes are a value of the type, which may end in a flexible array. */
function fits(types: readonly BtfType[], id: TypeId, size: number): boolean {
  const own = sizeOf(types, id);
  return size === own || (size > own && endsInArray(types, id));
}

function endsInArray(types: readonly BtfType[], id: TypeId): boolean {
  for (let at: TypeId | undefined = id; at !== undefined;) {
    const type: BtfType = types[skipModifiersAndTypedefs(types, at)]!;
    if (type.kind === "array") return type.length === 0;
    at = type.kind === "struct" ? type.members.at(-1)?.type : undefined;
  }
  return false;
}
