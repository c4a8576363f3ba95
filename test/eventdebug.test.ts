// Types of events that only the debug information of what sends them tells: which it tells, and which it leaves open.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { spellType } from "../src/btf/spell.ts";
import { parseElf } from "../src/elf/read.ts";
import { stripDebug } from "../src/elf/write.ts";
import { generateWithWarnings } from "../src/generate.ts";
import { inspectObject } from "../src/inspect.ts";
import { debugTypesOf } from "../src/object/debugtypes.ts";
import { withEventTypes } from "../src/object/eventtypes.ts";
import { withMapTypes } from "../src/object/maptypes.ts";
import type { ObjectModel } from "../src/object/model.ts";
import { readObject, readTypes } from "../src/object/read.ts";
import { compileBpf } from "./support/compile.ts";
import { fixtures } from "./support/fixtures.ts";

/** "dwarf struct a | struct b", or "none: why". */
function eventsOf({ maps, types }: ObjectModel, name = "rb"): string {
  const { source, types: ids, reason } = maps.find((map) => map.name === name)!.events!;
  return reason === undefined
    ? `${source} ${ids.map((id) => spellType(types, id)).join(" | ")}`
    : `${source}: ${reason}`;
}

/** C of one object: declarations, then the body of a program. */
function source(declarations: string, body: string): string {
  return `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    typedef __u8 u8; typedef __u32 u32; typedef __u64 u64;
    #define NOINLINE static __attribute__((noinline))
    struct event { u32 pid; char comm[12]; };
    struct other { u64 a, b; };
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps"), rb2 SEC(".maps");
    ${declarations}
    SEC("tc") int program(struct __sk_buff *ctx) { u32 zero = 0; ${body} return zero; }
    char LICENSE[] SEC("license") = "GPL";`;
}

const RESERVE = "struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0); if (!e) return 0; e->pid = 1; bpf_ringbuf_submit(e, 0);"; // prettier-ignore
const say = (type: string): string => `(say what they are: gen --event rb=${type})`;

describe.each([
  ["bpf", "-gdwarf-5"],
  ["bpf", "-gdwarf-4"],
  ["bpfeb", "-gdwarf-5"],
] as const)("clang -target %s %s", (target, version) => {
  const told = (declarations: string, body: string, ...flags: readonly string[]): string =>
    eventsOf(inspectObject(compileBpf(source(declarations, body), target, "c", { flags: [version, ...flags] })));

  test.each<[string, string, string, string]>([
    ["the pointer that a reservation is given to", "", RESERVE, "dwarf struct event"],
    [
      "a value of a map, whatever the map says that it is",
      'struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u8[16]); } heap SEC(".maps");',
      "struct event *e = bpf_map_lookup_elem(&heap, &zero); if (e) { e->pid = 1; bpf_ringbuf_output(&rb, e, sizeof(*e), 0); }",
      "dwarf struct event",
    ],
    [
      "a part of a value of a map",
      'struct room { u64 before; struct event event; u64 behind; }; struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u8[32]); } heap SEC(".maps");',
      "struct room *room = bpf_map_lookup_elem(&heap, &zero); if (room) { room->behind = 1; bpf_ringbuf_output(&rb, &room->event, sizeof(room->event), 0); }",
      "dwarf struct event",
    ],
    [
      "the element of an array",
      "struct event many[4];",
      "many[2].pid = 1; bpf_ringbuf_output(&rb, &many[2], sizeof(many[2]), 0);",
      "dwarf struct event",
    ],
    [
      "the outermost type of the size",
      "struct wrapped { struct event event; };",
      "struct wrapped w = { { 1 } }; bpf_ringbuf_output(&rb, &w, sizeof(w), 0);",
      "dwarf struct wrapped",
    ],
    [
      "what a function is given, by all that call it",
      "NOINLINE long put(void *data) { return bpf_ringbuf_output(&rb, data, 16, 0); }",
      "struct event a = { 1 }, b = { 2 }; put(&a); put(&b);",
      "dwarf struct event",
    ],
    [
      "what a function is given by one that is given it",
      "NOINLINE long put(void *data, u64 size) { return bpf_ringbuf_output(&rb, data, size, 0); } NOINLINE long pass(void *data, u64 size) { return put(data, size) + put(data, size); }",
      "struct event a = { 1 }; pass(&a, sizeof(a)); pass(&a, sizeof(a));",
      "dwarf struct event",
    ],
    [
      "a function that says what it is given",
      "NOINLINE long put(struct event *e) { e->pid++; return bpf_ringbuf_output(&rb, e, sizeof(*e), 0); }",
      "u64 room[2] = {}; put((void *)room);",
      "dwarf struct event",
    ],
    [
      "a dynptr's data",
      "",
      "struct bpf_dynptr record; bpf_ringbuf_reserve_dynptr(&rb, 16, 0, &record); struct event *e = bpf_dynptr_data(&record, 0, 16); if (e) e->pid = 1; bpf_ringbuf_submit_dynptr(&record, 0);",
      "dwarf struct event",
    ],
    [
      "a const pointer",
      "",
      "const struct event e = { 1 }; bpf_ringbuf_output(&rb, (void *)&e, sizeof(e), 0);",
      "dwarf struct event",
    ],
    [
      "a struct that is declared in the function",
      "",
      "struct inside { u64 a, b; } e = { 1 }; bpf_ringbuf_output(&rb, &e, sizeof(e), 0);",
      "dwarf struct inside",
    ],
    ["text", "", 'char text[16] = "hello"; bpf_ringbuf_output(&rb, text, sizeof(text), 0);', "dwarf char[16]"],
  ])("%s", (_, declarations, body, expected) => {
    for (const level of ["-O1", "-O2", "-O3"])
      expect([level, told(declarations, body, level)]).toEqual([level, expected]);
  });

  test.each<[string, string, string, string]>([
    [
      "two types of one size",
      "",
      "struct event e = { 1 }; struct other o = { 2 }; bpf_ringbuf_output(&rb, &e, 16, 0); bpf_ringbuf_output(&rb, &o, 16, 0);",
      `none: programs send 16 bytes, the size of struct event, struct other ${say("event")}`,
    ],
    [
      "two types of one size, that one function is given",
      "NOINLINE long put(void *data) { return bpf_ringbuf_output(&rb, data, 16, 0); }",
      "struct event e = { 1 }; struct other o = { 2 }; put(&e); put(&o);",
      `none: programs send 16 bytes, the size of struct event, struct other ${say("event")}`,
    ],
    [
      "two types by which one address goes",
      "",
      "struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0); if (!e) return 0; struct other *o = (void *)e; e->pid = 1; o->b = 2; bpf_ringbuf_submit(o, 0);",
      `none: programs send 16 bytes, the size of struct event, struct other ${say("event")}`,
    ],
    [
      "a pointer that is for something else",
      'struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, struct other); } seen SEC(".maps");',
      "struct other *o = bpf_map_lookup_elem(&seen, &zero); void *p = bpf_ringbuf_reserve(&rb, 16, 0); if (p) { ((struct event *)p)->pid = o ? o->a : 0; bpf_ringbuf_submit(p, 0); }",
      `none: programs send 16 bytes, the size of struct other, struct event ${say("other")}`,
    ],
    [
      "a function whose address is taken",
      "NOINLINE long put(u32 index, void *data) { return bpf_ringbuf_output(&rb, data, 16, 0); }",
      "struct event e = { 1 }; put(0, &e); bpf_loop(4, put, &e, 0);",
      "none: programs send 16 bytes, which no struct of a global, map value or parameter has (add struct event *unused_event __attribute__((unused)); or say what they are: gen --event rb=TYPE)",
    ],
    [
      "a length that differs",
      "",
      "u64 many[4] = {}; bpf_ringbuf_output(&rb, many, ctx->len & 31, 0);",
      `none: program sends a size that is not constant ${say("TYPE")}`,
    ],
  ])("leaves open: %s", (_, declarations, body, expected) => {
    expect(told(declarations, body)).toBe(expected);
  });

  test("where the place does not tell, the only type of its size is taken", () => {
    const cast = "void *p = bpf_ringbuf_reserve(&rb, 24, 0); if (p) { *(u64 *)p = 1; bpf_ringbuf_submit(p, 0); }";
    const global = "struct wide { u64 a[3]; } wide;";
    expect(told(global, cast)).toBe("inferred struct wide");
    // One of the size that BTF does not have: then nobody knows.
    expect(
      told(
        `${global} struct hidden { u64 b[3]; };`,
        `struct hidden h = { { zero } }; bpf_get_current_comm(&h, 16); ${cast}`,
      ),
    ).toBe(`none: programs send 24 bytes, the size of struct wide, struct hidden ${say("wide")}`);
  });
});

describe("the types", () => {
  const bytes = compileBpf(source("", RESERVE));
  const model = inspectObject(bytes);

  test("follow those of BTF, which keep their ids", () => {
    const btf = readTypes(bytes, parseElf(bytes));
    expect(btf.some((type) => type.kind === "struct" && type.name === "event")).toBe(false);
    expect(model.types.slice(0, btf.length)).toEqual(btf);
    expect(model.types.slice(btf.length).map(({ kind }) => kind)).toContain("struct");
  });

  test("are BTF's where it has the same", () => {
    const both = compileBpf(source("struct event last;", RESERVE));
    const { types, maps } = inspectObject(both);
    expect(types).toEqual(readTypes(both, parseElf(both)));
    expect(maps.find(({ name }) => name === "rb")!.events).toMatchObject({ source: "dwarf", sizes: [16] });
  });

  test("need no word: the module has them, and gen says nothing", async () => {
    const { text, warnings } = await generateWithWarnings(bytes, { name: "x.bpf.o" });
    expect(warnings).toEqual([]);
    expect(text).toContain("rb: s.RingBuf<Event>;");
    expect(text).toContain("of `struct event`, from the debug information.");
  });

  test("are lost with the debug information, and gen says how to keep it", () => {
    expect(eventsOf(inspectObject(stripDebug(bytes)))).toBe(
      "none: programs send 16 bytes, which no struct of a global, map value or parameter has, and the object has no debug information (compile with -g and run gen before anything strips it, add struct event *unused_event __attribute__((unused)); or say what they are: gen --event rb=TYPE)",
    );
  });
});

describe("the option", () => {
  const bytes = compileBpf(
    source(
      'struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 16); } sizes SEC(".maps");',
      `${RESERVE} typedef struct { u64 x, y; } pair_t; pair_t pair = { 1 }; bpf_ringbuf_output(&rb2, &pair, sizeof(pair), 0); struct other o = { 3 }; bpf_map_update_elem(&sizes, &zero, &o, 0);`,
    ),
  );
  const model = readObject(bytes);
  const more = debugTypesOf(bytes);

  test.each([
    ["event", "option struct event"],
    ["struct event", "option struct event"],
    ["pair_t", "option pair_t"],
    ["other", "option struct other"],
  ])("--event rb=%s is looked for in debug information too", (name, expected) => {
    expect(eventsOf(withEventTypes(model, { rb: name }, more))).toBe(expected);
  });

  test("--map is as well", () => {
    const { maps, types } = withMapTypes(model, { sizes: "u32:struct other" }, more);
    expect(spellType(types, maps.find(({ name }) => name === "sizes")!.valueType!)).toBe("struct other");
  });

  test("a name that neither has is refused", () => {
    expect(() => withEventTypes(model, { rb: "nope" }, more)).toThrow("map rb: the object has no type nope, got ");
  });
});

describe("damaged debug information", () => {
  /** The object with abbreviations that mean nothing. */
  function damaged(bytes: Uint8Array): Uint8Array {
    const { offset, size } = parseElf(bytes).sections.find(({ name }) => name === ".debug_abbrev")!;
    return bytes.slice().fill(0x7f, offset, offset + size);
  }
  const aside = { where: "debug information", what: expect.stringMatching(/\(left aside: types are looked for in BTF alone\)$/) as string }; // prettier-ignore

  test("is left aside, with one warning", () => {
    const model = inspectObject(damaged(compileBpf(source("struct event last;", `${RESERVE} bpf_ringbuf_output(&rb2, e, 16, 0);`)))); // prettier-ignore
    expect(eventsOf(model)).toBe("inferred struct event");
    expect(model.warnings).toEqual([aside]);
  });

  test.each(["maps", "globals", "event_declared"])("is not read where no event needs it: %s", (name) => {
    const bytes = new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
    const { warnings } = inspectObject(damaged(bytes));
    expect(warnings.filter(({ where }) => where === aside.where)).toHaveLength(name === "maps" ? 1 : 0);
  });
});
