"""Between the rules and the gateway: verdicts in the contract's types, what is printed, and what is refused.

A plugin has no clock, no files, no network and no environment. What asks for them would end the instance without
a word, so here it becomes an exception that names what was asked for.
"""

import gc
import json
import logging
import sys
import time
from types import SimpleNamespace

from .plugin import AS_POSTED, Out, Plugin, Request

try:
    from componentize_py_types import Err
    from wit_world.imports import config, types
    from wit_world.imports import logging as log
except ModuleNotFoundError:
    # In a test, without WebAssembly.
    Err = config = types = log = None

_LEVELS = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"), (logging.DEBUG, "DEBUG"))


def exports(plugin: Plugin):
    """The classes `Descriptor` and `Rules`, which componentize-py looks for in the plugin's module."""

    if sys.platform != "wasi":
        return None, None
    from . import refuse

    refused = refuse.plan()
    # The same record must be judged alike, whatever was judged before.
    reseed = refuse.seed_of_random()
    # What is there now stays: the collector need not walk it, which takes longer than a record.
    gc.collect()
    gc.freeze()
    wired = False

    def wire():
        # Not when the component is built: there the gateway's functions cannot be called yet.
        nonlocal wired
        if not wired:
            wired = True
            _wire(plugin)
            refuse.apply(refused)

    class Descriptor:
        def describe(self):
            wire()
            try:
                for setting in plugin.settings:
                    setting.check()
                return _manifest(plugin)
            except Exception as error:
                raise Err(str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}") from None

    class Rules:
        def judge(self, request, items):
            wire()
            return _judge(plugin, reseed, request, items)

    return Descriptor, Rules


def _wire(plugin):
    for setting in plugin.settings:
        setting.read = config.get
    sys.stdin, sys.stdout, sys.stderr = None, _Printed("INFO"), _Printed("WARN")
    logging.getLogger().addHandler(_Logged())
    logging.getLogger().setLevel(logging.DEBUG)
    # A logged record has a time, and there is none; the gateway adds its own.
    logging.time = SimpleNamespace(time_ns=lambda: 0, time=lambda: 0.0, localtime=time.gmtime, strftime=time.strftime)


class _Printed:
    """What is printed, a line at a time."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, level):
        self.level = level
        self.line = ""

    def write(self, text):
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            _log(self.level, line)
        return len(text)

    def writelines(self, texts):
        for text in texts:
            self.write(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def end(self):
        """A call ends: nothing of what it printed may appear in the next one."""
        if self.line:
            _log(self.level, self.line)
            self.line = ""


class _Logged(logging.Handler):
    def emit(self, record):
        level = next((name for least, name in _LEVELS if record.levelno >= least), "TRACE")
        _log(level, self.format(record))


def _log(level, line):
    log.log(log.Level[level], line.encode("utf-8", "replace").decode())


def _judge(plugin, reseed, request, items):
    route = plugin.routes[request.route]
    common = Request(request.received_at, dict(request.parameters), dict(request.headers), request.caller)
    verdicts, measurements, sets = [], [], _Sets()
    for index, item in enumerate(items):
        if reseed is not None:
            reseed(0)
        body = item.body.value
        out = route.judge(body if type(body) is str else body.decode(), Out(common, dict(item.attributes)))
        try:
            verdict = _verdict(route, out)
            taken = [
                types.Measurement(index, instrument.index, value, sets.index(attributes))
                for instrument, value, attributes in out.measurements
            ]
        except Exception as error:
            verdict, taken = types.Verdict_Fail(f"{type(error).__name__}: {error}"), []
        verdicts.append(verdict)
        measurements += taken
    sys.stdout.end()
    sys.stderr.end()
    return types.Judgement(verdicts, measurements, sets.sets)


class _Sets:
    """The attribute sets of a call, each once: this is what a large batch costs."""

    def __init__(self):
        self.sets = []
        self.known = {}

    def index(self, attributes):
        # As 1, 1.0 and True are the same key, the types belong to it.
        key = (attributes, *map(type, attributes))
        index = self.known.get(key)
        if index is None:
            index = len(self.sets)
            self.sets.append([_attribute(value) for value in attributes])
            self.known[key] = index
        return index


def _attribute(value):
    if value is None:
        return types.AttributeValue_Absent()
    if type(value) is str:
        return types.AttributeValue_Text(value)
    if type(value) is bool:
        return types.AttributeValue_Boolean(value)
    if type(value) is int and -(2**63) <= value < 2**63:
        return types.AttributeValue_Integer(value)
    if type(value) is float:
        return types.AttributeValue_Float(value)
    raise TypeError(f"no attribute can be {value!r}")


def _verdict(route, out):
    """What is wrong here would end the instance later, so everything that an author may set is looked at."""
    if out.failed is not None:
        return types.Verdict_Fail(_text(out.failed.encode("utf-8", "replace").decode()))
    if out.violations:
        return types.Verdict_Reject([_violation(one) for one in out.violations])
    if out.discarded is not None:
        return types.Verdict_Discard(_text(out.discarded))
    timestamp = out.timestamp
    if timestamp is not None and not (type(timestamp) is int and -(2**63) <= timestamp < 2**63):
        raise TypeError(f"a timestamp is a whole number of milliseconds, not {timestamp!r}")
    return types.Verdict_Accept(
        types.Acceptance(
            None if out.id is None else _text(out.id),
            None if out.key is None else _bytes(out.key),
            0 if out.topic is None else route.topics.index(out.topic),
            timestamp,
            [(_text(name), _bytes(value)) for name, value in out.headers],
            _value(out.value),
            [_violation(one) for one in out.warnings],
        )
    )


def _value(value):
    if value is AS_POSTED:
        return types.Value_AsPosted()
    return types.Value_Tombstone() if value is None else types.Value_Replaced(_bytes(value))


def _violation(violation):
    pointer, code, message, parameters = violation
    told = [(_text(name), _text(value)) for name, value in parameters]
    return types.Violation(_text(pointer), _text(code), _text(message), told)


def _text(value):
    if type(value) is not str:
        raise TypeError(f"{value!r} is no text")
    if not value.isascii():
        # Half a surrogate pair is found here.
        value.encode()
    return value


def _bytes(value):
    return value if type(value) is bytes else _text(value).encode()


def _manifest(plugin):
    return types.Manifest(
        plugin.name,
        plugin.version,
        plugin.description,
        [_route(route) for route in plugin.routes],
        [_instrument(instrument) for instrument in plugin.instruments],
        list(plugin.request_headers),
        [types.Setting(one.key, one.description, one.default, one.secret) for one in plugin.settings],
        [],
    )


def _route(route):
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **route.record.schema()}
    return types.Route(
        route.path,
        types.Input_Json(),
        route.title,
        route.id_field,
        route.topics,
        route.summary,
        json.dumps(schema),
        [_example(example) for example in route.examples],
        [],
    )


def _example(example):
    expect = {
        "accept": types.Expectation_Accept,
        "warn": types.Expectation_Warn,
        "reject": types.Expectation_Reject,
        "discard": types.Expectation_Discard,
    }[example.expect]
    item = types.Item(types.Body_Text(example.text), [])
    wanted = expect(list(example.codes)) if example.expect in ("warn", "reject") else expect()
    return types.Example(example.name, item, None, [], [], None, [], wanted)


def _instrument(instrument):
    kind = {
        "counter": types.InstrumentKind_Counter,
        "up-down-counter": types.InstrumentKind_UpDownCounter,
        "gauge": types.InstrumentKind_Gauge,
        "histogram": lambda: types.InstrumentKind_Histogram([float(one) for one in instrument.boundaries]),
    }[instrument.kind]()
    return types.Instrument(
        instrument.name,
        kind,
        instrument.description,
        instrument.unit,
        list(instrument.attributes),
        types.Counted[instrument.counts.upper()],
        [],
    )
