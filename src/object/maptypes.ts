// An ObjectModel and the types that somebody names for its maps in ("u32:struct event"), the model with these types out.
// They are for maps that have only sizes: legacy ones, and `__uint(key_size, ...)`.

import { trySizeOf } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import { shown, SkelError, within } from "../errors.ts";
import { standardType } from "./ctypes.ts";
import type { MapModel, ObjectModel } from "./model.ts";

/** Types of keys and values by the name of the map: `{ counts: "u32:u64" }`; either side may be left out. */
export type MapTypes = Readonly<Record<string, string>>;

/** How many names an error shows of what there is. */
const SHOWN = 10;

const EXAMPLE = "write KEY:VALUE, such as u32:struct event, char[16]:u64, or :u64";

function refuse(what: string): SkelError {
  return new SkelError("ERR_OPTION", what);
}

function listed(names: readonly string[]): string {
  const unique = [...new Set(names)];
  if (unique.length === 0) return "none";
  const more = unique.length > SHOWN ? ` and ${unique.length - SHOWN} more` : "";
  return `${unique.slice(0, SHOWN).map(plain).join(", ")}${more}`;
}

/** A name as it is where it cannot be mistaken, else quoted. */
function plain(name: string): string {
  return /^\w[\w ]*$/.test(name) ? name : shown(name);
}

/** Splits at the one colon; those of `a::b` are part of a name. */
function splitTypes(text: string): { readonly key: string; readonly value: string } {
  const parts = text.split(/(?<!:):(?!:)/).map((part) => part.trim().replace(/\s+/g, " "));
  const [key, value] = parts;
  if (parts.length !== 2 || key === undefined || value === undefined || (key === "" && value === ""))
    throw refuse(`expected the types of key and value, got ${shown(text)} (${EXAMPLE})`);
  return { key, value };
}

/** Finds types by how C spells them, and makes those that the object has not. */
class TypeFinder {
  readonly types: BtfType[];
  readonly #known = new Map<string, TypeId>();

  constructor(types: readonly BtfType[]) {
    this.types = [...types];
    types.forEach((_, id) => this.#learn(id));
  }

  find(spelled: string): TypeId {
    const [, name, dimensions] = /^([^[\]]*[^[\]\s])\s*((?:\[\s*\d+\s*\]\s*)*)$/.exec(spelled) ?? [];
    if (name === undefined || dimensions === undefined) throw refuse(`is no type, got ${shown(spelled)} (${EXAMPLE})`);
    const lengths = [...dimensions.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    return lengths.reduceRight<TypeId>(
      (type, length) => this.#add({ kind: "array", type, indexType: this.#named("unsigned int"), length }),
      this.#named(name.replace(/^((const|volatile) )+/, "")),
    );
  }

  /** By the name as C has it: "struct event", "u32". The first of several counts. */
  #named(name: string): TypeId {
    const standard = standardType(name);
    const known =
      this.#known.get(name) ?? (standard && "name" in standard ? this.#known.get(standard.name) : undefined);
    if (known !== undefined) return known;
    if (standard !== undefined) return this.#add(standard);
    const tag = ["struct", "union", "enum"].find((word) => this.#known.has(`${word} ${name}`));
    if (tag !== undefined) throw refuse(`no type is called ${plain(name)} (write ${tag} ${plain(name)})`);
    const word = /^(struct|union|enum) /.exec(name)?.[0];
    const names = [...this.#known.keys()].filter((other) => (word === undefined ? true : other.startsWith(word)));
    throw refuse(`the object has no type ${plain(name)}, got ${listed(names)}`);
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

/** The type for one side of a map, which must have the size that the map has. */
function typeSide(
  finder: TypeFinder,
  spelled: string,
  what: "key" | "value",
  declared: TypeId | undefined,
  wanted: number,
): TypeId | undefined {
  if (spelled === "") return declared;
  return within(what, () => {
    if (declared !== undefined)
      throw refuse(`is declared as ${plain(spellType(finder.types, declared))}, got ${shown(spelled)} (leave it out)`);
    const type = finder.find(spelled);
    const size = trySizeOf(finder.types, type);
    if (size === wanted) return type;
    if (wanted === 0) throw refuse(`the map has no ${what}, got ${shown(spelled)} (leave it out)`);
    const got = size === undefined ? "which has no size" : `of ${size} bytes`;
    throw refuse(`expected a type of ${wanted} bytes (${what}_size), got ${shown(spelled)} ${got}`);
  });
}

function typeMap(finder: TypeFinder, map: MapModel, text: string): MapModel {
  const { key, value } = splitTypes(text);
  const keyType = typeSide(finder, key, "key", map.keyType, map.keySize);
  const valueType = typeSide(finder, value, "value", map.valueType, map.valueSize);
  return { ...map, ...(keyType !== undefined && { keyType }), ...(valueType !== undefined && { valueType }) };
}

/**
 * The model with the types named for its maps; types that the object has not follow its own.
 * @throws SkelError ERR_OPTION naming what there is
 */
export function withMapTypes(model: ObjectModel, named: MapTypes): ObjectModel {
  const names = Object.keys(named);
  if (names.length === 0) return model;
  const finder = new TypeFinder(model.types);
  const unknown = names.find((name) => !model.maps.some((map) => map.name === name));
  if (unknown !== undefined)
    throw refuse(`the object has no map ${plain(unknown)}, got ${listed(model.maps.map(({ name }) => name))}`);
  const maps = model.maps.map((map) =>
    Object.hasOwn(named, map.name) ? within(`map ${map.name}`, () => typeMap(finder, map, named[map.name]!)) : map,
  );
  return { ...model, maps, types: finder.types };
}
