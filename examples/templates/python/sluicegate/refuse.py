"""Makes exceptions of what a plugin cannot have.

The component is built with stubs in the place of WASI, and a stub ends the instance without a word. What authors
are likely to call is replaced here; what is not ends the instance still. It is looked for when the component is built,
where all of it still works and is needed, and replaced when the gateway first calls.
"""

import datetime
import gc
import sys
import time

# The standard library imports this only when a date is first parsed, which is too late here.
import _strptime  # noqa: F401
import posix

_NO_CLOCK = "a plugin has no clock: the time of the request is out.request.received_at"
_NO_SYSTEM = "a plugin has no files, network, environment or processes"
_NO_RANDOM = "a plugin has no randomness"
_NO_IMPORT = "a plugin can import only what was imported when it was built: import it at the top of the file"

_CLOCKS = (
    "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time "
    "thread_time_ns clock_gettime clock_gettime_ns clock_settime clock_settime_ns clock_getres get_clock_info sleep"
).split()
# Those ask the clock only where no time is given, which is so many arguments.
_CALENDAR = {"localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}
# Those ask nobody.
_HARMLESS = {"fspath", "fsencode", "fsdecode", "strerror", "getpid", "getcwd", "cpu_count", "register_at_fork"}
_AUDITED = ("open", "import", "os.", "socket.", "subprocess.", "time.sleep")


def plan():
    """What is to be replaced: dictionaries, names and what comes there. Call it when everything is imported."""
    by = {}
    for name in _CLOCKS:
        if hasattr(time, name):
            by[id(getattr(time, name))] = _refusal(_NO_CLOCK)
    for name, count in _CALENDAR.items():
        by[id(getattr(time, name))] = _with_a_time(getattr(time, name), count)
    for name, function in vars(posix).items():
        if type(function) is type(posix.getpid) and name not in _HARMLESS and not name.startswith(("W", "_path")):
            by[id(function)] = _refusal(_NO_RANDOM if name == "urandom" else _NO_SYSTEM)
    # All modules are searched, because `from time import time` makes copies.
    found = []
    for module in list(sys.modules.values()):
        members = getattr(module, "__dict__", {})
        found += [(members, name, by[id(value)]) for name, value in members.items() if id(value) in by]
    return found


def apply(found):
    """Replaces it."""
    for members, name, replacement in found:
        members[name] = replacement
    # These two are C and ask the clock by themselves; their type is sealed, but not to the collector.
    members = gc.get_referents(datetime.datetime.__dict__)[0]
    members["now"] = members["utcnow"] = staticmethod(_refusal(_NO_CLOCK))
    sys._clear_internal_caches()
    if "random" in sys.modules:
        _want_seeds(sys.modules["random"].Random)
    sys.addaudithook(_audit)


def seed_of_random():
    """`random.seed`, if the author's modules have `random` or one of its functions; seeding is dear."""
    random = sys.modules.get("random")
    for module in list(sys.modules.values()):
        if (getattr(module, "__file__", None) or "/python").startswith(("/python", "/bundled", "/world")):
            continue
        for value in list(vars(module).values()):
            if random is not None and (value is random or getattr(value, "__self__", None) is random._inst):
                return random.seed
    return None


def _refusal(message):
    def refuse(*_, **__):
        # OSError, because the standard library expects it of the functions that are replaced.
        raise PermissionError(message)

    return refuse


def _with_a_time(function, count):
    def convert(*arguments):
        if len(arguments) < count or arguments[count - 1] is None:
            raise PermissionError(_NO_CLOCK)
        return function(*arguments)

    return convert


def _want_seeds(generator):
    seed = generator.seed

    def seed_with_something(self, a=None, version=2):
        if a is None:
            raise PermissionError(f"{_NO_RANDOM}: give a seed")
        seed(self, a, version)

    generator.seed = seed_with_something


def _audit(event, arguments):
    if event.startswith(_AUDITED):
        raise ImportError(f"{arguments[0]}: {_NO_IMPORT}") if event == "import" else PermissionError(_NO_SYSTEM)
