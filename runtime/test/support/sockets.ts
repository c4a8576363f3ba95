// Sockets that Node has no call for: by koffi, of kinds and with options of their own. Close them with `closeSync`.

import koffi from "koffi";

const libc = koffi.load(null);
const socket = libc.func("int socket(int domain, int type, int protocol)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, void *value, uint32_t size)");
const getsockopt = libc.func("int getsockopt(int fd, int level, int name, void *value, void *size)");
const close = libc.func("int close(int fd)");
const bind = libc.func("int bind(int fd, void *address, uint32_t size)");

const sendto = libc.func("int64_t sendto(int fd, void *data, size_t size, int flags, void *address, uint32_t length)");
const getsockname = libc.func("int getsockname(int fd, void *address, void *size)");

const AF_INET = 2;
const AF_PACKET = 17;
const AF_XDP = 44;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_BROADCAST = 6;
const SO_REUSEPORT = 15;
const SO_COOKIE = 57;

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return result;
}

/** `struct sockaddr_in` */
function inetAddress(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new Uint16Array(bytes.buffer)[0] = AF_INET;
  new DataView(bytes.buffer).setUint16(2, port);
  bytes.set(address.split(".").map(Number), 4);
  return bytes;
}

/** Sends a packet from `fd`; loopback has delivered it when this returns. */
export function sendUdp(fd: number, address: string, port: number): void {
  const to = inetAddress(address, port);
  check("sendto", Number(sendto(fd, new Uint8Array(8), 8, 0, to, to.length)));
}

/** A UDP socket, bound to nothing, that may send to all of a network. */
export function openUdp(): number {
  const fd = check("socket", socket(AF_INET, SOCK_DGRAM, 0));
  check("setsockopt", setsockopt(fd, SOL_SOCKET, SO_BROADCAST, new Int32Array([1]), 4));
  return fd;
}

/** The port that a socket is bound to. */
export function portOf(fd: number): number {
  const address = new Uint8Array(16);
  check("getsockname", getsockname(fd, address, new Uint32Array([16])));
  return new DataView(address.buffer).getUint16(2);
}

/** Sends a frame of IPv4 through a device as AF_PACKET does, which has the kernel look into it for its headers. */
export function sendFrame(ifindex: number): void {
  const fd = check("socket", socket(AF_PACKET, SOCK_RAW, 0));
  // struct sockaddr_ll: family, protocol, ifindex.
  const to = new Uint8Array(20);
  new Uint16Array(to.buffer)[0] = AF_PACKET;
  new DataView(to.buffer).setUint16(2, 0x0800);
  new Int32Array(to.buffer)[1] = ifindex;
  // Ethernet and an IPv4 header for UDP from and to 127.0.0.1.
  const frame = new Uint8Array(64);
  frame.set([0x08, 0x00, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1], 12);
  try {
    check("sendto", Number(sendto(fd, frame, frame.length, 0, to, to.length)));
  } finally {
    close(fd);
  }
}

/** A UDP socket bound to a free port of 127.0.0.1 with SO_REUSEPORT. */
export function openReuseport(): number {
  const fd = check("socket", socket(AF_INET, SOCK_DGRAM, 0));
  check("setsockopt", setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, new Int32Array([1]), 4));
  const address = inetAddress("127.0.0.1", 0);
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
