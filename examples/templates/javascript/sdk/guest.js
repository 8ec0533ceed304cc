// What a plugin's engine lacks or must not have. Loaded before everything else, and only inside of the plugin.

import { clean, host } from "./sdk.js";

host.get = () => {
  throw new Error("a setting has no value while the plugin is built: read it inside of judge");
};

// What is printed goes to the gateway's log.

const print =
  (level) =>
  (...values) =>
    host.log(level, values.map(show).join(" "));

function show(value) {
  if (value instanceof Error) {
    return clean(`${value.name}: ${value.message}\n${value.stack ?? ""}`.trim());
  }
  try {
    // What JSON has no text for (a function, a bigint) is shown as JavaScript has it.
    return clean(typeof value === "object" ? JSON.stringify(value) : value);
  } catch (error) {
    return clean(error);
  }
}

const console = {
  trace: print("trace"),
  debug: print("debug"),
  log: print("info"),
  info: print("info"),
  warn: print("warn"),
  error: print("error"),
};

// The same record must be judged alike at any time and on any machine. Unasked, the engine would end the call at
// a look at the clock, and give random numbers that depend on what was judged before.

function refuse(what, instead) {
  return () => {
    throw new Error(`a plugin has no ${what}: ${instead}`);
  };
}

const noClock = refuse("clock", "out.receivedAt says when the request came");

const TrueDate = Date;
const PlainDate = new Proxy(TrueDate, {
  apply: noClock,
  construct: (date, values, target) =>
    values.length === 0 ? noClock() : Reflect.construct(date, values, target),
});
TrueDate.now = noClock;
TrueDate.prototype.constructor = PlainDate;
Math.random = refuse("random numbers", "take what varies from the record");

Object.assign(globalThis, { console, Date: PlainDate, performance: { now: noClock } });
