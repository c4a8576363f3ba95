// A failed bpf_object__load in, the error for it out: the verifier's refusal of one program, or a BpfError with a hint.

import type { ProgramKind } from "../abi.ts";
import type { BpfError } from "../errors.ts";
import type { Library } from "../library.ts";
import { EPERM, errnoText, isOutOfDescriptors } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { mapType, programType } from "../library/kernel.ts";
import type { Log } from "../library/print.ts";
import { type FailedMap, loadHint, lockedDown, withoutPerfmon } from "./hints.ts";
import { lastLine, stackHint } from "./lines.ts";
import { type BrokenRule, stoppedLoad } from "./rules.ts";
import { findRefusedPin, pinnedDifference } from "./pinned.ts";
import { tokenHint, tokenLacks } from "./token.ts";
import { findRefusal, type Refusal, verifierError } from "./verifier.ts";

/** What is known of a load that failed. */
export interface FailedLoad {
  readonly errno: number;
  /** The skeleton's name. */
  readonly object: string;
  readonly bytes: Uint8Array;
  /** Of the programs that are loaded. */
  readonly kinds: readonly ProgramKind[];
  readonly log: Log | undefined;
  /** What its module says that breaks a rule. */
  readonly rules: readonly BrokenRule[];
  /** Found in a program's own buffer, where libbpf could not be heard. */
  readonly refusal: Refusal | undefined;
  /** `struct bpf_map *` and `struct bpf_program *` by name, or 0. */
  readonly findMap: (name: string) => number;
  readonly findProgram: (name: string) => number;
}

/** The error for a failed load of an object that is still open. */
export function loadError(library: Library, failed: FailedLoad): BpfError {
  const { errno, object, log, kinds } = failed;
  const syscall = "bpf_object__load";
  const printed = log?.text ?? "";
  const refusal = findRefusal(printed) ?? failed.refusal;
  // Without a descriptor for a program that it has verified, the kernel keeps the log all the same.
  if (refusal !== undefined && !isOutOfDescriptors(errno)) {
    const source = lastLine(failed.bytes, refusal.program, refusal.log);
    return verifierError(errno, object, refusal, syscall, {
      source,
      hint:
        lockedDown(refusal.log) ?? withoutPerfmon(refusal.log) ?? stackHint(failed.bytes, refusal.program, refusal.log),
    });
  }
  const pin = findRefusedPin(printed);
  const pinned = pin === undefined ? 0 : failed.findMap(pin.map);
  const difference = pin === undefined || pinned === 0 ? undefined : pinnedDifference(library, pinned, pin.path);
  if (difference !== undefined)
    return bpfError(library, { errno, syscall, object, where: object, map: pin?.map, hint: difference, log });
  const program = /prog '([^']+)': (?:BPF program load failed|failed to load)/.exec(printed)?.[1];
  const unfilled = /map '([^']+)': failed to initialize slot/.exec(printed)?.[1];
  const map = unfilled ?? /map '([^']+)': failed to create/.exec(printed)?.[1];
  const pointer = program === undefined ? 0 : failed.findProgram(program);
  const broken = stoppedLoad(library, failed.rules, {
    errno,
    map,
    slot: unfilled !== undefined,
    program,
    mapNow: (name) => {
      const found = failed.findMap(name);
      if (found === 0) return { maxEntries: 0, flags: 0 };
      return {
        maxEntries: library.fn("bpf_map__max_entries")(found),
        flags: library.fn("bpf_map__map_flags")(found),
      };
    },
  });
  const token = tokenHint(printed) ?? (errno === EPERM ? tokenLacks(library) : undefined);
  if (token !== undefined) return bpfError(library, { errno, syscall, object, where: object, hint: token, log });
  const hint = loadHint({
    errno,
    kinds,
    map: map === undefined || unfilled !== undefined ? undefined : describeMap(library, failed.findMap(map)),
    programType: pointer === 0 ? undefined : programType(library.fn("bpf_program__type")(pointer)),
    log: printed,
  });
  const why = isOutOfDescriptors(errno) ? errnoText(library, errno) : (broken ?? hint);
  const told = why === undefined || program === undefined || why === broken ? why : `program ${program}: ${why}`;
  return bpfError(library, { errno, syscall, object, where: object, map, program, hint: told, log });
}

function describeMap(library: Library, map: number): FailedMap | undefined {
  if (map === 0) return undefined;
  return {
    type: mapType(library.fn("bpf_map__type")(map)),
    keySize: library.fn("bpf_map__key_size")(map),
    valueSize: library.fn("bpf_map__value_size")(map),
    maxEntries: library.fn("bpf_map__max_entries")(map),
  };
}
