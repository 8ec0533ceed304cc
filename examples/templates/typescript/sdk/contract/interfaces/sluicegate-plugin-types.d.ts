declare module 'sluicegate:plugin/types@1.0.0' {
  /**
   * A name and a value. Names of HTTP headers are lower-case.
   */
  export type Field = [string, string];
  /**
   * A Kafka header. Names that begin with `sluicegate-`, `trace` or `ce_` are the
   * gateway's own and refused.
   */
  export type Header = [string, Uint8Array];
  export interface Setting {
    key: string,
    description: string,
    /**
     * The value if the operator gives none. None: the operator must give one.
     */
    'default'?: string,
    /**
     * Never shown again once given.
     */
    secret: boolean,
  }
  /**
   * How a request's body is cut into records.
   */
  export type Input = InputJson | InputLines | InputWhole;
  /**
   * JSON: a record, an array of them, a record a line (NDJSON), or CloudEvents
   * with JSON data.
   */
  export interface InputJson {
    tag: 'json',
  }
  /**
   * Text of these content types, a record a line, e.g. `text/csv`.
   */
  export interface InputLines {
    tag: 'lines',
    val: Array<string>,
  }
  /**
   * The whole body is one record, of these content types, e.g.
   * `application/x-protobuf`.
   */
  export interface InputWhole {
    tag: 'whole',
    val: Array<string>,
  }
  export type Expectation = ExpectationAccept | ExpectationWarn | ExpectationReject | ExpectationDiscard;
  /**
   * Accepted or split, with whatever warnings.
   */
  export interface ExpectationAccept {
    tag: 'accept',
  }
  /**
   * Accepted or split with warnings of exactly these codes, in any order.
   */
  export interface ExpectationWarn {
    tag: 'warn',
    val: Array<string>,
  }
  /**
   * Rejected with violations of exactly these codes, in any order.
   */
  export interface ExpectationReject {
    tag: 'reject',
    val: Array<string>,
  }
  export interface ExpectationDiscard {
    tag: 'discard',
  }
  /**
   * The records whose measurements an instrument takes; those of others are
   * dropped.
   * # Variants
   * 
   * ## `"accepted"`
   * 
   * ## `"rejected"`
   * 
   * ## `"judged"`
   */
  export type Counted = 'accepted' | 'rejected' | 'judged';
  export type InstrumentKind = InstrumentKindCounter | InstrumentKindUpDownCounter | InstrumentKindHistogram | InstrumentKindExponentialHistogram | InstrumentKindGauge;
  /**
   * Only ever grows: negative measurements are dropped.
   */
  export interface InstrumentKindCounter {
    tag: 'counter',
  }
  export interface InstrumentKindUpDownCounter {
    tag: 'up-down-counter',
  }
  /**
   * The bucket boundaries, ascending; empty for the gateway's default.
   */
  export interface InstrumentKindHistogram {
    tag: 'histogram',
    val: Float64Array,
  }
  /**
   * A histogram whose buckets adapt themselves.
   */
  export interface InstrumentKindExponentialHistogram {
    tag: 'exponential-histogram',
  }
  /**
   * The last value wins.
   */
  export interface InstrumentKindGauge {
    tag: 'gauge',
  }
  /**
   * A metric instrument, in OpenTelemetry's terms.
   */
  export interface Instrument {
    /**
     * E.g. `payments.amount`.
     */
    name: string,
    kind: InstrumentKind,
    description: string,
    /**
     * UCUM, e.g. `ms`, `By`, `{record}`. May be empty.
     */
    unit: string,
    /**
     * The attribute keys; an attribute set gives their values, in this order.
     */
    attributes: Array<string>,
    counts: Counted,
    /**
     * As `manifest.extensions`.
     */
    extensions: Array<Field>,
  }
  /**
   * What the records of one call have in common.
   */
  export interface Request {
    /**
     * Which of `manifest.routes` was posted to.
     */
    route: number,
    /**
     * When the gateway received the request: milliseconds since 1970, UTC. Use
     * this for the current time; a plugin has no clock of its own.
     */
    receivedAt: bigint,
    /**
     * The values of the path's `{name}`s.
     */
    parameters: Array<Field>,
    /**
     * Those of `manifest.request-headers` that the request had.
     */
    headers: Array<Field>,
    /**
     * Who sent it, where the gateway knows.
     */
    caller?: string,
    /**
     * As `manifest.extensions`.
     */
    extensions: Array<Field>,
  }
  export type Body = BodyText | BodyBytes;
  /**
   * UTF-8. Of JSON input, but not yet known to be JSON.
   */
  export interface BodyText {
    tag: 'text',
    val: string,
  }
  /**
   * Of a content type that is no text.
   */
  export interface BodyBytes {
    tag: 'bytes',
    val: Uint8Array,
  }
  /**
   * One record as it came.
   */
  export interface Item {
    body: Body,
    /**
     * What came beside the body: the CloudEvents attributes of an event.
     */
    attributes: Array<Field>,
  }
  export interface Example {
    /**
     * Short and unique within its route, e.g. `negative-amount`.
     */
    name: string,
    /**
     * Shown in the API documentation.
     */
    item: Item,
    /**
     * `request.received-at` for this one. None: now.
     */
    receivedAt?: bigint,
    parameters: Array<Field>,
    headers: Array<Field>,
    caller?: string,
    /**
     * The settings it is judged with. A setting that is not named here has its
     * default, or, if it has none, what the operator gave: so that no operator's
     * choice can make a plugin's own proof fail.
     */
    settings: Array<Field>,
    expect: Expectation,
  }
  /**
   * One record type and the path that takes it by POST.
   */
  export interface Route {
    /**
     * An absolute path, e.g. `/v1/transactions`; `{name}` matches one segment.
     */
    path: string,
    input: Input,
    /**
     * What one record is called, e.g. `Financial transaction`: the answer to an
     * accepted one reads "Financial transaction ingested successfully".
     */
    title: string,
    /**
     * The name under which `acceptance.id` is given back to the client, e.g.
     * `transaction_id`. Empty: it is not.
     */
    idField: string,
    /**
     * The topics that accepted records may go to, the usual one first. At least
     * one. The operator may map each to another name.
     */
    topics: Array<string>,
    /**
     * One line for the API documentation.
     */
    summary: string,
    /**
     * The JSON Schema (2020-12) of one record, as JSON text. Documentation
     * only: the gateway does not validate by it, `judge` does. Empty for what
     * is not JSON.
     */
    schema: string,
    /**
     * Records that show and prove what the plugin does. They are printed in the
     * API documentation, and the gateway runs each before the plugin goes live:
     * one unexpected verdict and the plugin is not loaded.
     */
    examples: Array<Example>,
    /**
     * As `manifest.extensions`.
     */
    extensions: Array<Field>,
  }
  /**
   * Who the plugin is and what it serves. Read when the plugin is loaded.
   */
  export interface Manifest {
    /**
     * The plugin's identity: lower-case letters, digits and dashes. While one
     * file of a name serves, another one of that name waits.
     */
    name: string,
    /**
     * The plugin's own semantic version, for people and for logs.
     */
    version: string,
    /**
     * Markdown, for the API documentation. May be empty.
     */
    description: string,
    /**
     * The record types it accepts, one per HTTP route. At least one.
     */
    routes: Array<Route>,
    /**
     * The metric instruments it feeds. `measurement.instrument` counts in here.
     */
    instruments: Array<Instrument>,
    /**
     * The HTTP request headers it wants to see, lower-case. All others,
     * credentials among them, are withheld.
     */
    requestHeaders: Array<string>,
    /**
     * What an operator may or must set for it; read through `config`.
     */
    settings: Array<Setting>,
    /**
     * Hints that later gateways may come to understand. Unknown names are
     * ignored.
     */
    extensions: Array<Field>,
  }
  /**
   * What is published as the record's value.
   */
  export type Value = ValueAsPosted | ValueReplaced | ValueTombstone;
  /**
   * The body, byte for byte.
   */
  export interface ValueAsPosted {
    tag: 'as-posted',
  }
  /**
   * JSON, unless the acceptance has a header `content-type` that says otherwise.
   */
  export interface ValueReplaced {
    tag: 'replaced',
    val: Uint8Array,
  }
  /**
   * None: on a compacted topic this deletes the key.
   */
  export interface ValueTombstone {
    tag: 'tombstone',
  }
  export interface Violation {
    /**
     * Where: a JSON Pointer (RFC 6901) into the record; empty for all of it.
     */
    pointer: string,
    /**
     * What, for programs, e.g. `out_of_range`. Stable between versions.
     */
    code: string,
    /**
     * What, for people.
     */
    message: string,
    /**
     * The values in the message, for those who write their own, e.g. `max`, `3`.
     */
    parameters: Array<Field>,
  }
  export interface Acceptance {
    /**
     * The record's own identifier, for the answer, the log and the dead letter.
     */
    id?: string,
    /**
     * The Kafka key. None: the record goes to any partition.
     */
    key?: Uint8Array,
    /**
     * Which of the route's `topics`; 0 is the usual one.
     */
    topic: number,
    /**
     * When it happened: milliseconds since 1970, UTC. Kafka's timestamp if the
     * operator wants it so; otherwise that is when it was received.
     */
    timestamp?: bigint,
    /**
     * Kafka headers to add. Names that start with `:` are the gateway's: later
     * versions may give them a meaning.
     */
    headers: Array<Header>,
    value: Value,
    /**
     * Faults that do not stop it, told to the client and counted: how a rule is
     * announced before it is enforced.
     */
    warnings: Array<Violation>,
  }
  export type Verdict = VerdictAccept | VerdictSplit | VerdictReject | VerdictDiscard | VerdictFail;
  /**
   * Publish it.
   */
  export interface VerdictAccept {
    tag: 'accept',
    val: Acceptance,
  }
  /**
   * Publish these in its place: all or none. At least one.
   */
  export interface VerdictSplit {
    tag: 'split',
    val: Array<Acceptance>,
  }
  /**
   * Tell the client why not. At least one violation.
   */
  export interface VerdictReject {
    tag: 'reject',
    val: Array<Violation>,
  }
  /**
   * Valid, but not to be published (a heartbeat, say). The client is told so
   * and need not send it again. The text says why, for the operator.
   */
  export interface VerdictDiscard {
    tag: 'discard',
    val: string,
  }
  /**
   * The plugin could not say: an error of its own, for the operator to see. The
   * record is set aside and can be judged again later.
   */
  export interface VerdictFail {
    tag: 'fail',
    val: string,
  }
  export interface Measurement {
    /**
     * Which of the records it is about.
     */
    item: number,
    /**
     * Which of `manifest.instruments` it goes to.
     */
    instrument: number,
    /**
     * Dropped if it is infinite or not a number.
     */
    value: number,
    /**
     * Which of `judgement.attribute-sets` it has. Of no account if the instrument
     * has no attributes.
     */
    attributeSet: number,
  }
  export type AttributeValue = AttributeValueAbsent | AttributeValueText | AttributeValueInteger | AttributeValueFloat | AttributeValueBoolean;
  /**
   * Leave this attribute out.
   */
  export interface AttributeValueAbsent {
    tag: 'absent',
  }
  export interface AttributeValueText {
    tag: 'text',
    val: string,
  }
  export interface AttributeValueInteger {
    tag: 'integer',
    val: bigint,
  }
  export interface AttributeValueFloat {
    tag: 'float',
    val: number,
  }
  export interface AttributeValueBoolean {
    tag: 'boolean',
    val: boolean,
  }
  /**
   * What came of some records.
   */
  export interface Judgement {
    /**
     * One for each record, in the same order.
     */
    verdicts: Array<Verdict>,
    /**
     * For any of the records, in any order.
     */
    measurements: Array<Measurement>,
    /**
     * The attributes of the measurements. Measurements that have the same may
     * share a set, and ought to: this is what a large batch costs.
     */
    attributeSets: Array<Array<AttributeValue>>,
  }
}
