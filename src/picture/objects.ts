// The parts of a page about programs, maps and global data.

import { flagsOf, helperOf } from "../needs/since.ts";
import type { MapLayout } from "../layout/layout.ts";
import type { MapModel, ProgramModel } from "../object/model.ts";
import { bytesFigure } from "./bytes.ts";
import { type Html, html } from "./html.ts";
import { byteMap } from "./rows.ts";
import { spansOf } from "./spans.ts";
import { linked, listed, plural, spelledType, type Subject } from "./subject.ts";
import { showValue } from "./value.ts";

/** One line of a description, left out where there is nothing to say. */
function row(term: string, items: readonly Html[]): Html | undefined {
  return items.length === 0
    ? undefined
    : html`<dt>${term}</dt>
        <dd>${listed(items)}</dd>`;
}

const codes = (names: readonly string[]): Html[] => names.map((name) => html`<code>${name}</code>`);

export function programsPart(subject: Subject): Html | undefined {
  const { programs } = subject.model;
  if (programs.length === 0) return undefined;
  return html`<section aria-labelledby="programs">
    <h2 id="programs">Programs</h2>
    <div class="cards">${programs.map((program, i) => programCard(subject, program, i))}</div>
  </section>`;
}

function programCard(subject: Subject, program: ProgramModel, i: number): Html {
  const { name, section, sec, size, autoload, uses } = program;
  const { maps = [], globals = [], functions = [], helpers = [], externs = [] } = uses ?? {};
  const holders = subject.model.maps.filter(({ slots = [] }) => slots.some((slot) => slot.name === name));
  const context = subject.layouts.programs[i]?.ctx;
  return html`<article id="program-${i}">
    <h3>
      ${name}<span class="badge">${sec?.type ?? "unknown type"}</span
      >${!autoload && html`<span class="badge">optional</span>`}
    </h3>
    <dl>
      ${row("Section", codes([section]))} ${row("Code", [html`${plural(size / 8, "instruction")}`])}
      ${context && row("Context", [spelledType(subject, context)])}
      ${row(
        "Maps",
        maps.map((map) => linked(subject, "map", map)),
      )}
      ${row(
        "Data",
        globals.map(
          ({ section: of, variables }) =>
            html`${linked(subject, "section", of)}${variables.length > 0 && html` <span class="dim">(<code>${variables.join(", ")}</code>)</span>`}`,
        ),
      )}
      ${row(
        "Functions",
        functions.map((of) => linked(subject, "program", of)),
      )}
      ${row(
        "In slots of",
        holders.map((map) => linked(subject, "map", map.name)),
      )}
      ${row("Helpers", codes(helpers.map((id) => helperName(id))))} ${row("Kernel's", codes(externs))}
    </dl>
  </article>`;
}

function helperName(id: number): string {
  const { name } = helperOf(id);
  return name.startsWith("helper ") ? name : `bpf_${name}`;
}

export function mapsPart(subject: Subject): Html | undefined {
  const { maps, structOps } = subject.model;
  if (maps.length + structOps.length === 0) return undefined;
  return html`<section aria-labelledby="maps">
    <h2 id="maps">Maps</h2>
    <table class="stacked">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Type</th>
          <th scope="col">Entries</th>
          <th scope="col">Contents</th>
          <th scope="col">Used by</th>
        </tr>
      </thead>
      <tbody>
        ${maps.map((map, i) => mapRow(subject, map, subject.layouts.maps[i]!, `map-${i}`))}
        ${structOps.map(
          ({ name }, i) =>
            html`<tr id="map-${maps.length + i}">
              <th scope="row"><code>${name}</code></th>
              <td data-label="Type">struct_ops</td>
              <td></td>
              <td data-label="Contents"><code>${subject.layouts.structOps[i]?.spelled}</code></td>
              <td></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

function mapRow(subject: Subject, map: MapModel, layout: MapLayout, anchor: string): Html {
  const users = subject.model.programs.filter(({ uses }) => uses?.maps.includes(map.name));
  const isBuffer = map.type.endsWith("ringbuf");
  const notes = [
    ...flagsOf(map.flags).map(({ name }) => name),
    ...(map.legacy ? ["legacy"] : []),
    ...(map.pinning === "by_name" ? ["pinned by name"] : []),
  ];
  const entries = map.maxEntries === 0 ? undefined : plural(map.maxEntries, isBuffer ? "byte" : "entry");
  return html`<tr id="${anchor}">
    <th scope="row"><code>${map.name}</code></th>
    <td data-label="Type">
      ${map.type}${notes.length > 0 && html`<br /><span class="dim">${notes.join(", ")}</span>`}
    </td>
    <td data-label="Entries">${entries}</td>
    <td data-label="Contents">${contentsOf(subject, map, layout)}</td>
    <td data-label="Used by">${listed(users.map(({ name }) => linked(subject, "program", name)))}</td>
  </tr> `;
}

function contentsOf(subject: Subject, map: MapModel, { key, value, events, inner }: MapLayout): Html | undefined {
  const slots = (map.slots ?? []).map(({ index, name }) => {
    const kind = subject.anchors.program.has(name) ? "program" : "map";
    return html`<code>[${index}]</code> ${linked(subject, kind, name)}`;
  });
  if (events !== undefined)
    return events.length === 0
      ? html`<span class="dim">bytes</span>`
      : html`${events.map((event, i) => html`${i > 0 && " | "}${spelledType(subject, event)}`)}`;
  const contents = inner
    ? html`${map.inner?.type} of (${contentsOf(subject, map.inner!, inner)})`
    : value && spelledType(subject, value);
  const sides = [key && spelledType(subject, key), contents].filter((side) => side !== undefined);
  const held = slots.length > 0 && html`<span class="dim">holds</span> ${listed(slots)}`;
  return html`${sides.map((side, i) => (i === 0 ? side : html` → ${side}`))}${sides.length > 0 && held && html`<br />`}${held}`;
}

export function dataPart(subject: Subject): Html | undefined {
  const { sections } = subject.model;
  if (sections.length === 0) return undefined;
  return html`<section aria-labelledby="data">
    <h2 id="data">Global data</h2>
    ${sections.map((_, i) => sectionPart(subject, i))}
  </section>`;
}

function sectionPart(subject: Subject, i: number): Html {
  const { model, layouts, structs, types, data } = subject;
  const section = model.sections[i]!;
  const { variables } = layouts.sections[i]!;
  const bytes = data.get(section.name);
  const memory = bytes && { bytes, littleEndian: model.endian === "little", types };
  const users = model.programs.filter(({ uses }) => uses?.globals.some((global) => global.section === section.name));
  const fields = variables.map(({ name, offset, size, layout, spelled }) => ({ name, offset, size, layout, spelled }));
  // The kernel's configuration has no place in the object.
  const picture =
    section.kind === "kconfig"
      ? undefined
      : bytesFigure(
          byteMap(spansOf({ size: section.size, fields, kernelFields: [], unions: [] }, structs)),
          section.name,
        );
  return html`<article class="type" id="section-${i}">
    <h3>${section.name}${section.name !== `.${section.kind}` && html`<span class="badge">${section.kind}</span>`}</h3>
    <p class="sums">
      ${plural(section.size, "byte")}${section.kind === "bss" && ", all zero at load"}${users.length > 0 && html`; used by ${listed(users.map(({ name }) => linked(subject, "program", name)))}`}
    </p>
    <table>
      <thead>
        <tr>
          <th scope="col" class="n">Offset</th>
          <th scope="col" class="n">Size</th>
          <th scope="col">Name</th>
          <th scope="col">Type</th>
          ${memory && html`<th scope="col">Initial value</th>`}
        </tr>
      </thead>
      <tbody>
        ${variables.map(
          (variable) =>
            html`<tr>
              <td class="n">${variable.offset}</td>
              <td class="n">${variable.size}</td>
              <th scope="row"><code>${variable.name}</code></th>
              <td>${spelledType(subject, variable)}</td>
              ${memory && html`<td><code>${showValue(memory, variable.layout, variable.offset, variable.size)}</code></td>`}
            </tr> `,
        )}
      </tbody>
    </table>
    ${
      picture &&
      html`<details>
        <summary>Bytes</summary>
        ${picture}
      </details>`
    }
  </article>`;
}
