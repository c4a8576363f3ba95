// Bytes of an object in, one page about it out, which loads nothing and runs nothing: its content security policy allows but
// its own style sheet.

import { createHash } from "node:crypto";
import { parseElf, sectionData } from "../elf/read.ts";
import { SHT_NOBITS } from "../elf/abi.ts";
import { inspectObject } from "../inspect.ts";
import { readLayouts } from "../layout/read.ts";
import { VERSION } from "../version.ts";
import { diagram } from "./diagram.ts";
import { type Html, html } from "./html.ts";
import { dataPart, mapsPart, programsPart } from "./objects.ts";
import { STYLE } from "./style.ts";
import { plural, type Subject, subjectOf } from "./subject.ts";
import { typesPart } from "./types.ts";

/**
 * The page about the object; the same for the same bytes and name.
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export function describePage(bytes: Uint8Array, file: string): string {
  const model = inspectObject(bytes);
  const elf = parseElf(bytes);
  const data = elf.sections
    .filter(({ name, type }) => type !== SHT_NOBITS && model.sections.some((section) => section.name === name))
    .map((section): [string, Uint8Array] => [section.name, sectionData(bytes, section)]);
  const layouts = readLayouts(model);
  return document(subjectOf({ file, size: bytes.length, model, layouts, data: new Map(data) }));
}

function document(subject: Subject): string {
  const hash = createHash("sha256").update(STYLE).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${html`<meta http-equiv="Content-Security-Policy" content="${policy}" />`}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
${html`<title>${subject.file}</title>`}
<style>${STYLE}</style>
</head>
${body(subject)}
</html>
`.replace(/\n\s*\n/g, "\n");
}

function body(subject: Subject): Html {
  const { file, size, model, layouts } = subject;
  const picture = diagram(subject);
  const parts = [
    { anchor: "programs", label: plural(model.programs.length, "program"), part: programsPart(subject) },
    { anchor: "maps", label: plural(model.maps.length + model.structOps.length, "map"), part: mapsPart(subject) },
    { anchor: "data", label: plural(model.sections.length, "data section"), part: dataPart(subject) },
    { anchor: "types", label: plural(layouts.types.length, "type"), part: typesPart(subject) },
  ].filter(({ part }) => part !== undefined);
  return html`<body>
    <header>
      <h1>${file}</h1>
      <p class="facts">
        eBPF object, ${plural(size, "byte")}, ${model.endian}-endian, license
        ${model.license === "" ? "none" : model.license}
      </p>
      <nav aria-label="Contents">
        <ul>
          ${parts.map(({ anchor, label }) => html`<li><a href="#${anchor}">${label}</a></li>`)}
        </ul>
      </nav>
    </header>
    <main>
      ${warnings(model.warnings)}
      ${
        picture &&
        html`<section aria-labelledby="uses">
          <h2 id="uses">Who uses what</h2>
          ${picture}
        </section>`
      }
      ${parts.map(({ part }) => part)}
    </main>
    <footer>Made by ebpf-skel ${VERSION} inspect.</footer>
  </body>`;
}

function warnings(all: Subject["model"]["warnings"]): Html | undefined {
  if (all.length === 0) return undefined;
  return html`<section class="warnings" aria-labelledby="warnings">
    <h2 id="warnings">${plural(all.length, "warning")}</h2>
    <ul>
      ${all.map(({ where, what }) => html`<li><code>${where}</code>: ${what}</li>`)}
    </ul>
  </section>`;
}
