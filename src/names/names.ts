// Layouts and the object's name in, TypeScript names out: one PascalCase name per type, none twice. Maps, programs,
// fields and globals keep their C spelling and need no name from here.

import type { TypeId } from "../btf/types.ts";
import type { NamedLayout, TypeName } from "../layout/layout.ts";

/** The TypeScript names of one generated module. */
export interface Names {
  /** Of the skeleton. */
  readonly skeleton: string;
  /** Of structs and enums, by BTF id. */
  readonly types: Readonly<Record<TypeId, string>>;
  /** Of what structs with a union in them are written from, by BTF id. */
  readonly inits: Readonly<Record<TypeId, string>>;
}

/** What generated code itself refers to: the runtime's namespace and the globals in its types. */
const TAKEN: readonly string[] = ["s", "Uint8Array"];

/** Who keeps a name that several want: skeleton first, then by rank, then by BTF id. */
const RANKS: readonly TypeName["rank"][] = ["struct", "union", "enum", "typedef", "anonymous"];

/**
 * `execve_counter` -> `ExecveCounter`, `event_t` -> `EventT`, `Option<u32>` -> `OptionU32`. Always an identifier, never a
 * reserved word.
 */
export function pascalCase(name: string): string {
  const text = name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
  if (text === "") return "Unnamed";
  return /^[0-9]/.test(text) ? `_${text}` : text;
}

/** `prog.bpf.o` -> `prog`: the object's name as bpftool makes it from a file name. */
export function objectNameOf(file: string): string {
  const base = file.slice(file.lastIndexOf("/") + 1);
  const stem = base.replace(/\.o$/, "").replace(/\.bpf$/, "");
  return stem.replace(/[^A-Za-z0-9_]/g, "_") || "bpf";
}

/** Names for the skeleton of object `objectName` and for `types`. */
export function assignNames(objectName: string, types: readonly NamedLayout[]): Names {
  const skeleton = pascalCase(objectName);
  const wanted = [...types]
    .sort((a, b) => RANKS.indexOf(a.name.rank) - RANKS.indexOf(b.name.rank) || a.type - b.type)
    .map((layout) => ({ id: layout.type, name: pascalCase(layout.name.name) }));
  // A suffixed name must not take what another type is called by right.
  const rightful = new Set([skeleton, ...wanted.map(({ name }) => name)]);
  const used = new Set([...TAKEN, skeleton]);
  const claim = (name: string): string => {
    if (!used.has(name)) return name;
    for (let n = 2; ; n++) {
      const candidate = `${name}_${n}`;
      if (!used.has(candidate) && !rightful.has(candidate)) return candidate;
    }
  };
  const assigned: Record<TypeId, string> = {};
  for (const { id, name } of wanted) {
    const own = claim(name);
    used.add(own);
    assigned[id] = own;
  }
  const inits: Record<TypeId, string> = {};
  for (const layout of types) {
    if (layout.kind !== "struct" || !layout.init) continue;
    const own = claim(`${assigned[layout.type]!}Init`);
    used.add(own);
    inits[layout.type] = own;
  }
  return { skeleton, types: assigned, inits };
}
