// `ebpf-skel init`: a small project that builds and runs as it stands, copied from templates/project.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { displayPath, SkelError } from "../errors.ts";
import { makeFolder, writeWhole } from "../files.ts";
import { VERSION } from "../version.ts";

const TEMPLATE = new URL("../../templates/project/", import.meta.url);

/** The folder's name as npm takes it for a package. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "");
  return name === "" ? "bpf-app" : name;
}

/** Paths in the template and in the project; npm leaves a file named .gitignore out of packages. */
function templateFiles(): { readonly from: URL; readonly to: string }[] {
  return readdirSync(TEMPLATE, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => ({ from: new URL(path, TEMPLATE), to: path === "gitignore" ? ".gitignore" : path }))
    .filter(({ from }) => statSync(from).isFile());
}

/**
 * Runs the command.
 * @throws SkelError ERR_IO where a file of the project is there already: nothing is written then
 */
export function runInit(folder: string): void {
  const files = templateFiles().map(({ from, to }) => ({ from, path: join(folder, to) }));
  const there = files.find(({ path }) => existsSync(path));
  if (there !== undefined)
    throw new SkelError("ERR_IO", "is there already (name a new folder)", [displayPath(there.path)]);
  for (const { from, path } of files) {
    const text = readFileSync(from, "utf8")
      .replaceAll('"NAME"', JSON.stringify(packageName(resolve(folder))))
      .replaceAll('"VERSION"', JSON.stringify(VERSION));
    makeFolder(dirname(path));
    writeWhole(path, Buffer.from(text));
    console.log(`${displayPath(path)} written`);
  }
  const enter = folder === "." ? "" : `cd ${displayPath(folder)} && `;
  console.log(`next: ${enter}npm install && sudo npm start`);
}
