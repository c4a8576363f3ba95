import { Prog } from "./prog.skel.ts";

using live = Prog.load();
live.attach();
console.log("programs that start (Ctrl-C ends):");

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
try {
  for await (const { pid, comm } of live.maps.events.events({ signal: stop.signal })) console.log(pid, comm);
} catch (e) {
  if (!stop.signal.aborted) throw e;
}
