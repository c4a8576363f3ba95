// What the consumers of all kinds of buffers take and give.

/** What of an AbortSignal is used. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A record that has none of the types of its buffer. */
export interface UnknownRecord {
  /** A copy of it. */
  readonly bytes: ReturnType<Uint8Array["slice"]>;
  /** Why it is none: "expected 32 bytes, got 20". */
  readonly reason: string;
}

/** What happens to records that have none of the types of their buffer. */
export interface UnknownOptions {
  /** Takes such records. Without it they are counted in `undecoded`, and one warning says so. */
  readonly unknown?: ((record: UnknownRecord) => void) | undefined;
}

/** How a buffer is read. */
export interface ConsumeOptions extends UnknownOptions {
  /** Whether events are read field by field, when the handler asks for one, from the buffer itself. */
  readonly lazy?: boolean | undefined;
  /** How many events at most; all that are there when left out. */
  readonly max?: number | undefined;
}

/** How a buffer is read from now on. */
export interface SubscribeOptions extends UnknownOptions {
  /** Whether events are read field by field, when the handler asks for one, from the buffer itself. */
  readonly lazy?: boolean | undefined;
  /** Closes the subscription. */
  readonly signal?: Signal | undefined;
}

/** How a buffer is iterated. */
export interface EventsOptions extends UnknownOptions {
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: Signal | undefined;
}

/** A handler at work on the event loop, until it is closed or its skeleton is. It keeps the process alive. */
export interface Subscription extends Disposable {
  readonly closed: boolean;
  /**
   * Resolves when it is closed, by whatever: await it where the end of the block would close it, or its skeleton.
   * @example
   * using live = Events.load();
   * live.attach();
   * await live.maps.events.subscribe(({ pid }) => console.log(pid), { signal }).ended;
   */
  readonly ended: Promise<void>;
  /** The handler hears nothing more, also when it calls this itself; what it has not heard stays in the buffer. */
  close(): void;
  /** Lets the process end although there may be more events. */
  unref(): this;
  /** Takes `unref` back. */
  ref(): this;
}
