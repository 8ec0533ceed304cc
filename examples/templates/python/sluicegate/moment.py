"""Dates and times, read as Pydantic reads them in lax mode, but that a time without an offset is taken as UTC: times with and
without one could not be compared."""

import math
import re
from datetime import date, datetime, timedelta, timezone

# Up to here a number counts seconds, beyond it milliseconds (in seconds 2603, in milliseconds 1970).
SECONDS_MAX = 20_000_000_000
# 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
_EPOCH_MIN, _EPOCH_MAX = -62_167_219_200, 253_402_300_799
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# ISO 8601 prefers the minus sign U+2212 to the hyphen.
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt _](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?([Zz]|[+\-\u2212]\d\d:?\d\d)?)?", re.ASCII
)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_FRACTION = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class Wrong(Exception):
    """What is wrong, as a code."""


def to_datetime(value) -> datetime:
    """Raises `Wrong` with Pydantic's code."""
    if type(value) is str:
        code = "datetime_from_date_parsing"
    elif type(value) in (int, float):
        code = "datetime_parsing"
    else:
        raise Wrong("datetime_type")
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise Wrong("datetime_type")
    try:
        return _read(value)
    except _YearZero:
        raise Wrong("datetime_parsing") from None
    except (ValueError, OverflowError):
        raise Wrong(code) from None


def to_date(value) -> date:
    """Whatever is a date and time, as long as it is a midnight in its own offset. Raises `Wrong` as `to_datetime`."""
    if type(value) not in (str, int, float) or (type(value) is int and not -(2**63) <= value < 2**63):
        raise Wrong("date_type")
    try:
        moment = _read(value)
    except _YearZero as year_zero:
        raise Wrong("date_parsing" if year_zero.is_midnight else "date_from_datetime_inexact") from None
    except (ValueError, OverflowError):
        raise Wrong("date_from_datetime_parsing") from None
    if moment.hour or moment.minute or moment.second or moment.microsecond:
        raise Wrong("date_from_datetime_inexact")
    return moment.date()


class _YearZero(Exception):
    """It would be right, but Python's calendar begins with the year 1."""

    def __init__(self, is_midnight: bool):
        self.is_midnight = is_midnight


def _read(value) -> datetime:
    if type(value) is str:
        try:
            return _from_iso(value)
        except ValueError:
            value = _number(value)
    if type(value) is int:
        if abs(value) <= SECONDS_MAX:
            return _from_epoch(value, 0)
        return _from_epoch(value // 1_000, value % 1_000 * 1_000)
    if not math.isfinite(value):
        raise ValueError
    whole = math.floor(value)
    rest = value - whole
    if abs(value) <= SECONDS_MAX:
        return _from_epoch(whole, _round(rest * 1e6))
    return _from_epoch(whole // 1_000, whole % 1_000 * 1_000 + _round(rest * 1e3))


def _round(value: float) -> int:
    """A half goes up: it is never negative."""
    whole = math.floor(value)
    return whole + (value - whole >= 0.5)


def _number(text: str) -> int | float:
    if _WHOLE.fullmatch(text):
        # Python converts no more than 4,300 digits; no moment has more than 20.
        number = int(text) if len(text) < 4_300 else 0
        if len(text) >= 4_300 or not -(2**63) <= number < 2**63:
            raise ValueError
        return number
    # An exponent alone makes no number here: "1.5e3" is seconds, "15e2" is not.
    if _FRACTION.fullmatch(text):
        return float(text)
    raise ValueError


def _from_epoch(seconds: int, micros: int) -> datetime:
    # A fraction that was rounded up may fill the second.
    seconds += micros // 1_000_000
    if not _EPOCH_MIN <= seconds <= _EPOCH_MAX:
        raise ValueError
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=micros % 1_000_000)
    except OverflowError:
        raise _YearZero(seconds % 86_400 == 0 and micros % 1_000_000 == 0) from None


def _from_iso(text: str) -> datetime:
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    hour, minute, second = int(hour or 0), int(minute or 0), int(second or 0)
    # What is finer than a microsecond is cut off.
    micros = int((fraction or "")[:6].ljust(6, "0"))
    zone = _zone(offset)
    if year == "0000":
        # As in the year 2000, which has the same days.
        datetime(2000, int(month), int(day), hour, minute, second)
        raise _YearZero(not (hour or minute or second or micros))
    return datetime(int(year), int(month), int(day), hour, minute, second, micros, zone)


def _zone(offset: str | None) -> timezone:
    if offset is None or offset in "Zz":
        return timezone.utc
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(span if offset[0] == "+" else -span)
