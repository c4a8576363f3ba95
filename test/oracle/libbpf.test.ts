// libbpf's view of every object once it is open: of the object as compiled against our model, and of the carried object
// against the one that was compiled.

import { afterAll, describe, expect, test } from "vitest";
import { sectionData, parseElf } from "../../src/elf/read.ts";
import { carry } from "../../src/upgrade/carry.ts";
import { inspectObject } from "../../src/inspect.ts";
import { ATTACH_TYPES, MAP_TYPES, PROG_TYPES } from "../../src/object/kernel.ts";
import type { MapModel, ObjectModel, ProgramModel } from "../../src/object/model.ts";
import { readTypes } from "../../src/object/read.ts";
import { findSec, SEC_DEFS } from "../../src/object/sec.ts";
import { corpus, isUnnamed, type Specimen, specimenOf } from "../support/corpus.ts";
import {
  libraries,
  type Library,
  LibbpfView,
  type MapView,
  knows,
  type OpenView,
  type ProgramView,
  tooOldFor,
} from "../support/libbpf.ts";
import { outputOf } from "../support/programs.ts";

const view = new LibbpfView();
afterAll(() => view.remove());

/** What libbpf does not open, and what it says. */
const REFUSED: Readonly<Record<string, string>> = {
  "big_endian.bpf.o": "open: errno 4003", // LIBBPF_ERRNO__ENDIAN
  "nobtf.bpf.o": "open: errno 2",
};

const BPF_F_MMAPABLE = 0x400;
const BPF_F_LINK = 0x2000;

const views = new Map<string, OpenView>();

function opened(path: string, library: Library): OpenView {
  const key = `${library.title} ${path}`;
  const open = views.get(key) ?? view.open(path, library);
  if (typeof open === "string") throw new Error(`${library.title}: ${open}`);
  const made = { ...open, maps: open.maps.map(withoutPointers), programs: open.programs.map(withoutMember) };
  views.set(key, made);
  return made;
}

const STRUCT_OPS_MAP = MAP_TYPES.indexOf("struct_ops");
const STRUCT_OPS_PROGRAM = PROG_TYPES.indexOf("struct_ops");

/** The struct of a struct_ops map holds addresses, which differ from run to run. */
function withoutPointers(map: MapView): MapView {
  return map.type === STRUCT_OPS_MAP ? { ...map, initial: "" } : map;
}

/** libbpf before 1.4 writes the index of the member that a struct_ops program is for here while it opens the object. */
function withoutMember(program: ProgramView): ProgramView {
  return program.type === STRUCT_OPS_PROGRAM ? { ...program, attachType: 0 } : program;
}

function mapView({ name, inner, ...map }: MapModel, outer = ""): MapView {
  const full = outer === "" ? name : `${outer}.inner`;
  return {
    name: full,
    type: map.typeId,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    extra: map.extra,
    numaNode: map.numaNode,
    internal: false,
    keyType: map.keyType ?? 0,
    valueType: map.valueType ?? 0,
    pin: map.pinning === "by_name" ? `/sys/fs/bpf/${name}` : "",
    initial: "",
    ...(inner && { inner: mapView(inner, name) }),
  };
}

function programView(library: Library, { name, section, sec: def, autoload, size }: ProgramModel): ProgramView {
  // What is younger than that libbpf has no type for it; the runtime gives it one.
  const sec = def !== undefined && knows(library, def) ? def : undefined;
  return {
    name,
    section,
    type: PROG_TYPES.indexOf(sec?.type ?? "unspec"),
    attachType: sec === undefined || sec.attachType === "" ? 0 : ATTACH_TYPES.indexOf(sec.attachType),
    autoload,
    flags: 0,
    instructions: size / 8,
  };
}

/** Name, size and bytes of the maps that libbpf makes of sections. */
function sectionViews({ bytes }: Specimen, model: ObjectModel): object[] {
  const elf = parseElf(bytes);
  const own = model.sections.filter(({ kind }) => kind !== "arena");
  return own.map(({ name, size, kind }) => {
    // .kconfig is no section of the object, and zero until load.
    const section = elf.sections.find((section) => section.name === name);
    const data = section === undefined || kind === "bss" ? new Uint8Array(size) : sectionData(bytes, section);
    const custom = name.indexOf(".", 1) > 0;
    return {
      name: custom ? name : `view${name}`,
      valueSize: size,
      initial: Buffer.from(data).toString("hex"),
      mmapable: true,
    };
  });
}

function initialOfArena(bytes: Uint8Array, { sections }: ObjectModel): string {
  const name = sections.find(({ kind }) => kind === "arena")?.name;
  const section = parseElf(bytes).sections.find((section) => section.name === name);
  return section === undefined ? "" : Buffer.from(sectionData(bytes, section)).toString("hex");
}

describe.each(libraries)("$title", (library) => {
  const refused = { ...REFUSED, ...tooOldFor(library) };
  const openable = corpus.filter(({ file }) => refused[file] === undefined);

  test.each(openable)("$file: maps", ({ path, bytes }) => {
    const maps = opened(path, library).maps.filter(({ internal, type }) => !internal && type !== STRUCT_OPS_MAP);
    const model = inspectObject(bytes);
    // An arena's variables are in the map itself.
    const initial = initialOfArena(bytes, model);
    const shown = model.maps.map((map) => ({ ...mapView(map), ...(map.type === "arena" && { initial }) }));
    expect(shown).toEqual(maps);
  });

  test.each(openable)("$file: struct_ops maps", ({ path, bytes }) => {
    const maps = opened(path, library).maps.filter(({ type }) => type === STRUCT_OPS_MAP);
    const known = inspectObject(bytes).structOps.filter(
      ({ link, autocreate }) => library.version >= (autocreate ? (link ? 1002 : 1000) : 1004),
    );
    expect(known.map(({ name, size, link }) => ({ name, valueSize: size, flags: link ? BPF_F_LINK : 0 }))).toEqual(
      maps.map(({ name, valueSize, flags }) => ({ name, valueSize, flags })),
    );
  });

  test.each(openable)("$file: programs", ({ path, bytes }) => {
    expect(inspectObject(bytes).programs.map((program) => programView(library, program))).toEqual(
      opened(path, library).programs,
    );
  });

  test.each(openable)("$file: sections, their sizes and their bytes", (specimen) => {
    const shown = opened(specimen.path, library)
      .maps.filter(({ name, internal }) => internal && !isUnnamed(specimen.file, name))
      .map(({ name, valueSize, initial, flags }) => ({
        name,
        valueSize,
        initial,
        mmapable: (flags & BPF_F_MMAPABLE) !== 0,
      }));
    expect(sectionViews(specimen, inspectObject(specimen.bytes))).toEqual(shown);
  });

  test.each(openable)("$file: the carried object looks the same", ({ path, bytes }) => {
    expect(opened(view.fileOf(carry(bytes)), library)).toEqual(opened(path, library));
  });

  test.each(Object.entries(refused))("%s is refused, carried or not", (file, why) => {
    const { path, bytes } = specimenOf(file);
    expect(view.open(path, library)).toBe(why);
    expect(view.open(view.fileOf(carry(bytes)), library)).toBe(why);
  });
});

/** The model without what only debug information tells, which is not carried. */
function withoutDebug(bytes: Uint8Array): unknown {
  const { maps, warnings, ...model } = inspectObject(bytes);
  return {
    ...model,
    maps: maps.map((map) => ({ ...map, events: map.events?.sizes })),
    types: readTypes(bytes, parseElf(bytes)),
    warnings: warnings.filter(({ what }) => !what.startsWith("events are bytes: ")),
  };
}

describe("carry", () => {
  test.each(corpus)("$file: leaves no debug section, and nothing to carry again", ({ bytes }) => {
    const carried = carry(bytes);
    const sections = outputOf("llvm-readelf-19", ["-S", "--wide", view.fileOf(carried)]);
    expect(sections).toContain(".symtab");
    expect(sections).not.toContain(".debug_");
    expect(carry(carried)).toEqual(carried);
    expect(carried.length).toBeLessThanOrEqual(bytes.length);
  });

  test.each(corpus.filter(({ file }) => file !== "nobtf.bpf.o"))("$file: the model stays the same", ({ bytes }) => {
    expect(withoutDebug(carry(bytes))).toEqual(withoutDebug(bytes));
  });
});

describe("SEC()", () => {
  /** Sections as people write them: the bare prefix, and with something behind it. */
  const sections = SEC_DEFS.flatMap(({ prefix }) => {
    const bare = prefix.replace(/\+$/, "");
    return [bare, `${bare}/x`, `${bare}/x/y`, `${bare}x`];
  });

  test.each(libraries)("$title knows the same sections", (library) => {
    const theirs = view.sections(sections, library);
    const ours = sections.map((section) => {
      const def = findSec(section);
      const since = Number(def?.since.split(".")[1] ?? 0);
      if (def === undefined || 1000 + since > library.version) return null;
      return {
        type: PROG_TYPES.indexOf(def.type),
        attachType: def.attachType === "" ? 0 : ATTACH_TYPES.indexOf(def.attachType),
      };
    });
    const pair = (list: readonly unknown[]): string[] => sections.map((s, i) => `${s}: ${JSON.stringify(list[i])}`);
    expect(pair(ours)).toEqual(pair(theirs));
    expect(theirs.filter((known) => known !== null).length).toBeGreaterThan(100);
  });
});
