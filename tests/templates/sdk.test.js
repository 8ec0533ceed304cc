// The kinds of values of the JavaScript template's SDK, its dates beside those of real Pydantic, whose outcomes
// tests/pydantic/scalars.py has written down. To try the TypeScript template's, compile it and say where it is:
//
//     node --test tests/templates/sdk.test.js
//     SDK=…/build/sdk/sdk.js node --test tests/templates/sdk.test.js

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { pathToFileURL } from "node:url";

const here = (path) => new URL(path, import.meta.url);
const { SDK } = process.env;
const { date, datetime, integer, list, map, number, object, optional, plugin, readNumber, route, setting, text } = await import(
  SDK ? pathToFileURL(SDK) : here("../../examples/templates/javascript/sdk/sdk.js")
);

/** What a plugin makes of a JSON text: its `record`, or its `faults` as "pointer code". */
function judged(kind, json) {
  let record;
  const only = { path: "/", topics: [], title: "", record: kind, examples: [] };
  const { rules } = plugin({
    name: "test",
    version: "0.1.0",
    routes: [route({ ...only, judge: (read) => void (record = read) })],
  });
  const request = { route: 0, receivedAt: 0n, parameters: [], headers: [], extensions: [] };
  const [{ tag, val }] = rules.judge(request, [
    { body: { tag: "text", val: json }, attributes: [] },
  ]).verdicts;
  if (tag === "reject") {
    return { faults: val.map(({ pointer, code }) => `${pointer} ${code}`) };
  }
  assert.equal(tag, "accept", val);
  return { record };
}

const faults = (kind, json) => judged(kind, json).faults;

/** What a value becomes in a field, or the code of its only fault. */
function made(kind, json) {
  const { record, faults } = judged(object({ it: kind }), `{"it":${json}}`);
  return faults === undefined ? record.it : faults.join().replace("/it ", "");
}

/** The milliseconds since 1970 of a date and time, or the code of its only fault. */
function madeMoment(json) {
  const moment = made(datetime(), json);
  return moment instanceof Date ? moment.getTime() : moment;
}

const schema = (kind) => JSON.parse(JSON.stringify(kind.schema));

// Dates and times, as Pydantic makes them -----------------------------------------------------------------

/** A row's input as JSON: a number as it stands, a text, or a text in hexadecimal UTF-8. */
function asJson(how, input) {
  return how === "n" ? input : JSON.stringify(how === "x" ? Buffer.from(input, "hex").toString() : input);
}

/**
 * A whole number of more than 64 bits is of the wrong type to Pydantic, and a float of the same size a date too far
 * away. JSON.parse makes the same of both, which the SDK takes for the latter.
 */
function isLost(how, input) {
  return how === "n" && /^-?\d+$/.test(input) && BigInt.asIntN(64, BigInt(input)) !== BigInt(input);
}

/** "MICROSECONDS OFFSET" as the milliseconds that a Date has of it; a code as it is. */
function inMilliseconds(outcome) {
  const [, digits] = /^(-?\d+) (?:-|-?\d+)$/.exec(outcome) ?? [];
  if (digits === undefined) {
    return outcome;
  }
  const micros = BigInt(digits);
  const finer = ((micros % 1000n) + 1000n) % 1000n;
  return Number((micros - finer) / 1000n);
}

test("every value becomes what Pydantic makes of it", () => {
  const lines = readFileSync(here("../pydantic/scalars.tsv"), "utf8").trimEnd().split("\n").slice(1);
  const counts = { moments: 0, dates: 0, refused: 0, lost: 0 };
  for (const line of lines) {
    const [how, input, , , , moment, day, ...more] = line.split("\t");
    assert.deepEqual([typeof day, more], ["string", []], line);
    const json = asJson(how, input);
    const outcomes = [madeMoment(json), made(date(), json)];
    if (isLost(how, input)) {
      counts.lost++;
      assert.deepEqual([moment, day], ["datetime_type", "date_type"], line);
      assert.deepEqual(outcomes, ["datetime_parsing", "date_from_datetime_parsing"], line);
      continue;
    }
    const expected = inMilliseconds(moment);
    assert.deepEqual(outcomes, [expected, day], line);
    counts[typeof expected === "number" ? "moments" : "refused"]++;
    counts.dates += /^\d/.test(day) ? 1 : 0;
  }
  assert.deepEqual(counts, { moments: 781, dates: 185, refused: 1303, lost: 67 });
});

test("every day of the calendar is a date, and no other", () => {
  const kind = date();
  const read = (text) => {
    const violations = [];
    const day = kind.read(text, violations);
    return violations[0]?.code ?? day;
  };
  const day = new Date(0);
  for (let year = 1; year <= 9999; year++) {
    for (let month = 1; month <= 12; month++) {
      day.setUTCFullYear(year, month, 0);
      const last = day.toISOString().slice(0, 10);
      const next = `${last.slice(0, 8)}${day.getUTCDate() + 1}`;
      assert.deepEqual([read(last), read(next)], [last, "date_from_datetime_parsing"]);
    }
  }
});

test("a moment is the same with whatever clock it is written", () => {
  const noon = Date.UTC(2026, 0, 15, 12);
  const texts = [
    "2026-01-15T12:00",
    "2026-01-15 12:00:00.0009Z",
    "2026-01-15T17:30+05:30",
    "2026-01-15t04:00−0800",
  ];
  const numbers = [noon, noon / 1000, `"${noon}"`, `"+0${noon / 1000}.0"`];
  for (const json of [...texts.map((text) => `"${text}"`), ...numbers]) {
    assert.equal(madeMoment(json), noon, json);
  }
  for (let at = -62_135_596_800_000; at < 253_402_300_800_000; at += 98_765_432_101) {
    const iso = new Date(at).toISOString();
    assert.equal(madeMoment(`"${iso}"`), at, iso);
  }
  // At the ends of the calendar, where it is another year in UTC.
  assert.equal(madeMoment('"0001-01-01T00:00:00+23:59"'), -62_135_596_800_000 - 86_340_000);
  assert.equal(madeMoment('"9999-12-31T23:59:59-23:59"'), 253_402_300_799_000 + 86_340_000);
});

test("what is neither a text nor a number is of the wrong type", () => {
  for (const json of ["null", "true", "[]", "{}"]) {
    assert.deepEqual([made(datetime(), json), made(date(), json)], ["datetime_type", "date_type"], json);
  }
});

test("a text of 500 characters may be a moment, a longer one is none", () => {
  const zeros = "0".repeat(497);
  assert.equal(madeMoment(`"${zeros}1.5"`), 1500);
  assert.equal(madeMoment(`"2026-01-15T10:30:00.${"1".repeat(480)}"`), Date.UTC(2026, 0, 15, 10, 30, 0, 111));
  for (const long of [`0${zeros}1.5`, `2026-01-15T10:30:00.${"1".repeat(481)}`, "1".repeat(1_000_000)]) {
    assert.equal(madeMoment(`"${long}"`), "datetime_from_date_parsing");
  }
});

test("a date and time may be absent, and is published as it is read", () => {
  const kind = object({ at: optional(datetime()), on: optional(date()) });
  assert.deepEqual(judged(kind, "{}").record, {});
  assert.deepEqual(judged(kind, '{"at":null,"on":null}').record, { at: undefined, on: undefined });
  assert.deepEqual(faults(kind, '{"at":"now","on":1.5}'), [
    "/at datetime_from_date_parsing",
    "/on date_from_datetime_inexact",
  ]);
  const { record } = judged(kind, '{"at":1768473000.5,"on":"2026-01-15T00:00:00+09:00"}');
  assert.equal(JSON.stringify(record), '{"at":"2026-01-15T10:30:00.500Z","on":"2026-01-15"}');
});

test("the schemas of dates and times say what they are", () => {
  const described = { description: "When" };
  assert.deepEqual(schema(datetime(described)), { type: "string", format: "date-time", ...described });
  assert.deepEqual(schema(date()), { type: "string", format: "date" });
  assert.deepEqual(schema(optional(datetime())), { type: ["string", "null"], format: "date-time" });
});

// Maps ----------------------------------------------------------------------------------------------------

test("a map has any names and values of one kind", () => {
  const { record } = judged(map(integer()), '{"b":"2","a":1,"":0}');
  assert.deepEqual(Object.entries(record), Object.entries({ b: 2, a: 1, "": 0 }));
  assert.deepEqual(Object.entries(judged(map(text()), "{}").record), []);
  for (const json of ["null", "true", "1", '"a"', "[]"]) {
    assert.deepEqual(faults(map(text()), json), [" dict_type"], json);
  }
});

test("a map keeps its lengths", () => {
  const kind = map(integer(), { minLength: 1, maxLength: 2 });
  assert.deepEqual(faults(kind, "{}"), [" too_short"]);
  assert.deepEqual(faults(kind, '{"a":1,"b":2,"c":"x"}'), [" too_long"]);
  assert.equal(faults(kind, '{"a":1,"b":2}'), undefined);
});

test("what is wrong in a map has the pointer of its member", () => {
  const kind = object({ stock: map(list(object({ count: integer() }))) });
  assert.deepEqual(faults(kind, '{"stock":{"a/b":[{"count":1},{"count":"x"}],"~":[{}],"ok":[],"":1}}'), [
    "/stock/a~1b/1/count int_parsing",
    "/stock/~0/0/count missing",
    "/stock/ list_type",
  ]);
});

test("no name in a map changes what an object is", () => {
  const json = '{"__proto__":{"polluted":"1"},"constructor":{"__proto__":"2"},"toString":{}}';
  const { record } = judged(map(map(integer())), json);
  assert.equal(Object.getPrototypeOf(record), null);
  assert.deepEqual(Object.keys(record), ["__proto__", "constructor", "toString"]);
  assert.equal(record["__proto__"].polluted, 1);
  assert.equal(record.constructor["__proto__"], 2);
  assert.equal(record.valueOf, undefined);
  assert.equal({}.polluted, undefined);
  assert.equal(JSON.stringify(record), json.replaceAll(/"(\d)"/g, "$1"));
  assert.deepEqual(faults(map(map(integer())), '{"__proto__":{"__proto__":"x"}}'), [
    "/__proto__/__proto__ int_parsing",
  ]);
});

test("no name in an object gives it a field", () => {
  const kind = object({ note: optional(text()) });
  const { record } = judged(kind, '{"__proto__":{"note":"not mine"}}');
  assert.equal(record.note, undefined);
  assert.equal(Object.getPrototypeOf(record), Object.prototype);
});

test("a map may be absent, and its schema says what its values are", () => {
  const kind = map(datetime(), { minLength: 1, maxLength: 9, description: "Visits" });
  const expected = {
    type: "object",
    additionalProperties: { type: "string", format: "date-time" },
    minProperties: 1,
    maxProperties: 9,
    description: "Visits",
  };
  assert.deepEqual(schema(kind), expected);
  assert.deepEqual(schema(optional(kind)), { ...expected, type: ["object", "null"] });
  assert.deepEqual(schema(map(text())), { type: "object", additionalProperties: { type: "string" } });
  assert.equal(judged(object({ visits: optional(kind) }), '{"visits":null}').record.visits, undefined);
});

// Bounds --------------------------------------------------------------------------------------------------

test("no more than a hundred violations are told, and that there are more", () => {
  const told = (count) => faults(list(integer()), JSON.stringify(Array(count).fill("x")));
  assert.equal(told(100).length, 100);
  assert.deepEqual([told(101).length, told(100_000).length], [101, 101]);
  assert.deepEqual([told(101)[99], told(101)[100]], ["/99 int_parsing", " too_many_violations"]);
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`a${index}`, {}]));
  assert.equal(faults(map(integer()), JSON.stringify(wide)).at(-1), " too_many_violations");
  const nested = Array(200).fill(Array(200).fill("x"));
  assert.equal(faults(list(list(integer())), JSON.stringify(nested)).length, 101);
});

test("a number in a text has an end", () => {
  assert.equal(faults(number(), `"${"0".repeat(4_999)}1"`), undefined);
  assert.deepEqual(faults(number(), `"${"0".repeat(5_000)}1"`), [" float_parsing"]);
  assert.deepEqual(faults(integer(), `"${"1".repeat(1_000_000)}"`), [" int_parsing"]);
});

test("a setting that cannot be read is told when the plugin is described", () => {
  const served = (fallback) => {
    const limit = setting("limit", { default: fallback, read: readNumber });
    const { descriptor } = plugin({ name: "a", version: "1.0.0", routes: [], settings: [limit] });
    return { limit, descriptor };
  };
  const { limit, descriptor } = served("5");
  assert.deepEqual([limit.value, descriptor.describe().settings[0].default], [5, "5"]);
  const thrown = (fallback) => {
    try {
      served(fallback).descriptor.describe();
    } catch (error) {
      return error;
    }
  };
  assert.equal(thrown("soon"), 'the setting limit cannot be "soon": it is no number');
  assert.equal(thrown(undefined), undefined);
});
