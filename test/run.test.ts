// What `run` is told and what it prints, without a kernel: filters, targets, lengths of time, cells and tables.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Layout, NamedLayout } from "../src/layout/layout.ts";
import { columnsOf, isZero, textOf } from "../src/live/run/cells.ts";
import { type Lookup, parseFilter } from "../src/live/run/filter.ts";
import { patternOf } from "../src/live/run/formats.ts";
import type { Item } from "../src/live/run/items.ts";
import { jsonPrinter } from "../src/live/run/json.ts";
import { parseDuration, parseSettings } from "../src/live/run/settings.ts";
import { cut, displayWidth, openRows, setTable } from "../src/live/run/table.ts";
import { exampleTarget, parseTargets } from "../src/live/run/targets.ts";
import { textPrinter } from "../src/live/run/text.ts";
import { toJson } from "../runtime/src/index.ts";
import { readLayouts } from "../src/layout/read.ts";
import { readObject } from "../src/object/read.ts";
import { fixturesFolder } from "./support/fixtures.ts";

const readFixture = (name: string): Uint8Array => readFileSync(join(fixturesFolder, `${name}.bpf.o`));

describe("a filter", () => {
  const event: Record<string, readonly [value: unknown, text: string]> = {
    pid: [42, "42"],
    at: [18446744073709551615n, "18446744073709551615"],
    comm: ["bash", "bash"],
    state: [7, "OPEN"],
    ok: [true, "true"],
    ratio: [0.5, "0.5"],
    "from.port": [443, "443"],
    "copies.1": [9, "9"],
  };
  const lookup: Lookup = (path) => {
    const [value, text] = event[path.join(".")] ?? [];
    return text === undefined ? undefined : { value, text };
  };
  const paths = ["pid", "at", "comm", "state", "ok", "ratio", "from.port", "copies", "other"];
  const fields = paths.map((path) => ({ path, isList: path === "copies" }));

  test.each<[string, boolean]>([
    ["pid == 42", true],
    ["pid==0x2a", true],
    ["42 == pid", true],
    ["pid != 42", false],
    ["pid > -1 && pid <= 42", true],
    ["at == 18446744073709551615", true],
    ["at > 18446744073709551614", true],
    ["at < 18446744073709551615", false],
    ["ratio >= 0.5", true],
    ['comm == "bash"', true],
    ["comm == 'bash'", true],
    ['comm == "bas"', false],
    ['comm ~ "as"', true],
    ["comm ~ 'zsh' || pid == 42", true],
    ['state == "OPEN"', true],
    ["state == 7", true],
    ['state != "OPEN"', false],
    ["ok", true],
    ["!ok", false],
    ["ok == true", true],
    ["ok == 1", true],
    ["from.port == 443", true],
    ["copies.1 == 9", true],
    ["from", false],
    ["!(pid == 1) && (ok || ratio)", true],
    ["pid == 1 || pid == 2 && ok || comm == 'bash'", true],
    ["pid == 1 && ok || comm == 'zsh'", false],
    ['comm == "b\\"ash"', false],
    // What an event has not is equal to nothing.
    ["other == 1", false],
    ["other != 1", false],
    ["!(other == 1)", true],
  ])("%s is %s", (text, passes) => {
    expect(parseFilter(text, fields)(lookup)).toBe(passes);
  });

  test.each([
    ["", "expected a field or a value, got the end"],
    ["pid ==", "expected a field or a value, got the end"],
    ["pid == 1 &&", "expected a field or a value, got the end"],
    ["pid = 1", 'expected a field, a value or an operator, got "=" at 5'],
    ["pid == 1 )", 'expected an operator, got ")" at 10'],
    ["(pid == 1", 'expected ")", got the end'],
    ["pid == 12x", 'expected a field, a value or an operator, got "1" at 8'],
    ['comm == "open', 'expected a field, a value or an operator, got "\\"" at 9'],
    ["pid == 1; drop", 'expected a field, a value or an operator, got ";" at 9'],
    ["process.exit()", "expected one of the fields pid, at, comm, state, ok, ratio, from.port, copies, other"],
    [
      "from.prot == 1",
      'expected one of the fields pid, at, comm, state, ok, ratio, from.port, copies, other, got "from.prot"',
    ],
    ["pid.x == 1", "expected one of the fields"],
    ["por == 1", "expected one of the fields"],
    ["pid\u001b[2J", 'expected a field, a value or an operator, got "\\u001b" at 4'],
  ])("%j is refused at its place", (text, message) => {
    expect(() => parseFilter(text, fields)).toThrow(`--filter: ${message}`);
  });
});

describe("a target", () => {
  const net = readObject(readFixture("attach_net"));
  const trace = readObject(readFixture("attach_trace"));
  const programs = readObject(readFixture("programs"));
  const cgroup = readObject(readFixture("attach_cgroup"));

  test.each([
    [net, "receive=eth0", { dev: "eth0" }],
    [net, "receive=2", { ifindex: 2 }],
    [net, "receive=eth0,mode=skb", { dev: "eth0", mode: "skb" }],
    [net, "classify=eth0:ingress,priority=7,handle=1", { dev: "eth0", hook: "ingress", priority: 7, handle: 1 }],
    [net, "egress=veth1.7", { dev: "veth1.7" }],
    [net, "filter=ipv4:input:-5,defrag=true", { pf: "ipv4", hook: "input", priority: -5, defrag: true }],
    [net, "look_up=/proc/self/ns/net", { netns: "/proc/self/ns/net" }],
    [net, "parse=sockets", { map: "sockets" }],
    [cgroup, "on_bind=/sys/fs/cgroup/a=b,c", { cgroup: "/sys/fs/cgroup/a=b,c" }],
    [trace, "on_calls=/usr/lib/libc.so.6:mem*,pid=12", { path: "/usr/lib/libc.so.6", pattern: "mem*", pid: 12 }],
    [trace, "each_entry=numbers", { map: "numbers" }],
    [trace, "each_cgroup=/sys/fs/cgroup,order=descendants_pre", { cgroup: "/sys/fs/cgroup", order: "descendants_pre" }],
    [
      trace,
      "on_sample=type=software,config=0,frequency=99,cpu=0",
      { type: "software", config: 0, frequency: 99, cpu: 0 },
    ],
  ])("%# is read: %s", (model, text, options) => {
    expect(parseTargets([text], model)).toEqual({ [text.slice(0, text.indexOf("="))]: options });
  });

  test.each([
    [net, "receive", "expected PROGRAM=TARGET"],
    [net, "receive=", "expected PROGRAM=TARGET"],
    [net, "nobody=eth0", 'expected a program, got "nobody" (there are classify,'],
    [net, "classify=eth0", "expected classify=DEV:HOOK"],
    [net, "filter=eth0", "expected filter=PF:HOOK:PRIORITY"],
    [net, "read_all=7", "expected a program that takes a target"],
  ])("%# that is none is an error: %s", (model, text, message) => {
    expect(() => parseTargets([text], model)).toThrow(`--attach: ${message}`);
  });

  test.each(
    [net, trace, programs, cgroup].flatMap((model) => model.programs.map((program) => [model, program] as const)),
  )("%# given as an example can be read", (model, program) => {
    const example = exampleTarget(program);
    if (example === undefined) return expect(["uprobe", "xdp", "tc", "cgroup"]).not.toContain(program.sec?.kind);
    expect(Object.keys(parseTargets([example.slice("--attach ".length)], model))).toEqual([program.name]);
  });
});

test.each([
  ["500ms", 500],
  ["5s", 5000],
  ["0.5", 500],
  ["2m", 120_000],
  ["1h", 3_600_000],
])("%s is a length of time", (text, ms) => expect(parseDuration("--duration", text)).toBe(ms));

test.each(["", "0", "5d", "-1s", "1e3", "5 s", "1000h", "0.0001s"])("%j is no length of time", (text) => {
  expect(() => parseDuration("--duration", text)).toThrow("--duration: expected a length of time");
});

describe("a setting", () => {
  const model = readObject(readFixture("events"));
  const reading = { model, layouts: readLayouts(model) };
  test.each([
    ["target_tgid=7", 7],
    ["submitted=0x10", 16n],
    ["unused_event=1", 1n],
  ])("%s is a value of the variable's type", (text, value) => {
    expect(parseSettings([text], reading)).toEqual([{ section: "bss", name: text.split("=")[0], value }]);
  });
  test.each([
    ["target_tgid", "expected NAME=VALUE"],
    ["target_tgid=x", "expected u32 for target_tgid"],
    ["target_tgid=", "expected u32 for target_tgid"],
    ["nothing=1", "expected a variable"],
  ])("%s is refused", (text, message) => {
    expect(() => parseSettings([text], reading)).toThrow(`--set: ${message}`);
  });
});

const colour: NamedLayout = {
  kind: "enum",
  type: 9,
  name: { rank: "enum", name: "colour" },
  spelled: "enum colour",
  size: 4,
  scalar: "u32",
  values: [
    { name: "RED", value: "0" },
    { name: "GREEN", value: "5" },
  ],
};
const addr: NamedLayout = {
  kind: "struct",
  type: 10,
  name: { rank: "struct", name: "addr" },
  spelled: "struct addr",
  size: 8,
  fields: [
    { name: "port", offset: 0, layout: { kind: "scalar", scalar: "u16" }, size: 2, spelled: "u16" },
    { name: "colour", offset: 4, layout: { kind: "enum", type: 9, scalar: "u32" }, size: 4, spelled: "enum colour" },
  ],
  unions: [],
  init: false,
  padding: [],
  kernelFields: [],
};
const types = new Map([colour, addr].map((type) => [type.type, type]));
const struct: Layout = { kind: "struct", type: 10 };

describe("a cell", () => {
  test.each<[unknown, Layout | undefined, string]>([
    ["plain", { kind: "chars", length: 16 }, "plain"],
    ["\u001b]0;owned\u0007\u001b[2J", { kind: "chars", length: 16 }, "\\u001b]0;owned\\u0007\\u001b[2J"],
    ["a\r\nb\tc", { kind: "chars", length: 16 }, "a\\r\\nb\\tc"],
    ["\u009b31m\u202eabc", { kind: "chars", length: 16 }, "\\u009b31m\\u202eabc"],
    ["caf\udcc3", { kind: "chars", length: 16 }, "caf\\xc3"],
    ["日本", { kind: "chars", length: 16 }, "日本"],
    [18446744073709551615n, { kind: "scalar", scalar: "u64" }, "18446744073709551615"],
    [255n, { kind: "pointer" }, "0xff"],
    [true, { kind: "scalar", scalar: "bool" }, "true"],
    [5, { kind: "enum", type: 9, scalar: "u32" }, "GREEN"],
    [6, { kind: "enum", type: 9, scalar: "u32" }, "6"],
    [new Uint8Array([1, 0xab]), { kind: "bytes", length: 2 }, "01ab"],
    [[1, 2], { kind: "list", length: 2, element: { kind: "scalar", scalar: "u32" } }, "[1, 2]"],
    [{ port: 80, colour: 5 }, struct, "{port: 80, colour: GREEN}"],
    [[{ port: 80, colour: 0 }], { kind: "list", length: 1, element: struct }, "[{port: 80, colour: RED}]"],
    [["a\u001bb"], undefined, '["a\\u001bb"]'],
    [undefined, struct, ""],
  ])("%# shows %s", (value, layout, text) => expect(textOf(value, layout, types)).toBe(text));

  test("of a nested struct is a column for each field", () => {
    const columns = columnsOf(struct, types, "from", ["from"]);
    expect(columns.map(({ title, path, right }) => [title, path.join("."), right])).toEqual([
      ["from.port", "from.port", true],
      ["from.colour", "from.colour", false],
    ]);
  });

  test.each([
    [0, true],
    [0n, true],
    ["", true],
    ["0.0.0.0", true],
    ["::", true],
    ["00:00:00:00:00:00", true],
    ["0", false],
    [".", false],
    [false, true],
    [new Uint8Array(4), true],
    [[{ a: 0 }], true],
    [[{ a: 1 }], false],
    ["a", false],
  ])("%# is told from zero: %s", (value, zero) => expect(isZero(value)).toBe(zero));
});

describe("a table", () => {
  const columns = [
    { title: "PID", right: true, width: 5 },
    { title: "COMM", right: false, width: 4 },
    { title: "LAST", right: false, width: 4 },
  ];

  test.each([
    ["日本", 4],
    ["e\u0301", 1],
    ["🐝", 2],
    ["abc", 3],
  ])("%s is %i columns wide", (text, width) => expect(displayWidth(text)).toBe(width));

  test.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcd…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
  ])("%s cut to %i is %s", (text, width, cutTo) => expect(cut(text, width)).toBe(cutTo));

  test("keeps its columns, which grow and never shrink", () => {
    const rows = openRows(() => Infinity);
    const add = (...cells: string[]): string[] => rows.add("a", columns, cells).map(({ text }) => text);
    expect(add("1", "sh", "x")).toEqual(["  PID  COMM  LAST", "    1  sh    x"]);
    expect(add("1234567", "日本語", "y")).toEqual(["1234567  日本語  y"]);
    expect(add("1", "sh", "z")).toEqual(["      1  sh      z"]);
  });

  test("has its header again when another came between, and after a screenful", () => {
    const rows = openRows(() => 4);
    const headers = ["a", "a", "b", "a", "a", "a", "a"].map(
      (id) => rows.add(id, columns, ["1", "2", "3"]).length === 2,
    );
    expect(headers).toEqual([true, false, true, true, false, false, true]);
  });

  test("cuts what is long, but for the last column", () => {
    const [, row] = setTable(columns, [["1", "c".repeat(100), "l".repeat(100)]]);
    expect(row!.text).toBe(`  1  ${"c".repeat(63)}…  ${"l".repeat(100)}`);
  });
});

describe("printed", () => {
  const model = readObject(readFixture("execve_counter"));
  const [map] = model.maps;
  const key = columnsOf({ kind: "chars", length: 64 }, types, "key");
  const state = (entries: [string, bigint][], last = false): Item => ({
    kind: "state",
    time: new Date(0),
    maps: [
      { map: map!, entries, more: false, key, value: columnsOf({ kind: "scalar", scalar: "u64" }, types, "value") },
    ],
    globals: [],
    last,
  });
  const printed = (items: readonly Item[], tty: boolean): string => {
    let out = "";
    const screen = tty ? () => ({ columns: 80, rows: 24 }) : undefined;
    const printer = textPrinter({
      ...{ write: (text) => void (out += text), note: (text) => void (out += `${text}\n`), screen, types },
      ...{ paint: (text) => text, rows: 2, severalBuffers: false, inPlace: true },
    });
    items.forEach((item) => printer.print(item));
    return out.replace(/\d\d:\d\d:\d\d\.\d{3}/g, "CLOCK");
  };
  const entries: [string, bigint][] = [
    ["a", 1n],
    ["b\u001b[2J", 30n],
    ["c", 2n],
  ];
  const table =
    "execve_counter  hash, 3 entries\nkey         value\nb\\u001b[2J     30\nc               2\n... 1 more\n";

  test("in a pipe, a map follows when it has changed, largest values first", () => {
    expect(printed([state(entries), state(entries), state([])], false)).toBe(
      `\nCLOCK\n${table}\nCLOCK\nexecve_counter  hash, 0 entries\n`,
    );
  });

  test("on a terminal, a map is drawn over what was drawn", () => {
    expect(printed([state(entries), state([], true)], true)).toBe(
      `CLOCK  Ctrl-C ends\n${table}\u001b[6A\r\u001b[JCLOCK\nexecve_counter  hash, 0 entries\n`,
    );
  });

  test("as JSON, each line is an object, and what is as it was is not repeated", () => {
    let out = "";
    const printer = jsonPrinter({ toJson }, (text) => void (out += text));
    const event = { at: 1n, data: new Uint8Array([1]), comm: "\u001b" };
    printer.print({ kind: "event", time: new Date(0), map: "rb", event, columns: [] });
    printer.print(state([["a", 1n]]));
    printer.print(state([["a", 1n]], true));
    expect(out.trimEnd().split("\n")).toEqual([
      '{"type":"event","map":"rb","time":"1970-01-01T00:00:00.000Z","event":{"at":"1","data":"01","comm":"\\u001b"}}',
      '{"type":"map","time":"1970-01-01T00:00:00.000Z","map":"execve_counter","entries":[{"key":"a","value":"1"}]}',
    ]);
  });
});

test.each([
  ["seen %d of %s\n", "seen 12 of them", true],
  ["seen %d of %s\n", "heard 12 of them", false],
  ["%-8lu%%|", "12      %|", true],
  ["%pI4 (x)", "127.0.0.1 (x)", true],
  ["a.c", "abc", false],
  ["%s", "", true],
])("the format %j prints %j: %s", (format, line, own) => expect(patternOf(format).test(line)).toBe(own));
