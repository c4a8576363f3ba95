// The line of source that the verifier stopped at, of a program that was compiled from one folder or another.

import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { ensureBuilt, Folder } from "../support/cli.ts";

requireKernel();

let folder: Folder;
beforeAll(() => {
  ensureBuilt();
  folder = new Folder();
  for (const path of ["src", "include", "elsewhere"]) mkdirSync(folder.at(path));
  folder.write("package.json", "{}");
  folder.write(
    "src/prog.bpf.c",
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../include/wrong.h"
SEC("tp/syscalls/sys_enter_execve") int on_execve(void *ctx) { return wrong(ctx); }
char LICENSE[] SEC("license") = "GPL";
`,
  );
  folder.write(
    "include/wrong.h",
    "static __always_inline int wrong(void *ctx)\n{\n\treturn *(int *)bpf_map_lookup_elem(ctx, ctx);\n}\n",
  );
});
afterAll(() => folder.remove());

test.each([
  [".", "src/prog.bpf.c"],
  ["src", "prog.bpf.c"],
  ["elsewhere", "../src/prog.bpf.c"],
])("a broken program names file and line, compiled from %s", (cwd, source) => {
  const { stderr } = folder.run(["run", source], { under: ["env", "-C", folder.at(cwd)] });
  expect(stderr).toMatch(/^ebpf-skel: program on_execve: refused by the verifier, EACCES: wrong\.h:3: return \*/);
});
