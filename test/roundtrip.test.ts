// Any bytes through every type of every fixture and back: what the type covers survives, what it does not cover is zero.

import fc from "fast-check";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import type { Codec } from "../runtime/src/index.ts";
import { key } from "../runtime/src/index.ts";
import { present } from "../src/layout/present.ts";
import type { Layout, NamedLayout, StructLayout } from "../src/layout/layout.ts";
import { readLayouts } from "../src/layout/read.ts";
import { assignNames } from "../src/names/names.ts";
import { readObject } from "../src/object/read.ts";
import { goldens } from "./support/fixtures.ts";

type Types = ReadonlyMap<number, NamedLayout>;

/** Marks in `mask` the bits of `bytes` that a value of `layout` at `at` is made of. */
function cover(
  layout: Layout,
  at: number,
  bytes: Uint8Array,
  mask: Uint8Array,
  types: Types,
  big: boolean,
  keys: boolean,
): void {
  const all = (size: number): void => void mask.fill(0xff, at, at + size);
  switch (layout.kind) {
    case "scalar": {
      if (layout.scalar === "bool") return bytes[at]! > 1 ? undefined : all(1);
      const size = Number(layout.scalar.slice(1)) / 8;
      // Only one NaN keeps its bits.
      if (layout.scalar === "f32" && Number.isNaN(new DataView(bytes.buffer).getFloat32(at, !big))) return;
      if (layout.scalar === "f64" && Number.isNaN(new DataView(bytes.buffer).getFloat64(at, !big))) return;
      return all(size);
    }
    case "enum":
      return all(Number(layout.scalar.slice(1)) / 8);
    case "pointer":
      return all(8);
    case "view":
      return all({ ipv4: 4, ipv6: 16, mac: 6, be16: 2, be32: 4, be64: 8 }[layout.view]);
    case "bytes":
      return all(layout.length);
    case "chars": {
      const nul = keys ? -1 : bytes.subarray(at, at + layout.length).indexOf(0);
      return all(nul < 0 ? layout.length : nul + 1);
    }
    case "bits":
      for (let i = layout.bit; i < layout.bit + layout.width; i++)
        mask[at + (i >> 3)]! |= big ? 0x80 >> (i & 7) : 1 << (i & 7);
      return;
    case "list": {
      const size = sizeOf(layout.element, types);
      for (let i = 0; i < layout.length; i++) cover(layout.element, at + i * size, bytes, mask, types, big, keys);
      return;
    }
    case "tail":
      // No key has one: keys are of a fixed size.
      if (keys) return;
      return cover(
        layout.element === "text"
          ? { kind: "chars", length: bytes.length - at }
          : layout.element === "bytes"
            ? { kind: "bytes", length: bytes.length - at }
            : {
                kind: "list",
                length: Math.floor((bytes.length - at) / sizeOf(layout.element, types)),
                element: layout.element,
              },
        at,
        bytes,
        mask,
        types,
        big,
        keys,
      );
    case "struct":
      for (const { layout: part, offset } of (types.get(layout.type) as StructLayout).fields) {
        // What does not end the record has no tail, nor has what ends it.
        if (layout.fixed === true && part.kind === "tail") continue;
        const inner: Layout = layout.fixed === true && part.kind === "struct" ? { ...part, fixed: true } : part;
        cover(inner, at + offset, bytes, mask, types, big, keys);
      }
  }
}

function sizeOf(layout: Layout, types: Types): number {
  switch (layout.kind) {
    case "struct":
      return types.get(layout.type)!.size;
    case "list":
      return layout.length * sizeOf(layout.element, types);
    case "bytes":
    case "chars":
      return layout.length;
    case "pointer":
      return 8;
    default: {
      if (layout.kind !== "scalar" && layout.kind !== "enum") throw new TypeError(`an array of ${layout.kind}`);
      return layout.scalar === "bool" ? 1 : Number(layout.scalar.slice(1)) / 8;
    }
  }
}

/** Bytes with what goes wrong first: NULs, ends of ranges. */
const bytesOf = (size: number, more: number): fc.Arbitrary<Uint8Array> => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x41, 0x7f, 0x80, 0xff));
  return fc.array(byte, { minLength: size, maxLength: size + more }).map((all) => Uint8Array.from(all));
};

const specimens = goldens
  .map((golden) => ({ ...golden, model: readObject(readFileSync(golden.object)) }))
  .map((golden) => ({ ...golden, layouts: present(readLayouts(golden.model), { int64: "bigint", as: new Map() }) }))
  .filter(({ layouts }) => layouts.types.some(({ kind }) => kind === "struct"));

describe.each(specimens)("$name", ({ object, module, model, layouts }) => {
  const types: Types = new Map(layouts.types.map((type) => [type.type, type]));
  const names = assignNames(basename(object).replace(".bpf.o", ""), layouts.types);
  const structs = layouts.types.filter(({ kind }) => kind === "struct") as StructLayout[];
  const big = model.endian === "big";

  test.each(structs)("$spelled ($type)", async (layout) => {
    const exported = (await import(module)) as Record<string, Codec<unknown>>;
    const plain = exported[names.types[layout.type]!]!;
    for (const [codec, keys] of [
      [plain, false],
      [key(plain), true],
    ] as const) {
      fc.assert(
        fc.property(bytesOf(layout.size, layout.tail === undefined || keys ? 0 : 40), (bytes) => {
          const mask = new Uint8Array(bytes.length);
          cover({ kind: "struct", type: layout.type }, 0, bytes, mask, types, big, keys);
          const value = codec.decode(bytes);
          const again = codec.encode(value);
          expect(codec.decode(again)).toEqual(value);
          // Half an element at the end is dropped.
          const covered = (all: Uint8Array): number[] => Array.from(mask, (bits, i) => (all[i] ?? 0) & bits);
          expect(covered(again)).toEqual(covered(bytes));
        }),
        { numRuns: 60 },
      );
    }
  });
});
