// The committed objects and the modules generated from them.

import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

export const fixturesFolder: string = resolve(import.meta.dirname, "../../fixtures");

export interface Fixture {
  readonly name: string;
  /** Path of the object. */
  readonly object: string;
  /** Path of its module. */
  readonly module: string;
}

/** Every committed object. */
export const fixtures: readonly Fixture[] = readdirSync(fixturesFolder)
  .filter((file) => file.endsWith(".bpf.o"))
  .sort()
  .map((file) => {
    const name = file.slice(0, -".bpf.o".length);
    return { name, object: join(fixturesFolder, file), module: join(fixturesFolder, `${name}.skel.ts`) };
  });

/** Those that generate: all but the one without the BTF that its map needs. */
export const goldens: readonly Fixture[] = fixtures.filter(({ name }) => name !== "nobtf");

/** Whether libbpf opens only the carried form of that object: it defines maps in the legacy way. */
export function isLegacy(name: string): boolean {
  return name.startsWith("legacy");
}
