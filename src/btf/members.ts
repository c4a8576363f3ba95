// Where the members of a struct lie: a struct as recorded in, the same with old-style bitfields made explicit out.
// kernel/bpf/btf.c `btf_struct_check_member` and `btf_int_check_member`; https://docs.kernel.org/bpf/btf.html#btf-kind-struct

import { entry, label, typeError } from "./label.ts";
import type { BtfMember, BtfStruct, BtfType, TypeId } from "./types.ts";

/** What is known, by id, of the types that a struct is made of. */
export interface Resolved {
  /** Bytes; -1 for a type without a size: void, a forward, a function, an array of more bytes than C can count. */
  readonly size: Float64Array;
  /** The type behind modifiers and typedefs. */
  readonly base: Uint32Array;
}

/** Checks that each member lies in its struct, and gives every bitfield its `bitSize`. */
export function placeMembers(
  id: TypeId,
  struct: BtfStruct,
  types: readonly BtfType[],
  { size, base }: Resolved,
): BtfStruct {
  let changed = false;
  const members = struct.members.map((recorded, index) => {
    const type = types[base[recorded.type]!]!;
    const member = withBitSize(recorded, type);
    changed ||= member !== recorded;
    const fail = (what: string): Error => typeError(id, struct, `${entry("member", index, member.name)} ${what}`);

    if (type.kind === "func_proto") throw fail(`must not be ${label(recorded.type, types[recorded.type]!)}`);
    // Of a type that BTF cannot tell (see BtfMember) nothing can be checked, least of all of C++'s member functions and
    // static members, which have no place in the struct: clang gives them made-up ones.
    const bytes = size[recorded.type]!;
    if (bytes < 0 && member.bitSize === 0) return member;
    if (member.bitSize === 0) {
      if (member.bitOffset % 8 !== 0) throw fail(`must begin at a byte, got bit ${member.bitOffset}`);
    } else {
      if (type.kind !== "int" && type.kind !== "enum" && type.kind !== "enum64") {
        throw fail(`is a bitfield, so must be an integer, got ${label(recorded.type, types[recorded.type]!)}`);
      }
      if (member.bitSize > 8 * bytes) throw fail(`has ${member.bitSize} bits, got a type of ${8 * bytes}`);
    }
    const end = member.bitOffset + (member.bitSize || 8 * bytes);
    if (end > 8 * struct.size) throw fail(`ends at bit ${end}, got a ${struct.kind} of ${struct.size} bytes`);
    return member;
  });
  return changed ? { ...struct, members } : struct;
}

/** Before kind_flag, a bitfield was a member whose integer type uses only some of its bits. */
function withBitSize(member: BtfMember, type: BtfType): BtfMember {
  if (member.bitSize !== 0 || type.kind !== "int") return member;
  if (type.bits === 8 * type.size && type.bitOffset === 0) return member;
  return { ...member, bitOffset: member.bitOffset + type.bitOffset, bitSize: type.bits };
}
