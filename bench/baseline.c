/* The C side of `npm run bench`: the same work as the JavaScript side, called in the same process, rounds alternating. */
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
