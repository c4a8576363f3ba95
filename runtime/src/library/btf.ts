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
  float: 16,
  type_tag: 18,
  enum64: 19,
} as const;

/** `struct btf_type`: name, kind with vlen, and a size or a type. */
const headSize = 12;

/** A header that tells of {@link layoutSize} bytes how long the types of each kind are: `struct btf_layout`, once and each. */
const longHeader = 32;
const layoutSize = 4;

const aliases: readonly number[] = [KIND.typedef, KIND.volatile, KIND.const, KIND.restrict, KIND.type_tag];
const sized: readonly number[] = [KIND.int, KIND.struct, KIND.union, KIND.enum, KIND.float, KIND.enum64];

/** Bytes behind a type's head, by its kind: once, and for each of its `vlen` entries. */
const tails: readonly (readonly [once: number, each: number] | undefined)[] = [
  undefined,
  [4, 0], // int
  [0, 0],
  [12, 0], // array
  [0, 12], // struct
  [0, 12], // union
  [0, 8], // enum
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0], // func, whose vlen is its linkage
  [0, 8], // func_proto
  [4, 0], // var
  [0, 12], // datasec
  [0, 0],
  [4, 0], // decl_tag
  [0, 0],
  [0, 12], // enum64
];

// 7 bits of kind and 24 of vlen; older kernels know 5 and 16, and have 0 in the others.
function kindOf(info: number): number {
  return (info >>> 24) & 0x7f;
}
function vlenOf(info: number): number {
  return info & 0xff_ffff;
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
  // Where each type's head is.
  readonly #heads: readonly number[];

  private constructor(memory: Memory, strings: number, heads: readonly number[]) {
    this.#memory = memory;
    this.#strings = strings;
    this.#heads = heads;
  }

  /**
   * The types in `bytes`. A kind that is newer than this reader is passed over by the length that the BTF itself tells of it
   * (`struct btf_layout`); undefined where it tells none, since no type behind it can be found.
   */
  static read(bytes: Uint8Array): KernelBtf | undefined {
    const m = hostMemory(bytes);
    // struct btf_header: hdr_len, then type_off, type_len, str_off from the header's end; layout_off and layout_len in a longer one.
    const start = m.u32(4);
    const layout = start + (start < longHeader ? 0 : m.u32(24));
    const described = start < longHeader ? 0 : m.u32(28) / layoutSize;
    const tailOf = (kind: number): readonly [number, number] | undefined => {
      const at = layout + kind * layoutSize;
      return tails[kind] ?? (kind !== 0 && kind < described ? [m.u8(at), m.u8(at + 1)] : undefined);
    };
    const from = start + m.u32(8);
    const heads = [0]; // there is no type 0
    for (let at = from; at < from + m.u32(12);) {
      const info = m.u32(at + 4);
      const tail = tailOf(kindOf(info));
      if (tail === undefined) return undefined;
      heads.push(at);
      at += headSize + tail[0] + tail[1] * vlenOf(info);
    }
    return new KernelBtf(m, start + m.u32(16), heads);
  }

  /** Whether its kind is one that this reader knows. */
  isKnown(id: number): boolean {
    return id === 0 || tails[this.#kind(id)] !== undefined;
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

  /** In bytes; 0 for what has no size, undefined where a kind is newer than this reader. */
  size(id: number): number | undefined {
    const type = this.skip(id);
    if (type === 0) return 0;
    const kind = this.#kind(type);
    if (kind === KIND.ptr) return 8;
    if (kind === KIND.array) {
      const element = this.size(this.element(type)!);
      return element && element * this.#memory.u32(this.#heads[type]! + headSize + 8);
    }
    if (!this.isKnown(type)) return undefined;
    return sized.includes(kind) ? this.#word(type) : 0;
  }

  /** Of a struct or union. */
  members(id: number): BtfMember[] {
    const m = this.#memory;
    const head = this.#heads[id]!;
    const info = m.u32(head + 4);
    return Array.from({ length: vlenOf(info) }, (_, i) => {
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
    return kindOf(this.#memory.u32(this.#heads[id]! + 4));
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

/** The kernel's BTF of this id; undefined without the right to see it (CAP_SYS_ADMIN), when it is gone, or too new to be read. */
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
    return ask() < 0 ? undefined : KernelBtf.read(bytes);
  } finally {
    libc().close(fd);
  }
}
