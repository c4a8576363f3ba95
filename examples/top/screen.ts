// Where frames go: a terminal, which is drawn over and given back as it was, or a pipe, which gets one after the other.

import { stdin, stdout } from "node:process";

/** Shows lines: one frame after the other in a pipe, in a terminal each in place of the last. */
export function show(lines: readonly string[]): void {
  if (!stdout.isTTY) stdout.write(`${lines.join("\n")}\n\n`);
  else stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
}

/** How many lines there is room for. */
export function height(): number {
  return stdout.isTTY ? stdout.rows : 40;
}

/**
 * Takes the terminal, if there is one: its second page, no cursor, lines that end at its edge. Keys come as they are pressed,
 * Ctrl-C as "\x03", and a call of what is returned lets go of them.
 */
export function takeTerminal(onKey: (key: string) => void, onResize: () => void): () => void {
  if (!stdout.isTTY) return () => undefined;
  stdout.write("\x1b[?1049h\x1b[?25l\x1b[?7l");
  let taken = true;
  const giveBack = (): void => {
    if (taken) stdout.write("\x1b[?7h\x1b[?25h\x1b[?1049l");
    taken = false;
  };
  // However the process ends: a shell without a cursor is a nuisance. What an error says comes after that, where it stays.
  process.on("exit", giveBack).on("uncaughtExceptionMonitor", giveBack);
  stdout.on("resize", onResize);
  if (!stdin.isTTY) return giveBack;
  stdin.setRawMode(true).setEncoding("utf8").on("data", onKey);
  return () => void stdin.setRawMode(false).pause();
}
