// A random value of a Layout, as a skeleton takes it and as C's designated initializer: clang then says where it lies.

import type { Layout, NamedLayout, Part, Scalar, StructLayout, Union, View } from "../../src/layout/layout.ts";
import type { Random } from "./random.ts";

/** One value, twice. */
export interface Twin {
  readonly js: unknown;
  /** What of {@link js} is read from the bytes of the struct alone: flexible arrays begin in its padding. */
  readonly read: unknown;
  readonly c: string;
}

function twin(js: unknown, c: string): Twin {
  return { js, read: js, c };
}

const RANGES: Readonly<Record<string, readonly [bits: number, signed: boolean]>> = {
  u8: [8, false],
  u16: [16, false],
  u32: [32, false],
  u64: [64, false],
  u128: [128, false],
  s8: [8, true],
  s16: [16, true],
  s32: [32, true],
  s64: [64, true],
  s128: [128, true],
};

function randomBits({ below, chance }: Random, width: number): bigint {
  // The ends of the range go wrong first.
  if (chance(20)) return (1n << BigInt(width)) - 1n;
  if (chance(20)) return 1n << BigInt(width - 1);
  let bits = 0n;
  for (let i = 0; i < width; i += 16) bits = (bits << 16n) | BigInt(below(65536));
  return BigInt.asUintN(width, bits);
}

function integer(random: Random, scalar: Scalar, width?: number): Twin {
  const [size, signed] = RANGES[scalar]!;
  const raw = randomBits(random, width ?? size);
  const value = signed ? BigInt.asIntN(width ?? size, raw) : raw;
  const low = BigInt.asUintN(64, value);
  const high = BigInt.asUintN(64, value >> 64n);
  const c = size === 128 ? `(((u128)${high}ULL << 64) | ${low}ULL)` : `(${scalar})${low}ULL`;
  return twin(size >= 64 ? value : Number(value), c);
}

function scalarTwin(random: Random, scalar: Scalar, width?: number): Twin {
  if (scalar === "bool") {
    const js = random.chance(50);
    return twin(js, js ? "1" : "0");
  }
  if (scalar === "f32" || scalar === "f64") {
    // Exact in either size, and in decimal.
    const js = (random.below(200_000) - 100_000) / 64;
    return twin(js, scalar === "f32" ? `${js.toFixed(6)}f` : js.toFixed(6));
  }
  return integer(random, scalar, width);
}

function viewTwin({ below }: Random, view: View): Twin {
  const bytes = (n: number): number[] => Array.from({ length: n }, () => below(256));
  const list = (text: string, all: readonly number[]): Twin => twin(text, `{ ${all.join(", ")} }`);
  switch (view) {
    case "ipv4": {
      // Of a __be32: `__builtin_bswap32` is what htonl is on a little-endian target, and clang's target says which it is.
      const all = bytes(4);
      const number = all.reduce((sum, byte) => sum * 256 + byte, 0);
      return twin(all.join("."), `NETWORK(32, ${number}U)`);
    }
    case "be16":
    case "be32": {
      const size = view === "be16" ? 16 : 32;
      const number = below(2 ** size);
      return twin(number, `NETWORK(${size}, ${number}U)`);
    }
    case "be64": {
      const number = BigInt(below(2 ** 32)) * 2n ** 32n + 5n;
      return twin(number, `NETWORK(64, ${number}ULL)`);
    }
    case "ipv6": {
      // No group of zeros, which would be shortened.
      const all = bytes(16).map((byte) => byte | 0x10);
      const groups = Array.from({ length: 8 }, (_, i) => (all[2 * i]! * 256 + all[2 * i + 1]!).toString(16));
      return list(groups.join(":"), all);
    }
    case "mac": {
      const all = bytes(6);
      return list(all.map((byte) => byte.toString(16).padStart(2, "0")).join(":"), all);
    }
  }
}

/** What the initializers of network data call. */
export const NETWORK = `
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NETWORK(bits, value) __builtin_bswap##bits(value)
#else
#define NETWORK(bits, value) (value)
#endif
`;

function structTwin(random: Random, struct: StructLayout, byId: ReadonlyMap<number, NamedLayout>): Twin {
  const fields = new Map(struct.fields.map((field) => [field.name, field]));
  const js = {};
  const read = {};
  const c: string[] = [];
  const shared = new Set(struct.unions.flatMap(namesIn));
  const put = (name: string): void => {
    const { layout } = fields.get(name)!;
    const own = twinOf(random, layout, byId);
    Object.defineProperty(js, name, { value: own.js, enumerable: true });
    if (layout.kind !== "tail") Object.defineProperty(read, name, { value: own.read, enumerable: true });
    if (own.c !== "") c.push(`.${name} = ${own.c}`);
  };
  const choose = (union: Union): void => {
    const member = random.pick(union);
    for (const part of typeof member === "string" ? [member] : member)
      typeof part === "string" ? put(part) : choose(part);
  };
  for (const { name } of struct.fields) if (!shared.has(name)) put(name);
  for (const union of struct.unions) choose(union);
  return { js, read, c: c.length === 0 ? "" : `{ ${c.join(", ")} }` };
}

function namesIn(part: Part | Union[number]): readonly string[] {
  return typeof part === "string" ? [part] : part.flatMap(namesIn);
}

/**
 * A random value of `layout`; what has no initializer in C has "". Nor has what is empty: clang 19 ends with a signal for a
 * `union { struct { int : 0; }; } v = { }`.
 */
export function twinOf(random: Random, layout: Layout, byId: ReadonlyMap<number, NamedLayout>): Twin {
  switch (layout.kind) {
    case "scalar":
    case "enum":
      return scalarTwin(random, layout.scalar);
    case "pointer": {
      const js = randomBits(random, 64);
      return twin(js, `(void *)${js}ULL`);
    }
    case "bits": {
      const { base } = layout;
      if (base.kind !== "scalar" && base.kind !== "enum") throw new TypeError(`a bitfield of ${base.kind}`);
      return scalarTwin(random, base.scalar, layout.width);
    }
    case "chars": {
      const text = Array.from({ length: random.below(layout.length + 1) }, () =>
        String.fromCharCode(97 + random.below(26)),
      );
      return twin(text.join(""), `{ ${text.map((char) => `'${char}'`).join(", ")} }`);
    }
    case "strings": {
      const texts = layout.length < 4 ? [] : ["a", "", "b"];
      return twin(texts, texts.length === 0 ? "{ 0 }" : "{ 'a', 0, 0, 'b' }");
    }
    case "bytes": {
      const bytes = Uint8Array.from({ length: layout.length }, () => random.below(256));
      return twin(bytes, `{ ${bytes.join(", ")} }`);
    }
    case "list": {
      const twins = Array.from({ length: layout.length }, () => twinOf(random, layout.element, byId));
      return {
        js: twins.map(({ js }) => js),
        read: twins.map(({ read }) => read),
        c: twins.every(({ c }) => c === "") ? "" : `{ ${twins.map(({ c }) => c || "{ }").join(", ")} }`,
      };
    }
    case "struct":
      return structTwin(random, byId.get(layout.type) as StructLayout, byId);
    case "tail":
      return twin(layout.element === "text" ? "" : layout.element === "bytes" ? new Uint8Array(0) : [], "");
    case "view":
      return viewTwin(random, layout.view);
  }
}
