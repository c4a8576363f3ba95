// `.debug_abbrev` in, the shapes of debugging information entries (DIEs) out: tag, attributes, and how each is stored.

import { ADDRESS_SIZE, AT, FORM } from "./abi.ts";
import { bad, type Cursor } from "./cursor.ts";

/** How one kind of entry is stored. */
export interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  /** `DW_AT_*`, and the `DW_FORM_*` of each at the same index. */
  readonly attributes: readonly number[];
  readonly forms: readonly number[];
  /** The values of DW_FORM_implicit_const, by index. */
  readonly constants: ReadonlyMap<number, bigint>;
  /** Bytes of all attributes; -1 where that varies. */
  readonly size: number;
  /** The index of DW_AT_sibling; -1 where it is not. */
  readonly sibling: number;
}

/** What a unit's header says of how its numbers are stored. */
export interface Format {
  readonly version: number;
  /** Bytes of an offset in a section: 4, or 8 in the 64-bit format. */
  readonly offsetSize: 4 | 8;
}

const MAX_ATTRIBUTES = 256;
const MAX_ABBREVIATIONS = 1 << 16;

/** The table of a unit, by code. */
export function readAbbreviations(cursor: Cursor, format: Format): ReadonlyMap<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  for (;;) {
    const code = cursor.uleb();
    if (code === 0) return table;
    if (table.size >= MAX_ABBREVIATIONS) throw bad(`has more than ${MAX_ABBREVIATIONS} abbreviations`, ".debug_abbrev");
    const tag = cursor.uleb();
    const children = cursor.u8() !== 0;
    const attributes: number[] = [];
    const forms: number[] = [];
    const constants = new Map<number, bigint>();
    for (;;) {
      const attribute = cursor.uleb();
      const form = cursor.uleb();
      if (form === FORM.implicit_const) constants.set(forms.length, cursor.sleb());
      if (attribute === 0 && form === 0) break;
      if (forms.length >= MAX_ATTRIBUTES) throw bad(`has more than ${MAX_ATTRIBUTES} attributes`, ".debug_abbrev");
      attributes.push(attribute);
      forms.push(form);
    }
    const sizes = forms.map((form) => sizeOf(form, format));
    const size = sizes.includes(-1) ? -1 : sizes.reduce((sum, one) => sum + one, 0);
    if (!table.has(code))
      table.set(code, { tag, children, attributes, forms, constants, size, sibling: attributes.indexOf(AT.sibling) });
  }
}

/** Bytes of a form; -1 where its value tells. */
function sizeOf(form: number, { offsetSize, version }: Format): number {
  switch (form) {
    case FORM.flag_present:
    case FORM.implicit_const:
      return 0;
    case FORM.data1:
    case FORM.flag:
    case FORM.ref1:
    case FORM.strx1:
    case FORM.addrx1:
      return 1;
    case FORM.data2:
    case FORM.ref2:
    case FORM.strx2:
    case FORM.addrx2:
      return 2;
    case FORM.strx3:
    case FORM.addrx3:
      return 3;
    case FORM.data4:
    case FORM.ref4:
    case FORM.strx4:
    case FORM.addrx4:
    case FORM.ref_sup4:
      return 4;
    case FORM.addr:
      return ADDRESS_SIZE;
    case FORM.data8:
    case FORM.ref8:
    case FORM.ref_sig8:
    case FORM.ref_sup8:
      return 8;
    case FORM.data16:
      return 16;
    case FORM.strp:
    case FORM.sec_offset:
    case FORM.line_strp:
    case FORM.strp_sup:
      return offsetSize;
    case FORM.ref_addr:
      return version < 3 ? ADDRESS_SIZE : offsetSize;
    default:
      return -1;
  }
}

/** Moves past one value. */
export function skipValue(cursor: Cursor, form: number, format: Format): void {
  const size = sizeOf(form, format);
  if (size >= 0) return void cursor.skip(size);
  switch (form) {
    case FORM.string:
      return void cursor.skipText();
    case FORM.block1:
      return void cursor.skip(cursor.u8());
    case FORM.block2:
      return void cursor.skip(cursor.u16());
    case FORM.block4:
      return void cursor.skip(cursor.u32());
    case FORM.block:
    case FORM.exprloc:
      return void cursor.skip(cursor.uleb());
    case FORM.sdata:
    case FORM.udata:
    case FORM.ref_udata:
    case FORM.strx:
    case FORM.addrx:
    case FORM.loclistx:
    case FORM.rnglistx:
      return void cursor.uleb();
    default:
      // DW_FORM_indirect among them, which no compiler writes.
      throw bad(`form 0x${form.toString(16)} is newer than this reader`);
  }
}
