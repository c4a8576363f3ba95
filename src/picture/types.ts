// The part of a page about structs and enums: bytes, fields, and where each is used.

import type { TypeId } from "../btf/types.ts";
import type { EnumLayout, Layout, StructLayout } from "../layout/layout.ts";
import { bytesFigure } from "./bytes.ts";
import { type Html, html } from "./html.ts";
import { byteMap } from "./rows.ts";
import { spansOf } from "./spans.ts";
import { linked, listed, plural, spelledType, type Subject, typeIn } from "./subject.ts";
import { sentenceOf, sumsOf } from "./sums.ts";

export function typesPart(subject: Subject): Html | undefined {
  const { types } = subject.layouts;
  if (types.length === 0) return undefined;
  const users = usersOf(subject);
  const structs = types.filter((type) => type.kind === "struct");
  return html`<section aria-labelledby="types">
    <h2 id="types">Types</h2>
    ${structs.length > 0 && legend(structs)}
    ${types.map((type) => (type.kind === "struct" ? structPart(subject, type, users) : enumPart(type, users)))}
  </section>`;
}

function legend(structs: readonly StructLayout[]): Html {
  const hasKernel = structs.some(({ kernelFields }) => kernelFields.length > 0);
  return html`<ul class="legend">
    <li><span class="key field m0"></span>a field</li>
    <li><span class="key padding"></span>hole or padding</li>
    ${hasKernel && html`<li><span class="key kernel"></span>the kernel's own</li>`}
    <li><span class="key cacheline"></span>cache line, 64 bytes</li>
    <li><code>or</code> the same bytes, another member of a union</li>
  </ul>`;
}

type Users = ReadonlyMap<TypeId, readonly Html[]>;

/** What uses each type. */
function usersOf(subject: Subject): Users {
  const users = new Map<TypeId, Html[]>();
  const note = (layout: Layout | undefined, user: () => Html): void => {
    const id = layout && typeIn(layout);
    if (id !== undefined) users.set(id, [...(users.get(id) ?? []), user()]);
  };
  const { maps, sections, programs, types } = subject.layouts;
  for (const { name, key, value, events = [], inner } of maps) {
    const at = (what: string) => () => html`${what} of ${linked(subject, "map", name)}`;
    note(key?.layout, at("key"));
    note(value?.layout, at("value"));
    for (const event of events) note(event.layout, at("event"));
    note(inner?.key?.layout, at("inner key"));
    note(inner?.value?.layout, at("inner value"));
  }
  for (const [i, { variables }] of sections.entries())
    for (const { layout, name } of variables)
      note(layout, () => html`variable <a href="#section-${i}"><code>${name}</code></a>`);
  for (const { name, ctx } of programs) note(ctx?.layout, () => html`context of ${linked(subject, "program", name)}`);
  for (const type of types)
    for (const { layout, name } of type.kind === "struct" ? type.fields : [])
      note(
        layout,
        () => html`member <code>${name}</code> of <a href="#type-${type.type}"><code>${type.spelled}</code></a>`,
      );
  return users;
}

/** As many as a reader would look at. */
const MOST = 12;

function usedBy(users: Users, id: TypeId): Html | undefined {
  const all = users.get(id) ?? [];
  if (all.length === 0) return undefined;
  const more = all.length > MOST && ` and ${all.length - MOST} more`;
  return html`<p class="sums">Used as ${listed(all.slice(0, MOST))}${more}</p>`;
}

function structPart(subject: Subject, type: StructLayout, users: Users): Html {
  const struct = subject.model.types[type.type]!;
  const sums =
    struct.kind === "struct" || struct.kind === "union" ? sentenceOf(sumsOf(subject.model.types, struct)) : undefined;
  const rows = [
    ...type.fields.map((field) => ({
      at: field.offset,
      row: html`<tr>
        <td class="n">${field.offset}${field.layout.kind === "bits" && `:${field.layout.bit}`}</td>
        <td class="n">${field.layout.kind === "bits" ? plural(field.layout.width, "bit") : field.size}</td>
        <th scope="row"><code>${field.name}</code></th>
        <td>${spelledType(subject, field)}</td>
      </tr> `,
    })),
    ...type.kernelFields.map(({ offset, size, spelled }) => ({
      at: offset,
      row: html`<tr>
        <td class="n">${offset}</td>
        <td class="n">${size}</td>
        <th scope="row" class="dim">the kernel’s</th>
        <td><code>${spelled}</code></td>
      </tr> `,
    })),
    ...type.padding.map(({ offset, size }) => ({
      at: offset,
      row: html`<tr>
        <td class="n">${offset}</td>
        <td class="n">${size}</td>
        <th scope="row" class="dim">padding</th>
        <td></td>
      </tr> `,
    })),
  ].sort((a, b) => a.at - b.at);
  return html`<article class="type" id="type-${type.type}">
    <h3>${type.spelled}<span class="badge">${plural(type.size, "byte")}</span></h3>
    <p class="sums">${sums}</p>
    ${usedBy(users, type.type)} ${bytesFigure(byteMap(spansOf(type, subject.structs)), type.spelled)}
    <details>
      <summary>${plural(type.fields.length, "field")}</summary>
      <table>
        <thead>
          <tr>
            <th scope="col" class="n">Offset</th>
            <th scope="col" class="n">Size</th>
            <th scope="col">Field</th>
            <th scope="col">Type</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(({ row }) => row)}
        </tbody>
      </table>
    </details>
  </article>`;
}

/** Longer lists are folded. */
const FEW = 16;

function enumPart({ type, spelled, size, scalar, values }: EnumLayout, users: Users): Html {
  const list = html`<ul class="values">
    ${values.map(({ name, value }) => html`<li><code>${name}</code> <code class="dim">${value}</code></li> `)}
  </ul>`;
  return html`<article class="type" id="type-${type}">
    <h3>${spelled}<span class="badge">${plural(size, "byte")}</span></h3>
    <p class="sums">stored as ${scalar}</p>
    ${usedBy(users, type)}
    ${
      values.length <= FEW
        ? list
        : html`<details>
            <summary>${plural(values.length, "value")}</summary>
            ${list}
          </details>`
    }
  </article>`;
}
