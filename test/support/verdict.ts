// What a fuzz test holds of one input: a result or a SkelError, within a second.

import { isSkelError, type SkelError } from "../../src/errors.ts";
import type { Warning } from "../../src/object/model.ts";

/** What became of an input. */
export type Verdict<T> =
  { readonly result: T; readonly error?: undefined } | { readonly result?: undefined; readonly error: SkelError };

const CODES: readonly string[] = [
  "ERR_ELF_FORMAT",
  "ERR_ELF_MACHINE",
  "ERR_BTF_MISSING",
  "ERR_BTF_FORMAT",
  "ERR_DWARF_FORMAT",
  "ERR_MAP_DEF",
  "ERR_TYPE",
  "ERR_NAME",
];

/** Milliseconds that one input may take. */
const LIMIT = 1000;

/** What a terminal would obey or hide. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/u;

/** A message is one line that a terminal shows as it is, with names of the object escaped. */
function faultsOf({ code, message }: SkelError): string[] {
  const faults: string[] = [];
  if (!CODES.includes(code)) faults.push(`code ${code}`);
  if (UNPRINTABLE.test(message)) faults.push(`unprintable: ${JSON.stringify(message)}`);
  if (message.length < 10 || message.length > 1000)
    faults.push(`${message.length} characters: ${message.slice(0, 200)}`);
  return faults;
}

/** The same for warnings, which need no code. */
export function faultsOfWarnings(warnings: readonly Warning[]): string[] {
  return warnings
    .map(({ where, what }) => `${where}: ${what}`)
    .filter((text) => UNPRINTABLE.test(text) || !/^.+: .{5,}$/.test(text))
    .map((text) => `warning: ${JSON.stringify(text)}`);
}

/** Settles what a thrown `e` means; throws, naming the input, where it is no SkelError or says it badly. */
function settle(e: unknown, input: string): { readonly error: SkelError } {
  if (!isSkelError(e)) throw new Error(`${input}: threw ${String(e)}`, { cause: e });
  const faults = faultsOf(e);
  if (faults.length > 0) throw new Error(`${input}: ${faults.join("; ")}`, { cause: e });
  return { error: e };
}

/** Runs `fn` on the input that `input` names. A slow run counts only when it is slow again: others use this machine too. */
export function judge<T>(input: string, fn: () => T): Verdict<T> {
  for (let tries = 1; ; tries++) {
    const from = performance.now();
    let verdict: Verdict<T>;
    try {
      verdict = { result: fn() };
    } catch (e) {
      verdict = settle(e, input);
    }
    const took = performance.now() - from;
    if (took <= LIMIT) return verdict;
    if (tries === 3) throw new Error(`${input}: took ${Math.round(took)} ms`);
  }
}

/** The same for what takes its time in steps; nobody promised a second for a whole module. */
export async function judgeAsync<T>(input: string, fn: () => Promise<T>): Promise<Verdict<T>> {
  try {
    return { result: await fn() };
  } catch (e) {
    return settle(e, input);
  }
}

/** Collects what went wrong, so that one bad input does not hide the next. */
export class Findings {
  readonly list: string[] = [];

  check(fn: () => void): void {
    try {
      fn();
    } catch (e) {
      this.add(e instanceof Error ? e.message : String(e));
    }
  }

  add(finding: string): void {
    if (this.list.length < 10) this.list.push(finding);
  }
}
