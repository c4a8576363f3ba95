// What node:test says, as one line of JSON for each test: for the machine outside.

export default async function* report(source) {
  const path = [];
  for await (const { type, data } of source) {
    if (type === "test:start") path.splice(data.nesting, Infinity, data.name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A suite says again what its tests have said, unless it is skipped or broken as a whole.
    const isSuite = data.details.type === "suite";
    const cause = data.details.error?.cause ?? data.details.error;
    if (isSuite && data.skip === undefined && (type === "test:pass" || cause?.failureType === "subtestsFailed"))
      continue;
    if (isSuite && /subtests? failed/.test(String(cause?.message ?? cause))) continue;
    const status = data.skip !== undefined ? "skipped" : type === "test:pass" ? "passed" : "failed";
    const name = [...path.slice(0, data.nesting), data.name].join(" > ");
    const why = status === "skipped" ? data.skip : status === "failed" ? String(cause?.stack ?? cause) : undefined;
    yield `${JSON.stringify({ name, status, why, ms: Math.round(data.details.duration_ms) })}\n`;
  }
}
