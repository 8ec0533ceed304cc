"""Makes the inputs of the differential: every field with every boundary value, then random ones by seed."""

import itertools
import random
import struct
from collections.abc import Iterator

from values import BROKEN, EPOCHS, ESCAPED, LITERALS, NUMBERS, SPELLINGS, STRINGS, TEXTS, TIMES, TOKENS

# A valid value for each field, as it stands in the record.
VALID = {
    "financial": {
        "transaction_id": '"TX-1"',
        "timestamp": '"2026-01-15T10:30:00Z"',
        "account_id": '"ACC-7"',
        "amount": "125.5",
        "currency": '"EUR"',
        "transaction_type": '"purchase"',
        "merchant_id": '"M-9"',
        "category": '"groceries"',
    },
    "insurance": {
        "claim_id": '"CL-1"',
        "timestamp": '"2026-01-15T10:30:00Z"',
        "policy_number": '"POL-7"',
        "claim_amount": "1250.0",
        "claim_type": '"collision"',
        "claim_status": '"submitted"',
        "customer_id": '"CU-3"',
        "incident_date": '"2026-01-10T08:00:00Z"',
    },
}

_CONVERTED = {"timestamp", "incident_date", "currency"}
# The nesting Pydantic's parser takes; containers with nothing in them do not count.
_DEPTH_MAX = 200
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Characters that matter somewhere in a text that is to be converted.
_ALPHABET = '0123456789 +-_.,:eETtZz\u2212\u2013\u0661\u00a0\u0000\n/"\\xXnaifINy€😀'
# Characters that matter somewhere in JSON.
_JSON_ALPHABET = '{}[]",:\\/ \t\n\r0123456789eE+-.truefalsnNIy\u0000\u001f\u007f\u00a0\ufeff€😀'

Fields = list[tuple[str, str]]
Input = tuple[str, str]


def quote(text: str) -> str:
    """Writes a text as JSON, with no escape that is not needed."""
    return '"' + "".join(_SHORT_ESCAPES.get(c) or (c if c >= " " else f"\\u{ord(c):04x}") for c in text) + '"'


def record(fields: Fields) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in fields) + "}"


def boundary_values() -> list[str]:
    return [*LITERALS, *NUMBERS, *EPOCHS, *ESCAPED, *BROKEN, *TOKENS, *SPELLINGS, *map(quote, TEXTS)]


def systematic() -> Iterator[Input]:
    """Every field with every boundary value, alone and with others, and every way a record can be broken."""
    for model, valid in VALID.items():
        yield from ((model, body) for body in _fields(valid))
        yield from ((model, body) for body in _keys(valid))
        yield from ((model, body) for body in _roots(record(list(valid.items()))))
        yield from ((model, body) for body in _depths(valid))


def _fields(valid: dict[str, str]) -> Iterator[str]:
    values = boundary_values()
    for name, value in itertools.product(valid, values):
        yield record([*(valid | {name: value}).items()])
    for value in values:
        yield record([(name, value) for name in valid])
        yield record([*valid.items(), ("unknown", value)])
        yield record([("unknown", f'[{{"a":{value}}}]'), *valid.items()])


def _keys(valid: dict[str, str]) -> Iterator[str]:
    """Missing, repeated, renamed and reordered keys."""
    whole = list(valid.items())
    for size in range(len(whole) + 1):
        yield from (record(list(some)) for some in itertools.combinations(whole, size))
    for name, value in whole:
        rest = [field for field in whole if field[0] != name]
        for one, other in itertools.product([value, "null", "[]", "true", "-1", '"x"'], repeat=2):
            yield record([(name, one), *rest, (name, other)])
        escaped = "".join(f"\\u{ord(c):04x}" for c in name)
        for key in [
            escaped,
            escaped[:6] + name[1:],
            name.upper(),
            name + " ",
            " " + name,
            name[:-1],
            name + "\\u0000",
            name.replace("_", "-"),
            "/" + name,
        ]:
            yield record([(key, value), *rest])
            yield record([(name, "[]"), (key, value), *rest])
    yield record(whole[::-1])
    yield record([("", "1"), ("~", "{}"), ("a/b", "[]"), *whole, *whole])
    yield record([*whole, *((f"unknown_{n}", str(n)) for n in range(2_000))])


def _roots(whole: str) -> Iterator[str]:
    """Records that are no objects, or not only one, or not quite one."""
    yield from boundary_values()
    for around in [
        "",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\u00a0",
        "\u000b",
        "\u000c",
        "\ufeff",
        "\u0000",
        "x",
        ",",
        "{}",
        "[]",
        "}",
        "//",
    ]:
        yield around + whole
        yield whole + around
    for end in range(len(whole)):
        yield whole[:end]
    yield from (f"[{whole}]", whole * 2, quote(whole), whole.replace(":", " : ").replace(",", "\n,\t"))


def _depths(valid: dict[str, str]) -> Iterator[str]:
    whole = list(valid.items())
    for depth in [1, 2, 100, *range(_DEPTH_MAX - 4, _DEPTH_MAX + 4), 1_000]:
        for opening, closing in [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")]:
            times = depth // (2 if closing == "}]" else 1)
            for core in ["", "1", "[]", "{}", "[1]", "]"]:
                nest = opening * times + core + closing * times
                yield nest
                yield record([*whole, ("unknown", nest)])
                yield record([(whole[0][0], nest), *whole[1:]])
                yield record([*whole, ("siblings", "[" + ",".join(["[[]]"] * 3) + "]"), ("unknown", nest)])


class Random:
    """Random inputs. The same seed gives the same ones on every machine."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.boundary_values = boundary_values()

    def input(self) -> Input:
        rng = self.random
        model = rng.choice(list(VALID))
        makers = [self.one_field, self.all_fields, self.mutated_record, self.shape, self.soup]
        return model, rng.choices(makers, [50, 25, 15, 7, 3])[0](VALID[model])

    def one_field(self, valid: dict[str, str]) -> str:
        # What converts deserves more than what is only looked at.
        weights = [4 if "amount" in name or name in _CONVERTED else 1 for name in valid]
        [name] = self.random.choices(list(valid), weights)
        return record([*(valid | {name: self.value()}).items()])

    def all_fields(self, valid: dict[str, str]) -> str:
        """A record of fields that may be anything, in any order, some missing, repeated or unknown."""
        rng = self.random
        share = rng.random()
        fields = [(name, self.value() if rng.random() < share else value) for name, value in valid.items()]
        fields = [field for field in fields if rng.random() < 0.9]
        while rng.random() < 0.3:
            name = rng.choice([*valid, "unknown", "", "Amount"])
            fields.append((name, self.value()))
        if rng.random() < 0.5:
            rng.shuffle(fields)
        return "{" + ",".join(self.member(name, value) for name, value in fields) + "}" + self.space()

    def member(self, name: str, value: str) -> str:
        key = self.quote(name) if self.random.random() < 0.1 else f'"{name}"'
        return self.space() + key + self.space() + ":" + self.space() + value + self.space()

    def space(self) -> str:
        return self.random.choice([" ", "\n", "\t\r ", "  "]) if self.random.random() < 0.1 else ""

    def mutated_record(self, valid: dict[str, str]) -> str:
        body = self.one_field(valid) if self.random.random() < 0.5 else record(list(valid.items()))
        return self.mutate(body, _JSON_ALPHABET)

    def shape(self, valid: dict[str, str]) -> str:
        rng = self.random
        core = self.value() if rng.random() < 0.5 else record(list(valid.items()))
        levels = rng.choice([1, 2, 3, rng.randrange(_DEPTH_MAX - 6, _DEPTH_MAX + 6)])
        pairs = rng.choices(
            [("[", "]"), ("[1,", "]"), ('{"a":', "}"), ('{"b":[],"a":', ',"c":{}}')], k=levels
        )
        nest = "".join(p[0] for p in pairs) + core + "".join(p[1] for p in reversed(pairs))
        if rng.random() < 0.3:
            return nest
        return record([*(valid | {rng.choice([*valid, "unknown"]): nest}).items()])

    def soup(self, _: dict[str, str]) -> str:
        rng = self.random
        pieces = [
            *"{}[],:",
            '"amount"',
            '"timestamp"',
            '"currency"',
            '"a"',
            "1",
            "null",
            "true",
            "-",
            "1e5",
            " ",
        ]
        return "".join(rng.choices(pieces, k=rng.randrange(30)))

    def value(self) -> str:
        """A value as it stands in a record, mostly valid JSON."""
        rng = self.random
        drawn = rng.random()
        if drawn < 0.15:
            return rng.choice(self.boundary_values)
        if drawn < 0.25:
            return rng.choice([*LITERALS, *TOKENS])
        if drawn < 0.5:
            return self.number()
        return self.quote(self.text()) if rng.random() < 0.3 else quote(self.text())

    def text(self) -> str:
        rng = self.random
        drawn = rng.random()
        if drawn < 0.2:
            return self.time()
        if drawn < 0.3:
            return self.number()
        if drawn < 0.55:
            return self.mutate(self.time(), _ALPHABET)
        if drawn < 0.7:
            return self.mutate(self.number(), _ALPHABET)
        if drawn < 0.95:
            return self.mutate(rng.choice([*SPELLINGS, *TIMES, *EPOCHS, *STRINGS[:-1]]), _ALPHABET)
        return "".join(rng.choices(_ALPHABET, k=rng.randrange(12)))

    def time(self) -> str:
        """A date and time, in a fifth of its parts just out of bounds."""
        rng = self.random

        def part(low: int, high: int) -> str:
            return f"{rng.choice([low - 1, high + 1]) if rng.random() < 0.04 else rng.randint(low, high):02}"

        year = rng.choice(["2026", "0001", "9999", "0000", f"{rng.randrange(10_000):04}"])
        text = f"{year}-{part(1, 12)}-{part(1, rng.choice([28, 28, 31]))}"
        if rng.random() < 0.1:
            return text
        text += rng.choice("TTt _") + f"{part(0, 23)}:{part(0, 59)}"
        if rng.random() < 0.8:
            text += f":{part(0, 59)}"
            if rng.random() < 0.5:
                text += rng.choice("..,") + "".join(rng.choices("0123456789", k=rng.randrange(11)))
        offset = rng.choice("+-\u2212") + part(0, 23) + rng.choice([":", ""]) + part(0, 59)
        return text + rng.choice(["", "Z", "z", "-00:00", offset, offset])

    def number(self) -> str:
        """A number in JSON's syntax, of any size, often near a boundary."""
        rng = self.random
        drawn = rng.random()
        if drawn < 0.3:
            return rng.choice([*NUMBERS, *EPOCHS])
        if drawn < 0.45:
            return str(rng.randrange(-(10 ** rng.randrange(1, 25)), 10 ** rng.randrange(1, 25)))
        if drawn < 0.6:
            fraction = rng.choice(
                ["", ".0", ".5", ".9999999", ".000001", ".0004", ".99996", ".0005", ".4999999999"]
            )
            return str(int(float(rng.choice(EPOCHS))) + rng.randint(-3, 3)) + fraction
        if drawn < 0.8:
            double = struct.unpack("<d", rng.randbytes(8))[0]
            return repr(double).replace("inf", "1e999").replace("nan", "1e-999")
        exponent = rng.choice(["", "", "", f"e{rng.randrange(-20, 20)}", f"E+{rng.randrange(330)}"])
        digits = "".join(rng.choices("0123456789", k=rng.randrange(1, 12)))
        return f"{rng.choice(['', '-'])}{rng.randrange(10 ** rng.randrange(1, 16))}.{digits}{exponent}"

    def mutate(self, text: str, alphabet: str) -> str:
        """Inserts, deletes, replaces, cuts off or repeats, mostly once."""
        rng = self.random
        chars = list(text)
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
            drawn, at = rng.random(), rng.randrange(len(chars) + 1)
            if drawn < 0.3:
                chars.insert(at, rng.choice(alphabet))
            elif drawn < 0.5:
                del chars[at : at + 1]
            elif drawn < 0.85:
                chars[at : at + 1] = rng.choice(alphabet)
            elif drawn < 0.93:
                del chars[at:]
            elif len(chars) < 1_000:
                chars[at:at] = chars[at // 2 : at]
        return "".join(chars)

    def quote(self, text: str) -> str:
        """Writes a text as JSON, its characters escaped or not by chance."""
        return '"' + "".join(map(self.escape, text)) + '"'

    def escape(self, char: str) -> str:
        if self.random.random() < 0.3:
            units = char.encode("utf-16-be")
            pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
            return "".join("\\u" + (pair.upper() if self.random.random() < 0.5 else pair) for pair in pairs)
        return quote(char)[1:-1]


def inputs(seed: int, count: int) -> Iterator[Input]:
    """As many different inputs: the systematic ones in an order drawn from the seed, then random ones."""
    first = list(systematic())
    random.Random(seed).shuffle(first)
    drawn = Random(seed)
    seen = set()
    for one in itertools.chain(first, iter(drawn.input, None)):
        if len(seen) >= count:
            return
        if one not in seen:
            seen.add(one)
            yield one
