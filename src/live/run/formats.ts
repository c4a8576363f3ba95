// Which lines of bpf_printk are an object's own. The kernel does not say whose program printed, but a program's formats are
// among its constants.

import { parseElf, sectionData } from "../../elf/read.ts";

const PLACE = /%(%|[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l)?(?:p[A-Za-z0-9]*|[a-zA-Z]))/;

/** Whether a line is one that the programs of the object `bytes` print; any line where their formats are not to be found. */
export function ownLines(bytes: Uint8Array): (line: string) => boolean {
  const patterns = formatsOf(bytes).map(patternOf);
  return patterns.length === 0 ? () => true : (line) => patterns.some((pattern) => pattern.test(line));
}

/** The texts among the constants: each begins where a symbol does, or after a NUL. */
function formatsOf(bytes: Uint8Array): string[] {
  const elf = parseElf(bytes);
  const texts = elf.sections.flatMap((section, index) => {
    if (!section.name.startsWith(".rodata")) return [];
    const data = Buffer.from(sectionData(bytes, section));
    const starts = elf.symbols.filter((symbol) => symbol.section === index).map(({ value }) => Number(value));
    const cuts = [...new Set([0, ...starts, data.length])].sort((a, b) => a - b);
    return cuts.slice(1).flatMap((end, i) => data.toString("latin1", cuts[i], end).split("\0"));
  });
  return [...new Set(texts)].filter((text) => /^[\x20-\x7e\n\t]+$/.test(text));
}

/** What a format's lines look like. */
export function patternOf(format: string): RegExp {
  const parts = format.replace(/\n$/, "").split(PLACE);
  const source = parts.map((part, i) => {
    if (i % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    return part === "%" ? "%" : "[^]*?";
  });
  return new RegExp(`^${source.join("")}$`);
}
