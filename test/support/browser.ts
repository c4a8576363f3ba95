// A real browser without a window, the one of this machine.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** What the tests use of playwright-core, whose own types need those of the DOM. */
export interface Browser {
  newPage(options: { viewport: { width: number; height: number } }): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  on(event: "console", listener: (message: { text(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "request", listener: (request: { url(): string }) => void): void;
  goto(url: string): Promise<unknown>;
  /** What the text gives, or the promise that it gives, in the page. */
  evaluate<T>(text: string): Promise<T>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  context(): { newCDPSession(page: Page): Promise<{ send<T>(method: string): Promise<T> }> };
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: { launch(options: { executablePath: string }): Promise<Browser> };
}

const NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

function browserPath(): string {
  const folders = (process.env["PATH"] ?? "").split(":");
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`no ${NAMES.join(", ")}, and these tests need one: run node scripts/setup.mjs browser`);
  return found;
}

/** Starts the browser; the caller closes it. */
export function startBrowser(): Promise<Browser> {
  const { chromium } = createRequire(import.meta.url)("playwright-core") as Playwright;
  return chromium.launch({ executablePath: browserPath() });
}
