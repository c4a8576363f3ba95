// Attaching a whole skeleton, program by program (libbpf's own stops at the first failure).

import { attachProgram, whyNotPlaced } from "../attach.ts";
import { AttachError, ValueError } from "../errors.ts";
import type { Link } from "../link.ts";
import { show } from "../memory/refuse.ts";
import type { BpfObject } from "../object.ts";
import type { ProgramCore } from "../program/core.ts";
import { attachStructOps, whyNotCreated } from "../structops.ts";
import type { AttachAllOptions, SkeletonShape } from "./types.ts";

/** What was done, by program; `AttachResult` is how its user sees it. */
export interface Outcome {
  readonly attached: string[];
  readonly skipped: Record<string, string>;
  readonly failed: Record<string, Error>;
}

/** See `attach` of a loaded skeleton. */
export function attachAll(object: BpfObject, options: AttachAllOptions<SkeletonShape>): Outcome {
  object.useLoaded();
  const {
    targets = {},
    optional = [],
    only,
  } = options as {
    targets?: Record<string, object | undefined>;
    optional?: readonly string[];
    only?: readonly string[];
  };
  const all = [...object.programs, ...object.structOps];
  const names = all.map(({ name }) => name);
  checkNames("targets", Object.keys(targets), names);
  checkNames("optional", optional, names);
  checkNames("only", only ?? [], names);

  const outcome: Outcome = { attached: [], skipped: Object.create(null), failed: Object.create(null) };
  const made: Link[] = [];
  const wanted = all.filter(({ name }) => only === undefined || only.includes(name));
  for (const program of wanted) {
    const { name } = program;
    const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
    const why = whySkipped(object, program, target);
    if (why !== undefined) {
      outcome.skipped[name] = why;
      continue;
    }
    try {
      made.push(object.structOps.includes(program) ? attachStructOps(program) : attachProgram(program, target));
      outcome.attached.push(name);
    } catch (e) {
      outcome.failed[name] = e as Error;
    }
  }
  const failures = Object.keys(outcome.failed).filter((name) => !optional.includes(name));
  const nothing = wanted.length > 0 && !wanted.some(({ links }) => links.length > 0);
  if (failures.length > 0 || nothing) {
    undo(made);
    throw attachError(object.name, outcome, failures);
  }
  return outcome;
}

/** Newest first. That one does not detach is not the news, and the next must go all the same. */
function undo(links: readonly Link[]): void {
  for (const link of links.toReversed()) {
    try {
      link.detach();
    } catch {
      // The failure that brought us here is what the caller hears of.
    }
  }
}

function checkNames(option: string, given: readonly string[], known: readonly string[]): void {
  const stray = given.find((name) => !known.includes(name));
  if (stray === undefined) return;
  const path = `attach: ${option}`;
  throw new ValueError(`${path}: no program is called ${show(stray)} (there are ${known.join(", ")})`, path);
}

function whySkipped(object: BpfObject, program: ProgramCore, target: object | undefined): string | undefined {
  const { library } = object;
  if (program.links.length > 0) return "it is attached already";
  if (object.structOps.includes(program)) return whyNotCreated(program);
  if (library.fn("bpf_program__fd")(program.pointer) < 0) return "it is not loaded, its autoload is off";
  if (target !== undefined) return undefined;
  if (!library.fn("bpf_program__autoattach")(program.pointer)) return "its autoattach is off";
  return whyNotPlaced(program);
}

function attachError(object: string, { skipped, failed }: Outcome, failures: readonly string[]): AttachError {
  const programs: Record<string, Error | string> = Object.assign(Object.create(null), skipped, failed);
  const count = failures.length;
  const what =
    count === 0 ? "nothing was attached" : `${count} of its programs failed, what this call attached is detached again`;
  // Where something failed, what was skipped is not the news.
  const lines = Object.entries(programs)
    .filter(([name]) => count === 0 || name in failed)
    .map(([name, why]) => `\n  ${name}: ${typeof why === "string" ? why : why.message}`);
  const [first] = failures;
  const cause = first === undefined ? undefined : failed[first];
  return new AttachError(`${object}: attach: ${what}${lines.join("")}`, programs, { cause });
}
