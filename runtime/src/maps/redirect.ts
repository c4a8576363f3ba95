// DEVMAP, DEVMAP_HASH and CPUMAP: where `bpf_redirect_map` sends packets, a device or a CPU, and the program that each
// packet meets there (kernel/bpf/devmap.c, cpumap.c; `struct bpf_devmap_val`, `bpf_cpumap_val`).

import { makeCodec } from "../codec/base.ts";
import type { Codec } from "../codec/codec.ts";
import { u32 } from "../codec/scalars.ts";
import { refuse } from "../memory/refuse.ts";
import type { Program } from "../program.ts";
import type { MapCore, MapSpec } from "./core.ts";
import { objectOf } from "./descriptor.ts";
import { type Keyed, KeyedHandle } from "./kernelvalues.ts";
import { type ModeOptions, type Slots, SlotsHandle } from "./slots.ts";

/** A device in a map: as it is read. */
export interface DeviceEntry {
  /** The device's number, of the map's network namespace. */
  readonly ifindex: number;
  /** The id of the program that runs on each packet for it. */
  readonly prog?: number;
}

/** A device for a map: its number alone, or with a program of SEC("xdp/devmap"). */
export type DeviceInit = number | { readonly ifindex: number; readonly prog?: Program | undefined };

/** A CPU in a map: as it is read. */
export interface CpuEntry {
  /** How many packets wait for it at most. */
  readonly qsize: number;
  /** The id of the program that runs on each packet there. */
  readonly prog?: number;
}

/** A CPU for a map: the length of its queue, 1 to 16384 packets, alone or with a program of SEC("xdp/cpumap"). */
export type CpuInit = number | { readonly qsize: number; readonly prog?: Program | undefined };

/** Devices by index. Programs need values of 8 bytes: __type(value, struct bpf_devmap_val). */
export interface DevMap extends Slots<DeviceEntry, DeviceInit> {
  /**
   * Puts a device there.
   * @throws ValueError when `index` is outside or the device no number
   * @throws BpfError EINVAL when there is no such device in the network namespace of this process
   */
  set(index: number, device: DeviceInit, options?: ModeOptions): void;
}

/** Devices by any number, most often their ifindex; otherwise as {@link DevMap}. */
export type DevMapHash = Keyed<number, DeviceEntry, DeviceInit>;

/** Queues to CPUs; the index is the CPU's number. Programs need __type(value, struct bpf_cpumap_val). */
export type CpuMap = Slots<CpuEntry, CpuInit>;

type Entry<F extends string> = { readonly [N in F]: number } & { readonly prog?: number };
type Init<F extends string> = number | ({ readonly [N in F]: number } & { readonly prog?: Program | undefined });

/** One number and, in values of 8 bytes, a program: written as a descriptor, read as an id. */
function target<F extends "ifindex" | "qsize">(field: F, size: number): Codec<Entry<F>, Init<F>> {
  return makeCodec<Entry<F>, Init<F>>({
    name: field,
    size,
    read(m, at) {
      const prog = size === 8 ? m.u32(at + 4) : 0;
      return { [field]: m.u32(at), ...(prog !== 0 && { prog }) } as Entry<F>;
    },
    write(m, at, value) {
      const number: unknown = typeof value === "object" && value !== null ? value[field] : value;
      const prog = typeof value === "object" && value !== null ? value.prog : undefined;
      // To the kernel 0 means: take it out.
      if (typeof number !== "number" || number === 0) refuse(`${field} of at least 1`, number, "delete empties a slot");
      if (prog !== undefined && size !== 8) {
        refuse(
          `${field} alone`,
          value,
          `for programs write __type(value, struct bpf_${field === "qsize" ? "cpu" : "dev"}map_val)`,
        );
      }
      m.setU32(at, number);
      if (size === 8) m.setU32(at + 4, prog === undefined ? 0 : objectOf(prog, "a program of a skeleton"));
    },
  });
}

/** `dev_map_delete_elem` and `cpu_map_delete_elem` do not say whether there was something. */
class RedirectSlots<V, Init> extends SlotsHandle<V, Init> {
  override delete(index: number): boolean {
    const filled = this.cells.has(this.inside(index));
    if (filled) this.cells.delete(index);
    return filled;
  }
}

/** A map of type DEVMAP. For generated code. */
export function devMap(): MapSpec<DevMap> {
  return slots("devmap", "ifindex");
}

/** A map of type CPUMAP. For generated code. */
export function cpuMap(): MapSpec<CpuMap> {
  return slots("cpumap", "qsize");
}

function slots<F extends "ifindex" | "qsize">(type: string, field: F): MapSpec<Slots<Entry<F>, Init<F>>> {
  const create = (map: MapCore): Slots<Entry<F>, Init<F>> => new RedirectSlots(map, target(field, map.valueSize));
  return { type, keySize: 4, valueSize: undefined, create };
}

/** A map of type DEVMAP_HASH. For generated code. */
export function devMapHash(): MapSpec<DevMapHash> {
  const create = (map: MapCore): DevMapHash => new KeyedHandle(map, u32, target("ifindex", map.valueSize));
  return { type: "devmap_hash", keySize: 4, valueSize: undefined, create };
}
