"""Records: classes whose annotations and `Field`s are the rules.

It follows Pydantic's lax mode and its codes, with these differences: numbers are finite, `true` is no number, and
what is not among a `Literal`'s choices has the code `enum`.
"""

import json
import math
import re
import types
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from .form import FORMATS
from .moment import Wrong, to_date, to_datetime

# Nobody reads a thousand faults, and a list of a million wrong elements must not become a huge answer.
VIOLATIONS_MAX = 100
# The interpreter's stack in WebAssembly is small: a text of brackets alone would end the instance.
DEPTH_MAX = 200

_ABSENT = object()
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
_INTEGER = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0*)?\Z")


class Violation(NamedTuple):
    """Something wrong: where (a JSON Pointer), what for programs, what for people, and the values in the message."""

    pointer: str
    code: str
    message: str
    parameters: tuple = ()


class NotJson(ValueError):
    """The text is no JSON."""


class _Rules(NamedTuple):
    default: Any
    alias: str | None
    description: str
    gt: float | None
    ge: float | None
    lt: float | None
    le: float | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    format: str | None


def Field(
    default: Any = _ABSENT,
    *,
    alias: str | None = None,
    description: str = "",
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    format: str | None = None,
) -> Any:
    """The rules of a field, as Pydantic names them. A field with a default may be left out. The alias is the
    member's name in JSON. `format` is one of email, hostname, ipv4, ipv6, uri, uuid."""
    if format is not None and format not in FORMATS:
        raise TypeError(f"there is no format {format!r}: use one of {', '.join(FORMATS)}, or pattern")
    return _Rules(default, alias, description, gt, ge, lt, le, min_length, max_length, pattern, format)


class Record:
    """A JSON object. Members that are not declared are passed over."""

    _fields: ClassVar[dict] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = dict(cls._fields)
        hints = get_type_hints(cls, include_extras=True)
        for name in cls.__annotations__:
            if get_origin(hints[name]) is ClassVar:
                continue
            hint, rules = _annotated(hints[name])
            given = cls.__dict__.get(name, _ABSENT)
            if isinstance(given, _Rules):
                rules = given
            elif given is not _ABSENT:
                rules = rules._replace(default=given)
            try:
                read, schema = _kind(hint, rules)
            except TypeError as error:
                raise TypeError(f"{cls.__name__}.{name}: {error}") from None
            if rules.description:
                schema = {**schema, "description": rules.description}
            cls._fields[name] = (name, rules.alias or name, read, rules.default, schema)

    @classmethod
    def schema(cls) -> dict:
        """The JSON Schema (2020-12)."""
        schema = {
            "type": "object",
            "properties": {member: schema for _, member, _, _, schema in cls._fields.values()},
            "required": [member for _, member, _, default, _ in cls._fields.values() if default is _ABSENT],
        }
        return {**schema, "description": cls.__doc__} if cls.__doc__ else schema

    @classmethod
    def _reader(cls):
        fields = [field[:4] for field in cls._fields.values()]
        new = cls.__new__

        def read(value, at, faults):
            if type(value) is not dict:
                return _fault(faults, at, "model_type", f"must be an object, not {_name(value)}")
            record = new(cls)
            members = record.__dict__
            get = value.get
            for name, member, read_field, default in fields:
                given = get(member, _ABSENT)
                if given is not _ABSENT:
                    members[name] = read_field(given, (at, member), faults)
                elif default is not _ABSENT:
                    # What a rule puts into one record is not in the next.
                    members[name] = default.copy() if type(default) in (list, dict) else default
                else:
                    _fault(faults, (at, member), "missing", "is missing")
            return record

        return read

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


def reader(record: type[Record]):
    """Makes what reads a text as a record: it returns the record and its violations, or raises `NotJson`."""
    read = record._reader()

    def read_text(text):
        faults: list[Violation] = []
        return read(_parse(text), None, faults), faults

    return read_text


def _no_constant(name):
    raise NotJson(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def _parse(text: str):
    if text.count("[") + text.count("{") > DEPTH_MAX and _deep(text):
        raise NotJson(f"more than {DEPTH_MAX} arrays and objects lie within each other")
    try:
        value = _decode(text)
        if "\\u" in text:
            # Half of a surrogate pair is no character, and could not be given back to the gateway.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotJson("half a surrogate pair is no character") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    return value


def _deep(text: str) -> bool:
    # Brackets in texts do not count. A loop over each character would take longer than a record may.
    outside = text.encode("utf-8", "replace").replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2]
    brackets = b"".join(outside).translate(None, _NO_BRACKETS)
    while True:
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(fewer) >= 0.9 * len(brackets):
            break
        brackets = fewer
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MAX:
            return True
    return False


def _fault(faults, at, code, message, **parameters):
    if len(faults) < VIOLATIONS_MAX:
        told = tuple((name, str(value)) for name, value in parameters.items())
        faults.append(Violation(_pointer(at), code, message, told))
    elif len(faults) == VIOLATIONS_MAX:
        message = f"has more than the {VIOLATIONS_MAX} faults that are told"
        faults.append(Violation("", "too_many_violations", message, (("max", str(VIOLATIONS_MAX)),)))


def _pointer(at) -> str:
    parts = []
    while at is not None:
        at, part = at
        parts.append("/" + str(part).replace("~", "~0").replace("/", "~1"))
    return "".join(reversed(parts))


_NAMES = {type(None): "null", bool: "a boolean", str: "a text", list: "an array", dict: "an object"}


def _name(value) -> str:
    return _NAMES.get(type(value), "a number")


def _excerpt(value) -> str:
    text = str(value)
    return json.dumps(text if len(text) <= 40 else text[:40] + "…", ensure_ascii=False)


def _kind(hint, rules: _Rules):
    """What reads a value of this type, and its JSON Schema."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        return _or_null(*_kind(next(one for one in arguments if one is not type(None)), rules))
    if hint is Any:
        return (lambda value, at, faults: value), {}
    if hint is str:
        return _text(rules)
    if hint is float or hint is int:
        return _number(hint, rules)
    if hint is bool:
        return _boolean, {"type": "boolean"}
    if hint is datetime:
        return _moment(to_datetime, "a date and time", "2026-01-15T10:30:00Z"), _schema("string", {"format": "date-time"})
    if hint is date:
        return _moment(to_date, "a date", "2026-01-15"), _schema("string", {"format": "date"})
    if origin is Literal and all(type(choice) is str for choice in arguments):
        return _choice(arguments)
    if origin is list:
        return _list(*_kind(*_annotated(arguments[0])), rules)
    if origin is dict and arguments[0] is str:
        return _map(*_kind(*_annotated(arguments[1])), rules)
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint._reader(), hint.schema()
    raise TypeError(
        f"there are no fields of type {hint!r}: use str, float, int, bool, datetime, date, Any, Literal of texts, a "
        "Record, list[…] or dict[str, …] of these, or one of them with `| None`"
    )


def _annotated(hint):
    """A type and the rules that `Annotated` gives it."""
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        return hint, next((note for note in notes if isinstance(note, _Rules)), Field())
    return hint, Field()


def _or_null(read, schema):
    def read_or_null(value, at, faults):
        return None if value is None else read(value, at, faults)

    schema = dict(schema)
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return read_or_null, schema


def _text(rules):
    low, high = rules.min_length or 0, rules.max_length
    search = re.compile(_whole_end(rules.pattern)).search if rules.pattern else None
    form = FORMATS.get(rules.format)

    def read(value, at, faults):
        if type(value) is not str:
            message = f"must be a text, not {_name(value)}: send it in quotes"
            return _fault(faults, at, "string_type", message)
        if len(value) < low:
            message = f"must be at least {low} {_plural(low, 'character')} long"
            return _fault(faults, at, "string_too_short", message, min_length=low)
        if high is not None and len(value) > high:
            message = f"must be at most {high} {_plural(high, 'character')} long"
            return _fault(faults, at, "string_too_long", message, max_length=high)
        if search is not None and search(value) is None:
            message = f"must match {rules.pattern}"
            return _fault(faults, at, "string_pattern_mismatch", message, pattern=rules.pattern)
        if form is not None and not form.matches(value):
            return _fault(faults, at, form.code, form.says, format=rules.format)
        return value

    given = {"minLength": rules.min_length, "maxLength": high, "pattern": rules.pattern, "format": rules.format}
    return read, _schema("string", given)


def _whole_end(pattern: str) -> str:
    """In Python `$` also matches before a last line break, elsewhere only at the end: as Pydantic, we mean the end."""
    return re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", lambda part: r"\Z" if part[0] == "$" else part[0], pattern)


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else noun + "s"


def _number(kind, rules):
    convert = _float if kind is float else _int
    # Of several limits the first that is broken is told.
    gt, ge, lt, le = rules.gt, rules.ge, rules.lt, rules.le

    def read(value, at, faults):
        if type(value) is not kind or value in (math.inf, -math.inf):
            value = convert(value, at, faults)
            if value is None:
                return None
        if gt is not None and not value > gt:
            return _fault(faults, at, "greater_than", f"must be greater than {gt}", above=gt)
        if ge is not None and not value >= ge:
            return _fault(faults, at, "greater_than_equal", f"must be at least {ge}", min=ge)
        if lt is not None and not value < lt:
            return _fault(faults, at, "less_than", f"must be less than {lt}", below=lt)
        if le is not None and not value <= le:
            return _fault(faults, at, "less_than_equal", f"must be at most {le}", max=le)
        return value

    given = {"exclusiveMinimum": gt, "minimum": ge, "exclusiveMaximum": lt, "maximum": le}
    return read, _schema("number" if kind is float else "integer", given)


def _float(value, at, faults):
    if type(value) not in (float, int, str):
        message = f"must be a number, not {_name(value)}: send a number such as 12.5"
        return _fault(faults, at, "float_type", message)
    number = None
    try:
        if type(value) is not str or value.strip().isascii():
            number = float(value)
    except ValueError:
        pass
    except OverflowError:
        number = math.inf
    if number is None:
        message = f"{_excerpt(value)} is not a number: send a number such as 12.5"
        return _fault(faults, at, "float_parsing", message)
    if not math.isfinite(number):
        return _fault(faults, at, "finite_number", "must be a finite number")
    return number


def _int(value, at, faults):
    if type(value) is float:
        if not math.isfinite(value):
            return _fault(faults, at, "finite_number", "must be a finite number")
        if not value.is_integer():
            message = "must be a whole number: send a number without a fraction, such as 12"
            return _fault(faults, at, "int_from_float", message)
        return int(value)
    if type(value) is not str:
        message = f"must be a whole number, not {_name(value)}: send a number such as 12"
        return _fault(faults, at, "int_type", message)
    text = value.strip()
    if _INTEGER.match(text):
        # Python converts no more than 4,300 digits.
        try:
            return int(text.partition(".")[0])
        except ValueError:
            pass
    message = f"{_excerpt(value)} is not a whole number: send a number such as 12"
    return _fault(faults, at, "int_parsing", message)


def _boolean(value, at, faults):
    if type(value) is bool:
        return value
    return _fault(faults, at, "bool_type", f"must be a boolean, not {_name(value)}: send true or false")


def _choice(choices):
    told = ", ".join(choices)
    wanted = frozenset(choices)

    def read(value, at, faults):
        if type(value) is str and value in wanted:
            return value
        return _fault(faults, at, "enum", f"must be one of {told}", choices=told)

    return read, {"type": "string", "enum": list(choices)}


def _list(read_element, schema, rules):
    low, high = rules.min_length or 0, rules.max_length

    def read(value, at, faults):
        if type(value) is not list:
            return _fault(faults, at, "list_type", f"must be an array, not {_name(value)}")
        if len(value) < low:
            message = f"must have at least {low} {_plural(low, 'element')}"
            return _fault(faults, at, "too_short", message, min_length=low)
        if high is not None and len(value) > high:
            message = f"must have at most {high} {_plural(high, 'element')}"
            return _fault(faults, at, "too_long", message, max_length=high)
        elements = []
        for index, element in enumerate(value):
            elements.append(read_element(element, (at, index), faults))
            if len(faults) > VIOLATIONS_MAX:
                break
        return elements

    return read, {**_schema("array", {"minItems": rules.min_length, "maxItems": high}), "items": schema}


def _map(read_value, schema, rules):
    low, high = rules.min_length or 0, rules.max_length

    def read(value, at, faults):
        if type(value) is not dict:
            return _fault(faults, at, "dict_type", f"must be an object, not {_name(value)}")
        if len(value) < low:
            message = f"must have at least {low} {_plural(low, 'member')}"
            return _fault(faults, at, "too_short", message, min_length=low)
        if high is not None and len(value) > high:
            message = f"must have at most {high} {_plural(high, 'member')}"
            return _fault(faults, at, "too_long", message, max_length=high)
        members = {}
        for name, member in value.items():
            members[name] = read_value(member, (at, name), faults)
            if len(faults) > VIOLATIONS_MAX:
                break
        return members

    given = {"minProperties": rules.min_length, "maxProperties": high}
    return read, {**_schema("object", given), "additionalProperties": schema}


def _moment(convert, noun, sample):
    def read(value, at, faults):
        try:
            return convert(value)
        except Wrong as wrong:
            found = _excerpt(value) if type(value) is str else _name(value)
            return _fault(faults, at, str(wrong), f"{found} is not {noun}: send one such as {sample}")

    return read


def _schema(kind: str, given: dict) -> dict:
    return {"type": kind, **{keyword: value for keyword, value in given.items() if value is not None}}
