// What yargs says of wrong usage in, our words out.

/** yargs' sentences as ours: lower-case, and in terms of what the user types. */
export function inOurWords(message: string, command: string | undefined): string {
  if (message.startsWith("Not enough non-option arguments"))
    return command === "build" ? "name a C source, like prog.bpf.c" : "name a compiled object, like prog.bpf.o";
  const option = /^Not enough arguments following: (.*)/.exec(message)?.[1];
  if (option !== undefined) return `${option.length === 1 ? "-" : "--"}${option} needs a value`;
  const [, name, given, choices] = /Argument: (\S+), Given: (.*), Choices: (.*)/.exec(message) ?? [];
  if (name !== undefined) return `--${name}: expected ${choices!.replace(/, ([^,]*)$/, " or $1")}, got ${given}`;
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}
