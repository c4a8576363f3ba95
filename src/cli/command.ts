// Words in, one command run, its exit status out: 0, 1 when something failed, 2 for wrong usage.

import type { Argv } from "yargs";
import yargs from "yargs/yargs";
import { isSkelError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { runGen } from "./gen.ts";
import { helpOf, report, WRONG_USAGE } from "./report.ts";
import { inOurWords } from "./usage.ts";

/** Thrown to leave yargs with status 2 once it has told what is wrong. */
class UsageError extends Error {}

const COMMANDS: readonly string[] = ["gen", "build", "inspect", "check", "run", "init"];

/** How modules are made: what `gen` and `build` have in common. */
function moduleOptions<T>(y: Argv<T>) {
  return y
    .option("output", {
      alias: "o",
      type: "string",
      requiresArg: true,
      describe: "file or folder to write to (beside the object)",
    })
    .option("name", { type: "string", requiresArg: true, describe: "name of the skeleton (from the file name)" })
    .option("int64", {
      choices: ["bigint", "number"] as const,
      default: "bigint" as const,
      requiresArg: true,
      describe: "64-bit integers as bigints, or as numbers that throw past 2^53",
    })
    .option("as", {
      type: "string",
      array: true,
      nargs: 1,
      describe: "show a field as string, strings, bytes, ipv4, ipv6, mac or be: TYPE.FIELD=KIND",
    })
    .option("map", {
      type: "string",
      array: true,
      nargs: 1,
      describe: "types of a map that has only sizes: NAME=KEY:VALUE",
    })
    .option("event", {
      type: "string",
      array: true,
      nargs: 1,
      describe: "types of the events of a ring buffer or perf buffer: NAME=TYPE[,TYPE], or NAME=bytes",
    })
    .option("embed", {
      type: "boolean",
      default: true,
      describe: "hold the object in the module; --no-embed: write NAME.skel.o beside it",
    })
    .option("js", { type: "boolean", default: false, describe: "write JavaScript: NAME.skel.js and NAME.skel.d.ts" })
    .option("arch", {
      type: "string",
      array: true,
      nargs: 1,
      describe: "the same program for another machine, by Node's name of it: ARCH=OBJECT",
    })
    .option("strict", { type: "boolean", default: false, describe: "fail where there is something to warn of" })
    .option("check", {
      type: "boolean",
      default: false,
      describe: "write nothing, fail when a module is out of date",
    })
    .option("watch", { type: "boolean", default: false, describe: "stay, and write again after each change" })
    .option("stdout", { type: "boolean", default: false, describe: "print the module instead of writing it" });
}

/** The parser of `args`; commands hand over their exit status. */
function makeParser(args: readonly string[], done: (status: number) => void): Argv {
  return yargs()
    .scriptName("ebpf-skel")
    .parserConfiguration({ "populate--": true })
    .usage("$0 <command>\n\nTyped TypeScript skeletons of compiled BPF objects.")
    .option("verbose", { type: "boolean", default: false, describe: "show the stack of errors" })
    .command(
      "gen <objects..>",
      "write the TypeScript module of each object",
      (y) =>
        moduleOptions(
          y.positional("objects", {
            type: "string",
            array: true,
            demandOption: true,
            defaultDescription: "none",
            describe: "compiled BPF objects (prog.bpf.o)",
          }),
        )
          .example("$0 gen prog.bpf.o", "write prog.skel.ts beside prog.bpf.o")
          .example("$0 gen build/*.bpf.o -o src/bpf", "write one module each into src/bpf")
          .example("$0 gen old.bpf.o --map 'seen=u32:struct event'", "say what a legacy map holds")
          .example("$0 gen prog.bpf.o --event rb=event", "say what a ring buffer carries")
          .example("$0 gen prog.bpf.o --js", "write prog.skel.js and prog.skel.d.ts")
          .example("$0 gen prog.bpf.o --arch arm64=prog.arm64.o", "one module for two machines")
          .example("$0 gen prog.bpf.o --watch", "and again after each change")
          .example("$0 gen prog.bpf.o --check", "fail in CI when prog.skel.ts is stale"),
      async (args) => {
        done(await runGen(args));
      },
    )
    .command(
      "build <sources..>",
      "compile C sources with clang and write the module of each",
      (y) =>
        moduleOptions(
          y.positional("sources", {
            type: "string",
            array: true,
            demandOption: true,
            defaultDescription: "none",
            describe: "C sources (prog.bpf.c)",
          }),
        )
          .option("clang", { type: "string", requiresArg: true, describe: "the compiler (the newest on the PATH)" })
          .option("mcpu", {
            choices: ["v1", "v2", "v3", "v4"] as const,
            default: "v3" as const,
            requiresArg: true,
            describe: "instruction set; v3 needs Linux 5.1, v4 Linux 6.6",
          })
          .option("endian", {
            choices: ["little", "big", "both"] as const,
            requiresArg: true,
            describe: "byte order of the target (that of this machine); both: one module for either",
          })
          .example("$0 build prog.bpf.c", "write prog.bpf.o and prog.skel.ts")
          .example("$0 build src/*.bpf.c -o src/bpf -- -Wall -DDEBUG", "with more arguments for clang")
          .example("$0 build prog.bpf.c --watch", "and again after each change of it or of a header")
          .example("$0 build prog.bpf.c --check", "fail in CI when prog.skel.ts is not what the source gives"),
      async ({ sources, "--": flags = [], ...args }) => {
        // `gen` and `inspect` need no compiler.
        const { runBuild } = await import("./build.ts");
        done(await runBuild({ ...args, sources, flags: flags as string[] }));
      },
    )
    .command(
      "inspect <object>",
      "show what an object contains",
      (y) =>
        y
          .positional("object", { type: "string", demandOption: true, describe: "compiled BPF object (prog.bpf.o)" })
          .option("json", { type: "boolean", default: false, describe: "print the ObjectModel as JSON" })
          .option("layout", { type: "boolean", default: false, describe: "draw the bytes of every struct" })
          .option("type", {
            type: "string",
            array: true,
            nargs: 1,
            describe: "show these types alone, with their bytes drawn: NAME",
          })
          .option("html", {
            type: "string",
            requiresArg: true,
            describe: "write all of it as one page that needs nothing else",
          })
          .example("$0 inspect prog.bpf.o", "maps, programs, variables and types with their places")
          .example("$0 inspect prog.bpf.o --type event", "the bytes of struct event, its holes and its padding")
          .example("$0 inspect prog.bpf.o --html prog.html", "a page for the browser")
          .example("$0 inspect prog.bpf.o --json | jq .maps", "the same for programs"),
      async (args) => {
        // An unchanged `gen` needs no reader.
        const { runInspect } = await import("./inspect.ts");
        runInspect(args);
      },
    )
    .command(
      "check <object>",
      "say whether this machine has what an object needs",
      (y) =>
        y
          .positional("object", { type: "string", demandOption: true, describe: "compiled BPF object (prog.bpf.o)" })
          .option("json", { type: "boolean", default: false, describe: "print the answers as JSON" }),
      async (args) => {
        const { runCheck } = await import("./check.ts");
        done(await runCheck(args));
      },
    )
    .command(
      "run <object>",
      "load and attach an object, and show what it does",
      (y) =>
        y
          .positional("object", {
            type: "string",
            demandOption: true,
            describe: "compiled BPF object (prog.bpf.o), or its source (prog.bpf.c)",
          })
          .option("attach", {
            type: "string",
            array: true,
            nargs: 1,
            describe: "where a program goes that its section does not place: PROGRAM=TARGET[,OPTION=VALUE]",
          })
          .option("set", {
            type: "string",
            array: true,
            nargs: 1,
            describe: "a variable's value before load: NAME=VALUE",
          })
          .option("filter", { type: "string", requiresArg: true, describe: "only events of which this holds" })
          .option("count", { type: "string", requiresArg: true, describe: "end after so many events" })
          .option("duration", { type: "string", requiresArg: true, describe: "end after this time: 500ms, 5s, 2m" })
          .option("interval", {
            type: "string",
            default: "1s",
            requiresArg: true,
            describe: "how often maps and variables are looked at",
          })
          .option("maps", {
            type: "boolean",
            default: false,
            describe: "show maps and variables at each interval, not only at the end, where there are events too",
          })
          .option("rows", {
            type: "string",
            default: "10",
            requiresArg: true,
            describe: "how many entries of each map",
          })
          .option("event", {
            type: "string",
            array: true,
            nargs: 1,
            describe: "types of events, as for gen: NAME=TYPE",
          })
          .option("map", {
            type: "string",
            array: true,
            nargs: 1,
            describe: "types of a map, as for gen: NAME=KEY:VALUE",
          })
          .option("as", { type: "string", array: true, nargs: 1, describe: "a field as for gen: TYPE.FIELD=KIND" })
          .option("json", { type: "boolean", default: false, describe: "print one JSON object a line" })
          .example("$0 run execsnoop.bpf.o", "events as they come, until Ctrl-C")
          .example("$0 run prog.bpf.c --duration 10s", "compile it first; end after ten seconds")
          .example(`$0 run prog.bpf.o --filter 'pid == 123 && comm ~ "sh"'`, "== != < <= > >=, ~ contains, && || ! ()")
          .example("$0 run prog.bpf.o --json | jq .event", "for programs")
          .example("$0 run xdp.bpf.o --attach count_packets=eth0", "tc: p=eth0:ingress; netfilter: p=ipv4:input:0")
          .example(
            "$0 run prog.bpf.o --attach p=/sys/fs/cgroup/x",
            "of cgroup programs; of sk_lookup a network namespace",
          )
          .example("$0 run prog.bpf.o --attach p=/usr/bin/bash:readline,pid=123", "uprobe; usdt: PATH:PROVIDER:NAME")
          .example("$0 run prog.bpf.o --set target_pid=123", "a constant or variable of the program"),
      async (args) => {
        const { runRun } = await import("./run.ts");
        await runRun(args);
      },
    )
    .command(
      "init [folder]",
      "write a small project that runs as it stands",
      (y) =>
        y
          .positional("folder", { type: "string", default: ".", describe: "where to" })
          .example("$0 init tracer", "then: cd tracer && npm install && sudo npm start"),
      async ({ folder }) => {
        const { runInit } = await import("./init.ts");
        runInit(folder);
      },
    )
    .demandCommand(1, "name a command")
    .strict()
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .completion("completion", "print a script that completes commands for bash or zsh")
    .version("version", "show the version", VERSION)
    .help("help", "show this")
    .fail((message, error) => {
      // yargs throws some of what it finds wrong itself.
      if (error !== undefined && error !== null && error.name !== "YError") throw error;
      throw new UsageError(inOurWords(message ?? error?.message ?? "wrong usage", args[0]));
    });
}

/** Runs the command that `args` name; its exit status. What it has to say goes to stdout and stderr. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let status = 0;
  const command = COMMANDS.find((name) => name === args[0]);
  try {
    await makeParser(args, (given) => (status = given)).parseAsync(args);
    return status;
  } catch (e) {
    if (e instanceof UsageError) {
      process.stderr.write(`ebpf-skel: ${e.message} (${helpOf(command)})\n`);
      return WRONG_USAGE;
    }
    // Anything but a SkelError is a fault of this program: its stack is what a report of it needs.
    return report(e, args.includes("--verbose") || !isSkelError(e), command);
  }
}
