// Warnings in, the same with one for each place out: whoever has many maps reads a line a map.

import { groupBy } from "../group.ts";
import type { ObjectModel, Warning } from "../object/model.ts";
import { findings } from "./table.ts";

/** What the reader of an object is told: what does not load first, then what its readers and later stages say. */
export function warningsFor(model: ObjectModel, later: readonly Warning[]): Warning[] {
  const found = findings(model).map(({ where, what, optional }) => ({ where, what, ...(optional && { optional }) }));
  return onePerPlace([...found, ...model.warnings, ...later]);
}

/** The warnings in the order of their places, those of one place as one. */
function onePerPlace(warnings: readonly Warning[]): Warning[] {
  return [...groupBy(warnings, ({ where }) => where)].map(([where, all]) => ({
    where,
    what: [...new Set(all.map(({ what }) => what))].join("; "),
    ...(all.every(({ optional }) => optional) && { optional: true }),
  }));
}
