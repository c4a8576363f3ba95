// IP addresses as text and as bytes in network order.

/** The 4 or 16 bytes of an address; undefined where `text` is none. */
export function addressOfText(text: string): Uint8Array | undefined {
  const { isIPv4, isIPv6 } = process.getBuiltinModule("node:net");
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  // A zone ("%eth0") is no part of an address's bytes.
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [before = "", after] = text.split("::", 2);
  const head = bytesOfGroups(before);
  const tail = after === undefined ? [] : bytesOfGroups(after);
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** "2001:db8" as bytes; the last group may be an IPv4 address. */
function bytesOfGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 0xff];
  });
}

/** The text of the 4 or 16 bytes of an address, of IPv6 as RFC 5952 wants it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  const { start, length } = longestZeros(groups);
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** The first of the longest runs of "0". */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === "0") end++;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  return longest;
}
