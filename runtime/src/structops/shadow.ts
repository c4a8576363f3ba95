// The struct of a struct_ops map between open and load: libbpf's own copy (`struct bpf_struct_ops`.data), which load
// translates to the kernel's layout. Functions in it are `struct bpf_program *`.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { UnsupportedError, ValueError } from "../errors.ts";
import type { Library } from "../library.ts";
import { bpfError } from "../library/failure.ts";
import { ofOwnClass } from "../library/record.ts";
import type { Memory } from "../memory.ts";
import { show } from "../memory/refuse.ts";
import { addressOf, hostMemory, readFrom, writeTo } from "../native.ts";
import type { ProgramCore } from "../program/core.ts";
import { type SectionBytes, Writer } from "../sections/bytes.ts";
import type { StructOpsCore, StructOpsSpec } from "../structops.ts";

/** What the shadow asks of its object. */
interface OpenObject {
  readonly library: Library;
  readonly name: string;
  readonly programs: readonly ProgramCore[];
  /** @throws StateError unless open and not loaded */
  useOpen(): void;
}

/** libbpf's memory, copied for each access: close frees it. */
class ShadowBytes implements SectionBytes {
  readonly #object: OpenObject;
  readonly #core: StructOpsCore;
  readonly #size: number;

  constructor(object: OpenObject, core: StructOpsCore, size: number) {
    this.#object = object;
    this.#core = core;
    this.#size = size;
  }

  read(): Memory {
    return hostMemory(readFrom(this.#address(), this.#size));
  }

  write(at: number, size: number, from: Memory): void {
    writeTo(this.#address() + at, from.u8s.subarray(0, size));
  }

  #address(): number {
    this.#object.useOpen();
    const { library } = this.#object;
    if (!library.atLeast(1, 4)) {
      const what = `its members can be seen and changed since libbpf 1.4, found ${library.version}`;
      throw new UnsupportedError(`struct_ops ${this.#core.name}: ${what}`);
    }
    const size = new BigUint64Array(1);
    return library.fn("bpf_map__initial_value")(this.#core.pointer, addressOf(size.buffer as ArrayBuffer));
  }
}

/** The object a user sees; it has a null prototype and cannot be extended, like a section. */
export function shadowOf(object: OpenObject, core: StructOpsCore, spec: StructOpsSpec<unknown>): object {
  const made = ofOwnClass(null);
  const bytes = new ShadowBytes(object, core, spec.size);
  const members = spec.members as Record<string, readonly [number, Codec<unknown, unknown> | "func"]>;
  for (const [member, [offset, codec]] of Object.entries(members)) {
    const path = `${core.name}.${member}`;
    const accessor = codec === "func" ? funcAt(object, bytes, offset, path) : valueAt(codec, bytes, offset, path);
    Object.defineProperty(made, member, { enumerable: true, ...accessor });
  }
  Object.defineProperty(made, "$autocreate", autocreateOf(object, core));
  return Object.freeze(made);
}

interface Accessor {
  readonly get: () => unknown;
  readonly set: (value: never) => void;
}

function valueAt(codec: Codec<unknown, unknown>, bytes: SectionBytes, offset: number, path: string): Accessor {
  const writer = new Writer(codec);
  return {
    get: () => readChecked(codec, bytes.read(), offset, path),
    set: (value: unknown) => writer.write(bytes, offset, value, path),
  };
}

function funcAt({ programs }: OpenObject, bytes: SectionBytes, offset: number, path: string): Accessor {
  const callable = programs.filter(({ kind }) => kind === "struct_ops");
  return {
    get() {
      const pointer = Number(bytes.read().u64(offset));
      return programs.find((program) => program.pointer === pointer)?.name ?? null;
    },
    set(name: unknown) {
      const program = callable.find((candidate) => candidate.name === name);
      if (program === undefined && name !== null) {
        const known = callable.map((candidate) => candidate.name).join(", ");
        throw new ValueError(
          `${path}: expected a struct_ops program or null, got ${show(name)} (there are ${known})`,
          path,
        );
      }
      const pointer = new BigUint64Array([BigInt(program?.pointer ?? 0)]);
      bytes.write(offset, 8, hostMemory(new Uint8Array(pointer.buffer)));
    },
  };
}

function autocreateOf(object: OpenObject, { name, pointer }: StructOpsCore): Accessor {
  const { library } = object;
  const syscall = "bpf_map__set_autocreate";
  return {
    get() {
      object.useOpen();
      return library.fn("bpf_map__autocreate")(pointer);
    },
    set(on: unknown) {
      object.useOpen();
      const path = `${name}.$autocreate`;
      if (typeof on !== "boolean") throw new ValueError(`${path}: expected a boolean, got ${show(on)}`, path);
      const result = library.fn(syscall)(pointer, on);
      if (result < 0)
        throw bpfError(library, { errno: -result, syscall, verb: "$autocreate", object: object.name, map: name });
    },
  };
}
