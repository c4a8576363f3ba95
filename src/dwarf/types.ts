// Entries of types in, records of the BTF type graph out, behind those that the object's BTF has. A struct, union, enum or
// typedef that BTF has under its name and with the same layout is that one.

import type { BtfEnumValue, BtfMember, BtfType, TypeId } from "../btf/types.ts";
import { ATE, AT, TAG } from "./abi.ts";
import { alike } from "./alike.ts";
import { bad } from "./cursor.ts";
import type { Die } from "./die.ts";
import { type Kept, keepReachable } from "./reachable.ts";
import { bitOffsetOf, dimensionsOf, isPointer } from "./sizes.ts";

/** Types of one object that are made of entries: each is asked for by an event, or a part of one. */
const MAX_TYPES = 1 << 16;
const MAX_DEPTH = 64;
const MAX_MEMBERS = 1 << 16;

const QUALIFIERS: ReadonlyMap<number, "const" | "volatile" | "restrict"> = new Map([
  [TAG.const_type, "const"],
  [TAG.volatile_type, "volatile"],
  [TAG.restrict_type, "restrict"],
]);

/** Grows a type graph. */
export class TypeMaker {
  /** The types of BTF, then new ones. */
  readonly types: BtfType[];
  readonly #made = new Map<string, TypeId>();
  readonly #shared = new Map<string, TypeId>();
  readonly #byName = new Map<string, TypeId[]>();
  readonly #bigEndian: boolean;
  /** The id of the first new type. */
  readonly #first: TypeId;
  #added = 0;

  constructor(btf: readonly BtfType[], endian: "little" | "big") {
    this.types = [...btf];
    this.#first = btf.length;
    this.#bigEndian = endian === "big";
    btf.forEach((type, id) => {
      const key = keyOf(type);
      if (key !== undefined && !this.#shared.has(key)) this.#shared.set(key, id);
      this.#learn(type, id);
    });
  }

  /** The type that an entry describes; `void` for none. */
  make(die: Die | undefined, depth = 0): TypeId {
    if (die === undefined) return 0;
    if (depth > MAX_DEPTH) throw bad(`the type at ${die.at} nests more than ${MAX_DEPTH} levels of types by value`);
    const known = this.#made.get(die.key);
    if (known !== undefined) return known;
    const id = this.#convert(die, depth);
    this.#made.set(die.key, id);
    return id;
  }

  #convert(die: Die, depth: number): TypeId {
    const name = die.text(AT.name) ?? "";
    const target = (): TypeId => this.make(die.reference(AT.type), depth + 1);
    const qualifier = QUALIFIERS.get(die.tag);
    if (qualifier !== undefined) return this.#share({ kind: qualifier, type: target() });
    if (isPointer(die)) return this.#share({ kind: "ptr", type: this.#pointed(die.reference(AT.type), depth + 1) });
    if (die.has(AT.signature)) return this.make(die.reference(AT.signature), depth + 1);
    switch (die.tag) {
      case TAG.base_type:
        return this.#share(baseType(die, name));
      case TAG.typedef:
        return this.#named({ kind: "typedef", name, type: target() });
      case TAG.atomic_type:
      case TAG.immutable_type:
        return target();
      case TAG.enumeration_type:
        return this.#enumeration(die, name);
      case TAG.array_type:
        return this.#array(die, target());
      case TAG.structure_type:
      case TAG.class_type:
      case TAG.union_type:
        return this.#record(die, name, depth);
      default:
        throw bad(`a type has the tag 0x${die.tag.toString(16)}, newer than this reader`);
    }
  }

  /** The types of BTF and those that `roots` are made of; see {@link keepReachable}. */
  finish(roots: readonly TypeId[]): Kept {
    return keepReachable(this.types, this.#first, roots);
  }

  /** What a pointer points to: an address is a number, so of structs the name is enough. */
  #pointed(die: Die | undefined, depth: number): TypeId {
    if (die === undefined) return 0;
    if (depth > MAX_DEPTH) throw bad(`the type at ${die.at} stands for more than ${MAX_DEPTH} others`);
    const name = die.text(AT.name) ?? "";
    const behind = (): TypeId => this.#pointed(die.reference(AT.type), depth + 1);
    const qualifier = QUALIFIERS.get(die.tag);
    if (qualifier !== undefined) return this.#share({ kind: qualifier, type: behind() });
    if (isPointer(die)) return this.#share({ kind: "ptr", type: behind() });
    switch (die.tag) {
      case TAG.base_type:
        return this.#share(baseType(die, name));
      case TAG.typedef:
        return this.#byName.get(`typedef ${name}`)?.[0] ?? this.#share({ kind: "typedef", name, type: behind() });
      case TAG.structure_type:
      case TAG.class_type:
      case TAG.union_type: {
        const kind = die.tag === TAG.union_type ? "union" : "struct";
        if (name === "") return this.#share({ kind, name, size: 0, members: [] });
        return this.#byName.get(`${kind} ${name}`)?.[0] ?? this.#share({ kind: "fwd", name, of: kind });
      }
      case TAG.enumeration_type:
        return this.#byName.get(`enum ${name}`)?.[0] ?? this.#share({ kind: "fwd", name, of: "enum" });
      default:
        // Of functions and arrays nothing is shown but that there is a pointer.
        return 0;
    }
  }

  #enumeration(die: Die, name: string): TypeId {
    const size = die.count(AT.byte_size);
    if (size === undefined) throw bad(`the enum at ${die.at} has no size`);
    let [signed, wide] = [false, false];
    const numbers: { name: string; value: bigint }[] = [];
    for (const child of die.children()) {
      const value = child.tag === TAG.enumerator ? child.constant(AT.const_value) : undefined;
      if (value === undefined) continue;
      if (numbers.length >= MAX_MEMBERS) throw bad(`the enum at ${die.at} has more than ${MAX_MEMBERS} values`);
      numbers.push({ name: child.text(AT.name) ?? "", value });
      signed ||= value < 0n;
    }
    for (const { value } of numbers) wide ||= value > 0xffff_ffffn || value < -0x8000_0000n;
    const values = numbers.map(({ name, value }): BtfEnumValue => ({ name, value: String(value) }));
    return this.#named({ kind: wide ? "enum64" : "enum", name, size, signed, values });
  }

  #array(die: Die, element: TypeId): TypeId {
    const lengths = dimensionsOf(die);
    if (lengths === undefined) throw bad(`the array at ${die.at} has a length that is not constant`);
    const indexType = this.#share(INDEX);
    return lengths.reduceRight((type, length) => this.#share({ kind: "array", type, indexType, length }), element);
  }

  #record(die: Die, name: string, depth: number): TypeId {
    const kind = die.tag === TAG.union_type ? "union" : "struct";
    const size = die.count(AT.byte_size);
    if (size === undefined) return this.#share({ kind: "fwd", name, of: kind });
    const members: BtfMember[] = [];
    const tags: { readonly name: string; readonly componentIndex: number }[] = [];
    for (const child of die.children()) {
      if (child.tag === TAG.inheritance || child.tag === TAG.variant_part)
        throw bad(`the type at ${die.at} has parts that C cannot say`);
      if (child.tag === TAG.LLVM_annotation) tags.push(...declTag(child, -1));
      // Static members have no place in a value.
      if (child.tag !== TAG.member || child.has(AT.external) || child.has(AT.declaration)) continue;
      if (members.length >= MAX_MEMBERS) throw bad(`the type at ${die.at} has more than ${MAX_MEMBERS} members`);
      for (const annotation of child.children())
        if (annotation.tag === TAG.LLVM_annotation) tags.push(...declTag(annotation, members.length));
      members.push(this.#member(child, depth));
    }
    const before = this.types.length;
    const id = this.#named({ kind, name, size, members });
    if (id === before) for (const tag of tags) this.#add({ kind: "decl_tag", type: id, ...tag });
    return id;
  }

  #member(die: Die, depth: number): BtfMember {
    const type = this.make(die.reference(AT.type), depth + 1);
    const bitSize = die.count(AT.bit_size) ?? 0;
    const bitOffset = bitOffsetOf(die);
    if (bitOffset === undefined) throw bad(`the member at ${die.at} has a place that is not constant`);
    const name = die.text(AT.name) ?? "";
    const old = bitSize === 0 ? undefined : die.constant(AT.bit_offset);
    if (old === undefined) return { name, type, bitOffset, bitSize };
    // As gcc has it before version 5: from the most significant bit of a unit of `byte_size` bytes.
    const unit = 8 * (die.count(AT.byte_size) ?? 0);
    const from = this.#bigEndian ? Number(old) : unit - Number(old) - bitSize;
    if (from < 0) throw bad(`the member at ${die.at} has bits outside of its unit`);
    return { name, type, bitOffset: bitOffset + from, bitSize };
  }

  /** A type with a name, or a record or enum without one: the same one where there is one that is alike. */
  #named(type: Named): TypeId {
    const key = nameKey(type);
    const known = key === undefined ? undefined : this.#byName.get(key)?.find((id) => alike(this.types, type, id));
    if (known !== undefined) return known;
    const id = this.#add(type);
    this.#learn(type, id);
    return id;
  }

  /** A type that all of its kind and contents share. */
  #share(type: BtfType): TypeId {
    const key = keyOf(type)!;
    let id = this.#shared.get(key);
    if (id === undefined) {
      id = this.#add(type);
      this.#shared.set(key, id);
    }
    return id;
  }

  #learn(type: BtfType, id: TypeId): void {
    const key = nameKey(type);
    if (key === undefined) return;
    const others = this.#byName.get(key);
    if (others === undefined) this.#byName.set(key, [id]);
    else others.push(id);
  }

  #add(type: BtfType): TypeId {
    if (this.#added++ >= MAX_TYPES) throw bad(`needs more than ${MAX_TYPES} types`);
    return this.types.push(type) - 1;
  }
}

type Named = Extract<BtfType, { readonly kind: "struct" | "union" | "enum" | "enum64" | "typedef" }>;

/** What clang's BTF calls the index of arrays. */
const INDEX: BtfType = {
  kind: "int",
  name: "__ARRAY_SIZE_TYPE__",
  size: 4,
  encoding: "unsigned",
  bits: 32,
  bitOffset: 0,
};

function nameKey(type: BtfType): string | undefined {
  switch (type.kind) {
    case "struct":
    case "union":
    case "enum":
    case "typedef":
      return type.name === "" ? undefined : `${type.kind} ${type.name}`;
    case "enum64":
      return type.name === "" ? undefined : `enum ${type.name}`;
    default:
      return undefined;
  }
}

/** The same for types that are one: by kind, name and what they refer to. */
function keyOf(type: BtfType): string | undefined {
  switch (type.kind) {
    case "int":
    case "float":
      return `${type.kind} ${type.size} ${type.name}`;
    case "fwd":
      return `fwd ${type.of} ${type.name}`;
    case "ptr":
    case "const":
    case "volatile":
    case "restrict":
      return `${type.kind} ${type.type}`;
    case "array":
      return `array ${type.length} ${type.type}`;
    case "typedef":
      return `typedef ${type.type} ${type.name}`;
    case "struct":
    case "union":
      // What stands for a record without a name behind a pointer.
      return type.name === "" && type.size === 0 && type.members.length === 0 ? type.kind : undefined;
    default:
      return undefined;
  }
}

function baseType(die: Die, name: string): BtfType {
  const size = die.count(AT.byte_size) ?? 0;
  const encoding = Number(die.constant(AT.encoding) ?? 0n);
  const int = (encoding: "unsigned" | "signed" | "bool"): BtfType => {
    if (![1, 2, 4, 8, 16].includes(size)) throw bad(`an integer has ${size} bytes`);
    return { kind: "int", name, size, encoding, bits: 8 * size, bitOffset: 0 };
  };
  switch (encoding) {
    case ATE.boolean:
      return int("bool");
    case ATE.signed:
    case ATE.signed_char:
      return int("signed");
    case ATE.unsigned:
    case ATE.unsigned_char:
    case ATE.UTF:
      return int("unsigned");
    case ATE.float:
      if (![2, 4, 8, 12, 16].includes(size)) throw bad(`a float has ${size} bytes`);
      return { kind: "float", name, size };
    default:
      throw bad(`a base type has the encoding ${encoding}, newer than this reader`);
  }
}

/** `__attribute__((btf_decl_tag("...")))`. */
function declTag(annotation: Die, componentIndex: number): { name: string; componentIndex: number }[] {
  if (annotation.text(AT.name) !== "btf_decl_tag") return [];
  const name = annotation.text(AT.const_value);
  return name === undefined ? [] : [{ name, componentIndex }];
}
