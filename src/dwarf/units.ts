// `.debug_info` in, its units out: headers, and where the tables begin that a unit's entries refer to.

import type { Elf } from "../elf/elf.ts";
import { ADDRESS_SIZE, AT, UT } from "./abi.ts";
import { type Abbreviation, type Format, readAbbreviations, skipValue } from "./abbrev.ts";
import { bad, type Cursor } from "./cursor.ts";
import { Die } from "./die.ts";
import { type Address, type DebugSection, openDebugSections } from "./sections.ts";

/** Units of one object: hostile ones could have millions of no contents. */
const MAX_UNITS = 1 << 16;

/** One unit: what was compiled at once, or one type (`-fdebug-types-section`). */
export class Unit implements Format {
  readonly file: DebugFile;
  readonly section: DebugSection;
  /** Tells the units of a file apart. */
  readonly index: number;
  readonly version: number;
  readonly offsetSize: 4 | 8;
  /** Where the header begins, which references within the unit count from. */
  readonly start: number;
  /** Where its first entry begins. */
  readonly first: number;
  readonly end: number;
  readonly #abbreviationsAt: number;
  #abbreviations: ReadonlyMap<number, Abbreviation> | undefined;
  #root: Die | undefined;

  constructor(
    file: DebugFile,
    section: DebugSection,
    header: Pick<Unit, "index" | "version" | "offsetSize" | "start" | "first" | "end"> & {
      readonly abbreviationsAt: number;
    },
  ) {
    this.file = file;
    this.section = section;
    this.index = header.index;
    this.version = header.version;
    this.offsetSize = header.offsetSize;
    this.start = header.start;
    this.first = header.first;
    this.end = header.end;
    this.#abbreviationsAt = header.abbreviationsAt;
  }

  get abbreviations(): ReadonlyMap<number, Abbreviation> {
    return (this.#abbreviations ??= this.file.abbreviationsAt(this.#abbreviationsAt, this));
  }

  get root(): Die {
    return (this.#root ??= this.die(this.first));
  }

  /** The entry at an offset of the section. */
  die(at: number): Die {
    if (at < this.first || at >= this.end)
      throw bad(`an entry is at ${at}, got a unit of ${this.first} to ${this.end}`);
    const cursor = this.section.read(at, this.end);
    const die = this.next(cursor);
    if (die === undefined) throw bad(`there is no entry at ${at}`);
    return die;
  }

  /** The entry at the cursor, which moves past it; undefined for the mark that ends a list. */
  next(cursor: Cursor): Die | undefined {
    const at = cursor.at;
    const abbreviation = this.shape(cursor);
    if (abbreviation === undefined) return undefined;
    const places = abbreviation.forms.map((form) => {
      const place = cursor.at;
      skipValue(cursor, form, this);
      return place;
    });
    return new Die(this, abbreviation, at, places, cursor.at);
  }

  /** The abbreviation at the cursor, which moves past its code. */
  shape(cursor: Cursor): Abbreviation | undefined {
    const at = cursor.at;
    const code = cursor.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.abbreviations.get(code);
    if (abbreviation === undefined) throw bad(`the entry at ${at} has the unknown abbreviation ${code}`);
    return abbreviation;
  }

  /** Moves past the attributes of an entry of that shape. */
  skip(cursor: Cursor, { size, forms }: Abbreviation): void {
    if (size >= 0) cursor.skip(size);
    else for (const form of forms) skipValue(cursor, form, this);
  }

  /** Where the entries of an indexed table begin: what the unit says, else behind the header that the section begins with. */
  base(attribute: number): number {
    const said = this.root.offset(attribute);
    return said ?? (this.offsetSize === 4 ? 8 : 16);
  }

  /** The address of that index (DW_FORM_addrx). */
  indexedAddress(index: number): Address {
    const section = this.file.section(".debug_addr");
    return section.address(this.base(AT.addr_base) + index * ADDRESS_SIZE, ADDRESS_SIZE);
  }
}

/** The debug information of one object. */
export class DebugFile {
  readonly units: readonly Unit[];
  readonly #sections: ReadonlyMap<string, readonly DebugSection[]>;
  readonly #tables = new Map<string, ReadonlyMap<number, Abbreviation>>();
  readonly #types = new Map<bigint, { readonly unit: Unit; readonly at: number }>();
  #count = 0;

  constructor(sections: ReadonlyMap<string, readonly DebugSection[]>) {
    this.#sections = sections;
    this.units = [...(sections.get(".debug_info") ?? []), ...(sections.get(".debug_types") ?? [])].flatMap((section) =>
      this.#readUnits(section),
    );
  }

  section(name: string): DebugSection {
    const found = this.#sections.get(name)?.[0];
    if (found === undefined) throw bad("is missing, and others refer to it", name);
    return found;
  }

  /** The type with a signature (DW_FORM_ref_sig8). */
  typeOf(signature: bigint): Die {
    const found = this.#types.get(signature);
    if (found === undefined) throw bad(`no type has the signature ${signature}`);
    return found.unit.die(found.at);
  }

  /** The entry at an offset of a section, in whichever unit. */
  dieAt(section: DebugSection, at: number): Die {
    const unit = this.units.find((one) => one.section === section && at >= one.first && at < one.end);
    if (unit === undefined) throw bad(`no unit has the entry at ${at}`);
    return unit.die(at);
  }

  abbreviationsAt(at: number, format: Format): ReadonlyMap<number, Abbreviation> {
    const key = `${at} ${format.version} ${format.offsetSize}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = readAbbreviations(this.section(".debug_abbrev").read(at), format);
      this.#tables.set(key, table);
    }
    return table;
  }

  #readUnits(section: DebugSection): Unit[] {
    const units: Unit[] = [];
    for (const cursor = section.read(); cursor.at < cursor.end;) {
      const unit = this.#readUnit(section, cursor);
      if (unit !== undefined) units.push(unit);
      if (this.#count > MAX_UNITS) throw bad(`has more than ${MAX_UNITS} units`, section.name);
    }
    return units;
  }

  /** Moves past a unit. Split units (`-gsplit-dwarf`) have their entries in another file. */
  #readUnit(section: DebugSection, cursor: Cursor): Unit | undefined {
    const start = cursor.at;
    const short = cursor.u32();
    if (short >= 0xfffffff0 && short !== 0xffffffff) throw bad(`the unit at ${start} has the length ${short}`);
    const offsetSize = short === 0xffffffff ? 8 : 4;
    const length = offsetSize === 8 ? cursor.unsigned(8) : short;
    const from = cursor.at;
    cursor.skip(length);
    const end = cursor.at;
    const header = section.read(from, end);
    const version = header.u16();
    if (version < 2 || version > 5)
      throw bad(`the unit at ${start} has version ${version}, newer than this reader, which knows 2 to 5`);
    const type = version === 5 ? header.u8() : section.name === ".debug_types" ? UT.type : UT.compile;
    if (version === 5 && header.u8() !== ADDRESS_SIZE)
      throw bad(`the unit at ${start} has addresses of other sizes than 8`);
    const abbreviationsAt = section.offset(header.skip(offsetSize), offsetSize);
    if (version < 5 && header.u8() !== ADDRESS_SIZE)
      throw bad(`the unit at ${start} has addresses of other sizes than 8`);
    if (type === UT.skeleton || type === UT.split_compile || type === UT.split_type) return undefined;
    const signature = type === UT.type ? header.u64() : undefined;
    const typeAt = signature === undefined ? 0 : header.unsigned(offsetSize);
    const index = this.#count++;
    const unit = new Unit(this, section, { index, version, offsetSize, start, first: header.at, end, abbreviationsAt });
    if (signature !== undefined) this.#types.set(signature, { unit, at: start + typeAt });
    return header.at < end ? unit : undefined;
  }
}

/** The debug information of an object; undefined where it has none. */
export function openDebugFile(bytes: Uint8Array, elf: Elf): DebugFile | undefined {
  const sections = openDebugSections(bytes, elf);
  return sections.has(".debug_info") ? new DebugFile(sections) : undefined;
}
