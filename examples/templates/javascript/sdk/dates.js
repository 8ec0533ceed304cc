// Kinds of dates and times, which are read as Pydantic 2 reads them.

import { numberFromText, violation } from "./kinds.js";

/**
 * A date and time. Taken are ISO 8601, in which a time without an offset is one in UTC and a date alone is its
 * midnight, and the time since 1970 as a number or as a text, in seconds up to 20,000,000,000 either way and in
 * milliseconds beyond. A Date has no more than milliseconds: what is finer is cut off.
 */
export function datetime(rules = {}) {
  const message = "must be a date and time such as 2026-01-15T10:30:00Z";
  return {
    schema: { type: "string", format: "date-time", ...rules },
    optional: false,
    read(value, violations) {
      if (typeof value !== "string" && typeof value !== "number") {
        violations.push(violation("datetime_type", message));
        return new Date(0);
      }
      const moment = typeof value === "number" ? fromNumber(value) : fromText(value);
      if (moment === undefined) {
        const code = typeof value === "string" ? "datetime_from_date_parsing" : "datetime_parsing";
        violations.push(violation(code, message));
      } else if (moment.local < YEAR_ONE) {
        violations.push(violation("datetime_parsing", `${message}: there is no year 0`));
      } else {
        return new Date(moment.local - moment.offset);
      }
      return new Date(0);
    },
  };
}

/** A date, as a text such as "2026-01-15". Taken is what `datetime` takes, if it is a midnight in its own offset. */
export function date(rules = {}) {
  const message = "must be a date such as 2026-01-15";
  return {
    schema: { type: "string", format: "date", ...rules },
    optional: false,
    read(value, violations) {
      if (typeof value !== "string" && typeof value !== "number") {
        violations.push(violation("date_type", message));
        return "";
      }
      const moment = typeof value === "number" ? fromNumber(value) : fromText(value);
      if (moment === undefined) {
        violations.push(violation("date_from_datetime_parsing", message));
      } else if (moment.local % DAY !== 0 || moment.micros !== 0) {
        violations.push(violation("date_from_datetime_inexact", `${message}, without a time of day`));
      } else if (moment.local < YEAR_ONE) {
        violations.push(violation("date_parsing", `${message}: there is no year 0`));
      } else {
        return new Date(moment.local).toISOString().slice(0, 10);
      }
      return "";
    },
  };
}

// All in milliseconds, and since 1970 where it is a point in time.
const DAY = 86_400_000;
const YEAR_ZERO = -62_167_219_200_000;
const YEAR_ONE = -62_135_596_800_000;
const YEAR_9999_END = 253_402_300_799_999;
/** After 400 years the calendar begins again. */
const CALENDAR_CYCLE = 146_097 * DAY;

/** Up to here a number counts seconds, beyond it milliseconds (in seconds the year 2603, in milliseconds 1970). */
const SECONDS_MAX = 20_000_000_000;

// What a text or a number says, in the years 0 to 9999 on its own clock, is a moment: `local` is what that clock shows,
// in milliseconds since it showed the beginning of 1970; `micros` what it shows beyond them, 0 to 999 microseconds; and
// `offset` how far it is ahead of UTC, in milliseconds.

/** A longer text is none: to find out whether a million digits are one would take more time than a record has. */
const TEXT_LENGTH_MAX = 500;

// Without a point there is no exponent either: "1.5e3" is a number of seconds, "15e2" is not.
const NOT_IN_A_FRACTION = /[^\d.eE+\-]/;
const NOT_IN_A_WHOLE_NUMBER = /[^\d+\-]/;

function fromText(text) {
  if (text.length > TEXT_LENGTH_MAX) {
    return undefined;
  }
  const wrong = text.includes(".") ? NOT_IN_A_FRACTION : NOT_IN_A_WHOLE_NUMBER;
  return fromIso(text) ?? fromNumber(numberFromText(text, wrong));
}

/** Takes the number to the nearest microsecond. NaN and what lies outside of the calendar are no moment. */
function fromNumber(number) {
  const inSeconds = Math.abs(number) <= SECONDS_MAX;
  const whole = Math.floor(number);
  const micros = Math.round((number - whole) * (inSeconds ? 1e6 : 1e3));
  // A fraction that was rounded up may fill the millisecond.
  const local = (inSeconds ? whole * 1_000 : whole) + Math.floor(micros / 1_000);
  return local >= YEAR_ZERO && local <= YEAR_9999_END
    ? { local, micros: micros % 1_000, offset: 0 }
    : undefined;
}

const HOUR = String.raw`([01]\d|2[0-3])`;
const SIXTY = String.raw`([0-5]\d)`;
const DATE = String.raw`(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`;
// ISO 8601 prefers the minus sign U+2212 to the hyphen.
const OFFSET = String.raw`[Zz]|([+\-\u2212])${HOUR}:?${SIXTY}`;
const ISO = new RegExp(
  String.raw`^${DATE}(?:[Tt _]${HOUR}:${SIXTY}(?::${SIXTY}(?:[.,](\d+))?)?(?:${OFFSET})?)?$`,
);

function fromIso(text) {
  const found = ISO.exec(text);
  if (found === null) {
    return undefined;
  }
  const year = Number(found[1]);
  const month = Number(found[2]);
  const day = Number(found[3]);
  if (day > 28 && day > daysIn(year, month)) {
    return undefined;
  }
  const hour = Number(found[4] ?? 0);
  const minute = Number(found[5] ?? 0);
  const second = Number(found[6] ?? 0);
  // What is finer than a microsecond is cut off.
  const micros = Number((found[7] ?? "").slice(0, 6).padEnd(6, "0"));
  // Date.UTC takes a year below 100 for one of the 20th century.
  const cycleLater = Date.UTC(year + 400, month - 1, day, hour, minute, second, Math.floor(micros / 1_000));
  const ahead = (Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0)) * 60_000;
  return {
    local: cycleLater - CALENDAR_CYCLE,
    micros: micros % 1_000,
    offset: found[8] === "+" ? ahead : -ahead,
  };
}

function daysIn(year, month) {
  if (month === 2) {
    return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  }
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
