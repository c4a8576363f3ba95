// C types that nobody would write: structs and unions in structs and unions, bitfields, packed and aligned members, arrays
// of arrays, pointers, enums of every size. fast-check makes them, so that a failing one shrinks by its seed.

import fc from "fast-check";

/** What every source starts with. */
export const PRELUDE = `
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
typedef unsigned __int128 u128; typedef __int128 s128; typedef _Bool bool;
typedef u32 __be32; typedef const volatile u16 odd_t; typedef u8 mac_t[6]; typedef struct { s16 x, y; } point_t;
enum plain { PLAIN_A, PLAIN_B = 7 }; enum minus { MINUS_A = -3, MINUS_B }; enum __attribute__((packed)) tiny { TINY_A, TINY_B };
enum wide { WIDE_A = 1, WIDE_B = 0x8000000000000000ULL }; enum wide_minus { WIDE_MINUS = -5000000000LL };
struct pair { u8 a; u32 b; }; union either { u32 number; u8 bytes[4]; };
`;

const scalars = [
  "u8",
  "u16",
  "u32",
  "u64",
  "s8",
  "s16",
  "s32",
  "s64",
  "u128",
  "s128",
  "bool",
  "char",
  "float",
  "double",
];
const named = [
  "enum plain",
  "enum minus",
  "enum tiny",
  "enum wide",
  "enum wide_minus",
  "__be32",
  "odd_t",
  "mac_t",
  "point_t",
];
const compounds = ["struct pair", "union either"];
const bitTypes = [
  ["u8", 8],
  ["u16", 16],
  ["u32", 32],
  ["u64", 64],
  ["s8", 8],
  ["s16", 16],
  ["s32", 32],
  ["s64", 64],
  ["bool", 1],
  ["enum plain", 32],
  ["enum minus", 32],
] as const;

/** A member's declaration; `next` numbers the names, which are unique within one type as C asks. */
type Member = (next: () => string) => string;

const dimensions = fc.oneof(
  { weight: 6, arbitrary: fc.constant("") },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 5 }).map((n) => `[${n}]`) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })).map(([a, b]) => `[${a}][${b}]`),
  },
  { weight: 1, arbitrary: fc.constant("[0]") },
);
const attribute = fc.oneof(
  { weight: 8, arbitrary: fc.constant("") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      " __attribute__((aligned(16)))",
      " __attribute__((packed))",
      " __attribute__((aligned(2)))",
    ),
  },
);

const value: fc.Arbitrary<Member> = fc
  .tuple(fc.constantFrom(...scalars, ...named, ...compounds), dimensions, attribute)
  .map(
    ([type, array, extra]) =>
      (next) =>
        `${type} ${next()}${array}${extra};`,
  );
const text: fc.Arbitrary<Member> = fc.tuple(fc.constantFrom("char", "u8"), fc.constantFrom(1, 4, 7, 16, 33)).map(
  ([type, n]) =>
    (next) =>
      `${type} ${next()}[${n}];`,
);
const bits: fc.Arbitrary<Member> = fc
  .tuple(fc.constantFrom(...bitTypes), fc.nat(63), fc.nat(9))
  .map(([[type, size], n, gap]) => {
    const width = 1 + (n % size);
    return (next) =>
      gap === 0 ? `u32 : ${1 + (n % 31)};` : gap === 1 ? `${type} : 0;` : `${type} ${next()} : ${width};`;
  });
const pointer: fc.Arbitrary<Member> = fc.constantFrom<Member>(
  (next) => `void *${next()};`,
  (next) => `struct stranger *${next()};`,
  (next) => `const char *${next()}[2];`,
  (next) => `int (*${next()})(int, void *);`,
);

const { body } = fc.letrec<{ body: Member; member: Member }>((tie) => ({
  body: fc
    .tuple(
      fc.constantFrom("struct", "struct", "union"),
      fc.array(tie("member"), { minLength: 1, maxLength: 5, depthIdentifier: "c" }),
      fc.nat(9),
    )
    .map(([kind, members, packed]) => (next) => {
      const lines = members.map((member) => member(next)).join(" ");
      return `${kind} ${packed === 0 ? "__attribute__((packed)) " : ""}{ ${lines} }`;
    }),
  member: fc.oneof(
    { depthIdentifier: "c", maxDepth: 3 },
    { weight: 6, arbitrary: value },
    { weight: 4, arbitrary: bits },
    { weight: 2, arbitrary: text },
    { weight: 1, arbitrary: pointer },
    { weight: 2, arbitrary: tie("body").map((inner) => (next: () => string) => `${inner(next)};`) },
    { weight: 1, arbitrary: tie("body").map((inner) => (next: () => string) => `${inner(counter())} ${next()};`) },
  ),
}));

function counter(): () => string {
  let n = 0;
  return () => `m${n++}`;
}

/** The declarations of `count` types, `NAME` where the type's own name goes: "struct NAME { u32 m0; }". */
export function randomTypes(seed: number, count: number): string[] {
  return fc.sample(body, { seed, numRuns: count }).map((type) => type(counter()));
}
