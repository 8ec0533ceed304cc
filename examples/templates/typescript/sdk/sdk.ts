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

/** What the gateway offers. In a native test these stay; in the plugin `component` puts the real ones here. */
export const host = {
  get: (_key: string): string | undefined => undefined,
  log: (_level: "trace" | "debug" | "info" | "warn" | "error", _message: string): void => {},
};

// Kinds of values -----------------------------------------------------------------------------------------

type JsonSchema = { readonly [keyword: string]: unknown };

/** A kind of value: how it is read, and its JSON Schema. */
export interface Kind<T> {
  readonly schema: JsonSchema;
  readonly optional: boolean;
  /**
   * Adds all that is wrong to `violations`, with pointers that begin at this value. The result counts only if
   * nothing was added.
   */
  read(value: unknown, violations: Violation[]): T;
}

type Optional<T> = Kind<T | undefined> & { readonly optional: true };
type Fields = { readonly [name: string]: Kind<unknown> };
type OptionalNames<F extends Fields> = {
  [N in keyof F]: F[N] extends Optional<unknown> ? N : never;
}[keyof F];
type ObjectOf<F extends Fields> = { [N in Exclude<keyof F, OptionalNames<F>>]: Of<F[N]> } & {
  [N in OptionalNames<F>]?: Of<F[N]>;
};

/** What the values of a kind are: `type Order = Of<typeof order>`. */
export type Of<K> = K extends Kind<infer T> ? T : never;

interface Described {
  readonly description?: string;
}

interface Lengths extends Described {
  readonly minLength?: number;
  readonly maxLength?: number;
}

interface Limits extends Described {
  readonly above?: number;
  readonly min?: number;
  readonly below?: number;
  readonly max?: number;
}

/**
 * A text. Rules: `minLength`, `maxLength` (in characters), `pattern` (it may match anywhere, unless it has `^` and
 * `$`), `description`.
 */
export function text(rules: Lengths & { readonly pattern?: string } = {}): Kind<string> {
  const { minLength = 0, maxLength = Infinity, pattern } = rules;
  const regex = pattern === undefined ? undefined : new RegExp(pattern, "u");
  return {
    schema: { type: "string", ...rules },
    optional: false,
    read(value, violations) {
      if (typeof value !== "string") {
        violations.push(violation("string_type", "must be a text"));
        return "";
      }
      if (value.length < 2 * minLength && characters(value) < minLength) {
        violations.push(tooShort("string_too_short", "be", minLength, "character", "long"));
      } else if (value.length > maxLength && characters(value) > maxLength) {
        violations.push(tooLong("string_too_long", "be", maxLength, "character", "long"));
      } else if (regex !== undefined && !regex.test(value)) {
        violations.push(
          violation("string_pattern_mismatch", `must match the pattern ${pattern}`, { pattern }),
        );
      }
      return value;
    },
  };
}

/** A number; one that comes as a text is converted. Rules: `above`, `min`, `below`, `max`, `description`. */
export function number(rules: Limits = {}): Kind<number> {
  return {
    schema: { type: "number", ...limitKeywords(rules) },
    optional: false,
    read(value, violations) {
      const isText = typeof value === "string";
      const number = isText ? fromText(value, NOT_IN_A_NUMBER) : value;
      if (typeof number !== "number") {
        violations.push(violation("float_type", "must be a number"));
        return 0;
      }
      if (Number.isNaN(number)) {
        violations.push(violation("float_parsing", "must be a number such as 12.5"));
      } else if (!Number.isFinite(number)) {
        violations.push(violation("finite_number", "must be a number of less than 309 digits"));
      } else {
        keepLimits(number, rules, violations);
      }
      return number;
    },
  };
}

/** A whole number, such as 2 or 2.0; else as `number`. */
export function integer(rules: Limits = {}): Kind<number> {
  return {
    schema: { type: "integer", ...limitKeywords(rules) },
    optional: false,
    read(value, violations) {
      const isText = typeof value === "string";
      const number = isText ? fromText(value, NOT_IN_A_WHOLE_NUMBER) : value;
      if (typeof number !== "number") {
        violations.push(violation("int_type", "must be a whole number"));
        return 0;
      }
      if (Number.isNaN(number) || (isText && number % 1 !== 0 && Number.isFinite(number))) {
        violations.push(violation("int_parsing", "must be a whole number such as 12"));
      } else if (!Number.isFinite(number)) {
        violations.push(violation("finite_number", "must be a number of less than 309 digits"));
      } else if (!Number.isInteger(number)) {
        violations.push(violation("int_from_float", "must be a whole number, without a fraction"));
      } else {
        keepLimits(number, rules, violations);
      }
      return number;
    },
  };
}

/** True or false. */
export function boolean(rules: Described = {}): Kind<boolean> {
  return {
    schema: { type: "boolean", ...rules },
    optional: false,
    read(value, violations) {
      if (typeof value !== "boolean") {
        violations.push(violation("bool_type", "must be true or false"));
      }
      return value === true;
    },
  };
}

/** One of these texts. */
export function choice<const T extends string>(texts: readonly T[], rules: Described = {}): Kind<T> {
  return {
    schema: { enum: texts, ...rules },
    optional: false,
    read(value, violations) {
      if (!texts.includes(value as T)) {
        const choices = texts.join(", ");
        violations.push(violation("enum", `must be one of ${choices}`, { choices }));
      }
      return value as T;
    },
  };
}

/** A list of such elements. Rules: `minLength`, `maxLength`, `description`. */
export function list<T>(element: Kind<T>, rules: Lengths = {}): Kind<T[]> {
  const { minLength = 0, maxLength = Infinity, description } = rules;
  return {
    schema: {
      type: "array",
      items: element.schema,
      minItems: rules.minLength,
      maxItems: rules.maxLength,
      description,
    },
    optional: false,
    read(value, violations) {
      if (!Array.isArray(value)) {
        violations.push(violation("list_type", "must be a list"));
        return [];
      }
      if (value.length < minLength) {
        violations.push(tooShort("too_short", "have", minLength, "element"));
      } else if (value.length > maxLength) {
        violations.push(tooLong("too_long", "have", maxLength, "element"));
      } else {
        for (let index = 0; index < value.length; index++) {
          const before = violations.length;
          value[index] = element.read(value[index], violations);
          if (violations.length > before) {
            moveBelow(index, violations, before);
          }
        }
      }
      return value;
    },
  };
}

/** An object with these fields. It may have others, which are passed over. */
export function object<F extends Fields>(fields: F, rules: Described = {}): Kind<ObjectOf<F>> {
  const entries = Object.entries(fields);
  for (const [name] of entries) {
    if (name in Object.prototype) {
      throw new Error(`a field cannot be called ${name}: every object in JavaScript has that already`);
    }
  }
  const names = Object.keys(fields);
  const kinds = Object.values(fields);
  const properties = Object.fromEntries(entries.map(([name, kind]) => [name, kind.schema]));
  const required = entries.filter(([, kind]) => !kind.optional).map(([name]) => name);
  return {
    schema: { type: "object", properties, required, ...rules },
    optional: false,
    read(value, violations) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        violations.push(violation("model_type", "must be an object"));
        return {} as ObjectOf<F>;
      }
      const members = value as { [name: string]: unknown };
      // By index: in this engine an iterator would cost more than what is done in the loop.
      for (let index = 0; index < names.length; index++) {
        const name = names[index]!;
        const kind = kinds[index]!;
        const member = members[name];
        const before = violations.length;
        if (member !== undefined) {
          members[name] = kind.read(member, violations);
        } else if (!kind.optional) {
          violations.push(violation("missing", "is missing"));
        }
        if (violations.length > before) {
          moveBelow(name, violations, before);
        }
      }
      return members as ObjectOf<F>;
    },
  };
}

/** A value that may be absent or null. It is undefined then. */
export function optional<T>(kind: Kind<T>): Optional<T> {
  const { type, enum: choices } = kind.schema;
  return {
    schema: {
      ...kind.schema,
      type: type && [type, "null"],
      enum: Array.isArray(choices) ? [...choices, null] : undefined,
    },
    optional: true,
    read: (value, violations) => (value === null ? undefined : kind.read(value, violations)),
  };
}

// A search for one letter takes a time that grows with the text; to match all of a long one would take far more.
const NOT_IN_A_NUMBER = /[^\d.eE+\-\s]/;
const NOT_IN_A_WHOLE_NUMBER = /[^\d.+\-\s]/;

/** The number that a text says; NaN if it is none. `Number` alone would take "", "0x10" and "Infinity" too. */
function fromText(value: string, wrong: RegExp): number {
  return wrong.test(value) || value.trim() === "" ? NaN : Number(value);
}

function violation(code: string, message: string, parameters: { [name: string]: unknown } = {}): Violation {
  const named = Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]);
  return { pointer: "", code, message, parameters: named };
}

function tooShort(code: string, verb: string, limit: number, unit: string, adjective = ""): Violation {
  return violation(code, `must ${verb} at least ${amount(limit, unit, adjective)}`, { min_length: limit });
}

function tooLong(code: string, verb: string, limit: number, unit: string, adjective = ""): Violation {
  return violation(code, `must ${verb} at most ${amount(limit, unit, adjective)}`, { max_length: limit });
}

function amount(limit: number, unit: string, adjective: string): string {
  return `${limit} ${unit}${limit === 1 ? "" : "s"} ${adjective}`.trim();
}

/** A text's length in Unicode's code points; `length` counts those beyond U+FFFF twice. */
function characters(value: string): number {
  let count = value.length;
  for (let at = 1; at < value.length; at++) {
    if (isSurrogate(value.charCodeAt(at - 1), 0xd800) && isSurrogate(value.charCodeAt(at), 0xdc00)) {
      count--;
    }
  }
  return count;
}

function isSurrogate(unit: number, first: number): boolean {
  return unit >= first && unit < first + 0x400;
}

function limitKeywords({ above, min, below, max, description }: Limits): JsonSchema {
  return { exclusiveMinimum: above, minimum: min, exclusiveMaximum: below, maximum: max, description };
}

function keepLimits(value: number, rules: Limits, violations: Violation[]): void {
  const { above, min, below, max } = rules;
  if (above !== undefined && value <= above) {
    violations.push(violation("greater_than", `must be greater than ${above}`, { above }));
  } else if (min !== undefined && value < min) {
    violations.push(violation("greater_than_equal", `must be at least ${min}`, { min }));
  } else if (below !== undefined && value >= below) {
    violations.push(violation("less_than", `must be less than ${below}`, { below }));
  } else if (max !== undefined && value > max) {
    violations.push(violation("less_than_equal", `must be at most ${max}`, { max }));
  }
}

/** Puts a member's name in front of the pointers that came since: a record without faults builds none. */
function moveBelow(name: string | number, violations: Violation[], since: number): void {
  for (let index = since; index < violations.length; index++) {
    const one = violations[index]!;
    one.pointer = `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}${one.pointer}`;
  }
}

// What a record is read from ------------------------------------------------------------------------------

/** So many lists and objects within each other are read. JSON.parse would need a stack for more. */
const DEPTH_MAX = 200;

function parse<T>(json: string, kind: Kind<T>, violations: Violation[]): T | undefined {
  let value: unknown;
  try {
    if (json.length > 2 * DEPTH_MAX && isTooDeep(json)) {
      throw new SyntaxError(`more than ${DEPTH_MAX} lists and objects within each other`);
    }
    value = JSON.parse(json);
    // JSON.parse takes half of a surrogate pair, which no UTF-8 text can hold.
    if (json.includes("\\u") && !isWellFormed(value)) {
      throw new SyntaxError("half a surrogate pair in a string");
    }
  } catch (error) {
    violations.push(violation("json_invalid", clean(`is not JSON: ${(error as Error).message}`)));
    return undefined;
  }
  return kind.read(value, violations);
}

/** Takes time only for texts with many brackets. */
function isTooDeep(json: string): boolean {
  if (json.split("[", DEPTH_MAX).length + json.split("{", DEPTH_MAX).length < DEPTH_MAX) {
    return false;
  }
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const unit = json[at];
    if (unit === '"') {
      at = endOfText(json, at);
    } else if (unit === "[" || unit === "{") {
      depth++;
    } else if (unit === "]" || unit === "}") {
      depth--;
    }
    if (depth > DEPTH_MAX) {
      return true;
    }
  }
  return false;
}

function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end > 0; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") {
      backslashes++;
    }
    if (backslashes % 2 === 0) {
      return end;
    }
  }
  return json.length;
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") {
    return value.isWellFormed();
  }
  if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (!name.isWellFormed() || !isWellFormed(member)) {
        return false;
      }
    }
  }
  return true;
}

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

/** What an operator may set, or must if there is no default. Read `value` inside of `judge`. */
export function setting(
  key: string,
  rules: Described & { readonly default?: string; readonly secret?: boolean } = {},
): Setting & { readonly value: string } {
  const { description = "", default: fallback, secret = false } = rules;
  return {
    key,
    description,
    default: fallback,
    secret,
    get value() {
      return host.get(key) ?? fallback ?? "";
    },
  };
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

/** As a text that can leave the plugin: half of a surrogate pair would end the call. */
export function clean(value: unknown): string {
  return String(value).toWellFormed();
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
  readonly settings?: readonly Setting[];
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
    descriptor: { describe: () => manifest },
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
