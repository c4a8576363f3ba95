import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isValueError } from "../src/errors.ts";
import { key, strings, struct, u32 } from "../src/gen1.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What writing `texts` as `char[n]` is refused with. */
function refusal(n: number, texts: unknown): string {
  try {
    struct(n, { args: [0, strings(n)] }).encode({ args: texts as string[] });
  } catch (e) {
    if (!isValueError(e)) throw e;
    return `${e.path} | ${e.message}`;
  }
  throw new Error("nothing was refused");
}

describe("several texts in one char[n]", () => {
  test.each<[string, string[]]>([
    ["\0\0\0\0", []],
    ["ls\0-l\0\0\0\0", ["ls", "-l"]],
    ["ls\0-l", ["ls", "-l"]],
    ["a\0\0b\0\0", ["a", "", "b"]],
    ["\0b", ["", "b"]],
    ["abcd", ["abcd"]],
    ["\u00e4\u20ac\0\ud83d\ude00\0", ["\u00e4\u20ac", "\ud83d\ude00"]],
  ])("%j are %j, and back", (text, texts) => {
    const bytes = bytesOf(text);
    const codec = strings(bytes.length);
    expect(codec.decode(bytes)).toEqual(texts);
    expect(new Uint8Array(codec.encode(texts))).toEqual(bytes);
    expect(key(codec).decode(bytes)).toEqual(texts);
  });

  test("any bytes come back the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(3), (some, zeros) => {
        const bytes = Uint8Array.from([
          ...some.map((byte) => (byte < 100 ? 0 : byte)),
          ...new Array<number>(zeros).fill(0),
        ]);
        const codec = strings(bytes.length);
        expect(new Uint8Array(codec.encode(codec.decode(bytes)))).toEqual(bytes);
      }),
    );
  });

  test("what was written before is gone, and neighbours stay", () => {
    const Exec = struct(16, { pid: [0, u32], args: [4, strings(8)], uid: [12, u32] });
    const value = { pid: 1, args: ["a", "b"], uid: 0xffff_ffff };
    Exec.encode({ ...value, args: ["12345678"] });
    expect(Exec.decode(Exec.encode(value))).toEqual(value);
    expect(Exec.zero().args).toEqual([]);
  });

  test.each<[unknown, string]>([
    ["ls", 'struct.args | struct.args: expected an array of strings, got "ls"'],
    [undefined, "struct.args | struct.args: expected char[8], got undefined (missing)"],
    [["a", 5], "struct.args[1] | struct.args[1]: expected a string, got 5"],
    [
      ["a", "b\0c"],
      'struct.args[1] | struct.args[1]: expected no NUL inside, got "b\\0c" (a C string ends at its first NUL)',
    ],
    [["123456789"], "struct.args[0] | struct.args[0]: expected at most 8 bytes of UTF-8, got 9"],
    [["1234", "5678"], "struct.args[1] | struct.args[1]: expected at most 3 bytes of UTF-8, got 4"],
    [["12345678", "", "9"], "struct.args[2] | struct.args[2]: expected at most 0 bytes of UTF-8, got 1"],
    [["a", ""], 'struct.args[1] | struct.args[1]: expected no empty text at the end, got "" (it reads as padding)'],
    [["\ud800"], 'struct.args[0] | struct.args[0]: expected well-formed text, got "\\ud800" (a lone surrogate at 0)'],
  ])("%j is refused", (texts, message) => expect(refusal(8, texts)).toBe(message));
});
