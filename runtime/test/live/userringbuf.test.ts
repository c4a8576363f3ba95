// Records from this process to a program: what the program took is held against what was sent.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { userRingbuf, type UserRingBuf } from "../../src/events/userringbuf.ts";
import { chars, s64, section, struct, tailText, u32, u64, type Program } from "../../src/gen1.ts";
import { isStateError, type Loaded } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const source = `
struct command {
	u32 op; /* padding behind it */
	u64 arg;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} commands SEC(".maps"), notes SEC(".maps"), blobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 1 << 25);
} wide SEC(".maps");

struct seen {
	s64 commands, notes, blobs, wide; /* what the last drain of each that found something gave */
	u64 count, sum;
	u64 misplaced; /* not the successor of the one before */
	u64 longer; /* longer than the type */
	u32 padding; /* of all, or'ed */
	u32 length;
	struct command last;
	char text[64];
} seen;

const volatile u32 target_tgid;

static long on_command(struct bpf_dynptr *record, void *context)
{
	u64 before = seen.last.arg;
	char more;

	if (bpf_dynptr_read(&seen.last, sizeof(seen.last), record, 0, 0))
		return 1;
	seen.count++;
	seen.sum += seen.last.arg;
	seen.misplaced += seen.last.arg != before + 1;
	seen.longer += bpf_dynptr_read(&more, 1, record, sizeof(seen.last), 0) == 0;
	seen.padding |= ((u32 *)&seen.last)[1];
	return 0;
}

/* A length and as much text. */
static long on_note(struct bpf_dynptr *record, void *context)
{
	char more;

	seen.longer = 0;
	if (bpf_dynptr_read(&seen.length, 4, record, 0, 0) || seen.length > 60)
		return 1;
	__builtin_memset(seen.text, 0, sizeof(seen.text));
	for (u32 i = 0; i < 60 && i < seen.length; i++)
		if (bpf_dynptr_read(&seen.text[i], 1, record, 4 + i, 0))
			return 1;
	seen.longer = bpf_dynptr_read(&more, 1, record, 4 + seen.length, 0) == 0;
	return 0;
}

static long on_wide(struct bpf_dynptr *record, void *context)
{
	return bpf_dynptr_read(&seen.length, 4, record, 0, 0) != 0;
}

SEC("tracepoint/syscalls/sys_enter_umask")
int drain(void *ctx)
{
	s64 n;

	if (current_tgid() != target_tgid)
		return 0;
	if ((n = bpf_user_ringbuf_drain(&commands, on_command, NULL, 0)))
		seen.commands = n;
	if ((n = bpf_user_ringbuf_drain(&notes, on_note, NULL, 0)))
		seen.notes = n;
	if ((n = bpf_user_ringbuf_drain(&blobs, on_note, NULL, 0)))
		seen.blobs = n;
	if ((n = bpf_user_ringbuf_drain(&wide, on_wide, NULL, 0)))
		seen.wide = n;
	return 0;
}
`;

interface Command {
  op: number;
  arg: bigint;
  name: string;
}
const Command = struct<Command>("command", 32, () => ({ op: [0, u32], arg: [8, u64], name: [16, chars(16)] }));

interface Note {
  length: number;
  text: string;
}
const Note = struct<Note>("note", 4, () => ({ length: [0, u32], text: [4, tailText] }), {
  tail: "text",
  read: (m, at) => ({ length: m.u32(at), text: tailText.read(m, at + 4) }),
  write(m, at, v) {
    m.setU32(at, v.length);
    tailText.write(m, at + 4, v.text);
  },
});

interface Seen {
  commands: bigint;
  notes: bigint;
  blobs: bigint;
  wide: bigint;
  count: bigint;
  sum: bigint;
  misplaced: bigint;
  longer: bigint;
  padding: number;
  length: number;
  last: Command;
  text: string;
}
const Seen = struct<Seen>("seen", 168, () => ({
  commands: [0, s64],
  notes: [8, s64],
  blobs: [16, s64],
  wide: [24, s64],
  count: [32, u64],
  sum: [40, u64],
  misplaced: [48, u64],
  longer: [56, u64],
  padding: [64, u32],
  length: [68, u32],
  last: [72, Command],
  text: [104, chars(64)],
}));

interface Drained {
  maps: {
    commands: UserRingBuf<Command>;
    notes: UserRingBuf<Note>;
    blobs: UserRingBuf;
    wide: UserRingBuf<number>;
  };
  progs: { drain: Program<"tracepoint"> };
  sections: { bss: { seen: Seen }; rodata: { target_tgid: number } };
  readonlySections: "rodata";
  structOps: {};
}

const Drained = skeletonOf<Drained>(compile(source), {
  maps: { commands: userRingbuf(Command), notes: userRingbuf(Note), blobs: userRingbuf(), wide: userRingbuf(u32) },
  progs: { drain: "tracepoint/syscalls/sys_enter_umask" },
  sections: {
    bss: section(".bss", 168, { seen: [0, Seen] }),
    rodata: section(".rodata", 4, { target_tgid: [0, u32] }),
  },
});

let live: Loaded<Drained>;
let maps: Loaded<Drained>["maps"];

function start(): Loaded<Drained> {
  const open = Drained.open();
  open.rodata.target_tgid = process.pid;
  const loaded = open.load();
  loaded.attach();
  return loaded;
}

beforeAll(() => {
  live = start();
  maps = live.maps;
});
afterAll(() => live?.close());

/** Lets the program take what is there: Node's umask makes two system calls of that name. */
const drain = (): Seen => {
  process.umask();
  return live.bss.seen;
};
afterEach(() => {
  drain();
  live.bss.seen = { ...Seen.zero() };
});

const command = (arg: number): Command => ({ op: 7, arg: BigInt(arg), name: "do-it" });

describe("send", () => {
  test("gives the program exactly the record, padding zero", () => {
    expect(maps.commands.send({ op: 3, arg: 1n << 63n, name: "é" })).toBe(true);
    expect(maps.commands.pending()).toBe(40);
    const seen = drain();
    expect(seen).toMatchObject({ commands: 1n, longer: 0n, padding: 0, last: { op: 3, arg: 1n << 63n, name: "é" } });
    expect(maps.commands.pending()).toBe(0);
  });

  test("runs no program", () => {
    maps.commands.send(command(1));
    expect(live.bss.seen.count).toBe(0n);
    expect(drain().count).toBe(1n);
  });

  test("says false when the buffer is full, and what is in it stays whole", () => {
    let sent = 0;
    while (maps.commands.send(command(sent + 1))) sent++;
    expect(sent).toBe(Math.floor(4096 / 40));
    expect(maps.commands.send(command(999))).toBe(false);
    expect(drain()).toMatchObject({ count: BigInt(sent), misplaced: 0n, last: { arg: BigInt(sent) } });
    expect(maps.commands.send(command(1))).toBe(true);
  });

  test("keeps order and content round after round", () => {
    const total = 50_000;
    for (let arg = 1; arg <= total;) {
      if (maps.commands.send(command(arg))) arg++;
      else drain();
    }
    const { count, sum, misplaced, longer, padding } = drain();
    expect({ count, sum, misplaced, longer, padding }).toEqual({
      count: BigInt(total),
      sum: (BigInt(total) * BigInt(total + 1)) / 2n,
      misplaced: 0n,
      longer: 0n,
      padding: 0,
    });
  });

  test("refuses what does not fit with its place, and the program never sees it", () => {
    for (const [value, path] of [
      [{ op: -1, arg: 1n, name: "" }, "map commands: value.op"],
      [{ op: 1, arg: 1n, name: "x".repeat(17) }, "map commands: value.name"],
      [{ op: 1, arg: 1n }, "map commands: value.name"],
      [undefined, "map commands: value"],
    ] as const) {
      const error = thrownBy(() => maps.commands.send(value as Command));
      expect(error).toMatchObject({ name: "ValueError", path });
    }
    maps.commands.send(command(1));
    expect(drain()).toMatchObject({ commands: 1n, count: 1n, padding: 0, last: command(1) });
  });

  test("may be called by a getter of what is being sent, whose record comes first", () => {
    const outer = {
      op: 7,
      name: "outer",
      get arg(): bigint {
        maps.commands.send(command(2));
        return 1n;
      },
    };
    maps.commands.send(outer);
    expect(drain()).toMatchObject({ count: 2n, misplaced: 0n, last: { arg: 2n, name: "do-it" } });
  });

  test("passes on what a getter throws, and the program never sees that record", () => {
    const value = {
      ...command(1),
      get op(): number {
        throw new Error("mine");
      },
    };
    expect(thrownBy(() => maps.commands.send(value)).message).toBe("mine");
    maps.commands.send(command(1));
    expect(drain()).toMatchObject({ count: 1n, misplaced: 0n });
  });

  test.each(["", "x", "seven..", "eight...", "nine.....", "é".repeat(20)])(
    "sends flexible arrays by their length: %j",
    (text) => {
      const length = new TextEncoder().encode(text).length;
      expect(maps.notes.send({ length, text })).toBe(true);
      expect(drain()).toMatchObject({ notes: 1n, length, text, longer: 0n });
    },
  );

  test("sends bytes where the map has no type", () => {
    expect(maps.blobs.send(new Uint8Array([3, 0, 0, 0, 97, 98, 99]))).toBe(true);
    expect(drain()).toMatchObject({ blobs: 1n, length: 3, text: "abc", longer: 0n });
    for (const value of ["abc", { length: "x" }, { length: 1e9 }, null]) {
      expect(thrownBy(() => maps.blobs.send(value as unknown as Uint8Array)).name).toBe("ValueError");
    }
    expect(drain().blobs).toBe(1n);
  });

  test("refuses a record that no buffer of this size can hold", () => {
    expect(maps.blobs.send(new Uint8Array(4088))).toBe(true);
    expect(thrownBy(() => maps.blobs.send(new Uint8Array(4089)))).toMatchObject({
      name: "ValueError",
      message: "map blobs: value: expected at most 4088 bytes, got 4089 (raise max_entries)",
    });
    // More than the kernel has in one record, though the buffer would.
    expect(thrownBy(() => maps.wide.reserve(1 << 24)).message).toMatch(/expected at most 16777215 bytes, got 16777216/);
  });
});

describe("reserve", () => {
  test("sends what was set, at submit", () => {
    const record = maps.commands.reserve()!;
    expect(record.size).toBe(32);
    expect(record.value).toEqual(Command.zero());
    record.value = command(5);
    record.value = { ...record.value, arg: 1n };
    expect(drain().count).toBe(0n);
    record.submit();
    expect(drain()).toMatchObject({ count: 1n, last: command(1) });
  });

  test("holds back the records that come after it", () => {
    const first = maps.commands.reserve()!;
    const second = maps.commands.reserve()!;
    maps.commands.send(command(3));
    second.value = command(2);
    second.submit();
    expect(drain().count).toBe(0n);
    first.value = command(1);
    first.submit();
    expect(drain()).toMatchObject({ count: 3n, misplaced: 0n });
  });

  test("discards with discard and at the end of a block", () => {
    maps.commands.reserve()!.discard();
    {
      using record = maps.commands.reserve()!;
      record.value = command(9);
    }
    maps.commands.send(command(1));
    expect(drain()).toMatchObject({ commands: 1n, count: 1n, misplaced: 0n });
    expect(maps.commands.pending()).toBe(0);
  });

  test("ends once", () => {
    const record = maps.commands.reserve()!;
    record.submit();
    record.discard();
    for (const call of [() => record.submit(), () => record.value, () => (record.value = command(1))])
      expect(thrownBy(call).message).toBe("map commands: the record is submitted or discarded");
    expect(drain().count).toBe(1n);
  });

  test("gives undefined when the buffer is full", () => {
    const held = maps.blobs.reserve(4088)!;
    expect(maps.blobs.reserve(0)).toBeUndefined();
    held.discard();
    expect(maps.blobs.reserve(0)).toBeUndefined();
    drain();
    maps.blobs.reserve(0)!.discard();
  });

  test.each([31, -1, 32.5, NaN, "32"])("refuses the size %j", (size) => {
    expect(thrownBy(() => maps.commands.reserve(size as number)).message).toMatch(
      /^map commands: size: expected at least 32 bytes, got /,
    );
  });

  test("goes on where 32 bits of position end", () => {
    const size = (1 << 24) - 16;
    const rounds = Math.ceil(2 ** 32 / size) + 2;
    for (let i = 0; i < rounds; i++) {
      const record = maps.wide.reserve(size)!;
      record.value = i;
      record.submit();
      expect(drain()).toMatchObject({ wide: 1n, length: i });
    }
    expect(size * rounds).toBeGreaterThan(2 ** 32);
  });
});

test("after close nothing is sent, read or crashed into", () => {
  const own = start();
  const { commands } = own.maps;
  const record = commands.reserve()!;
  const closing = {
    ...command(1),
    get op(): number {
      own.close();
      return 1;
    },
  };
  for (const call of [
    () => commands.send(closing),
    () => commands.send(command(1)),
    () => commands.reserve(),
    () => commands.pending(),
    () => record.value,
    () => (record.value = command(1)),
    () => record.submit(),
  ])
    expect(isStateError(thrownBy(call)), call.toString()).toBe(true);
  record.discard();
});
