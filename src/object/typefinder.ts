// Types by how C spells them, for options that name some: those that the object has, those that C itself has, and those that
// only the object's debug information has.

import type { BtfType, TypeId } from "../btf/types.ts";
import { shown, SkelError } from "../errors.ts";
import { standardType } from "./ctypes.ts";

/** How many names an error shows of what there is. */
const SHOWN = 10;

/** The error for what an option says wrong. */
export function refuse(what: string): SkelError {
  return new SkelError("ERR_OPTION", what);
}

/** Names as an error lists them. */
export function listed(names: readonly string[]): string {
  const unique = [...new Set(names)];
  if (unique.length === 0) return "none";
  const more = unique.length > SHOWN ? ` and ${unique.length - SHOWN} more` : "";
  return `${unique.slice(0, SHOWN).map(plain).join(", ")}${more}`;
}

/** A name as it is where it cannot be mistaken, else quoted. */
export function plain(name: string): string {
  return /^\w[\w ]*$/.test(name) ? name : shown(name);
}

/** Gives the types with those called `spelled` in the debug information behind them, and their ids. */
export type MoreTypes = (
  types: readonly BtfType[],
  spelled: string,
) => { readonly types: readonly BtfType[]; readonly ids: readonly TypeId[] };

/** Of an object of which there is only the model. */
export const noMore: MoreTypes = (types) => ({ types, ids: [] });

/** Finds types by how C spells them, and makes those that the object has not. */
export class TypeFinder {
  readonly types: BtfType[];
  readonly #more: MoreTypes;
  readonly #known = new Map<string, TypeId>();
  readonly #missing = new Set<string>();
  readonly #example: string;

  /** `example` says in errors how types are written. */
  constructor(types: readonly BtfType[], more: MoreTypes, example: string) {
    this.types = [...types];
    this.#more = more;
    this.#example = example;
    types.forEach((_, id) => this.#learn(id));
  }

  /** The type called so: "struct event", "u32[4]". */
  find(spelled: string): TypeId {
    const [, name, dimensions] = /^([^[\]]*[^[\]\s])\s*((?:\[\s*\d+\s*\]\s*)*)$/.exec(spelled) ?? [];
    if (name === undefined || dimensions === undefined)
      throw refuse(`is no type, got ${shown(spelled)} (${this.#example})`);
    const lengths = [...dimensions.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    return lengths.reduceRight<TypeId>(
      (type, length) => this.#add({ kind: "array", type, indexType: this.#named("unsigned int"), length }),
      this.#named(name.replace(/^((const|volatile) )+/, "")),
    );
  }

  /** The same, where no type is called so the struct, union or enum with that tag. */
  findTagged(spelled: string): TypeId {
    const word = standardType(spelled) === undefined && !this.#has(spelled) ? this.#tagOf(spelled) : undefined;
    return this.find(word === undefined ? spelled : `${word} ${spelled}`);
  }

  #tagOf(name: string): string | undefined {
    return ["struct", "union", "enum"].find((word) => this.#has(`${word} ${name}`));
  }

  /** Whether the object has the type, in its BTF or else in its debug information. */
  #has(name: string): boolean {
    if (this.#known.has(name)) return true;
    if (this.#missing.has(name)) return false;
    const { types, ids } = this.#more(this.types, name);
    const distinct = [...new Set(ids)];
    if (distinct.length > 1)
      throw refuse(`the debug information has ${distinct.length} types ${plain(name)} that differ (rename one)`);
    for (const type of types.slice(this.types.length)) this.#add(type);
    const [id] = distinct;
    if (id === undefined) this.#missing.add(name);
    else this.#known.set(name, id);
    return id !== undefined;
  }

  /** By the name as C has it: "struct event", "u32". The first of several counts. */
  #named(name: string): TypeId {
    const standard = standardType(name);
    if (standard === undefined) this.#has(name);
    const known =
      this.#known.get(name) ?? (standard && "name" in standard ? this.#known.get(standard.name) : undefined);
    if (known !== undefined) return known;
    if (standard !== undefined) return this.#add(standard);
    const tag = this.#tagOf(name);
    if (tag !== undefined) throw refuse(`no type is called ${plain(name)} (write ${tag} ${plain(name)})`);
    const word = /^(struct|union|enum) /.exec(name)?.[0];
    const names = [...this.#known.keys()].filter((other) => (word === undefined ? true : other.startsWith(word)));
    const missing = word !== undefined ? name : /^\w+$/.test(name) && name !== "void" ? `struct ${name}` : undefined;
    const remedy =
      missing &&
      ` (clang leaves out what nothing uses, and BTF what is only sent: keep the debug information, or add ${plain(missing)} *unused __attribute__((unused));)`;
    throw refuse(`the object has no type ${plain(name)}, got ${listed(names)}${remedy ?? ""}`);
  }

  #add(type: BtfType): TypeId {
    const id = this.types.push(type) - 1;
    this.#learn(id);
    return id;
  }

  #learn(id: TypeId): void {
    const type = this.types[id]!;
    const name = nameOf(type);
    if (name !== undefined && !this.#known.has(name)) this.#known.set(name, id);
  }
}

function nameOf(type: BtfType): string | undefined {
  switch (type.kind) {
    case "struct":
    case "union":
    case "enum":
      return type.name === "" ? undefined : `${type.kind} ${type.name}`;
    case "enum64":
      return type.name === "" ? undefined : `enum ${type.name}`;
    case "int":
    case "float":
    case "typedef":
      return type.name;
    default:
      return undefined;
  }
}
