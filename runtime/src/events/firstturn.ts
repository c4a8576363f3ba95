// The turn of the event loop in which a reader begins to wait. One that is ended in that turn by its skeleton, or by its block, has
// heard nothing and never will: mostly `using` closed it at the end of a block that awaits nothing, and the program does
// nothing, in silence.

/** Lasts until the event loop has had a turn, or `end` is called. */
export class FirstTurn {
  #next: NodeJS.Immediate | undefined = setImmediate(() => this.end());

  get lasts(): boolean {
    return this.#next !== undefined;
  }

  end(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
  }
}

/** Says that a reader of `map` could hear nothing, as it was closed `how`. */
export function warnUnheard(map: string, how: string): void {
  const text = `ebpf-skel: map ${map}: its consumer was closed ${how} before the event loop had a turn, so it heard nothing`;
  const remedy = "await subscription.ended, or the loop, before the block ends, or declare with const what is to last";
  process.emitWarning(`${text} (${remedy})`, { code: "EBPF_SKEL_UNHEARD" });
}
