// Many functions by one link: kprobe.multi and kprobe.session, uprobe.multi and uprobe.session.

import { ValueError } from "../errors.ts";
import { addressOf, cString } from "../native.ts";
import { type ProgramCore, useProgram } from "../program/core.ts";
import { ENOENT } from "../library/errno.ts";
import { findBinary, type FunctionSymbol } from "../library/elf.ts";
import { type Attached, attachFailure, attachTypeOf, attempt, create, needLibbpf } from "./attempt.ts";
import { arrayAt, at, fail, numberOf, optionsOf, stringsOf, textOf, u64Of, wordsOf } from "./check.ts";
import type { KprobeMultiOptions, UprobeMultiOptions } from "./options.ts";
import { missingHook, noProcess, notInFile } from "./hints.ts";
import { functionsOf, offsetOf } from "./symbols.ts";
import { exampleOptions, specOf } from "./targets.ts";

/** The places by name or number, and a cookie for each. */
interface Places {
  readonly pattern: string | undefined;
  readonly syms: readonly string[] | undefined;
  /** Addresses or offsets. */
  readonly numbers: BigUint64Array | undefined;
  readonly cookies: BigUint64Array | undefined;
  readonly count: number;
}

function listOf(core: ProgramCore, option: string, value: unknown): readonly unknown[] | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) && value.length > 0 ? value : fail(core, option, "an array that is not empty", value);
}

function placesOf(
  core: ProgramCore,
  given: { pattern: unknown; syms: unknown; cookies: unknown },
  numbers: { option: string; value: unknown; check: (value: unknown, option: string) => bigint | number },
): Places {
  const syms = listOf(core, "syms", given.syms)?.map((sym, i) => textOf(core, `syms[${i}]`, sym));
  const { option, value, check } = numbers;
  const checked = listOf(core, option, value)?.map((number, i) => check(number, `${option}[${i}]`));
  const pattern = given.pattern === undefined ? undefined : textOf(core, "pattern", given.pattern);
  const said = [pattern, syms, checked].filter((places) => places !== undefined).length;
  if (said !== 1) {
    const path = `program ${core.name}: attach`;
    const wanted = `expected one of pattern, syms and ${option}, got ${said}`;
    throw new ValueError(`${path}: ${wanted} (attach(${exampleOptions(core.kind)}))`, path);
  }
  const count = syms?.length ?? checked?.length ?? 0;
  const cookies = listOf(core, "cookies", given.cookies)?.map((cookie, i) => u64Of(core, `cookies[${i}]`, cookie));
  if (cookies !== undefined && cookies.length !== count) {
    const expected = pattern === undefined ? `${count} of them` : "none with a pattern";
    fail(core, "cookies", expected, cookies.length);
  }
  return {
    pattern,
    syms,
    numbers: checked === undefined ? undefined : wordsOf(checked),
    cookies: cookies === undefined ? undefined : wordsOf(cookies),
    count,
  };
}

export function attachKprobeMulti(core: ProgramCore, given: KprobeMultiOptions): Attached {
  const { syms: names, addrs, cookies: given64, retprobe } = given;
  const own = specOf(core.section);
  const fromSection = names === undefined && addrs === undefined && own !== "" ? own : undefined;
  const check = (value: unknown, option: string): bigint => u64Of(core, option, value);
  const places = placesOf(
    core,
    { pattern: given.pattern ?? fromSection, syms: names, cookies: given64 },
    { option: "addrs", value: addrs, check },
  );
  const session = core.section.startsWith("kprobe.session");
  if (session) needLibbpf(core, "kprobe.session", "1.5");
  const syms = stringsOf(places.syms ?? []);
  // `struct bpf_kprobe_multi_opts`
  const opts = optionsOf(48);
  if (places.syms !== undefined) opts.setU64(8, arrayAt(syms.array));
  if (places.numbers !== undefined) opts.setU64(16, arrayAt(places.numbers));
  if (places.cookies !== undefined) opts.setU64(24, arrayAt(places.cookies));
  opts.setU64(32, BigInt(places.count));
  if (session) opts.setBool(41, true);
  else opts.setBool(40, retprobe ?? core.section.startsWith("kretprobe"));
  useProgram(core);
  const syscall = "bpf_program__attach_kprobe_multi_opts";
  const attach = core.owner.library.fn(syscall);
  const target = places.pattern ?? names?.join(", ") ?? "addresses";
  const call = (): number => attach(core.pointer, places.pattern ?? null, at(opts));
  return attempt(core, syscall, target, call, opts, syms, places);
}

export function attachUprobeMulti(core: ProgramCore, given: UprobeMultiOptions): Attached {
  const [, ownPath, ownPattern] = /^([^:]+):(.*)$/.exec(specOf(core.section)) ?? [];
  const { syms: names, offsets, cookies: given64 } = given;
  const path = findBinary(textOf(core, "path", given.path ?? ownPath));
  const fromSection = given.path === undefined && names === undefined && offsets === undefined ? ownPattern : undefined;
  const check = (value: unknown, option: string): number => numberOf(core, option, value, 0, Number.MAX_SAFE_INTEGER);
  const places = placesOf(
    core,
    { pattern: given.pattern ?? fromSection, syms: names, cookies: given64 },
    { option: "offsets", value: offsets, check },
  );
  const pid = given.pid === undefined ? 0 : numberOf(core, "pid", given.pid, 1);
  const retprobe = given.retprobe ?? core.section.startsWith("uretprobe");
  const numbers = places.numbers ?? wordsOf(offsetsOf(core, path, places));
  const text = cString(path);
  return create(core, {
    target: 0,
    name: {
      name: path,
      why: (errno) =>
        noProcess(pid, errno) ?? missingHook(core.kind, errno) ?? notInFile(path, [...numbers].map(Number), errno),
    },
    attachType: attachTypeOf(core),
    // `link_create.uprobe_multi`
    fill(attr) {
      attr.setU64(16, BigInt(addressOf(text)));
      attr.setU64(24, arrayAt(numbers));
      if (places.cookies !== undefined) attr.setU64(40, arrayAt(places.cookies));
      attr.setU32(48, numbers.length);
      attr.setU32(52, retprobe ? BPF_F_UPROBE_MULTI_RETURN : 0);
      attr.setU32(56, pid);
    },
  });
}

const BPF_F_UPROBE_MULTI_RETURN = 1;

/** The offsets of the functions that `places` names, in its order. */
function offsetsOf(core: ProgramCore, path: string, { pattern, syms }: Places): readonly number[] {
  const known = functionsOf(core, path);
  if (pattern === undefined) return syms!.map((sym, i) => offsetOf(core, `syms[${i}]`, path, known, sym));
  const glob = globOf(pattern);
  const nameOf = ({ name, version }: FunctionSymbol): string => (pattern.includes("@") ? `${name}@${version}` : name);
  const matching = (known ?? []).filter((symbol) => !symbol.indirect && glob.test(nameOf(symbol)));
  const offsets = new Set(matching.map(({ offset }) => offset));
  if (offsets.size === 0) throw attachFailure(core, "open", `${path}:${pattern}`, ENOENT);
  return [...offsets];
}

/** `*` is any text, `?` one character. */
function globOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}
