// A make rule as clang -MD writes it in, the files that the object depends on out.

/** The prerequisites of the one rule in `text`: blanks are "\ ", "$$" is "$", a backslash at the end of a line joins. */
export function parseDepfile(text: string): string[] {
  const rule = text.replace(/\\\r?\n/g, " ");
  const colon = rule.search(/:(\s|$)/);
  if (colon < 0) return [];
  const words = rule.slice(colon + 1).match(/(?:\\[ #]|[^\s])+/g) ?? [];
  return words.map((word) => word.replace(/\\([ #])/g, "$1").replaceAll("$$", "$"));
}
