// Bytes in, the same bytes with a few of them changed out.

import type { Random } from "./random.ts";

/** What lengths, offsets and ids are checked against, and one beside it. */
function interesting(rng: Random, size: number): number {
  return rng.pick([
    0,
    1,
    2,
    0xff,
    0x7fff,
    0xffff,
    0x7fffffff,
    0x80000000,
    0xfffffffe,
    0xffffffff,
    size - 1,
    size,
    size + 1,
  ]);
}

function editOnce(bytes: Uint8Array, rng: Random): Uint8Array {
  if (bytes.length < 16) return bytes;
  const at = rng.below(bytes.length - 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const aligned = at & ~3;
  const little = rng.chance(90);
  switch (rng.below(9)) {
    case 0:
      bytes[at]! ^= 1 << rng.below(8);
      break;
    case 1:
      bytes[at] = rng.below(256);
      break;
    case 2:
      view.setUint16(at & ~1, interesting(rng, bytes.length) & 0xffff, little);
      break;
    case 3:
      view.setUint32(aligned, interesting(rng, bytes.length), little);
      break;
    case 4:
      view.setUint32(aligned, view.getUint32(aligned, little) + rng.pick([-4, -1, 1, 4]), little);
      break;
    case 5:
      view.setBigUint64(at & ~7, BigInt.asUintN(64, BigInt(rng.pick([-1, 1, 64])) << BigInt(rng.below(64))), little);
      break;
    case 6:
      bytes.copyWithin(at, rng.below(bytes.length), rng.below(bytes.length));
      break;
    case 7:
      bytes.fill(rng.pick([0, 0xff, 0x2a]), at, at + rng.below(16));
      break;
    default:
      if (rng.chance(20)) return bytes.slice(0, rng.below(bytes.length));
  }
  return bytes;
}

/** A copy of `bytes` with one to four edits. */
export function mutate(bytes: Uint8Array, rng: Random): Uint8Array {
  let copy: Uint8Array = bytes.slice();
  for (let edits = 1 + rng.below(4); edits > 0; edits--) copy = editOnce(copy, rng);
  return copy;
}
