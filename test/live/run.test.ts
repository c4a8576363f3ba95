// `ebpf-skel run` as a user runs it: the built program on the real kernel, told apart from the rest of the machine by what
// these tests start.

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { withCgroup } from "../../runtime/test/support/cgroup.ts";
import { ensureBuilt, Folder, shellLine } from "../support/cli.ts";
import { compileBpf } from "../support/compile.ts";

requireKernel();

const root = join(import.meta.dirname, "../..");
const example = join(root, "examples/ringbuf/execsnoop.bpf.c");
const counter = join(root, "fixtures/execve_counter.bpf.o");
const folder = new Folder();
const started = folder.at("started-by-test");
const object = folder.at("case.bpf.o");

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
enum verdict { PASS, DROP = 7 };
struct from { unsigned port; };
struct event { unsigned pid; enum verdict verdict; struct from from; unsigned long long at; char text[16]; };
volatile const unsigned target;
unsigned long long seen, received, sockets;
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct event); } rb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } pb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 9); __type(key, unsigned); __type(value, unsigned); } slots SEC(".maps");
SEC("tp/syscalls/sys_enter_getppid") int on_getppid(void *ctx) {
  struct event e = { .verdict = DROP, .from.port = 80, .at = ~0ULL, .text = "a\\x1b[2Jb" };
  unsigned slot = 3;
  e.pid = bpf_get_current_pid_tgid() >> 32;
  if (e.pid != target) return 0;
  seen++;
  bpf_ringbuf_output(&rb, &e, sizeof(e), 0);
  bpf_perf_event_output(ctx, &pb, BPF_F_CURRENT_CPU, &e, sizeof(e));
  bpf_map_update_elem(&slots, &slot, &e.pid, 0);
  bpf_printk("case of %d: %d", e.pid, 12);
  return 0;
}
SEC("xdp") int on_packet(struct xdp_md *ctx) { __sync_fetch_and_add(&received, 1); return XDP_PASS; }
SEC("cgroup/sock_create") int on_socket(struct bpf_sock *ctx) { __sync_fetch_and_add(&sockets, 1); return 1; }
SEC("tc") int classify(struct __sk_buff *skb) { return -1; }
char LICENSE[] SEC("license") = "GPL";
`;

beforeAll(() => {
  ensureBuilt();
  copyFileSync("/bin/true", started);
  folder.write("case.bpf.o", compileBpf(SOURCE));
});
afterAll(() => folder.remove());

interface Line {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** Runs the command, calling `meanwhile` until there is `enough` of its output; then Ctrl-C, if it has not ended. */
async function watch(args: readonly string[], meanwhile: () => void, enough: (output: string) => boolean) {
  const child = spawn("sh", ["-c", `exec ${shellLine(["run", ...args])}`], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((done) => child.once("close", (status, signal) => done(signal ?? status)));
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (more: string) => (stdout += more));
  child.stderr.setEncoding("utf8").on("data", (more: string) => (stderr += more));
  try {
    while (!enough(stdout) && child.exitCode === null) {
      meanwhile();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGINT");
    return { status: await ended, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}

const linesOf = (output: string): Line[] =>
  output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

test("shows the example's execs of what the test starts, from its source, until Ctrl-C", async () => {
  const { status, stdout, stderr } = await watch(
    [example, "--filter", 'comm == "started-by-test"'],
    () => execFileSync(started),
    (output) => output.split("started-by-test").length > 4,
  );
  expect(status, stderr).toBe(0);
  expect(stderr).toBe("attached handle_exec\n");
  const [header, ...rows] = stdout.trimEnd().split("\n");
  expect(header).toMatch(/^TIME +pid  comm +filename$/);
  for (const row of rows) {
    expect(row).toMatch(/^\d\d:\d\d:\d\d\.\d{3} +\d+  started-by-test +\/\S+\/started-by-test$/);
    expect(row.indexOf("started-by-test")).toBe(header!.indexOf("comm"));
  }
});

test("prints events, lines, maps and variables as JSON, ended by --count", async () => {
  const { status, stdout, stderr } = await watch(
    [object, "--json", "--count", "2", "--set", `target=${process.pid}`, "--filter", 'verdict == "DROP"'],
    () => void process.ppid,
    () => false,
  );
  expect(status, stderr).toBe(0);
  const lines = linesOf(stdout);
  const of = (type: string): Line[] => lines.filter((line) => line.type === type);
  expect(lines[0]).toMatchObject({
    attached: ["on_getppid"],
    skipped: { on_packet: "needs a target (--attach on_packet=eth0)" },
  });
  const event = { pid: process.pid, verdict: 7, from: { port: 80 }, at: "18446744073709551615", text: "a\u001b[2Jb" };
  const [first, second] = of("event").sort((a, b) => (String(a["map"]) < String(b["map"]) ? 1 : -1));
  expect([of("event").length, first, second]).toMatchObject([2, { map: "rb", event }, { event }]);
  expect(of("map")).toMatchObject([{ map: "slots", entries: [{ key: 3, value: process.pid }] }]);
  expect(of("globals")).toMatchObject([{ variables: { received: "0", sockets: "0" } }]);
});

test("shows fields --as they are meant, to filters too", async () => {
  const seen = ["--set", `target=${process.pid}`, "--as", "from.port=be", "--count", "1", "--json"];
  const swapped = 80 * 2 ** 24;
  const { status, stdout, stderr } = await watch(
    [object, ...seen, "--filter", `from.port == ${swapped} && from`],
    () => void process.ppid,
    () => false,
  );
  expect(status, stderr).toBe(0);
  expect(linesOf(stdout).find((line) => line.type === "event")).toMatchObject({ event: { from: { port: swapped } } });
});

test.each([
  [["--filter", "from.prot == 80"], "--filter: expected one of the fields pid, verdict, from.port, at, text, "],
  [["--filter", "verdict.x"], "--filter: expected one of the fields"],
  [["--as", "from.prot=be"], "from.prot"],
  [["--as", "from"], "--as: expected TYPE.FIELD=KIND"],
  [["--event", "pb=nope"], "pb: the object has no type nope, got "],
])("%j is wrong usage, before anything is loaded", (args, message) => {
  const { status, stdout, stderr } = folder.run(["run", object, "--duration", "1s", ...args]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test("on a terminal draws maps anew in their place", async () => {
  const line = `${shellLine(["run", counter, "--duration", "3s", "--interval", "300ms"])}`;
  const child = spawn("script", ["-qec", `stty cols 60 rows 20; ${line}`, "/dev/null"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TERM: "xterm", NO_COLOR: "" },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (output += more));
  const ended = new Promise((done) => child.once("close", done));
  const timer = setInterval(() => execFileSync(started), 100);
  try {
    expect(await ended, output).toBe(0);
  } finally {
    clearInterval(timer);
    child.kill("SIGKILL");
  }
  const counts = [...output.matchAll(/^execve_counter +(\d+)\r$/gm)].map(([, count]) => Number(count));
  expect(output).toContain("\u001b[1mkey             value\u001b[22m");
  // Up over the four lines that were drawn.
  expect(output).toContain("\u001b[4A\r\u001b[J");
  expect(counts.length).toBeGreaterThan(2);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
});

test("attaches where --attach says, and says how to place the rest", () => {
  withCgroup((cgroup) => {
    const traffic = `ip link set lo up; while sleep 0.1; do echo > /dev/udp/127.0.0.1/9; bpftool version > /dev/null; done`;
    const script = `echo $$ > ${cgroup}/cgroup.procs; (${traffic}) & "$@"; status=$?; kill $!; wait; exit $status`;
    const { status, stdout, stderr } = folder.run(
      ["run", object, "--duration", "1s", "--attach", "on_packet=lo,mode=skb", "--attach", `on_socket=${cgroup}`],
      { under: ["unshare", "--net", "bash", "-c", script, "-"] },
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toBe(
      "attached on_getppid, on_packet, on_socket\nskipped classify: needs a target (--attach classify=eth0:ingress)\n",
    );
    expect(Number(/^received = (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(0);
    expect(Number(/^sockets += (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(0);
  });
});

test("tells events of several buffers apart, and escapes what a terminal would obey", async () => {
  const { status, stdout, stderr } = await watch(
    [object, "--set", `target=${process.pid}`],
    () => void process.ppid,
    (output) => / rb .*\n/.test(output) && / pb .*\n/.test(output) && output.includes("case of"),
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^TIME +MAP +pid  verdict  from.port +at  text$/m);
  expect(stdout).toMatch(/ rb +\d+  DROP +80  18446744073709551615  a\\u001b\[2Jb$/m);
  expect(stdout).toMatch(new RegExp(`: case of ${process.pid}: 12$`, "m"));
  expect(stdout).not.toContain("\u001b");
});

test("ends well when nobody reads any more", () => {
  const line = `${shellLine(["run", counter, "--json", "--interval", "100ms", "--duration", "20s"])}`;
  const script = `(while sleep 0.05; do ${started}; done) & ${line} | head -n 2; echo "\${PIPESTATUS[0]}"; kill $!; wait`;
  const output = execFileSync("bash", ["-c", script], { encoding: "utf8" }).trim().split("\n");
  expect(output.map((line) => (/^\d+$/.test(line) ? Number(line) : (JSON.parse(line) as Line).type))).toEqual([
    "attached",
    "map",
    0,
  ]);
});

test("says in one line that rights are missing", () => {
  copyFileSync(counter, folder.at("counter.bpf.o"));
  chmodSync(folder.path, 0o755);
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all"];
  const { status, stdout, stderr } = folder.run(["run", "counter.bpf.o"], { under: ["setpriv", ...nobody] });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(/^ebpf-skel: counter: .*EPERM \(needs CAP_BPF and CAP_PERFMON, or root\)\n$/);
});
