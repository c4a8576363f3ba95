// `--map NAME=KEY:VALUE` in, the option `maps` of the generator out.

import { shown, SkelError } from "../errors.ts";

/** The types by the name of their map; undefined for no `--map`. */
export function parseMaps(given: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  if (given === undefined || given.length === 0) return undefined;
  const types = new Map<string, string>();
  for (const text of given) {
    const [, name, pair] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || pair === undefined)
      throw new SkelError("ERR_OPTION", `--map: expected NAME=KEY:VALUE, got ${shown(text)}`);
    if (types.has(name)) throw new SkelError("ERR_OPTION", `--map: names ${shown(name)} twice (write KEY:VALUE once)`);
    types.set(name, pair);
  }
  return Object.fromEntries(types);
}
