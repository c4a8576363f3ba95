// The kernel verifier's log: found in what libbpf printed or in a program's own buffer, and cut to the lines that say why.

import { VerifierError } from "../errors.ts";
import { errnoName } from "../library/errno.ts";
import type { SourceLine } from "./lines.ts";

/** A program that the verifier refused, and its whole log. */
export interface Refusal {
  readonly program: string;
  readonly log: string;
}

/**
 * The refusal that libbpf printed (libbpf.c, `bpf_object_load_prog`); undefined when the load failed otherwise. libbpf prints
 * the log of a program that was verified as well, when the kernel had no descriptor for it.
 */
export function findRefusal(printed: string): Refusal | undefined {
  const block = /prog '([^']*)': -- BEGIN PROG LOAD LOG --\n([\s\S]*?)-- END PROG LOAD LOG --/.exec(printed);
  const [, program, log] = block ?? [];
  return program === undefined || log === undefined || !saysWhy(log) ? undefined : { program, log };
}

/** Whether the verifier says in `log` that something is wrong. */
export function saysWhy(log: string): boolean {
  return linesOf(log).some(isVerdict);
}

// What the verifier adds after its verdict (kernel/bpf/verifier.c, `print_verification_stats`).
const statistics = /^(verification time|stack depth|processed \d+ insns|max_states_per_insn|mark_read)/;

const instruction = /^\d+: \([0-9a-f]{2}\) /;

// What it tells on its way (kernel/bpf/verifier.c and log.c): instructions, lines of C, registers, and where it goes on.
const progress: readonly RegExp[] = [
  instruction,
  /^; /,
  /^(cur|old) state:/,
  // `print_verifier_state`: "R0=inv0 R10=fp0", "5: R1_w=ctx()", "frame1: R6=..", "from 5 to 7: R0=.."
  /^(from \d+ to \d+[^:]*: ?|\d+: ?)?(frame\d+: ?)?(R\d+(_\w+)?=|fp-\d+(_\w+)?=|refs=|$)/,
  /^(from \d+ to \d+[^:]*|\d+): safe$/,
  /^(caller|callee|returning from callee|to caller at \d+):$/,
  /^(mark_precise: |force_precise: |frame \d+: propagating |last_idx \d|parent |regs=|propagating )/,
  /^(func#\d+ @\d+|Live regs before insn:|(Func#\d+|Validating) .*)$/,
];

function linesOf(log: string): string[] {
  const lines = log.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !statistics.test(line));
}

function isVerdict(line: string): boolean {
  return !progress.some((pattern) => pattern.test(line));
}

/** The verdict, with the instruction it is about and the line of C that became it, and how many lines are left out. */
export function summarise(log: string, source?: SourceLine | undefined): string {
  const lines = linesOf(log);
  const at = lines.findLastIndex(isVerdict);
  const verdict = lines[at] ?? "no reason given";
  // Between the two are at most registers and the line of C.
  const before = lines.slice(0, Math.max(at, 0));
  const last = before[before.findLastIndex((line) => isVerdict(line) || instruction.test(line))];
  const stopped = last !== undefined && instruction.test(last) ? [withoutRemark(last)] : [];
  const place =
    source === undefined ? [] : [source.place === undefined ? source.text : `${source.place}: ${source.text}`];
  const told = [...place, ...stopped, verdict].join(": ");
  const omitted = lines.length - place.length - stopped.length - (at < 0 ? 0 : 1);
  return omitted > 0 ? `${told} (${omitted} ${omitted === 1 ? "line" : "lines"} omitted)` : told;
}

/** An instruction without the registers or the line of C that the verifier may add to it: "1: (95) exit ; R0=0". */
function withoutRemark(line: string): string {
  return line.replace(/\s+; .*$/, "").replace(/ \d+: R\d+(_\w+)?=.*$/, "");
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
