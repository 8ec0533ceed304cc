"""Compares the sample plugins' verdicts with Pydantic's, input by input.

    pip install -r requirements.txt
    python differential.py --seed 1 --count 60000 --verdicts path/to/verdicts

The command under test reads lines {"model": "financial" | "insurance", "body": "<the record's text>"} and
answers each with a line {"verdict": "accept" | "reject", "violations": [[pointer, code], ...]}. Its verdict and
the multiset of its violations must be Pydantic's. One difference is wanted: where a record has a NaN, Infinity
or -Infinity that is no text, which Pydantic reads although JSON knows none, the command must answer
`json_invalid` and nothing else.

Exits 0 only if enough inputs were compared, none differed, and every violation that a field can have occurred.
What a value becomes once it is taken is compared through scalars.py.
"""

import argparse
import contextlib
import json
import re
import shlex
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pydantic
from annotated_types import MaxLen

from inputs import Input, inputs
from models import MODELS

COMPARED_MIN = 20_000
SHOWN_MAX = 20
EXCERPT_CHARS_MAX = 400
ROOT_CODES = {"json_invalid", "model_type"}
CODES = {
    str: {"string_type"},
    str | None: {"string_type"},
    float: {"float_type", "float_parsing", "finite_number", "greater_than"},
    datetime: {"datetime_type", "datetime_parsing", "datetime_from_date_parsing"},
}

Verdict = tuple[str, list[tuple[str, str]]]
Coverage = Counter[tuple[str, str, str]]
JSON_INVALID: Verdict = ("reject", [("", "json_invalid")])


def possible() -> set[tuple[str, str, str]]:
    """Every (model, pointer, code) that must occur, from the models themselves; `accept` stands at the root."""
    every = set()
    for model, fields in ((name, model.model_fields) for name, model in MODELS.items()):
        every |= {(model, "", code) for code in ROOT_CODES | {"accept"}}
        for name, field in fields.items():
            codes = set(CODES[field.annotation])
            if field.is_required():
                codes.add("missing")
            if any(isinstance(rule, MaxLen) for rule in field.metadata):
                codes.add("string_too_long")
            every |= {(model, f"/{name}", code) for code in codes}
    return every


def judge(model: str, body: str) -> Verdict:
    """Pydantic's verdict."""
    try:
        MODELS[model].model_validate_json(body)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return "reject", sorted((pointer(detail["loc"]), detail["type"]) for detail in details)
    return "accept", []


def pointer(location: tuple[str | int, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)


def has_token(body: str) -> bool:
    """Whether a NaN, Infinity or -Infinity stands where a value is due, found without Pydantic."""
    if "NaN" not in body and "Infinity" not in body:
        return False
    found = []
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(body, parse_constant=found.append, parse_int=str, parse_float=str)
    return bool(found)


class Broken(Exception):
    """The command under test does not keep to the protocol."""


def verdicts(command: str, every: list[Input]) -> Iterator[Verdict]:
    """What the command answers, in the inputs' order; raises `Broken` for too little, too much and nonsense."""
    try:
        child = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except OSError as error:
        raise Broken(f"cannot be started: {error}") from error
    feeder = threading.Thread(target=feed, args=(child.stdin, every))
    feeder.start()
    try:
        for number, (_, body) in enumerate(every, 1):
            line = child.stdout.readline()
            try:
                answer = json.loads(line)
                yield answer["verdict"], sorted((at, code) for at, code in answer["violations"])
            except (ValueError, KeyError, TypeError) as error:
                raise Broken(f"answered {line[:200]!r} to input {number}, {excerpt(body)}") from error
        rest = child.stdout.read()
        if child.wait() != 0 or rest:
            raise Broken(f"ended with {child.returncode} and said {rest[:200]!r} after the last answer")
    finally:
        child.kill()
        child.stdout.close()
        feeder.join()
        child.wait()


def feed(stdin: BinaryIO, every: list[Input]) -> None:
    try:
        with stdin:
            for model, body in every:
                stdin.write(json.dumps({"model": model, "body": body}, ensure_ascii=False).encode() + b"\n")
    except BrokenPipeError:
        pass  # The command ended early, which whoever waits for its answers notices and tells.


def excerpt(body: str) -> str:
    """The input on one line, without what makes it long."""
    shown = re.sub(
        r"(.{1,6}?)\1{19,}", lambda run: f"{run[1]}⟨{len(run[0]) // len(run[1])} times⟩", body, flags=re.S
    )
    if len(shown) > EXCERPT_CHARS_MAX:
        half = EXCERPT_CHARS_MAX // 2
        shown = f"{shown[:half]}⟨…⟩{shown[-half:]}"
    return f"{shown!r} ({len(body)} characters)"


def wanted(every: list[Input]) -> tuple[list[Verdict], Coverage, int]:
    """The verdicts the inputs must get, how often each violation occurs, and how many are not Pydantic's."""
    verdicts, coverage, tolerated = [], Counter(), 0
    for model, body in every:
        verdict = judge(model, body)
        coverage.update((model, at, code) for at, code in verdict[1] or [("", "accept")])
        if has_token(body) and verdict != JSON_INVALID:
            tolerated += 1
            verdict = JSON_INVALID
        verdicts.append(verdict)
    return verdicts, coverage, tolerated


def compare(command: str, every: list[Input], expected: list[Verdict]) -> int:
    """Shows the first differences and returns how many inputs differ."""
    differences = 0
    for (model, body), want, got in zip(every, expected, verdicts(command, every), strict=True):
        if want == got:
            continue
        differences += 1
        if differences <= SHOWN_MAX:
            print(f"DIFFERENT {model} {excerpt(body)}\n  wanted {want}\n  got    {got}")
    return differences


def complaints(every: list[Input], coverage: Coverage, tolerated: int) -> Iterator[str]:
    """What keeps this run from proving anything, whatever was answered."""
    if len(every) < COMPARED_MIN:
        yield f"only {len(every)} inputs, at least {COMPARED_MIN} are needed: raise --count"
    for model, at, code in sorted(possible() - set(coverage)):
        yield f"{code} never occurred at {at or 'the root'} of {model}: raise --count, or add to values.py"
    for model, at, code in sorted(set(coverage) - possible()):
        yield f"{code} at {at or 'the root'} of {model} is Pydantic's, but not in CODES here: add it"
    if tolerated == 0:
        yield "no literal NaN or Infinity occurred: raise --count"
    pinned = re.search(
        r"^pydantic==(\S+)$", Path(__file__).with_name("requirements.txt").read_text(), re.MULTILINE
    )
    if pinned is None or pinned[1] != pydantic.VERSION:
        yield f"this is Pydantic {pydantic.VERSION}, another one is pinned: pip install -r requirements.txt"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="what the inputs are drawn from (1)")
    parser.add_argument(
        "--count", type=int, default=60_000, help="how many different inputs to compare (60000)"
    )
    parser.add_argument("--verdicts", metavar="COMMAND", help="what judges with the rules compiled natively")
    parser.add_argument(
        "--wasm", metavar="COMMAND", help="what judges with the built components, by the same protocol"
    )
    parsed = parser.parse_args()
    if not (parsed.verdicts or parsed.wasm):
        parser.error("nothing to compare with Pydantic: name a command with --verdicts or --wasm")
    return parsed


def main() -> int:
    given = arguments()
    every = list(inputs(given.seed, given.count))
    expected, coverage, tolerated = wanted(every)
    print(f"seed {given.seed}: {len(every)} inputs, judged by Pydantic {pydantic.VERSION}")
    by_code = Counter()
    for (_, _, code), times in coverage.items():
        by_code[code] += times
    for code, times in by_code.most_common():
        print(f"  {times:>9} {code}")
    print(f"  {tolerated:>9} json_invalid wanted where Pydantic takes a literal NaN or Infinity")
    failed = False
    for command in filter(None, [given.verdicts, given.wasm]):
        try:
            differences = compare(command, every, expected)
        except Broken as broken:
            print(f"BROKEN {command} {broken}")
            failed = True
            continue
        print(f"{command}: {differences} of {len(every)} inputs differ")
        failed |= differences > 0
    for complaint in complaints(every, coverage, tolerated):
        print(f"INCOMPLETE {complaint}")
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
