// The pages of the project, taken apart: for the scripts that hold them against the code.

import { readdirSync } from "node:fs";
import { join, relative } from "node:path";

/** The pages below a folder, by path from there. */
export function findPages(folder) {
  const skipped = ["node_modules", "dist"];
  const inside = (at) =>
    readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name.startsWith(".") || skipped.includes(entry.name)) return [];
      const path = join(at, entry.name);
      return entry.isDirectory() ? inside(path) : entry.name.endsWith(".md") ? [path] : [];
    });
  return inside(folder)
    .map((path) => relative(folder, path))
    .sort();
}

/**
 * A page taken apart: `blocks` of code with the hidden code before them, and the `prose`, which has empty lines in place of code and
 * comments, so that lines keep their numbers.
 */
export function readPage(text) {
  const blocks = [];
  const prose = [];
  let block, comment, hidden, notRun;
  for (const [i, line] of text.split("\n").entries()) {
    const fence = /^ *(`{3,}|~{3,})\s*(\S*)/.exec(line);
    if (block !== undefined) {
      if (fence?.[1].startsWith(block.fence) && fence[2] === "") block = undefined;
      else block.lines.push(line);
    } else if (comment !== undefined || line.startsWith("<!--")) {
      comment = [...(comment ?? []), line];
      if (line.includes("-->")) {
        const text = comment.join("\n");
        hidden = /^<!-- ts\s([\s\S]*)-->/.exec(text)?.[1] ?? hidden;
        notRun = /^<!-- not run: ([\s\S]*?)\s*-->/.exec(text)?.[1] ?? notRun;
        comment = undefined;
      }
    } else if (fence !== null) {
      block = { fence: fence[1], language: fence[2], hidden: hidden ?? "", notRun, line: i + 2, lines: [] };
      blocks.push(block);
    } else {
      if (line !== "") hidden = notRun = undefined;
      prose[i] = line;
    }
  }
  return { blocks, prose: Array.from(prose, (line) => line ?? ""), open: block };
}
