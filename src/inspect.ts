// What `inspectObject` and `ebpf-skel inspect` tell: the ObjectModel, read as the generator reads it.

import { readLayouts } from "./layout/read.ts";
import { assignNames } from "./names/names.ts";
import type { ObjectModel } from "./object/model.ts";
import { withEventTypes } from "./object/eventtypes.ts";
import { readObject } from "./object/read.ts";
import { warningsFor } from "./rules/lines.ts";
import { withUses } from "./object/uses.ts";

/**
 * The model of a compiled BPF object, as plain JSON-able data. Layouts and names are worked out too, so that whatever
 * the generator would warn of is among `warnings`.
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export function inspectObject(bytes: Uint8Array): ObjectModel {
  const model = withUses(bytes, withEventTypes(readObject(bytes), {}));
  const layouts = readLayouts(model);
  assignNames("object", layouts.types);
  return { ...model, warnings: warningsFor(model, layouts.warnings) };
}
