// An ObjectModel and the types that somebody names for its maps in ("u32:struct event"), the model with these types out.
// They are for maps that have only sizes: legacy ones, and `__uint(key_size, ...)`.

import { trySizeOf, whyNoSize } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { TypeId } from "../btf/types.ts";
import { shown, within } from "../errors.ts";
import type { MapModel, ObjectModel } from "./model.ts";
import { listed, plain, type MoreTypes, noMore, refuse, TypeFinder } from "./typefinder.ts";

/** Types of keys and values by the name of the map: `{ counts: "u32:u64" }`; either side may be left out. */
export type MapTypes = Readonly<Record<string, string>>;

const EXAMPLE = "write KEY:VALUE, such as u32:struct event, char[16]:u64, or :u64";

/** Splits at the one colon; those of `a::b` are part of a name. */
function splitTypes(text: string): { readonly key: string; readonly value: string } {
  const parts = text.split(/(?<!:):(?!:)/).map((part) => part.trim().replace(/\s+/g, " "));
  const [key, value] = parts;
  if (parts.length !== 2 || key === undefined || value === undefined || (key === "" && value === ""))
    throw refuse(`expected the types of key and value, got ${shown(text)} (${EXAMPLE})`);
  return { key, value };
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
    const got = size === undefined ? `which ${whyNoSize(finder.types, type)}` : `of ${size} bytes`;
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
export function withMapTypes(model: ObjectModel, named: MapTypes, more: MoreTypes = noMore): ObjectModel {
  const names = Object.keys(named);
  if (names.length === 0) return model;
  const finder = new TypeFinder(model.types, more, EXAMPLE);
  const unknown = names.find((name) => !model.maps.some((map) => map.name === name));
  if (unknown !== undefined)
    throw refuse(`the object has no map ${plain(unknown)}, got ${listed(model.maps.map(({ name }) => name))}`);
  const maps = model.maps.map((map) =>
    Object.hasOwn(named, map.name) ? within(`map ${map.name}`, () => typeMap(finder, map, named[map.name]!)) : map,
  );
  return { ...model, maps, types: finder.types };
}
