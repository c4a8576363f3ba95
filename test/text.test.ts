import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { access, comment, ident, literal, property } from "../src/emit/text.ts";
import { shown } from "../src/errors.ts";

const ugly = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom(
      "*",
      "/",
      "\\",
      '"',
      "'",
      "`",
      "$",
      "{",
      "\n",
      "\r",
      "\u2028",
      "\u202e",
      "\0",
      "<",
      "\ud800",
      "a",
    ),
  }),
);

test("ident takes identifiers and nothing else", () => {
  expect(ident("Foo_2")).toBe("Foo_2");
  for (const name of ["", "a b", "1a", "a-b", "a;b", "*/", "a\n"])
    expect(() => ident(name)).toThrow("not an identifier, got ");
});

describe("literal", () => {
  test("of any string evaluates to that string, on one line", () => {
    fc.assert(
      fc.property(ugly, (text) => {
        const code = literal(text);
        expect(code).not.toMatch(/[\n\r\u2028\u2029\u202e\0]|<\//);
        expect(new Function(`return ${code}`)()).toBe(text);
      }),
    );
  });
  test.each([
    [-1, "-1"],
    [5n, "5n"],
    [true, "true"],
  ])("of %s is %s", (value, code) => expect(literal(value)).toBe(code));
});

describe("property", () => {
  test.each([
    ["pid", "pid"],
    ["class", "class"],
    ["__proto__", '["__proto__"]'],
    ["a-b", '"a-b"'],
    ["", '""'],
  ])("of %j is %s", (name, code) => expect(property(name)).toBe(code));

  test("of any name makes an own property of that name", () => {
    fc.assert(
      fc.property(ugly, (name) => {
        expect(Object.keys(new Function(`return { ${property(name)}: 1 }`)())).toEqual([name]);
        expect(new Function("v", `return ${access("v", name)}`)({ [name]: 7, ["__proto__"]: null })).toBe(
          name === "__proto__" ? null : 7,
        );
      }),
    );
  });
});

test("comment cannot be ended, broken or made invisible by what it contains", () => {
  expect(comment('a "b" \\ c')).toBe('a "b" \\ c');
  expect(comment("*/ evil() /*")).toBe("*\\/ evil() /*");
  expect(comment("a\nb")).toBe("a\\nb");
  fc.assert(
    fc.property(ugly, (text) => {
      expect(comment(text)).not.toMatch(/\*\/|[\n\r\u2028\u2029\u202e\0]/);
    }),
  );
});

test.each([
  ["plain", '"plain"'],
  ["\u001b[31mred", '"\\u001b[31mred"'],
  ["\u202eevil", '"\\u202eevil"'],
  ["\u009b", '"\\u009b"'],
])("shown(%j) is %s", (text, expected) => expect(shown(text)).toBe(expected));
