// Options that say more of types in, `--map NAME=KEY:VALUE`, `--event NAME=TYPE` and `--as TYPE.FIELD=KIND`, options of the
// generator out.

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

/** `event.saddr=ipv4` as the library takes it. */
export function parseViews(given: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((text) => {
      const equals = text.lastIndexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new SkelError("ERR_OPTION", `--as: expected TYPE.FIELD=KIND, got ${shown(text)} (like event.saddr=ipv4)`);
    }),
  );
}
