// The one door through which text enters a page: whatever stands in `html`...${text}...`` is escaped, unless `html` made it.

import { printable } from "../errors.ts";

class Markup {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

/** Markup that {@link html} made. */
export type Html = Markup;

/** What may stand in markup: text and numbers are escaped, lists are joined, `undefined` and `false` are nothing. */
export type Content = Html | string | number | undefined | false | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function contentOf(content: Content): string {
  if (content === undefined || content === false) return "";
  if (content instanceof Markup) return content.toString();
  if (typeof content === "object") return content.map(contentOf).join("");
  // What would be invisible, or turn the line around, is shown as its number.
  return printable(String(content)).replace(/[&<>"']/g, (c) => ENTITIES[c]!);
}

/** Markup, with content for elements and for attributes in double quotes. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Markup(strings.reduce((text, string, i) => text + contentOf(contents[i - 1]) + string));
}
