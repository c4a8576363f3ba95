// The bytes of a .BTF.ext section in, the types that its CO-RE records are about out: types of the running kernel, which
// libbpf looks for when it loads. https://docs.kernel.org/bpf/btf.html#btf-ext-section

import type { TypeId } from "./types.ts";

const MAGIC = 0xeb9f;
/** Where the header keeps offset and length of the CO-RE records; older ones end before. */
const CORE = 24;
const CORE_END = 32;
/** Section name and count before the records of a section. */
const SECTION_HEADER = 8;
const RECORD = 16;
/** BPF_CORE_TYPE_ID_LOCAL: the one kind that asks nothing of the kernel. */
export const TYPE_ID_LOCAL = 6;

/** What asks whether something is there and can do without: of fields, types (by name, by layout) and values. */
export const EXISTENCE: ReadonlySet<number> = new Set([2, 8, 12, 10]);

/** Ids of the types in records of some kinds (`enum bpf_core_relo_kind`); as libbpf does, what is malformed is left aside. */
export function readCoreTypes(
  bytes: Uint8Array,
  endian: "little" | "big",
  asks: (kind: number) => boolean = (kind) => kind !== TYPE_ID_LOCAL,
): ReadonlySet<TypeId> {
  const ids = new Set<TypeId>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => (at + 4 <= bytes.length ? view.getUint32(at, endian === "little") : 0);
  if (bytes.length < CORE_END || view.getUint16(0, endian === "little") !== MAGIC) return ids;
  const header = u32(4);
  if (header < CORE_END) return ids;
  const start = header + u32(CORE);
  const end = Math.min(start + u32(CORE + 4), bytes.length);
  const size = u32(start);
  if (size < RECORD) return ids;
  for (let at = start + 4; at + SECTION_HEADER <= end;) {
    const records = u32(at + 4);
    at += SECTION_HEADER;
    for (let i = 0; i < records && at + size <= end; i++, at += size) if (asks(u32(at + 12))) ids.add(u32(at + 4));
  }
  return ids;
}

/** Where the header keeps offset and length of each kind of records: of functions, of lines, of CO-RE. */
const KINDS = [8, 16, CORE];

/**
 * Whether there are records of a kind by their length, which is that of their size alone: libbpf refuses all of the section
 * then, and with it every object that needs BTF (btf.c, `btf_ext_setup_info`). clang 8 and 9 wrote such ones.
 */
export function hasNoRecords(bytes: Uint8Array, endian: "little" | "big"): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => (at + 4 <= bytes.length ? view.getUint32(at, endian === "little") : 0);
  if (bytes.length < CORE || view.getUint16(0, endian === "little") !== MAGIC) return false;
  return KINDS.some((at) => at + 8 <= u32(4) && u32(at + 4) === 4);
}
