// A loaded object in, what it holds and sends out: one reader for each kind of thing that can be looked at.

import type { LoadedHandle, PerfEventArray, RingBuf, UnknownRecord } from "@ebpf-skel/runtime";
import type { Layouts, Use } from "../../layout/layout.ts";
import type { MapModel } from "../../object/model.ts";
import type { Reading } from "../../layout/differ.ts";
import { type Column, columnsOf, columnsOfUse, isZero, type Types, typesOf } from "./cells.ts";
import type { EventItem, Global, Item, MapState } from "./items.ts";
import type { AnyShape } from "./skeleton.ts";

/** Kinds of maps that can be gone through. */
const KEYED = [
  "hash",
  "lru_hash",
  "percpu_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "cgroup_storage",
  "percpu_cgroup_storage",
];
const INDEXED = ["array", "percpu_array"];

/** Of larger maps that is what is looked at: going through one takes time. */
const MOST_ENTRIES = 65_536;

export function isBuffer({ type }: MapModel): boolean {
  return type === "ringbuf" || type === "perf_event_array";
}

/** The maps whose entries can be shown. */
export function readableMaps({ model, layouts }: Reading): MapModel[] {
  const hasValue = (name: string): boolean => layouts.maps.find((map) => map.name === name)?.value !== undefined;
  return model.maps.filter(({ name, type }) => [...KEYED, ...INDEXED].includes(type) && hasValue(name));
}

/** The columns that events of a buffer can have, one list for each type. */
export function eventColumns(layouts: Layouts, map: string): Column[][] {
  const types = typesOf(layouts);
  const { events = [] } = layouts.maps.find(({ name }) => name === map) ?? {};
  return events.length === 0 ? [columnsOfUse(undefined, types)] : events.map((use) => columnsOfUse(use, types));
}

/** Those of the type that has the fields of `event`: the runtime told them apart by their length. */
function columnsFor(event: unknown, all: readonly (readonly Column[])[]): readonly Column[] {
  if (all.length === 1 || typeof event !== "object" || event === null) return all[0]!;
  const fields = Object.keys(event).join();
  const namesOf = (columns: readonly Column[]): string => [...new Set(columns.map(({ path }) => path[0]))].join();
  return all.find((columns) => namesOf(columns) === fields) ?? all[0]!;
}

/** Hands the events of a buffer to `take` from now on, until `signal`. */
export function watchEvents(
  live: LoadedHandle<AnyShape>,
  layouts: Layouts,
  map: MapModel,
  signal: AbortSignal,
  take: (item: EventItem | Extract<Item, { kind: "lost" }>) => void,
): void {
  const all = eventColumns(layouts, map.name);
  const plain = columnsOfUse(undefined, typesOf(layouts));
  const tell = (event: unknown, columns: readonly Column[], cpu?: number): void =>
    take({ kind: "event", time: new Date(), map: map.name, ...(cpu === undefined ? {} : { cpu }), event, columns });
  const unknown = ({ bytes }: UnknownRecord): void => tell(bytes, plain);
  const handle: unknown = live.maps[map.name];
  if (map.type === "ringbuf") {
    (handle as RingBuf<unknown>).subscribe((event) => tell(event, columnsFor(event, all)), { signal, unknown });
  } else {
    (handle as PerfEventArray<unknown>).subscribe((event, cpu) => tell(event, columnsFor(event, all), cpu), {
      signal,
      unknown,
      lost: (count, cpu) => take({ kind: "lost", map: map.name, count, cpu }),
    });
  }
}

interface Entries {
  entries(): Iterable<readonly [unknown, unknown]>;
}

/** What a map holds now; of an array what is not zero. */
export function readMap(live: LoadedHandle<AnyShape>, layouts: Layouts, map: MapModel): MapState {
  const types = typesOf(layouts);
  const uses = layouts.maps.find(({ name }) => name === map.name)!;
  const handle = live.maps[map.name] as unknown as Entries;
  const entries: (readonly [unknown, unknown])[] = [];
  const skipsZero = INDEXED.includes(map.type);
  let more = false;
  for (const entry of handle.entries()) {
    if (skipsZero && isZero(entry[1])) continue;
    if ((more = entries.length === MOST_ENTRIES)) break;
    entries.push(entry);
  }
  const key = INDEXED.includes(map.type) ? indexColumns : columnsOfUse(uses.key, types, "key");
  return { map, entries, more, key, value: valueColumns(map, uses.value!, types) };
}

const indexColumns: readonly Column[] = [{ title: "index", path: [], layout: undefined, right: true, width: 5 }];

/** Of per-CPU maps a value is the list of those of all CPUs. */
function valueColumns({ type, maxEntries }: MapModel, use: Use, types: Types): Column[] {
  if (!type.includes("percpu")) return columnsOfUse(use, types);
  return columnsOf({ kind: "list", length: maxEntries, element: use.layout }, types, "cpus");
}

/** The variables that are worth a look: not constants, and of pointers those that point somewhere. */
export function readGlobals(live: LoadedHandle<AnyShape>, { model, layouts }: Reading): Global[] {
  const shown = model.sections.filter(({ kind }) => kind === "data" || kind === "bss" || kind === "arena");
  return shown.flatMap(({ ident }) => {
    const section = (live as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[ident]!;
    const { variables = [] } = layouts.sections.find((one) => one.ident === ident) ?? {};
    return variables
      .map(({ name, layout }) => ({
        section: ident,
        name,
        value: section[name],
        // One column, also of a struct.
        column: { title: name, path: [], layout, right: false, width: 0 },
      }))
      .filter(({ value, column }) => column.layout.kind !== "pointer" || value !== 0n);
  });
}
