// TCP connections that ask for a congestion control by name, over the loopback device of a network namespace of their own.
// Node has no setsockopt, so python3 makes them.

import { spawnSync } from "node:child_process";

const script = `
import socket, sys
TCP_CONGESTION = 13
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
client = socket.socket()
client.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, sys.argv[1].encode())
client.connect(listener.getsockname())
server, _ = listener.accept()
for _ in range(8):
    client.sendall(b"x" * 4096)
    left = 4096
    while left > 0:
        left -= len(server.recv(left))
print(client.getsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, 16).rstrip(b"\\0").decode())
`;

/** The congestion control of a connection that sent 32 KiB; undefined when the kernel has none called `name`. */
export function sendOver(name: string): string | undefined {
  const shell = ["sh", "-c", 'ip link set lo up && exec python3 -c "$0" "$1"', script, name];
  const { status, stdout, stderr } = spawnSync("unshare", ["--net", ...shell], { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  // ENOENT of setsockopt(2).
  if (/FileNotFoundError/.test(stderr)) return undefined;
  throw new Error(`the connection ended with ${status}\n${stderr}`);
}
