// The table of rules on objects that load: it finds nothing in them.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readObject } from "../src/object/read.ts";
import { findings } from "../src/rules/table.ts";
import { fixtures } from "./support/fixtures.ts";

test.each(fixtures.filter(({ name }) => name !== "nobtf"))("$name breaks no rule", ({ object }) => {
  expect(findings(readObject(new Uint8Array(readFileSync(object))))).toEqual([]);
});
