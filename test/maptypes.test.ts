// Types that a user names for maps which have only sizes: what they become, and what each wrong one is answered.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { spellType } from "../src/btf/spell.ts";
import { generate } from "../src/generate.ts";
import { standardType } from "../src/object/ctypes.ts";
import { withMapTypes } from "../src/object/maptypes.ts";
import { readObject } from "../src/object/read.ts";
import { resolveOptions } from "../src/options.ts";
import { parseTypes } from "../src/cli/types.ts";
import { fixtures } from "./support/fixtures.ts";

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
}

const models = new Map(["legacy", "legacy_nobtf", "legacy_mixed"].map((name) => [name, readObject(bytesOf(name))]));

/** "u32 -> struct call" */
function typed(object: string, map: string, types: string): string {
  const model = withMapTypes(models.get(object)!, { [map]: types });
  const { keyType, valueType } = model.maps.find(({ name }) => name === map)!;
  const side = (id: number | undefined): string => (id === undefined ? "bytes" : spellType(model.types, id));
  return `${side(keyType)} -> ${side(valueType)}`;
}

describe("named types", () => {
  test.each([
    ["legacy", "plain", "u32:struct call", "u32 -> struct call"],
    ["legacy", "plain", " __u32 :  struct   call ", "__u32 -> struct call"],
    ["legacy", "plain", "const u32:", "u32 -> bytes"],
    ["legacy", "plain", ":struct call", "bytes -> struct call"],
    ["legacy", "plain", "char[4]:u64[2]", "char[4] -> u64[2]"],
    ["legacy", "plain", "u8[2][2]:u32[ 4 ]", "u8[2][2] -> u32[4]"],
    ["legacy", "mistaken", "short:s128", "short -> s128"],
    ["legacy_nobtf", "plain", "__be32:unsigned long[2]", "__be32 -> unsigned long[2]"],
    ["legacy_nobtf", "counts", "unsigned:long long unsigned int", "unsigned int -> unsigned long long"],
    ["legacy_nobtf", "counts", "float:double", "float -> double"],
    ["legacy_nobtf", "counts", "int32_t:size_t", "int32_t -> size_t"],
    ["legacy_mixed", "untyped", "int:u32", "int -> u32"],
    ["legacy_mixed", "seen", "u32:bool[4]", "u32 -> _Bool[4]"],
  ])("%s.%s=%s", (object, map, types, expected) => {
    expect(typed(object, map, types)).toBe(expected);
  });

  test.each([
    [
      "plain",
      "u32",
      'map plain: expected the types of key and value, got "u32" (write KEY:VALUE, such as u32:struct event, char[16]:u64, or :u64)',
    ],
    [
      "plain",
      ":",
      'map plain: expected the types of key and value, got ":" (write KEY:VALUE, such as u32:struct event, char[16]:u64, or :u64)',
    ],
    ["plain", "u64:", 'map plain: key: expected a type of 4 bytes (key_size), got "u64" of 8 bytes'],
    ["plain", ":void", "map plain: value: the object has no type void, got "],
    ["plain", "u32:call", "map plain: value: no type is called call (write struct call)"],
    [
      "plain",
      "u32:struct nope",
      "map plain: value: the object has no type struct nope, got struct ____btf_map_counts, struct call, ",
    ],
    ["plain", "u32:enum e", "map plain: value: the object has no type enum e, got none"],
    ["plain", "u32:a::b", 'map plain: value: the object has no type "a::b", got '],
    ["plain", "u32[-1]:", 'map plain: key: is no type, got "u32[-1]" (write KEY:VALUE, '],
    [
      "plain",
      "u32[99999999999999999999]:",
      'map plain: key: expected a type of 4 bytes (key_size), got "u32[99999999999999999999]" which is larger than ',
    ],
    ["counts", "u32:", 'map counts: key: is declared as u32, got "u32" (leave it out)'],
    ["nope", "u32:u32", "the object has no map nope, got counts, last, plain, mistaken"],
  ])("%s=%s is refused", (map, types, message) => {
    expect(() => typed("legacy", map, types)).toThrow(
      expect.objectContaining({ code: "ERR_OPTION", message: expect.stringContaining(message) as string }),
    );
  });

  test("types of the object keep their ids, and it stays as it was", () => {
    const model = models.get("legacy_nobtf")!;
    const { types, maps } = withMapTypes(model, { plain: "u32:char[16]" });
    expect(types.slice(0, model.types.length)).toEqual(model.types);
    expect(types.length).toBe(model.types.length + 4);
    expect(maps.filter((map, i) => map !== model.maps[i]).map(({ name }) => name)).toEqual(["plain"]);
    expect(withMapTypes(model, {})).toBe(model);
  });

  test.each([
    "long long long",
    "unsigned unsigned",
    "int int",
    "float float",
    "",
    "u24",
    "unsigned signed",
    "constructor",
    "struct",
  ])("%s is no type of C", (name) => expect(standardType(name)).toBeUndefined());
});

describe("the option", () => {
  const recorded = (maps: Record<string, string>): string => resolveOptions({ name: "x.o", maps }).recorded;

  test("is recorded in the order of names, in one line of ASCII", () => {
    expect(recorded({ b: "u32:u32", a: ":u64" })).toBe('{"maps":{"a":":u64","b":"u32:u32"}}');
    expect(recorded({ a: "\u2028\n:é" })).toBe('{"maps":{"a":"\\u2028\\n:\\u00e9"}}');
    expect(recorded({})).toBe("{}");
    expect(() => recorded({ a: 1 as unknown as string })).toThrow('maps: expected "KEY:VALUE" for "a", got "1"');
  });

  test("reaches the module", async () => {
    const text = await generate(bytesOf("legacy_nobtf"), { name: "x.bpf.o", maps: { counts: "u32:u64" } });
    expect(text).toContain("counts: s.HashMap<number, bigint>;");
    expect(text).toContain("counts: s.hash(s.u32, s.u64)");
    expect(text).toContain('options {"maps":{"counts":"u32:u64"}}, ');
  });

  test("comes from --map", () => {
    const parseMaps = (given: string[] | undefined): unknown => parseTypes("--map", "KEY:VALUE", given);
    expect(parseMaps(["a=u32:struct x", "b=:u64"])).toEqual({ a: "u32:struct x", b: ":u64" });
    expect(parseMaps(undefined)).toBeUndefined();
    expect(() => parseMaps(["a"])).toThrow('--map: expected NAME=KEY:VALUE, got "a"');
    expect(() => parseMaps(["a=u32:u32", "a=u32:u32"])).toThrow('--map: names "a" twice (write KEY:VALUE once)');
  });
});
