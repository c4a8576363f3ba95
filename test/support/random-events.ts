// Random programs that send events, each in one of the ways that people write, beside decoys: other types of the same size,
// on the stack, behind pointers and in globals, that are used for something else.

import type { Random } from "./random.ts";

/** An event as it was written. */
export interface WrittenEvent {
  readonly map: string;
  /** The way it is sent in. */
  readonly idiom: string;
  /** Its type, as C spells it. */
  readonly type: string;
}

interface Parts {
  readonly rng: Random;
  /** A suffix of all names. */
  readonly id: number;
  /** Bytes, a multiple of 8. */
  readonly size: number;
  /** The definitions before the function. */
  readonly before: string[];
}

const HEAD = `
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  #include <stdbool.h>
  typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;
  #define INLINE static inline __attribute__((always_inline))
  #define NOINLINE static __attribute__((noinline))
  char LICENSE[] SEC("license") = "GPL";
`;

/** The members of a struct of `size` bytes, the first a u64 called `first`. */
function members(rng: Random, size: number): string {
  let text = "u64 first;";
  for (let left = size - 8, i = 0; left > 0; i++) {
    const [type, bytes] = rng.pick([
      ["u64", 8],
      ["u32", 4],
      ["u16", 2],
      ["u8", 1],
      ["bool", 1],
    ] as const);
    const count = rng.chance(20) ? 1 + rng.below(4) : 1;
    // No padding: what is larger than it looks is no matter here.
    if (left % bytes !== 0 || bytes * count > left || (size - left) % bytes !== 0) continue;
    text += count === 1 ? ` ${type} m${i};` : ` ${type} m${i}[${count}];`;
    left -= bytes * count;
  }
  return text;
}

const ring = (name: string): string =>
  `struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ${name} SEC(".maps");`;
const perf = (name: string): string =>
  `struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, u32); __type(value, u32); } ${name} SEC(".maps");`;
const heap = (name: string, value: string): string =>
  `struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, ${value}); } ${name} SEC(".maps");`;

/** What a decoy does before and after the event, and what it needs. */
function decoy({ rng, id, size, before }: Parts, n: number): { readonly start: string; readonly end: string } {
  const name = `dc_${id}_${n}`;
  before.push(`struct ${name} { ${members(rng, size)} };`);
  const variable = `d${n}`;
  switch (rng.below(7)) {
    case 0:
      return {
        start: `struct ${name} ${variable} = {}; bpf_get_current_comm(&${variable}, sizeof(${variable}));`,
        end: `sum += ${variable}.first;`,
      };
    case 1:
      return {
        start: `struct ${name} ${variable} = { bpf_ktime_get_ns() }; bpf_trace_printk((void *)&${variable}, sizeof(${variable}));`,
        end: "",
      };
    case 2:
      before.push(heap(`heap_${name}`, `struct ${name}`));
      return {
        start: `struct ${name} *${variable} = bpf_map_lookup_elem(&heap_${name}, &zero); if (${variable}) ${variable}->first = 1;`,
        end: `if (${variable}) sum += ${variable}->first;`,
      };
    case 3:
      before.push(`struct ${name} g_${name};`);
      return {
        start: `g_${name}.first = sum;`,
        end: `struct ${name} *${variable} = &g_${name}; sum += ${variable}->first;`,
      };
    case 4:
      before.push(ring(`other_${name}`));
      return {
        start: `struct ${name} *${variable} = bpf_ringbuf_reserve(&other_${name}, sizeof(*${variable}), 0); if (${variable}) { ${variable}->first = 2; bpf_ringbuf_submit(${variable}, 0); }`,
        end: "",
      };
    case 5:
      before.push(`NOINLINE u64 take_${name}(struct ${name} *given) { return given->first + 1; }`);
      return {
        start: `{ struct ${name} ${variable} = {}; ${variable}.first = sum; sum += take_${name}(&${variable}); }`,
        end: "",
      };
    default:
      // Declared and optimised away.
      return {
        start: `struct ${name} ${variable} = {}, *p${variable} = &${variable}; p${variable}->first = sum;`,
        end: `sum += p${variable}->first;`,
      };
  }
}

type Idiom = (parts: Parts) => { readonly type: string; readonly body: string; readonly map: string };

/** A struct of its own, and its name. */
function event({ rng, id, size, before }: Parts): string {
  before.push(`struct ev_${id} { ${members(rng, size)} };`);
  return `struct ev_${id}`;
}

const IDIOMS: Readonly<Record<string, Idiom>> = {
  "a variable of the stack": (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} e = {}; e.first = bpf_ktime_get_ns(); bpf_ringbuf_output(&rb_${parts.id}, &e, sizeof(e), 0); sum += e.first;`,
    };
  },
  "a perf buffer": (parts) => {
    const type = event(parts);
    return {
      type,
      map: perf(`rb_${parts.id}`),
      body: `${type} e = { 1 }; bpf_perf_event_output(ctx, &rb_${parts.id}, BPF_F_CURRENT_CPU, &e, sizeof(e));`,
    };
  },
  reserve: (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} *e = bpf_ringbuf_reserve(&rb_${parts.id}, sizeof(*e), 0); if (e) { e->first = bpf_ktime_get_ns(); bpf_ringbuf_submit(e, 0); }`,
    };
  },
  "a function that is inlined, with void *": (parts) => {
    const type = event(parts);
    parts.before.push(
      ring(`rb_${parts.id}`),
      `INLINE long put_${parts.id}(void *data, u64 size) { return bpf_ringbuf_output(&rb_${parts.id}, data, size, 0); }`,
    );
    return { type, map: "", body: `${type} e = {}; e.first = 3; sum += put_${parts.id}(&e, sizeof(e));` };
  },
  "a function that is not inlined, with void *": (parts) => {
    const type = event(parts);
    parts.before.push(
      ring(`rb_${parts.id}`),
      `NOINLINE long put_${parts.id}(void *data, u64 size) { return bpf_ringbuf_output(&rb_${parts.id}, data, size, 0); }`,
    );
    return { type, map: "", body: `${type} e = {}; e.first = 3; sum += put_${parts.id}(&e, sizeof(e));` };
  },
  "a function that is not inlined, with a type": (parts) => {
    const type = event(parts);
    parts.before.push(
      ring(`rb_${parts.id}`),
      `NOINLINE long put_${parts.id}(${type} *e) { e->first++; return bpf_ringbuf_output(&rb_${parts.id}, e, sizeof(*e), 0); }`,
    );
    return { type, map: "", body: `${type} e = {}; sum += put_${parts.id}(&e);` };
  },
  "a heap": (parts) => {
    const type = event(parts);
    parts.before.push(heap(`heap_${parts.id}`, type));
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} *e = bpf_map_lookup_elem(&heap_${parts.id}, &zero); if (e) { e->first = 1; bpf_ringbuf_output(&rb_${parts.id}, e, sizeof(*e), 0); }`,
    };
  },
  "a heap of bytes": (parts) => {
    const type = event(parts);
    parts.before.push(
      `struct room_${parts.id} { u8 bytes[${parts.size}]; };`,
      heap(`heap_${parts.id}`, `struct room_${parts.id}`),
    );
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} *e = bpf_map_lookup_elem(&heap_${parts.id}, &zero); if (e) { e->first = 1; bpf_ringbuf_output(&rb_${parts.id}, e, sizeof(*e), 0); }`,
    };
  },
  "a typedef of a struct without a name": (parts) => {
    const type = `ev_${parts.id}_t`;
    parts.before.push(`typedef struct { ${members(parts.rng, parts.size)} } ${type};`);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} e = {}; e.first = sum; bpf_ringbuf_output(&rb_${parts.id}, &e, sizeof(e), 0);`,
    };
  },
  "from void *": (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `void *p = bpf_ringbuf_reserve(&rb_${parts.id}, ${parts.size}, 0); if (p) { ${type} *e = p; e->first = sum; bpf_ringbuf_submit(p, 0); }`,
    };
  },
  "casts alone": (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `void *p = bpf_ringbuf_reserve(&rb_${parts.id}, ${parts.size}, 0); if (p) { ((${type} *)p)->first = sum; bpf_ringbuf_submit(p, 0); }`,
    };
  },
  "a union": (parts) => {
    const type = `union ev_${parts.id}`;
    parts.before.push(`${type} { struct { ${members(parts.rng, parts.size)} } one; u64 many[${parts.size / 8}]; };`);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} e = {}; e.one.first = sum; bpf_ringbuf_output(&rb_${parts.id}, &e, sizeof(e), 0);`,
    };
  },
  "a number": ({ id, rng }) => {
    const type = rng.pick(["u64", "u32", "int", "unsigned long"]);
    return {
      type,
      map: ring(`rb_${id}`),
      body: `${type} e = bpf_ktime_get_ns(); bpf_ringbuf_output(&rb_${id}, &e, sizeof(e), 0);`,
    };
  },
  "an array": ({ id, size }) => ({
    type: `u32[${size / 4}]`,
    map: ring(`rb_${id}`),
    body: `u32 e[${size / 4}] = {}; e[1] = sum; bpf_ringbuf_output(&rb_${id}, e, sizeof(e), 0);`,
  }),
  "room of bytes": (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `char room[${parts.size}] __attribute__((aligned(8))) = {}; ${type} *e = (void *)room; e->first = sum; bpf_ringbuf_output(&rb_${parts.id}, room, sizeof(*e), 0);`,
    };
  },
  "a part of another": (parts) => {
    const type = event(parts);
    parts.before.push(`struct outer_${parts.id} { u64 head; ${type} inner; u64 tail; };`);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `struct outer_${parts.id} o = {}; o.inner.first = sum; bpf_get_current_comm(&o, sizeof(o)); bpf_ringbuf_output(&rb_${parts.id}, &o.inner, sizeof(o.inner), 0);`,
    };
  },
  "a dynptr": (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `${type} e = {}; struct bpf_dynptr record; e.first = sum; bpf_ringbuf_reserve_dynptr(&rb_${parts.id}, sizeof(e), 0, &record); bpf_dynptr_write(&record, 0, &e, sizeof(e), 0); bpf_ringbuf_submit_dynptr(&record, 0);`,
    };
  },
  "a function that reserves": (parts) => {
    const type = event(parts);
    parts.before.push(
      ring(`rb_${parts.id}`),
      `INLINE void *make_${parts.id}(u64 size) { return bpf_ringbuf_reserve(&rb_${parts.id}, ${parts.size}, 0); }`,
    );
    return {
      type,
      map: "",
      body: `${type} *e = make_${parts.id}(sizeof(*e)); if (e) { e->first = 9; bpf_ringbuf_submit(e, 0); }`,
    };
  },
  "a function that fills": (parts) => {
    const type = event(parts);
    parts.before.push(`INLINE void fill_${parts.id}(${type} *given, u64 value) { given->first = value; }`);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `void *p = bpf_ringbuf_reserve(&rb_${parts.id}, ${parts.size}, 0); if (p) { fill_${parts.id}(p, sum); bpf_ringbuf_submit(p, 0); }`,
    };
  },
  "a global": (parts) => {
    const type = event(parts);
    parts.before.push(`${parts.rng.chance(50) ? "static " : ""}${type} global_${parts.id};`);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `global_${parts.id}.first += sum; bpf_ringbuf_output(&rb_${parts.id}, &global_${parts.id}, sizeof(global_${parts.id}), 0);`,
    };
  },
  "a block of its own": (parts) => {
    const type = event(parts);
    const other = `struct ot_${parts.id}`;
    parts.before.push(`${other} { ${members(parts.rng, parts.size)} };`, ring(`more_${parts.id}`));
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `{ ${type} e = {}; e.first = 1; bpf_ringbuf_output(&rb_${parts.id}, &e, sizeof(e), 0); } { ${other} e = {}; e.first = 2; bpf_ringbuf_output(&more_${parts.id}, &e, sizeof(e), 0); }`,
    };
  },
  "a value without a name": (parts) => {
    const type = event(parts);
    return {
      type,
      map: ring(`rb_${parts.id}`),
      body: `bpf_ringbuf_output(&rb_${parts.id}, &(${type}){ .first = sum }, sizeof(${type}), 0);`,
    };
  },
};

/** C of `count` programs with an event each, and what the events are. */
export function randomEvents(rng: Random, count: number): { readonly source: string; readonly events: WrittenEvent[] } {
  const events: WrittenEvent[] = [];
  let source = HEAD;
  for (let id = 0; id < count; id++) {
    const parts: Parts = { rng, id, size: 8 * (2 + rng.below(4)), before: [] };
    const idiom = rng.pick(Object.keys(IDIOMS));
    const { type, body, map } = IDIOMS[idiom]!(parts);
    const decoys = Array.from({ length: rng.below(4) }, (_, n) => decoy(parts, n));
    const starts = decoys.map(({ start }) => start);
    // Before the event, behind it, or around it.
    const at = rng.below(starts.length + 1);
    const text = [...starts.slice(0, at), body, ...starts.slice(at), ...decoys.map(({ end }) => end)].join("\n    ");
    source += `${parts.before.join("\n  ")}
  ${map}
  SEC("tc") int program_${id}(struct __sk_buff *ctx) {
    u32 zero = 0; u64 sum = ctx->len;
    ${text}
    return sum;
  }
`;
    events.push({ map: `rb_${id}`, idiom, type });
  }
  return { source, events };
}
