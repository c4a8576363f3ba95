// Random programs with decoys: the type of an event is the one that its author sends, or there is none. Never another.

import { expect, test } from "vitest";
import { spellType } from "../../src/btf/spell.ts";
import { inspectObject } from "../../src/inspect.ts";
import { compileBpf } from "../support/compile.ts";
import { randomEvents } from "../support/random-events.ts";
import { random, rounds } from "../support/random.ts";
import { Findings } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;
const PROGRAMS = 40;

/** Nothing in the object says what these are: that they have no type is all that can be. */
const UNTOLD: ReadonlySet<string> = new Set(["casts alone", "a value without a name"]);

test(
  "a random program's event has its author's type, whatever else has its size",
  () => {
    const findings = new Findings();
    let [told, typed] = [0, 0];
    for (const round of rounds(8)) {
      const rng = random(round);
      const { source, events: written } = randomEvents(rng, PROGRAMS);
      const flags = [rng.pick(["-O1", "-O2", "-O2", "-O3"]), rng.pick(["-gdwarf-4", "-gdwarf-5"]), "-w"];
      const model = inspectObject(compileBpf(source, rng.pick(["bpf", "bpfeb"]), "c", { flags }));
      for (const { map, idiom, type } of written) {
        const { types } = model.maps.find(({ name }) => name === map)!.events!;
        const found = types.map((id) => spellType(model.types, id)).join(" | ");
        if (!UNTOLD.has(idiom)) told++;
        if (found === type && !UNTOLD.has(idiom)) typed++;
        if (types.length > 0 && found !== type)
          findings.add(`round ${round} ${flags.join(" ")}: ${map}, ${idiom}: ${found} instead of ${type}`);
      }
    }
    expect(findings.list).toEqual([]);
    expect(told).toBeGreaterThan(100);
    expect(typed / told).toBeGreaterThan(0.93);
  },
  NO_TIME_LIMIT,
);
