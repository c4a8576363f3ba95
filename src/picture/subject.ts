// What a page is about, and how its parts refer to each other: anchors by index, since names are any text.

import type { TypeId } from "../btf/types.ts";
import type { Layout, Layouts, NamedLayout, Use } from "../layout/layout.ts";
import type { ObjectModel } from "../object/model.ts";
import { type Html, html } from "./html.ts";
import { type Structs, structsOf } from "./spans.ts";

export interface Subject {
  /** The object's file name. */
  readonly file: string;
  /** Of the object, in bytes. */
  readonly size: number;
  readonly model: ObjectModel;
  readonly layouts: Layouts;
  /** Initial values of data sections, by name. */
  readonly data: ReadonlyMap<string, Uint8Array>;
  readonly types: ReadonlyMap<TypeId, NamedLayout>;
  readonly structs: Structs;
  /** Where each map, program and section stands, by name. */
  readonly anchors: Readonly<Record<"map" | "program" | "section", ReadonlyMap<string, string>>>;
}

export function subjectOf(input: Pick<Subject, "file" | "size" | "model" | "layouts" | "data">): Subject {
  const { maps, programs, sections, structOps } = input.model;
  const anchors = (kind: string, all: readonly { readonly name: string }[]): ReadonlyMap<string, string> =>
    new Map(all.map(({ name }, i) => [name, `${kind}-${i}`]));
  return {
    ...input,
    types: new Map(input.layouts.types.map((type) => [type.type, type])),
    structs: structsOf(input.layouts.types),
    anchors: {
      map: anchors("map", [...maps, ...structOps]),
      program: anchors("program", programs),
      section: anchors("section", sections),
    },
  };
}

/** The name, as a link to what it is of where the page has that. */
export function linked({ anchors }: Subject, kind: keyof Subject["anchors"], name: string): Html {
  const anchor = anchors[kind].get(name);
  return anchor === undefined ? html`<code>${name}</code>` : html`<a href="#${anchor}"><code>${name}</code></a>`;
}

/** Several of them. */
export function listed(items: readonly Html[]): Html {
  return html`${items.map((item, i) => (i === 0 ? item : html`, ${item}`))}`;
}

/** The struct or enum that a value is made of. */
export function typeIn(layout: Layout): TypeId | undefined {
  switch (layout.kind) {
    case "struct":
    case "enum":
      return layout.type;
    case "list":
      return typeIn(layout.element);
    case "tail":
      return typeof layout.element === "string" ? undefined : typeIn(layout.element);
    case "bits":
      return typeIn(layout.base);
    default:
      return undefined;
  }
}

/** A C type, as a link to its description where the page has one. */
export function spelledType({ types }: Subject, { layout, spelled }: Pick<Use, "layout" | "spelled">): Html {
  const id = typeIn(layout);
  return id === undefined || !types.has(id)
    ? html`<code>${spelled}</code>`
    : html`<a href="#type-${id}"><code>${spelled}</code></a>`;
}

export function plural(n: number, noun: string): string {
  const many = noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${String(n).replace(/\B(?=(\d{3})+$)/g, ",")} ${n === 1 ? noun : many}`;
}
