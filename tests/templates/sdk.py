"""The Python template's SDK beside real Pydantic, whose outcomes are in tests/pydantic/scalars.tsv.

python3 tests/templates/sdk.py
"""

import json
import pathlib
import sys
import unittest
from datetime import date, datetime, timedelta, timezone

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples/templates/python"))

from sluicegate import Field, Plugin, Record
from sluicegate.form import FORMATS
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
        zoned = value.replace(tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc) - (offset or timedelta())
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
                # A time without an offset is taken as UTC.
                self.assertEqual(judged("moment", value), f"{moment[:-1]}0" if moment.endswith(" -") else moment)
                self.assertEqual(judged("day", value), day)

    def test_other_values_are_of_the_wrong_type(self):
        for value in ("true", "[]", "{}"):
            self.assertEqual((judged("moment", value), judged("day", value)), ("datetime_type", "date_type"))

    def test_the_schema_says_what_it_is(self):
        properties = When.schema()["properties"]
        self.assertEqual(properties["moment"], {"type": ["string", "null"], "format": "date-time"})
        self.assertEqual(properties["day"], {"type": ["string", "null"], "format": "date"})


GOOD = {
    "email": ["a@b", "first.last+tag@mail.example.org", "!#$%&'*+/=?^_`{|}~-.@a-b.c"],
    "hostname": ["a", "a.b", "3com.com", "a" * 63],
    "ipv4": ["0.0.0.0", "192.0.2.255"],
    "ipv6": ["::", "2001:db8::1", "::ffff:192.0.2.1"],
    "uuid": [
        "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "67E5504410B1426F9247BB680E5FE0C8",
        "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
    ],
    "uri": [
        "https://example.org", "https://user:pass@example.org:8443/a/b?c=d&e=%20#f?/g", "mailto:a@example.org",
        "urn:isbn:0451450523", "ftp://[2001:db8::7]:21/a", "file:///etc/hosts", "a:", "http://a:/", "tel:+1-816-555-1212",
    ],
}
BAD = {
    "email": ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@-b.c", "a@b-.c", "a@b..c", "ä@b.c", "a@b.c ", "a@b.c\n"],
    "hostname": ["", ".", "a.", "a_b", "-a", "a-", "ä", "a" * 64, ".".join(["a" * 63] * 4), "a\n"],
    "ipv4": ["", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "::1"],
    "ipv6": ["", "1.2.3.4", ":::", "[::1]", "fe80::1%eth0", "1:2:3:4:5:6:7"],
    "uuid": [
        "", "x", "urn:uuid:{67e55044-10b1-426f-9247-bb680e5fe0c8}", "{67e5504410b1426f9247bb680e5fe0c8}",
        "{67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044-10b1-426f-9247-bb680e5fe0c8}",
        "67e55044-10b1-426f-9247-bb680e5fe0c80", "67e55044_10b1_426f_9247_bb680e5fe0c8",
    ],
    "uri": [
        "", "example.org", "//example.org/a", "1a://b", ":a", "http://a b", "http://a/%2", "http://a/%zz", "http://ä",
        "http://[::1", "http://[::1]a", "http://[x]", "http://a:b", "http://a/[", "http://a#b#c", 'http://a/"', "http://a@b@c",
    ],
}


class Formats(unittest.TestCase):
    """The same texts as in the tests of the Rust SDK's formats."""

    def test_each_format_takes_what_it_should(self):
        for name, texts in GOOD.items():
            for text in texts:
                self.assertTrue(FORMATS[name].matches(text), f"{text!r} is {name}")
        for name, texts in BAD.items():
            for text in texts:
                self.assertFalse(FORMATS[name].matches(text), f"{text!r} is no {name}")

    def test_a_long_text_takes_no_long_time(self):
        for form in FORMATS.values():
            for text in ("a" * 1_000_000, "a." * 500_000, "http://" + "a:" * 500_000, "a:" + "%20" * 300_000):
                form.matches(text)

    def test_a_format_is_a_rule(self):
        class Contact(Record):
            email: str = Field(format="email")

        _, faults = reader(Contact)('{"email": "a"}')
        self.assertEqual([(one.pointer, one.code, one.message) for one in faults], [("/email", "value_error", "must be an e-mail address")])
        self.assertEqual(Contact.schema()["properties"]["email"], {"type": "string", "format": "email"})
        with self.assertRaisesRegex(TypeError, "there is no format 'iban': use one of email, hostname"):
            Field(format="iban")


class Settings(unittest.TestCase):
    def test_a_value_that_cannot_be_read_is_told_when_the_plugin_is_loaded(self):
        plugin = Plugin("a", version="1.0.0")
        limit = plugin.setting("limit", "What it is", "5", type=int)
        self.assertEqual(limit.get(), 5)
        limit.read = {"limit": "soon"}.get
        with self.assertRaisesRegex(ValueError, "the setting limit cannot be 'soon': invalid literal for int"):
            limit.check()
        with self.assertRaisesRegex(ValueError, "the setting other cannot be 'x'"):
            plugin.setting("other", "Wrong from the start", "x", type=float)


class Labelled(Record):
    labels: dict[str, int] = Field(min_length=1, max_length=2)


class Defaulted(Record):
    labels: dict[str, int] = Field(default={})


class Maps(unittest.TestCase):
    def test_a_default_is_each_records_own(self):
        for _ in range(2):
            record, _ = reader(Defaulted)("{}")
            self.assertEqual(record.labels, {})
            record.labels["a"] = 1

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
