// `ebpf-skel check`: what an object needs, against the machine it runs on.

import { styleText } from "node:util";
import { comment } from "../emit/text.ts";
import { displayPath, SkelError, within } from "../errors.ts";
import { type Answer, answer } from "../live/answer.ts";
import { openKernel } from "../live/kernel.ts";
import { loadRuntime } from "../live/runtime.ts";
import { readNeeds } from "../needs/needs.ts";
import { readObjectFile } from "../files.ts";
import { FAILED, wantsColour } from "./report.ts";

/** What `--json` prints. Members are only ever added. */
export interface CheckReport {
  readonly object: string;
  readonly machine: {
    readonly release: string;
    readonly libbpf: string;
    readonly lockdown: string | null;
    readonly jit: boolean | null;
    readonly unprivilegedBpfDisabled: number | null;
  };
  /** "no" where anything is missing that is not optional, else "unknown" where anything is. */
  readonly verdict: Answer["answer"];
  readonly needs: readonly Answer[];
}

const STYLES = { yes: "green", no: "red", unknown: "yellow" } as const;

/** Answers every need of the object at `path`. */
async function check(path: string): Promise<CheckReport> {
  const bytes = readObjectFile(path);
  const needs = within(displayPath(path), () => readNeeds(bytes));
  const runtime = await loadRuntime("check");
  try {
    const machine = runtime.machine();
    const kernel = openKernel();
    const answers = needs.map((need) => answer(need, machine, kernel));
    const { release, libbpf, lockdown = null, jit = null, unprivilegedBpfDisabled = null } = machine;
    return {
      object: path,
      machine: { release, libbpf, lockdown, jit, unprivilegedBpfDisabled },
      verdict: verdictOf(answers),
      needs: answers,
    };
  } catch (cause) {
    if (!runtime.isUnsupportedError(cause)) throw cause;
    throw new SkelError("ERR_IO", cause.message, ["check"], { cause });
  }
}

function verdictOf(answers: readonly Answer[]): Answer["answer"] {
  const given = new Set(answers.filter(({ optional }) => !optional).map((one) => one.answer));
  return given.has("no") ? "no" : given.has("unknown") ? "unknown" : "yes";
}

/** A report as a table: answer, kind, name, what needs it, why. */
export function describeCheck({ object, machine, needs, verdict }: CheckReport, colour: boolean): string {
  const rows = needs.map((need) => [
    need.answer,
    need.kind.replaceAll("_", " "),
    comment(need.of === undefined ? need.name : `${need.name} (${need.of})`),
    comment(shortened(need.by) + (need.optional ? ", optional" : "")),
    comment(need.reason),
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => {
    const [first, ...rest] = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    const shown = colour ? styleText(STYLES[row[0] as Answer["answer"]], first!, { validateStream: false }) : first;
    return [`  ${shown}`, ...rest].join("  ").trimEnd();
  });
  const locked = machine.lockdown === null ? "" : `, lockdown=${machine.lockdown}`;
  const jit = machine.jit === false ? ", no JIT" : "";
  return `${comment(object)} on Linux ${machine.release}, libbpf ${machine.libbpf}${locked}${jit}: ${verdict}\n${lines.join("\n")}\n`;
}

/** Two names at most: a map of many programs would fill the screen. */
function shortened(by: readonly string[]): string {
  return by.length <= 2 ? by.join(", ") : `${by.slice(0, 2).join(", ")} and ${by.length - 2} more`;
}

/** Runs the command; gives its exit status, 1 where something is missing that is not optional. */
export async function runCheck(args: { readonly object: string; readonly json: boolean }): Promise<number> {
  const report = await check(args.object);
  const colour = wantsColour(process.stdout);
  process.stdout.write(args.json ? `${JSON.stringify(report, null, 2)}\n` : describeCheck(report, colour));
  return report.verdict === "no" ? FAILED : 0;
}
