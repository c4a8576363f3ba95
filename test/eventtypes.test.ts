// Types of events: what clang's objects say of them, what a user may say, and what each wrong word is answered.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { spellType } from "../src/btf/spell.ts";
import { parseTypes } from "../src/cli/types.ts";
import { mapDoc } from "../src/emit/doc.ts";
import { stripDebug } from "../src/elf/write.ts";
import { generate, generateWithWarnings } from "../src/generate.ts";
import { inspectObject } from "../src/inspect.ts";
import { withEventTypes } from "../src/object/eventtypes.ts";
import type { ObjectModel } from "../src/object/model.ts";
import { readObject } from "../src/object/read.ts";
import { resolveOptions } from "../src/options.ts";
import { compileBpf } from "./support/compile.ts";
import { fixtures } from "./support/fixtures.ts";

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
}

/** "inferred struct a | struct b from 8, 16" */
function eventsOf({ maps, types }: ObjectModel, name: string): string {
  const { source, types: ids, sizes } = maps.find((map) => map.name === name)!.events!;
  const spelled = ids.map((id) => spellType(types, id)).join(" | ");
  return `${source} ${spelled === "" ? "bytes" : spelled} from ${sizes.join(", ") || "nothing"}`;
}

function warningsOf({ warnings }: ObjectModel, name: string): string[] {
  return warnings.filter(({ where }) => where === `map ${name}`).map(({ what }) => what);
}

describe("the fixtures", () => {
  const known = inspectObject(bytesOf("event_types"));
  const inferred = inspectObject(stripDebug(bytesOf("event_types")));
  const declared = inspectObject(bytesOf("event_declared"));
  const say = (map: string, type = "TYPE"): string => `say what they are: gen --event ${map}=${type}`;
  const stripped = "which no struct of a global, map value or parameter has, and the object has no debug information";
  const keep =
    "compile with -g and run gen before anything strips it, add struct event *unused_event __attribute__((unused));";

  test.each<[string, string, string?]>([
    ["one_size", "dwarf struct opened from 32"],
    ["two_sizes", "dwarf struct closed | struct opened from 16, 32"],
    ["by_typedef", "dwarf named_t from 20"],
    ["by_dynptr", "dwarf struct closed from 16"],
    ["samples", "dwarf struct sample from 48"],
    ["packets", "dwarf struct closed from 16"],
    ["counters", "none bytes from nothing"],
    ["silent", "none bytes from nothing"],
    // What no word of BTF tells: which of two of a size, a struct without a name, no struct, what a function is given.
    ["ambiguous", "dwarf struct started from 24"],
    ["unnamed", "dwarf struct {…} from 36"],
    ["of_integers", "dwarf u64 from 8"],
    ["variable", "dwarf u64 | struct closed from 8, 16"],
    ["of_registers", "dwarf struct registers from 168"],
  ])("%s: %s", (map, expected) => {
    expect(eventsOf(known, map)).toBe(expected);
    expect(warningsOf(known, map)).toEqual([]);
  });

  test.each<[string, string, string?]>([
    ["one_size", "inferred struct opened from 32"],
    ["two_sizes", "inferred struct closed | struct opened from 16, 32"],
    ["by_typedef", "inferred named_t from 20"],
    ["by_dynptr", "inferred struct closed from 16"],
    ["samples", "inferred struct sample from 48"],
    ["packets", "inferred struct closed from 16"],
    ["counters", "none bytes from nothing"],
    ["silent", "none bytes from nothing"],
    [
      "ambiguous",
      "none bytes from 24",
      `events are bytes: programs send 24 bytes, the size of struct started, struct stopped (${say("ambiguous", "started")})`,
    ],
    [
      "unnamed",
      "none bytes from 36",
      `events are bytes: programs send 36 bytes, ${stripped} (${keep} or ${say("unnamed")})`,
    ],
    [
      "variable",
      "none bytes from 8, 16",
      `events are bytes: programs send 8 bytes, ${stripped} (${keep} or ${say("variable")})`,
    ],
    [
      "of_registers",
      "none bytes from 168",
      `events are bytes: programs send 168 bytes, ${stripped} (${keep} or ${say("of_registers")})`,
    ],
  ])("without debug information, %s: %s", (map, expected, warning) => {
    expect(eventsOf(inferred, map)).toBe(expected);
    expect(warningsOf(inferred, map)).toEqual(warning === undefined ? [] : [warning]);
  });

  test.each([
    ["calls", "declared struct call from 20", []],
    [
      "mistaken",
      "declared struct call from 8",
      ["events are declared as struct call of 20 bytes, but programs send 8 bytes (correct the type)"],
    ],
    ["packets", "declared struct packet from 64", []],
    ["samples", "declared struct call from 20", []],
    ["commands", "declared struct command from nothing", []],
  ])("%s: %s", (map, expected, warnings) => {
    expect(eventsOf(declared, map)).toBe(expected);
    expect(warningsOf(declared, map)).toEqual(warnings);
  });

  test("the model is plain JSON", () => {
    expect(JSON.parse(JSON.stringify(known))).toEqual(known);
    expect(known.maps.find(({ name }) => name === "silent")!.events).toEqual({
      types: [],
      source: "none",
      sizes: [],
    });
  });
});

/** C of one object: the declarations, then the body of a program. */
function source(declarations: string, body: string, section = "tc", context = "struct __sk_buff"): string {
  return `
    #include <linux/bpf.h>
    #include <linux/ip.h>
    #include <bpf/bpf_helpers.h>
    #include <stddef.h>
    typedef __u8 u8; typedef __u32 u32; typedef __u64 u64;
    struct kernel_thing { u64 a; u64 b; } __attribute__((preserve_access_index));
    struct event { u32 pid; char comm[12]; };
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps"), rb2 SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, u32); __type(value, u32); } perf SEC(".maps");
    ${declarations}
    SEC("${section}") int program(${context} *ctx) { u64 data[32] = {}; ${body} return 0; }
    char LICENSE[] SEC("license") = "GPL";`;
}
const send = (size: string, map = "&rb"): string => `bpf_ringbuf_output(${map}, data, ${size}, 0);`;
const POINTER = "struct event *unused __attribute__((unused));";

/** Compiled, without debug information: what BTF alone tells. */
function compileStripped(source: string, target: "bpf" | "bpfeb" = "bpf"): Uint8Array {
  return stripDebug(compileBpf(source, target));
}

describe.each(["bpf", "bpfeb"] as const)("inference, %s", (target) => {
  test.each<[string, string, string, string]>([
    ["a global", "struct event last;", send("16"), "inferred struct event from 16"],
    ["a static global", "static struct event last;", `last.pid++; ${send("16")}`, "inferred struct event from 16"],
    ["a pointer", POINTER, send("16"), "inferred struct event from 16"],
    [
      "a pointer to constants",
      "const struct event *unused __attribute__((unused));",
      send("16"),
      "inferred struct event from 16",
    ],
    ["an array", "struct event last[4];", send("16"), "inferred struct event from 16"],
    ["a pointer to a pointer is none", "struct event **unused;", send("16"), "none bytes from 16"],
    [
      "a typedef of a struct with a name",
      "typedef struct event event_t; event_t *unused;",
      send("16"),
      "inferred struct event from 16",
    ],
    ["a typedef", "typedef struct { u64 a, b; } pair_t; pair_t *unused;", send("16"), "inferred pair_t from 16"],
    ["a struct without any name", "struct { u64 a, b; } pair;", send("16"), "none bytes from 16"],
    ["a union", "union any { u64 a[2]; u8 b[16]; } *unused;", send("16"), "inferred union any from 16"],
    [
      "the value of a map",
      'struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, u32); __type(value, struct event); } seen SEC(".maps");',
      send("16"),
      "inferred struct event from 16",
    ],
    [
      "the value of an inner map",
      'struct holder { struct event inner; u64 more; } holder; struct inner { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, u32); __type(value, struct event); }; struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 1); __type(key, u32); __array(values, struct inner); } seen SEC(".maps");',
      send("16"),
      "inferred struct event from 16",
    ],
    [
      "a parameter",
      "static __attribute__((noinline)) int fill(struct event *e) { return e->pid = bpf_get_prandom_u32(); }",
      `fill((void *)data); ${send("16")}`,
      "inferred struct event from 16",
    ],
    ["the program's context is none", "", send("sizeof(*ctx)"), "none bytes from 192"],
    ["two of a size", `${POINTER} struct other { u64 a, b; } other;`, send("16"), "none bytes from 16"],
    ["a struct of a header of the network's", "struct iphdr *unused;", send("20"), "none bytes from 20"],
    [
      "a struct of the kernel by CO-RE",
      "static __attribute__((noinline)) u64 look(struct kernel_thing *t) { u64 b = 0; bpf_probe_read_kernel(&b, 8, &t->b); return b; }",
      `data[0] = look((void *)data[1]); ${send("16")}`,
      "none bytes from 16",
    ],
    [
      "a struct of the author's beside one by CO-RE",
      `${POINTER} static __attribute__((noinline)) u64 look(struct kernel_thing *t) { u64 b = 0; bpf_probe_read_kernel(&b, 8, &t->b); return b; }`,
      `data[0] = look((void *)data[1]); ${send("16")}`,
      "inferred struct event from 16",
    ],
    [
      "a variable of the kernel's",
      "extern const struct event runqueues __ksym;",
      `data[0] = (u64)&runqueues; ${send("16")}`,
      "none bytes from 16",
    ],
    ["several calls of a size", POINTER, `${send("16")} ${send("16")}`, "inferred struct event from 16"],
    ["one size known, one not", POINTER, `${send("16")} ${send("24")}`, "none bytes from 16, 24"],
    ["one size constant, one not", POINTER, `${send("16")} ${send("ctx->len & 31")}`, "none bytes from 16"],
    ["another map's calls", POINTER, `${send("16")} ${send("ctx->len & 31", "&rb2")}`, "inferred struct event from 16"],
    [
      "a map that a branch chooses",
      POINTER,
      `${send("16")} bpf_ringbuf_output(ctx->len & 1 ? (void *)&rb : (void *)&rb2, data, 16, 0);`,
      "none bytes from 16",
    ],
    [
      "a perf buffer that a branch chooses",
      `${POINTER} struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, u32); __type(value, u32); } perf2 SEC(".maps");`,
      `${send("16")} bpf_perf_event_output(ctx, ctx->len & 1 ? (void *)&perf : (void *)&perf2, 0, data, 16);`,
      "inferred struct event from 16",
    ],
    [
      "a map that a wrapper is given",
      `${POINTER} static __attribute__((noinline)) long put(void *map, void *data) { return bpf_ringbuf_output(map, data, 16, 0); }`,
      "put(&rb, data); put(&rb2, data);",
      "inferred struct event from 16",
    ],
    [
      "a wrapper that is inlined",
      `${POINTER} static inline long put(void *map, void *data, u64 size) { return bpf_ringbuf_output(map, data, size, 0); }`,
      "put(&rb, data, sizeof(struct event));",
      "inferred struct event from 16",
    ],
  ])("%s", (_, declarations, body, expected) => {
    expect(eventsOf(inspectObject(compileStripped(source(declarations, body), target)), "rb")).toBe(expected);
  });

  const perf = (flags: string, size: number): string => `bpf_perf_event_output(ctx, &perf, ${flags}, data, ${size});`;
  test.each<[string, string, string]>([
    ["one size", perf("BPF_F_CURRENT_CPU", 16), "inferred struct event from 16"],
    ["a packet behind it", perf("BPF_F_CURRENT_CPU | (64ULL << 32)", 16), "inferred struct event from 16"],
    ["two sizes", perf("0", 16) + perf("0", 32), "inferred struct event | struct long_one from 16, 32"],
    ["two sizes, a packet behind one", perf("0", 16) + perf("(u64)ctx->len << 32", 32), "none bytes from 16, 32"],
    ["two sizes that arrive with one length", perf("0", 16) + perf("0", 20), "none bytes from 16, 20"],
  ])("perf buffer: %s", (_, body, expected) => {
    const declarations = `${POINTER} struct long_one { u64 a[4]; } *long_one; struct near { u32 a[5]; } *near;`;
    expect(eventsOf(inspectObject(compileStripped(source(declarations, body), target)), "perf")).toBe(expected);
  });

  test("perf buffer: bpf_xdp_output", () => {
    const text = source(POINTER, "bpf_xdp_output((void *)ctx[0], &perf, 0, data, 16);", "fexit/xdp", "u64");
    expect(eventsOf(inspectObject(compileStripped(text, target)), "perf")).toBe("inferred struct event from 16");
  });
});

describe("the remedy", () => {
  test("that gen names makes the type known", () => {
    const object = compileStripped(
      source("", `struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0); if (e) bpf_ringbuf_submit(e, 0);`),
    );
    expect(warningsOf(inspectObject(object), "rb")[0]).toContain("struct event *unused_event __attribute__((unused));");
    const with_ = source("struct event *unused_event __attribute__((unused));", send("16"));
    expect(warningsOf(inspectObject(compileStripped(with_)), "rb")).toEqual([]);
  });

  test.each([
    ["the kernel's, which CO-RE brought in", "struct task_struct { struct event tasks; int pid; } __attribute__((preserve_access_index)); int pid_of(struct task_struct *task) { return task->pid; }"], // prettier-ignore
    ["a member of another's", "struct holder { struct event inner; u64 more; } holder;"],
  ])("names no struct that nothing shows to be the author's: %s", (_, declarations) => {
    // BTF has `struct event` of 16 bytes, of which nothing but the size fits.
    expect(warningsOf(inspectObject(compileStripped(source(declarations, send("16")))), "rb")).toEqual([
      "events are bytes: programs send 16 bytes, which no struct of a global, map value or parameter has, and the object has no debug information (compile with -g and run gen before anything strips it, add struct event *unused_event __attribute__((unused)); or say what they are: gen --event rb=TYPE)",
    ]);
  });
});

describe("the option", () => {
  const model = readObject(bytesOf("event_types"));
  const named = (map: string, types: string): string => eventsOf(withEventTypes(model, { [map]: types }), map);

  test.each([
    ["ambiguous", "struct started", "option struct started from 24"],
    ["ambiguous", " started ", "option struct started from 24"],
    ["ambiguous", "bytes", "option bytes from 24"],
    ["one_size", "bytes", "option bytes from 32"],
    ["of_integers", "u64", "option u64 from 8"],
    ["of_integers", "u32[2]", "option u32[2] from 8"],
    ["two_sizes", "opened,closed", "option struct opened | struct closed from 16, 32"],
    ["by_typedef", "named_t", "option named_t from 20"],
    ["samples", "sample", "option struct sample from 48"],
  ])("%s=%s", (map, types, expected) => {
    expect(named(map, types)).toBe(expected);
    expect(warningsOf(withEventTypes(model, { [map]: types }), map)).toEqual([]);
  });

  test.each([
    ["nope", "opened", "the object has no map nope, got one_size, two_sizes, "],
    ["ambiguous", "nope", "map ambiguous: the object has no type nope, got "],
    ["ambiguous", "struct nope", "map ambiguous: the object has no type struct nope, got "],
    [
      "ambiguous",
      "nope",
      "(clang leaves out what nothing uses, and BTF what is only sent: keep the debug information, or add struct nope *unused __attribute__((unused));)",
    ],
    ["ambiguous", "", 'map ambiguous: expected the type of its events, got "" (write TYPE, '],
    ["ambiguous", "opened,", 'map ambiguous: is no type, got "" (write TYPE, such as struct event, '],
    ["ambiguous", "u32[", 'map ambiguous: is no type, got "u32[" (write TYPE, '],
    ["ambiguous", "u32[0]", "map ambiguous: expected a type of at least one byte, got "],
    [
      "ambiguous",
      "started,stopped",
      "map ambiguous: types are told apart by their length, got struct started and struct stopped in records of 24 bytes",
    ],
    ["samples", "u32[4],u32[5]", "map samples: types are told apart by their length, got "],
  ])("%s=%s is refused", (map, types, message) => {
    expect(() => named(map, types)).toThrow(
      expect.objectContaining({ code: "ERR_OPTION", message: expect.stringContaining(message) as string }),
    );
  });

  test("is for maps of events alone, and for user ring buffers of one type", () => {
    const maps = readObject(bytesOf("maps"));
    expect(() => withEventTypes(maps, { queue: "u32" })).toThrow(
      "map queue: expected a ring buffer or perf event array, got queue (name types of others with --map)",
    );
    expect(() => withEventTypes(maps, { requests: "u32,u64" })).toThrow("a user ring buffer takes one type, got 2");
    expect(eventsOf(withEventTypes(maps, { requests: "u32" }), "requests")).toBe("option u32 from nothing");
  });

  test("that contradicts the bytecode is a warning", () => {
    expect(warningsOf(withEventTypes(model, { two_sizes: "opened" }), "two_sizes")).toEqual([
      "events are said to be struct opened of 32 bytes, but programs send 16 bytes (correct the type)",
    ]);
  });

  test("goes before what the map declares", () => {
    const declared = readObject(bytesOf("event_declared"));
    expect(eventsOf(withEventTypes(declared, { mistaken: "u64" }), "mistaken")).toBe("option u64 from 8");
  });

  test("is recorded in the order of names, and reaches the module", async () => {
    const events = { variable: "u64,closed", ambiguous: "started,bool" };
    const { recorded } = resolveOptions({ name: "x.o", events });
    expect(recorded).toBe('{"events":{"ambiguous":"started,bool","variable":"u64,closed"}}');
    const { text, warnings } = await generateWithWarnings(bytesOf("event_types"), { name: "x.bpf.o", events });
    expect(text).toContain("ambiguous: s.RingBuf<Started | boolean>;");
    expect(text).toContain("ambiguous: s.ringbuf(Started, s.bool)");
    expect(text).toContain("variable: s.RingBuf<bigint | Closed>;");
    expect(warnings.map(({ where }) => where)).not.toContain("map variable");
    expect(() => resolveOptions({ name: "x.o", events: { a: 1 as unknown as string } })).toThrow(
      'events: expected "TYPE" for "a", got "1"',
    );
  });

  test("shows values as other options ask", async () => {
    const options = { name: "x.bpf.o", events: { of_integers: "u64" }, int64: "number" } as const;
    expect(await generate(bytesOf("event_types"), options)).toContain("of_integers: s.ringbuf(s.u64n)");
  });

  test("comes from --event", () => {
    expect(parseTypes("--event", "TYPE", ["rb=a,b"])).toEqual({ rb: "a,b" });
    expect(() => parseTypes("--event", "TYPE", ["rb"])).toThrow('--event: expected NAME=TYPE, got "rb"');
    expect(() => parseTypes("--event", "TYPE", ["a=b", "a=c"])).toThrow('--event: names "a" twice (write TYPE once)');
  });
});

test("an inner ring buffer that declares its type is a warning", () => {
  const outer = `struct holder { struct event inner; u64 more; } holder;
    struct inner { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct event); };
    struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 1); __type(key, u32); __array(values, struct inner); } outer SEC(".maps");`;
  const model = inspectObject(compileBpf(source(outer, "")));
  expect(warningsOf(model, "outer")).toEqual([
    "the kernel refuses an inner map of type ringbuf with values of 16 bytes (leave its value out)",
  ]);
  expect(model.maps.find(({ name }) => name === "outer")!.inner!.events).toMatchObject({ source: "declared" });
});

describe("the doc", () => {
  const { maps } = inspectObject(bytesOf("event_types"));
  const told = maps.find(({ name }) => name === "two_sizes")!;
  const map = { ...told, events: { ...told.events!, source: "inferred" as const } };
  const use = (spelled: string, size: number) => ({ spelled, size, layout: { kind: "bytes", length: size } }) as const;

  test.each([
    [[], "Ring buffer, 4096 bytes."],
    [
      [use("struct a", 16), use("pair<a, b>", 32)],
      "Ring buffer, 4096 bytes, of `struct a` or `pair<a, b>`, inferred from the sizes 16 and 32 in the bytecode.",
    ],
  ])("of %j", (events, expected) => expect(mapDoc(map, { name: "m", events }, [])).toBe(expected));

  test.each([
    ["declared", ""],
    ["option", ""],
    ["dwarf", ", from the debug information"],
  ] as const)("of a type that is %s", (source, from) => {
    const of = { ...map, events: { ...map.events, source } };
    expect(mapDoc(of, { name: "m", events: [use("struct a", 16)] }, [])).toBe(
      `Ring buffer, 4096 bytes, of \`struct a\`${from}.`,
    );
  });
});
