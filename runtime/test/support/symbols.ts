// Where a function stands in a binary, from GNU readelf: the other view of what libbpf reads.

import { execFileSync } from "node:child_process";

/** The offset of a function from the start of the file. */
export function offsetOf(path: string, name: string): number {
  const readelf = (...args: readonly string[]): string =>
    execFileSync("readelf", ["-W", ...args, path], { encoding: "utf8", maxBuffer: 1 << 26 });
  const symbol = new RegExp(`^\\s*\\d+: ([0-9a-f]+)\\s+\\d+ FUNC .* ${name}(?:@\\S+)?(?: \\(\\d+\\))?$`, "m");
  const address = parseInt(symbol.exec(readelf("--dyn-syms"))![1]!, 16);
  for (const [, offset, virtual, , size] of readelf("-l").matchAll(
    /^\s+LOAD\s+0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+)/gm,
  )) {
    const [start, from, length] = [virtual!, offset!, size!].map((text) => parseInt(text, 16)) as [
      number,
      number,
      number,
    ];
    if (address >= start && address < start + length) return address - start + from;
  }
  throw new Error(`${path}: no segment has ${name}`);
}
