// Global data as objects: a section's table and its bytes in, one accessor per variable out.

import { readChecked } from "./codec/checked.ts";
import type { Codec } from "./codec/codec.ts";
import { StateError, ValueError } from "./errors.ts";
import { show } from "./memory/refuse.ts";
import { type SectionBytes, Writer } from "./sections/bytes.ts";
import { accessElements } from "./sections/elements.ts";
import type { SectionSpec, Variables } from "./sections/types.ts";

/** A section of global data: its ELF name, its size, and each variable's offset and codec. For generated code. */
export function section<S>(name: string, size: number, variables: Variables<S>): SectionSpec<S> {
  return { name, size, variables };
}

/** Whether variables of this section are constants once the program is loaded. */
export function isConstant(elfName: string): boolean {
  return elfName === ".kconfig" || elfName === ".rodata" || elfName.startsWith(".rodata.");
}

/**
 * The object a user sees: `object.ident.variable` in errors. `constant` makes every write a StateError with that remedy.
 * It has a null prototype and cannot be extended, so a variable may have any name and a misspelt one is a TypeError.
 */
export function sectionObject(
  object: string,
  ident: string,
  spec: SectionSpec<unknown>,
  bytes: SectionBytes,
  constant: string | undefined,
): object {
  const made = Object.create(null) as object;
  const variables = spec.variables as Record<string, readonly [number, Codec<unknown, unknown>]>;
  const refuser = (path: string): (() => never) | undefined =>
    constant === undefined
      ? undefined
      : () => {
          throw new StateError(`${object}: ${path}: readonly after load (${constant})`);
        };
  for (const [name, [offset, codec]] of Object.entries(variables)) {
    const path = `${ident}.${name}`;
    const refuse = refuser(path);
    let writer: Writer<unknown> | undefined;
    Object.defineProperty(made, name, {
      enumerable: true,
      get() {
        try {
          return codec.read(bytes.read(), offset);
        } catch {
          return readChecked(codec, bytes.read(), offset, path);
        }
      },
      set: refuse ?? ((value: unknown) => (writer ??= new Writer(codec)).write(bytes, offset, value, path)),
    });
  }
  const at = (name: string): unknown => {
    if (!Object.hasOwn(variables, name)) throw new ValueError(`${ident}: has no variable ${show(name)}`, ident);
    const [offset, codec] = variables[name]!;
    const path = `${ident}.${name}`;
    return accessElements(codec, bytes, offset, path, refuser(path));
  };
  Object.defineProperty(made, "$at", { value: at });
  return Object.freeze(made);
}
