/*
 * What libbpf sees in an object, as JSON: one line once it is open, one more once it is loaded.
 *
 *   libbpf-view open FILE        opens it
 *   libbpf-view load FILE DIR    loads it too, pins by name going to a bpffs mounted on DIR that nobody else sees and that
 *                                vanishes with this process, which stays until stdin ends
 *   libbpf-view sections         for each line of stdin the program type that SEC() stands for
 *
 * libbpf's own words go to stderr.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

static void text(const char *s)
{
	putchar('"');
	for (const unsigned char *c = (const void *)(s ? s : ""); *c; c++)
		if (*c < ' ' || *c == '"' || *c == '\\')
			printf("\\u%04x", *c);
		else
			putchar(*c);
	putchar('"');
}

static void hex(const unsigned char *bytes, size_t size)
{
	putchar('"');
	for (size_t i = 0; bytes && i < size; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}

static void show_map(const struct bpf_map *map, const char *root)
{
	const char *pin = bpf_map__pin_path(map);
	size_t size = 0;
	const void *initial = bpf_map__initial_value((struct bpf_map *)map, &size);

	printf("{\"name\":");
	text(bpf_map__name(map));
	printf(",\"type\":%u,\"keySize\":%u,\"valueSize\":%u,\"maxEntries\":%u,\"flags\":%u,\"extra\":\"%llu\",\"numaNode\":%u",
	       bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map),
	       bpf_map__map_flags(map), (unsigned long long)bpf_map__map_extra(map), bpf_map__numa_node(map));
	printf(",\"internal\":%s,\"keyType\":%u,\"valueType\":%u,\"pin\":", bpf_map__is_internal(map) ? "true" : "false",
	       bpf_map__btf_key_type_id(map), bpf_map__btf_value_type_id(map));
	text(pin && root && !strncmp(pin, root, strlen(root)) ? pin + strlen(root) : pin);
	printf(",\"initial\":");
	hex(initial, size);
	if (bpf_map__inner_map((struct bpf_map *)map)) {
		printf(",\"inner\":");
		show_map(bpf_map__inner_map((struct bpf_map *)map), root);
	}
	putchar('}');
}

static void show_open(struct bpf_object *object, const char *root)
{
	const char *comma = "";
	struct bpf_program *prog;
	struct bpf_map *map;

	printf("{\"maps\":[");
	bpf_object__for_each_map(map, object) {
		printf("%s", comma);
		show_map(map, root);
		comma = ",";
	}
	printf("],\"programs\":[");
	comma = "";
	bpf_object__for_each_program(prog, object) {
		printf("%s{\"name\":", comma);
		text(bpf_program__name(prog));
		printf(",\"section\":");
		text(bpf_program__section_name(prog));
		printf(",\"type\":%u,\"attachType\":%u,\"autoload\":%s,\"flags\":%u,\"instructions\":%zu}", bpf_program__type(prog),
		       bpf_program__expected_attach_type(prog), bpf_program__autoload(prog) ? "true" : "false",
		       bpf_program__flags(prog), bpf_program__insn_cnt(prog));
		comma = ",";
	}
	printf("]}\n");
}

static __u32 id_of(int fd)
{
	union {
		struct bpf_map_info map;
		struct bpf_prog_info prog;
	} info = {};
	__u32 size = sizeof(info);

	/* Both have the id as their second word. */
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) ? info.map.id : 0;
}

static void show_loaded(struct bpf_object *object, const char *root)
{
	const char *comma = "";
	struct bpf_program *prog;
	struct bpf_map *map;
	struct dirent *entry;
	DIR *dir = opendir(root);

	printf("{\"maps\":[");
	bpf_object__for_each_map(map, object) {
		printf("%s{\"name\":", comma);
		text(bpf_map__name(map));
		printf(",\"id\":%u}", id_of(bpf_map__fd(map)));
		comma = ",";
	}
	printf("],\"programs\":[");
	comma = "";
	bpf_object__for_each_program(prog, object) {
		printf("%s{\"name\":", comma);
		text(bpf_program__name(prog));
		printf(",\"id\":%u}", id_of(bpf_program__fd(prog)));
		comma = ",";
	}
	printf("],\"pins\":[");
	comma = "";
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("%s", comma);
		text(entry->d_name);
		comma = ",";
	}
	printf("]}\n");
}

static int fail(const char *what)
{
	fprintf(stderr, "%s: errno %d\n", what, errno);
	return 1;
}

static int show_sections(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		enum bpf_prog_type type = 0;
		enum bpf_attach_type attach = 0;
		int err;

		line[strcspn(line, "\n")] = 0;
		err = libbpf_prog_type_by_name(line, &type, &attach);
		if (err)
			printf("null\n");
		else
			printf("{\"type\":%u,\"attachType\":%u}\n", type, attach);
	}
	return 0;
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "view");
	struct bpf_object *object;
	const char *root = argc == 4 ? argv[3] : NULL;

	if (argc == 2 && !strcmp(argv[1], "sections"))
		return show_sections();
	if (argc < 3)
		return 2;
	if (root) {
		/* In a chroot, / is no mount point (EINVAL); what is mounted there stays there then. */
		if (unshare(CLONE_NEWNS) ||
		    (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) && errno != EINVAL) ||
		    mount("bpf", root, "bpf", 0, NULL))
			return fail("own mount of bpffs");
		opts.pin_root_path = root;
	}
	object = bpf_object__open_file(argv[2], &opts);
	if (!object)
		return fail("open");
	show_open(object, root);
	if (root) {
		if (bpf_object__load(object))
			return fail("load");
		show_loaded(object, root);
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	bpf_object__close(object);
	return 0;
}
