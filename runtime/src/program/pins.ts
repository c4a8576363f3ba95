// Files in a BPF file system that keep a program alive: made and removed.

import { ValueError } from "../errors.ts";
import { bpfError } from "../library/failure.ts";
import { idOf } from "../library/info.ts";
import { kindOfDescriptor } from "../library/mapinfo.ts";
import { pinHint } from "../library/pinfile.ts";
import { checkPath } from "../maps/checks.ts";
import { show } from "../memory/refuse.ts";
import { libc } from "../native.ts";
import type { KernelProgram } from "./core.ts";

/** Makes the pin (BPF_OBJ_PIN). */
export function pinProgram(program: KernelProgram, file: string): void {
  const { library, name, object } = program;
  const fd = program.use();
  checkPath(file, `program ${name}: pin`);
  const syscall = "bpf_obj_pin";
  const result = library.fn(syscall)(fd, file);
  if (result >= 0) return;
  throw bpfError(library, {
    errno: -result,
    syscall,
    verb: "pin",
    object,
    program: name,
    hint: pinHint(-result, file),
  });
}

/** Removes the pin, once the kernel has said that it is this program's. */
export function unpinProgram(program: KernelProgram, file: string): void {
  const { library, name } = program;
  const fd = program.use();
  const path = `program ${name}: unpin`;
  checkPath(file, path);
  const other = library.fn("bpf_obj_get")(file);
  let same = false;
  if (other >= 0) {
    try {
      // Ids of programs and maps are counted apart.
      const isProgram = (kindOfDescriptor(other) ?? "bpf-prog") === "bpf-prog";
      same = isProgram && idOf(library, other) === idOf(library, fd);
    } finally {
      libc().close(other);
    }
  }
  if (!same) throw new ValueError(`${path}: expected a pin of this program, got ${show(file)}`, path);
  process.getBuiltinModule("node:fs").unlinkSync(file);
}
