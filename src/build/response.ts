// `@FILE` of clang's command line: the arguments in such files in, as clang reads them (llvm::cl::TokenizeGNUCommandLine).

import { readTextIfAny } from "../files.ts";

/** Files in files, as one that names itself. */
const MAX_DEPTH = 20;

/** The words of a file: a backslash takes the next character as it is, quotes hold what they enclose together. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "\\" && i + 1 < text.length) word = (word ?? "") + text[++i]!;
    else if (char === quote) quote = undefined;
    else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char;
      word ??= "";
    } else if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  return word === undefined ? words : [...words, word];
}

/** `args` with what the files hold in place of each `@FILE` that can be read; paths in them start at the working folder. */
export function expandFiles(args: readonly string[], depth = 0): string[] {
  return args.flatMap((arg) => {
    const text = arg.startsWith("@") && depth < MAX_DEPTH ? readTextIfAny(arg.slice(1)) : undefined;
    return text === undefined ? [arg] : expandFiles(wordsOf(text), depth + 1);
  });
}
