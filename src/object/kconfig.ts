// The `extern` variables of `.kconfig` in, the section that libbpf makes of them out: it has no bytes in the object, and
// its variables lie where libbpf puts them at open (libbpf.c `bpf_object__collect_externs`), not where BTF says.

import { skipModifiersAndTypedefs, trySizeOf } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import type { ElfSymbol } from "../elf/elf.ts";
import { shown } from "../errors.ts";
import { requireVariableName } from "./identifier.ts";
import type { SectionModel, VariableModel } from "./model.ts";
import type { Source } from "./source.ts";

const KCONFIG = ".kconfig";

/** One variable before it has a place. */
interface Extern extends Omit<VariableModel, "offset"> {
  readonly align: number;
}

/** Whether libbpf can fill in such a variable; libbpf.c `find_kcfg_type`. */
function isSupported(types: readonly BtfType[], id: TypeId, size: number): boolean {
  const type = types[skipModifiersAndTypedefs(types, id)]!;
  switch (type.kind) {
    case "int":
      return type.encoding === "bool" ? size === 1 : [1, 2, 4, 8].includes(size);
    case "enum":
      return size === 4 && type.name === "libbpf_tristate";
    case "enum64":
      return type.name === "libbpf_tristate";
    case "array": {
      const element = types[skipModifiersAndTypedefs(types, type.type)]!;
      return type.length > 0 && element.kind === "int" && element.encoding !== "bool" && element.size === 1;
    }
    default:
      return false;
  }
}

/** btf.c `btf__align_of`, of what {@link isSupported}. */
function alignOf(types: readonly BtfType[], id: TypeId, size: number): number {
  return types[skipModifiersAndTypedefs(types, id)]!.kind === "array" ? 1 : Math.min(size, 8);
}

/** libbpf.c `cmp_externs`: the largest alignment first, then the smallest size, then by name as strcmp does. */
function compare(a: Extern, b: Extern): number {
  return b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1);
}

function readExtern({ types, warn }: Source, id: TypeId, symbols: ReadonlyMap<string, ElfSymbol>): Extern | undefined {
  const variable = types[id]!;
  if (variable.kind !== "var") {
    const name = variable.kind === "func" ? variable.name : `type ${id}`;
    warn({ where: `extern ${shown(name)}`, what: "libbpf refuses functions in .kconfig (use __ksym)", stops: "open" });
    return undefined;
  }
  const { name, type } = variable;
  requireVariableName(name);
  const where = `extern ${name}`;
  const symbol = symbols.get(name);
  if (symbol === undefined || variable.linkage !== "extern") {
    warn({
      where,
      what: "libbpf refuses a variable of .kconfig that is not extern (declare it extern ... __kconfig)",
      stops: "open",
    });
    return undefined;
  }
  const size = trySizeOf(types, type) ?? 0;
  if (!isSupported(types, type, size)) {
    const kinds = "bool, char, integers, enum libbpf_tristate and arrays of char";
    warn({
      where,
      what: `libbpf refuses type ${shown(spellType(types, type))} in .kconfig (it takes ${kinds})`,
      stops: "open",
    });
    return undefined;
  }
  return { name, type, size, weak: symbol.bind === "weak", align: alignOf(types, type, size) };
}

/** The section of Kconfig variables; none where the object has no such variables. */
export function readKconfig(source: Source): SectionModel[] {
  const datasec = source.datasecs.get(KCONFIG);
  if (datasec === undefined) return [];
  // `sym_is_extern`
  const undefinedSymbols = source.elf.symbols.filter(
    ({ section, bind, kind }) => section === "undef" && bind !== "local" && kind === "notype",
  );
  const symbols = new Map(undefinedSymbols.map((symbol) => [symbol.name, symbol]));
  const externs = new Map<string, Extern>();
  for (const { type } of datasec.vars) {
    const extern = readExtern(source, type, symbols);
    if (extern !== undefined && !externs.has(extern.name)) externs.set(extern.name, extern);
  }
  if (externs.size === 0) return [];
  let size = 0;
  const variables = [...externs.values()].sort(compare).map(({ align, ...variable }): VariableModel => {
    const offset = Math.ceil(size / align) * align;
    size = offset + variable.size;
    return { ...variable, offset };
  });
  return [{ name: KCONFIG, ident: "kconfig", kind: "kconfig", size, variables }];
}
