//! Texts of a form that a standard describes.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Broken, Check, Text};

/// A form that `format = "…"` may name.
pub struct Format {
    /// As JSON Schema has it.
    pub name: &'static str,
    code: &'static str,
    says: &'static str,
    matches: fn(&str) -> bool,
}

/// An address as a browser's form takes it (HTML's "valid e-mail address").
pub const EMAIL: Format =
    Format { name: "email", code: "value_error", says: "must be an e-mail address", matches: is_email };
/// A host's name (RFC 1123, 2.1): labels of letters, digits and hyphens with points between.
pub const HOSTNAME: Format =
    Format { name: "hostname", code: "value_error", says: "must be a host's name", matches: is_hostname };
/// A UUID (RFC 9562), also without hyphens, or with them in braces or behind `urn:uuid:`.
pub const UUID: Format =
    Format { name: "uuid", code: "uuid_parsing", says: "must be a UUID", matches: is_uuid };
/// An absolute URI (RFC 3986, 3): with a scheme, and nothing but what it allows; without its addresses of the future
/// (`IPvFuture`).
pub const URI: Format = Format {
    name: "uri",
    code: "url_parsing",
    says: "must be a URI with its scheme, such as https://example.org/a",
    matches: is_uri,
};
/// An IPv4 address in four decimal numbers.
pub const IPV4: Format = Format {
    name: "ipv4",
    code: "ip_v4_address",
    says: "must be an IPv4 address, such as 192.0.2.1",
    matches: |text| text.parse::<Ipv4Addr>().is_ok(),
};
/// An IPv6 address (RFC 4291, 2.2), without a zone.
pub const IPV6: Format = Format {
    name: "ipv6",
    code: "ip_v6_address",
    says: "must be an IPv6 address, such as 2001:db8::1",
    matches: |text| text.parse::<Ipv6Addr>().is_ok(),
};

/// Of this form.
#[inline]
pub fn format<T: Text>(value: &T, format: &Format) -> Check {
    match value.text() {
        Some(text) if !(format.matches)(text) => {
            Err(Broken::new(format.code, format.says.to_owned(), "format", &format.name))
        }
        _ => Ok(()),
    }
}

/// As many octets as the DNS has room for (RFC 1035, 2.3.4).
const HOSTNAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

fn is_email(text: &str) -> bool {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && local.bytes().all(is_local) && is_hostname(domain)
    })
}

fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= HOSTNAME_BYTES_MAX && text.split('.').all(is_label)
}

fn is_uuid(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let braced = || text.strip_prefix('{')?.strip_suffix('}');
    let hyphenated = text.strip_prefix("urn:uuid:").or_else(braced).unwrap_or(text);
    let is_hyphenated =
        hyphenated.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && hyphenated.split('-').all(digits);
    is_hyphenated || (text.len() == 32 && digits(text))
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_hierarchy = match hierarchy.strip_prefix("//") {
        None => is_made_of(hierarchy, b":@/"),
        Some(hierarchy) => {
            let end = hierarchy.find('/').unwrap_or(hierarchy.len());
            is_authority(&hierarchy[..end]) && is_made_of(&hierarchy[end..], b":@/")
        }
    };
    is_scheme && is_hierarchy && is_made_of(query, b":@/?") && is_made_of(fragment, b":@/?")
}

/// RFC 3986, 3.2.
fn is_authority(text: &str) -> bool {
    let (user, host_and_port) = text.rsplit_once('@').unwrap_or(("", text));
    let (is_host, port) = match host_and_port.strip_prefix('[') {
        Some(literal) => {
            let (address, rest) = literal.split_once(']').unwrap_or((literal, "no end"));
            (address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || rest.starts_with(':')), rest)
        }
        None => {
            let end = host_and_port.find(':').unwrap_or(host_and_port.len());
            (is_made_of(&host_and_port[..end], b""), &host_and_port[end..])
        }
    };
    is_made_of(user, b":") && is_host && port.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

/// Unreserved characters, sub-delims, octets in percent-encoding, and these.
fn is_made_of(text: &str, others: &[u8]) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || others.contains(&byte)
    };
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => is_plain(byte),
        };
        if !is_right {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!((format.matches)(text), "{text} is {}", format.name);
        }
        for text in bad {
            assert!(!(format.matches)(text), "{text} is no {}", format.name);
        }
    }

    #[test]
    fn addresses_of_people_and_hosts() {
        let long = "a".repeat(63);
        check(
            &EMAIL,
            &["a@b", "first.last+tag@mail.example.org", "!#$%&'*+/=?^_`{|}~-.@a-b.c"],
            &["", "a", "@b", "a@", "a@b@c", "a b@c", "a@-b.c", "a@b-.c", "a@b..c", "ä@b.c", "a@b.c "],
        );
        check(
            &HOSTNAME,
            &["a", "a.b", "3com.com", &long, &format!("{long}.{long}.{long}.{}", &long[..61])],
            &[
                "",
                ".",
                "a.",
                "a_b",
                "-a",
                "a-",
                "ä",
                &format!("{long}a"),
                &format!("{long}.{long}.{long}.{}", &long[..62]),
            ],
        );
        check(&IPV4, &["0.0.0.0", "192.0.2.255"], &["", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "::1"]);
        check(
            &IPV6,
            &["::", "2001:db8::1", "::ffff:192.0.2.1"],
            &["", "1.2.3.4", ":::", "[::1]", "fe80::1%eth0", "1:2:3:4:5:6:7"],
        );
    }

    #[test]
    fn uuids_in_their_four_forms() {
        let plain = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let bare = plain.replace('-', "");
        check(
            &UUID,
            &[plain, &plain.to_uppercase(), &bare, &format!("{{{plain}}}"), &format!("urn:uuid:{plain}")],
            &[
                "",
                &format!("urn:uuid:{{{plain}}}"),
                &format!("{{{bare}}}"),
                &format!("urn:uuid:{bare}"),
                "x",
                &plain[1..],
                &format!("{plain}0"),
                &format!("{{{plain}"),
                &plain.replace('-', "_"),
                &bare[1..],
                &format!("g{}", &bare[1..]),
                "67e5504410-b1-426f-9247-bb680e5fe0c8",
            ],
        );
    }

    #[test]
    fn uris_have_a_scheme_and_nothing_that_would_have_to_be_encoded() {
        let good = [
            "https://example.org",
            "https://user:pass@example.org:8443/a/b?c=d&e=%20#f?/g",
            "mailto:a@example.org",
            "urn:isbn:0451450523",
            "ftp://[2001:db8::7]:21/a",
            "file:///etc/hosts",
            "a:",
            "http://a:/",
            "tel:+1-816-555-1212",
        ];
        let bad = [
            "",
            "example.org",
            "//example.org/a",
            "1a://b",
            ":a",
            "http://a b",
            "http://a/%2",
            "http://a/%zz",
            "http://ä",
            "http://[::1",
            "http://[::1]a",
            "http://[x]",
            "http://a:b",
            "http://a/[",
            "http://a#b#c",
            "http://a/\"",
            "http://a@b@c",
        ];
        check(&URI, &good, &bad);
    }
}
