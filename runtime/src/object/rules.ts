// The rules of libbpf and the kernel that an object breaks, as its generated module tells, in; the one that a failed open or load
// is due to, out.

import { UnsupportedError } from "../errors.ts";
import type { Library } from "../library.ts";
import { E2BIG, EBADF, EINVAL, ENOTSUPP } from "../library/errno.ts";

/** A rule that a part of an object breaks. In generated code. */
export interface BrokenRule {
  /** The generator's name for the rule: "static-map". */
  readonly rule: string;
  readonly part: "map" | "program" | "extern" | "section" | "object";
  /** Of the map or program. */
  readonly name: string;
  /** What fails; "process" where libbpf crashes at load. */
  readonly stops: "open" | "load" | "process";
  /** The rule and what to do. */
  readonly what: string;
  /** The first libbpf that has no such rule. */
  readonly until?: string;
}

/** The rule for which libbpf did not open the object; `warning` is what it said. */
export function stoppedOpen(
  library: Library,
  rules: readonly BrokenRule[],
  warning: string | undefined,
): string | undefined {
  const all = rules.filter((rule) => rule.stops === "open" && applies(library, rule));
  const named = all.find(({ name }) => warning?.includes(`'${name}'`));
  return told(named ?? all[0]);
}

export interface MapNow {
  readonly maxEntries: number;
  readonly flags: number;
}

const BPF_F_NO_PREALLOC = 1;

/** Whether a map still breaks the rule; rules that are not here are about what nobody can set. */
const stillBroken: Readonly<Record<string, (map: MapNow) => boolean>> = {
  "max-entries": ({ maxEntries }) => maxEntries === 0,
  entries: ({ maxEntries }) => maxEntries !== 0,
  "no-prealloc": ({ flags }) => (flags & BPF_F_NO_PREALLOC) === 0,
};

/** What breaking a rule fails with where it is not one of {@link usualAnswers}. */
const answers: Readonly<Record<string, readonly number[]>> = {
  "slot-program": [EBADF],
  "inner-type": [ENOTSUPP, EINVAL],
  "struct-ops-program": [ENOTSUPP, EINVAL],
  // Maps that forget what was used least are always preallocated.
  flags: [EINVAL, ENOTSUPP],
  "inner-flags": [EINVAL, ENOTSUPP],
};
const usualAnswers: readonly number[] = [EINVAL, E2BIG];

/** What was not created or loaded; all is undefined where libbpf could not be heard. */
export interface Stopped {
  readonly errno: number;
  readonly map: string | undefined;
  /** Whether the map was made, and one of its slots could not be filled. */
  readonly slot: boolean;
  readonly program: string | undefined;
  /** What a map is now: it may have been set after open. */
  readonly mapNow: (map: string) => MapNow;
}

/** The rule for which the object did not load. */
export function stoppedLoad(library: Library, rules: readonly BrokenRule[], stopped: Stopped): string | undefined {
  const { errno, map, slot, program } = stopped;
  const all = rules.filter(
    ({ rule, stops, ...broken }) =>
      stops === "load" &&
      applies(library, broken) &&
      (answers[rule] ?? usualAnswers).includes(errno) &&
      stillBroken[rule]?.(stopped.mapNow(broken.name)) !== false,
  );
  if (map === undefined && program === undefined) return told(all[0]);
  const named = all.find(({ rule, part, name }) =>
    part === "map" ? name === map && rule.startsWith("slot-") === slot : part === "program" && name === program,
  );
  return told(named);
}

/** Kinds of programs for which libbpf reads the kernel's BTF (libbpf.c, `prog_needs_vmlinux_btf`). */
const readKernelBtf: ReadonlySet<string> = new Set(["struct_ops", "lsm", "tracing", "iter"]);

/**
 * To be called before load; `kinds` are those of the programs that will be loaded.
 * @throws UnsupportedError where libbpf would crash
 */
export function checkCrashes(
  library: Library,
  object: string,
  rules: readonly BrokenRule[],
  kinds: readonly string[],
): void {
  const found = rules.find(
    (rule) =>
      rule.stops === "process" &&
      applies(library, rule) &&
      !(rule.rule === "struct-ops-alone" && kinds.some((kind) => readKernelBtf.has(kind))),
  );
  if (found !== undefined) throw new UnsupportedError(`${object}: ${told(found)}`);
}

function applies(library: Library, { until }: Pick<BrokenRule, "until">): boolean {
  const [major = 0, minor = 0] = until?.split(".").map(Number) ?? [];
  return until === undefined || !library.atLeast(major, minor);
}

function told(rule: BrokenRule | undefined): string | undefined {
  if (rule === undefined) return undefined;
  return rule.part === "object" ? rule.what : `${rule.part} ${rule.name}: ${rule.what}`;
}
