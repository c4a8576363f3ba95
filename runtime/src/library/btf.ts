// The BTF that the kernel keeps for a map, as far as comparing structs needs it. The kernel has checked it, so nothing is
// checked again. https://docs.kernel.org/bpf/btf.html

import type { Library } from "../library.ts";
import type { Memory } from "../memory.ts";
import { addressOf, hostMemory, libc } from "../native.ts";

const KIND = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func_proto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  decl_tag: 17,
  type_tag: 18,
  enum64: 19,
} as const;

/** `struct btf_type`: name, kind with vlen, and a size or a type. */
const headSize = 12;

const aliases: readonly number[] = [KIND.typedef, KIND.volatile, KIND.const, KIND.restrict, KIND.type_tag];
const sized: readonly number[] = [KIND.int, KIND.struct, KIND.union, KIND.enum, KIND.float, KIND.enum64];

/** Bytes behind a type's head: some once, some for each of its `vlen` entries. */
function tailSize(kind: number, vlen: number): number {
  switch (kind) {
    case KIND.int:
    case KIND.var:
    case KIND.decl_tag:
      return 4;
    case KIND.array:
      return 12;
    case KIND.struct:
    case KIND.union:
    case KIND.datasec:
    case KIND.enum64:
      return 12 * vlen;
    case KIND.enum:
    case KIND.func_proto:
      return 8 * vlen;
    default:
      return 0;
  }
}

/** A member of a struct or union. */
export interface BtfMember {
  /** "" for an anonymous one. */
  readonly name: string;
  readonly type: number;
  /** From the start of its struct. */
  readonly bit: number;
  /** 0 unless it is a bitfield. */
  readonly width: number;
}

/** Types by their ids; what is named `id` has no typedefs and modifiers in front where it says so. */
export class KernelBtf {
  readonly #memory: Memory;
  readonly #strings: number;
  // Where each type's head is; there is no type 0.
  readonly #heads: number[] = [0];

  constructor(bytes: Uint8Array) {
    const m = (this.#memory = hostMemory(bytes));
    // struct btf_header: hdr_len, then type_off, type_len, str_off from the header's end.
    const start = m.u32(4);
    this.#strings = start + m.u32(16);
    const from = start + m.u32(8);
    for (let at = from; at < from + m.u32(12);) {
      this.#heads.push(at);
      const info = m.u32(at + 4);
      at += headSize + tailSize((info >>> 24) & 31, info & 0xffff);
    }
  }

  /** The type behind typedefs, `const` and the like. */
  skip(id: number): number {
    let type = id;
    while (type !== 0 && aliases.includes(this.#kind(type))) type = this.#word(type);
    return type;
  }

  /** A struct's or union's name: "" for an anonymous one. */
  name(id: number): string {
    return this.#text(this.#memory.u32(this.#heads[id]!));
  }

  /** "struct" or "union"; undefined for any other type. */
  compound(id: number): "struct" | "union" | undefined {
    const kind = id === 0 ? 0 : this.#kind(id);
    return kind === KIND.struct ? "struct" : kind === KIND.union ? "union" : undefined;
  }

  /** Whether it is a pointer with a type tag, which only the kernel stores (a kptr). */
  isTagged(id: number): boolean {
    if (id === 0 || this.#kind(id) !== KIND.ptr) return false;
    const to = this.#word(id);
    return to !== 0 && this.#kind(to) === KIND.type_tag;
  }

  /** Of an array's elements; undefined for any other type. */
  element(id: number): number | undefined {
    return id !== 0 && this.#kind(id) === KIND.array ? this.#memory.u32(this.#heads[id]! + headSize) : undefined;
  }

  /** In bytes; 0 for what has no size. */
  size(id: number): number {
    const type = this.skip(id);
    if (type === 0) return 0;
    const kind = this.#kind(type);
    if (kind === KIND.ptr) return 8;
    if (kind === KIND.array)
      return this.size(this.element(type)!) * this.#memory.u32(this.#heads[type]! + headSize + 8);
    return sized.includes(kind) ? this.#word(type) : 0;
  }

  /** Of a struct or union. */
  members(id: number): BtfMember[] {
    const m = this.#memory;
    const head = this.#heads[id]!;
    const info = m.u32(head + 4);
    return Array.from({ length: info & 0xffff }, (_, i) => {
      const at = head + headSize + i * 12;
      const offset = m.u32(at + 8);
      const type = m.u32(at + 4);
      // With kind_flag the offset's upper 8 bits are a bitfield's width; without it the integer says so itself.
      const flag = info >>> 31 === 1;
      const width = flag ? offset >>> 24 : this.#intWidth(type);
      return { name: this.#text(m.u32(at)), type, bit: flag ? offset & 0xffffff : offset, width };
    });
  }

  #intWidth(id: number): number {
    const type = this.skip(id);
    if (type === 0 || this.#kind(type) !== KIND.int) return 0;
    const bits = this.#memory.u32(this.#heads[type]! + headSize) & 0xff;
    return bits === this.#word(type) * 8 ? 0 : bits;
  }

  #kind(id: number): number {
    return (this.#memory.u32(this.#heads[id]! + 4) >>> 24) & 31;
  }

  #word(id: number): number {
    return this.#memory.u32(this.#heads[id]! + 8);
  }

  #text(offset: number): string {
    const bytes = this.#memory.u8s;
    const at = this.#strings + offset;
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }
}

/** The kernel's BTF of this id; undefined without the right to see it (CAP_SYS_ADMIN) or when it is gone. */
export function readKernelBtf(library: Library, id: number): KernelBtf | undefined {
  const fd = library.fn("bpf_btf_get_fd_by_id")(id);
  if (fd < 0) return undefined;
  try {
    // struct bpf_btf_info: the address of a buffer and its size, which the kernel replaces with the BTF's own.
    const info = hostMemory(new Uint8Array(32));
    const size = new Uint32Array([info.size]);
    const ask = (): number =>
      library.fn("bpf_obj_get_info_by_fd")(fd, addressOf(info.u8s), addressOf(size.buffer as ArrayBuffer));
    if (ask() < 0) return undefined;
    const bytes = new Uint8Array(info.u32(8));
    info.u8s.fill(0);
    info.setU64(0, BigInt(addressOf(bytes)));
    info.setU32(8, bytes.length);
    return ask() < 0 ? undefined : new KernelBtf(bytes);
  } finally {
    libc().close(fd);
  }
}
