// README's example on a Node that strips types: the generated module as it stands, no compiler.

import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { fixturesFolder } from "../support/fixtures.ts";
import { makeWorkspace, repository, run } from "../support/workspace.ts";

requireKernel();

const MAIN = `
import { execFileSync } from "node:child_process";
import { ExecveCounter } from "./execve_counter.skel.ts";

using open = ExecveCounter.open();
open.maps.execve_counter.maxEntries = 1024;
using live = open.load();
const { attached, skipped, failed } = live.attach();
const counts = [live.maps.execve_counter.get("execve_counter") ?? 0n];
for (let i = 0; i < 3; i++) {
  execFileSync("/bin/true");
  counts.push(live.maps.execve_counter.get("execve_counter") ?? 0n);
}
console.log(JSON.stringify({
  attached, skipped: Object.keys(skipped), failed: Object.keys(failed),
  growing: counts.every((count, i) => i === 0 || count > counts[i - 1]!),
  entries: live.maps.execve_counter.maxEntries,
}));
`;

test("Node 24 runs README's example by stripping its types", () => {
  const node = process.env["EBPF_SKEL_NODE24"] ?? join(repository, ".cache/node-24/bin/node");
  expect(existsSync(node), `${node} is missing (node scripts/setup.mjs node-24)`).toBe(true);
  const project = makeWorkspace({ "package.json": '{ "type": "module" }', "main.ts": MAIN });
  try {
    copyFileSync(join(fixturesFolder, "execve_counter.skel.ts"), join(project.folder, "execve_counter.skel.ts"));
    const { status, stdout, stderr } = run(node, ["main.ts"], { cwd: project.folder });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      attached: ["handle_execve"],
      skipped: [],
      failed: [],
      growing: true,
      entries: 1024,
    });
  } finally {
    project.remove();
  }
});
