// Options that name types of maps in, `--map NAME=KEY:VALUE` and `--event NAME=TYPE`, options of the generator out.

import { shown, SkelError } from "../errors.ts";

/** The types by the name of their map; undefined where the option is not given. */
export function parseTypes(
  option: "--map" | "--event",
  form: "KEY:VALUE" | "TYPE",
  given: readonly string[] | undefined,
): Readonly<Record<string, string>> | undefined {
  if (given === undefined || given.length === 0) return undefined;
  const types = new Map<string, string>();
  for (const text of given) {
    const [, name, type] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || type === undefined)
      throw new SkelError("ERR_OPTION", `${option}: expected NAME=${form}, got ${shown(text)}`);
    if (types.has(name))
      throw new SkelError("ERR_OPTION", `${option}: names ${shown(name)} twice (write ${form} once)`);
    types.set(name, type);
  }
  return Object.fromEntries(types);
}
