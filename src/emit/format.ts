// Text in, formatted text out. The only place that knows prettier; parsing here is also the last gate before a file is
// written: text that is not TypeScript never leaves.

import * as babel from "prettier/plugins/babel";
import * as estree from "prettier/plugins/estree";
import { format } from "prettier/standalone";

/** `text` as prettier sets it, 120 columns wide. */
export function formatModule(text: string): Promise<string> {
  return format(text, { parser: "babel-ts", plugins: [babel, estree], printWidth: 120 });
}
