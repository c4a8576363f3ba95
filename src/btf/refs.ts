// Whether every reference of a type leads to a type of a legal kind: decoded types in, an error or nothing out.
// kernel/bpf/btf.c `btf_ref_type_check_meta`, `btf_func_check` and the other `*_resolve`; libbpf `btf_validate_type`

import { entry, label, typeError } from "./label.ts";
import type { BtfKind, BtfType, TypeId } from "./types.ts";

/** Kinds that declare something; no type is made of them. */
const DECLARATIONS: ReadonlySet<BtfKind> = new Set(["func", "var", "datasec", "decl_tag"]);

/** Kinds that a `btf_decl_tag` attribute may stand on. */
const TAGGED: ReadonlySet<BtfKind> = new Set(["struct", "union", "typedef", "func", "var"]);

/** Whether a type may be made of one of this kind. */
export const isType = (kind: BtfKind): boolean => !DECLARATIONS.has(kind);

/** Throws at the first reference that is out of range or of a wrong kind. */
export function checkRefs(types: readonly BtfType[]): void {
  types.forEach((type, id) => {
    /** `word`, `index` and `name` say which reference of several it is. */
    const refer = (
      target: TypeId,
      legal: (kind: BtfKind) => boolean,
      word?: string,
      index?: number,
      name = "",
    ): BtfType => {
      const to = types[target];
      if (to !== undefined && legal(to.kind)) return to;
      const which = word === undefined ? "" : `${index === undefined ? word : entry(word, index, name)} `;
      throw typeError(
        id,
        type,
        to === undefined
          ? `${which}refers to type ${target}, got only ${types.length} types`
          : `${which}must not refer to ${label(target, to)}`,
      );
    };
    switch (type.kind) {
      case "ptr":
      case "const":
      case "volatile":
      case "restrict":
      case "typedef":
      case "type_tag":
        refer(type.type, isType);
        break;
      case "array":
        refer(type.type, isType, "element");
        refer(type.indexType, isType, "index");
        break;
      case "struct":
      case "union":
        type.members.forEach((member, index) => refer(member.type, isType, "member", index, member.name));
        break;
      case "func":
        refer(type.type, (kind) => kind === "func_proto");
        break;
      case "func_proto":
        refer(type.returnType, isType, "return value");
        type.params.forEach((param, index) => refer(param.type, isType, "parameter", index, param.name));
        break;
      case "var":
        refer(type.type, isType);
        break;
      case "datasec":
        type.vars.forEach(({ type: target, offset, size }, index) => {
          refer(target, (kind) => kind === "var" || kind === "func", "entry", index);
          // The size stays 0 until libbpf or bpftool has linked the object.
          if (type.size !== 0 && offset + size > type.size) {
            throw typeError(
              id,
              type,
              `entry ${index} ends at byte ${offset + size}, got a section of ${type.size} bytes`,
            );
          }
        });
        break;
      case "decl_tag": {
        const to = refer(type.type, (kind) => TAGGED.has(kind));
        const components = componentsOf(types, to);
        if (type.componentIndex < -1 || type.componentIndex >= components) {
          throw typeError(
            id,
            type,
            `tags component ${type.componentIndex} of ${label(type.type, to)}, got only ${components}`,
          );
        }
        break;
      }
      case "void":
      case "int":
      case "float":
      case "enum":
      case "enum64":
      case "fwd":
        break;
    }
  });
}

/** Members or parameters that a declaration tag may name. */
function componentsOf(types: readonly BtfType[], type: BtfType): number {
  if (type.kind === "struct" || type.kind === "union") return type.members.length;
  const proto = type.kind === "func" ? types[type.type] : undefined;
  return proto?.kind === "func_proto" ? proto.params.length : 0;
}
