"""What a plugin is written with. The author need not read it.

`record` reads records and finds what is wrong with them, `plugin` calls the author's rules, `guest` speaks with
the gateway. Only `guest` needs WebAssembly; the other two run in any Python, which is how rules are tested.
"""

from .plugin import Out, Plugin, accept, discard, reject, warn
from .record import Field, Record, Violation

__all__ = ["Field", "Out", "Plugin", "Record", "Violation", "accept", "discard", "reject", "warn"]
