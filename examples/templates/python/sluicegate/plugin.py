"""A plugin: its routes, its instruments and settings, and the judgement of one record."""

import inspect
import json
import pathlib
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NamedTuple, get_type_hints

from .record import NotJson, Record, Violation, reader

AS_POSTED = object()


class Example(NamedTuple):
    name: str
    text: str
    expect: str
    codes: tuple


def _example(name, record, expect, codes=()):
    return Example(name, record if isinstance(record, str) else json.dumps(record, ensure_ascii=False), expect, codes)


def accept(name: str, record) -> Example:
    """A record that must be accepted: a dict, or a text as it is posted."""
    return _example(name, record, "accept")


def warn(name: str, record, *codes: str) -> Example:
    """A record that must be accepted with warnings of exactly these codes."""
    return _example(name, record, "warn", codes)


def reject(name: str, record, *codes: str) -> Example:
    """A record that must be rejected with violations of exactly these codes."""
    return _example(name, record, "reject", codes)


def discard(name: str, record) -> Example:
    """A record that must be discarded."""
    return _example(name, record, "discard")


class Instrument(NamedTuple):
    index: int
    name: str
    kind: str
    boundaries: tuple
    attributes: tuple
    unit: str
    description: str
    counts: str


class Setting:
    """Something an operator may or must set."""

    def __init__(self, key: str, description: str, default: str | None, secret: bool, kind: Callable[[str], Any]):
        self.key, self.description, self.default, self.secret, self.kind = key, description, default, secret, kind
        self.read: Callable[[str], str | None] = lambda key: None

    def get(self) -> Any:
        """What the operator gave, or the default. Read it in `judge`, not when the module is loaded."""
        given = self.read(self.key)
        if given is None and self.default is None:
            raise LookupError(f"the setting {self.key} has no value: the operator must give it one")
        return self.kind(self.default if given is None else given)

    def check(self) -> None:
        """Raises ValueError if what is given cannot be read: the plugin does not go live then."""
        given = self.read(self.key)
        for text in [self.default] if given is None else [given]:
            try:
                text is None or self.kind(text)
            except Exception as error:
                shown = "its value" if self.secret else repr(text)
                raise ValueError(f"the setting {self.key} cannot be {shown}: {error}") from None


class Request(NamedTuple):
    """What the records of one call have in common."""

    received_at: int = 0
    parameters: dict = {}
    headers: dict = {}
    caller: str | None = None

    @property
    def received(self) -> datetime:
        """When the request came; `received_at` is the same in milliseconds since 1970."""
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=self.received_at)


class Out:
    """What is known about a record beside itself, and what is to become of it.

    `id`, `key`, `topic` (a name), `timestamp` (milliseconds since 1970), `headers` (names and values) and `value`
    (None is a tombstone) are set by assignment.
    """

    id: str | None = None
    key: str | bytes | None = None
    topic: str | None = None
    timestamp: int | None = None
    value: Any = AS_POSTED
    discarded: str | None = None
    failed: str | None = None

    def __init__(self, request: Request, attributes: dict):
        self.request = request
        self.attributes = attributes
        self.headers: list[tuple[str, str | bytes]] = []
        self.violations: list[Violation] = []
        self.warnings: list[Violation] = []
        self.measurements: list[tuple[Instrument, float, tuple]] = []

    def reject(self, pointer: str, code: str, message: str, **parameters: Any) -> None:
        """Notes a violation: the record is rejected with all that are noted."""
        self.violations.append(_violation(pointer, code, message, parameters))

    def warn(self, pointer: str, code: str, message: str, **parameters: Any) -> None:
        """Notes something wrong that does not stop the record."""
        self.warnings.append(_violation(pointer, code, message, parameters))

    def discard(self, why: str) -> None:
        """The record is valid, but is not to be published."""
        self.discarded = why

    def measure(self, instrument: Instrument, value: float, *attributes: str | int | float | bool | None) -> None:
        """Feeds an instrument. The attributes come in its order; None leaves one out."""
        if len(attributes) != len(instrument.attributes):
            raise TypeError(f"{instrument.name} has the attributes {instrument.attributes}, not {len(attributes)}")
        self.measurements.append((instrument, float(value), attributes))

    @property
    def verdict(self) -> str:
        """`fail`, `reject`, `discard`, `warn` or `accept`."""
        if self.failed is not None:
            return "fail"
        if self.violations:
            return "reject"
        if self.discarded is not None:
            return "discard"
        return "warn" if self.warnings else "accept"


def _violation(pointer, code, message, parameters):
    return Violation(pointer, code, message, tuple((name, str(value)) for name, value in parameters.items()))


class Route(NamedTuple):
    path: str
    topics: list
    title: str
    summary: str
    id_field: str
    examples: list
    record: type[Record]
    read: Callable
    rules: Callable

    def judge(self, text: str, out: Out) -> Out:
        """Judges one record. Whatever goes wrong in a rule is told as a failure: the gateway sets the record aside."""
        try:
            try:
                record, out.violations = self.read(text)
            except NotJson as error:
                out.reject("", "json_invalid", f"is not JSON: {error}")
                return out
            if not out.violations:
                self.rules(record, out)
        except BaseException as error:
            out.failed = f"{type(error).__name__}: {error} ({_place(error)})"
        return out


def _mismatch(name: str, out: Out, wanted: tuple, codes) -> list[str]:
    """A code may stand behind its pointer: `greater_than`, `/total greater_than`."""
    found = out.violations if out.verdict == "reject" else out.warnings if out.verdict == "warn" else []
    with_pointers = any(" " in code for code in codes)
    told = sorted(f"{one.pointer} {one.code}" if with_pointers else one.code for one in found)
    if (out.verdict, told) == wanted:
        return []
    return [f"{name} is to be {wanted}, and is {(out.verdict, told)} {out.failed or ''}".rstrip()]


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}, line {trace.tb_lineno}"


class Plugin:
    """What a file serves."""

    def __init__(self, name: str, *, version: str, description: str = "", request_headers: tuple = ()):
        self.name, self.version, self.description = name, version, description
        self.request_headers = request_headers
        self.routes: list[Route] = []
        self.instruments: list[Instrument] = []
        self.settings: list[Setting] = []

    def counter(self, name: str, attributes=(), **about) -> Instrument:
        return self._instrument(name, "counter", attributes, **about)

    def up_down_counter(self, name: str, attributes=(), **about) -> Instrument:
        return self._instrument(name, "up-down-counter", attributes, **about)

    def gauge(self, name: str, attributes=(), **about) -> Instrument:
        return self._instrument(name, "gauge", attributes, **about)

    def histogram(self, name: str, attributes=(), *, boundaries=(), **about) -> Instrument:
        """Without boundaries the gateway's default ones hold."""
        return self._instrument(name, "histogram", attributes, boundaries, **about)

    def _instrument(self, name, kind, attributes, boundaries=(), *, unit="", description="", counts="accepted"):
        made = Instrument(
            len(self.instruments), name, kind, tuple(boundaries), tuple(attributes), unit, description, counts
        )
        self.instruments.append(made)
        return made

    def setting(
        self,
        key: str,
        description: str,
        default: str | None = None,
        *,
        secret: bool = False,
        type: Callable[[str], Any] = str,
    ) -> Setting:
        """Without a default the operator must give a value. `type` makes what `get` gives of the text: `int`, `float`, or a
        function that raises ValueError for what it cannot read. Such a value is told when the plugin is loaded."""
        made = Setting(key, description, default, secret, type)
        made.check()
        self.settings.append(made)
        return made

    def post(self, path: str, *, topics, title: str, summary: str = "", id_field: str = "", examples=()):
        """Makes a function the rules of a path. The type of its first parameter is the record's."""

        def decorate(rules):
            first = next(iter(inspect.signature(rules).parameters))
            record = get_type_hints(rules).get(first)
            if not (isinstance(record, type) and issubclass(record, Record)):
                signature = f"def {rules.__name__}({first}: Order, out: Out)"
                raise TypeError(f"say which record {rules.__name__} judges: {signature}")
            self.routes.append(
                Route(path, list(topics), title, summary, id_field, list(examples), record, reader(record), rules)
            )
            return rules

        return decorate

    def judge(self, record, *, route: int = 0, request: Request = Request(), attributes: dict | None = None) -> Out:
        """Judges a record, a dict or a text: for tests."""
        text = record if isinstance(record, str) else json.dumps(record)
        return self.routes[route].judge(text, Out(request, attributes or {}))

    def mismatches(self, records) -> list[str]:
        """What comes out otherwise than it should, of the examples and of the lines of a file such as records.ndjson: for
        tests."""
        told = []
        for route, served in enumerate(self.routes):
            for example in served.examples:
                out = self.judge(example.text, route=route)
                wanted = (example.expect, sorted(example.codes))
                told += _mismatch(f"example {example.name}", out, wanted, wanted[1])
        lines = pathlib.Path(records).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if line.strip():
                told += self._mismatch_of_line(number, json.loads(line))
        return told

    def _mismatch_of_line(self, number: int, line: dict) -> list[str]:
        paths = [route.path.rstrip("/") for route in self.routes]
        request = Request(
            line.get("received_at_ms", 0), {}, line.get("headers", {}), line.get("caller")
        )
        given = line.get("settings", {})
        before = [setting.read for setting in self.settings]
        for setting in self.settings:
            setting.read = given.get
        try:
            text = line["text"] if "text" in line else json.dumps(line["record"], ensure_ascii=False)
            out = self.judge(text, route=paths.index(line["route"].rstrip("/")) if "route" in line else 0, request=request)
        finally:
            for setting, read in zip(self.settings, before):
                setting.read = read
        expect = line["expect"]
        verdict, codes = next(iter(expect.items())) if isinstance(expect, dict) else (expect, [])
        return _mismatch(f"line {number} {line.get('name', '')}".rstrip(), out, (verdict, sorted(codes)), codes)

    def exports(self):
        """The two classes that the gateway calls."""
        from . import guest

        return guest.exports(self)
