// What a session tells of, as data: the printers make lines of it.

import type { MapModel } from "../../object/model.ts";
import type { Column } from "./cells.ts";

/** Something that happened. */
export type Item =
  | {
      readonly kind: "attached";
      readonly attached: readonly string[];
      readonly skipped: Readonly<Record<string, string>>;
      readonly failed: Readonly<Record<string, string>>;
    }
  | EventItem
  | { readonly kind: "lost"; readonly map: string; readonly count: number; readonly cpu: number }
  | {
      readonly kind: "printk";
      readonly time: Date;
      readonly task: string;
      readonly pid: number;
      readonly cpu: number;
      readonly text: string;
    }
  /** Something that this machine does not let us see. */
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "output"; readonly program: string; readonly text: string }
  | {
      readonly kind: "state";
      readonly time: Date;
      readonly maps: readonly MapState[];
      readonly globals: readonly Global[];
      readonly last: boolean;
    };

/** A record of a ring buffer or perf buffer. */
export interface EventItem {
  readonly kind: "event";
  readonly time: Date;
  readonly map: string;
  /** Of perf buffers. */
  readonly cpu?: number;
  readonly event: unknown;
  readonly columns: readonly Column[];
}

/** What a map holds. */
export interface MapState {
  readonly map: MapModel;
  readonly entries: readonly (readonly [key: unknown, value: unknown])[];
  /** Whether there are more than were read. */
  readonly more: boolean;
  readonly key: readonly Column[];
  readonly value: readonly Column[];
}

/** What a variable holds. */
export interface Global {
  readonly section: string;
  readonly name: string;
  readonly value: unknown;
  readonly column: Column;
}

/** Takes what happens. */
export interface Printer {
  print(item: Item): void;
}
