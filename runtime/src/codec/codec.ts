// The contract of every codec: how one C type is read from and written to memory.

import type { Memory } from "../memory.ts";

/**
 * Reads and writes values of one C type. `T` is what reading gives, `Init` what writing takes (they differ for unions
 * and for what contains one).
 */
export interface Codec<T, Init = T> {
  /** The C name of the type: "event", "u32", "char[16]". */
  readonly name: string;
  /** Bytes in memory, padding included. */
  readonly size: number;
  /**
   * The value stored in `bytes`, from its start; longer input is ignored.
   * @throws ValueError when `bytes` is shorter than {@link size}
   */
  decode(bytes: Uint8Array): T;
  /**
   * The bytes of `value`, padding zeroed.
   * @throws ValueError naming the place in the value that does not fit
   */
  encode(value: Init): ReturnType<Uint8Array["slice"]>;
  /**
   * The raw bytes of each field of a struct, as views of `bytes`; of any other type the type's own bytes.
   * @throws ValueError when `bytes` is shorter than {@link size}
   */
  bytes(bytes: Uint8Array): FieldBytes<T>;
  /** The value of all-zero bytes. */
  zero(): T;
  /** Reads at byte offset `at` of `m`, in `m`'s byte order. For generated code. */
  read(m: Memory, at: number): T;
  /**
   * Writes at byte offset `at` of `m`, whose padding must already be zero. For generated code: an error here does not
   * know its path, the caller asks {@link check} for it.
   */
  write(m: Memory, at: number, value: Init): void;
  /** Writes by the table, slowly, with `path` in every ValueError. */
  check(m: Memory, at: number, value: Init, path: string): void;
}

/** What {@link Codec.bytes} gives: a view per field where `T` is a struct's value, else one view. */
export type FieldBytes<T> = T extends string | number | bigint | boolean | Uint8Array | readonly unknown[]
  ? Uint8Array
  : { readonly [K in keyof T]: Uint8Array };
