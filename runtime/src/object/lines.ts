// An object and its verifier log in, the line of C that the verifier stopped at out. The log repeats the lines of
// `.BTF.ext` (kernel/bpf/log.c, `verbose_linfo`): their text always, file and number since Linux 6.9 only. A verdict of
// before the first instruction is followed has no line: it tells the instruction's number.

import { hostMemory } from "../native.ts";
import {
  bytesOf,
  type CodeFunction,
  instructionSize,
  linkedFunctions,
  readSections,
  type Section,
  textAt,
} from "./functions.ts";

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
  const place = blamedPlace(sections, program, log);
  if (place === undefined) return undefined;
  const { of, offset } = place;
  const ours = infos.filter(
    (info) => info.section === of.section && info.offset >= of.offset && info.offset <= offset && info.text !== "",
  );
  const line = ours.sort((a, b) => a.offset - b.offset).at(-1);
  return line === undefined ? undefined : { place: placeOf(line), text: line.text };
}

interface Place {
  readonly of: CodeFunction;
  /** Of the instruction in the function's section, in bytes. */
  readonly offset: number;
}

function blamedPlace(sections: readonly Section[], program: string, log: string): Place | undefined {
  const number = /^(?:unreachable|jump out of range from|back-edge from|subprog \d+ .* at) insn (\d+)/m.exec(log)?.[1];
  if (number !== undefined) return placeAt(linkedFunctions(sections, program), Number(number) * instructionSize);
  if (!/^last insn is not an exit or jmp$/m.test(log)) return undefined;
  const open = linkedFunctions(sections, program).find((one) => !endsWithJump(sections, one));
  return open === undefined ? undefined : { of: open, offset: open.offset + open.size - instructionSize };
}

/** The function that has the byte `at` of what the functions are together. */
function placeAt(functions: readonly CodeFunction[], at: number): Place | undefined {
  let start = 0;
  for (const of of functions) {
    if (at < start + of.size) return { of, offset: of.offset + at - start };
    start += of.size;
  }
  return undefined;
}

// BPF_EXIT, BPF_JA and its form with 32 bits
const ends: ReadonlySet<number> = /*@__PURE__*/ new Set([0x95, 0x05, 0x06]);

function endsWithJump(sections: readonly Section[], { section, offset, size }: CodeFunction): boolean {
  return ends.has(bytesOf(sections, section)[offset + size - instructionSize]!);
}

// include/linux/filter.h, MAX_BPF_STACK
const largestStack = 512;

/**
 * What to do about "combined stack size of 2 calls is 704. Too large" (kernel/bpf/verifier.c, `check_max_stack_depth`), with each
 * function's part where the log tells it.
 */
export function stackHint(object: Uint8Array, program: string, log: string): string | undefined {
  if (!/^combined stack size of \d+ calls is \d+\. Too large$/m.test(log)) return undefined;
  const rule = `functions that call each other have ${largestStack} bytes of stack together`;
  const depths = /^stack depth ([\d+]+)/m.exec(log)?.[1]?.split("+");
  if (depths === undefined) {
    const remedy = "move large variables into a map or a global";
    return `${rule}: ${remedy}; with load({ logLevel: 4 }) this says how much each has`;
  }
  const names = linkedFunctions(readSections(object), program).map(({ name }) => name);
  const parts = names.length === depths.length ? depths.map((depth, i) => `${names[i]} has ${depth}`) : depths;
  return `${rule}: ${parts.join(", ")}; move large variables into a map or a global`;
}

/** All line records: `struct btf_ext_header`, then by section `struct bpf_line_info`. */
function readLines(sections: readonly Section[]): LineInfo[] {
  const [btf, ext] = [bytesOf(sections, ".BTF"), bytesOf(sections, ".BTF.ext")];
  if (btf.length === 0 || ext.length === 0) return [];
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
