// struct_ops maps: an interface of the kernel, like `struct tcp_congestion_ops`, whose functions are programs of the object.
// Here their types and the handle of a loaded one; structops/shadow.ts is the struct before load.

import type { Codec } from "./codec/codec.ts";
import { StateError, UnsupportedError, ValueError } from "./errors.ts";
import type { Library } from "./library.ts";
import { EBUSY, EEXIST, EINVAL } from "./library/errno.ts";
import { bpfError } from "./library/failure.ts";
import { idOf } from "./library/info.ts";
import { withLog } from "./library/print.ts";
import { type Link, makeLink } from "./link.ts";
import { type Held, libbpfLink, withoutLink } from "./link/held.ts";
import { lastErrno } from "./native.ts";
import type { BpfProgram } from "./program.ts";
import type { LiveLink, ProgramCore } from "./program/core.ts";
import type { DeepReadonly } from "./sections/types.ts";

/** Where each member is and what reads and writes it; "func" for one that is a program's name. */
export type StructOpsMembers<S> = {
  readonly [K in keyof S]: readonly [offset: number, codec: null extends S[K] ? "func" : Codec<S[K], S[K]>];
};

/** The name of a struct_ops program among `Programs`; null for no function. For generated code. */
export type StructOpsFunc<Programs> =
  { [P in keyof Programs]: Programs[P] extends BpfProgram<"struct_ops"> ? P & string : never }[keyof Programs] | null;

/** What generated code says of a struct_ops map. */
export interface StructOpsSpec<S> {
  /** ".struct_ops" or ".struct_ops.link", with a `?` before it where load leaves the map out. */
  readonly section: string;
  /** Of the struct in the object's own BTF, in bytes. */
  readonly size: number;
  readonly members: StructOpsMembers<S>;
}

/** A struct_ops map: its section, the size of its struct, and each member's offset and codec. For generated code. */
export function structOps<S>(section: string, size: number, members: StructOpsMembers<S>): StructOpsSpec<S> {
  return { section, size, members };
}

/**
 * A struct_ops map before load: its members, of which those that are functions are the names of programs, or null.
 * Reading or writing a member is an UnsupportedError before libbpf 1.4.
 */
export type OpenStructOps<S> = { -readonly [K in keyof S]: DeepReadonly<S[K]> } & {
  /** Whether load makes the map; false at first for SEC("?.struct_ops"). Programs that only it names are left out too. */
  $autocreate: boolean;
};

/** A loaded struct_ops map. */
export interface StructOps {
  /** As in C. */
  readonly name: string;
  /** @throws StateError after close, or when it was not made ($autocreate off) */
  readonly fd: number;
  /** The kernel's id, as `bpftool struct_ops show id` takes it. */
  readonly id: number;
  /**
   * Registers it with the kernel's subsystem. The link is also `links.NAME` of the skeleton, and ends with it. One in
   * `.struct_ops` can be registered once only, and stays registered when this process ends without closing it; one in
   * `.struct_ops.link` has a link of the kernel's, which can be pinned.
   * @throws BpfError when the kernel refuses: EEXIST where one of this name is there
   */
  attach(): Link;
}

/** A struct_ops map is attached like a program: a core whose pointer is a `struct bpf_map *`. */
export type StructOpsCore = ProgramCore;

/** Whether the kernel has a link for it. */
export function hasLink(section: string): boolean {
  return section.endsWith(".link");
}

/** @throws UnsupportedError where this libbpf does not know `section` */
export function checkSection(library: Library, object: string, name: string, section: string): void {
  // libbpf.c, `bpf_object_init_struct_ops`
  const needed = section.startsWith("?") ? 4 : hasLink(section) ? 2 : 0;
  if (library.atLeast(1, needed)) return;
  const what = `SEC("${section}") needs libbpf >= 1.${needed}, found ${library.version}`;
  throw new UnsupportedError(`${object}: struct_ops ${name}: ${what}`);
}

function useMap({ owner, name, pointer }: StructOpsCore): number {
  owner.useLoaded();
  const created = owner.library.fn("bpf_map__autocreate")(pointer);
  const fd = created ? owner.library.fn("bpf_map__fd")(pointer) : -1;
  if (fd >= 0) return fd;
  throw new StateError(
    `struct_ops ${name}: not created, its $autocreate is off (set structOps.${name}.$autocreate before load)`,
  );
}

/** Why attaching all leaves it out; undefined when it does not. */
export function whyNotCreated({ owner, pointer }: StructOpsCore): string | undefined {
  return owner.library.fn("bpf_map__autocreate")(pointer) ? undefined : "it is not created, its $autocreate is off";
}

/** See `attach` of {@link StructOps}. */
export function attachStructOps(core: StructOpsCore): Link & LiveLink {
  useMap(core);
  const { owner, name, section, pointer } = core;
  const { library } = owner;
  const syscall = "bpf_map__attach_struct_ops";
  const { result, log } = withLog(library, () => {
    const link = library.fn(syscall)(pointer);
    return { link, errno: link === 0 ? lastErrno() : 0 };
  });
  if (result.link !== 0) return makeLink(core, heldOf(core, result.link));
  const { errno } = result;
  const where = `struct_ops ${name}`;
  const hint = refusal(errno, section);
  throw bpfError(library, { errno, syscall, verb: "attach", where, object: owner.name, map: name, hint, log });
}

/** libbpf has a link for both; where the kernel has none, its descriptor is the map's (`bpf_map__attach_struct_ops`). */
function heldOf(core: StructOpsCore, pointer: number): Held {
  const { library } = core.owner;
  const held = libbpfLink(library, pointer, false);
  if (hasLink(core.section)) return { ...held, replaceMap: (other) => replaceMap(core, pointer, other) };
  const info = { type: "struct_ops", mapId: idOf(library, useMap(core)) ?? 0 } as const;
  return { ...withoutLink(info, () => held.detach()), replaceMap: () => refuseReplacing(core) };
}

/** Has the `struct bpf_link *` at `link`, made of `core`, be of the map `other`. */
function replaceMap({ owner, name }: StructOpsCore, link: number, other: unknown): void {
  const path = `struct_ops ${name}: update`;
  const next = StructOpsHandle.coreOf(other);
  if (next === undefined) throw new ValueError(`${path}: expected a struct_ops map of a loaded skeleton`, path);
  useMap(next);
  if (!hasLink(next.section)) refuseReplacing(next);
  const { library } = owner;
  const syscall = "bpf_link__update_map";
  const { result, log } = withLog(library, () => library.fn(syscall)(link, next.pointer));
  if (result >= 0) return;
  // kernel/bpf/bpf_struct_ops.c, `bpf_struct_ops_map_link_update`, and tcp_cong.c, `tcp_update_congestion_control`.
  const hint = result === -EINVAL ? "it is of another interface, or of another name within it" : undefined;
  const where = { where: `struct_ops ${name}`, object: owner.name, map: name };
  throw bpfError(library, { errno: -result, syscall, verb: `update to ${next.name}`, ...where, hint, log });
}

function refuseReplacing({ name, section }: StructOpsCore): never {
  const what = `a map in SEC("${section}") has no link that could be updated`;
  throw new UnsupportedError(`struct_ops ${name}: ${what} (put it in SEC(".struct_ops.link"), with libbpf >= 1.2)`);
}

function refusal(errno: number, section: string): string | undefined {
  if (errno === EEXIST) return "one of this name is registered already";
  // kernel/bpf/bpf_struct_ops.c: its state never returns to BPF_STRUCT_OPS_STATE_INIT.
  return errno === EBUSY && !hasLink(section)
    ? `a map in SEC("${section}") is registered once: load it again`
    : undefined;
}

class StructOpsHandle implements StructOps {
  readonly #core: StructOpsCore;

  constructor(core: StructOpsCore) {
    this.#core = core;
  }

  get name(): string {
    return this.#core.name;
  }
  get fd(): number {
    return useMap(this.#core);
  }
  get id(): number {
    return idOf(this.#core.owner.library, this.fd) ?? 0;
  }

  attach(): Link {
    return attachStructOps(this.#core);
  }

  /** What is behind `handle`; undefined for anything else. */
  static coreOf(handle: unknown): StructOpsCore | undefined {
    return typeof handle === "object" && handle !== null && #core in handle ? handle.#core : undefined;
  }
}

/** The public handle of a loaded struct_ops map. */
export function makeStructOps(core: StructOpsCore): StructOps {
  return new StructOpsHandle(core);
}
