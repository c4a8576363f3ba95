// The whole file in, its checked ELF header out: a 64-bit relocatable BPF object of either byte order, and where its
// section headers are.

import { EHDR, EHDR_SIZE, EM_BPF, SHDR_SIZE, SHN_LORESERVE } from "./abi.ts";
import type { Endian } from "./elf.ts";
import { explainNotElf, isElf } from "./magic.ts";
import { COMPILE, foreign, hex, malformed } from "./report.ts";
import { type View, openView } from "./view.ts";

/** No compiler writes a BPF object near this size; the cap bounds time and memory. */
const MAX_FILE_SIZE = 64 * 1024 * 1024;

const MACHINES = new Map([
  [0, "none"],
  [3, "x86"],
  [8, "mips"],
  [21, "ppc64"],
  [22, "s390"],
  [40, "arm"],
  [62, "x86-64"],
  [183, "arm64"],
  [243, "riscv"],
  [258, "loongarch"],
]);

const TYPES = new Map([
  [0, "none"],
  [2, "an executable"],
  [3, "a shared object"],
  [4, "a core dump"],
]);

export interface FileHeader {
  readonly endian: Endian;
  /** Where the section headers start. */
  readonly shoff: number;
  /** How many there are, the null section included; all lie in the file. */
  readonly shnum: number;
  /** Which section holds the section names; below `shnum`, not yet looked at. */
  readonly shstrndx: number;
}

export function readHeader(bytes: Uint8Array): FileHeader {
  if (bytes.length > MAX_FILE_SIZE) {
    throw malformed(`file is too large, got ${bytes.length} bytes (at most ${MAX_FILE_SIZE})`);
  }
  if (!isElf(bytes)) throw explainNotElf(bytes);
  if (bytes.length < EHDR_SIZE) {
    throw malformed(`file header is cut short, got ${bytes.length} of ${EHDR_SIZE} bytes (compile again)`);
  }
  const endian = readIdent(bytes);
  const view = openView(bytes, endian);
  checkKind(view);
  expectField(view, "e_ehsize", EHDR.ehsize, EHDR_SIZE);
  expectField(view, "e_phnum", EHDR.phnum, 0);
  expectField(view, "e_shentsize", EHDR.shentsize, SHDR_SIZE);
  return { endian, ...locateTable(view, bytes.length) };
}

/** `e_ident`: class, byte order and version, the same in both byte orders. */
function readIdent(bytes: Uint8Array): Endian {
  const [elfClass, data, version] = bytes.subarray(4, 7);
  if (elfClass === 1) throw foreign(`not a 64-bit object, got ELF32 at offset 4 (compile with ${COMPILE})`);
  if (elfClass !== 2) throw malformed(`EI_CLASS must be 2 (64-bit), got ${elfClass} at offset 4`);
  if (data !== 1 && data !== 2) throw malformed(`EI_DATA must be 1 or 2 (byte order), got ${data} at offset 5`);
  if (version !== 1) throw malformed(`EI_VERSION must be 1, got ${version} at offset 6`);
  return data === 1 ? "little" : "big";
}

function checkKind(view: View): void {
  const machine = view.u16(EHDR.machine);
  if (machine !== EM_BPF) {
    const known = MACHINES.get(machine);
    const got = `machine ${machine}${known === undefined ? "" : ` (${known})`}`;
    throw foreign(`not a BPF object, got ${got} at offset ${EHDR.machine} (compile with -target bpf)`);
  }
  const type = view.u16(EHDR.type);
  if (type !== 1) {
    const known = TYPES.get(type);
    const got = `type ${type}${known === undefined ? "" : ` (${known})`}`;
    throw malformed(`not a relocatable object, got ${got} at offset ${EHDR.type} (compile with clang -c, do not link)`);
  }
  const version = view.u32(EHDR.version);
  if (version !== 1) throw malformed(`e_version must be 1, got ${version} at offset ${EHDR.version}`);
}

function expectField(view: View, name: string, at: number, expected: number): void {
  const value = view.u16(at);
  if (value !== expected) throw malformed(`${name} must be ${expected}, got ${value} at offset ${at}`);
}

function locateTable(view: View, fileSize: number): { shoff: number; shnum: number; shstrndx: number } {
  const shoff = view.u64(EHDR.shoff);
  const shnum = view.u16(EHDR.shnum);
  const shstrndx = view.u16(EHDR.shstrndx);
  // e_shnum 0 with a table moves the count to section 0 (extended numbering), which needs 65280 sections or malice.
  if (shnum === 0 || shnum >= SHN_LORESERVE) {
    throw malformed(
      `e_shnum must be 1 to ${SHN_LORESERVE - 1}, got ${shnum} at offset ${EHDR.shnum} (extended numbering is not supported)`,
    );
  }
  const end = shoff + BigInt(shnum * SHDR_SIZE);
  if (end > BigInt(fileSize)) {
    const got = `${shnum} headers at ${hex(shoff)} in ${hex(fileSize)} bytes`;
    throw malformed(`section headers must lie in the file, got ${got} (is the file complete?)`);
  }
  if (shstrndx === 0 || shstrndx >= shnum) {
    throw malformed(`e_shstrndx must be 1 to ${shnum - 1}, got ${shstrndx} at offset ${EHDR.shstrndx}`);
  }
  return { shoff: Number(shoff), shnum, shstrndx };
}
