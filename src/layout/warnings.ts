// Layouts in, what their reader should know out: what is shown as bytes, with the reason.

import { printable } from "../errors.ts";
import { groupBy } from "../group.ts";
import type { Layout, Layouts, MapLayout } from "./layout.ts";

/** The sentence a reader gets for a use that had to become bytes. */
function reasonOf(layout: Layout): string | undefined {
  return layout.kind === "bytes" ? layout.reason : undefined;
}

/** What of all layouts had to become bytes. */
export function collectWarnings(layouts: Omit<Layouts, "warnings">): Layouts["warnings"] {
  const uses = [
    ...layouts.sections.flatMap(({ variables }) =>
      variables.map(({ name, layout }) => ({ where: `variable ${name}`, layout })),
    ),
    ...layouts.types.flatMap((type) =>
      type.kind === "struct"
        ? type.fields.map(({ name, layout }) => ({ where: `${type.spelled}, member ${name}`, layout }))
        : [],
    ),
  ];
  const others = uses.flatMap(({ where, layout }) => {
    const reason = reasonOf(layout);
    // Names of types and members may hold any bytes.
    return reason === undefined ? [] : [{ where: printable(where), what: `shown as bytes, ${printable(reason)}` }];
  });
  return [...layouts.maps.flatMap(mapWarnings), ...others];
}

/** One for all of a map that has one reason: the keys and values of most have the same. */
function mapWarnings(map: MapLayout): Layouts["warnings"] {
  const byReason = groupBy(asBytes(map), ({ reason }) => reason);
  return [...byReason].map(([reason, uses]) => ({
    where: `map ${map.name}`,
    what: `${uses.map(({ what }) => what).join(" and ")} shown as bytes, ${printable(reason)}`,
  }));
}

function asBytes({ key, value, inner, events = [] }: MapLayout): { readonly what: string; readonly reason: string }[] {
  const uses = [
    { what: "key", use: key },
    { what: "value", use: value },
    ...events.map((use) => ({ what: "event", use })),
  ];
  const own = uses.flatMap(({ what, use }) => {
    const reason = use && reasonOf(use.layout);
    return reason === undefined ? [] : [{ what, reason }];
  });
  return [...own, ...(inner ? asBytes(inner).map(({ what, reason }) => ({ what: `inner ${what}`, reason })) : [])];
}
