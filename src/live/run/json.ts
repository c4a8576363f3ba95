// What happens as JSON, one object a line, for other programs. Members are only ever added.

import type { Runtime } from "../runtime.ts";
import type { Item, Printer } from "./items.ts";

/** Prints to `write`. Maps and globals that are as they were are told of once. */
export function jsonPrinter({ toJson }: Pick<Runtime, "toJson">, write: (text: string) => void): Printer {
  const last = new Map<string, string>();
  const line = (type: string, members: object): string => `${JSON.stringify({ type, ...members })}\n`;
  const linesOf = (item: Item): string[] => {
    switch (item.kind) {
      case "attached": {
        const { kind, ...rest } = item;
        return [line(kind, rest)];
      }
      case "event": {
        const { time, map, cpu, event } = item;
        return [line("event", { map, time: time.toISOString(), cpu, event: toJson(event) })];
      }
      case "lost":
        return [line("lost", { map: item.map, count: item.count, cpu: item.cpu })];
      case "printk": {
        const { time, task, pid, cpu, text } = item;
        return [line("printk", { time: time.toISOString(), task, pid, cpu, text })];
      }
      case "note":
        return [line("note", { text: item.text })];
      case "output":
        return [line("output", { program: item.program, text: item.text })];
      case "state": {
        const time = item.time.toISOString();
        const maps = item.maps.map(({ map, entries, more }) => {
          const list = entries.map(([key, value]) => ({ key: toJson(key), value: toJson(value) }));
          return ["map", { map: map.name, entries: list, ...(more ? { more } : {}) }] as const;
        });
        const variables = Object.fromEntries(item.globals.map(({ name, value }) => [name, toJson(value)]));
        const globals = item.globals.length === 0 ? [] : [["globals", { variables }] as const];
        return [...maps, ...globals].flatMap(([type, members]) => {
          const text = JSON.stringify(members);
          const key = `${type} ${"map" in members ? members.map : ""}`;
          if (last.get(key) === text) return [];
          last.set(key, text);
          return [line(type, { time, ...members })];
        });
      }
    }
  };
  return { print: (item) => linesOf(item).forEach(write) };
}
