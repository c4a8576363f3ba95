import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Tests run on the sources; only those that start processes use what `npm run build` made.
const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const alias = [
  { find: /^@ebpf-skel\/runtime\/gen1$/, replacement: source("runtime/src/gen1.ts") },
  { find: /^@ebpf-skel\/runtime$/, replacement: source("runtime/src/index.ts") },
];

const without = process.env["EBPF_SKEL_WITHOUT"]?.split(",").filter((name) => name !== "") ?? [];

const project = (name: string, include: string[], more: object = {}): object => ({
  resolve: { alias },
  test: { name, include, testTimeout: 120_000, hookTimeout: 120_000, ...more },
});

export default defineConfig({
  test: {
    // vitest leaves one for itself, which is half of a small machine.
    maxWorkers: availableParallelism(),
    projects: [
      project("unit", ["test/*.test.ts", "runtime/test/*.test.ts"]),
      // Somebody else's programs say what is right: bpftool, pahole, clang, gcc, llvm-readelf.
      project("oracle", ["test/oracle/*.test.ts"]),
      project("fuzz", ["test/fuzz/*.test.ts"]),
      // tsc, bundlers, other Node versions, packed tarballs.
      project("toolchain", ["test/toolchain/*.test.ts"]),
      // The real kernel: one file at a time, in processes of their own since libbpf is one per process.
      project("live", ["test/live/*.test.ts", "runtime/test/live/*.test.ts"], {
        // Those of kernels with more than this one has, which scripts/kernels.mjs runs, and those that a suite does without. Excludes of
        // the command line do not reach a project.
        exclude: ["vm-*", ...without].map((name) => `**/${name}.test.ts`),
        pool: "forks",
        fileParallelism: false,
      }),
    ],
  },
});
