// An object and its verifier log in, the line of C that the verifier stopped at out. The log repeats the lines of
// `.BTF.ext` (kernel/bpf/log.c, `verbose_linfo`): their text always, file and number since Linux 6.9 only.

import { hostMemory } from "../native.ts";

/** A place in the source. */
export interface SourceLine {
  /** "prog.bpf.c:12:3", as exact as is known; undefined where several lines read the same. */
  readonly place: string | undefined;
  readonly text: string;
}

interface LineInfo {
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** The last line of source in `log`; undefined where it has none. `object` is one that libbpf has opened. */
export function lastLine(object: Uint8Array, log: string): SourceLine | undefined {
  const [, text, file, line] = [...log.matchAll(/^; (.*?)(?: @ (\S+):(\d+))?$/gm)].at(-1) ?? [];
  if (text === undefined || text === "") return undefined;
  const alike = readLines(object).filter(
    (info) => info.text === text && (line === undefined || (info.line === Number(line) && info.file === file)),
  );
  const places = new Set(alike.map((info) => `${info.file}:${info.line}:${info.column}`));
  const logged = line === undefined ? undefined : `${file}:${line}`;
  return { place: places.size === 1 ? [...places][0] : logged, text };
}

/** All line records: `struct btf_ext_header`, then by section `struct bpf_line_info`. */
function readLines(object: Uint8Array): LineInfo[] {
  const sections = readSections(object);
  const [btf, ext] = [sections.get(".BTF"), sections.get(".BTF.ext")];
  if (btf === undefined || ext === undefined) return [];
  const types = hostMemory(btf);
  const strings = btf.subarray(types.u32(4) + types.u32(16));
  const m = hostMemory(ext);
  let at = m.u32(4) + m.u32(16);
  const end = at + m.u32(20);
  if (at >= end) return [];
  const recordSize = m.u32(at);
  const lines: LineInfo[] = [];
  at += 4;
  while (at < end) {
    const count = m.u32(at + 4);
    at += 8;
    for (let i = 0; i < count; i++, at += recordSize) {
      const place = m.u32(at + 12);
      const file = textAt(strings, m.u32(at + 4)).replace(/^.*\//, "");
      lines.push({ file, text: textAt(strings, m.u32(at + 8)).trimStart(), line: place >>> 10, column: place & 1023 });
    }
  }
  return lines;
}

/** The bytes of each section of a 64-bit ELF file. */
function readSections(object: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const m = hostMemory(object);
  const headers = Number(m.u64(40));
  const header = (index: number): { name: number; bytes: Uint8Array } => {
    const at = headers + index * m.u16(58);
    const start = Number(m.u64(at + 24));
    // What has no bytes in the file may reach beyond its end.
    return { name: m.u32(at), bytes: object.subarray(start, start + Number(m.u64(at + 32))) };
  };
  const names = header(m.u16(62)).bytes;
  const all = Array.from({ length: m.u16(60) }, (_, index) => header(index));
  return new Map(all.map(({ name, bytes }) => [textAt(names, name), bytes]));
}

function textAt(strings: Uint8Array, at: number): string {
  return new TextDecoder().decode(strings.subarray(at, strings.indexOf(0, at)));
}
