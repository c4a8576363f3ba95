// IP addresses as text and as bytes in network order. No module of Node: codecs run anywhere.

/** The bytes of an IPv4 address in dotted decimal; undefined for any other text. */
export function parseIpv4(text: string): number[] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const parts = match?.slice(1).map(Number);
  return parts?.every((part, i) => part <= 255 && String(part) === match![i + 1]) ? parts : undefined;
}

/** The bytes of an IPv6 address in any form of RFC 4291, section 2.2; undefined for any other text. */
export function parseIpv6(text: string): number[] | undefined {
  const v4 = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (v4 !== undefined) {
    const tail = parseIpv4(v4);
    if (tail === undefined) return undefined;
    const [a, b, c, d] = tail as [number, number, number, number];
    text = `${text.slice(0, -v4.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[]?];
  const missing = 8 - head.length - (tail?.length ?? 0);
  // "::" stands for one group at least.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]);
}

/** The text of four bytes: "127.0.0.1". */
export function formatIpv4(bytes: Uint8Array): string {
  return bytes.join(".");
}

/** The text of sixteen bytes, as RFC 5952 wants it: "2001:db8::1". */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  // RFC 5952: the first of the longest runs of two zero groups or more becomes "::".
  let start = 0;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) [start, length] = [i, n];
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  // Section 5: an IPv4-mapped address shows the IPv4 address.
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${bytes.slice(12).join(".")}`;
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}
