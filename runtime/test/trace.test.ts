// Lines of trace_pipe as kernels write them, and the kernel's clock as dates.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { ktimeToDate } from "../src/events/ktime.ts";
import { parseTrace } from "../src/events/traceline.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const line = (more: object): object => ({ task: "bash", pid: 4242, cpu: 1, time: 1234567890123000n, ...more });

describe("parseTrace", () => {
  test.each<[name: string, text: string, expected: readonly object[]]>([
    [
      "a line of Linux 6",
      "            bash-4242    [001] ...11 1234567.890123: bpf_trace_printk: hello\n",
      [line({ text: "hello" })],
    ],
    [
      "flags that Linux 5 has",
      "            bash-4242    [001] d... 1234567.890123: bpf_trace_printk: hello\n",
      [line({ text: "hello" })],
    ],
    [
      "no flags at all, and the process's number",
      "            bash-4242    (   4242) [001] 1234567.890123: bpf_trace_printk: hello\n",
      [line({ text: "hello" })],
    ],
    [
      "a name full of what separates",
      " a-1 [0] b: c: x-4242    [001] ...11 1234567.890123: bpf_trace_printk: x-1 [002] y: z\n",
      [line({ task: "a-1 [0] b: c: x", text: "x-1 [002] y: z" })],
    ],
    [
      "a name of bytes that are more than its letters",
      "      größe-größ-4242    [001] ...11 1234567.890123: bpf_trace_printk: ü\n".replace("      größe", "  größe"),
      [line({ task: "größe-größ", text: "ü" })],
    ],
    [
      "a number of more than its columns",
      "           <...>-4194303 [127] ...11    12.000001: bpf_trace_printk: \n",
      [{ task: "<...>", pid: 4194303, cpu: 127, time: 12000001000n, text: "" }],
    ],
    [
      "a newline at the end of the text, which is not part of it",
      "            bash-4242    [001] ...11 1234567.890123: bpf_trace_printk: hello\n\n",
      [line({ text: "hello" })],
    ],
    [
      "newlines inside of the text",
      "            bash-4242    [001] ...11 1234567.890123: bpf_trace_printk: a\n\n b\n",
      [line({ text: "a\n\n b" })],
    ],
    [
      "what was dropped, between lines",
      "            bash-4242    [001] ...11 1234567.890123: bpf_trace_printk: a\nCPU:1 [LOST 17 EVENTS]\n" +
        "            bash-4242    [001] ...11 1234567.890123: bpf_trace_printk: b\nCPU:0 [LOST EVENTS]\n",
      [line({ text: "a" }), { cpu: 1, lost: 17 }, line({ text: "b" }), { cpu: 0, lost: 0 }],
    ],
    ["nothing before the first line", "[LINE TOO BIG]\n", []],
    ["nothing", "", []],
  ])("%s", (_, text, expected) => {
    const found = parseTrace(bytes(text));
    expect(found.map(({ ...fields }) => ("line" in fields ? { ...fields, line: undefined } : fields))).toEqual(
      expected.map((fields) => ("lost" in fields ? fields : { ...fields, line: undefined })),
    );
  });

  test("keeps the whole line as well", () => {
    const text = "            bash-4242    [001] ...11 1234567.890123: bpf_trace_printk: größe\nb";
    expect(parseTrace(bytes(`${text}\n`))).toMatchObject([{ line: text, text: "größe\nb" }]);
  });
});

describe("ktimeToDate", () => {
  // The clock of BPF programs: that of a process in a time namespace differs.
  const text = existsSync("/proc/self/timens_offsets") ? readFileSync("/proc/self/timens_offsets", "utf8") : "";
  const [seconds = 0, rest = 0] = /^monotonic +(.*)$/m.exec(text)?.[1]!.split(/ +/).map(Number) ?? [];
  const ahead = BigInt(seconds) * 1_000_000_000n + BigInt(rest);
  const now = (): bigint => process.hrtime.bigint() - ahead;

  test("gives now for now, to the millisecond", () => {
    for (let i = 0; i < 1000; i++) {
      const before = Date.now();
      const given = ktimeToDate(now()).getTime();
      expect(given).toBeGreaterThanOrEqual(before - 1);
      expect(given).toBeLessThanOrEqual(Date.now() + 1);
    }
  });

  test("is not led astray by a wait between its looks at the clocks", () => {
    const before = Date.now();
    let looks = 0;
    const dateNow = vi.spyOn(Date, "now").mockImplementation(() => {
      const time = performance.timeOrigin + performance.now();
      if (looks++ === 0) for (const until = performance.now() + 20; performance.now() < until;);
      return Math.floor(time);
    });
    const given = ktimeToDate(now()).getTime();
    dateNow.mockRestore();
    expect(looks).toBeGreaterThan(1);
    expect(given).toBeGreaterThanOrEqual(before - 2);
  });

  test("keeps distances", () => {
    // An hour ahead: a machine that has just started has no hour behind it.
    const at = now();
    expect(ktimeToDate(at + 3_600_000_000_000n).getTime() - ktimeToDate(at).getTime()).toBeCloseTo(3_600_000, -1);
    expect(ktimeToDate(Number(at)).getTime()).toBeCloseTo(ktimeToDate(at).getTime(), -1);
  });

  test("of 0 is when the machine's clock started", () => {
    const uptime = Number(now() / 1_000_000n);
    expect(Math.abs(ktimeToDate(0n).getTime() - (Date.now() - uptime))).toBeLessThanOrEqual(2);
  });

  test.each<unknown>([-1n, -1, NaN, undefined, "1", {}, null])("refuses %s", (ns) => {
    expect(() => ktimeToDate(ns as bigint)).toThrow(/^ktimeToDate: expected nanoseconds, got /);
  });
});
