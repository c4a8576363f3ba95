// ts-morph, by require: an import would have Node read all of TypeScript, 9 MB, once more for the names that it exports.

import { createRequire } from "node:module";

type TsMorph = typeof import("ts-morph");

/** The package. */
export const tsMorph: TsMorph = createRequire(import.meta.url)("ts-morph") as TsMorph;
