// The kernel verifier's log: found in what libbpf printed or in a program's own buffer, and cut to the lines that say why.

import { VerifierError } from "../errors.ts";
import { errnoName } from "../library/errno.ts";
import type { SourceLine } from "./lines.ts";

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

/** The verdict, with the instruction it is about and the line of C that became it, and how many lines are left out. */
export function summarise(log: string, source?: SourceLine | undefined): string {
  const all = log.split("\n").map((line) => line.trim());
  const lines = all.filter((line) => line !== "" && !statistics.test(line));
  const verdict = lines.at(-1) ?? "no reason given";
  const before = lines.at(-2);
  const instruction = before !== undefined && /^\d+: \(/.test(before) ? [before] : [];
  const place =
    source === undefined ? [] : [source.place === undefined ? source.text : `${source.place}: ${source.text}`];
  const shown = [...place, ...instruction, verdict];
  const omitted = lines.length - shown.length;
  const told = shown.join(": ");
  return omitted > 0 ? `${told} (${omitted} ${omitted === 1 ? "line" : "lines"} omitted)` : told;
}

/** The error for a refused program of `object`. */
export function verifierError(
  errno: number,
  object: string,
  refusal: Refusal,
  syscall: string,
  { source, hint }: { readonly source?: SourceLine | undefined; readonly hint?: string | undefined } = {},
): VerifierError {
  const { program, log } = refusal;
  const code = errnoName(errno);
  const remedy = hint === undefined ? "" : ` (${hint})`;
  return new VerifierError(`program ${program}: refused by the verifier, ${code}: ${summarise(log, source)}${remedy}`, {
    code,
    errno,
    syscall,
    object,
    program,
    hint,
    log,
  });
}
