// The pictures of docs/images: pages of `ebpf-skel inspect --html`, in a browser of the set-up's, 1280 pixels wide.
//
//   npm run build && npm run screenshots

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { browsers, hasCommand } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const images = join(root, "docs/images");

/** From what is at `from` to what is before `to`. */
const pictures = [
  { file: "inspect.png", object: "event_types", from: "#uses", to: "#maps" },
  { file: "inspect-types.png", object: "types", from: "#types", to: "[aria-labelledby=types] article:nth-of-type(5)" },
];

const name = browsers.find(hasCommand);
if (name === undefined) throw new Error("no browser: run node scripts/setup.mjs browser");
const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-screenshots-"));
const browser = await chromium.launch({ executablePath: execFileSync("which", [name], { encoding: "utf8" }).trim() });
try {
  mkdirSync(images, { recursive: true });
  for (const { file, object, from, to } of pictures) {
    const html = join(folder, `${object}.html`);
    const main = join(root, "dist/cli/main.js");
    execFileSync(process.execPath, [main, "inspect", join(root, `fixtures/${object}.bpf.o`), "--html", html]);
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(pathToFileURL(html).href);
    const top = (await page.locator(from).boundingBox()).y - 24;
    const bottom = (await page.locator(to).boundingBox()).y - 24;
    const clip = { x: 0, y: top, width: 1280, height: bottom - top };
    await page.screenshot({ path: join(images, file), clip, fullPage: true });
    console.log(`docs/images/${file} written`);
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
