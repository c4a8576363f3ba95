/* Counts and times the system calls of each process, and tells of those that take long. */
#include <asm/unistd.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

typedef __u32 u32;
typedef __u64 u64;

/* BTF carries the names of enums: this is how user space knows them. */
enum syscall {
#include "syscalls.h"
};

/* What a process has done on one CPU since user space last took it. */
struct usage {
	u64 calls;
	u64 total_ns;
	u64 max_ns;
	char comm[16];
};

struct slow_call {
	enum syscall call;
	u32 pid;
	u64 ns;
	char comm[16];
};

/* Fixed when the programs load: the verifier removes what they rule out. */
const volatile u32 own_pid;
const volatile u32 only_pid;

/* Switches that user space turns while the programs run. */
bool enabled = true;
u64 slow_ns = 10000000;

/* When each thread entered the kernel. LRU, since a thread that ends there (exit, a signal) never comes back to remove its own. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u64);
} entered SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct usage);
} usages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct slow_call);
} slow_calls SEC(".maps");

/* /sys/kernel/tracing/events/raw_syscalls/sys_enter/format, and sys_exit */
struct syscall_context {
	u64 common;
	long id;
	u64 rest[6];
};

static bool is_watched(u32 pid)
{
	return enabled && pid != own_pid && (only_pid == 0 || pid == only_pid);
}

SEC("tp/raw_syscalls/sys_enter")
int on_enter(struct syscall_context *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 thread = id;
	u64 now = bpf_ktime_get_ns();

	if (is_watched(id >> 32))
		bpf_map_update_elem(&entered, &thread, &now, BPF_ANY);
	return 0;
}

static void tell(u32 pid, u64 ns, long call)
{
	struct slow_call *slow = bpf_ringbuf_reserve(&slow_calls, sizeof(*slow), 0);

	if (!slow)
		return;
	slow->call = call;
	slow->pid = pid;
	slow->ns = ns;
	bpf_get_current_comm(slow->comm, sizeof(slow->comm));
	bpf_ringbuf_submit(slow, 0);
}

SEC("tp/raw_syscalls/sys_exit")
int on_exit(struct syscall_context *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 thread = id, pid = id >> 32;
	u64 *start = bpf_map_lookup_elem(&entered, &thread);

	if (!start)
		return 0;
	u64 ns = bpf_ktime_get_ns() - *start;

	bpf_map_delete_elem(&entered, &thread);
	if (!enabled)
		return 0;

	struct usage *usage = bpf_map_lookup_elem(&usages, &pid);

	if (!usage) {
		struct usage none = {};

		bpf_map_update_elem(&usages, &pid, &none, BPF_NOEXIST);
		usage = bpf_map_lookup_elem(&usages, &pid);
		if (!usage)
			return 0;
	}
	usage->calls++;
	usage->total_ns += ns;
	if (ns > usage->max_ns)
		usage->max_ns = ns;
	bpf_get_current_comm(usage->comm, sizeof(usage->comm));
	if (ns >= slow_ns)
		tell(pid, ns, ctx->id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
