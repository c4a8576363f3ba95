// A module's text in, the same as JavaScript and its declarations out. Generated modules are erasable and declare all that
// they export, so each half comes from the text alone.

import type { ts } from "ts-morph";
import { tsMorph } from "./tsmorph.ts";

/** A module for plain JavaScript. */
export interface JavaScript {
  readonly text: string;
  /** What TypeScript sees of it. */
  readonly declarations: string;
}

/** `text` without its types, and its types alone. */
export function toJavaScript(text: string): JavaScript {
  const { ts } = tsMorph;
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    isolatedDeclarations: true,
    declaration: true,
  };
  return {
    text: ts.transpileModule(text, { compilerOptions }).outputText,
    declarations: `/* eslint-disable */\n\n${ts.transpileDeclaration(text, { compilerOptions }).outputText}`,
  };
}
