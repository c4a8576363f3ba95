// What is carried of objects with legacy maps, which libbpf refuses as they are: libbpf, bpftool, llvm-readelf and the kernel
// look at it.

import { afterAll, describe, expect, test } from "vitest";
import { parseElf } from "../../src/elf/read.ts";
import { inspectObject } from "../../src/inspect.ts";
import type { MapModel } from "../../src/object/model.ts";
import { carry } from "../../src/upgrade/carry.ts";
import { bpftoolTypes, dumpBtf } from "../support/bpftool.ts";
import { compileBpf } from "../support/compile.ts";
import { legacyCorpus } from "../support/corpus.ts";
import { libraries, LibbpfView } from "../support/libbpf.ts";
import { outputOf, start } from "../support/programs.ts";

const view = new LibbpfView();
afterAll(() => view.remove());

const native = legacyCorpus.filter(({ file }) => file !== "legacy_big_endian.bpf.o");

interface KernelMap {
  readonly id: number;
  readonly name: string;
  /** Of the BTF that it was made with. */
  readonly btf_id?: number;
}

/** The map as libbpf sees it, without what legacy maps cannot say. */
function seen({ name, typeId, keySize, valueSize, maxEntries, flags, keyType, valueType }: MapModel): object {
  return {
    ...{ name, type: typeId, keySize, valueSize, maxEntries, flags },
    ...{ keyType: keyType ?? 0, valueType: valueType ?? 0, internal: false },
  };
}

test("there are legacy objects of every sort", () => {
  expect(legacyCorpus.length).toBeGreaterThanOrEqual(4);
  expect(native.flatMap(({ bytes }) => inspectObject(bytes).maps.filter((map) => map.legacy)).length).toBe(12);
});

describe.each(libraries)("$title", (library) => {
  test.each(native)("$file: is refused as it is", ({ path }) => {
    expect(view.open(path, library)).toMatch(/errno 95$/);
  });

  test.each(native)("$file: the carried object has the model's maps", ({ bytes }) => {
    const opened = view.open(view.fileOf(carry(bytes)), library);
    if (typeof opened === "string") throw new Error(opened);
    const maps = opened.maps.filter(({ internal }) => !internal);
    expect(maps).toEqual(inspectObject(bytes).maps.map((map) => expect.objectContaining(seen(map))));
    expect(opened.programs.length).toBeGreaterThan(0);
  });

  test.skipIf(process.getuid?.() !== 0).each(native)(
    "$file: the carried object loads (needs root)",
    async ({ bytes }) => {
      const model = inspectObject(bytes);
      const kernel = await view.load(view.fileOf(carry(bytes)), library, ({ maps }) => {
        const rows = JSON.parse(outputOf("bpftool", ["-j", "map", "list"])) as KernelMap[];
        return maps.map(({ id }) => rows.find((row) => row.id === id)!);
      });
      if (typeof kernel === "string") throw new Error(kernel);
      expect(kernel).toEqual(
        expect.arrayContaining(
          model.maps.map(({ name, type, keySize, valueSize, maxEntries }) =>
            expect.objectContaining({
              name,
              type,
              bytes_key: keySize,
              bytes_value: valueSize,
              max_entries: maxEntries,
            }),
          ),
        ),
      );
      // The kernel took the BTF: maps with types refer to it.
      const typed = model.maps.filter(({ keyType }) => keyType !== undefined).map(({ name }) => name);
      const withBtf = kernel.filter(({ btf_id }) => btf_id !== undefined && btf_id !== 0);
      expect(withBtf.map(({ name }) => name)).toEqual(expect.arrayContaining(typed));
    },
  );
});

describe.each(legacyCorpus)("$file", ({ path, bytes }) => {
  const carried = carry(bytes);
  const file = view.fileOf(carried);
  const before = inspectObject(bytes);
  const after = inspectObject(carried);

  test("is carried once", () => {
    expect(carry(carried)).toBe(carried);
  });

  test("says the same of its maps, programs and sections", () => {
    const modern = before.maps.map(({ legacy: _, ...map }) => map);
    expect(after.maps).toEqual(modern);
    expect(after.programs).toEqual(before.programs);
    expect(after.sections).toEqual(before.sections);
  });

  test("keeps the ids of types", () => {
    const differing = before.types.flatMap((type, id) =>
      JSON.stringify(type) === JSON.stringify(after.types[id]) ? [] : [type.kind],
    );
    // The variables of legacy maps have a new type, and the datasecs of maps are replaced.
    const legacy = before.types.length > 1 ? before.maps.filter((map) => map.legacy).length : 0;
    expect(differing.filter((kind) => kind === "var").length).toBe(legacy);
    expect(differing.filter((kind) => kind !== "var" && kind !== "datasec")).toEqual([]);
  });

  test("has BTF that bpftool reads as we do", () => {
    expect(after.types).toEqual(bpftoolTypes(dumpBtf(file)));
    if (before.types.length > 1) expect(before.types).toEqual(bpftoolTypes(dumpBtf(path)));
    expect(start("bpftool", ["btf", "dump", "file", file, "format", "c"]).status).toBe(0);
  });

  test("is an object that llvm-readelf does not warn of, with its relocations", () => {
    const { status, stdout, stderr } = start("llvm-readelf-19", ["-a", "--wide", file]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).not.toMatch(/\bmaps\//);
    const named = ({ symbols, relocations, sections }: ReturnType<typeof parseElf>): string[] =>
      relocations
        .filter(({ section }) => sections[section]!.name.startsWith("raw_tracepoint"))
        .map(({ section, offset, symbol }) => `${sections[section]!.name} ${offset} ${symbols[symbol]!.name}`);
    expect(named(parseElf(carried))).toEqual(named(parseElf(bytes)));
    expect(named(parseElf(carried)).length).toBeGreaterThan(3);
  });
});

describe("odd definitions", () => {
  const compiled = (maps: string): Uint8Array =>
    compileBpf(`#include <linux/bpf.h>\n#define SEC(x) __attribute__((section(x), used))\n${maps}`);

  test.each([
    ["the largest numbers", 'unsigned a[5] SEC("maps") = {1, 4, 4, 0xffffffff, 0xffffffff};'],
    ["missing fields", 'unsigned a[4] SEC("maps") = {2, 4, 4, 3};'],
    ["surplus fields", 'unsigned a[9] SEC("maps") = {2, 4, 4, 3, 0, 7, 8, 9, 1};'],
    ["maps of maps", 'unsigned a[7] SEC("maps") = {12, 4, 4, 3, 0, 1, 0};'],
    ["one that nothing else describes", 'unsigned a[5] SEC("maps/a") = {1, 4, 4, 3, 1};'],
  ])("%s", (_, source) => {
    const bytes = compiled(source);
    const carried = view.fileOf(carry(bytes));
    for (const library of libraries) {
      const opened = view.open(carried, library);
      expect(typeof opened === "string" ? opened : opened.maps).toEqual(
        inspectObject(bytes).maps.map((map) => expect.objectContaining(seen(map))),
      );
    }
  });

  test("static maps are refused by libbpf as ever, and warned of", () => {
    const bytes = compiled('static unsigned a[5] SEC("maps") = {1, 4, 4, 3, 1};');
    expect(inspectObject(bytes).warnings).toContainEqual({
      where: "map a",
      what: expect.stringMatching(/^libbpf refuses static maps \(remove static\); /) as unknown,
    });
    expect(view.open(view.fileOf(carry(bytes)), libraries[0]!)).toMatch(/^open: errno/);
  });
});

/** Everything of BTF and ELF that an upgrade could break: CO-RE, line info of a subprogram, inner maps, global data. */
const EVERYTHING = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

struct old {
	__u32 type, key_size, value_size, max_entries, map_flags;
};

struct old first SEC("maps") = { BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0 };

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 7);
	__type(key, __u32);
	__type(value, __u32);
} one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [0] = &one, [2] = &two } };

struct old last SEC("maps/last") = { BPF_MAP_TYPE_HASH, 4, 8, 5, 0 };

int seen = 3;

static __attribute__((noinline)) int tgid_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, tgid) + seen;
}

SEC("raw_tracepoint/sys_enter")
int program(void *ctx)
{
	__u32 zero = 0;
	int tgid = tgid_of((void *)bpf_get_current_task());
	__u32 *value = bpf_map_lookup_elem(&first, &zero);
	void *found = bpf_map_lookup_elem(&outer, &zero);

	if (value)
		*value = tgid;
	return bpf_map_lookup_elem(&last, &zero) != 0 && found && bpf_map_lookup_elem(found, &zero);
}

char LICENSE[] SEC("license") = "GPL";
`;

test.skipIf(process.getuid?.() !== 0).each(libraries)(
  "CO-RE, subprograms and inner maps load, $title (needs root)",
  async (library) => {
    const bytes = compileBpf(EVERYTHING);
    const loaded = await view.load(view.fileOf(carry(bytes)), library, ({ maps, programs }) => {
      const id = String(programs[0]!.id);
      const lines = outputOf("bpftool", ["prog", "dump", "xlated", "id", id, "linum"]);
      const outer = String(maps.find(({ name }) => name === "outer")!.id);
      const slots = JSON.parse(outputOf("bpftool", ["-j", "map", "dump", "id", outer])) as { key: string[] }[];
      return { maps: maps.map(({ name }) => name), lines, slots: slots.map(({ key }) => key[0]) };
    });
    if (typeof loaded === "string") throw new Error(loaded);
    expect(loaded.maps).toEqual(["one", "two", "outer", "first", "last", "view.data"]);
    expect(loaded.lines).toContain("BPF_CORE_READ(task, tgid)");
    expect(loaded.slots).toEqual(["0x00", "0x02"]);
  },
);
