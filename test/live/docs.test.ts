// The guide's examples do what they say, as far as running them tells; and an example that does not is found.

import { join } from "node:path";
import { expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { where } from "../../runtime/test/support/where.ts";
import { makeWorkspace, repository, run } from "../support/workspace.ts";

requireKernel();

const examples = (...args: string[]): ReturnType<typeof run> =>
  run(process.execPath, [join(repository, "scripts/docs-run.mjs"), ...args]);

const page = (before: string, ...lines: string[]): string =>
  `${before}\`\`\`ts\nimport { Events } from "./events.skel.ts";\n\n${lines.join("\n")}\n\`\`\`\n`;
const load = "using live = Events.load();\nlive.attach();";

test("an example that fails, or is over before it began, is a problem; one that waits until Ctrl-C is none", () => {
  const pages = {
    "0.md": page("", load, 'throw new Error("mine");'),
    "1.md": page("text\n\n", load, "live.maps.events.subscribe(({ pid }) => console.log(pid));"),
    "2.md": page("", load, "for await (const { pid } of live.maps.events) console.log(pid);"),
    "3.md": page("<!-- ts const name = 1; -->\n\n", load, "console.log(name);"),
    "4.md": page("<!-- not run: it throws -->\n\n", "throw new Error();"),
    "5.md": "```ts\nthrow new Error();\n```\n",
  };
  const folder = makeWorkspace(pages, false);
  try {
    const { status, stdout } = examples(folder.folder);
    expect(stdout).toMatch(/^0\.md:2: ended with 1: [^]*\bmine\n/);
    expect(stdout).toMatch(/^1\.md:4: ended with 0: .*EBPF_SKEL_UNHEARD/m);
    expect(stdout).toMatch(/^4 examples, 2 problems\n$/m);
    expect(status).toBe(1);
  } finally {
    folder.remove();
  }
});

// A minute, for what `npm run docs:check` says as well.
where(process.env["EBPF_SKEL_FULL"] === "1").test("the pages' examples have no problems", () => {
  const { status, stdout } = examples();
  expect(stdout).toMatch(/^[1-9]\d* examples, 0 problems(, \d+ want a younger libbpf or kernel)?\n$/);
  expect(status).toBe(0);
});
