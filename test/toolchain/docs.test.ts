// The project's pages: their code compiles, their commands and links exist, and the checker sees it when they do not.

import { join } from "node:path";
import { expect, test } from "vitest";
import { where } from "../../runtime/test/support/where.ts";
import { makeWorkspace, repository, run } from "../support/workspace.ts";

const check = (...args: string[]): ReturnType<typeof run> =>
  run(process.execPath, [join(repository, "scripts/docs-check.mjs"), ...args]);

test("the pages have no problems", () => {
  const { status, stdout } = check();
  expect(stdout).toMatch(/^[1-9]\d* pages, 0 problems\n$/);
  expect(status).toBe(0);
});

/** What is wrong, what the checker says of it, and the line that it names. */
const wrong: readonly [what: string, page: string, line: number, problem: string][] = [
  ["a name that is not there", "```ts\nconst a = 1;\nconsole.log(b);\n```\n", 3, "TS2304: Cannot find name 'b'."],
  [
    "a map that the object has not",
    '```ts\nimport { ExecveCounter } from "./execve_counter.skel.ts";\n\nExecveCounter.load().maps.counter;\n```\n',
    4,
    "TS2339: Property 'counter' does not exist on type",
  ],
  ["a wrong type in JavaScript", "```js\nlet a = 1;\na = 'x';\n```\n", 3, "TS2322: Type 'string' is not assignable"],
  ["a hidden line that is wrong", "<!-- ts\nconst a: string = 1;\n-->\n\n```ts\na;\n```\n", 5, "TS2322: Type 'number'"],
  [
    "a hidden line of another block",
    "<!-- ts const a = 1; -->\n\ntext\n\n```ts\na;\n```\n",
    6,
    "TS2304: Cannot find name 'a'.",
  ],
  ["a language without a check", "```typescript\nb;\n```\n", 1, "typescript: no language that is checked"],
  ["a block without an end", "text\n\n```ts\n1;\n", 3, "a block that does not end"],
  ["JSON with a comment", '```json\n{ "a": 1 } // one\n```\n', 2, "no JSON"],
  [
    "a command that is not there",
    "```sh\nsudo npx ebpf-skel generate x.o\n```\n",
    2,
    "ebpf-skel generate: no such command",
  ],
  [
    "an option of another command",
    "```sh\nls && ebpf-skel inspect x.o --strict | less\n```\n",
    2,
    "ebpf-skel inspect --strict: no such option",
  ],
  [
    "an option that is not there, in a sentence",
    "Say `ebpf-skel gen x.o --fast`.\n",
    1,
    "ebpf-skel gen --fast: no such option",
  ],
  [
    "a wrong option in a script",
    '```json\n{\n  "scripts": { "build": "ebpf-skel build a.bpf.c --fast && tsc" }\n}\n```\n',
    3,
    "ebpf-skel build --fast: no such option",
  ],
  [
    "a wrong command in a recipe",
    "```makefile\nall:\n\tnpx ebpf-skel make a.o\n```\n",
    3,
    "ebpf-skel make: no such command",
  ],
  ["a script that is not there", "```sh\nnpm run demos\n```\n", 2, "npm run demos: no such script"],
  ["a file that is not there", "one\n[two](three.md)\n", 2, "three.md: no such file"],
  ["a file outside of the project", "[a](../a.md)\n", 1, "../a.md: no such file"],
  ["a heading that is not there", "# One\n\n[two](#two)\n", 3, "#two: no such heading"],
  ["a heading of another page that is not there", "[a](0.md#nothing)\n", 1, "0.md#nothing: no such heading"],
  ["an address without https", "[a](http://example.com)\n", 1, "http://example.com: no https address"],
];

/** What must not be taken for wrong. */
const right = `# The \`open()\` of [this](#twice), and *that*

<!-- ts import { ExecveCounter } from "./execve_counter.skel.ts"; -->

\`\`\`ts
using live = ExecveCounter.load();
await live.closeAsync();
\`\`\`

\`\`\`js
import { ebpfSkel } from "ebpf-skel/vite";
export default { plugins: [ebpfSkel({ embed: false })] };
\`\`\`

\`\`\`sh
ebpf-skel gen build/*.bpf.o -o src/ --no-embed --as event.saddr=ipv4 # --nothing
ebpf-skel build prog.bpf.c -- -Wall --anything && npm run own && source <(ebpf-skel completion)
\`\`\`

\`\`\`json
{ "scripts": { "own": "true" } }
\`\`\`

## Twice

## Twice

[a](#the-open-of-this-and-that), [b](#twice-1), [c](./right.md), [d](https://example.com/x#y), \`[e](nowhere.md)\`
`;

test("each wrong page has its problem, at its line, and a right one has none", () => {
  const pages = Object.fromEntries(wrong.map(([, page], i) => [`${i}.md`, page]));
  const folder = makeWorkspace({ ...pages, "right.md": right }, false);
  try {
    const { status, stdout } = check(folder.folder);
    const problems = stdout.trimEnd().split("\n");
    expect(problems.pop()).toBe(`${wrong.length + 1} pages, ${wrong.length} problems`);
    expect(status).toBe(1);
    const of = (i: number): string => problems.find((line) => line.startsWith(`${i}.md:`)) ?? "no problem";
    for (const [i, [what, , line, problem]] of wrong.entries())
      expect(of(i), what).toContain(`${i}.md:${line}: ${problem}`);
  } finally {
    folder.remove();
  }
});

// Half a minute, for what `npm run docs:check` says as well.
where(process.env["EBPF_SKEL_FULL"] === "1").test("docs/api is what the comments of the sources give", () => {
  const made = run(process.execPath, [join(repository, "scripts/docs-api.mjs"), "--check"]);
  expect(made).toEqual({ status: 0, stdout: "", stderr: "" });
});
