// What the runtime repeats of the generator's tables, held against them.

import { describe, expect, test } from "vitest";
import { ATTACH_TYPES, PROG_TYPES } from "../../src/object/kernel.ts";
import { autoAttach, SEC_DEFS } from "../../src/object/sec.ts";
import { kindOf } from "../src/abi.ts";
import { attachTypes, programTypes } from "../src/abi/kernel.ts";
import { attachedElsewhere, exampleOptions, placedBySection } from "../src/attach/targets.ts";

test("the numbers of program and attach types", () => {
  expect(programTypes).toEqual(PROG_TYPES);
  expect(attachTypes).toEqual(ATTACH_TYPES);
});

describe.each(SEC_DEFS)("SEC($prefix)", (def) => {
  const family = def.prefix.replace(/\+$/, "");
  const sections = def.prefix.endsWith("+")
    ? [family, `${family}/a`, `${family}/a/b`, `${family}/a:b`, `${family}/a:b:c`]
    : [family];

  test.each(sections)("has the generator's kind: %s", (section) => {
    expect(kindOf(section)).toBe(def.kind);
  });

  test.each(sections)("is placed where the generator says so: %s", (section) => {
    const auto = autoAttach(def, section);
    if (auto === "yes") expect(placedBySection(def.kind, section)).toBe(true);
    // Who cannot be placed is told what to pass, or where else to attach.
    else if (!placedBySection(def.kind, section)) {
      expect(attachedElsewhere(def.kind, section) ?? exampleOptions(def.kind)).toBeTypeOf("string");
    }
    // Their target is a matter of load: no section is left without one.
    else expect(["tracing", "freplace", "lsm"]).toContain(def.kind);
  });
});

test.each(["", "nonsense", "kprobes/x", "__proto__", "constructor", "xdpx"])("no kind for %j", (section) => {
  expect(kindOf(section)).toBe("unknown");
});
