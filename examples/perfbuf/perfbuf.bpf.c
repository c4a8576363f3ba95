/* Tells of every program that is started, through a perf buffer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	char comm[16];
	char filename[512];
};

/* Too large for the 512 bytes of stack that a program has: each CPU makes its events here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} heap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* As /sys/kernel/tracing/events/sched/sched_process_exec/format tells it. */
struct exec {
	__u64 common;
	__u32 filename; /* where it starts, from here, in the lower half */
	__s32 pid, old_pid;
};

SEC("tp/sched/sched_process_exec")
int handle_exec(struct exec *ctx)
{
	__u32 zero = 0;
	struct event *event = bpf_map_lookup_elem(&heap, &zero);

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), (void *)ctx + (ctx->filename & 0xffff));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
