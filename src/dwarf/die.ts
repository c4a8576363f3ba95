// One debugging information entry: its tag, and its attributes read when they are asked for.

import { ADDRESS_SIZE, AT, FORM } from "./abi.ts";
import type { Abbreviation } from "./abbrev.ts";
import { bad, type Cursor } from "./cursor.ts";
import type { Address, DebugSection } from "./sections.ts";
import type { Unit } from "./units.ts";

/** Entries that one look at children may pass, their own included. */
const MAX_ENTRIES = 1 << 24;

/** How many references lead from an entry to what it stands for. */
const MAX_ORIGINS = 8;

/** An entry. Two of them are one where their `key` is. */
export class Die {
  readonly unit: Unit;
  readonly at: number;
  readonly #shape: Abbreviation;
  /** Where the values of the attributes begin. */
  readonly #places: readonly number[];
  readonly #end: number;

  constructor(unit: Unit, shape: Abbreviation, at: number, places: readonly number[], end: number) {
    this.unit = unit;
    this.at = at;
    this.#shape = shape;
    this.#places = places;
    this.#end = end;
  }

  get tag(): number {
    return this.#shape.tag;
  }

  /** Tells entries apart, in all units. */
  get key(): string {
    return `${this.unit.index}:${this.at}`;
  }

  has(attribute: number): boolean {
    return this.#shape.attributes.includes(attribute);
  }

  /** A text. */
  text(attribute: number): string | undefined {
    const place = this.textPlace(attribute);
    return place && place.section.read(place.at).text();
  }

  /** Where a text stands. */
  textPlace(attribute: number): { readonly section: DebugSection; readonly at: number } | undefined {
    const found = this.#find(attribute);
    if (found === undefined) return undefined;
    const { form, place } = found;
    const { section, file, offsetSize } = this.unit;
    switch (form) {
      case FORM.string:
        return { section, at: place };
      case FORM.strp:
        return { section: file.section(".debug_str"), at: section.offset(place, offsetSize) };
      case FORM.line_strp:
        return { section: file.section(".debug_line_str"), at: section.offset(place, offsetSize) };
      case FORM.strx:
      case FORM.strx1:
      case FORM.strx2:
      case FORM.strx3:
      case FORM.strx4: {
        const offsets = file.section(".debug_str_offsets");
        const at = this.unit.base(AT.str_offsets_base) + readIndex(section.read(place), form) * offsetSize;
        return { section: file.section(".debug_str"), at: offsets.offset(at, offsetSize) };
      }
      default:
        return undefined;
    }
  }

  /** A constant. */
  constant(attribute: number): bigint | undefined {
    const found = this.#find(attribute);
    if (found === undefined) return undefined;
    const cursor = this.unit.section.read(found.place);
    switch (found.form) {
      case FORM.data1:
      case FORM.flag:
        return BigInt(cursor.u8());
      case FORM.data2:
        return BigInt(cursor.u16());
      case FORM.data4:
        return BigInt(cursor.u32());
      case FORM.data8:
        return cursor.u64();
      case FORM.udata:
        return BigInt(cursor.uleb());
      case FORM.sdata:
        return cursor.sleb();
      case FORM.implicit_const:
        return this.#shape.constants.get(found.index);
      case FORM.flag_present:
        return 1n;
      default:
        return undefined;
    }
  }

  /** A constant that counts bytes, bits or elements: not below zero, and exact. */
  count(attribute: number): number | undefined {
    const value = this.constant(attribute);
    if (value === undefined) return undefined;
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
      throw bad(`the entry at ${this.at} has the size ${value}`);
    return Number(value);
  }

  /** An offset in another section. */
  offset(attribute: number): number | undefined {
    const found = this.#find(attribute);
    const { section, offsetSize, version } = this.unit;
    if (found?.form === FORM.sec_offset) return section.offset(found.place, offsetSize);
    // Before version 4 these were plain numbers.
    if (version < 4 && found?.form === FORM.data4) return section.offset(found.place, 4);
    return undefined;
  }

  /** The index in a table of lists (DW_FORM_loclistx, DW_FORM_rnglistx). */
  listIndex(attribute: number): number | undefined {
    const found = this.#find(attribute);
    const indexed = found?.form === FORM.loclistx || found?.form === FORM.rnglistx;
    return indexed ? this.unit.section.read(found.place).uleb() : undefined;
  }

  /** An address of the object. */
  address(attribute: number): Address | undefined {
    const found = this.#find(attribute);
    if (found === undefined) return undefined;
    const { section } = this.unit;
    switch (found.form) {
      case FORM.addr:
        return section.address(found.place, ADDRESS_SIZE);
      case FORM.addrx:
      case FORM.addrx1:
      case FORM.addrx2:
      case FORM.addrx3:
      case FORM.addrx4:
        return this.unit.indexedAddress(readIndex(section.read(found.place), found.form));
      default:
        return undefined;
    }
  }

  /** An expression of DWARF. */
  expression(attribute: number): Cursor | undefined {
    const found = this.#find(attribute);
    if (found === undefined) return undefined;
    const cursor = this.unit.section.read(found.place);
    const length =
      found.form === FORM.exprloc || found.form === FORM.block
        ? cursor.uleb()
        : found.form === FORM.block1
          ? cursor.u8()
          : found.form === FORM.block2
            ? cursor.u16()
            : undefined;
    return length === undefined ? undefined : this.unit.section.read(cursor.at, cursor.at + length);
  }

  /** The entry that an attribute refers to. */
  reference(attribute: number): Die | undefined {
    const found = this.#find(attribute);
    if (found === undefined) return undefined;
    const { unit } = this;
    const cursor = unit.section.read(found.place);
    switch (found.form) {
      case FORM.ref1:
        return unit.die(unit.start + cursor.u8());
      case FORM.ref2:
        return unit.die(unit.start + cursor.u16());
      case FORM.ref4:
        return unit.die(unit.start + cursor.u32());
      case FORM.ref8:
        return unit.die(unit.start + cursor.unsigned(8));
      case FORM.ref_udata:
        return unit.die(unit.start + cursor.uleb());
      case FORM.ref_addr:
        return unit.file.dieAt(unit.section, unit.section.offset(found.place, unit.version < 3 ? 8 : unit.offsetSize));
      case FORM.ref_sig8:
        return unit.file.typeOf(cursor.u64());
      default:
        return undefined;
    }
  }

  /** The entry itself, then those it is an instance of (DW_AT_abstract_origin, DW_AT_specification). */
  origins(): Die[] {
    const all: Die[] = [this];
    for (let at: Die | undefined = this; all.length < MAX_ORIGINS; all.push(at)) {
      at = at.reference(AT.abstract_origin) ?? at.reference(AT.specification);
      if (at === undefined) return all;
    }
    throw bad(`the entry at ${this.at} stands for more than ${MAX_ORIGINS} others`);
  }

  /** The entries below this one. */
  *children(): Generator<Die> {
    if (!this.#shape.children) return;
    const { unit } = this;
    const cursor = unit.section.read(this.#end, unit.end);
    for (;;) {
      const child = unit.next(cursor);
      if (child === undefined) return;
      yield child;
      child.#skipChildren(cursor);
    }
  }

  #skipChildren(cursor: Cursor): void {
    const { unit } = this;
    let depth = this.#shape.children ? 1 : 0;
    for (let left = MAX_ENTRIES; depth > 0; left--) {
      if (left === 0) throw bad(`the entry at ${this.at} has more than ${MAX_ENTRIES} others below it`);
      const shape = unit.shape(cursor);
      if (shape === undefined) depth--;
      else {
        unit.skip(cursor, shape);
        if (shape.children) depth++;
      }
    }
  }

  #find(attribute: number): { readonly form: number; readonly place: number; readonly index: number } | undefined {
    const index = this.#shape.attributes.indexOf(attribute);
    return index < 0 ? undefined : { form: this.#shape.forms[index]!, place: this.#places[index]!, index };
  }
}

/** A number in one of the forms that count in a table. */
export function readIndex(cursor: Cursor, form: number): number {
  switch (form) {
    case FORM.strx1:
    case FORM.addrx1:
      return cursor.u8();
    case FORM.strx2:
    case FORM.addrx2:
      return cursor.u16();
    case FORM.strx3:
    case FORM.addrx3:
      return cursor.u24();
    case FORM.strx4:
    case FORM.addrx4:
      return cursor.u32();
    default:
      return cursor.uleb();
  }
}
