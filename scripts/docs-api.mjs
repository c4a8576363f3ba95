// `npm run docs:api`: writes docs/api, the reference of both packages, from the comments of the declarations that `npm run build`
// has made. The same sources give the same pages; with --check it writes nothing and fails when a page is out of date.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import GithubSlugger from "github-slugger";
import { format } from "prettier";
import { Node, Project } from "ts-morph";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const folder = join(root, "docs/api");

/** The pages, each with the declarations that are its: the first page whose `from` begins the path of a declaration has it. */
const pages = [
  {
    name: "skeleton",
    title: "Skeletons",
    about: "What a generated module gives: open, load, attach, close, and what each phase has.",
    from: ["runtime/dist/skeleton/", "runtime/dist/object/", "runtime/dist/abi"],
  },
  {
    name: "maps",
    title: "Maps",
    about: "Handles of maps by kind, makers of maps without an object, and the options of their methods.",
    from: ["runtime/dist/maps/"],
  },
  {
    name: "globals",
    title: "Globals",
    about: "Variables of the sections `.rodata`, `.data`, `.bss` and `.kconfig`.",
    from: ["runtime/dist/sections/"],
  },
  {
    name: "events",
    title: "Events",
    about: "Ring buffers, perf buffers, user ring buffers, lines of `bpf_printk` and time.",
    from: ["runtime/dist/events/"],
  },
  {
    name: "programs",
    title: "Programs and links",
    about: "Programs, ways to attach them, links, and struct_ops.",
    from: ["runtime/dist/program", "runtime/dist/attach/", "runtime/dist/link", "runtime/dist/structops"],
  },
  {
    name: "codecs",
    title: "Codecs",
    about: "C values to and from bytes. Nothing here needs a kernel.",
    from: ["runtime/dist/codec/", "runtime/dist/memory"],
  },
  {
    name: "errors",
    title: "Errors of the runtime",
    about: "One class for each kind of failure, and one guard for each class.",
    from: ["runtime/dist/errors"],
  },
  {
    name: "machine",
    title: "The machine",
    about: "What this machine has, and libbpf's log.",
    from: ["runtime/dist/library/"],
  },
  {
    name: "generator",
    title: "The generator",
    about:
      "The library `ebpf-skel`, and its plugins for bundlers: `ebpf-skel/vite`, `/rollup`, `/rolldown`, `/esbuild`, `/webpack` and `/rspack` " +
      "have the same function with the same options.",
    from: ["dist/generate", "dist/build/", "dist/options", "dist/errors", "dist/inspect", "dist/plugins/"],
  },
  {
    name: "model",
    title: "The object model",
    about: "What `inspectObject` and `ebpf-skel inspect --json` give: an object's maps, programs, sections and types.",
    from: ["dist/object/", "dist/btf/"],
  },
];

const packages = [
  { name: "@ebpf-skel/runtime", entry: "runtime/dist/index.d.ts" },
  { name: "ebpf-skel", entry: "dist/index.d.ts" },
  // All plugins have one function and the same options.
  { name: "ebpf-skel/vite", entry: "dist/plugins/vite.d.ts" },
];

/** Where a name is known by: the plugins belong to the generator, and both packages may have one of a name. */
const keyOf = (from, name) => `${from.split("/vite")[0]} ${name}`;

/** The declaration that an alias of the same name stands for: `type HashMap<K, V> = HashHandle<K, V>` is interface HashMap. */
function behind(declaration) {
  const node = Node.isTypeAliasDeclaration(declaration) ? declaration.getTypeNode() : undefined;
  if (!Node.isTypeReference(node)) return declaration;
  const symbol = node.getTypeName().getSymbol();
  const target = (symbol?.getAliasedSymbol() ?? symbol)?.getDeclarations()[0];
  return target?.getName?.() === declaration.getName() ? target : declaration;
}

/** What is exported: its name, its package, and its declarations, of which a type and a constant of one name are two. */
function readExports() {
  const project = new Project({
    skipAddingFilesFromTsConfig: true,
    compilerOptions: { module: 199, moduleResolution: 99, target: 99, skipLibCheck: true, types: [] },
  });
  return packages.flatMap(({ name: from, entry }) => {
    const path = join(root, entry);
    if (!existsSync(path)) throw new Error(`${entry} is missing (npm run build first)`);
    const exported = project.addSourceFileAtPath(path).getExportedDeclarations();
    return [...exported].map(([name, declarations]) => ({ name, from, declarations }));
  });
}

function pageOf({ name, declarations }) {
  const path = relative(root, declarations[0].getSourceFile().getFilePath());
  const page = pages.find(({ from }) => from.some((start) => path.startsWith(start)));
  if (page === undefined) throw new Error(`${name}: no page has ${path}`);
  return page;
}

/** The JSDoc of a declaration: that of the statement, for a variable. */
function docOf(declaration) {
  const documented = Node.isVariableDeclaration(declaration) ? declaration.getVariableStatement() : declaration;
  return documented?.getJsDocs?.().at(-1);
}

/** A comment as prose: joined lines, and {@link X} as a link. */
function prose(text, link) {
  return text.trim().replace(/\{@link (\w+)[^}]*\}/g, (_, name) => link(name));
}

function describe(doc, link) {
  if (doc === undefined) return [];
  const parts = [prose(doc.getDescription(), link)];
  const tags = doc.getTags().map((tag) => ({ tag: tag.getTagName(), text: tag.getCommentText() ?? "" }));
  const throws = tags
    .filter(({ tag }) => tag === "throws")
    .map(({ text }) => `- ${prose(text, link).replace(/^(\w+)/, (name) => link(name))}`);
  if (throws.length > 0) parts.push(`Throws:\n\n${throws.join("\n")}`);
  for (const { tag, text } of tags) if (tag === "example") parts.push(`\`\`\`ts\n${text.trim()}\n\`\`\``);
  return parts;
}

/** A declaration as TypeScript, with the comments of its members and without its own. */
async function declarationText(declaration) {
  const node = Node.isVariableDeclaration(declaration) ? declaration.getVariableStatement() : declaration;
  const text = node
    .getText()
    .replace(/^export (declare )?/, "")
    .replace(/^ *(#private|private \w+.*);\n/gm, "");
  return (await format(text, { parser: "typescript", printWidth: 110 })).trim();
}

async function makePages() {
  const all = readExports();
  const undocumented = [];
  const places = new Map();
  for (const page of pages) {
    const slugger = new GithubSlugger();
    slugger.slug(page.title);
    page.entries = all
      .filter((one) => pageOf(one) === page)
      .sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
    for (const { name, from } of page.entries) places.set(keyOf(from, name), { page, anchor: slugger.slug(name) });
  }
  const linkFrom = (page, from) => (name) => {
    const place = places.get(keyOf(from, name));
    if (place === undefined) return `\`${name}\``;
    return `[${name}](${place.page === page ? "" : `${place.page.name}.md`}#${place.anchor})`;
  };

  const texts = new Map();
  for (const page of pages) {
    const parts = [`# ${page.title}`, page.about];
    for (const { name, from, declarations } of page.entries) {
      const link = linkFrom(page, from);
      parts.push(`## ${name}`);
      const shown = [...new Set(declarations.map(behind))];
      const docs = [...new Set([...declarations, ...shown].map(docOf))].filter((doc) => doc !== undefined);
      if (docs.length === 0) undocumented.push(name);
      const paragraphs = new Set(docs.flatMap((doc) => describe(doc, link)));
      parts.push(...paragraphs);
      const code = [];
      for (const one of shown) code.push(await declarationText(one));
      parts.push(
        `\`\`\`ts\nimport ${exportedAsType(declarations) ? "type " : ""}{ ${name} } from "${from}";\n\n${code.join("\n\n")}\n\`\`\``,
      );
      const named = shown.flatMap((one) => one.getDescendants().filter(Node.isIdentifier)).map((one) => one.getText());
      const others = [...new Set(named)]
        .filter((other) => other !== name && /^[A-Z]/.test(other) && places.has(keyOf(from, other)))
        .sort();
      if (others.length > 0) parts.push(`See ${others.map(link).join(", ")}.`);
    }
    texts.set(`${page.name}.md`, parts.join("\n\n"));
  }
  const index = pages.flatMap((page) => [
    `## [${page.title}](${page.name}.md)`,
    page.about,
    page.entries.map(({ name, from }) => linkFrom(undefined, from)(name)).join(", "),
  ]);
  const about = `What \`ebpf-skel\` and \`@ebpf-skel/runtime\` export, with the comments of the sources. Generated modules import
\`@ebpf-skel/runtime/gen1\`, which is for them alone.`;
  texts.set("README.md", ["# Reference", about, ...index].join("\n\n"));
  if (undocumented.length > 0) throw new Error(`no comment says what these are: ${undocumented.join(", ")}`);

  for (const [file, text] of texts) {
    const marked = `<!-- made by npm run docs:api, from the comments of the sources -->\n\n${text}\n`;
    texts.set(file, await format(marked, { parser: "markdown", printWidth: 120, embeddedLanguageFormatting: "off" }));
  }
  return texts;
}

function exportedAsType(declarations) {
  return declarations.every((one) => Node.isInterfaceDeclaration(one) || Node.isTypeAliasDeclaration(one));
}

const texts = await makePages();
const present = existsSync(folder) ? readdirSync(folder) : [];
const stale = [...texts].filter(
  ([file, text]) => !present.includes(file) || readFileSync(join(folder, file), "utf8") !== text,
);
const gone = present.filter((file) => !texts.has(file));
if (process.argv.includes("--check")) {
  for (const file of [...stale.map(([file]) => file), ...gone])
    console.log(`docs/api/${file} is out of date (npm run docs:api)`);
  if (stale.length + gone.length > 0) process.exitCode = 1;
} else {
  mkdirSync(folder, { recursive: true });
  for (const file of gone) rmSync(join(folder, file));
  for (const [file, text] of stale) writeFileSync(join(folder, file), text);
  console.log(`docs/api: ${texts.size} pages, ${stale.length} written`);
}
