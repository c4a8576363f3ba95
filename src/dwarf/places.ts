// Where code and variables are: ranges of addresses (`.debug_rnglists`, `.debug_ranges`), and places of variables, each for a
// range of addresses (`.debug_loclists`, `.debug_loc`, expressions).

import { ADDRESS_SIZE, AT, LLE, OP, RLE } from "./abi.ts";
import { bad, type Cursor } from "./cursor.ts";
import type { Die } from "./die.ts";
import type { Address, DebugSection } from "./sections.ts";
import type { Unit } from "./units.ts";

/** Instructions of one section, from `low` up to `high`, in bytes. */
export interface Range {
  readonly section: number | undefined;
  readonly low: number;
  readonly high: number;
}

/**
 * Where a variable is, or what its value is: "in" a register; in "memory" at an offset from the frame base (`base` "frame") or
 * from a register; or the "value" that such an address is. A variable of the object's data is at an address.
 */
export type Place =
  | { readonly kind: "in"; readonly register: number }
  | { readonly kind: "memory" | "value"; readonly base: "frame" | number; readonly offset: number }
  | { readonly kind: "data"; readonly address: Address };

/** A place, and where it holds; everywhere without a range. */
export interface Located {
  readonly range: Range | undefined;
  readonly place: Place;
}

/** Entries of one list. */
const MAX_ENTRIES = 1 << 16;

/** The instructions of an entry, from its low_pc and high_pc, or its ranges. */
export function rangesOf(die: Die): Range[] {
  const low = die.address(AT.low_pc);
  if (!die.has(AT.ranges)) {
    if (low === undefined) return [];
    // An offset from low_pc where it is a number, else an address.
    const high = die.count(AT.high_pc);
    const end = high === undefined ? die.address(AT.high_pc)?.offset : low.offset + high;
    return end === undefined ? [] : [{ section: low.section, low: low.offset, high: end }];
  }
  const { unit } = die;
  if (unit.version < 5) {
    const section = unit.file.section(".debug_ranges");
    const at = die.offset(AT.ranges);
    return at === undefined
      ? []
      : readOldList(section, at, unit.root.address(AT.low_pc), () => undefined).map(({ range }) => range);
  }
  const section = unit.file.section(".debug_rnglists");
  const at = listAt(die, AT.ranges, AT.rnglists_base, section);
  return at === undefined ? [] : readList(die, section, at, "ranges").map(({ range }) => range!);
}

/** Where a variable is; nothing where it is nowhere. */
export function placesOf(die: Die): Located[] {
  if (!die.has(AT.location)) return [];
  const expression = die.expression(AT.location);
  if (expression !== undefined) {
    const place = readPlace(die, die.unit.section, expression);
    return place === undefined ? [] : [{ range: undefined, place }];
  }
  const { unit } = die;
  if (unit.version < 5) {
    const section = unit.file.section(".debug_loc");
    const at = die.offset(AT.location);
    if (at === undefined) return [];
    return readOldList(section, at, unit.root.address(AT.low_pc), (cursor) => {
      const length = cursor.u16();
      const from = cursor.skip(length);
      return readPlace(die, section, section.read(from, cursor.at));
    }).flatMap(({ range, place }) => (place === undefined ? [] : [{ range, place }]));
  }
  const section = unit.file.section(".debug_loclists");
  const at = listAt(die, AT.location, AT.loclists_base, section);
  if (at === undefined) return [];
  return readList(die, section, at, "places").flatMap(({ range, place }) =>
    place === undefined ? [] : [{ range, place }],
  );
}

/** Where a list of version 5 begins: at an offset of the section, or where the table of offsets says. */
function listAt(die: Die, attribute: number, base: number, section: DebugSection): number | undefined {
  const index = die.listIndex(attribute);
  if (index === undefined) return die.offset(attribute);
  const { offsetSize } = die.unit;
  // Behind the header is the table, and what the unit says is where that begins: offsets in it count from there.
  const table = die.unit.root.offset(base) ?? (offsetSize === 4 ? 12 : 20);
  return table + section.read(table + index * offsetSize).unsigned(offsetSize);
}

interface Entry {
  readonly range: Range | undefined;
  readonly place: Place | undefined;
}

function readList(die: Die, section: DebugSection, start: number, what: "ranges" | "places"): Entry[] {
  const { unit } = die;
  const cursor = section.read(start);
  const entries: Entry[] = [];
  let base = unit.root.address(AT.low_pc);
  const address = (): Address => section.address(cursor.skip(ADDRESS_SIZE), ADDRESS_SIZE);
  const add = (range: Range | undefined): void => {
    let place: Place | undefined;
    if (what === "places") {
      const from = cursor.skip(cursor.uleb());
      place = readPlace(die, section, section.read(from, cursor.at));
    }
    if (range === undefined || range.high > range.low) entries.push({ range, place });
  };
  const from = ({ section, offset }: Address, length: number): Range => ({
    section,
    low: offset,
    high: offset + length,
  });
  for (let left = MAX_ENTRIES; left > 0; left--) {
    const code = cursor.u8();
    // The same codes but for one, which moves those behind it.
    const kind = what === "ranges" && code >= RLE.base_address ? code + 1 : code;
    switch (kind) {
      case LLE.end_of_list:
        return entries;
      case LLE.base_addressx:
        base = unit.indexedAddress(cursor.uleb());
        break;
      case LLE.base_address:
        base = address();
        break;
      case LLE.startx_endx: {
        const [low, high] = [unit.indexedAddress(cursor.uleb()), unit.indexedAddress(cursor.uleb())];
        add({ section: low.section, low: low.offset, high: high.offset });
        break;
      }
      case LLE.startx_length: {
        const low = unit.indexedAddress(cursor.uleb());
        add(from(low, cursor.uleb()));
        break;
      }
      case LLE.offset_pair: {
        const [low, high] = [cursor.uleb(), cursor.uleb()];
        const { section: home, offset } = base ?? { section: undefined, offset: 0 };
        add({ section: home, low: offset + low, high: offset + high });
        break;
      }
      case LLE.default_location:
        add(undefined);
        break;
      case LLE.start_end: {
        const [low, high] = [address(), address()];
        add({ section: low.section, low: low.offset, high: high.offset });
        break;
      }
      case LLE.start_length: {
        const low = address();
        add(from(low, cursor.uleb()));
        break;
      }
      default:
        throw bad(`has an entry of the unknown kind ${code}`, section.name);
    }
  }
  throw bad(`has a list of more than ${MAX_ENTRIES} entries`, section.name);
}

/** A list before version 5: pairs of addresses, the last one 0 and 0. */
function readOldList(
  section: DebugSection,
  start: number,
  unitBase: Address | undefined,
  read: (cursor: Cursor) => Place | undefined,
): { readonly range: Range; readonly place: Place | undefined }[] {
  const cursor = section.read(start);
  const entries: { range: Range; place: Place | undefined }[] = [];
  let base: Address = unitBase ?? { section: undefined, offset: 0 };
  for (let left = MAX_ENTRIES; left > 0; left--) {
    const stored = section.read(cursor.at).u64();
    const low = section.address(cursor.skip(ADDRESS_SIZE), ADDRESS_SIZE);
    const high = section.address(cursor.skip(ADDRESS_SIZE), ADDRESS_SIZE);
    if (low.section === undefined && high.section === undefined && low.offset === 0 && high.offset === 0)
      return entries;
    if (stored === 0xffff_ffff_ffff_ffffn) {
      base = high;
      continue;
    }
    const place = read(cursor);
    // With a relocation they are addresses, without one offsets from the base.
    const from = low.section === undefined ? base : { section: low.section, offset: 0 };
    const range = { section: from.section, low: from.offset + low.offset, high: from.offset + high.offset };
    if (range.high > range.low) entries.push({ range, place });
  }
  throw bad(`has a list of more than ${MAX_ENTRIES} entries`, section.name);
}

/** The place that an expression gives, where it is one of those that say it outright. */
function readPlace({ unit }: Die, section: DebugSection, cursor: Cursor): Place | undefined {
  const isEnd = (): boolean => cursor.at === cursor.end;
  /** Bytes of the variable that are before the next piece; its parts in memory say where all of it would be. */
  let before = 0;
  let whole: Place | undefined;
  while (!isEnd()) {
    const place = readSimplePlace(unit, section, cursor);
    if (place === "unknown") return undefined;
    if (isEnd()) return before === 0 ? place : undefined;
    if (cursor.u8() !== OP.piece) return undefined;
    if (place?.kind === "memory") {
      const start: Place = { ...place, offset: place.offset - before };
      const agrees =
        whole === undefined || (whole.kind === "memory" && whole.base === start.base && whole.offset === start.offset);
      if (!agrees) return undefined;
      whole = start;
    }
    before += cursor.uleb();
  }
  return whole;
}

/** What the next operations say up to a piece's size; undefined for constants and for what was optimised away. */
function readSimplePlace(unit: Unit, section: DebugSection, cursor: Cursor): Place | undefined | "unknown" {
  const code = cursor.u8();
  const isNext = (operation: number): boolean => cursor.at < cursor.end && cursor.bytes[cursor.at] === operation;
  if (code === OP.piece) {
    cursor.at--;
    return undefined;
  }
  if (code >= OP.reg0 && code < OP.breg0) return { kind: "in", register: code - OP.reg0 };
  if (code === OP.regx) return { kind: "in", register: cursor.uleb() };
  if (code === OP.addr) return { kind: "data", address: section.address(cursor.skip(ADDRESS_SIZE), ADDRESS_SIZE) };
  if (code === OP.addrx) return { kind: "data", address: unit.indexedAddress(cursor.uleb()) };
  if (skipConstant(code, cursor)) {
    if (isNext(OP.stack_value)) cursor.at++;
    return undefined;
  }
  const base =
    code === OP.fbreg
      ? ("frame" as const)
      : code === OP.bregx
        ? cursor.uleb()
        : code >= OP.breg0 && code < OP.regx
          ? code - OP.breg0
          : undefined;
  if (base === undefined) return "unknown";
  let offset = Number(cursor.sleb());
  while (isNext(OP.plus_uconst)) {
    cursor.at++;
    offset += cursor.uleb();
  }
  if (!isNext(OP.stack_value)) return { kind: "memory", base, offset };
  cursor.at++;
  return { kind: "value", base, offset };
}

/** Moves past what follows an operation that gives a constant; whether it is one. */
function skipConstant(code: number, cursor: Cursor): boolean {
  if (code >= OP.lit0 && code < OP.reg0) return true;
  // const1u, const1s, const2u, and so on up to const8s.
  if (code >= OP.const1u && code < OP.constu) cursor.skip(1 << ((code - OP.const1u) >> 1));
  else if (code === OP.constu || code === OP.consts) cursor.uleb();
  else return false;
  return true;
}
