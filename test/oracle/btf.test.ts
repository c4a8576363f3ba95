// bpftool's view of the type graph of every object.

import { expect, test } from "vitest";
import { inspectObject } from "../../src/inspect.ts";
import { parseElf } from "../../src/elf/read.ts";
import { readTypes } from "../../src/object/read.ts";
import { bpftoolTypes, dumpBtf } from "../support/bpftool.ts";
import { corpus, specimenOf } from "../support/corpus.ts";
import { start } from "../support/programs.ts";

const withBtf = corpus.filter(({ file }) => file !== "nobtf.bpf.o");

test.each(withBtf)("$file: the BTF graph is bpftool's", ({ path, bytes }) => {
  const ours = readTypes(bytes, parseElf(bytes));
  expect(ours).toEqual(bpftoolTypes(dumpBtf(path)));
  expect(ours.length).toBeGreaterThan(5);
});

test("nobtf.bpf.o: bpftool finds no BTF either, and the map that needs it is refused", () => {
  const { path, bytes } = specimenOf("nobtf.bpf.o");
  expect(start("bpftool", ["-j", "btf", "dump", "file", path]).status).not.toBe(0);
  expect(() => inspectObject(bytes)).toThrow(expect.objectContaining({ code: "ERR_BTF_MISSING" }));
});
