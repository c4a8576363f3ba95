// The structs of an object that its author made for data of his own, which events may be: those of globals, of values of maps
// and of parameters of his functions. Most structs in BTF are others: the kernel's, brought in by contexts and CO-RE.

import { skipModifiersAndTypedefs } from "../btf/graph.ts";
import { readCoreTypes } from "../btf/ext.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import { sectionData } from "../elf/read.ts";
import { isKernelStruct } from "./kernelstructs.ts";
import type { MapModel, ProgramModel } from "./model.ts";
import type { Source } from "./source.ts";

/** A struct or union with a name. */
export interface Candidate {
  /** The struct, or the typedef that names it where nothing else does. */
  readonly type: TypeId;
  readonly size: number;
  /** "struct event", "event_t". */
  readonly spelled: string;
}

/** The structs that events may be, each once. */
export function findAuthors(
  source: Source,
  bytes: Uint8Array,
  maps: readonly MapModel[],
  programs: readonly ProgramModel[],
): Candidate[] {
  const { types } = source;
  const entries = new Set(programs.map(({ funcType }) => funcType));
  const kernels = new Set<TypeId>(coreTypes(source, bytes));
  const own: TypeId[] = [...globals(source), ...maps.flatMap(valueTypes)];
  types.forEach((type, id) => {
    if (type.kind !== "func" || type.linkage === "extern") return;
    const params = paramsOf(types, type.type);
    if (!entries.has(id)) own.push(...params);
    // What a program is given is the kernel's context.
    else for (const param of params) kernels.add(structOf(types, param)?.struct ?? 0);
  });
  const found = new Map<TypeId, Candidate>();
  for (const id of own) {
    const named = structOf(types, id);
    if (named === undefined || kernels.has(named.struct) || found.has(named.struct)) continue;
    const candidate = candidateOf(types, named);
    if (candidate !== undefined) found.set(named.struct, candidate);
  }
  return [...found.values()];
}

interface Named {
  readonly struct: TypeId;
  readonly type: TypeId;
}

/** The struct or union that `id` is, is an array of, or points to; undefined for others and for those without a name. */
function structOf(types: readonly BtfType[], id: TypeId): Named | undefined {
  let pointers = 0;
  let typedef: TypeId | undefined;
  for (let at = id; ;) {
    const type = types[at]!;
    switch (type.kind) {
      case "struct":
      case "union": {
        const name = type.name === "" ? typedef : at;
        return name === undefined ? undefined : { struct: at, type: name };
      }
      case "ptr":
        if (pointers++ > 0) return undefined;
        typedef = undefined;
        break;
      case "array":
        typedef = undefined;
        break;
      case "typedef":
        typedef = at;
        break;
      case "const":
      case "volatile":
      case "restrict":
      case "type_tag":
      case "var":
        break;
      default:
        return undefined;
    }
    at = type.type;
  }
}

function candidateOf(types: readonly BtfType[], { struct, type }: Named): Candidate | undefined {
  const record = types[struct]!;
  if ((record.kind !== "struct" && record.kind !== "union") || record.size === 0) return undefined;
  return isKernelStruct(record.name) ? undefined : { type, size: record.size, spelled: spellType(types, type) };
}

function paramsOf(types: readonly BtfType[], id: TypeId): readonly TypeId[] {
  const proto = types[id]!;
  return proto.kind === "func_proto" ? proto.params.map(({ type }) => type) : [];
}

/** Sections whose variables are definitions, or the kernel's. */
const NO_DATA = /^(\.maps|\.kconfig|\.ksyms|license|version|\??\.struct_ops.*)$/;

function globals({ types, datasecs }: Source): TypeId[] {
  return [...datasecs.values()]
    .filter(({ name }) => !NO_DATA.test(name))
    .flatMap(({ vars }) => vars.map(({ type }) => type))
    .filter((id) => {
      const variable = types[id]!;
      return variable.kind === "var" && variable.linkage !== "extern";
    });
}

function valueTypes({ valueType, inner }: MapModel): TypeId[] {
  return [...(valueType === undefined ? [] : [valueType]), ...(inner === undefined ? [] : valueTypes(inner))];
}

function coreTypes({ elf, types }: Source, bytes: Uint8Array): TypeId[] {
  const section = elf.sections.find(({ name }) => name === ".BTF.ext");
  if (section === undefined) return [];
  return [...readCoreTypes(sectionData(bytes, section), elf.endian)]
    .filter((id) => id < types.length)
    .map((id) => skipModifiersAndTypedefs(types, id));
}
