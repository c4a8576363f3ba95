// What all bundlers share: an import of `./prog.skel.ts` makes the module, of prog.bpf.c or prog.bpf.o beside it, before the
// bundler reads it. Bundlers get JavaScript, the file on disk is for the editor.

import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import type { UnpluginBuildContext, UnpluginContext, UnpluginFactory, UnpluginOptions } from "unplugin";
import { build } from "../build/build.ts";
import { makeModule, planJob } from "../build/module.ts";
import { isSkelError } from "../errors.ts";
import { readObjectFile, readTextIfAny, writeWhole } from "../files.ts";
import { sha256 } from "../header.ts";
import type { PluginOptions } from "./options.ts";

/** What the plugin asks of a bundler. */
type Context = UnpluginBuildContext & UnpluginContext;

const MODULE = /\.skel\.[cm]?[jt]s$/;

/** The runtime loads koffi, a native module: neither can be in a bundle. */
const EXTERNAL = /^(koffi|@ebpf-skel\/runtime)(\/|$)/;

/** Where a module comes from. */
interface Place {
  readonly module: string;
  readonly from: { readonly source: string } | { readonly object: string };
}

/** The place of the module that `path` names; undefined for one that nothing beside it makes. */
function placeOf(path: string, js: boolean): Place | undefined {
  const stem = path.replace(MODULE, "");
  const module = `${stem}.skel.${js ? "js" : "ts"}`;
  const [source, object] = [`${stem}.bpf.c`, `${stem}.bpf.o`];
  if (existsSync(source)) return { module, from: { source } };
  return existsSync(object) ? { module, from: { object } } : undefined;
}

/** A module as it is now. */
interface Made {
  readonly text: string;
  /** Files to watch. */
  readonly inputs: readonly string[];
  readonly warnings: readonly string[];
}

async function make({ module, from }: Place, options: PluginOptions): Promise<Made> {
  const { clang, mcpu, endian, flags, ...generate } = options;
  if ("source" in from) {
    const [built] = await build({ ...options, sources: [from.source], output: module });
    const { inputs, diagnostics, warnings } = built!;
    const text = readTextIfAny(module) ?? "";
    return { text, inputs, warnings: [diagnostics.trimEnd(), ...warnings].filter((one) => one !== "") };
  }
  const { object } = from;
  const { text, warnings } = await makeModule(planJob({ ...generate, name: object }, module), readObjectFile(object));
  return { text, inputs: [object], warnings: warnings.map(({ where, what }) => `${where}: ${what}`) };
}

/** The module as JavaScript, with what the bundler calls the object's file where that is outside. */
async function asJavaScript(text: string, js: boolean, url: ((file: string) => string) | undefined): Promise<string> {
  const { toJavaScript } = await import("../emit/javascript.ts");
  const script = js ? text : toJavaScript(text).text;
  if (url === undefined) return script;
  return script.replace(
    /s\.file\(new URL\("\.\/([^"]+)", import\.meta\.url\)\)/,
    (_, file: string) => `s.file(new URL(${url(decodeURIComponent(file))}))`,
  );
}

/**
 * Objects as files beside what Vite builds for servers. By itself it emits no assets there, and takes their URLs for those of a
 * web server.
 */
function viteObjects() {
  const files = new Map<string, Uint8Array>();
  const mark = "./@ebpf-skel/";
  return {
    /** Keeps an object for later; what the code has in place of its path until then. */
    add(file: string, bytes: Uint8Array): string {
      const name = file.replace(/(\.skel)?\.o$/, `-${sha256(bytes).slice(0, 8)}$&`);
      files.set(name, bytes);
      return mark + name;
    },
    /** The code of the chunk `from` with paths relative to it. */
    place(code: string, from: string): string | null {
      if (!code.includes(mark)) return null;
      const up = "../".repeat(from.split("/").length - 1);
      return code.replaceAll(mark, up === "" ? "./" : up);
    },
    write(folder: string): void {
      for (const [name, bytes] of files) writeWhole(join(folder, name), bytes);
    },
  };
}

/** The plugin for each bundler that unplugin knows. */
export const factory: UnpluginFactory<PluginOptions | undefined> = (options = {}, { framework }): UnpluginOptions => {
  const js = options.js === true;
  const isWebpack = framework === "webpack" || framework === "rspack";
  const objects = viteObjects();
  let serves = false;

  /** What the module's URL of the object becomes where the bundler does not see to it by itself. */
  function emitted(context: Context, folder: string): ((file: string) => string) | undefined {
    // webpack and rspack know `new URL(..., import.meta.url)`; a server of Vite runs modules where they are.
    if (options.embed !== false || isWebpack || serves) return undefined;
    return (file) => {
      const source = readObjectFile(resolve(folder, file));
      if (framework === "vite") return `${JSON.stringify(objects.add(file, source))}, import.meta.url`;
      if (framework === "esbuild") {
        context.emitFile({ type: "asset", fileName: file, source });
        return `${JSON.stringify(`./${encodeURIComponent(file)}`)}, import.meta.url`;
      }
      // Rollup's return value is missing in unplugin's type.
      const reference = context.emitFile({ type: "asset", name: file, source }) as unknown as string;
      return `import.meta.ROLLUP_FILE_URL_${reference}`;
    };
  }

  return {
    name: "ebpf-skel",
    enforce: "pre",
    vite: {
      config: () => ({ ssr: { external: ["@ebpf-skel/runtime", "koffi"] } }),
      configResolved(config) {
        serves = config.command === "serve";
      },
      renderChunk: (code, { fileName }) => objects.place(code, fileName),
      writeBundle: ({ dir }) => objects.write(dir ?? "."),
    },
    webpack(compiler) {
      const type = compiler.options.output.module === true ? "module" : "commonjs";
      new compiler.webpack.ExternalsPlugin(type, EXTERNAL).apply(compiler);
    },
    rspack(compiler) {
      const type = compiler.options.output.module === true ? "module" : "commonjs";
      new compiler.rspack.ExternalsPlugin(type, EXTERNAL).apply(compiler);
    },
    async resolveId(id, importer) {
      // webpack and rspack have a plugin for that, a server of Vite an option.
      if (EXTERNAL.test(id)) return isWebpack || serves ? null : { id, external: true };
      if (!MODULE.test(id) || !(isAbsolute(id) || (id.startsWith(".") && importer !== undefined))) return null;
      const place = placeOf(resolve(dirname(importer ?? ""), id), js);
      if (place === undefined) return null;
      // A bundler may look whether the file is there; what is wrong with it is told when it is loaded.
      if (!existsSync(place.module))
        await make(place, options).catch((e: unknown) => {
          if (!isSkelError(e)) throw e;
        });
      // webpack asks about the answer too.
      return id === place.module ? null : place.module;
    },
    load: {
      filter: { id: MODULE },
      async handler(id) {
        const place = placeOf(id, js);
        if (place === undefined) return null;
        if ("source" in place.from) this.addWatchFile(place.from.source);
        else this.addWatchFile(place.from.object);
        try {
          const { text, inputs, warnings } = await make(place, options);
          for (const input of inputs) this.addWatchFile(input);
          for (const warning of warnings) this.warn(`${basename(id)}: ${warning}`);
          return await asJavaScript(text, js, emitted(this, dirname(id)));
        } catch (e) {
          if (!isSkelError(e)) throw e;
          const said = e.code === "ERR_COMPILE" && e.cause instanceof Error ? `\n${e.cause.message}` : "";
          // Not this.error: for esbuild that only takes a note.
          throw new Error(`${e.message}${said}`, { cause: e });
        }
      },
    },
  };
};
