/* Sends an event for each program that any process of the machine executes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef __u32 u32;

struct event {
	u32 pid;
	char comm[16];
	char filename[512];
};

/* Makes the type known to the generator: nothing else would have it in the BTF. */
struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* /sys/kernel/tracing/events/sched/sched_process_exec/format */
struct exec {
	__u64 common;
	u32 filename; /* __data_loc: the offset in its lower half */
	int pid;
	int old_pid;
};

SEC("tp/sched/sched_process_exec")
int handle_exec(struct exec *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), (char *)ctx + (ctx->filename & 0xffff));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
