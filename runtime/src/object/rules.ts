// The rules of libbpf and the kernel that an object breaks, as its generated module tells, in; the one that a failed open or load
// is due to, out.

import type { Library } from "../library.ts";
import { E2BIG, EINVAL } from "../library/errno.ts";

/** A rule that a part of an object breaks. In generated code. */
export interface BrokenRule {
  /** The generator's name for the rule: "static-map". */
  readonly rule: string;
  readonly part: "map" | "program" | "extern" | "section" | "object";
  /** Of the map or program. */
  readonly name: string;
  /** What fails. */
  readonly stops: "open" | "load";
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

/** What was not created or loaded; all is undefined where libbpf could not be heard. */
export interface Stopped {
  readonly errno: number;
  readonly map: string | undefined;
  readonly program: string | undefined;
  /** What a map is now: it may have been set after open. */
  readonly mapNow: (map: string) => MapNow;
}

/** The rule for which the object did not load. */
export function stoppedLoad(library: Library, rules: readonly BrokenRule[], stopped: Stopped): string | undefined {
  const { errno, map, program } = stopped;
  if (errno !== EINVAL && errno !== E2BIG) return undefined;
  const all = rules.filter(
    (rule) =>
      rule.stops === "load" && applies(library, rule) && stillBroken[rule.rule]?.(stopped.mapNow(rule.name)) !== false,
  );
  if (map === undefined && program === undefined) return told(all[0]);
  const named = all.find(({ part, name }) => (part === "map" ? name === map : part === "program" && name === program));
  return told(named);
}

function applies(library: Library, { until }: BrokenRule): boolean {
  const [major = 0, minor = 0] = until?.split(".").map(Number) ?? [];
  return until === undefined || !library.atLeast(major, minor);
}

function told(rule: BrokenRule | undefined): string | undefined {
  if (rule === undefined) return undefined;
  return rule.part === "object" ? rule.what : `${rule.part} ${rule.name}: ${rule.what}`;
}
