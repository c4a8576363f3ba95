// BTF, the type information of BPF objects: the bytes of a .BTF section in, a validated type graph out.
// https://docs.kernel.org/bpf/btf.html. Takes what the kernel takes, and besides that what real compilers emit.

import { decodeTypes } from "./decode.ts";
import { parseHeader } from "./header.ts";
import { checkRefs, isType } from "./refs.ts";
import { resolveTypes } from "./resolve.ts";
import type { Btf, BtfType } from "./types.ts";

/**
 * clang writes any number as the element of an array of char16_t, char32_t or char8_t, which BTF has no types for. Libbpf
 * before 1.3 does not look, so one that cannot be an element is void.
 */
function withElements(types: readonly BtfType[]): BtfType[] {
  return types.map((type) => {
    if (type.kind !== "array") return type;
    const element = types[type.type];
    return element === undefined || !isType(element.kind) ? { ...type, type: 0 } : type;
  });
}

/**
 * Reads a .BTF section of either byte order; see {@link Btf} for what holds of the result. Throws `ERR_BTF_FORMAT` where
 * the bytes break a rule, or are newer than this reader. Bytes of names that are not UTF-8 become U+DC00 + byte.
 */
export function parseBtf(bytes: Uint8Array): Btf {
  const parts = parseHeader(bytes);
  const types = withElements(decodeTypes(parts));
  checkTypes(types);
  return { endian: parts.endian, types };
}

/** Checks `types`, and gives old-style bitfields among them their one form: what {@link parseBtf} says of its result holds. */
export function checkTypes(types: BtfType[]): void {
  checkRefs(types);
  resolveTypes(types);
}
