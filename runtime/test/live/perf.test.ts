// Samples from programs through perf buffers: what came and what was dropped is held against what the programs counted.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PerfBuffers } from "../../src/events/perfbuffers.ts";
import { chars, list, section, struct, u32, u64, type MapSpec, type Program } from "../../src/gen1.ts";
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
const it = compile(source);
test("x", () => expect(it.length).toBeGreaterThan(1));
