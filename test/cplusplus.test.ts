// Objects of C++: clang's BTF has no types for classes with methods, references and wide characters, and makes up places.

import { expect, test } from "vitest";
import { generateWithWarnings, inspectObject } from "../src/index.ts";
import { compileBpf } from "./support/compile.ts";

const source = `
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) val *name
typedef unsigned u32; typedef unsigned char u8;
namespace net {
  enum class Mode : u8 { Off, On = 200 };
  struct Base { u32 id; };
  struct Derived : Base { u8 flag; static const int K = 3; int method() const { return id; } };
}
template <typename T, int N> struct Box { T items[N]; u32 length; T first() const { return items[0]; } };
union Either { u32 word; u8 bytes[4]; u32 get() const { return word; } };
struct Kinds { u32 &r; u32 n; char16_t c; Either either; constexpr Kinds(u32 &r) : r(r), n(0), c(0), either() {} u32 get() const { return n; } };
struct Shared { static u32 total; u32 n; };
struct Conns { __uint(type, 1); __uint(max_entries, 8); __type(key, net::Derived); using three = Box<u32, 3>; __type(value, three); } conns SEC(".maps");
extern "C" {
  char LICENSE[] SEC("license") = "GPL";
  net::Mode mode = net::Mode::On;
  char16_t wide[4] = u"abc";
  u32 plain = 5;
  net::Derived derived;
  net::Derived &ref = derived;
  Box<u32, 3> box;
  Kinds kinds(plain); Shared shared;
  SEC("syscall") int prog(void *ctx) { box.items[1] = 2; return derived.method() + (int)mode; }
}`;

test("a C++ object shows what its BTF can tell, and the rest as bytes with the reason", async () => {
  const object = compileBpf(source, "bpf", "c++");
  const { maps, sections } = inspectObject(object);
  expect(maps).toMatchObject([{ name: "conns", keySize: 8, valueSize: 16 }]);
  expect(sections.flatMap(({ variables }) => variables.map(({ name, size }) => [name, size]))).toEqual(
    expect.arrayContaining([
      ["mode", 1],
      ["wide", 8],
      ["plain", 4],
      ["derived", 8],
      ["ref", 8],
    ]),
  );
  const { text, warnings } = await generateWithWarnings(object, { name: "cpp" });
  expect(text).toContain("conns: s.HashMap<Derived, BoxUnsignedInt3>;");
  const flat = text.replaceAll(/\s+/g, " ").replaceAll("( ", "(");
  expect(flat).toContain('Derived>("Derived", 8, () => ({ void_at_0: [0, s.bytes(4)], flag: [4, s.u8] })');
  expect(flat).toContain("() => ({ r: [0, s.bytes(8)], n: [8, s.u32], c: [12, s.bytes(4)], either: [16, Either] })");
  expect(flat).toContain('s.Init<Either, [["word", "bytes"]]>');
  expect(warnings.map(({ where, what }) => `${where}: ${what}`)).toEqual(
    expect.arrayContaining([
      "variable shared: shown as bytes, members total and n share bytes (one may be a static member)",
      "variable wide: shown as bytes, its type has 32 bytes, got 8",
      "variable ref: shown as bytes, its type has no size",
    ]),
  );
});
