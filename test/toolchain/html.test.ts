// The page of `inspect --html` in a real browser: it is quiet, asks for nothing, fits a phone, leads where it says, and whatever an
// object calls its parts stays text.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printable } from "../../src/errors.ts";
import { describePage } from "../../src/picture/page.ts";
import { type Browser, type Page, startBrowser } from "../support/browser.ts";
import { fixtures } from "../support/fixtures.ts";
import { PAYLOADS } from "../support/hostile.ts";
import { HARMLESS, objectWith } from "../support/small-object.ts";

const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-html-"));
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Visit {
  readonly page: Page;
  readonly url: string;
  /** What the browser had to say, and all that it asked for. */
  readonly messages: string[];
  readonly requests: string[];
}

/** Opens a page, its folded parts unfolded. */
async function visit(text: string, width: number): Promise<Visit> {
  const file = join(folder, "page.html");
  writeFileSync(file, text);
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  const messages: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  const url = pathToFileURL(file).href;
  await page.goto(url);
  await page.evaluate(`document.querySelectorAll("details").forEach((one) => (one.open = true))`);
  return { page, url, messages, requests };
}

/** What is asked of each page; the text is run in the browser. */
const QUESTIONS = `({
  tags: [...new Set([...document.querySelectorAll("*")].map((one) => one.localName))].sort(),
  handlers: [...document.querySelectorAll("*")].flatMap((one) => one.getAttributeNames()).filter((name) => /^on|^style$/.test(name)),
  outward: [...document.querySelectorAll("[href], [src]")].map((one) => one.getAttribute("href") ?? one.getAttribute("src"))
    .filter((to) => !to.startsWith("#") && to !== "data:,"),
  dangling: [...document.querySelectorAll("a")].map((one) => one.getAttribute("href"))
    .filter((to) => document.getElementById(to.slice(1)) === null),
  ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  styled: getComputedStyle(document.querySelector("h1")).fontWeight,
  pwned: typeof pwned,
})`;

interface Answers {
  readonly tags: readonly string[];
  readonly handlers: readonly string[];
  readonly outward: readonly string[];
  readonly dangling: readonly string[];
  readonly ids: readonly string[];
  readonly wide: number;
  readonly styled: string;
  readonly pwned: string;
}

/** All that a page is made of. */
const TAGS =
  "a article b body br code dd details div dl dt figcaption figure footer h1 h2 h3 head header html li link main meta nav p path " +
  "rect section span style summary svg table tbody td text th thead title tr ul";

async function check({ page, url, messages, requests }: Visit): Promise<void> {
  const { tags, ids, ...answers } = await page.evaluate<Answers>(QUESTIONS);
  expect(answers).toEqual({ handlers: [], outward: [], dangling: [], wide: 0, styled: "650", pwned: "undefined" });
  expect(tags.filter((tag) => !TAGS.split(" ").includes(tag))).toEqual([]);
  expect(ids.length).toBe(new Set(ids).size);
  expect(messages).toEqual([]);
  expect(requests).toEqual([url]);
}

/** Roles of what a reader may go to; each must have a name. */
const NAMED: ReadonlySet<string> = new Set(["link", "image", "region", "navigation", "heading", "DisclosureTriangle"]);

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value?: string };
  readonly name?: { readonly value?: string };
}

async function namelessNodes(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send<{ nodes: readonly AxNode[] }>("Accessibility.getFullAXTree");
  const named = nodes.filter(({ ignored, role }) => !ignored && NAMED.has(role?.value ?? ""));
  expect(new Set(named.map(({ role }) => role?.value)).size).toBeGreaterThan(3);
  return named.filter(({ name }) => (name?.value ?? "").trim() === "").map(({ role }) => role!.value!);
}

const pageOf = (name: string): string =>
  describePage(new Uint8Array(readFileSync(fixtures.find((one) => one.name === name)!.object)), `${name}.bpf.o`);

test.each(["maps", "types", "kernel_fields"])("the page of %s is whole, quiet and needs nothing else", async (name) => {
  const seen = await visit(pageOf(name), 1280);
  await check(seen);
  expect(await namelessNodes(seen.page)).toEqual([]);
  await seen.page.setViewportSize({ width: 390, height: 800 });
  await check(seen);
  await seen.page.close();
});

describe("names that want to be more", () => {
  const worst = `</script></style></title><img src=x onerror=pwned=1>`;
  const payloads = [worst, `"><svg onload=pwned=1>`, `' autofocus onfocus='pwned=1`, ...PAYLOADS];
  const rounds = Array.from({ length: Math.ceil(payloads.length / 8) }, (_, i) => payloads.slice(8 * i, 8 * i + 8));

  test.each(rounds.map((names) => ({ names })))("$names.0 and others stay text", async ({ names }) => {
    const [struct = worst, member = worst, enumeration = worst, value = worst] = names;
    const [section = worst, typedef = worst, integer = worst, license = worst] = names.slice(4);
    const all = { struct, member, enumeration, value, section, typedef, integer, license };
    const seen = await visit(describePage(objectWith({ ...HARMLESS, ...all }), worst), 390);
    await check(seen);
    const text = await seen.page.evaluate<string>("document.body.textContent");
    for (const one of Object.values(all)) expect(text).toContain(printable(one));
    await seen.page.close();
  });

  test("the page's policy would stop a script and an image that got in", async () => {
    const { page } = await visit(pageOf("types"), 1280);
    const refused = await page.evaluate<readonly string[]>(`new Promise((done) => {
      const refused = [];
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        if (refused.push(effectiveDirective) === 2) done(refused.sort());
      });
      const script = document.createElement("script");
      script.textContent = "globalThis.pwned = 1";
      const image = document.createElement("img");
      image.src = "http://127.0.0.1:9/x.png";
      document.body.append(script, image);
    })`);
    expect(refused).toEqual(["img-src", "script-src-elem"]);
    expect(await page.evaluate("typeof pwned")).toBe("undefined");
    await page.close();
  });
});
