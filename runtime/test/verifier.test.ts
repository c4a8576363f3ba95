// The verifier's log: where it is in libbpf's lines, and what of it an error shows.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lastLine } from "../src/object/lines.ts";
import { findRefusal, summarise } from "../src/object/verifier.ts";

describe("summarise", () => {
  test.each([
    ["an empty log", "", "no reason given"],
    ["one line", "R1 type=ctx expected=fp\n", "R1 type=ctx expected=fp"],
    [
      "an instruction and its fault",
      "0: R1=ctx() R10=fp0\n1: (b7) r0 = 0\n2: (79) r0 = *(u64 *)(r0 +0)\nR0 invalid mem access 'scalar'\nprocessed 3 insns (limit 1000000)\n",
      "2: (79) r0 = *(u64 *)(r0 +0): R0 invalid mem access 'scalar' (2 lines omitted)",
    ],
    [
      "a fault without an instruction",
      "a\nb\nR0 !read_ok\nverification time 5 usec\nstack depth 0\n",
      "R0 !read_ok (2 lines omitted)",
    ],
    [
      "a verdict before the states that it compares",
      "; for (;;)\n3: (05) goto pc-1\ninfinite loop detected at insn 3\ncur state: R0=1 R10=fp0\nold state: R0=1 R10=fp0\nprocessed 4 insns",
      "3: (05) goto pc-1: infinite loop detected at insn 3 (3 lines omitted)",
    ],
    [
      "a fault behind registers",
      "1: (79) r0 = *(u64 *)(r0 +0)\n R0_w=scalar() R10=fp0\nR0 invalid mem access 'scalar'\n",
      "1: (79) r0 = *(u64 *)(r0 +0): R0 invalid mem access 'scalar' (1 line omitted)",
    ],
    [
      "an instruction with the line of C that comes next",
      "9: (55) if r1 != 0x5 goto pc-6 ; while (*v != 5) { @ loop.bpf.c:8\ninfinite loop detected at insn 4\n",
      "9: (55) if r1 != 0x5 goto pc-6: infinite loop detected at insn 4",
    ],
    [
      "an instruction with registers",
      "3: (61) r0 = *(u32 *)(r1 +0)          ; R0=scalar() R1=ctx()\nR0 !read_ok\n",
      "3: (61) r0 = *(u32 *)(r1 +0): R0 !read_ok",
    ],
    [
      "one line left out",
      "a\nBPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns",
      "BPF program is too large. Processed 1000001 insn (1 line omitted)",
    ],
  ])("%s", (_, log, summary) => {
    expect(summarise(log)).toBe(summary);
  });
});

describe("the line of C", () => {
  const object = new Uint8Array(readFileSync(new URL("../../fixtures/verifier_fail.bpf.o", import.meta.url)));
  test.each([
    ["none in the log", "0: (b7) r0 = 0\n", undefined],
    [
      "as Linux before 6.9 prints it",
      "; u64 *count = bpf_map_lookup_elem(&counts, &key);\n; *count += 1;\n5: (79)",
      { place: "verifier_fail.bpf.c:17:9", text: "*count += 1;" },
    ],
    [
      "as Linux 6.9 prints it",
      "; *count += 1; @ verifier_fail.bpf.c:17\n5: (79)",
      { place: "verifier_fail.bpf.c:17:9", text: "*count += 1;" },
    ],
    ["that the object does not have", "; other(); @ other.bpf.c:3\n", { place: "other.bpf.c:3", text: "other();" }],
    [
      "of a file with a space and a sign",
      "; f(a @ b); @ my prog.bpf.c:3\n",
      { place: "my prog.bpf.c:3", text: "f(a @ b);" },
    ],
    [
      "behind an instruction",
      "; other(); @ other.bpf.c:3\n5: (55) if r1 != 0x5 goto pc-1 ; *count += 1; @ verifier_fail.bpf.c:17\n",
      { place: "verifier_fail.bpf.c:17:9", text: "*count += 1;" },
    ],
    [
      "of the instruction that the verdict names",
      "func#0 @0\nunreachable insn 9\nprocessed 0 insns",
      { place: "verifier_fail.bpf.c:17:9", text: "*count += 1;" },
    ],
    ["of an instruction of another function", "unreachable insn 900\n", undefined],
    ["without a number that the object does not have", "; other();\n", { place: undefined, text: "other();" }],
  ])("%s", (_, log, line) => {
    expect(lastLine(object, "count_unchecked", log)).toEqual(line);
  });

  test("is not told of bytes without sections", () => {
    expect(lastLine(new Uint8Array(64), "p", "; x;\n")).toEqual({ place: undefined, text: "x;" });
  });
});

describe("findRefusal", () => {
  const block = (name: string, log: string): string =>
    `libbpf: prog '${name}': BPF program load failed: Permission denied\n` +
    `libbpf: prog '${name}': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --\nlibbpf: prog '${name}': failed to load: -13`;

  test.each([
    ["nothing printed", "", undefined],
    ["other lines", "libbpf: map 'm': failed to create: Invalid argument(-22)", undefined],
    ["an empty log", block("p", ""), undefined],
    [
      "the log of a program that passed",
      block("p", "0: R1=ctx() R10=fp0\n; return 0;\n0: (b7) r0 = 0 ; R0_w=0\n1: (95) exit\nprocessed 2 insns\n"),
      undefined,
    ],
    ["a log", block("q", "0: (b7)\nno\n"), { program: "q", log: "0: (b7)\nno\n" }],
    ["a log", block("p", "0: (b7)\nno\n"), { program: "p", log: "0: (b7)\nno\n" }],
    ["the first of two", `${block("p", "one\n")}\n${block("q", "two\n")}`, { program: "p", log: "one\n" }],
  ])("%s", (_, printed, refusal) => {
    expect(findRefusal(printed)).toEqual(refusal);
  });
});
