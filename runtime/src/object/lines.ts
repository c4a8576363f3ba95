// An object and its verifier log in, the line of C that the verifier stopped at out. The log repeats the lines of
// `.BTF.ext` (kernel/bpf/log.c, `verbose_linfo`): their text always, file and number since Linux 6.9 only. A verdict of
// before the first instruction is followed has no line: it tells the instruction's number.

import { hostMemory } from "../native.ts";

/** A place in the source. */
export interface SourceLine {
  /** "prog.bpf.c:12:3", as exact as is known; undefined where several lines read the same. */
  readonly place: string | undefined;
  readonly text: string;
}

interface LineInfo {
  readonly section: string;
  /** Of the instruction in its section, in bytes. */
  readonly offset: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** The line of source that `log` of `program` ends with; undefined where it tells none. `object` is one that libbpf has opened. */
export function lastLine(object: Uint8Array, program: string, log: string): SourceLine | undefined {
  const sections = readSections(object);
  const infos = readLines(sections);
  // A line without its file is told apart from registers by where it begins.
  const told = log.matchAll(
    /^(?:\d+: \([0-9a-f]{2}\) .*?)?; (?<text>.*) @ (?<file>.+):(?<line>\d+)$|^; (?<alone>.*)$/gm,
  );
  const { text, file, line, alone } = [...told].at(-1)?.groups ?? {};
  const words = text ?? alone;
  if (words === undefined) return numberedLine(sections, infos, program, log);
  if (words === "") return undefined;
  const alike = infos.filter(
    (info) => info.text === words && (line === undefined || (info.line === Number(line) && info.file === file)),
  );
  const places = new Set(alike.map(placeOf));
  const logged = line === undefined ? undefined : `${file}:${line}`;
  return { place: places.size === 1 ? [...places][0] : logged, text: words };
}

function placeOf(info: LineInfo): string {
  return `${info.file}:${info.line}:${info.column}`;
}

/** kernel/bpf/verifier.c, `check_cfg` and `check_subprogs`: "unreachable insn 2", "jump out of range from insn 1 to 7" */
function numberedLine(
  sections: readonly Section[],
  infos: readonly LineInfo[],
  program: string,
  log: string,
): SourceLine | undefined {
  const number = /^(?:unreachable|jump out of range from|back-edge from|subprog \d+ .* at) insn (\d+)/m.exec(log)?.[1];
  const place = number === undefined ? undefined : findFunction(sections, program);
  if (place === undefined) return undefined;
  const at = Number(number) * 8;
  // What the program calls lies behind it in the kernel, and elsewhere in the object.
  if (at >= place.size) return undefined;
  const [start, offset] = [place.offset, place.offset + at];
  const ours = infos.filter(
    (info) => info.section === place.section && info.offset >= start && info.offset <= offset && info.text !== "",
  );
  const line = ours.sort((a, b) => a.offset - b.offset).at(-1);
  return line === undefined ? undefined : { place: placeOf(line), text: line.text };
}

/** All line records: `struct btf_ext_header`, then by section `struct bpf_line_info`. */
function readLines(sections: readonly Section[]): LineInfo[] {
  const bytesOf = (name: string): Uint8Array | undefined => sections.find((section) => section.name === name)?.bytes;
  const [btf, ext] = [bytesOf(".BTF"), bytesOf(".BTF.ext")];
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
    const section = textAt(strings, m.u32(at));
    const count = m.u32(at + 4);
    at += 8;
    for (let i = 0; i < count; i++, at += recordSize) {
      const place = m.u32(at + 12);
      lines.push({
        section,
        offset: m.u32(at),
        file: textAt(strings, m.u32(at + 4)).replace(/^.*\//, ""),
        text: textAt(strings, m.u32(at + 8)).trimStart(),
        line: place >>> 10,
        column: place & 1023,
      });
    }
  }
  return lines;
}

interface Section {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Those of a 64-bit ELF file, as it numbers them. */
function readSections(object: Uint8Array): readonly Section[] {
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
  return all.map(({ name, bytes }) => ({ name: textAt(names, name), bytes }));
}

/** Where the function `name` lies, by the symbols: `Elf64_Sym`. */
function findFunction(
  sections: readonly Section[],
  name: string,
): { section: string; offset: number; size: number } | undefined {
  const bytesOf = (wanted: string): Uint8Array =>
    sections.find((one) => one.name === wanted)?.bytes ?? new Uint8Array();
  const [symbols, names] = [bytesOf(".symtab"), bytesOf(".strtab")];
  const m = hostMemory(symbols);
  for (let at = 0; at + 24 <= symbols.length; at += 24) {
    const isFunction = (m.u8(at + 4) & 15) === 2;
    const section = sections[m.u16(at + 6)];
    if (!isFunction || section === undefined || textAt(names, m.u32(at)) !== name) continue;
    return { section: section.name, offset: Number(m.u64(at + 8)), size: Number(m.u64(at + 16)) };
  }
  return undefined;
}

function textAt(strings: Uint8Array, at: number): string {
  return new TextDecoder().decode(strings.subarray(at, strings.indexOf(0, at)));
}
