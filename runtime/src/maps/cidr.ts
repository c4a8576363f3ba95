// Prefixes of IP addresses as text and as keys of LPM tries: `struct bpf_lpm_trie_key_u8` (linux/bpf.h), a u32 of prefix
// length in the machine's byte order, then the address in network order.

import { refuseAt } from "../codec/checked.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../codec/ip.ts";

/** Where the address starts in a key. */
const addressAt = 4;

/**
 * The bytes of a key of `size`: 8 for IPv4, 20 for IPv6. An address alone is its own prefix, of full length.
 * @throws ValueError where `text` is no prefix of that family, or has bits after the prefix
 */
export function cidrBytes(text: string, size: number, path: string): Uint8Array {
  const length = addressLength(size, path);
  const match = typeof text === "string" ? /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) : null;
  const [, address = "", bits = String(length * 8)] = match ?? [];
  const bytes = (length === 4 ? parseIpv4 : parseIpv6)(address);
  if (bytes === undefined || Number(bits) > length * 8) {
    refuseAt(path, length === 4 ? 'an IPv4 prefix as "10.0.0.0/8"' : 'an IPv6 prefix as "2001:db8::/32"', text);
  }
  const network = masked(bytes, Number(bits));
  if (network.some((byte, i) => byte !== bytes[i])) {
    const remedy = `write ${addressText(network)}/${bits}, or ${address} for the address`;
    refuseAt(path, `no bits after the first ${bits}`, text, remedy);
  }
  const key = new Uint8Array(size);
  new Uint32Array(key.buffer, 0, 1)[0] = Number(bits);
  key.set(network, addressAt);
  return key;
}

/**
 * The prefix in the bytes of a key: "10.0.0.0/8".
 * @throws ValueError where the key has no place for an address
 */
export function cidrText(key: Uint8Array, path: string): string {
  addressLength(key.length, path);
  const [bits] = new Uint32Array(key.slice(0, addressAt).buffer);
  return `${addressText(key.subarray(addressAt))}/${bits}`;
}

function addressLength(size: number, path: string): number {
  if (size !== 8 && size !== 20) {
    refuseAt(path, "a key of a u32 and 4 or 16 bytes of address, 8 or 20 in all", size);
  }
  return size - addressAt;
}

function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes);
}

function masked(address: readonly number[], bits: number): Uint8Array {
  return Uint8Array.from(address, (byte, i) => byte & (0xff00 >> Math.min(Math.max(bits - i * 8, 0), 8)));
}
