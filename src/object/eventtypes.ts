// An ObjectModel and the types that somebody names for the events of its maps in ("struct event", "call,exit"), the model with
// these types out, and with warnings of what is doubtful.

import { spellType } from "../btf/spell.ts";
import { trySizeOf } from "../btf/graph.ts";
import { shown, within } from "../errors.ts";
import { eventDoubt, isEventMap, recordLength } from "./events.ts";
import type { EventsModel, MapModel, ObjectModel } from "./model.ts";
import { listed, plain, type MoreTypes, noMore, refuse, TypeFinder } from "./typefinder.ts";

/** Types of events by the name of the map: `{ rb: "struct event" }`; several with commas, "bytes" for none. */
export type EventTypes = Readonly<Record<string, string>>;

const EXAMPLE = "write TYPE, such as struct event, several with commas, or bytes";

function nameEvents(finder: TypeFinder, map: MapModel, text: string): EventsModel {
  if (!isEventMap(map) || map.events === undefined)
    throw refuse(
      `expected a ring buffer or perf event array, got ${plain(map.type)} (name types of others with --map)`,
    );
  const { sizes } = map.events;
  if (text.trim() === "bytes") return { types: [], source: "option", sizes };
  // The commas of `Result<A, B>` are part of a name.
  const names = text.split(/,(?![^<]*>)/).map((name) => name.trim().replace(/\s+/g, " "));
  if (map.type === "user_ringbuf" && names.length > 1)
    throw refuse(`a user ring buffer takes one type, got ${names.length} (make a struct with a union of them)`);
  const byLength = new Map<number, string>();
  const types = names.map((name) => {
    const type = finder.findTagged(name);
    const size = trySizeOf(finder.types, type) ?? 0;
    const spelled = plain(spellType(finder.types, type));
    if (size === 0) throw refuse(`expected a type of at least one byte, got ${spelled}`);
    const length = recordLength(map, size);
    const other = byLength.get(length);
    if (other !== undefined)
      throw refuse(`types are told apart by their length, got ${other} and ${spelled} in records of ${length} bytes`);
    byLength.set(length, spelled);
    return type;
  });
  return { types, source: "option", sizes };
}

/**
 * The model with the types named for the events of its maps; types that the object has not follow its own.
 * @throws SkelError ERR_OPTION naming what there is
 */
export function withEventTypes(model: ObjectModel, named: EventTypes, more: MoreTypes = noMore): ObjectModel {
  const finder = new TypeFinder(model.types, more, EXAMPLE);
  const unknown = Object.keys(named).find((name) => !model.maps.some((map) => map.name === name));
  if (unknown !== undefined)
    throw refuse(`the object has no map ${plain(unknown)}, got ${listed(model.maps.map(({ name }) => name))}`);
  const maps = model.maps.map((map) => {
    const text = Object.hasOwn(named, map.name) ? named[map.name]! : undefined;
    if (text === undefined) return map;
    return within(`map ${map.name}`, () => {
      if (text.trim() === "") throw refuse(`expected the type of its events, got ${shown(text)} (${EXAMPLE})`);
      return { ...map, events: nameEvents(finder, map, text) };
    });
  });
  const { types } = finder;
  const doubts = maps.flatMap((map) => {
    const what = eventDoubt(types, map);
    return what === undefined ? [] : [{ where: `map ${map.name}`, what }];
  });
  return { ...model, maps, types, warnings: [...model.warnings, ...doubts] };
}
