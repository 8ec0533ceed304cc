// Kinds of values, and how a record is read as one of them. Those of dates and times are in `dates`.

// A kind has its JSON Schema, and `read(value, violations)`, which adds all that is wrong, with pointers that begin
// at this value, and returns the value. What it returns counts only if nothing was added.

/**
 * A text. Rules: `minLength`, `maxLength` (in characters), `pattern` (it may match anywhere, unless it has `^` and
 * `$`), `description`.
 */
export function text(rules = {}) {
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
export function number(rules = {}) {
  return {
    schema: { type: "number", ...limitKeywords(rules) },
    optional: false,
    read(value, violations) {
      const isText = typeof value === "string";
      const number = isText ? numberFromText(value, NOT_IN_A_NUMBER) : value;
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
export function integer(rules = {}) {
  return {
    schema: { type: "integer", ...limitKeywords(rules) },
    optional: false,
    read(value, violations) {
      const isText = typeof value === "string";
      const number = isText ? numberFromText(value, NOT_IN_A_WHOLE_NUMBER) : value;
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
export function boolean(rules = {}) {
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
export function choice(texts, rules = {}) {
  return {
    schema: { enum: texts, ...rules },
    optional: false,
    read(value, violations) {
      if (!texts.includes(value)) {
        const choices = texts.join(", ");
        violations.push(violation("enum", `must be one of ${choices}`, { choices }));
      }
      return value;
    },
  };
}

/** A list of such elements. Rules: `minLength`, `maxLength`, `description`. */
export function list(element, rules = {}) {
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
            if (violations.length > VIOLATIONS_MAX) {
              break;
            }
          }
        }
      }
      return value;
    },
  };
}

/** An object with these fields. It may have others, which are passed over. */
export function object(fields, rules = {}) {
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
        return {};
      }
      const members = value;
      // By index: in this engine an iterator would cost more than what is done in the loop.
      for (let index = 0; index < names.length; index++) {
        const name = names[index];
        const kind = kinds[index];
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
      return members;
    },
  };
}

/**
 * An object with any names, and such values. It has no prototype, so that a name such as `__proto__` or `constructor`
 * means what the client sent by it, or nothing. Rules: `minLength`, `maxLength` (in members), `description`.
 */
export function map(member, rules = {}) {
  const { minLength = 0, maxLength = Infinity, description } = rules;
  return {
    schema: {
      type: "object",
      additionalProperties: member.schema,
      minProperties: rules.minLength,
      maxProperties: rules.maxLength,
      description,
    },
    optional: false,
    read(value, violations) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        violations.push(violation("dict_type", "must be an object"));
        return {};
      }
      const members = Object.setPrototypeOf(value, null);
      const names = Object.keys(members);
      if (names.length < minLength) {
        violations.push(tooShort("too_short", "have", minLength, "member"));
      } else if (names.length > maxLength) {
        violations.push(tooLong("too_long", "have", maxLength, "member"));
      } else {
        for (let index = 0; index < names.length; index++) {
          const name = names[index];
          const before = violations.length;
          members[name] = member.read(members[name], violations);
          if (violations.length > before) {
            moveBelow(name, violations, before);
            if (violations.length > VIOLATIONS_MAX) {
              break;
            }
          }
        }
      }
      return members;
    },
  };
}

/** A value that may be absent or null. It is undefined then. */
export function optional(kind) {
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

// Nobody writes a longer one, and to look at a megabyte of digits would take more than the time of a record.
const NUMBER_LENGTH_MAX = 5000;

/** The number that a text says; NaN if it is none. `Number` alone would take "", "0x10" and "Infinity" too. */
export function numberFromText(value, wrong) {
  const isNone = value.length > NUMBER_LENGTH_MAX || wrong.test(value) || value.trim() === "";
  return isNone ? NaN : Number(value);
}

export function violation(code, message, parameters = {}) {
  const named = Object.entries(parameters).map(([name, value]) => [name, String(value)]);
  return { pointer: "", code, message, parameters: named };
}

function tooShort(code, verb, limit, unit, adjective = "") {
  return violation(code, `must ${verb} at least ${amount(limit, unit, adjective)}`, { min_length: limit });
}

function tooLong(code, verb, limit, unit, adjective = "") {
  return violation(code, `must ${verb} at most ${amount(limit, unit, adjective)}`, { max_length: limit });
}

function amount(limit, unit, adjective) {
  return `${limit} ${unit}${limit === 1 ? "" : "s"} ${adjective}`.trim();
}

/** A text's length in Unicode's code points; `length` counts those beyond U+FFFF twice. */
function characters(value) {
  let count = value.length;
  for (let at = 1; at < value.length; at++) {
    if (isSurrogate(value.charCodeAt(at - 1), 0xd800) && isSurrogate(value.charCodeAt(at), 0xdc00)) {
      count--;
    }
  }
  return count;
}

function isSurrogate(unit, first) {
  return unit >= first && unit < first + 0x400;
}

function limitKeywords({ above, min, below, max, description }) {
  return { exclusiveMinimum: above, minimum: min, exclusiveMaximum: below, maximum: max, description };
}

function keepLimits(value, rules, violations) {
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
function moveBelow(name, violations, since) {
  for (let index = since; index < violations.length; index++) {
    const one = violations[index];
    one.pointer = `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}${one.pointer}`;
  }
}

// What a record is read from ------------------------------------------------------------------------------

/** So many violations are told, and that there are more: nobody reads a thousand, and the gateway takes no more. */
const VIOLATIONS_MAX = 100;

/** So many lists and objects within each other are read. JSON.parse would need a stack for more. */
const DEPTH_MAX = 200;

export function parse(json, kind, violations) {
  let value;
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
    violations.push(violation("json_invalid", clean(`is not JSON: ${error.message}`)));
    return undefined;
  }
  const read = kind.read(value, violations);
  if (violations.length > VIOLATIONS_MAX) {
    violations.length = VIOLATIONS_MAX;
    const message = `has more than the ${VIOLATIONS_MAX} faults that are told`;
    violations.push(violation("too_many_violations", message, { max: VIOLATIONS_MAX }));
  }
  return read;
}

/** Takes time only for texts with many brackets. */
function isTooDeep(json) {
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

function endOfText(json, start) {
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

function isWellFormed(value) {
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

/** As a text that can leave the plugin: half of a surrogate pair would end the call. */
export function clean(value) {
  return (value instanceof Date ? value.toISOString() : String(value)).toWellFormed();
}
