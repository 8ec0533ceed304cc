// The plugin's own examples and all of records.ndjson, judged here, without WebAssembly.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { descriptor, rules } from "./plugin.js";

const lines = readFileSync(new URL("records.ndjson", import.meta.url), "utf8").split("\n");
for (const line of lines.filter((line) => line !== "")) {
  const { name, record, text = JSON.stringify(record), expect } = JSON.parse(line);
  const [kind, codes] = typeof expect === "string" ? [expect] : Object.entries(expect)[0];
  test(name, () => check(judge(0, text), kind, codes));
}

descriptor.describe().routes.forEach(({ path, examples }, route) => {
  for (const { name, item, expect } of examples) {
    test(`example ${name} of ${path}`, () => check(judge(route, item.body.val), expect.tag, expect.val));
  }
});

function judge(route, text) {
  const request = { route, receivedAt: 0n, parameters: [], headers: [], extensions: [] };
  return rules.judge(request, [{ body: { tag: "text", val: text }, attributes: [] }]).verdicts[0];
}

/** Codes may stand alone or behind the pointer to their place: "greater_than", "/total greater_than". */
function check({ tag, val }, kind, codes) {
  assert.equal(tag, kind === "warn" ? "accept" : kind, tag === "fail" ? val : undefined);
  if (codes !== undefined) {
    const withPlace = codes.some((code) => code.includes(" "));
    const violations = kind === "warn" ? val.warnings : val;
    const found = violations.map(({ pointer, code }) => (withPlace ? `${pointer} ${code}` : code));
    assert.deepEqual(found.sort(), codes.toSorted());
  }
}
