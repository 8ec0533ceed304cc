use crate::contract::{self, Expectation};

/// A record that shows and proves what a route does. The gateway prints it in the API documentation, and
/// judges it before the plugin goes live.
#[derive(Clone, Copy)]
pub struct Example {
    name: &'static str,
    body: Content,
    attributes: Pairs,
    received_at: Option<u64>,
    parameters: Pairs,
    headers: Pairs,
    caller: Option<&'static str>,
    settings: Pairs,
    expect: Expect,
}

type Pairs = &'static [(&'static str, &'static str)];
type Codes = &'static [&'static str];

#[derive(Clone, Copy)]
enum Content {
    Text(&'static str),
    Bytes(&'static [u8]),
}

#[derive(Clone, Copy)]
enum Expect {
    Accept,
    Warn(Codes),
    Reject(Codes),
    Discard,
}

impl Example {
    /// One that is accepted or split, with whatever warnings.
    pub const fn accept(name: &'static str, body: &'static str) -> Self {
        Self::new(name, body, Expect::Accept)
    }

    /// One that is accepted or split with warnings of exactly these codes, in any order.
    pub const fn warn(name: &'static str, body: &'static str, codes: Codes) -> Self {
        Self::new(name, body, Expect::Warn(codes))
    }

    /// One that is rejected with violations of exactly these codes, in any order.
    pub const fn reject(name: &'static str, body: &'static str, codes: Codes) -> Self {
        Self::new(name, body, Expect::Reject(codes))
    }

    /// One that is valid but not published.
    pub const fn discard(name: &'static str, body: &'static str) -> Self {
        Self::new(name, body, Expect::Discard)
    }

    const fn new(name: &'static str, body: &'static str, expect: Expect) -> Self {
        Self {
            name,
            body: Content::Text(body),
            attributes: &[],
            received_at: None,
            parameters: &[],
            headers: &[],
            caller: None,
            settings: &[],
            expect,
        }
    }

    /// With a body that is no text, in place of the text.
    #[must_use]
    pub const fn bytes(mut self, body: &'static [u8]) -> Self {
        self.body = Content::Bytes(body);
        self
    }

    /// With CloudEvents attributes.
    #[must_use]
    pub const fn attributes(mut self, attributes: Pairs) -> Self {
        self.attributes = attributes;
        self
    }

    /// As received then: milliseconds since 1970, UTC.
    #[must_use]
    pub const fn received_at(mut self, milliseconds: u64) -> Self {
        self.received_at = Some(milliseconds);
        self
    }

    /// With what the `{name}`s of the path stand for.
    #[must_use]
    pub const fn parameters(mut self, parameters: Pairs) -> Self {
        self.parameters = parameters;
        self
    }

    /// With request headers, their names in lower case.
    #[must_use]
    pub const fn headers(mut self, headers: Pairs) -> Self {
        self.headers = headers;
        self
    }

    /// From this caller.
    #[must_use]
    pub const fn caller(mut self, caller: &'static str) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Under these settings; those that are not named have their defaults.
    #[must_use]
    pub const fn settings(mut self, settings: Pairs) -> Self {
        self.settings = settings;
        self
    }

    pub(crate) fn declare(&self) -> contract::Example {
        contract::Example {
            name: self.name.to_owned(),
            item: contract::Item {
                body: match self.body {
                    Content::Text(text) => contract::Body::Text(text.to_owned()),
                    Content::Bytes(bytes) => contract::Body::Bytes(bytes.to_vec()),
                },
                attributes: fields(self.attributes),
            },
            received_at: self.received_at,
            parameters: fields(self.parameters),
            headers: fields(self.headers),
            caller: self.caller.map(str::to_owned),
            settings: fields(self.settings),
            expect: match self.expect {
                Expect::Accept => Expectation::Accept,
                Expect::Warn(codes) => Expectation::Warn(texts(codes)),
                Expect::Reject(codes) => Expectation::Reject(texts(codes)),
                Expect::Discard => Expectation::Discard,
            },
        }
    }
}

pub(crate) fn fields(pairs: &[(&str, &str)]) -> Vec<contract::Field> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
