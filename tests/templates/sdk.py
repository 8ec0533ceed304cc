"""The Python template's SDK beside real Pydantic, whose outcomes are in tests/pydantic/scalars.tsv.

python3 tests/templates/sdk.py
"""

import json
import pathlib
import sys
import unittest
from datetime import UTC, date, datetime, timedelta

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples/templates/python"))

from sluicegate import Field, Plugin, Record
from sluicegate.record import reader

LINES = (HERE.parents[1] / "tests/pydantic/scalars.tsv").read_text(encoding="utf-8").splitlines()[1:]


class When(Record):
    moment: datetime | None = None
    day: date | None = None


def as_json(how: str, text: str) -> str:
    if how == "n":
        return text
    return json.dumps(bytes.fromhex(text).decode() if how == "x" else text)


def shown(value) -> str:
    if isinstance(value, datetime):
        offset = value.utcoffset()
        zoned = value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC) - (offset or timedelta())
        return f"{zoned // timedelta(microseconds=1)} {'-' if offset is None else offset // timedelta(seconds=1)}"
    return value.isoformat()


def judged(member: str, value: str) -> str:
    record, faults = reader(When)(f'{{"{member}": {value}}}')
    return faults[0].code if faults else shown(getattr(record, member))


class Dates(unittest.TestCase):
    def test_every_value_becomes_what_pydantic_makes_of_it(self):
        self.assertGreater(len(LINES), 2_000)
        for line in LINES:
            how, text, _, _, _, moment, day = line.split("\t")
            value = as_json(how, text)
            with self.subTest(line):
                self.assertEqual(judged("moment", value), moment)
                self.assertEqual(judged("day", value), day)

    def test_other_values_are_of_the_wrong_type(self):
        for value in ("true", "[]", "{}"):
            self.assertEqual((judged("moment", value), judged("day", value)), ("datetime_type", "date_type"))

    def test_the_schema_says_what_it_is(self):
        properties = When.schema()["properties"]
        self.assertEqual(properties["moment"], {"type": ["string", "null"], "format": "date-time"})
        self.assertEqual(properties["day"], {"type": ["string", "null"], "format": "date"})


class Labelled(Record):
    labels: dict[str, int] = Field(min_length=1, max_length=2)


class Maps(unittest.TestCase):
    def faults(self, text: str):
        _, faults = reader(Labelled)(f'{{"labels": {text}}}')
        return [(one.pointer, one.code) for one in faults]

    def test_a_map_has_texts_for_its_names_and_values_of_one_type(self):
        record, faults = reader(Labelled)('{"labels": {"a": "1", "__class__": 2}}')
        self.assertEqual((record.labels, faults), ({"a": 1, "__class__": 2}, []))
        self.assertEqual(self.faults("[]"), [("/labels", "dict_type")])
        self.assertEqual(self.faults("{}"), [("/labels", "too_short")])
        self.assertEqual(self.faults('{"a": 1, "b": 2, "c": 3}'), [("/labels", "too_long")])
        self.assertEqual(self.faults('{"a/b": "x", "~": 1.5}'), [("/labels/a~1b", "int_parsing"), ("/labels/~0", "int_from_float")])
        self.assertEqual(
            Labelled.schema()["properties"]["labels"],
            {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer"}},
        )

    def test_other_names_than_texts_are_no_type_of_a_field(self):
        with self.assertRaisesRegex(TypeError, r"there are no fields of type dict\[int, int\]"):

            class Wrong(Record):
                labels: dict[int, int]


if __name__ == "__main__":
    unittest.main()
