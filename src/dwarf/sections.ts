// Bytes of an object in, its debug sections with what relocations make of them out. clang leaves the addends in the sections
// and relocations for every reference (R_BPF_64_ABS32, ABS64, NODYLD32), gcc as well; they are applied when a number is read.

import { inflateSync } from "node:zlib";
import { REL_SIZE, SHF_COMPRESSED, SHT_REL, SHT_RELA } from "../elf/abi.ts";
import { isDebugSection } from "../elf/debug.ts";
import type { Elf, ElfSection } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { bad, Cursor } from "./cursor.ts";

/** An address of the object: a byte of a section of code or data. */
export interface Address {
  /** Index of the section; undefined for a number that no relocation makes an address. */
  readonly section: number | undefined;
  readonly offset: number;
}

/** Relocations of one section, sorted by what they patch: typed arrays, since there may be millions. */
interface Relocations {
  readonly offsets: Float64Array;
  readonly symbols: Uint32Array;
  /** Of SHT_RELA, whose addends do not stand in the section. */
  readonly addends: Float64Array | undefined;
}

/** One debug section. */
export class DebugSection {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly #elf: Elf;
  readonly #relocations: Relocations | undefined;
  readonly #little: boolean;

  constructor(name: string, bytes: Uint8Array, elf: Elf, relocations: Relocations | undefined) {
    this.name = name;
    this.bytes = bytes;
    this.#elf = elf;
    this.#little = elf.endian === "little";
    this.#relocations = relocations;
  }

  /** Reads from `at` on, up to `end`. */
  read(at: number = 0, end: number = this.bytes.length): Cursor {
    return new Cursor(this.bytes, this.#little, at, end);
  }

  /** What the number that stands at `at` means as an offset in another debug section. */
  offset(at: number, size: 4 | 8): number {
    return this.address(at, size).offset;
  }

  /** What the number that stands at `at` means as an address. */
  address(at: number, size: 4 | 8): Address {
    const stored = this.read(at).unsigned(size);
    const index = this.#relocations === undefined ? -1 : find(this.#relocations.offsets, at);
    if (index < 0) return { section: undefined, offset: stored };
    const { symbols, addends } = this.#relocations!;
    const { section, value } = this.#elf.symbols[symbols[index]!]!;
    return {
      section: typeof section === "number" ? section : undefined,
      offset: value + (addends === undefined ? stored : addends[index]!),
    };
  }
}

function find(sorted: Float64Array, wanted: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted ? low : -1;
}

/** The debug sections of an object by name; several of one name are units of types, each in a group of its own. */
export function openDebugSections(bytes: Uint8Array, elf: Elf): ReadonlyMap<string, readonly DebugSection[]> {
  const patches = new Map<number, ElfSection>();
  for (const section of elf.sections)
    if ((section.type === SHT_REL || section.type === SHT_RELA) && section.size > 0) patches.set(section.info, section);
  const found = new Map<string, DebugSection[]>();
  for (const section of elf.sections) {
    if (!isDebugSection(section)) continue;
    const patch = patches.get(section.index);
    const relocations = patch === undefined ? undefined : readRelocations(bytes, elf, patch);
    const one = new DebugSection(section.name, contents(bytes, elf, section), elf, relocations);
    const others = found.get(section.name);
    if (others === undefined) found.set(section.name, [one]);
    else others.push(one);
  }
  return found;
}

const RELA_SIZE = 24;

function readRelocations(bytes: Uint8Array, elf: Elf, section: ElfSection): Relocations {
  const cursor = new Cursor(sectionData(bytes, section), elf.endian === "little");
  const withAddends = section.type === SHT_RELA;
  const count = Math.floor(section.size / (withAddends ? RELA_SIZE : REL_SIZE));
  let relocations = {
    offsets: new Float64Array(count),
    symbols: new Uint32Array(count),
    addends: withAddends ? new Float64Array(count) : undefined,
  };
  let sorted = true;
  for (let i = 0; i < count; i++) {
    relocations.offsets[i] = cursor.unsigned(8);
    const [first, second] = [cursor.u32(), cursor.u32()];
    const symbol = elf.endian === "little" ? second : first;
    if (symbol >= elf.symbols.length) throw bad(`relocation ${i} names symbol ${symbol}`, section.name);
    relocations.symbols[i] = symbol;
    if (relocations.addends !== undefined) relocations.addends[i] = Number(BigInt.asIntN(64, cursor.u64()));
    sorted &&= i === 0 || relocations.offsets[i - 1]! <= relocations.offsets[i]!;
  }
  if (!sorted) {
    const order = Uint32Array.from({ length: count }, (_, i) => i).sort(
      (a, b) => relocations.offsets[a]! - relocations.offsets[b]!,
    );
    const { offsets, symbols, addends } = relocations;
    relocations = {
      offsets: Float64Array.from(order, (i) => offsets[i]!),
      symbols: Uint32Array.from(order, (i) => symbols[i]!),
      addends: addends && Float64Array.from(order, (i) => addends[i]!),
    };
  }
  return relocations;
}

/** `Elf64_Chdr`: type, reserved, size, alignment. */
const CHDR_SIZE = 24;
const ELFCOMPRESS_ZLIB = 1;
/** Bytes that a section may grow to; the whole file has at most 64 MB. */
const MAX_INFLATED = 256 * 1024 * 1024;

/** The bytes of a section, as `-gz` would not have compressed them. */
function contents(bytes: Uint8Array, elf: Elf, section: ElfSection): Uint8Array {
  const stored = sectionData(bytes, section);
  if ((section.flags & SHF_COMPRESSED) === 0) return stored;
  const cursor = new Cursor(stored, elf.endian === "little");
  const type = cursor.u32();
  cursor.skip(4);
  const size = cursor.unsigned(8);
  if (type !== ELFCOMPRESS_ZLIB)
    throw bad(`is compressed with method ${type} (compile with -gz=zlib or without)`, section.name);
  if (size > MAX_INFLATED) throw bad(`has ${size} bytes uncompressed, more than ${MAX_INFLATED}`, section.name);
  try {
    const inflated = inflateSync(stored.subarray(CHDR_SIZE), { maxOutputLength: size + 1 });
    if (inflated.length === size) return new Uint8Array(inflated.buffer, inflated.byteOffset, size);
  } catch {
    // What zlib refuses is what its length contradicts: damage.
  }
  throw bad(`does not uncompress to ${size} bytes`, section.name);
}
