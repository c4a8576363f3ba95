// bpftool as an oracle: a file with BTF in, the graph that bpftool sees in it out, in the form of parseBtf's.

import { spawnSync } from "node:child_process";

import type { BtfInt, BtfMember, BtfStruct, BtfType, BtfVar } from "../../src/btf/types.ts";

const BPFTOOL = "/usr/sbin/bpftool";

/** What `bpftool -j btf dump file FILE` prints. Needs no privileges. */
export function dumpBtf(file: string): string {
  const { status, stdout, stderr } = spawnSync(BPFTOOL, ["-j", "btf", "dump", "file", file], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`bpftool btf dump file ${file}: ${stdout}${stderr}`);
  return stdout;
}

/**
 * The type graph of bpftool's JSON: `bpftoolTypes(dumpBtf(file))` equals `parseBtf(section).types`. Old-style bitfields are
 * made explicit as parseBtf does.
 */
export function bpftoolTypes(json: string): BtfType[] {
  // Values of an enum64 do not fit a double, so they are read as text.
  const exact = json.replace(/"val":(-?\d+)/g, '"val":"$1"');
  const { types } = JSON.parse(exact) as { types: Row[] };
  const graph: BtfType[] = [{ kind: "void" }, ...types.map(toType)];
  return graph.map((type) => (type.kind === "struct" || type.kind === "union" ? withBitSizes(type, graph) : type));
}

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly bits_offset: number;
  readonly nr_bits: number;
  readonly encoding: string;
  readonly type_id: number;
  readonly index_type_id: number;
  readonly nr_elems: number;
  readonly ret_type_id: number;
  readonly fwd_kind: "struct" | "union";
  readonly linkage: BtfVar["linkage"];
  readonly component_idx: number;
  readonly members: readonly { name: string; type_id: number; bits_offset: number; bitfield_size?: number }[];
  readonly values: readonly { name: string; val: string }[];
  readonly params: readonly { name: string; type_id: number }[];
  readonly vars: readonly { type_id: number; offset: number; size: number }[];
}

const ENCODINGS: Readonly<Record<string, BtfInt["encoding"]>> = {
  "(none)": "unsigned",
  SIGNED: "signed",
  CHAR: "char",
  BOOL: "bool",
  // Several at once; gcc gives char SIGNED and CHAR.
  UNKN: "char",
};

function toType(row: Row): BtfType {
  const { size, type_id: type } = row;
  const name = named(row.name);
  switch (row.kind) {
    case "INT": {
      const encoding = ENCODINGS[row.encoding];
      if (encoding === undefined) throw new Error(`bpftool: unknown encoding ${row.encoding}`);
      return { kind: "int", name, size, encoding, bits: row.nr_bits, bitOffset: row.bits_offset };
    }
    case "PTR":
      return { kind: "ptr", type };
    case "ARRAY":
      return { kind: "array", type, indexType: row.index_type_id, length: row.nr_elems };
    case "STRUCT":
    case "UNION":
      return {
        kind: row.kind === "STRUCT" ? "struct" : "union",
        name,
        size,
        members: row.members.map((member) => ({
          name: named(member.name),
          type: member.type_id,
          bitOffset: member.bits_offset,
          bitSize: member.bitfield_size ?? 0,
        })),
      };
    case "ENUM":
    case "ENUM64":
      return {
        kind: row.kind === "ENUM" ? "enum" : "enum64",
        name,
        size,
        signed: row.encoding === "SIGNED",
        values: row.values.map(({ name: n, val }) => ({ name: named(n), value: valueOf(row, val) })),
      };
    case "FWD":
      return { kind: "fwd", name, of: row.fwd_kind };
    case "TYPEDEF":
      return { kind: "typedef", name, type };
    case "CONST":
      return { kind: "const", type };
    case "VOLATILE":
      return { kind: "volatile", type };
    case "RESTRICT":
      return { kind: "restrict", type };
    case "FUNC":
      return { kind: "func", name, type, linkage: row.linkage };
    case "FUNC_PROTO":
      return {
        kind: "func_proto",
        returnType: row.ret_type_id,
        params: row.params.map((param) => ({ name: named(param.name), type: param.type_id })),
      };
    case "VAR":
      return { kind: "var", name, type, linkage: row.linkage };
    case "DATASEC":
      return {
        kind: "datasec",
        name,
        size,
        vars: row.vars.map((variable) => ({ type: variable.type_id, offset: variable.offset, size: variable.size })),
      };
    case "FLOAT":
      return { kind: "float", name, size };
    case "DECL_TAG":
      return { kind: "decl_tag", name, type, componentIndex: row.component_idx };
    case "TYPE_TAG":
      return { kind: "type_tag", name, type };
    default:
      throw new Error(`bpftool: unknown kind ${row.kind}`);
  }
}

/** bpftool prints a value of an unsigned 32-bit enum sign-extended to 64 bits. */
function valueOf(row: Row, value: string): string {
  return row.kind === "ENUM" && row.encoding === "UNSIGNED" ? String(BigInt.asUintN(32, BigInt(value))) : value;
}

function named(name: string): string {
  return name === "(anon)" ? "" : name;
}

function withBitSizes(struct: BtfStruct, graph: readonly BtfType[]): BtfStruct {
  const members = struct.members.map((member): BtfMember => {
    let type = graph[member.type];
    while (type && (type.kind === "typedef" || type.kind === "const" || type.kind === "volatile"))
      type = graph[type.type];
    if (member.bitSize !== 0 || type?.kind !== "int" || type.bits === 8 * type.size) return member;
    return { ...member, bitOffset: member.bitOffset + type.bitOffset, bitSize: type.bits };
  });
  return { ...struct, members };
}
