"""Writes down what Pydantic makes of single values, for the SDK's unit tests to compare themselves with.

    pip install -r requirements.txt
    python scalars.py            # is scalars.tsv what this Pydantic makes?
    python scalars.py --write    # make it so

The models' verdicts tell whether a value is taken, but not what it becomes, and no sample plugin has an integer,
a boolean or a date. `scalars.tsv` has a line for each input: how it is written (n: as JSON number, s: as text,
x: as text in hexadecimal UTF-8), the input, then for each type the value or Pydantic's error type.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from inputs import Random, quote
from values import BROKEN, EPOCHS, LITERALS, NUMBERS, TEXTS, TOKENS

FILE = Path(__file__).with_name("scalars.tsv")
RANDOM_COUNT = 1_000
SEED = 1
# Enough for integers longer than Python reads, and no more.
INPUT_CHARS_MAX = 5_000
# What stands for a boolean, and the one spelling of an integer that nobody would guess.
WORDS = ["T", "f", "Y", "n", "YES", "no", "oN", "Off", "tRUE", "False", " true", "ye", "0-5", "-0-5", "0-05"]
# Integers as long as Python reads and longer, in spellings that are tidied first.
WORDS += [before + "1" * count for before in [" ", "+", "1_", "0", "0-"] for count in [4_299, 4_300, 4_301]]
# Where Python's integers go on, the SDK's end, and it answers as Pydantic does for floats beyond them.
INTEGERS = range(-(2**63), 2**63)
TYPES = {
    "float": TypeAdapter(Annotated[float, Field(allow_inf_nan=False)]),
    "integer": TypeAdapter(int),
    "boolean": TypeAdapter(bool),
    "datetime": TypeAdapter(datetime),
    "date": TypeAdapter(date),
}


def shown(value: float | int | bool | datetime | date) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value) if value in INTEGERS else "int_parsing_size"
        case float():
            return repr(value)
        case datetime():
            offset = value.utcoffset()
            zoned = value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC) - (offset or timedelta())
            micros = zoned // timedelta(microseconds=1)
            return f"{micros} {'-' if offset is None else offset // timedelta(seconds=1)}"
        case date():
            return value.isoformat()


def converted(adapter: TypeAdapter, written: str) -> str:
    try:
        value = adapter.validate_json(written)
    except ValidationError as error:
        [detail] = error.errors(include_url=False)
        return detail["type"]
    return shown(float(value) if adapter is TYPES["float"] else value)


def inputs() -> Iterator[tuple[str, str]]:
    """Each input once, as (how, what)."""
    drawn = Random(SEED)
    numbers = [*NUMBERS, *EPOCHS, *(drawn.number() for _ in range(RANDOM_COUNT))]
    texts = [*TEXTS, *WORDS, *LITERALS, *BROKEN, *TOKENS, *(drawn.text() for _ in range(RANDOM_COUNT))]
    yield from dict.fromkeys(("n", number) for number in numbers)
    yield from dict.fromkeys(("s", text) for text in texts if len(text) < INPUT_CHARS_MAX)


def lines() -> Iterator[str]:
    yield "\t".join(["# how", "input", *TYPES])
    for how, what in inputs():
        written = what if how == "n" else quote(what)
        results = [converted(adapter, written) for adapter in TYPES.values()]
        if "json_invalid" in results:
            continue
        if not what.isprintable():
            how, what = "x", what.encode().hex()
        yield "\t".join([how, what, *results])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write scalars.tsv anew")
    text = "".join(line + "\n" for line in lines())
    if parser.parse_args().write:
        FILE.write_text(text, encoding="utf-8", newline="\n")
    elif FILE.read_text(encoding="utf-8") != text:
        print(f"{FILE} is not what this Pydantic and values.py make: read the changes of scalars.py --write")
        return 1
    print(f"{text.count(chr(10)) - 1} inputs for {len(TYPES)} types")
    return 0


if __name__ == "__main__":
    sys.exit(main())
