// Whether a map that somebody else made is the one that generated code describes: type and sizes, and where the kernel has
// BTF for it, names, offsets and sizes of the fields. libbpf compares sizes only (libbpf.c, `map_is_reuse_compat`).

import type { Codec } from "../codec/codec.ts";
import { detailsOf, elementsOf, type Field, fieldsOf } from "../codec/fields.ts";
import { join } from "../codec/checked.ts";
import { StaleError } from "../errors.ts";
import type { Library } from "../library.ts";
import { type BtfMember, type KernelBtf, readKernelBtf } from "../library/btf.ts";
import { bpfError } from "../library/failure.ts";
import { type KernelMapInfo, readMapInfo } from "../library/mapinfo.ts";
import type { MapSpec } from "./core.ts";

/** What a map must be: as a {@link MapSpec} says, under the name it has here. */
export interface Expected extends Omit<MapSpec<unknown>, "create"> {
  readonly name: string;
}

const regenerate = "regenerate with ebpf-skel gen from the object that made it";

/**
 * What the kernel says of the map behind `fd`; `otherwise` is what helps besides generating anew.
 * @throws StaleError naming the first thing in which it is not as expected
 */
export function checkMap(library: Library, fd: number, expected: Expected, otherwise = ""): KernelMapInfo {
  const { name } = expected;
  const info = readMapInfo(library, fd);
  if (typeof info === "number") throw bpfError(library, { errno: info, syscall: "bpf_obj_get_info_by_fd", map: name });
  const remedy = otherwise === "" ? regenerate : `${regenerate}, ${otherwise}`;
  const stale = (what: string): StaleError => new StaleError(`map ${name}: ${what} (${remedy})`);
  const same = (what: string, theirs: unknown, ours: unknown): void => {
    if (ours !== undefined && theirs !== ours) throw stale(`${what} is ${theirs} in the kernel's map, ${ours} here`);
  };
  // A type that this libbpf has no name for is whatever the generator says.
  if (expected.type !== "" && !info.type.startsWith("type_")) same("type", info.type, expected.type);
  same("key size", info.keySize, expected.keySize);
  same("value size", info.valueSize, expected.valueSize);
  const btf = info.btfId === 0 ? undefined : readKernelBtf(library, info.btfId);
  if (btf === undefined) return info;
  const sides = [
    ["key", expected.key, info.keyType],
    ["value", expected.value, info.valueType],
  ] as const;
  for (const [side, codec, type] of sides) {
    const difference = codec === undefined || type === 0 ? undefined : differenceOf(btf, type, codec, "");
    if (difference !== undefined) throw stale(`${side} ${difference}`);
  }
  return info;
}

/** Bits of a struct, from its start. */
interface Place {
  readonly bit: number;
  /** Undefined for a type of a kind that is newer than the reader of BTF. */
  readonly width: number | undefined;
}

/** Where a field of the codec's is. */
interface KnownPlace extends Place {
  readonly width: number;
}

/** How the kernel's type differs from the codec's: "field bytes is at 8 in the kernel's map, 0 here"; undefined: not. */
export function differenceOf(
  btf: KernelBtf,
  id: number,
  codec: Codec<unknown, never>,
  path: string,
): string | undefined {
  const type = btf.skip(id);
  const element = elementsOf(codec);
  const theirs = btf.element(type);
  if (element !== undefined && theirs !== undefined) return differenceOf(btf, theirs, element.codec, `${path}[]`);
  const fields = fieldsOf(codec);
  if (fields === undefined || !btf.isKnown(type)) return undefined;
  if (btf.compound(type) === undefined) return `${field(path)}is no struct in the kernel's map, ${codec.name} here`;
  const members = flatten(btf, type, 0);
  for (const ours of fields) {
    const at = join(path, ours.name);
    const member = members.find(({ name }) => name === ours.name);
    if (member === undefined) return `field ${at} is not in the kernel's map`;
    const difference =
      differenceOfPlaces(placeOfMember(btf, member), placeOfField(ours), `field ${at}`) ??
      differenceOf(btf, member.type, ours.codec, at);
    if (difference !== undefined) return difference;
  }
  const stranger = members.find((member) => isStranger(btf, member, fields));
  return stranger && `field ${join(path, stranger.name)} is in the kernel's map, not here`;
}

function field(path: string): string {
  return path === "" ? "" : `field ${path} `;
}

/** The members of a struct with those of its anonymous members, which as a whole go by the generator's name for them. */
function flatten(btf: KernelBtf, id: number, base: number): BtfMember[] {
  return btf.members(id).flatMap((member): BtfMember[] => {
    const at = { ...member, bit: base + member.bit };
    const type = btf.skip(member.type);
    const compound = btf.compound(type);
    if (member.name !== "" || compound === undefined) return [at];
    return [{ ...at, name: `${compound}_at_${at.bit / 8}` }, ...flatten(btf, type, at.bit)];
  });
}

function times8(bytes: number | undefined): number | undefined {
  return bytes && bytes * 8;
}

function placeOfMember(btf: KernelBtf, { type, bit, width }: BtfMember): Place {
  return { bit, width: width === 0 ? times8(btf.size(type)) : width };
}

function placeOfField({ offset, codec }: Field): KnownPlace {
  const { bit, width } = detailsOf(codec).bitfield ?? { bit: 0, width: codec.size * 8 };
  return { bit: offset * 8 + bit, width };
}

function differenceOfPlaces(theirs: Place, ours: KnownPlace, what: string): string | undefined {
  if (theirs.bit !== ours.bit) {
    const whole = theirs.bit % 8 === 0 && ours.bit % 8 === 0;
    const [a, b] = whole ? [theirs.bit / 8, ours.bit / 8] : [`bit ${theirs.bit}`, `bit ${ours.bit}`];
    return `${what} is at ${a} in the kernel's map, ${b} here`;
  }
  if (theirs.width === undefined || theirs.width === ours.width) return undefined;
  const whole = theirs.width % 8 === 0 && ours.width % 8 === 0;
  const [a, b, unit] = whole ? [theirs.width / 8, ours.width / 8, "bytes"] : [theirs.width, ours.width, "bits"];
  return `${what} has ${a} ${unit} in the kernel's map, ${b} here`;
}

/** Whether a member lies where the codec has padding, and is none that generated code leaves to the kernel. */
function isStranger(btf: KernelBtf, member: BtfMember, fields: readonly Field[]): boolean {
  // Where it begins is known of any type.
  const { bit, width = 1 } = placeOfMember(btf, member);
  const type = btf.skip(member.type);
  const ofKernel = btf.isTagged(type) || (btf.compound(type) === "struct" && btf.name(type).startsWith("bpf_"));
  if (member.name === "" || width === 0 || ofKernel) return false;
  return !fields.map(placeOfField).some((ours) => bit < ours.bit + ours.width && ours.bit < bit + width);
}
