"""Texts of a form that a standard describes, as the Rust SDK takes them."""

import ipaddress
import re
from typing import Callable, NamedTuple

# RFC 1123, 2.1: labels of letters, digits and hyphens with points between; RFC 1035, 2.3.4 for the lengths.
_HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*", re.I | re.A)
_HOSTNAME_LENGTH_MAX = 253
# HTML's "valid e-mail address", as a browser's form takes it.
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+", re.I | re.A)
# RFC 9562, also without hyphens, or with them in braces or behind urn:uuid:.
_H = r"[0-9a-f]"
_UUID = re.compile(
    rf"{_H}{{32}}|(?P<open>\{{|urn:uuid:)?{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}(?P<close>\}})?", re.I | re.A
)
# RFC 3986, 3, without IPvFuture.
_P = r"(?:[a-z0-9\-._~!$&'()*+,;=:@/]|%[0-9a-f]{2})*"
_URI = re.compile(
    r"[a-z][a-z0-9+.\-]*:"
    r"(?://(?:(?:[a-z0-9\-._~!$&'()*+,;=:]|%[0-9a-f]{2})*@)?"
    r"(?:\[(?P<address>[0-9a-f:.]*)\]|(?:[a-z0-9\-._~!$&'()*+,;=]|%[0-9a-f]{2})*)(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    + _P + r"(?:\?" + _P.replace("/]", "/?]") + r")?(?:#" + _P.replace("/]", "/?]") + r")?",
    re.I | re.A,
)


def _is_hostname(text: str) -> bool:
    return len(text) <= _HOSTNAME_LENGTH_MAX and _HOSTNAME.fullmatch(text) is not None


def _is_email(text: str) -> bool:
    local, at, domain = text.partition("@")
    return at == "@" and _LOCAL.fullmatch(local) is not None and _is_hostname(domain)


def _is_uuid(text: str) -> bool:
    # Nothing longer is one.
    found = _UUID.fullmatch(text[:46])
    return found is not None and len(text) <= 45 and (found["open"] == "{") == (found["close"] is not None)


def _is_ipv4(text: str) -> bool:
    return text.isascii() and _is_address(ipaddress.IPv4Address, text)


def _is_ipv6(text: str) -> bool:
    return text.isascii() and "%" not in text and _is_address(ipaddress.IPv6Address, text)


def _is_address(kind, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_uri(text: str) -> bool:
    found = _URI.fullmatch(text)
    return found is not None and (found["address"] is None or _is_ipv6(found["address"]))


class Form(NamedTuple):
    matches: Callable[[str], bool]
    code: str
    says: str


FORMATS = {
    "email": Form(_is_email, "value_error", "must be an e-mail address"),
    "hostname": Form(_is_hostname, "value_error", "must be a host's name"),
    "ipv4": Form(_is_ipv4, "ip_v4_address", "must be an IPv4 address, such as 192.0.2.1"),
    "ipv6": Form(_is_ipv6, "ip_v6_address", "must be an IPv6 address, such as 2001:db8::1"),
    "uri": Form(_is_uri, "url_parsing", "must be a URI with its scheme, such as https://example.org/a"),
    "uuid": Form(_is_uuid, "uuid_parsing", "must be a UUID"),
}
