// Values with fields that are the kernel's own: an update of the whole value cancels a timer and drops a kptr
// (kernel/bpf/syscall.c, `bpf_obj_free_fields`), so it has to be asked for.

import type { Codec } from "../codec/codec.ts";
import { kernelFieldsOf } from "../codec/fields.ts";
import { StateError } from "../errors.ts";

/** Lets a value be written that has kernel-owned fields. */
export interface ResetOptions {
  /** Writes the value although that cancels its timers and drops the objects it owns. */
  readonly resetKernelFields?: boolean | undefined;
}

/** Throws where `options` do not say that the kernel's fields of a value may go. */
export type Guard = (options: (ResetOptions & { readonly mode?: string | undefined }) | undefined) => void;

/** The guard of map `name` with such values; undefined where there is nothing to lose. */
export function guardOf(value: Codec<unknown, never>, name: string): Guard | undefined {
  const fields = kernelFieldsOf(value);
  if (fields.length === 0) return undefined;
  return (options) => {
    // A new entry has none yet.
    if (options?.mode === "create" || options?.resetKernelFields === true) return;
    throw new StateError(
      `map ${name}: set would reset ${fields.join(", ")} (pass resetKernelFields: true, or mode: "create" for a new entry)`,
    );
  };
}
