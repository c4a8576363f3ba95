/* The C side of `npm run bench`: the same work as the JavaScript side, called in the same process, rounds alternating. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct flow_key {
	uint32_t saddr;
	uint16_t port;
	uint8_t proto;
	uint8_t padding;
};

struct flow_stats {
	uint64_t packets, bytes, seen;
	uint32_t pid, flags;
	char comm[16];
};

static volatile uint64_t sink;

/* Keys and values stand ready before the clock starts, here and in JavaScript: what is timed is handing them over. */
static struct flow_key keys[1024];
static struct flow_stats values[1024];

int bench_prepare(int fd, uint32_t rounds, uint32_t entries)
{
	if (entries > 1024)
		return -1;
	for (uint32_t i = 0; i < entries; i++) {
		keys[i] = (struct flow_key){ .saddr = i, .port = i & 0xffff, .proto = 6 };
		values[i] = (struct flow_stats){
			.packets = i, .bytes = 64 * (uint64_t)i, .seen = 1, .pid = i, .flags = 3, .comm = "ebpf-skel"
		};
	}
	return 0;
}

/* Looks up keys 0 to entries - 1 in turn, `rounds` times in all, and reads every field. */
int bench_get(int fd, uint32_t rounds, uint32_t entries)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		struct flow_stats value;

		if (bpf_map_lookup_elem(fd, &keys[i % entries], &value))
			return -1;
		sum += value.packets + value.bytes + value.seen + value.pid + value.flags + strnlen(value.comm, 16);
	}
	sink = sum;
	return 0;
}

int bench_set(int fd, uint32_t rounds, uint32_t entries)
{
	for (uint32_t i = 0; i < rounds; i++) {
		if (bpf_map_update_elem(fd, &keys[i % entries], &values[i % entries], BPF_ANY))
			return -1;
	}
	return 0;
}

int bench_has(int fd, uint32_t rounds, uint32_t entries)
{
	for (uint32_t i = 0; i < rounds; i++) {
		struct flow_stats value;

		if (bpf_map_lookup_elem(fd, &keys[i % entries], &value))
			return -1;
	}
	return 0;
}

int bench_array_get(int fd, uint32_t rounds, uint32_t entries)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		uint32_t key = i % entries;
		struct flow_stats value;

		if (bpf_map_lookup_elem(fd, &key, &value))
			return -1;
		sum += value.packets + value.bytes + value.seen + value.pid + value.flags + strnlen(value.comm, 16);
	}
	sink = sum;
	return 0;
}

/* Writes all entries with one call. */
int bench_set_batch(int fd, uint32_t rounds, uint32_t entries)
{
	for (uint32_t i = 0; i < rounds; i += entries) {
		uint32_t count = entries;

		if (bpf_map_update_batch(fd, keys, values, &count, NULL))
			return -1;
	}
	return 0;
}

/* The same, with the batch filled anew from the ready keys and values, as the JavaScript side has to. */
int bench_set_batch_filled(int fd, uint32_t rounds, uint32_t entries)
{
	static struct flow_key batch_keys[1024];
	static struct flow_stats batch_values[1024];

	for (uint32_t i = 0; i < rounds; i += entries) {
		uint32_t count = entries;

		for (uint32_t j = 0; j < entries; j++) {
			batch_keys[j] = keys[j];
			batch_values[j] = values[j];
		}
		if (bpf_map_update_batch(fd, batch_keys, batch_values, &count, NULL))
			return -1;
	}
	return 0;
}

/* As bench_get, reading the values of all CPUs. */
int bench_percpu_get(int fd, uint32_t rounds, uint32_t entries)
{
	static struct flow_stats all[1024];
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0;

	if (cpus < 1 || cpus > 1024)
		return -1;
	for (uint32_t i = 0; i < rounds; i++) {
		if (bpf_map_lookup_elem(fd, &keys[i % entries], all))
			return -1;
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += all[cpu].packets + all[cpu].bytes + all[cpu].seen + all[cpu].pid + all[cpu].flags +
			       strnlen(all[cpu].comm, 16);
	}
	sink = sum;
	return 0;
}

/* Reads counters from the map's own memory, which stays mapped. */
int bench_counters(int fd, uint32_t rounds, uint32_t entries)
{
	static volatile uint64_t *counters;
	uint64_t sum = 0;

	if (!counters) {
		void *memory = mmap(NULL, entries * sizeof(*counters), PROT_READ, MAP_SHARED, fd, 0);

		if (memory == MAP_FAILED)
			return -1;
		counters = memory;
	}
	for (uint32_t i = 0; i < rounds; i++)
		sum += counters[i % entries];
	sink = sum;
	return 0;
}

static volatile struct {
	uint64_t hits;
	uint32_t level;
} variables;

/* Reads a variable, `rounds` times. */
int bench_read_variable(int fd, uint32_t rounds, uint32_t entries)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < rounds; i++)
		sum += variables.hits;
	sink = sum;
	return 0;
}

/* Writes a variable, `rounds` times. */
int bench_write_variable(int fd, uint32_t rounds, uint32_t entries)
{
	for (uint32_t i = 0; i < rounds; i++)
		variables.level = i;
	return 0;
}

/* Reads the whole map in batches of 1024, `rounds` times. */
int bench_iterate(int fd, uint32_t rounds, uint32_t entries)
{
	struct flow_key *read_keys = calloc(1024, sizeof(*read_keys));
	struct flow_stats *read_values = calloc(1024, sizeof(*read_values));
	uint64_t sum = 0;
	int seen = 0;

	(void)entries;
	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t in = 0, out = 0;
		int err = 0;

		seen = 0;
		for (void *from = NULL; !err; from = &in) {
			uint32_t count = 1024;

			err = bpf_map_lookup_batch(fd, from, &out, read_keys, read_values, &count, NULL);
			in = out;
			for (uint32_t i = 0; i < count; i++)
				sum += read_keys[i].saddr + read_values[i].packets + read_values[i].bytes +
				       read_values[i].pid + strnlen(read_values[i].comm, 16);
			seen += count;
		}
	}
	sink = sum;
	free(read_keys);
	free(read_values);
	return seen;
}

/* Events of 32 and of 256 bytes, as fixtures/events.bpf.c sends them; every field is read. */
struct event {
	uint32_t pid;
	uint64_t at;
	char comm[16];
};

struct block {
	uint64_t number;
	uint32_t kind;
	uint8_t data[244];
};

static uint64_t read_event(const struct event *e)
{
	return e->pid + e->at + strnlen(e->comm, sizeof(e->comm));
}

static uint64_t read_block(const struct block *b)
{
	struct block copy = *b;

	/* What a callback keeps. */
	__asm__ volatile("" : : "r"(&copy) : "memory");
	return copy.number + copy.kind + copy.data[7];
}

static uint64_t sums[5];

#define CONSUMER(n)                                                            \
	static int consume##n(void *unused, void *data, size_t size)           \
	{                                                                      \
		sums[n] += size == sizeof(struct event) ? read_event(data) : read_block(data); \
		return 0;                                                      \
	}
CONSUMER(0)
CONSUMER(1)
CONSUMER(2)
CONSUMER(3)
CONSUMER(4)

/* Drains the ring buffer with one of five callbacks; gives the number of events. */
int bench_ring(int fd, uint32_t which, uint32_t unused)
{
	static const ring_buffer_sample_fn callbacks[] = { consume0, consume1, consume2, consume3, consume4 };
	static struct ring_buffer *rings[2][5];
	static int fds[2] = { -1, -1 };
	int ring = fds[0] == fd || fds[0] == -1 ? 0 : 1;
	struct ring_buffer **rb = &rings[ring][which % 5];

	fds[ring] = fd;
	if (!*rb)
		*rb = ring_buffer__new(fd, callbacks[which % 5], NULL, NULL);
	if (!*rb)
		return -1;
	return ring_buffer__consume(*rb);
}

struct sample {
	uint32_t cpu, seq;
	uint64_t stamp;
	char comm[16];
};

static struct perf_buffer *perf;
static uint64_t perf_sum;
static int perf_seen;

static void on_sample(void *context, int cpu, void *data, __u32 size)
{
	struct sample *sample = data;

	(void)context, (void)cpu, (void)size;
	perf_sum += sample->cpu + sample->seq + sample->stamp + strnlen(sample->comm, 16);
	perf_seen++;
}

/* A perf buffer of `pages` pages for each CPU. */
int bench_perf_open(int fd, uint32_t pages, uint32_t entries)
{
	(void)entries;
	perf = perf_buffer__new(fd, pages, on_sample, NULL, NULL, NULL);
	return perf ? 0 : -1;
}

/* Reads all that is there; gives how many samples. */
int bench_perf_consume(int fd, uint32_t rounds, uint32_t entries)
{
	(void)fd, (void)rounds, (void)entries;
	perf_seen = 0;
	if (perf_buffer__consume(perf))
		return -1;
	sink = perf_sum;
	return perf_seen;
}

int bench_perf_close(int fd, uint32_t rounds, uint32_t entries)
{
	(void)fd, (void)rounds, (void)entries;
	perf_buffer__free(perf);
	return 0;
}

/* Wake-ups: a thread has events sent one by one, and a consumer that was asleep tells how late it hears of it. */
static volatile uint64_t sent_at;
static uint32_t late[4096];
static uint32_t heard;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return 1000000000ull * t.tv_sec + t.tv_nsec;
}

static uint32_t pause_us;

static void *send_slowly(void *count)
{
	for (uintptr_t i = (uintptr_t)count; i; i--) {
		usleep(pause_us);
		sent_at = now();
		syscall(SYS_getppid);
	}
	return NULL;
}

/* Has `count` events sent by another thread, with pauses of so many microseconds. */
int bench_wake_send(int fd, uint32_t count, uint32_t pause)
{
	pthread_t thread;

	(void)fd;
	pause_us = pause;
	if (pthread_create(&thread, NULL, send_slowly, (void *)(uintptr_t)count))
		return -1;
	return pthread_detach(thread);
}

/* How long ago the last event was sent, in nanoseconds. */
int bench_wake_since(int fd, uint32_t rounds, uint32_t entries)
{
	(void)fd, (void)rounds, (void)entries;
	return now() - sent_at;
}

static int hear(void *context, void *data, size_t size)
{
	(void)context, (void)data, (void)size;
	late[heard++ & 4095] = now() - sent_at;
	return 0;
}

static int compare_late(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Waits for `count` events in ring_buffer__poll; gives the median of how late they were. */
int bench_wake_poll(int fd, uint32_t count, uint32_t pause)
{
	struct ring_buffer *ring = ring_buffer__new(fd, hear, NULL, NULL);

	if (!ring || bench_wake_send(fd, count, pause))
		return -1;
	for (heard = 0; heard < count;)
		if (ring_buffer__poll(ring, 1000) <= 0)
			return -1;
	ring_buffer__free(ring);
	qsort(late, count, sizeof(*late), compare_late);
	return late[count / 2];
}

/* What the processor is up to, in picoseconds. */
static int __attribute__((noinline)) called(int x)
{
	sink += x;
	return 0;
}

/* A call through a pointer. Where its target is not predicted, C's callbacks take longer, and JavaScript's inlined ones do not. */
int bench_pointer(int fd, uint32_t rounds, uint32_t entries)
{
	static int (*volatile pointer)(int) = called;
	uint64_t start = now();

	(void)fd, (void)entries;
	for (uint32_t i = 0; i < rounds; i++)
		pointer(i);
	return (now() - start) * 1000 / rounds;
}

/* Twelve operations that do not wait for each other. Where another thread works on the same core they take twice as long. */
int bench_operations(int fd, uint32_t rounds, uint32_t entries)
{
	uint64_t a = fd, b = 2, c = 3, d = 4, start = now();

	(void)entries;
	for (uint32_t i = 0; i < rounds; i++) {
		a += b ^ i, b += c ^ i, c += d ^ i, d += a ^ i;
		a ^= 3, b ^= 5, c ^= 7, d ^= 9;
		__asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d));
	}
	return (now() - start) * 1000 / rounds;
}
