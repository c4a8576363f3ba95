// Bitfields of up to 32 bits as libbpf's btf_dump_get_bitfield_value counts them: bit 0 is the lowest bit of the first
// byte in little-endian memory, its highest bit in big-endian memory. A field may straddle bytes anywhere.

/** The unsigned value of `width` bits, `bit` bits after byte `at`. */
export function getBits(u8s: Uint8Array, at: number, bit: number, width: number, littleEndian: boolean): number {
  const last = bit + width - 1;
  let p = at + ((littleEndian ? bit : last) >> 3); // the byte that holds the value's lowest bit
  let shift = littleEndian ? bit & 7 : 7 - (last & 7);
  let value = 0;
  for (let done = 0; done < width;) {
    const taken = Math.min(8 - shift, width - done);
    value |= ((u8s[p]! >> shift) & ((1 << taken) - 1)) << done;
    done += taken;
    shift = 0;
    p += littleEndian ? 1 : -1;
  }
  return value >>> 0;
}

/** Stores the low `width` bits of `value`; the bits around them stay. */
export function putBits(
  u8s: Uint8Array,
  at: number,
  bit: number,
  width: number,
  value: number,
  littleEndian: boolean,
): void {
  const last = bit + width - 1;
  let p = at + ((littleEndian ? bit : last) >> 3);
  let shift = littleEndian ? bit & 7 : 7 - (last & 7);
  for (let done = 0; done < width;) {
    const taken = Math.min(8 - shift, width - done);
    const mask = ((1 << taken) - 1) << shift;
    u8s[p] = (u8s[p]! & ~mask) | (((value >>> done) << shift) & mask);
    done += taken;
    shift = 0;
    p += littleEndian ? 1 : -1;
  }
}
