// What nobody can close any more: one warning says so, and none while something that was taken from it is in use.

import { describe, expect, test } from "vitest";
import { runChild } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const counter = `import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";\n`;
const collect = "for (let i = 0; i < 20; i++) { gc(); await new Promise((r) => setTimeout(r, 20)); }";

describe("a skeleton that becomes unreachable", () => {
  test("warns once and stays as it is", () => {
    const program = `${counter}
      const { execve_counter } = ExecveCounter.load().maps;
      ExecveCounter.load();
      ${collect}
      say(() => execve_counter.count());`;
    const { status, stdout, stderr } = runChild(program, { nodeArgs: ["--expose-gc"] });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '{"ok":0}\n' });
    expect(stderr.match(/EBPF_SKEL_UNCLOSED/g)).toHaveLength(1);
    expect(stderr).toMatch(
      /ebpf-skel: a loaded execve_counter became unreachable without close\(\), so it stays until the process ends/,
    );
  });

  test("is silent when it was closed", () => {
    const program = `${counter}
      for (let i = 0; i < 5; i++) { ExecveCounter.load().close(); ExecveCounter.open().close(); }
      await ExecveCounter.load().closeAsync();
      ${collect}`;
    const { status, stderr } = runChild(program, { nodeArgs: ["--expose-gc"] });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

/** What is taken, how it is used, and what ends its use where that is not by dropping it. */
const taken: readonly (readonly [what: string, take: string, use: string, end?: string])[] = [
  ["a map", "Events.load().maps.events", "it.available()"],
  ["all maps", "Events.load().maps", "it.events.available()"],
  ["an iterator", "filled(Life.load()).maps.totals.entries()", "it.next().value![1]"],
  ["the bytes of a map", "Life.load().maps.totals.raw", "it.get(0).length"],
  ["a program", "Events.load().progs.produce", "it.name"],
  ["a link", "Events.load().progs.produce.attach()", "it.info.type"],
  ["the links", "attached(Events.load()).links", "it.produce!.program"],
  ["a section", "Globals.load().data", "it.an_u8 = 7"],
  ["elements of a variable", 'Globals.load().data.$at("track")', "it.length"],
  ["a subscription", "Events.load().maps.events.subscribe(nothing)", "it.closed", "it.close()"],
  ["a subscription that was closed", "closed(Events.load().maps.events.subscribe(nothing))", "it.closed"],
  ["an iteration that waits", "begun(Events.load().maps.events.events())", "it !== undefined", "it.return!()"],
  ["an iteration that was not begun", "Events.load().maps.events.events()", "it !== undefined"],
  ["room in a buffer to programs", "EventDeclared.load().maps.commands.reserve()!", "it.size"],
  ["a map before load", "Events.open().maps.events", "it.name"],
  ["a section before load", "Globals.open().data", "it.an_u8 = 7"],
  ["an iterator over a map without a skeleton", "created().keys()", "it.next().value"],
];

test.each(taken)("%s keeps what it is of from being unreachable", (_, take, use, end = "undefined") => {
  const program = `
    import { HashMap, u32 } from "@ebpf-skel/runtime";
    import { EventDeclared } from "./fixtures/event_declared.skel.ts";
    import { Events } from "./fixtures/events.skel.ts";
    import { Globals } from "./fixtures/globals.skel.ts";
    import { Life } from "./fixtures/life.skel.ts";
    const nothing = () => undefined;
    const filled = (live) => (live.maps.totals.set(0, 5n), live);
    const attached = (live) => (live.attach(), live);
    const closed = (subscription) => (subscription.close(), subscription);
    const begun = (events) => (events.next(), events);
    const created = () => {
      const map = HashMap.create({ key: u32, value: u32, maxEntries: 2 });
      map.set(1, 1);
      return map;
    };
    process.on("warning", ({ code }) => say(() => code));
    const holder = { it: (() => ${take})() };
    ${collect}
    (({ it }) => { ${use}; })(holder);
    say(() => "used");
    (({ it }) => { ${end}; })(holder);
    delete holder.it;
    ${collect}`;
  const { status, stdout, stderr } = runChild(program, { nodeArgs: ["--expose-gc"] });
  expect(stdout, stderr).toBe('{"ok":"used"}\n{"ok":"EBPF_SKEL_UNCLOSED"}\n');
  expect(status).toBe(0);
});
