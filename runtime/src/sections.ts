// Global data as objects: a section's table and its bytes in, one accessor per variable out.

import { readChecked } from "./codec/checked.ts";
import { getterOf } from "./codec/place.ts";
import { StateError } from "./errors.ts";
import { ofOwnClass } from "./library/record.ts";
import { type PlacedBytes, Writer } from "./sections/bytes.ts";
import { accessElements } from "./sections/elements.ts";
import { resizedSpec } from "./sections/resize.ts";
import type { SectionSpec, Variables } from "./sections/types.ts";
import { findVariable, requireElements, variablesOf } from "./sections/variable.ts";

/** A section of global data: its ELF name, its size, and each variable's offset and codec. For generated code. */
export function section<S>(name: string, size: number, variables: Variables<S>): SectionSpec<S> {
  return { name, size, variables };
}

/** Whether variables of this section are constants once the program is loaded. */
export function isConstant(elfName: string): boolean {
  return elfName === ".kconfig" || elfName === ".rodata" || elfName.startsWith(".rodata.");
}

/** What can be done with a section besides reading it. */
export interface SectionUse {
  /** Makes every write a StateError with this remedy. */
  readonly constant?: string | undefined;
  /** Has the section become what the spec says; left out after load. */
  readonly resize?: ((spec: SectionSpec<unknown>) => void) | undefined;
}

/**
 * The object a user sees: `object.ident.variable` in errors. It has a null prototype and cannot be extended, so a variable
 * may have any name and a misspelt one is a TypeError.
 */
export function sectionObject(
  object: string,
  ident: string,
  spec: SectionSpec<unknown>,
  bytes: PlacedBytes,
  { constant, resize }: SectionUse,
): object {
  const made = ofOwnClass(null);
  const variables = variablesOf(spec);
  const refuser = (path: string): (() => never) | undefined =>
    constant === undefined
      ? undefined
      : () => {
          throw new StateError(`${object}: ${path}: readonly after load (${constant})`);
        };
  for (const [name, variable] of variables) {
    const { offset } = variable;
    const path = `${ident}.${name}`;
    const refuse = refuser(path);
    let writer: Writer<unknown> | undefined;
    const set = (value: unknown): void => {
      if (writer?.codec !== variable.codec) writer = new Writer(variable.codec);
      writer.write(bytes, offset, value, path);
    };
    const get = (): unknown => {
      try {
        return variable.codec.read(bytes.read(), offset);
      } catch {
        return readChecked(variable.codec, bytes.read(), offset, path);
      }
    };
    Object.defineProperty(made, name, {
      enumerable: true,
      get: getterOf(variable.codec, bytes.place, offset) ?? get,
      set: refuse ?? set,
    });
  }
  const at = (name: string): unknown => {
    const path = `${ident}.${name}`;
    return accessElements(findVariable(variables, ident, name), bytes, path, refuser(path));
  };
  Object.defineProperty(made, "$at", { value: at });
  if (resize !== undefined) {
    let current = spec;
    const resizeArray = (name: string, length: number): void => {
      bytes.read();
      const variable = findVariable(variables, ident, name);
      const next = resizedSpec(current, name, variable, length, `${ident}.${name}`);
      resize(next);
      current = next;
      variable.codec = requireElements(variable, name).resized(length);
    };
    Object.defineProperty(made, "$resize", { value: resizeArray });
  }
  return Object.freeze(made);
}
