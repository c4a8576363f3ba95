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

/** A box with its left upper corner. */
type Placed = Box & { readonly x: number; readonly y: number };

interface Edge {
  readonly program: Placed;
  readonly target: Placed;
  /** The map holds the program in a static slot; else the program uses it. */
  readonly slot: boolean;
}

const WIDTH = 860;
const BOX = { width: 300, height: 30, step: 38 };
/** Of the headings. */
const TOP = 28;
const RIGHT = WIDTH - BOX.width - 1;
/** Characters that fit a box; one is about 7.9 units wide. */
const FITS = 35;

/** The figure, or nothing where there is nothing to connect. */
export function diagram({ model, anchors }: Subject): Html | undefined {
  const { programs, maps, structOps, sections } = model;
  const boxesOf = (
    kind: keyof typeof anchors,
    all: readonly { readonly name: string; readonly sub: string }[],
  ): Box[] => all.map(({ name, sub }) => ({ anchor: anchors[kind].get(name)!, name, sub }));
  const left = boxesOf(
    "program",
    programs.map(({ name, sec }) => ({ name, sub: sec?.type ?? "" })),
  );
  const right = [
    ...boxesOf(
      "map",
      maps.map(({ name, type }) => ({ name, sub: type })),
    ),
    ...boxesOf(
      "map",
      structOps.map(({ name }) => ({ name, sub: "struct_ops" })),
    ),
    ...boxesOf(
      "section",
      sections.map(({ name, kind }) => ({ name, sub: name === `.${kind}` ? "" : kind })),
    ),
  ];
  if (left.length === 0 || right.length === 0) return undefined;
  const rows = Math.max(left.length, right.length);
  // The shorter column stands in the middle.
  const place = (boxes: readonly Box[], x: number): Placed[] =>
    boxes.map((box, i) => ({ ...box, x, y: TOP + BOX.step * (i + (rows - boxes.length) / 2) }));
  const placed = new Map([...place(left, 1), ...place(right, RIGHT)].map((box) => [box.anchor, box]));
  const edges = edgesOf(model, anchors, placed);
  const busy = new Set(edges.flatMap(({ program, target }) => [program, target]));
  return html`<figure>
    <div class="scroll" role="region" aria-label="Diagram" tabindex="0">
      <svg viewBox="0 0 ${WIDTH} ${TOP + BOX.step * rows}" aria-label="Programs and what they use" role="group">
        <text class="head" x="2" y="14">Programs</text>
        <text class="head" x="${RIGHT + 1}" y="14">Maps and data sections</text>
        ${edges.map(line)} ${[...placed.values()].map((box) => boxAt(box, !busy.has(box)))}
      </svg>
    </div>
    <figcaption>
      A line leads from a program to what its code refers to, itself or through the functions it
      calls${edges.some(({ slot }) => slot) && "; a dashed one to the map that holds the program in a static slot"}.
    </figcaption>
  </figure>`;
}

function edgesOf(
  { programs, maps }: Subject["model"],
  anchors: Subject["anchors"],
  placed: ReadonlyMap<string | undefined, Placed>,
): Edge[] {
  const edge = (program: string, anchor: string | undefined, slot: boolean): Edge[] => {
    const [from, to] = [placed.get(anchors.program.get(program)), placed.get(anchor)];
    return from === undefined || to === undefined ? [] : [{ program: from, target: to, slot }];
  };
  return [
    ...programs.flatMap(({ name, uses }) => [
      ...(uses?.maps ?? []).flatMap((map) => edge(name, anchors.map.get(map), false)),
      ...(uses?.globals ?? []).flatMap(({ section }) => edge(name, anchors.section.get(section), false)),
    ]),
    ...maps.flatMap((map) => (map.slots ?? []).flatMap(({ name }) => edge(name, anchors.map.get(map.name), true))),
  ];
}

function line({ program, target, slot }: Edge): Html {
  const [x1, y1] = [program.x + BOX.width, program.y + BOX.height / 2];
  const [x2, y2] = [target.x, target.y + BOX.height / 2];
  const middle = (x1 + x2) / 2;
  const path = `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  const what = slot ? `${target.name} holds ${program.name}` : `${program.name} uses ${target.name}`;
  // The boxes lead to the same places for who goes by keyboard.
  return html`<a class="link" href="#${(slot ? program : target).anchor}" aria-label="${what}" tabindex="-1"
    ><title>${what}</title><path class="edge${slot && " slot"}" d="${path}" /><path class="reach" d="${path}"
  /></a>`;
}

function boxAt({ anchor, name, sub, x, y }: Placed, idle: boolean): Html {
  const text = printable(name);
  const short = text.length > FITS ? `${text.slice(0, FITS - 1)}…` : text;
  const hasRoom = FITS - short.length - 2 >= sub.length;
  return html`<a href="#${anchor}" class="${idle && "idle"}" aria-label="${`${name} ${sub}`.trim()}"
    ><title>${name}${sub !== "" && ` (${sub})`}</title
    ><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6" /><text x="${x + 12}" y="${y + 20}"
      >${short}</text
    >${hasRoom && html`<text class="sub" text-anchor="end" x="${x + BOX.width - 12}" y="${y + 20}">${sub}</text>`}</a
  >`;
}
