// Samples from programs through perf buffers: what came and what was dropped is held against what the programs counted.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { perfEventArray, type PerfEventArray } from "../../src/events/perf.ts";
import { chars, list, section, struct, u32, u64, type Program } from "../../src/gen1.ts";
import { type Loaded } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const source = `
struct sample {
	u32 cpu;
	u32 seq;
	u64 stamp;
	u64 check;
	char comm[16];
};

struct mark {
	u32 kind;
	char text[20];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} samples SEC(".maps"), mixed SEC(".maps"), raw SEC(".maps");

#define CPUS 64

struct control {
	u32 tgid, other_tgid;
	u32 burst; /* samples a call */
	u32 marks; /* into mixed, one of each type a call */
	u32 size; /* bytes into raw a call */
	u32 padding;
} control;

u64 produced[CPUS], refused[CPUS];

SEC("tracepoint/syscalls/sys_enter_umask")
int produce(void *ctx)
{
	u32 tgid = current_tgid(), cpu = bpf_get_smp_processor_id() & (CPUS - 1);
	u8 bytes[64];

	if (tgid != control.tgid && tgid != control.other_tgid)
		return 0;
	for (u32 i = 0; i < 4096 && i < control.burst; i++) {
		struct sample sample = { .cpu = cpu, .seq = produced[cpu]++, .stamp = bpf_ktime_get_ns() };

		bpf_get_current_comm(sample.comm, sizeof(sample.comm));
		sample.check = (sample.stamp ^ ((u64)sample.seq << 32 | cpu)) * 0x9e3779b97f4a7c15ull;
		if (bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &sample, sizeof(sample)))
			refused[cpu]++;
	}
	if (control.marks) {
		struct sample sample = { .cpu = cpu, .seq = 7 };
		struct mark mark = { .kind = 3, .text = "mark" };

		bpf_perf_event_output(ctx, &mixed, BPF_F_CURRENT_CPU, &sample, sizeof(sample));
		bpf_perf_event_output(ctx, &mixed, BPF_F_CURRENT_CPU, &mark, sizeof(mark));
	}
	if (control.size) {
		__builtin_memset(bytes, 0xab, sizeof(bytes));
		bpf_perf_event_output(ctx, &raw, BPF_F_CURRENT_CPU, bytes, control.size & 63);
	}
	return 0;
}
`;

interface Sample {
  cpu: number;
  seq: number;
  stamp: bigint;
  check: bigint;
  comm: string;
}
const Sample = struct<Sample>("sample", 40, () => ({
  cpu: [0, u32],
  seq: [4, u32],
  stamp: [8, u64],
  check: [16, u64],
  comm: [24, chars(16)],
}));

interface Mark {
  kind: number;
  text: string;
}
const Mark = struct<Mark>("mark", 24, () => ({ kind: [0, u32], text: [4, chars(20)] }));

interface Control {
  tgid: number;
  other_tgid: number;
  burst: number;
  marks: number;
  size: number;
}
const Control = struct<Control>("control", 24, () => ({
  tgid: [0, u32],
  other_tgid: [4, u32],
  burst: [8, u32],
  marks: [12, u32],
  size: [16, u32],
}));

const CPUS = 64;

interface Perf {
  maps: {
    samples: PerfEventArray<Sample>;
    mixed: PerfEventArray<Sample | Mark>;
    raw: PerfEventArray;
  };
  progs: { produce: Program<"tracepoint"> };
  sections: { bss: { control: Control; produced: readonly bigint[]; refused: readonly bigint[] } };
  readonlySections: never;
  structOps: {};
}

const object = compile(source);
const Perf = skeletonOf<Perf>(object, {
  maps: { samples: perfEventArray(Sample), mixed: perfEventArray(Sample, Mark), raw: perfEventArray() },
  progs: { produce: "tracepoint/syscalls/sys_enter_umask" },
  sections: {
    bss: section(".bss", 24 + 16 * CPUS, {
      control: [0, Control],
      produced: [24, list(CPUS, u64)],
      refused: [24 + 8 * CPUS, list(CPUS, u64)],
    }),
  },
});

const idle: Control = { tgid: process.pid, other_tgid: 0, burst: 0, marks: 0, size: 0 };

function start(control: Partial<Control>): Loaded<Perf> {
  const loaded = Perf.load();
  loaded.bss.control = { ...idle, ...control };
  loaded.attach();
  return loaded;
}

/** Node's umask makes two system calls of that name, each of which runs the program. */
const call = (): void => void process.umask();

const checkOf = ({ stamp, seq, cpu }: Sample): bigint =>
  BigInt.asUintN(64, (stamp ^ ((BigInt(seq) << 32n) | BigInt(cpu))) * 0x9e3779b97f4a7c15n);

describe("consume", () => {
  test("gives the samples whole, in the order of their CPU", () => {
    using live = start({ burst: 100 });
    const { samples } = live.maps;
    samples.open();
    const seen: Sample[] = [];
    for (let i = 0; i < 50; i++) {
      call();
      samples.consume((e, cpu) => {
        expect(e.cpu).toBe(cpu);
        seen.push(e);
      });
    }
    expect(seen.length).toBe(10_000);
    expect(seen.every((e) => e.check === checkOf(e))).toBe(true);
    expect(samples.lost().every((n) => n === 0)).toBe(true);
    for (const cpu of new Set(seen.map((e) => e.cpu)))
      expect(seen.filter((e) => e.cpu === cpu).map((e) => e.seq)).toEqual(
        seen.filter((e) => e.cpu === cpu).map((_, i) => i),
      );
  });
});
