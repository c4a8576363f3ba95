// The rules for what `.values = {...}` puts into maps of maps and arrays of programs at load. libbpf.c
// `bpf_object__collect_map_relos`, `init_map_in_map_slots` and `init_prog_array_slots`; kernel/bpf/map_in_map.c.

import { shown } from "../errors.ts";
import type { MapModel, ObjectModel, ProgramModel, SlotModel } from "../object/model.ts";
import { valueSizeOf } from "../object/events.ts";
import type { Rule } from "./rule.ts";

/** A slot that load fills. */
export interface FilledSlot {
  /** Whose slot it is. */
  readonly map: MapModel;
  readonly slot: SlotModel;
  /** What it names. */
  readonly target: { readonly map?: MapModel | undefined; readonly program?: ProgramModel | undefined };
  /** The program in the first slot of an array of programs. */
  readonly first: ProgramModel | undefined;
}

/** The filled slots of a map. */
export function slotsOf(map: MapModel, { maps, programs }: ObjectModel): FilledSlot[] {
  const { slots = [], inner } = map;
  const target = ({ name }: SlotModel): FilledSlot["target"] =>
    inner === undefined
      ? { program: programs.find((program) => program.name === name) }
      : { map: maps.find((other) => other.name === name) };
  const first = slots[0] && target(slots[0]).program;
  return slots.map((slot) => ({ map, slot, target: target(slot), first }));
}

const BPF_F_INNER_MAP = 1 << 12;

/** How the map differs from the definition of inner maps: the kernel's `bpf_map_meta_equal` and `array_map_meta_equal`. */
function differenceOf(inner: MapModel, map: MapModel): string | undefined {
  const pairs: readonly (readonly [what: string, wanted: string | number, got: string | number])[] = [
    ["type", inner.type, map.type],
    ["key_size", inner.keySize, map.keySize],
    ["value_size", inner.valueSize, valueSizeOf(map)],
    ["map_flags", inner.flags, map.flags],
    ...(inner.type === "array" && (inner.flags & BPF_F_INNER_MAP) === 0
      ? [["max_entries", inner.maxEntries, map.maxEntries] as const]
      : []),
  ];
  const found = pairs.find(([, wanted, got]) => wanted !== got);
  return found && `another ${found[0]} than the inner map of the definition, expected ${found[1]}, got ${found[2]}`;
}

/** XDP programs for packets of several buffers are a type of their own to arrays of programs (kernel/bpf/core.c). */
function typeOf({ sec }: ProgramModel): string | undefined {
  if (sec === undefined) return undefined;
  return sec.type === "xdp" && sec.prefix.startsWith("xdp.frags") ? "xdp.frags" : sec.type;
}

/** Of a map with slots. */
export const FILLED: readonly Rule<MapModel>[] = [
  {
    name: "slot-key",
    stops: "open",
    broken: ({ type, keySize, slots }) =>
      type === "hash_of_maps" && slots !== undefined && keySize !== 4
        ? `libbpf fills slots only of maps whose key is 4 bytes, got ${keySize} (declare __type(key, __u32), or leave .values out)`
        : undefined,
  },
  {
    name: "slot-entries",
    stops: "load",
    broken: ({ type, maxEntries, slots = [] }) => {
      const needed = type === "hash_of_maps" ? slots.length : Math.max(...slots.map(({ index }) => index)) + 1;
      return maxEntries !== 0 && needed > maxEntries
        ? `.values needs ${needed} entries, got max_entries ${maxEntries} (raise it, or set maxEntries before load)`
        : undefined;
    },
  },
];

/** Of each slot. */
export const SLOTS: readonly Rule<FilledSlot>[] = [
  {
    name: "slot-inner-map",
    stops: "load",
    broken: ({ map: { inner }, slot, target }) => {
      const difference = inner && target.map && differenceOf(inner, target.map);
      return (
        difference && `slot ${slot.index}: map ${slot.name} has ${difference} (define it as __array(values, ...) says)`
      );
    },
  },
  {
    name: "slot-program",
    stops: "load",
    broken: ({ slot, target: { program } }) =>
      program?.autoload === false
        ? `slot ${slot.index}: libbpf does not load program ${shown(slot.name)} of SEC("?...") (leave out the ?, or set autoload before load)`
        : undefined,
  },
  {
    name: "slot-program-type",
    stops: "load",
    broken: ({ slot, target: { program }, first }) => {
      const [wanted, got] = [first && typeOf(first), program && typeOf(program)];
      return wanted === undefined || got === undefined || wanted === got
        ? undefined
        : `slot ${slot.index}: the kernel refuses programs of several types in one map, got ${wanted} and ${got} (use a map for each)`;
    },
  },
];
