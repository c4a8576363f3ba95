// What a rule is, and what it finds. A rule is one of libbpf's or of the kernel's for objects: what breaks it does not load.

/** A rule that a part of an object breaks. */
export interface Finding {
  /** The rule's name: "static-map". */
  readonly rule: string;
  /** The part, as messages name it: "map rb", `program "f"`. */
  readonly where: string;
  readonly part: "map" | "program" | "extern" | "section" | "object";
  /** Of the map or program; "" for the object. */
  readonly name: string;
  /** The rule in the words of who has it, and what to do. */
  readonly what: string;
  /** What fails; "process" where libbpf crashes at load, which the runtime then does not begin. */
  readonly stops: "open" | "load" | "process";
  /** Whether the object loads without the part: a program of SEC("?..."). */
  readonly optional: boolean;
  /** The first libbpf that has no such rule; absent where all have it, or the kernel. */
  readonly until?: string;
}

/** A rule for parts of one kind. */
export interface Rule<T> {
  readonly name: string;
  readonly stops: Finding["stops"];
  readonly until?: string;
  /** What the part breaks, with the remedy in brackets; undefined where it keeps the rule. */
  readonly broken: (part: T) => string | undefined;
}
