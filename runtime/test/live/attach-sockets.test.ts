// Programs of sockets: filters, SO_REUSEPORT groups, sockmaps. All traffic is on the loopback of a network of their own.
// needs Linux 6.7: the fixture is loaded whole, with programs of netfilter (6.4), TCX (6.6) and netkit (6.7)

import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AttachNet } from "../../../fixtures/attach_net.skel.ts";
import type { Loaded } from "../../src/index.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns } from "../support/netns.ts";
import { expectRuns } from "../support/runs.ts";
import { openReuseport, openUdp, portOf, sendUdp } from "../support/sockets.ts";

requireKernel();

let live: Loaded<AttachNet>;
let server: Server;
let sender: number;

beforeAll(async () => {
  enterNetns();
  sender = openUdp();
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server?.close();
  if (sender !== undefined) closeSync(sender);
});
beforeEach(() => {
  live = AttachNet.load();
});
afterEach(() => {
  live?.close();
});

async function connection(): Promise<{ near: Socket; far: Socket }> {
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [[far]] = (await Promise.all([once(server, "connection"), once(near, "connect")])) as [[Socket], unknown];
  return { near, far };
}

describe("a socket filter", () => {
  test("sees what its socket receives, until it is detached", async () => {
    const socket = openReuseport();
    const port = portOf(socket);
    const link = live.progs.read_all.attach({ socket });
    expect(link.info).toEqual({ type: "socket" });
    await expectRuns(
      link,
      () => live.bss.read,
      () => sendUdp(sender, "127.0.0.1", port),
    );
    closeSync(socket);
  });

  test("takes sockets of node:net, and another program in its place", async () => {
    const { near, far } = await connection();
    const link = live.progs.read_all.attach({ socket: near });
    const written = (): unknown => once(near, "data", void far.write("x"));
    await written();
    const { read } = live.bss;
    expect(read).toBeGreaterThan(0n);
    link.update(live.progs.read_none);
    far.write("y");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(live.bss.read).toBe(read);
    link.detach();
    near.destroy();
    far.destroy();
  });

  test("never touches another socket that has got its number", () => {
    const socket = openReuseport();
    const first = live.progs.read_all.attach({ socket });
    closeSync(socket);
    const again = openReuseport();
    expect(again).toBe(socket);
    const second = live.progs.read_all.attach({ socket: again });
    first.detach();
    const { read } = live.bss;
    sendUdp(sender, "127.0.0.1", portOf(again));
    expect(live.bss.read).toBeGreaterThan(read);
    second.detach();
    closeSync(again);
  });

  test("refuses what is no socket", () => {
    const file = openSync("/dev/null", "r");
    expect(thrownBy(() => live.progs.read_all.attach({ socket: file })).message).toBe(
      `program read_all: attach: socket: expected a socket, got descriptor ${file}`,
    );
    closeSync(file);
    expect(thrownBy(() => live.progs.read_all.attach({ socket: 99_999 })).name).toBe("ValueError");
    expect(thrownBy(() => live.progs.read_all.attach({ socket: "0" as never })).message).toMatch(
      /^program read_all: attach: socket: expected a socket's descriptor or a socket of node:net, got "0"$/,
    );
  });
});

test("an SO_REUSEPORT group asks its program, until it is detached", async () => {
  const socket = openReuseport();
  const port = portOf(socket);
  await expectRuns(
    live.progs.select_any.attach({ socket }),
    () => live.bss.selected,
    () => sendUdp(sender, "127.0.0.1", port),
  );
  closeSync(socket);
});

describe("a sockmap", () => {
  test.each([
    ["judge", "judged", "sk_skb_stream_verdict", undefined],
    ["judge_any", "judged", "sk_skb_stream_verdict", "stream_verdict"],
    ["send", "sent", "sk_msg_verdict", undefined],
  ] as const)("has %s run for its sockets, and not for those after detaching", async (name, counter, type, hook) => {
    const { sockets } = live.maps;
    const link = live.progs[name].attach({ map: sockets, ...(hook === undefined ? {} : { hook }) });
    expect(link.info).toMatchObject({ type: "sockmap", mapId: sockets.id, attachType: type });
    const exchange = async (): Promise<void> => {
      const { near, far } = await connection();
      sockets.set(0, near);
      await Promise.all([once(near, "data"), once(far, "data"), near.write("x"), far.write("x")]);
      sockets.delete(0);
      near.destroy();
      far.destroy();
    };
    await expectRuns(link, () => live.bss[counter], exchange);
  });

  test("has parser and verdict at the same time", async () => {
    const { sockets } = live.maps;
    const { near, far } = await connection();
    using _judge = live.progs.judge.attach({ map: sockets });
    const link = live.progs.parse.attach({ map: sockets });
    sockets.set(0, near);
    far.write("x");
    await expect.poll(() => live.bss.parsed).toBeGreaterThan(0n);
    sockets.delete(0);
    link.detach();
    near.destroy();
    far.destroy();
  });

  test("says what is wrong", () => {
    const { judge, judge_any, send } = live.progs;
    const { sockets } = live.maps;
    expect(thrownBy(() => judge_any.attach({ map: sockets })).message).toBe(
      'program judge_any: attach: hook: expected "stream_parser" or "stream_verdict" or "verdict", got undefined',
    );
    expect(thrownBy(() => judge.attach({ map: sockets, hook: "verdict" })).name).toBe("ValueError");
    expect(thrownBy(() => judge_any.attach({ map: sockets, hook: "toString" as "verdict" })).message).toMatch(
      /: hook: expected .*, got "toString"$/,
    );
    expect(thrownBy(() => judge.attach({ map: 5 as never })).message).toBe(
      "program judge: attach: map: expected the handle of a sockmap or sockhash, got 5",
    );
    using _link = send.attach({ map: sockets });
    expect(thrownBy(() => send.attach({ map: sockets }))).toMatchObject({ name: "BpfError" });
  });
});
