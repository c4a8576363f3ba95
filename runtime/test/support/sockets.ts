// Sockets that Node has no call for: by koffi, of kinds and with options of their own. Close them with `closeSync`.

import koffi from "koffi";

const libc = koffi.load(null);
const socket = libc.func("int socket(int domain, int type, int protocol)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, void *value, uint32_t size)");
const getsockopt = libc.func("int getsockopt(int fd, int level, int name, void *value, void *size)");
const bind = libc.func("int bind(int fd, void *address, uint32_t size)");

const AF_INET = 2;
const AF_XDP = 44;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_REUSEPORT = 15;
const SO_COOKIE = 57;

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return result;
}

/** A UDP socket bound to a free port of 127.0.0.1 with SO_REUSEPORT. */
export function openReuseport(): number {
  const fd = check("socket", socket(AF_INET, SOCK_DGRAM, 0));
  check("setsockopt", setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, new Int32Array([1]), 4));
  // struct sockaddr_in: family, port, address.
  const address = new Uint8Array(16);
  new Uint16Array(address.buffer)[0] = AF_INET;
  address.set([127, 0, 0, 1], 4);
  check("bind", bind(fd, address, address.length));
  return fd;
}

/** An AF_XDP socket, bound to nothing. */
export function openXdp(): number {
  return check("socket", socket(AF_XDP, SOCK_RAW, 0));
}

/** SO_COOKIE of a socket. */
export function cookieOf(fd: number): bigint {
  const cookie = new BigUint64Array(1);
  check("getsockopt", getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, new Uint32Array([8])));
  return cookie[0]!;
}
