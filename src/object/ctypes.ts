// C's own integers and floating point types, and the kernel's short names for them: a name in, the BTF type out, for types
// that are named where an object has no BTF for them.

import type { BtfType } from "../btf/types.ts";

const FIXED = /^(?:__)?([us])(8|16|32|64|128)$/;
const STDINT = /^(u?)int(8|16|32|64)_t$/;
const ORDERED = /^__(?:be|le)(16|32|64)$/;

/** What is left of an integer type's words without signed, unsigned and int, and its bytes on BPF. */
const WORDS: Readonly<Record<string, number>> = { char: 1, short: 2, "": 4, long: 8, "long long": 8 };

function integer(name: string, size: number, encoding: "signed" | "unsigned" | "bool"): BtfType {
  return { kind: "int", name, size, encoding, bits: 8 * size, bitOffset: 0 };
}

function signedness(mark: string): "signed" | "unsigned" {
  return mark === "u" ? "unsigned" : "signed";
}

/** `unsigned int`, `long long`, `char` in any order of words, named as clang names them in BTF. */
function spelledOut(name: string): BtfType | undefined {
  const words = name.split(" ");
  const base = words.filter((word) => !["signed", "unsigned", "int"].includes(word)).join(" ");
  const size = Object.hasOwn(WORDS, base) ? WORDS[base] : undefined;
  if (name === "" || (words.includes("signed") && words.includes("unsigned"))) return undefined;
  if (size === undefined || new Set(words).size + (base === "long long" ? 1 : 0) !== words.length) return undefined;
  const unsigned = words.includes("unsigned");
  const sign = unsigned ? "unsigned " : base === "char" && words.includes("signed") ? "signed " : "";
  return integer(`${sign}${base || "int"}`, size, unsigned ? "unsigned" : "signed");
}

/** The type that C or the kernel's headers call `name`; undefined for any other. */
export function standardType(name: string): BtfType | undefined {
  if (name === "bool" || name === "_Bool") return integer("_Bool", 1, "bool");
  if (name === "float" || name === "double") return { kind: "float", name, size: name === "float" ? 4 : 8 };
  if (name === "size_t") return integer(name, 8, "unsigned");
  const [, mark, bits] = FIXED.exec(name) ?? STDINT.exec(name) ?? [];
  if (bits !== undefined) return integer(name, Number(bits) / 8, signedness(mark!));
  const ordered = ORDERED.exec(name)?.[1];
  if (ordered !== undefined) return integer(name, Number(ordered) / 8, "unsigned");
  return spelledOut(name);
}
