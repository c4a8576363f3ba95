// Several texts in one `char[n]`, as in argv and environ: each ends at a NUL.

import { ValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { refuse } from "../memory/refuse.ts";
import { decodeText, encodeText, utf8Length } from "../memory/text.ts";
import { length } from "./arrays.ts";
import { makeCodec } from "./base.ts";
import { checkWhole, refuseAt } from "./checked.ts";
import type { Codec } from "./codec.ts";

const made: Map<number, Codec<readonly string[]>> = /*@__PURE__*/ new Map();

/**
 * `char[n]` as the texts in it, between NULs; those at the end are padding. A text with a NUL inside is a ValueError, so is
 * what does not fit in all, and an empty text at the end, which would read as padding.
 * @example
 * strings(8).decode(bytes); // ["ls", "-l"] of "ls\0-l\0\0\0"
 */
export function strings(n: number): Codec<readonly string[]> {
  let codec = made.get(n);
  if (codec === undefined) {
    codec = makeCodec<readonly string[]>({
      name: `char[${length(n)}]`,
      size: n,
      read: (m, at) => readTexts(m, at, n),
      write: (m, at, texts) => writeTexts(m, at, n, texts),
      check(m, at, texts, path) {
        if (!Array.isArray(texts)) refuseAt(path, "an array of strings", texts);
        writeTexts(m, at, n, texts, (place, text, isLast, i) =>
          checkWhole<string>(() => writeText(m, place, at + n, text, isLast))(m, place, text, `${path}[${i}]`),
        );
      },
    });
    made.set(n, codec);
  }
  return codec;
}

function readTexts(m: Memory, at: number, n: number): string[] {
  const bytes = m.bytes(at, n);
  let end = n;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const texts: string[] = [];
  for (let from = 0; from < end;) {
    const nul = bytes.indexOf(0, from);
    const to = nul < 0 || nul > end ? end : nul;
    texts.push(decodeText(bytes, from, to - from, false));
    from = to + 1;
  }
  return texts;
}

function writeTexts(
  m: Memory,
  at: number,
  n: number,
  texts: readonly string[],
  write: (at: number, text: string, isLast: boolean, i: number) => void = (place, text, isLast) =>
    writeText(m, place, at + n, text, isLast),
): void {
  if (!Array.isArray(texts)) refuse("an array of strings", texts);
  m.zero(at, n);
  let place = at;
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i] as string;
    write(place, text, i === texts.length - 1, i);
    place += utf8Length(text) + 1;
  }
}

/** One text at `at`; nothing is written from `end` on. */
function writeText(m: Memory, at: number, end: number, text: string, isLast: boolean): void {
  if (typeof text !== "string") refuse("a string", text);
  if (isLast && text === "") refuse("no empty text at the end", text, "it reads as padding");
  const room = Math.max(0, end - at);
  const size = utf8Length(text);
  if (size > room) throw new ValueError(`expected at most ${room} bytes of UTF-8, got ${size}`, "");
  encodeText(m.u8s, at, size, text, false);
}
