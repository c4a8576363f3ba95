// `npm run docs:check`: what the pages say is true as far as a program can tell. Each problem is a line "page:line: what", and the
// exit status is 1. No network: addresses of the web are looked at, not up.
//
//   node scripts/docs-check.mjs [FOLDER]      the pages below FOLDER, else those of the project
//
// - TypeScript and JavaScript compile, each block as a module beside those of fixtures/. What a short block leaves out stands in a
//   comment before it, which readers do not see: <!-- ts CODE -->. The declarations of docs/api come from what compiles.
// - Commands of ours, in blocks of any language and in `code`, exist with each option, and so does each `npm run SCRIPT`.
// - JSON parses. Links lead to a file that is there and to a heading of it, as GitHub makes anchors.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import GithubSlugger from "github-slugger";
import { findPages, readPage } from "./pages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** What a block's first line may say it is: another word would have it escape the checks. */
const languages = ["", "c", "ts", "js", "sh", "json", "ini", "yaml", "dockerfile", "makefile", "diff"];

/** The anchors of a page's headings. */
function anchorsOf({ prose }) {
  const slugger = new GithubSlugger();
  const headings = prose.map((line) => /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]).filter((text) => text !== undefined);
  return new Set(
    headings.map((text) => slugger.slug(text.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, ""))),
  );
}

const withoutCode = (line) => line.replace(/(`+)(?!`).*?[^`]\1(?!`)/g, "");

function* checkLinks(folder, path, page, anchors) {
  for (const [i, line] of page.prose.entries())
    for (const [, target] of withoutCode(line).matchAll(/(?:\]\(|^\[[^\]]+\]: +|href=")<?([^\s>")]+)/g)) {
      const what = checkLink(folder, path, target, anchors);
      if (what !== undefined) yield [i + 1, `${target}: ${what}`];
    }
}

function checkLink(folder, path, target, anchors) {
  if (/^[a-z]+:/.test(target)) return URL.canParse(target) && /^https:/.test(target) ? undefined : "no https address";
  const [file, anchor] = target.split("#");
  const to = file === "" ? path : join(dirname(path), decodeURI(file));
  if (to.startsWith("..") || !existsSync(join(folder, to))) return "no such file";
  if (anchor !== undefined && !anchors(to).has(anchor)) return "no such heading";
}

/** What ebpf-skel answers about itself. */
function ask(...args) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...args, "--help"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`ebpf-skel ${args.join(" ")} --help: ${stderr} (npm run build first)`);
  return stdout;
}

/** The options of each command, as its help has them. */
function readCommands() {
  const names = [...ask().matchAll(/^ +(?:ebpf-skel|main\.js) (\w+)/gm)].map(([, name]) => name);
  const optionsOf = (name) => new Set([...ask(name).matchAll(/(?<=^ +|, )--?[\w-]+/gm)].map(([option]) => option));
  return new Map(names.map((name) => [name, name === "completion" ? new Set() : optionsOf(name)]));
}

/** The words of a line of shell, without quotes, comments and the arguments behind `--`; one list for each command in it. */
function shellCommands(line) {
  const commands = [[]];
  for (const [, separator, comment, word] of line.matchAll(
    /([|&;()<>]+)|(?<=^|\s)(#.*)|((?:"[^"]*"|'[^']*'|\$\([^)]*\)|[^\s|&;()<>])+)/g,
  ))
    if (separator !== undefined) commands.push([]);
    else if (comment === undefined) commands.at(-1).push(word.replace(/["']/g, ""));
  return commands.map((words) => {
    while (/^(sudo|npx|exec|\$|\w+=.*|-[A-Za-z]|--no-install)$/.test(words[0] ?? "")) words.shift();
    return words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  });
}

function* checkShell(line, commands, scripts) {
  for (const [program, ...words] of shellCommands(line)) {
    if (program === "npm" && words[0] === "run" && words.length > 1) {
      const script = words.slice(1).find((word) => !word.startsWith("-"));
      if (!scripts.has(script)) yield `npm run ${script}: no such script`;
    }
    if (program !== "ebpf-skel" || words.length === 0) continue;
    const options = commands.get(words[0]);
    if (options === undefined && /^\w+$/.test(words[0])) yield `ebpf-skel ${words[0]}: no such command`;
    for (const option of words.filter((word) => word.startsWith("-")).map((word) => word.replace(/=.*/, "")))
      if (options !== undefined && !options.has(option) && !options.has(option.replace("--no-", "--")))
        yield `ebpf-skel ${words[0]} ${option}: no such option`;
  }
}

/** The command of ours in a line of something else: a recipe, a unit, `"scripts"` of JSON. */
function commandIn(line) {
  return /(?<![\w@-])(?:ebpf-skel|npm run) [^"]*/.exec(line)?.[0] ?? "";
}

function* checkCommands({ blocks, prose }, commands, scripts) {
  for (const { language, line, lines } of blocks)
    for (const [i, text] of lines.entries())
      for (const what of checkShell(language === "sh" ? text : commandIn(text), commands, scripts))
        yield [line + i, what];
  for (const [i, text] of prose.entries())
    for (const [, code] of text.matchAll(/`([^`]+)`/g))
      for (const what of checkShell(code, commands, scripts)) yield [i + 1, what];
}

/** The scripts that a page can mean: ours, those of the project that `ebpf-skel init` writes, and those it defines. */
function scriptsOf({ blocks }) {
  const own = ["package.json", "templates/project/package.json"].map((file) => readFileSync(join(root, file), "utf8"));
  const shown = blocks.filter(({ language }) => language === "json").map(({ lines }) => lines.join("\n"));
  return new Set([...own, ...shown].flatMap((text) => Object.keys(parseJson(text)?.scripts ?? {})));
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function* checkBlocks({ blocks, open }) {
  for (const { language, line, lines } of blocks) {
    if (!languages.includes(language))
      yield [line - 1, `${language}: no language that is checked (${languages.join(" ").trim()})`];
    if (language === "json" && parseJson(lines.join("\n")) === undefined) yield [line, "no JSON"];
  }
  if (open !== undefined) yield [open.line - 1, "a block that does not end"];
}

/** Pages that hold declarations, not programs. */
const isReference = (path) => path.startsWith("docs/api/");

/** Compiles all blocks in one run of tsc; yields page, line and what tsc says. */
function* compile(pages) {
  const blocks = [...pages].flatMap(([path, page]) => page.blocks.map((block) => ({ path, ...block })));
  const sources = blocks.filter(({ path, language }) => /^[tj]s$/.test(language) && !isReference(path));
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-docs-"));
  try {
    const modules = join(folder, "pages");
    mkdirSync(join(modules, "node_modules"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    symlinkSync(root, join(modules, "node_modules/ebpf-skel"));
    writeFileSync(join(modules, "package.json"), `{ "type": "module" }`);
    for (const file of readdirSync(join(root, "fixtures")).filter((name) => name.endsWith(".skel.ts")))
      copyFileSync(join(root, "fixtures", file), join(modules, file));
    const files = sources.map(({ language, hidden, lines }, i) => {
      writeFileSync(
        join(modules, `block${i}.${language}`),
        `${hidden.replace(/\n/g, " ")}\n${lines.join("\n")}\nexport {};\n`,
      );
      return `block${i}.${language}`;
    });
    if (files.length === 0) return;
    const options =
      "--noEmit --strict --target esnext --module nodenext --skipLibCheck --types node --allowJs --checkJs";
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const args = [tsc, ...options.split(" "), "--allowImportingTsExtensions", "--pretty", "false", ...files];
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: modules, encoding: "utf8" });
    const problems = [...stdout.matchAll(/^block(\d+)\.\w+\((\d+),\d+\): error (.*)/gm)];
    if (
      (status === 0) !== (problems.length === 0) ||
      (status !== 0 && stdout.split("\n").some((line) => /^error/.test(line)))
    )
      throw new Error(`tsc: ${stdout || `ended with ${status}`}`);
    // The hidden code is the first line.
    for (const [, i, at, what] of problems) yield [sources[i].path, sources[i].line + Number(at) - 2, what];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every problem of the pages below a folder, as lines of text, and how much there was to check. */
function check(folder) {
  const pages = new Map(findPages(folder).map((path) => [path, readPage(readFileSync(join(folder, path), "utf8"))]));
  const known = new Map();
  const anchors = (path) => {
    if (!pages.has(path)) return new Set();
    if (!known.has(path)) known.set(path, anchorsOf(pages.get(path)));
    return known.get(path);
  };
  const commands = readCommands();
  const problems = [...compile(pages)];
  for (const [path, page] of pages)
    for (const found of [
      checkBlocks(page),
      checkLinks(folder, path, page, anchors),
      checkCommands(page, commands, scriptsOf(page)),
    ])
      for (const [line, what] of found) problems.push([path, line, what]);
  problems.sort(([a, i], [b, j]) => (a === b ? i - j : a < b ? -1 : 1));
  return { pages: pages.size, problems: problems.map(([path, line, what]) => `${path}:${line}: ${what}`) };
}

const { pages, problems } = check(resolve(process.argv[2] ?? root));
for (const problem of problems) console.log(problem);
console.log(`${pages} pages, ${problems.length} problems`);
process.exitCode = pages > 0 && problems.length === 0 ? 0 : 1;
