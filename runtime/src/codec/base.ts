// What makes a codec of a reader, a writer and a checker: decode, encode, bytes and zero, the same for every type.

import type { Memory } from "../memory.ts";
import { isBytes } from "../memory/refuse.ts";
import { checkWhole, readChecked, refuseAt, writeChecked } from "./checked.ts";
import type { Codec, FieldBytes } from "./codec.ts";
import { type Details, type Elements, type Field, setOwn } from "./fields.ts";
import { borrow, giveBack } from "./scratch.ts";

/** A type's own part of its codec. */
export interface Parts<T, Init> {
  readonly name: string;
  readonly size: number;
  readonly read: (m: Memory, at: number) => T;
  readonly write: (m: Memory, at: number, value: Init) => void;
  /** Left out for values without parts. */
  readonly check?: ((m: Memory, at: number, value: Init, path: string) => void) | undefined;
  readonly bigEndian?: boolean | undefined;
  readonly root?: string | undefined;
  readonly hasText?: (() => boolean) | undefined;
  readonly bitfield?: Details["bitfield"];
  readonly elements?: Elements | undefined;
  readonly kernelFields?: (() => readonly string[]) | undefined;
  readonly recordSize?: ((value: unknown) => number) | undefined;
  readonly fields?: (() => readonly Field[]) | undefined;
}

// One class with functions as properties, so that every codec has one hidden class: a call site that meets many types
// (the elements of lists, the values of maps) then loads `codec.read` without a look-up.
class TypeCodec<T, Init> implements Codec<T, Init>, Details {
  readonly name: string;
  readonly size: number;
  readonly read: (m: Memory, at: number) => T;
  readonly write: (m: Memory, at: number, value: Init) => void;
  readonly check: (m: Memory, at: number, value: Init, path: string) => void;
  readonly bigEndian: boolean;
  readonly root: string;
  readonly hasText: () => boolean;
  readonly bitfield: Details["bitfield"];
  readonly elements: Elements | undefined;
  readonly kernelFields: (() => readonly string[]) | undefined;
  readonly recordSize: ((value: unknown) => number) | undefined;
  readonly fields: (() => readonly Field[]) | undefined;

  constructor(parts: Parts<T, Init>) {
    this.name = parts.name;
    this.size = parts.size;
    this.read = parts.read;
    this.write = parts.write;
    this.check = parts.check ?? checkWhole(parts.write);
    this.bigEndian = parts.bigEndian === true;
    this.root = parts.root ?? "";
    this.hasText = parts.hasText ?? no;
    this.bitfield = parts.bitfield;
    this.elements = parts.elements;
    this.kernelFields = parts.kernelFields;
    this.recordSize = parts.recordSize;
    this.fields = parts.fields;
    Object.freeze(this);
  }

  decode(bytes: Uint8Array): T {
    measure(this, bytes);
    if (this.recordSize !== undefined) return this.#decodeRecord(bytes);
    const m = borrow(this.size, this.bigEndian);
    try {
      m.u8s.set(bytes.length <= m.size ? bytes : part(bytes, 0, this.size));
      return readChecked(this, m, 0, this.root);
    } finally {
      giveBack();
    }
  }

  encode(value: Init): ReturnType<Uint8Array["slice"]> {
    const size = this.recordSize === undefined ? this.size : Math.max(this.size, this.recordSize(value));
    const m = borrow(size, this.bigEndian);
    m.end = this.recordSize === undefined ? -1 : size;
    try {
      m.zero(0, size);
      writeChecked(this, m, 0, value, this.root);
      return m.bytes(0, size);
    } finally {
      m.end = -1;
      giveBack();
    }
  }

  #decodeRecord(bytes: Uint8Array): T {
    const m = borrow(bytes.length, this.bigEndian);
    m.end = bytes.length;
    try {
      m.u8s.set(bytes);
      return readChecked(this, m, 0, this.root);
    } finally {
      m.end = -1;
      giveBack();
    }
  }

  bytes(bytes: Uint8Array): FieldBytes<T> {
    measure(this, bytes);
    const fields = this.fields?.();
    if (fields === undefined) return part(bytes, 0, this.size) as FieldBytes<T>;
    const views = {};
    for (const { name, offset, codec } of fields) setOwn(views, name, part(bytes, offset, codec.size));
    return views as FieldBytes<T>;
  }

  zero(): T {
    const m = borrow(this.size, this.bigEndian);
    try {
      m.zero(0, this.size);
      return this.read(m, 0);
    } finally {
      giveBack();
    }
  }
}

/** The codec of one type. */
export function makeCodec<T, Init = T>(parts: Parts<T, Init>): Codec<T, Init> {
  return new TypeCodec(parts);
}

function measure(codec: Codec<unknown, never>, bytes: Uint8Array): void {
  if (!isBytes(bytes)) refuseAt(codec.name, "a Uint8Array", bytes);
  if (bytes.length < codec.size) refuseAt(codec.name, `at least ${codec.size} bytes`, bytes.length);
}

// Not subarray, which keeps the class: of a Buffer, a Buffer.
function part(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}

function no(): boolean {
  return false;
}
