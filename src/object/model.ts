// The ObjectModel: everything the generator needs to know about a BPF object, as plain JSON-able data.
// `ebpf-skel inspect x.o --json` prints it. The same object gives the same model on every machine.

import type { BtfType, TypeId } from "../btf/types.ts";
import type { Endian } from "../elf/elf.ts";

/** A map as its definition in `.maps` declares it, or a legacy one in `maps`. */
export interface MapModel {
  readonly name: string;
  /** The kernel's name in lower case without `BPF_MAP_TYPE_`: "hash", "ringbuf"; a number the table does not know stays "type_99". */
  readonly type: string;
  /** `enum bpf_map_type`. */
  readonly typeId: number;
  /** Bytes; 0 when the definition leaves it out. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `map_flags` (BPF_F_*). */
  readonly flags: number;
  /** `map_extra`, as decimal text since it is a u64; "0" when absent. */
  readonly extra: string;
  readonly numaNode: number;
  /** `__uint(pinning, LIBBPF_PIN_BY_NAME)`. */
  readonly pinning: "none" | "by_name";
  /** BTF id of the key and value types; undefined where only a size is declared. */
  readonly keyType?: TypeId;
  readonly valueType?: TypeId;
  /** `__array(values, ...)` of a map of maps: the inner map's definition. */
  readonly inner?: MapModel;
  /** Of a map that programs of other files cannot see: "static", or "hidden" by its visibility. */
  readonly linkage?: "static" | "hidden";
  /** A value of `pinning` that libbpf does not know. */
  readonly unknownPinning?: number;
  /** Defined as `struct bpf_map_def SEC("maps")`, which the carried object does not have any more. */
  readonly legacy?: true;
  /** Of ring buffers and perf buffers: what their records are. */
  readonly events?: EventsModel;
  /** What `.values = {...}` puts into slots at load, by slot: names of maps, or of programs. */
  readonly slots?: readonly SlotModel[];
}

/** What is known of the records of a ring buffer, perf buffer or user ring buffer. */
export interface EventsModel {
  /** BTF ids, several where records of several types are told apart by their length; none: bytes. */
  readonly types: readonly TypeId[];
  /** `__type(value, ...)`, the option `events`, debug information of what is sent, or the sizes that programs send. */
  readonly source: "declared" | "option" | "dwarf" | "inferred" | "none";
  /** The constant sizes in the bytecode, in bytes, ascending. */
  readonly sizes: readonly number[];
  /** Why programs send what has no type here, and what helps. */
  readonly reason?: string;
}

/** One slot that load fills. */
export interface SlotModel {
  readonly index: number;
  /** Of a map or a program. */
  readonly name: string;
}

/** A program: one function symbol in an executable section that is not `.text`. */
export interface ProgramModel {
  readonly name: string;
  /** The section as written in C, without a leading `?`: "tracepoint/syscalls/sys_enter_execve". */
  readonly section: string;
  /** False for `SEC("?...")`. */
  readonly autoload: boolean;
  /** Bytes of instructions. */
  readonly size: number;
  /** Of a static function. */
  readonly linkage?: "static";
  /** libbpf's SEC() table entry that places it; undefined when the table does not know the section. */
  readonly sec?: SecDef;
  /** BTF id of its FUNC; undefined where BTF has none. */
  readonly funcType?: TypeId;
  /** What its code uses; in the model that `inspectObject` gives. */
  readonly uses?: ProgramUses;
}

/** What a program's code uses, itself or through functions that it calls or passes on; names in the order of the code. */
export interface ProgramUses {
  readonly maps: readonly string[];
  /** Global data sections, each with its visible variables that the code takes the address of. */
  readonly globals: readonly { readonly section: string; readonly variables: readonly string[] }[];
  /** Functions of the object. */
  readonly functions: readonly string[];
  /** `enum bpf_func_id`, ascending. */
  readonly helpers: readonly number[];
  /** Functions and variables of the kernel (`extern ... __ksym`). */
  readonly externs: readonly string[];
}

/** One row of the SEC() table, see libbpf.c `section_defs`. */
export interface SecDef {
  /** The prefix as libbpf writes it: "tracepoint+", "xdp", "tcx/ingress". */
  readonly prefix: string;
  /** `enum bpf_prog_type` in lower case without BPF_PROG_TYPE_: "tracepoint". */
  readonly type: string;
  /** `enum bpf_attach_type` in lower case without BPF_, or "" for none. */
  readonly attachType: string;
  /** What attaches such a program; selects the typed options of `attach`. */
  readonly kind: ProgramKind;
  /** Whether libbpf attaches it from the section alone ("yes"), only when it names a target ("target"), or never. */
  readonly auto: "yes" | "target" | "no";
  readonly sleepable: boolean;
  /** The libbpf version that brought it: "1.0" for everything older. */
  readonly since: string;
}

/** What a program is attached by, from its section; "unknown" where that does not tell. */
export type ProgramKind =
  | "socket"
  | "sk_reuseport"
  | "kprobe"
  | "kprobe_multi"
  | "uprobe"
  | "uprobe_multi"
  | "ksyscall"
  | "usdt"
  | "tc"
  | "tcx"
  | "netkit"
  | "tracepoint"
  | "raw_tracepoint"
  | "tracing"
  | "freplace"
  | "lsm"
  | "iter"
  | "syscall"
  | "xdp"
  | "perf_event"
  | "lwt"
  | "sockmap"
  | "lirc"
  | "flow_dissector"
  | "cgroup"
  | "sk_lookup"
  | "struct_ops"
  | "netfilter"
  | "unknown";

/** A section that code takes something from, and what. */
export interface StrayModel {
  readonly section: string;
  /** "" where the code names none. */
  readonly symbol: string;
}

/** A variable of a global data section; offsets are the ELF symbols'. */
export interface VariableModel {
  readonly name: string;
  readonly type: TypeId;
  readonly offset: number;
  readonly size: number;
  readonly weak: boolean;
}

/** A global data section (an "internal map" in libbpf's words). */
export interface SectionModel {
  /** ELF name: ".rodata", ".data.foo". */
  readonly name: string;
  /** bpftool's `get_map_ident`: "rodata", "data_foo". */
  readonly ident: string;
  readonly kind: "data" | "rodata" | "bss" | "kconfig" | "arena";
  readonly size: number;
  /** Visible variables, by offset: not static, not hidden. */
  readonly variables: readonly VariableModel[];
}

/** A struct_ops map (`.struct_ops`, `.struct_ops.link`). */
export interface StructOpsModel {
  readonly name: string;
  /** As written in C: ".struct_ops.link", "?.struct_ops". */
  readonly section: string;
  /** BTF id of its variable. */
  readonly type: TypeId;
  readonly size: number;
  readonly link: boolean;
  /** False for `SEC("?.struct_ops")`. */
  readonly autocreate: boolean;
}

/** Something of an object that a user should know of and that does not stop generation. */
export interface Warning {
  /** Path to the place: "map rb". */
  readonly where: string;
  /** What is wrong and the remedy. */
  readonly what: string;
  /** What fails, where it is a rule of libbpf's that is broken. */
  readonly stops?: "open" | "load";
  /** The first libbpf that has no such rule. */
  readonly until?: string;
  /** Whether it is about what the object loads without: a program of `SEC("?...")`. */
  readonly optional?: boolean;
}

/** Everything the generator knows of an object. */
export interface ObjectModel {
  readonly endian: Endian;
  readonly license: string;
  readonly maps: readonly MapModel[];
  readonly programs: readonly ProgramModel[];
  readonly sections: readonly SectionModel[];
  readonly structOps: readonly StructOpsModel[];
  /** Externs whose definition is in another file. */
  readonly unlinked?: readonly string[];
  /** Sections that code takes something from and libbpf makes no map of. */
  readonly strays?: readonly StrayModel[];
  /** The one function of an object that has code in `.text` alone. */
  readonly loneFunction?: string;
  /** Names of struct_ops programs that no struct_ops map is set to. */
  readonly unusedMembers?: readonly string[];
  /** The struct_ops map of an object in which nothing else needs the kernel's BTF. */
  readonly loneStructOps?: string;
  /** The BTF graph, by type id; behind it what only debug information has and an event needs. */
  readonly types: readonly BtfType[];
  readonly warnings: readonly Warning[];
}
