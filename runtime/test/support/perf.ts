// A perf event of this process, as perf_event_open(2) gives it: Node has no call for it.

import koffi from "koffi";

/** A descriptor of a software clock event that never samples by itself; close it with `closeSync`. */
export function openPerfEvent(): number {
  const number = { x64: 298, arm64: 241 }[process.arch as "x64" | "arm64"];
  const syscall = koffi.load(null).func("syscall", "int64_t", ["int64_t", "void *", "int", "int", "int", "int64_t"]);
  // struct perf_event_attr: type PERF_TYPE_SOFTWARE, its size, config PERF_COUNT_SW_CPU_CLOCK, a sample each 10 ms.
  const attr = new BigUint64Array(16);
  new Uint32Array(attr.buffer).set([1, 128]);
  attr[2] = 10_000_000n;
  const fd = Number(syscall(number, attr, 0, -1, -1, 8));
  if (fd < 0) throw new Error(`perf_event_open: errno ${koffi.errno()}`);
  return fd;
}
