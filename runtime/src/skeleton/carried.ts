// The object that generated code carries: unpacked, and checked against the recorded hash before libbpf sees a byte.

import { abi } from "../abi.ts";
import { StaleError, UnsupportedError, ValueError } from "../errors.ts";
import { hostIsLittleEndian } from "../memory/numbers.ts";
import { isBytes, show } from "../memory/refuse.ts";
import type { CarriedObject, OpenOptions, SkeletonShape, SkeletonTable } from "./types.ts";

const elfMagic = [0x7f, 0x45, 0x4c, 0x46];
const dataOffset = 5;

/** Base64 to bytes. For generated code. */
export function base64(text: string): Uint8Array {
  return new Uint8Array(process.getBuiltinModule("node:buffer").Buffer.from(text, "base64"));
}

/** The bytes of a file beside the generated module (`--no-embed`). For generated code. */
export function file(url: { readonly href: string }): Uint8Array {
  const { readFileSync } = process.getBuiltinModule("node:fs");
  const { fileURLToPath } = process.getBuiltinModule("node:url");
  return new Uint8Array(readFileSync(fileURLToPath(url.href)));
}

/** @throws StaleError when the generated code speaks another version of the table */
export function checkAbi(table: { readonly abi: unknown; readonly name: string }): void {
  if (table.abi === abi) return;
  throw new StaleError(
    `${table.name}: generated for ABI ${show(table.abi)}, this runtime speaks ${abi} (regenerate with ebpf-skel gen)`,
  );
}

/** The object for this machine, of those that the table has. */
function forThisMachine({ others, sha256, object }: SkeletonTable<SkeletonShape>): CarriedObject {
  const { arch } = process;
  return others !== undefined && Object.hasOwn(others, arch) ? others[arch]! : { sha256, object };
}

/** The carried object's bytes, verified. */
export function carriedObject(table: SkeletonTable<SkeletonShape>): Uint8Array {
  return verified(table, forThisMachine(table).object(), "the carried object");
}

/** The object that the user passes in place of the carried one, verified. */
export function givenObject(table: SkeletonTable<SkeletonShape>, object: OpenOptions["object"] & object): Uint8Array {
  // A copy: what is hashed is what libbpf gets.
  if (isBytes(object)) return verified(table, new Uint8Array(object), "the given object");
  if (typeof object.href !== "string") {
    throw new ValueError(`open: object: expected bytes or a file URL, got ${show(object)}`, "object");
  }
  return verified(table, file(object), object.href);
}

function verified(table: SkeletonTable<SkeletonShape>, packed: Uint8Array, what: string): Uint8Array {
  const { name } = table;
  const { sha256 } = forThisMachine(table);
  const bytes = unpack(name, packed);
  const { createHash } = process.getBuiltinModule("node:crypto");
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found === sha256) return bytes;
  const remedy = "regenerate with ebpf-skel gen, and do not edit the module";
  throw new StaleError(`${name}: expected sha256 ${short(sha256)}, ${what} has ${short(found)} (${remedy})`);
}

function short(hex: string): string {
  return hex.length > 16 ? `${hex.slice(0, 16)}…` : hex;
}

function unpack(name: string, packed: Uint8Array): Uint8Array {
  if (elfMagic.every((byte, i) => packed[i] === byte)) return packed;
  try {
    return new Uint8Array(process.getBuiltinModule("node:zlib").inflateSync(packed));
  } catch (cause) {
    throw new StaleError(`${name}: the object is neither ELF nor zlib (regenerate with ebpf-skel gen)`, { cause });
  }
}

/** @throws UnsupportedError for an object that the running kernel cannot execute */
export function checkByteOrder(name: string, bytes: Uint8Array): void {
  const bigEndian = bytes[dataOffset] === 2;
  if (bigEndian !== hostIsLittleEndian) return;
  const [object, host] = bigEndian ? ["big", "little"] : ["little", "big"];
  throw new UnsupportedError(
    `${name}: a ${object}-endian object does not run on this ${host}-endian host (compile it with clang -target bpf)`,
  );
}
