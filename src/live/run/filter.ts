// `--filter`: a small language over the fields of events. Text in, a predicate out; nothing of it is ever run as code.

import { shown, SkelError } from "../../errors.ts";

/** What a filter sees of an event: the value of a field and how it is shown; undefined for a field that it has not. */
export type Lookup = (path: readonly string[]) => { readonly value: unknown; readonly text: string } | undefined;

/** Whether an event passes. */
export type Filter = (lookup: Lookup) => boolean;

/** What a filter may name. */
export interface Field {
  /** "addr.port" */
  readonly path: string;
  /** Whether its elements have paths of their own: "ports.0". */
  readonly isList: boolean;
}

interface Token {
  readonly kind: "word" | "number" | "string" | "operator" | "end";
  readonly text: string;
  readonly at: number;
}

type Operand = (lookup: Lookup) => ReturnType<Lookup>;

const TOKEN =
  /\s*(?:(?<number>-?(?:0x[0-9a-f]+|\d+(?:\.\d+)?)(?![\w.]))|(?<word>[A-Za-z_$][\w$]*(?:\.[\w$]+)*)|(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<operator>==|!=|<=|>=|&&|\|\||[<>!~()]))/iy;

const COMPARISONS: Readonly<Record<string, (a: string | number | bigint, b: string | number | bigint) => boolean>> = {
  "==": (a, b) => a == b,
  "!=": (a, b) => a != b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "~": (a, b) => String(a).includes(String(b)),
};

function refuse(expected: string, { kind, text, at }: Token): never {
  const got = kind === "end" ? "the end" : `${shown(text)} at ${at + 1}`;
  throw new SkelError("ERR_OPTION", `expected ${expected}, got ${got} (like 'pid == 123 && comm ~ "sh"')`, [
    "--filter",
  ]);
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  let at = 0;
  while (at < end) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const [kind, found] = Object.entries(match?.groups ?? {}).find(([, part]) => part !== undefined) ?? [];
    if (match === null || found === undefined) {
      const start = at + /^\s*/.exec(text.slice(at))![0].length;
      return refuse("a field, a value or an operator", { kind: "operator", text: text[start]!, at: start });
    }
    at = TOKEN.lastIndex;
    tokens.push({ kind: kind as Token["kind"], text: found, at: at - found.length });
  }
  return [...tokens, { kind: "end", text: "", at: end }];
}

/**
 * The filter that `text` is: fields by their dotted paths, numbers, strings, true and false; `== != < <= > >=`, `~` for
 * "contains"; `&& || !` and parentheses. The structs on the way to a field are fields too, and so are the elements of lists.
 * @throws SkelError ERR_OPTION with the place and what was expected there
 */
export function parseFilter(text: string, fields: readonly Field[]): Filter {
  const tokens = tokensOf(text);
  let next = 0;
  const peek = (): Token => tokens[next]!;
  const accept = (...operators: readonly string[]): string | undefined => {
    const { kind, text } = peek();
    if (kind !== "operator" || !operators.includes(text)) return undefined;
    next++;
    return text;
  };

  const either = (): Filter => {
    const [first, ...rest] = separated("||", both);
    return rest.length === 0 ? first! : (lookup) => first!(lookup) || rest.some((one) => one(lookup));
  };
  const both = (): Filter => {
    const [first, ...rest] = separated("&&", negated);
    return rest.length === 0 ? first! : (lookup) => first!(lookup) && rest.every((one) => one(lookup));
  };
  const separated = (operator: string, part: () => Filter): Filter[] => {
    const parts = [part()];
    while (accept(operator) !== undefined) parts.push(part());
    return parts;
  };
  const negated = (): Filter => {
    if (accept("!") !== undefined) {
      const inner = negated();
      return (lookup) => !inner(lookup);
    }
    if (accept("(") === undefined) return comparison();
    const inner = either();
    if (accept(")") === undefined) refuse('")"', peek());
    return inner;
  };
  const comparison = (): Filter => {
    const left = operand();
    const operator = accept(...Object.keys(COMPARISONS));
    if (operator === undefined) return (lookup) => Boolean(left(lookup)?.value);
    const right = operand();
    const holds = COMPARISONS[operator]!;
    return (lookup) => {
      const [a, b] = [left(lookup), right(lookup)];
      if (a === undefined || b === undefined) return false;
      const asText = operator === "~" || typeof numeric(a.value) === "string" || typeof numeric(b.value) === "string";
      return asText ? holds(a.text, b.text) : holds(numeric(a.value), numeric(b.value));
    };
  };
  const operand = (): Operand => {
    const token = peek();
    const constant = constantOf(token);
    if (constant === undefined && token.kind !== "word") return refuse("a field or a value", token);
    next++;
    if (constant !== undefined) return () => constant;
    const path = token.text.split(".");
    if (
      !fields.some((field) => leadsTo(token.text, field) || (field.isList && token.text.startsWith(`${field.path}.`)))
    )
      refuse(
        fields.length === 0
          ? "a value, since events have no fields here"
          : `one of the fields ${[...new Set(fields.map((field) => field.path))].join(", ")}`,
        token,
      );
    return (lookup) => lookup(path);
  };

  const filter = either();
  if (peek().kind !== "end") refuse("an operator", peek());
  return filter;
}

function leadsTo(path: string, field: Field): boolean {
  return field.path === path || field.path.startsWith(`${path}.`);
}

/** What can be compared as a number; anything else is compared as it is shown, so that enumerators have their names. */
function numeric(value: unknown): number | bigint | string {
  return typeof value === "number" || typeof value === "bigint"
    ? value
    : typeof value === "boolean"
      ? Number(value)
      : "";
}

function constantOf({ kind, text }: Token): ReturnType<Lookup> {
  if (kind === "number") {
    const [, sign, digits] = /^(-?)(.*)$/.exec(text)!;
    const value = text.includes(".") ? Number(text) : sign === "-" ? -BigInt(digits!) : BigInt(digits!);
    return { value, text };
  }
  if (kind === "string") {
    const value = text.slice(1, -1).replace(/\\(.)/gs, "$1");
    return { value, text: value };
  }
  if (kind === "word" && (text === "true" || text === "false")) return { value: text === "true", text };
  return undefined;
}
