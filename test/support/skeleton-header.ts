// What `bpftool gen skeleton` writes, a C header, as data.

import { start } from "./programs.ts";

export interface SkeletonVariable {
  readonly name: string;
  /** From bpftool's own static assertion. */
  readonly size: number;
}

export interface SkeletonHeader {
  readonly maps: readonly string[];
  readonly programs: readonly string[];
  /** The section structs by identifier, with their variables in order. */
  readonly sections: Readonly<Record<string, readonly SkeletonVariable[]>>;
  /** C: the section structs alone, `struct skel__data` and so on. */
  readonly structs: string;
}

/** The header for the object at `path`, or the last line of bpftool's refusal. */
export function genSkeleton(path: string): SkeletonHeader | string {
  const { status, stdout, stderr } = start("bpftool", ["gen", "skeleton", path, "name", "skel"]);
  return status === 0 ? parseHeader(stdout) : stderr.trimEnd().split("\n").at(-1)!;
}

function parseHeader(header: string): SkeletonHeader {
  const body = /^struct skel \{\n([^]*?)^(?:#ifdef __cplusplus|\};)/m.exec(header)![1]!;
  const members = (group: string, type: string): string[] => {
    const text = new RegExp(`^\\tstruct \\{\\n((?:\\t\\tstruct ${type} \\*\\w+;\\n)*)\\t\\} ${group};`, "m").exec(body);
    return [...(text?.[1] ?? "").matchAll(/\*(\w+);/g)].map(([, name]) => name!);
  };
  const sizes = new Map(
    [...header.matchAll(/_Static_assert\(sizeof\(s->(\w+)->(\w+)\) == (\d+)/g)].map(([, section, name, size]) => [
      `${section}.${name}`,
      Number(size),
    ]),
  );
  const structs = [...body.matchAll(/^\tstruct (skel__\w+) \{\n([^]*?)^\t\} \*(\w+);/gm)];
  return {
    maps: members("maps", "bpf_map"),
    programs: members("progs", "bpf_program"),
    sections: Object.fromEntries(
      structs.map(([, , , ident]) => {
        const own = [...sizes].filter(([key]) => key.startsWith(`${ident}.`));
        return [ident!, own.map(([key, size]) => ({ name: key.slice(ident!.length + 1), size }))];
      }),
    ),
    structs: structs.map(([, name, text]) => `struct ${name} {\n${text}};\n`).join(""),
  };
}
