// What a plugin is written with: kinds of values, instruments, settings, examples, and the plugin made of
// them. Nobody needs to read this to write a plugin; it is small so that you can change it.

import type {
  Acceptance,
  AttributeValue,
  Example,
  Expectation,
  Instrument,
  InstrumentKind,
  Item,
  Judgement,
  Manifest,
  Measurement,
  Request,
  Setting,
  Verdict,
  Violation,
} from "sluicegate:plugin/types@1.0.0";

import { clean, parse, type Described, type Kind } from "./kinds.ts";

export { date, datetime } from "./dates.ts";
export { boolean, choice, clean, integer, list, map, number, object, optional, text } from "./kinds.ts";
export type { Kind, Of } from "./kinds.ts";

/** What the gateway offers. In a native test these stay; in the plugin `component` puts the real ones here. */
export const host = {
  get: (_key: string): string | undefined => undefined,
  log: (_level: "trace" | "debug" | "info" | "warn" | "error", _message: string): void => {},
};

// Instruments, settings, examples -------------------------------------------------------------------------

/** What the attributes of a measurement may be. What is undefined or null is left out. */
export type Attribute = string | number | boolean | null | undefined;

/** A metric instrument. `A` are its attributes, so that a forgotten one does not compile. */
export type Meter<A extends readonly string[]> = Instrument & { readonly attributesAre?: A };

interface MeterRules<A extends readonly string[]> {
  readonly attributes?: A;
  readonly unit?: string;
  readonly description?: string;
  /** Of which records the measurements are taken. */
  readonly counts?: Instrument["counts"];
}

/** Counts up. Rules: `attributes`, `unit` (in UCUM, e.g. `ms`, `{record}`), `description`, `counts`. */
export function counter<const A extends readonly string[] = []>(
  name: string,
  rules: MeterRules<A> = {},
): Meter<A> {
  return meter(name, { tag: "counter" }, rules);
}

/** Sorts values into buckets with these boundaries; without any, into the gateway's own. */
export function histogram<const A extends readonly string[] = []>(
  name: string,
  rules: MeterRules<A> & { readonly boundaries?: readonly number[] } = {},
): Meter<A> {
  return meter(name, { tag: "histogram", val: new Float64Array(rules.boundaries ?? []) }, rules);
}

/** Keeps the last value. */
export function gauge<const A extends readonly string[] = []>(
  name: string,
  rules: MeterRules<A> = {},
): Meter<A> {
  return meter(name, { tag: "gauge" }, rules);
}

function meter<A extends readonly string[]>(
  name: string,
  kind: InstrumentKind,
  rules: MeterRules<A>,
): Meter<A> {
  const { attributes = [], unit = "", description = "", counts = "accepted" } = rules;
  return { name, kind, description, unit, attributes: [...attributes], counts, extensions: [] };
}

/**
 * What an operator may set, or must if there is no default. Read `value` inside of `judge`. `read` makes it of the text, such as
 * `readNumber`: what that throws for is refused when the plugin is loaded, before it serves.
 */
export function setting<T = string>(
  key: string,
  rules: Described & {
    readonly default?: string;
    readonly secret?: boolean;
    readonly read?: (text: string) => T;
  } = {},
): Setting & { readonly value: T; check(): void } {
  const { description = "", default: fallback, secret = false, read = (text) => text as T } = rules;
  return {
    key,
    description,
    default: fallback,
    secret,
    get value() {
      return read(host.get(key) ?? fallback ?? "");
    },
    check() {
      const text = host.get(key) ?? fallback;
      try {
        text === undefined || read(text);
      } catch (error) {
        const shown = secret ? "its value" : JSON.stringify(text);
        throw clean(`the setting ${key} cannot be ${shown}: ${(error as Error).message}`);
      }
    },
  };
}

/** For a setting's `read`. */
export function readNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) {
    throw new Error("it is no number");
  }
  return number;
}

/** A record that is accepted. A text is taken as it is, anything else becomes JSON. */
export function accepts(name: string, record: unknown): Example {
  return example(name, record, { tag: "accept" });
}

/** A record that is accepted with warnings of exactly these codes. */
export function warns(name: string, record: unknown, codes: string[]): Example {
  return example(name, record, { tag: "warn", val: codes });
}

/** A record that is rejected for violations of exactly these codes. */
export function rejects(name: string, record: unknown, codes: string[]): Example {
  return example(name, record, { tag: "reject", val: codes });
}

/** A record that is valid and not published. */
export function discards(name: string, record: unknown): Example {
  return example(name, record, { tag: "discard" });
}

function example(name: string, record: unknown, expect: Expectation): Example {
  const body = typeof record === "string" ? record : JSON.stringify(record);
  const item: Item = { body: { tag: "text", val: body }, attributes: [] };
  return { name, item, parameters: [], headers: [], settings: [], expect };
}

// What a record comes to ----------------------------------------------------------------------------------

/** The measurements of one call. Records with the same attributes share a set, for that is what a batch costs. */
class Ledger {
  readonly measurements: Measurement[] = [];
  readonly attributeSets: AttributeValue[][] = [];
  private readonly instruments: readonly Instrument[];
  private readonly known = new Map<string, number>();

  constructor(instruments: readonly Instrument[]) {
    this.instruments = instruments;
  }

  add(item: number, instrument: Instrument, value: number, attributes: readonly Attribute[]): void {
    const index = this.instruments.indexOf(instrument);
    if (index < 0) {
      throw new Error(`${instrument.name} is not among the plugin's instruments`);
    }
    if (attributes.length !== instrument.attributes.length) {
      throw new Error(`${instrument.name} has the attributes ${instrument.attributes.join(", ")}`);
    }
    const key = JSON.stringify(attributes);
    let attributeSet = this.known.get(key);
    if (attributeSet === undefined) {
      attributeSet = this.attributeSets.push(attributes.map(attributeValue)) - 1;
      this.known.set(key, attributeSet);
    }
    this.measurements.push({ item, instrument: index, value: Number(value), attributeSet });
  }
}

function attributeValue(value: Attribute): AttributeValue {
  switch (typeof value) {
    case "string":
      return { tag: "text", val: clean(value) };
    case "boolean":
      return { tag: "boolean", val: value };
    case "number":
      if (Number.isSafeInteger(value)) {
        return { tag: "integer", val: s64(value) };
      }
      return Number.isFinite(value) ? { tag: "float", val: value } : { tag: "absent" };
    default:
      return { tag: "absent" };
  }
}

/** What `judge` says of a record. If it says nothing the record is accepted and published as it was posted. */
export class Out {
  /** What came with the record: the caller, the path's parameters, headers that the plugin asked for. */
  readonly request: Request;
  /** When the gateway received the request, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The attributes of a CloudEvent. */
  readonly attributes: Item["attributes"];
  private readonly index: number;
  private readonly ledger: Ledger;
  private readonly violations: Violation[] = [];
  private readonly acceptance: Acceptance = {
    topic: 0,
    headers: [],
    value: { tag: "as-posted" },
    warnings: [],
  };
  private discarded: string | undefined;

  constructor(request: Request, item: Item, index: number, ledger: Ledger) {
    this.request = request;
    this.receivedAt = Number(request.receivedAt);
    this.attributes = item.attributes;
    this.index = index;
    this.ledger = ledger;
  }

  /** Rejects the record, for one more reason. The pointer (`/items/0/sku`) says where, empty: all of it. */
  reject(pointer: string, code: string, message: string): void {
    this.violations.push({
      pointer: clean(pointer),
      code: clean(code),
      message: clean(message),
      parameters: [],
    });
  }

  /** Accepts it still, and tells the client what is wrong: how a rule is announced before it is enforced. */
  warn(pointer: string, code: string, message: string): void {
    const warning = { pointer: clean(pointer), code: clean(code), message: clean(message), parameters: [] };
    this.acceptance.warnings.push(warning);
  }

  /** It is valid, but not to be published. The operator is told why. */
  discard(reason: string): void {
    this.discarded = clean(reason);
  }

  /** Gives a value to an instrument, with the values of its attributes in their order. */
  measure<A extends readonly string[]>(
    meter: Meter<A>,
    value: number,
    attributes: { readonly [N in keyof A]: Attribute },
  ): void {
    this.ledger.add(this.index, meter, value, attributes as readonly Attribute[]);
  }

  /** By what it is known to the client and in the log. */
  id(id: string | number): void {
    this.acceptance.id = clean(id);
  }

  /** Records of one key stay in order. */
  key(key: string | number): void {
    this.acceptance.key = utf8(String(key));
  }

  /** Publishes it to another of the route's topics. */
  topic(index: number): void {
    this.acceptance.topic = index;
  }

  /** When it happened, in milliseconds since 1970. */
  timestamp(milliseconds: number): void {
    this.acceptance.timestamp = s64(Math.trunc(milliseconds));
  }

  /** Adds a Kafka header. */
  header(name: string, value: string): void {
    this.acceptance.headers.push([clean(name), utf8(value)]);
  }

  /** Publishes this as JSON in place of what was posted. */
  publish(value: unknown): void {
    this.acceptance.value = { tag: "replaced", val: utf8(JSON.stringify(value)) };
  }

  /** What came of it. For the SDK's own use. */
  verdict(): Verdict {
    if (this.violations.length > 0) {
      return { tag: "reject", val: this.violations };
    }
    return this.discarded === undefined
      ? { tag: "accept", val: this.acceptance }
      : { tag: "discard", val: this.discarded };
  }
}

/** The plugin's engine has no TextEncoder; but `unescape` makes a character of each %XX, which is a byte. */
function utf8(value: string): Uint8Array {
  const encoded = unescape(encodeURIComponent(clean(value)));
  const bytes = new Uint8Array(encoded.length);
  for (let index = 0; index < encoded.length; index++) {
    bytes[index] = encoded.charCodeAt(index);
  }
  return bytes;
}

/** The generated types ask for a bigint here. This engine's bindings take a number, and a bigint would end the call. */
function s64(value: number): bigint {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is no whole number`);
  }
  return value as unknown as bigint;
}

// The plugin ----------------------------------------------------------------------------------------------

/** A path that takes one kind of record. */
export interface RouteRules<T> {
  readonly path: string;
  /** Where its records go. Several: the usual one first, `out.topic` chooses. */
  readonly topics: readonly string[];
  /** What one record is called. */
  readonly title: string;
  /** One line for the API documentation. */
  readonly summary?: string;
  readonly record: Kind<T>;
  /** The field that identifies a record. */
  readonly id?: keyof T & string;
  /** The field whose text is the Kafka key. */
  readonly key?: keyof T & string;
  readonly examples: readonly Example[];
  /** Rules over several fields, and measurements. Called for a record whose fields are all right. */
  judge?(record: T, out: Out): void;
}

type AnyRoute = RouteRules<any>;

/** A route, which `plugin` takes. */
export function route<T>(rules: RouteRules<T>): AnyRoute {
  return rules;
}

interface PluginRules {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly routes: readonly AnyRoute[];
  readonly instruments?: readonly Instrument[];
  readonly settings?: readonly (Setting & { check(): void })[];
  /** The HTTP headers that `out.request.headers` is to have, in small letters. */
  readonly requestHeaders?: readonly string[];
}

interface Plugin {
  readonly descriptor: { describe(): Manifest };
  readonly rules: { judge(request: Request, items: Item[]): Judgement };
}

/** All that a plugin exports. */
export function plugin(rules: PluginRules): Plugin {
  const {
    name,
    version,
    description = "",
    routes,
    instruments = [],
    settings = [],
    requestHeaders = [],
  } = rules;
  const manifest: Manifest = {
    name,
    version,
    description,
    routes: routes.map(describeRoute),
    instruments: [...instruments],
    requestHeaders: [...requestHeaders],
    settings: settings.map(({ key, description, default: fallback, secret }) => ({
      key,
      description,
      default: fallback,
      secret,
    })),
    extensions: [],
  };
  return {
    descriptor: {
      describe() {
        settings.forEach((one) => one.check());
        return manifest;
      },
    },
    rules: {
      judge(request, items) {
        const route = routes[request.route]!;
        const ledger = new Ledger(instruments);
        const verdicts = items.map((item, index) =>
          judgeOne(route, new Out(request, item, index, ledger), item),
        );
        return { verdicts, measurements: ledger.measurements, attributeSets: ledger.attributeSets };
      },
    },
  };
}

function describeRoute({
  path,
  topics,
  title,
  summary = "",
  record,
  id = "",
  examples,
}: AnyRoute): Manifest["routes"][0] {
  const schema = { $schema: "https://json-schema.org/draft/2020-12/schema", title, ...record.schema };
  return {
    path,
    input: { tag: "json" },
    title,
    idField: id,
    topics: [...topics],
    summary,
    schema: JSON.stringify(schema),
    examples: [...examples],
    extensions: [],
  };
}

function judgeOne(route: AnyRoute, out: Out, { body }: Item): Verdict {
  try {
    if (body.tag !== "text") {
      throw new Error("the body is no text");
    }
    const violations: Violation[] = [];
    const record = parse(body.val, route.record, violations);
    if (violations.length > 0) {
      return { tag: "reject", val: violations };
    }
    if (route.id !== undefined && record[route.id] !== undefined) {
      out.id(record[route.id]);
    }
    if (route.key !== undefined && record[route.key] !== undefined) {
      out.key(record[route.key]);
    }
    // A promise would never come to anything: nothing runs after the call has returned.
    if (route.judge?.(record, out) !== undefined) {
      throw new Error("judge is to return nothing, and not to be async");
    }
    return out.verdict();
  } catch (error) {
    return { tag: "fail", val: failure(error) };
  }
}

/** An error in a line for the gateway's log, with the place that it came from. */
function failure(error: unknown): string {
  if (!(error instanceof Error)) {
    return typeof error === "string" ? clean(error) : "something was thrown that is no Error";
  }
  const place = /^\s*at .*$/m.exec(error.stack ?? "")?.[0].trim();
  return clean(`${error.name}: ${error.message}${place === undefined ? "" : `, ${place}`}`);
}
