// Random numbers that a seed repeats, and how long a fuzz test goes on.

/**
 * FUZZ_SEED and FUZZ_SECONDS: where a run starts, and how long each test of a long run lasts. `npm test -- --full` has
 * four times the rounds.
 */
export const seed: number = Number(process.env["FUZZ_SEED"] ?? 1);
const seconds = Number(process.env["FUZZ_SECONDS"] ?? 0);
const times = process.env["EBPF_SKEL_FULL"] === "1" ? 4 : 1;

/** The numbers of the rounds: `count` of them, or as many as fit FUZZ_SECONDS. Each is a seed of its own. */
export function* rounds(count: number): Generator<number> {
  const end = performance.now() + 1000 * seconds;
  for (let i = 0; seconds > 0 ? performance.now() < end : i < times * count; i++) yield seed * 1_000_003 + i;
}

export interface Random {
  /** 0 to `bound` - 1. */
  below(bound: number): number;
  pick<T>(from: readonly T[]): T;
  chance(percent: number): boolean;
}

/** mulberry32. */
export function random(start: number): Random {
  let state = start >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
  for (let i = 0; i < 4; i++) next();
  const below = (bound: number): number => Math.floor((next() / 2 ** 32) * bound);
  return { below, pick: (from) => from[below(from.length)]!, chance: (percent) => below(100) < percent };
}
