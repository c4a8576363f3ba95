// A generated module run with its types stripped and everything it calls replaced by recorders: what it says of the object
// comes out as plain data, and code that does not belong is caught calling `pwned`.

import { createContext, runInContext } from "node:vm";
import ts from "typescript-5.9";

/** What the recorders saw. */
export interface Evaluated {
  /** Calls of `pwned`. */
  readonly pwned: number;
  /** The name for libbpf. */
  readonly name: string;
  readonly maps: readonly string[];
  /** Names of programs with their sections. */
  readonly progs: Readonly<Record<string, string>>;
  /** Names of sections in the object, with their variables. */
  readonly sections: Readonly<Record<string, readonly string[]>>;
  /** C names of structs, with their fields, as they come. */
  readonly structs: readonly (readonly [name: string, fields: readonly string[]])[];
  /** Exported enums, with their values. */
  readonly enums: Readonly<Record<string, readonly string[]>>;
}

type Anything = Record<string, unknown>;

/** Runs within the module's own realm, so that a changed prototype there shows. */
const RECORDERS = `
  const seen = { structs: [], sections: {}, skeleton: undefined };
  const own = (object, key, value) => Object.defineProperty(object, key, { value, enumerable: true, configurable: true });
  const codec = { read: () => 0, write: () => {} };
  const memory = new Proxy({}, { get: (_, name) => () => 0 });
  const recorders = {
    struct(name, size, table, fast) {
      seen.structs.push([name, Object.keys(table())]);
      if (fast) fast.write?.(memory, 0, fast.read(memory, 0));
      return codec;
    },
    section(name, size, table) {
      own(seen.sections, name, Object.keys(table));
      return codec;
    },
    skeleton(table) {
      seen.skeleton = table();
      seen.skeleton.object();
      return codec;
    },
  };
  const runtime = new Proxy(recorders, {
    get: (target, name) => target[name] ?? Object.assign(() => codec, codec),
  });
  const prototypes = () => JSON.stringify([Object, Array, Function, String].map((c) => Object.getOwnPropertyNames(c.prototype)));
  const before = prototypes();
  globalThis.report = (exported) => ({
    seen,
    enums: Object.fromEntries(Object.entries(exported).filter(([, value]) => value !== codec)),
    clean: prototypes() === before,
  });
  globalThis.exports = {};
  globalThis.require = (id) => {
    if (id !== "@ebpf-skel/runtime/gen1") throw new Error("required " + id);
    return runtime;
  };
`;

/** Evaluates the text of a generated module; throws where it throws or touches what is not its own. */
export function evaluate(text: string): Evaluated {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  let pwned = 0;
  const context = createContext({ pwned: () => ++pwned });
  runInContext(RECORDERS, context);
  const globals = (): string => JSON.stringify(runInContext("Object.getOwnPropertyNames(globalThis).sort()", context));
  const before = globals();
  runInContext(`(() => {${outputText}\n})()`, context, { timeout: 10_000 });
  if (globals() !== before) throw new Error("the module changed its globals");
  const { seen, enums, clean } = runInContext("report(exports)", context) as {
    seen: {
      structs: [string, string[]][];
      sections: Anything;
      skeleton: { name: string; maps: Anything; progs: Anything };
    };
    enums: Anything;
    clean: boolean;
  };
  if (!clean) throw new Error("the module changed a prototype");
  const keys = (object: unknown): string[] => Object.keys(object as object);
  return {
    pwned,
    name: seen.skeleton.name,
    maps: keys(seen.skeleton.maps),
    progs: copy(seen.skeleton.progs, (entry) => (typeof entry === "string" ? entry : (entry as Anything)["section"])),
    sections: copy(seen.sections, (names) => [...(names as string[])]),
    structs: seen.structs.map(([name, fields]) => [name, [...fields]]),
    enums: copy(enums, keys),
  };
}

function copy<T>(object: Anything, value: (own: unknown) => unknown): Record<string, T> {
  const out = Object.create(null) as Record<string, T>;
  for (const key of Object.keys(object)) out[key] = value(object[key]) as T;
  return out;
}
