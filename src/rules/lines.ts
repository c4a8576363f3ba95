// Warnings in, the same with one for each place out: whoever has many maps reads a line a map.

import { groupBy } from "../group.ts";
import type { Warning } from "../object/model.ts";

/** The warnings in the order of their places, those of one place as one. */
export function onePerPlace(warnings: readonly Warning[]): Warning[] {
  return [...groupBy(warnings, ({ where }) => where)].map(([where, all]) => ({
    where,
    what: [...new Set(all.map(({ what }) => what))].join("; "),
  }));
}
