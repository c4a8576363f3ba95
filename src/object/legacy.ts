// ELF and bytes in, the maps of `struct bpf_map_def SEC("maps")` out, as libbpf read them before 1.0: libbpf 0.8
// `bpf_object__init_user_maps`. Also of `SEC("maps/NAME")`, a map each, as gobpf and the kernel's samples had them.

import { trySizeOf } from "../btf/graph.ts";
import type { TypeId } from "../btf/types.ts";
import { SHT_PROGBITS } from "../elf/abi.ts";
import type { Elf, ElfSection, ElfSymbol } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { shown, SkelError, within } from "../errors.ts";
import { requireKernelName } from "./identifier.ts";
import { mapTypeName } from "./kernel.ts";
import { hiddenBy } from "./maps.ts";
import type { MapModel } from "./model.ts";
import type { Source } from "./source.ts";

/** type, key_size, value_size, max_entries, map_flags: what `struct bpf_map_def` of libbpf has. */
const FIELDS = 5;

/** A map with the symbol that programs refer to it by. */
export interface LegacyMap {
  readonly map: MapModel;
  readonly symbol: ElfSymbol;
}

export function isLegacySection({ name, type }: ElfSection): boolean {
  return (name === "maps" || name.startsWith("maps/")) && type === SHT_PROGBITS;
}

export function legacySections(elf: Elf): readonly ElfSection[] {
  return elf.sections.filter(isLegacySection);
}

/**
 * Types from `BPF_ANNOTATE_KV_PAIR(name, key, value)`, which leaves `struct ____btf_map_NAME { K key; V value; }` in BTF:
 * libbpf 0.8 `btf__get_map_kv_tids`.
 */
function readAnnotation(
  { types, warn }: Source,
  annotations: ReadonlyMap<string, TypeId>,
  { name, keySize, valueSize }: MapModel,
): Pick<MapModel, "keyType" | "valueType"> {
  const annotation = types[annotations.get(name) ?? 0]!;
  if (annotation.kind !== "struct") return {};
  const [key, value] = annotation.members;
  const sizes = [key, value].map((member) => member && trySizeOf(types, member.type));
  if (key !== undefined && value !== undefined && sizes[0] === keySize && sizes[1] === valueSize)
    return { keyType: key.type, valueType: value.type };
  const spelled = sizes.map((size) => size ?? "no").join(" and ");
  warn({
    where: `map ${name}`,
    what: `BPF_ANNOTATE_KV_PAIR is left aside: its types have ${spelled} bytes, the definition has ${keySize} and ${valueSize}`,
  });
  return {};
}

const ANNOTATION = "____btf_map_";

/** The annotation structs by the name of their map; the first of several counts, as in libbpf. */
function indexAnnotations({ types }: Source): ReadonlyMap<string, TypeId> {
  const annotations = new Map<string, TypeId>();
  types.forEach((type, id) => {
    if (type.kind !== "struct" || !type.name.startsWith(ANNOTATION)) return;
    const name = type.name.slice(ANNOTATION.length);
    if (!annotations.has(name)) annotations.set(name, id);
  });
  return annotations;
}

/** The definition `entry`, of which libbpf takes the fields that it knows and leaves 0 those that are missing. */
function readEntry(source: Source, name: string, entry: Uint8Array): MapModel {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const little = source.elf.endian === "little";
  const field = (index: number): number => (4 * index + 4 <= entry.length ? view.getUint32(4 * index, little) : 0);
  const typeId = field(0);
  const surplus = entry.subarray(4 * FIELDS).findIndex((byte) => byte !== 0);
  // libbpf 0.x refused it unless told to be lax; iproute2 and gobpf keep ids, pinning and inner maps there.
  if (surplus >= 0)
    source.warn({
      where: `map ${name}`,
      what: `what its definition says beyond map_flags, from byte ${4 * FIELDS + surplus} on, is left aside: libbpf has no such fields (set pinning and inner maps before load)`,
    });
  return {
    name,
    type: mapTypeName(typeId),
    typeId,
    keySize: field(1),
    valueSize: field(2),
    maxEntries: field(3),
    flags: field(4),
    extra: "0",
    numaNode: 0,
    pinning: "none",
    legacy: true,
  };
}

function readSection(
  source: Source,
  section: ElfSection,
  data: Uint8Array,
  annotations: ReadonlyMap<string, TypeId>,
): LegacyMap[] {
  const symbols = source.symbolsIn(section).filter(({ kind }) => kind !== "section");
  if (section.size === 0 && symbols.length === 0) return [];
  const size = section.size / symbols.length;
  if (!Number.isInteger(size) || size === 0) {
    const got = `${section.size} bytes for ${symbols.length} maps`;
    throw new SkelError("ERR_MAP_DEF", `legacy definitions must all have one size, got ${got}`);
  }
  return symbols
    .map((symbol) => {
      const { name, value, bind } = symbol;
      requireKernelName("map", name);
      return within(`map ${name}`, () => {
        if (value + size > section.size)
          throw new SkelError("ERR_MAP_DEF", `definition ends at byte ${value + size}, got ${section.size} bytes`);
        const linkage: MapModel["linkage"] = bind === "local" ? "static" : hiddenBy(symbol);
        const map = readEntry(source, name, data.subarray(value, value + size));
        return { symbol, map: { ...map, ...readAnnotation(source, annotations, map), ...(linkage && { linkage }) } };
      });
    })
    .sort((a, b) => a.symbol.value - b.symbol.value);
}

/** Every legacy map of the object that `bytes` are, by place; `taken` are the names of its other maps. */
export function readLegacyMaps(source: Source, bytes: Uint8Array, taken: readonly string[]): LegacyMap[] {
  const sections = legacySections(source.elf);
  if (sections.length === 0) return [];
  const annotations = indexAnnotations(source);
  const maps = sections.flatMap((section) =>
    within(`section ${shown(section.name)}`, () =>
      readSection(source, section, sectionData(bytes, section), annotations),
    ),
  );
  const seen = new Set(taken);
  for (const { map } of maps) {
    if (seen.has(map.name)) throw new SkelError("ERR_MAP_DEF", "defined twice", [`map ${map.name}`]);
    seen.add(map.name);
  }
  return maps;
}
