// Programs on the left, maps and data sections on the right, a line for each use: SVG whose boxes and lines are links.

import { printable } from "../errors.ts";
import { type Html, html } from "./html.ts";
import type { Subject } from "./subject.ts";

interface Box {
  readonly anchor: string;
  readonly name: string;
  /** What stands small beside the name. */
  readonly sub: string;
}

interface Edge {
  readonly from: number;
  readonly to: number;
  /** The map holds the program in a static slot; else the program uses it. */
  readonly slot: boolean;
}

const WIDTH = 860;
const BOX = { width: 300, height: 30, step: 40, top: 28 };
const RIGHT = WIDTH - BOX.width;
/** Characters that fit a box; one is about 7.9 units wide. */
const FITS = 35;

/** The figure, or nothing where there is nothing to connect. */
export function diagram({ model: { programs, maps, structOps, sections }, anchors }: Subject): Html | undefined {
  const left = programs.map(({ name, sec }): Box => ({
    anchor: anchors.program.get(name)!,
    name,
    sub: sec?.type ?? "",
  }));
  const right = [
    ...maps.map(({ name, type }): Box => ({ anchor: anchors.map.get(name)!, name, sub: type })),
    ...structOps.map(({ name }): Box => ({ anchor: anchors.map.get(name)!, name, sub: "struct_ops" })),
    ...sections.map(({ name }): Box => ({ anchor: anchors.section.get(name)!, name, sub: "" })),
  ];
  if (left.length === 0 || right.length === 0) return undefined;
  const places = new Map(right.map(({ anchor }, i) => [anchor, i]));
  const programAt = new Map(left.map(({ name }, i) => [name, i]));
  const uses = programs.flatMap(({ uses: used }, from): Edge[] =>
    [
      ...(used?.maps ?? []).map((name) => anchors.map.get(name)),
      ...(used?.globals ?? []).map(({ section }) => anchors.section.get(section)),
    ].flatMap((anchor) => (anchor === undefined ? [] : [{ from, to: places.get(anchor)!, slot: false }])),
  );
  const slots = maps.flatMap(({ name, slots: filled = [] }): Edge[] =>
    filled.flatMap((slot) => {
      const from = programAt.get(slot.name);
      return from === undefined ? [] : [{ from, to: places.get(anchors.map.get(name)!)!, slot: true }];
    }),
  );
  const edges = [...uses, ...slots];
  const height = BOX.top + BOX.step * Math.max(left.length, right.length);
  const used = { left: new Set(edges.map(({ from }) => from)), right: new Set(edges.map(({ to }) => to)) };
  return html`<figure>
    <div class="scroll" role="region" aria-label="Diagram" tabindex="0">
      <svg viewBox="0 0 ${WIDTH} ${height}" aria-label="Programs and what they use" role="group">
        <text class="head" x="2" y="14">Programs</text>
        <text class="head" x="${RIGHT + 2}" y="14">Maps and data sections</text>
        ${edges.map((edge) => line(edge, left, right))} ${left.map((box, i) => boxAt(box, 1, i, !used.left.has(i)))}
        ${right.map((box, i) => boxAt(box, RIGHT - 1, i, !used.right.has(i)))}
      </svg>
    </div>
    <figcaption>
      A line leads from a program to what its code refers to, itself or through the functions it
      calls${slots.length > 0 && "; a dashed one to the map that holds the program in a static slot"}.
    </figcaption>
  </figure>`;
}

const middleOf = (i: number): number => BOX.top + BOX.step * i + BOX.height / 2;

function line({ from, to, slot }: Edge, left: readonly Box[], right: readonly Box[]): Html {
  const [program, target] = [left[from]!, right[to]!];
  const [x1, x2] = [BOX.width + 1, RIGHT - 1];
  const bend = (x2 - x1) / 2;
  const path = `M${x1} ${middleOf(from)}C${x1 + bend} ${middleOf(from)} ${x2 - bend} ${middleOf(to)} ${x2} ${middleOf(to)}`;
  const what = slot ? `${target.name} holds ${program.name}` : `${program.name} uses ${target.name}`;
  const goal = slot ? program.anchor : target.anchor;
  // The boxes lead to the same places for who goes by keyboard.
  return html`<a class="link" href="#${goal}" aria-label="${what}" tabindex="-1"
    ><title>${what}</title><path class="edge${slot && " slot"}" d="${path}" /><path class="reach" d="${path}"
  /></a>`;
}

function boxAt({ anchor, name, sub }: Box, x: number, i: number, idle: boolean): Html {
  const y = BOX.top + BOX.step * i;
  const text = printable(name);
  const short = text.length > FITS ? `${text.slice(0, FITS - 1)}…` : text;
  const room = FITS - short.length - 2 >= sub.length;
  return html`<a href="#${anchor}" ${idle && html` class="idle"`} aria-label="${`${name} ${sub}`.trim()}"
    ><title>${name}${sub !== "" && ` (${sub})`}</title
    ><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6" /><text x="${x + 12}" y="${y + 20}"
      >${short}</text
    >${room && html`<text class="sub" text-anchor="end" x="${x + BOX.width - 12}" y="${y + 20}">${sub}</text>`}</a
  >`;
}
