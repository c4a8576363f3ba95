// The rules of libbpf and the kernel for objects, as one table. gen's warnings, `--strict`, `check` and the hint of a failed
// load all come from it. What depends on the machine alone, such as a type of maps that its kernel has not, is a need (needs/).

import { printable, shown } from "../errors.ts";
import type { ObjectModel, ProgramModel, StrayModel } from "../object/model.ts";
import { MAPS } from "./maps.ts";
import type { Finding, Rule } from "./rule.ts";
import { SLOTS, slotsOf } from "./slots.ts";

/** A program, and whether it is a struct_ops program that no map is set to. */
type PlacedProgram = ProgramModel & { readonly isUnused: boolean };

const PROGRAMS: readonly Rule<PlacedProgram>[] = [
  {
    name: "static-program",
    stops: "open",
    broken: ({ linkage, section }) =>
      linkage === "static"
        ? `libbpf refuses static programs (remove static, or move it out of ${shown(section)})`
        : undefined,
  },
  {
    name: "unknown-section",
    stops: "load",
    broken: ({ sec, section }) =>
      sec === undefined
        ? `libbpf does not know SEC(${shown(section)}): the program has no type and cannot load (name the section as libbpf does)`
        : undefined,
  },
  {
    name: "struct-ops-program",
    stops: "load",
    // An optional one is there for another map, or for userspace to set.
    broken: ({ isUnused, autoload }) =>
      isUnused && autoload
        ? 'libbpf cannot load a struct_ops program that no struct_ops map is set to (set a member of one to it, or place it in SEC("?struct_ops/..."))'
        : undefined,
  },
];

const EXTERNS: readonly Rule<string>[] = [
  {
    name: "unlinked-extern",
    stops: "open",
    broken: () =>
      "libbpf refuses an extern that neither .kconfig nor .ksyms has: another file defines it (link the objects first: bpftool gen object)",
  },
];

const STRAYS: readonly Rule<StrayModel>[] = [
  {
    name: "unknown-data",
    stops: "open",
    broken: ({ symbol }) =>
      `libbpf refuses code that uses ${shown(symbol)} of a section for neither maps nor data (put maps into SEC(".maps"), variables into .data, .rodata or .bss)`,
  },
];

const LONE_FUNCTIONS: readonly Rule<string>[] = [
  {
    name: "no-section",
    stops: "load",
    until: "1.5",
    broken: () =>
      'a function of .text is no program to libbpf, and before 1.5 one that has no type and cannot load (place it: SEC("..."))',
  },
];

const FURTHER_ARENAS: readonly Rule<string>[] = [
  {
    name: "one-arena",
    stops: "open",
    broken: (first) => `libbpf refuses a second arena, the first is ${first} (use one)`,
  },
];

const LONE_STRUCT_OPS: readonly Rule<string>[] = [
  {
    name: "struct-ops-alone",
    stops: "process",
    until: "1.4",
    broken: () =>
      'libbpf before 1.4 crashes on a struct_ops map where no program of the object is placed by the kernel\'s BTF (add a SEC("struct_ops/...") program)',
  },
];

function findIn<T>(
  rules: readonly Rule<T>[],
  part: T,
  of: Pick<Finding, "where" | "part" | "name" | "optional">,
): Finding[] {
  return rules.flatMap(({ name: rule, stops, until, broken }) => {
    const what = broken(part);
    if (what === undefined) return [];
    // What is optional is opened all the same.
    const optional = of.optional && stops !== "open";
    return [{ ...of, rule, what, stops, optional, ...(until !== undefined && { until }) }];
  });
}

/** What the readers of an object's parts found that libbpf refuses: they alone see it. */
function refusals({ maps, warnings }: ObjectModel): Finding[] {
  return warnings.flatMap(({ where, what, stops, until }) => {
    if (stops === undefined) return [];
    const map = maps.find(({ name }) => where === `map ${name}`);
    const of = map === undefined ? { part: "object" as const, name: "" } : { part: "map" as const, name: map.name };
    return [{ ...of, rule: "definition", where, what, stops, optional: false, ...(until !== undefined && { until }) }];
  });
}

/** Every rule that the object breaks, by part. */
export function findings(model: ObjectModel): Finding[] {
  const { maps, programs, unusedMembers = [], unlinked = [], strays = [], loneFunction, loneStructOps } = model;
  return [
    ...maps.flatMap((map) => {
      const of = { where: `map ${map.name}`, part: "map" as const, name: map.name, optional: false };
      return [...findIn(MAPS, map, of), ...slotsOf(map, model).flatMap((slot) => findIn(SLOTS, slot, of))];
    }),
    ...maps
      .filter(({ type }) => type === "arena")
      .slice(1)
      .flatMap(({ name }) =>
        findIn(FURTHER_ARENAS, maps.find(({ type }) => type === "arena")!.name, {
          where: `map ${name}`,
          part: "map",
          name,
          optional: false,
        }),
      ),
    ...programs.flatMap((program) => {
      const { name, autoload } = program;
      const isUnused = unusedMembers.includes(name);
      return findIn(
        PROGRAMS,
        { ...program, isUnused },
        {
          where: `program ${shown(name)}`,
          part: "program",
          name,
          optional: !autoload,
        },
      );
    }),
    ...(loneFunction === undefined ? [] : [loneFunction]).flatMap((name) =>
      findIn(LONE_FUNCTIONS, name, { where: `program ${shown(name)}`, part: "program", name, optional: false }),
    ),
    ...(loneStructOps === undefined ? [] : [loneStructOps]).flatMap((name) =>
      findIn(LONE_STRUCT_OPS, name, { where: `map ${name}`, part: "map", name, optional: false }),
    ),
    ...unlinked.flatMap((name) =>
      findIn(EXTERNS, name, { where: `extern ${printable(name)}`, part: "extern", name, optional: false }),
    ),
    ...strays.flatMap((stray) => {
      const { section: name } = stray;
      return findIn(STRAYS, stray, { where: `section ${shown(name)}`, part: "section", name, optional: false });
    }),
    ...refusals(model),
  ];
}
