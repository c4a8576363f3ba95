// The kernel verifier's log: found in what libbpf printed or in a program's own buffer, and cut to the lines that say why.

import { VerifierError } from "../errors.ts";
import { errnoName } from "../library/errno.ts";

/** A program that the verifier refused, and its whole log. */
export interface Refusal {
  readonly program: string;
  readonly log: string;
}

/** The refusal that libbpf printed (libbpf.c, `bpf_object_load_prog`); undefined when the load failed otherwise. */
export function findRefusal(printed: string): Refusal | undefined {
  const block = /prog '([^']*)': -- BEGIN PROG LOAD LOG --\n([\s\S]*?)-- END PROG LOAD LOG --/.exec(printed);
  const [, program, log] = block ?? [];
  return program === undefined || log === undefined || log.trim() === "" ? undefined : { program, log };
}

// What the verifier adds after its verdict (kernel/bpf/verifier.c, `print_verification_stats`).
const statistics = /^(verification time|stack depth|processed \d+ insns|max_states_per_insn|mark_read)/;

/** The verdict, one line before it where that is the instruction it is about, and how many lines are left out. */
export function summarise(log: string): string {
  const all = log.split("\n").map((line) => line.trim());
  const lines = all.filter((line) => line !== "" && !statistics.test(line));
  const verdict = lines.at(-1) ?? "no reason given";
  const before = lines.at(-2);
  const shown = before !== undefined && /^\d+: \(/.test(before) ? `${before}: ${verdict}` : verdict;
  const omitted = lines.length - (shown === verdict ? 1 : 2);
  return omitted > 0 ? `${shown} (${omitted} ${omitted === 1 ? "line" : "lines"} omitted)` : shown;
}

/** The error for a refused program of `object`. */
export function verifierError(errno: number, object: string, refusal: Refusal, syscall: string): VerifierError {
  const { program, log } = refusal;
  const code = errnoName(errno);
  return new VerifierError(`program ${program}: refused by the verifier, ${code}: ${summarise(log)}`, {
    code,
    errno,
    syscall,
    object,
    program,
    log,
  });
}
