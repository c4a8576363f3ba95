// A .BTF section in, the same with more types out: what is there keeps its ids, new types follow. Only what the upgrade of
// legacy maps needs. https://docs.kernel.org/bpf/btf.html#type-encoding

import { recordOffsets } from "./decode.ts";
import { parseHeader } from "./header.ts";
import type { BtfSecInfo, TypeId } from "./types.ts";

const MAGIC = 0xeb9f;
const HEADER = 24;

const KIND = { int: 1, ptr: 2, array: 3, struct: 4, var: 14, datasec: 15 } as const;

/** A member of a new struct. */
export interface NewMember {
  readonly name: string;
  readonly type: TypeId;
}

/** Grows one .BTF section; made by {@link extendBtf}. */
export class BtfExtension {
  readonly #little: boolean;
  readonly #records: Uint8Array;
  readonly #strings: Uint8Array;
  readonly #offsets: readonly number[];
  readonly #words: number[] = [];
  readonly #names = new Map<string, number>([["", 0]]);
  #newNames = "";
  #count: number;

  constructor(endian: "little" | "big", records: DataView | undefined, strings: Uint8Array) {
    this.#little = endian === "little";
    this.#records = records ? new Uint8Array(records.buffer, records.byteOffset, records.byteLength).slice() : EMPTY;
    this.#strings = strings;
    this.#offsets = records ? recordOffsets({ records, endian }) : [0];
    this.#count = this.#offsets.length;
  }

  /** An unsigned integer. */
  int(name: string, size: number): TypeId {
    return this.#add(KIND.int, name, 0, size, [8 * size]);
  }

  ptr(type: TypeId): TypeId {
    return this.#add(KIND.ptr, "", 0, type, []);
  }

  array(type: TypeId, indexType: TypeId, length: number): TypeId {
    return this.#add(KIND.array, "", 0, 0, [type, indexType, length]);
  }

  /** An anonymous struct of pointers. */
  structOfPointers(members: readonly NewMember[]): TypeId {
    const words = members.flatMap(({ name, type }, i) => [this.#name(name), type, 64 * i]);
    return this.#add(KIND.struct, "", members.length, 8 * members.length, words);
  }

  variable(name: string, type: TypeId, linkage: "static" | "global"): TypeId {
    return this.#add(KIND.var, name, 0, type, [linkage === "global" ? 1 : 0]);
  }

  /** A section of variables; size 0, as clang leaves it. */
  datasec(name: string, vars: readonly BtfSecInfo[]): TypeId {
    const words = vars.flatMap(({ type, offset, size }) => [type, offset, size]);
    return this.#add(KIND.datasec, name, vars.length, 0, words);
  }

  /** Gives the variable `id`, which is there already, another type. */
  retypeVariable(id: TypeId, type: TypeId): void {
    this.#recordOf(id).setUint32(8, type, this.#little);
  }

  /**
   * Makes of the datasec `id` with `count` variables a struct that means nothing: no id moves, and libbpf looks for no
   * section of its name. `filler` is the type of its members, of 1 byte.
   */
  retireDatasec(id: TypeId, count: number, filler: TypeId): void {
    const record = this.#recordOf(id);
    record.setUint32(0, 0, this.#little);
    record.setUint32(4, KIND.struct * 0x1000000 + count, this.#little);
    record.setUint32(8, 1, this.#little);
    for (let i = 0; i < count; i++)
      [0, filler, 0].forEach((word, j) => record.setUint32(12 + 12 * i + 4 * j, word, this.#little));
  }

  /** The section as it is now. */
  bytes(): Uint8Array {
    const types = this.#records.length + 4 * this.#words.length;
    const names = new TextEncoder().encode(this.#newNames);
    const strings = this.#strings.length + names.length;
    const out = new Uint8Array(HEADER + types + strings);
    const view = new DataView(out.buffer);
    view.setUint16(0, MAGIC, this.#little);
    view.setUint8(2, 1);
    [HEADER, 0, types, types, strings].forEach((word, i) => view.setUint32(4 + 4 * i, word, this.#little));
    out.set(this.#records, HEADER);
    this.#words.forEach((word, i) => view.setUint32(HEADER + this.#records.length + 4 * i, word, this.#little));
    out.set(this.#strings, HEADER + types);
    out.set(names, HEADER + types + this.#strings.length);
    return out;
  }

  #recordOf(id: TypeId): DataView {
    return new DataView(this.#records.buffer, this.#offsets[id]!);
  }

  #name(name: string): number {
    let offset = this.#names.get(name);
    if (offset === undefined) {
      offset = this.#strings.length + this.#newNames.length;
      this.#newNames += `${name}\0`;
      this.#names.set(name, offset);
    }
    return offset;
  }

  #add(kind: number, name: string, vlen: number, sizeOrType: number, tail: readonly number[]): TypeId {
    this.#words.push(this.#name(name), kind * 0x1000000 + vlen, sizeOrType);
    for (const word of tail) this.#words.push(word);
    return this.#count++;
  }
}

const EMPTY = new Uint8Array(0);

/** Extends the .BTF `section`, which parseBtf took, or an empty one. Names of new types are ASCII. */
export function extendBtf(section: Uint8Array | undefined, endian: "little" | "big"): BtfExtension {
  if (section === undefined) return new BtfExtension(endian, undefined, new Uint8Array(1));
  const { records, strings } = parseHeader(section);
  return new BtfExtension(endian, records, strings);
}
