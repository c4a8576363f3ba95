// The sentences of generated doc comments: what a thing is in C, where it lies, what to beware of.

import type { FieldLayout, Hole, Layout, MapLayout, NamedLayout, StructLayout, Use } from "../layout/layout.ts";
import type { MapModel, ProgramModel, StructOpsModel } from "../object/model.ts";
import { comment } from "./text.ts";

/** Map types in words, where those of the kernel's name would not do. */
const TITLES: Readonly<Record<string, string>> = {
  lru_hash: "LRU hash",
  percpu_hash: "Per-CPU hash",
  percpu_array: "Per-CPU array",
  lru_percpu_hash: "LRU per-CPU hash",
  lpm_trie: "LPM trie",
  ringbuf: "Ring buffer",
  user_ringbuf: "User ring buffer",
  perf_event_array: "Perf event array",
  prog_array: "Program array",
  cgroup_array: "Cgroup array",
  array_of_maps: "Array of maps",
  hash_of_maps: "Hash of maps",
  bloom_filter: "Bloom filter",
  stack_trace: "Stack traces",
  sockmap: "Sockets",
  sockhash: "Sockets by key",
  reuseport_sockarray: "Reuseport sockets",
  devmap: "Devices",
  devmap_hash: "Devices by number",
  cpumap: "CPUs",
  xskmap: "AF_XDP sockets",
  sk_storage: "Socket storage",
  inode_storage: "Inode storage",
  task_storage: "Task storage",
  cgrp_storage: "Cgroup storage",
  cgroup_storage: "Cgroup storage (deprecated)",
  percpu_cgroup_storage: "Per-CPU cgroup storage (deprecated)",
};

const code = (text: string): string => `\`${comment(text).replace(/`/g, "'")}\``;

function bytesReason(layout: Layout): string {
  return layout.kind === "bytes" && layout.reason !== undefined ? ` (as bytes: ${comment(layout.reason)})` : "";
}

/** "bytes 4-7 and 20-23". */
export function spellHoles(holes: readonly Hole[]): string {
  const ranges = holes.map(({ offset, size }) => (size === 1 ? `${offset}` : `${offset}-${offset + size - 1}`));
  const one = ranges.length === 1 && holes[0]!.size === 1;
  return `${one ? "byte" : "bytes"} ${joined(ranges, "and")}`;
}

/** "`u32` at 0". */
export function fieldDoc({ spelled, offset, layout }: Pick<FieldLayout, "spelled" | "offset" | "layout">): string {
  // Shown as stored; `--as` shows it as meant.
  const network = layout.kind === "scalar" && /\b__be(16|32|64)\b/.test(spelled) ? ", network byte order" : "";
  if (layout.kind === "tail") return `${code(spelled.replace("[0]", "[]"))} from ${offset} to the record's end`;
  return `${code(spelled)} at ${offset}${network}${bytesReason(layout)}`;
}

/** "`struct event`, 32 bytes." */
export function namedDoc({ spelled, size }: Pick<NamedLayout, "spelled" | "size">): string {
  return `${code(spelled)}, ${size === 1 ? "1 byte" : `${size} bytes`}.`;
}

/** The same for a struct, with what its interface leaves out. */
export function structDoc(layout: StructLayout): string {
  const kernel =
    layout.kernelFields.length > 0
      ? ` Left to the kernel: ${layout.kernelFields.map(({ spelled }) => code(spelled)).join(", ")}.`
      : "";
  return `${namedDoc(layout)}${kernel}`;
}

/** What the reader of an Init type needs to know. */
export function initDoc({ unions }: StructLayout, name: string): string {
  const own = unions.length > 0 ? ": of members that share memory all, as read, or one" : "";
  return `What is written as ${code(name)}${own}.`;
}

function useDoc(use: Use): string {
  return `${code(use.spelled)}${bytesReason(use.layout)}`;
}

/** "Hash, 128 entries: `char[64]` to `u64`." `keyHoles` are the padding of the key's struct. */
export function mapDoc(map: MapModel, { key, value, events }: MapLayout, keyHoles: readonly Hole[]): string {
  const title = TITLES[map.type] ?? map.type[0]!.toUpperCase() + map.type.slice(1).replace(/_/g, " ");
  const unit = map.type.endsWith("ringbuf")
    ? "bytes"
    : map.type === "arena"
      ? "pages"
      : map.maxEntries === 1
        ? "entry"
        : "entries";
  const entries = map.maxEntries === 0 ? "" : `, ${map.maxEntries} ${unit}`;
  const types = [key, value].filter((use) => use !== undefined).map(useDoc);
  const contents = types.length === 0 ? eventsDoc(map, events) : `: ${types.join(" to ")}`;
  const padding =
    keyHoles.length === 0
      ? ""
      : ` The key has padding (${spellHoles(keyHoles)}): a BPF program must zero it, or lookups miss.`;
  return `${title}${entries}${contents}.${slotsDoc(map)}${padding}`;
}

/** ", of `struct call` or `struct exit`, inferred from the sizes 8 and 16 in the bytecode": where the type comes from, but for a declared one. */
function eventsDoc({ events }: MapModel, uses: readonly Use[] = []): string {
  if (uses.length === 0) return "";
  const sizes = events?.sizes ?? [];
  const from =
    events?.source === "dwarf"
      ? ", from the debug information"
      : events?.source === "inferred"
        ? `, inferred from the size${sizes.length === 1 ? "" : "s"} ${joined(sizes.map(String), "and")} in the bytecode`
        : "";
  return `, of ${joined(uses.map(useDoc), "or")}${from}`;
}

/** "a, b and c". */
function joined(parts: readonly string[], word: string): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} ${word} ${parts.at(-1)!}`;
}

const SHOWN_SLOTS = 8;

/** " Filled at load: 0 `inner_a`, 2 `inner_b`." */
function slotsDoc({ slots = [] }: MapModel): string {
  if (slots.length === 0) return "";
  const shown = slots.slice(0, SHOWN_SLOTS).map(({ index, name }) => `${index} ${code(name)}`);
  const more = slots.length > SHOWN_SLOTS ? ` and ${slots.length - SHOWN_SLOTS} more` : "";
  return ` Filled at load: ${shown.join(", ")}${more}.`;
}

/** "`u32` at 8". */
export function memberDoc(spelled: string, offset: number): string {
  return `${code(spelled)} at ${offset}`;
}

/** "`struct tcp_congestion_ops` in `SEC(".struct_ops.link")`". */
export function structOpsDoc({ section, autocreate }: StructOpsModel, spelled: string): string {
  const place = `${code(spelled)} in ${code(`SEC("${section}")`)}`;
  return autocreate ? place : `${place}, made only when \`$autocreate\` is set`;
}

/** "`SEC("xdp")`". */
export function programDoc(program: ProgramModel): string {
  const section = code(`SEC("${program.autoload ? "" : "?"}${program.section}")`);
  return program.autoload ? section : `${section}, loaded only when \`autoload\` is set`;
}
