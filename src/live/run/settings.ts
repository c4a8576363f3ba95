// Options of `run` that are words for values: lengths of time, and variables to set before load.

import type { TypeId } from "../../btf/types.ts";
import { shown, SkelError } from "../../errors.ts";
import type { Layout, NamedLayout } from "../../layout/layout.ts";
import type { Reading } from "../../layout/differ.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The longest that a timer can wait. */
const LONGEST = 0x7fff_ffff;

/** "500ms", "5s", "2m", "1h", or a number of seconds, in milliseconds. */
export function parseDuration(option: string, text: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = number === undefined ? 0 : Math.round(Number(number) * UNITS[unit]!);
  if (ms > 0 && ms <= LONGEST) return ms;
  throw new SkelError(
    "ERR_OPTION",
    `expected a length of time, got ${shown(text)} (like 500ms, 5s or 2m, at most 24 days)`,
    [option],
  );
}

/** A variable and the value that it is to have. */
export interface Setting {
  /** The section, as the skeleton names it. */
  readonly section: string;
  readonly name: string;
  readonly value: unknown;
}

/** `given`, each NAME=VALUE, as values of the variables' types: numbers, true and false, names of an enumeration, text. */
export function parseSettings(given: readonly string[], { model, layouts }: Reading): Setting[] {
  const types = new Map(layouts.types.map((type) => [type.type, type]));
  const sections = model.sections.filter(({ kind }) => kind !== "kconfig").map(({ ident }) => ident);
  const variables = layouts.sections
    .filter(({ ident }) => sections.includes(ident))
    .flatMap(({ ident, variables }) => variables.map((variable) => ({ ...variable, ident })));
  return given.map((text) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const refuse = (expected: string, got: string, remedy: string): never => {
      throw new SkelError("ERR_OPTION", `expected ${expected}, got ${shown(got)} (${remedy})`, ["--set"]);
    };
    if (name === undefined || value === undefined) return refuse("NAME=VALUE", text, "like target_pid=123");
    const variable = variables.find((one) => one.name === name);
    if (variable === undefined)
      return refuse("a variable", name, `there are ${variables.map((one) => one.name).join(", ") || "none"}`);
    const parsed = valueOf(value, variable.layout, types);
    if (parsed === undefined) return refuse(`${variable.spelled} for ${name}`, value, "numbers, true, false, text");
    return { section: variable.ident, name, value: parsed };
  });
}

function valueOf(text: string, layout: Layout, types: ReadonlyMap<TypeId, NamedLayout>): unknown {
  switch (layout.kind) {
    case "chars":
      return text;
    case "view":
      return layout.view.startsWith("be") ? numberOf(text, layout.view === "be64") : text;
    case "pointer":
      return numberOf(text, true);
    case "enum": {
      const type = types.get(layout.type);
      const named = type?.kind === "enum" ? type.values.find(({ name }) => name === text)?.value : undefined;
      return numberOf(named ?? text, /64/.test(layout.scalar));
    }
    case "scalar":
      if (layout.scalar === "bool")
        return ({ true: true, false: false, 1: true, 0: false } as Record<string, boolean>)[text];
      if (layout.scalar.startsWith("f"))
        return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined;
      return numberOf(text, /(64|128)$/.test(layout.scalar));
    default:
      return undefined;
  }
}

function numberOf(text: string, big: boolean): number | bigint | undefined {
  const [, sign, digits] = /^(-?)(0x[\da-f]+|\d+)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = sign === "-" ? -BigInt(digits) : BigInt(digits);
  return big ? value : Number(value);
}
