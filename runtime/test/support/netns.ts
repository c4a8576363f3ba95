// A network namespace of a test file's own: loopback and a pair of veths. It is gone with the process.

import koffi from "koffi";
import { execFileSync } from "node:child_process";

const CLONE_NEWNET = 0x40000000;

/** Runs ip(8). */
export function ip(...args: readonly string[]): string {
  return execFileSync("ip", args, { stdio: "pipe", encoding: "utf8" });
}

/**
 * Moves this thread, and the processes that it starts, into a new namespace: devices lo, and v0 and v1 (10.99.0.1 and
 * 10.99.0.2), which are the ends of one cable.
 */
export function enterNetns(): void {
  const unshare = koffi.load(null).func("int unshare(int flags)");
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`);
  ip("link", "set", "lo", "up");
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  for (const [device, address] of [
    ["v0", "10.99.0.1/24"],
    ["v1", "10.99.0.2/24"],
  ] as const) {
    ip("address", "add", address, "dev", device);
    ip("link", "set", device, "up");
  }
}

/** The number of a device in this thread's namespace. */
export function ifindexOf(device: string): number {
  const text = execFileSync("ip", ["-j", "link", "show", device], { encoding: "utf8" });
  return (JSON.parse(text) as { ifindex: number }[])[0]!.ifindex;
}
