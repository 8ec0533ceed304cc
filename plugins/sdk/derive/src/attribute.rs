use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, Lit, LitStr, Meta, Path, Result, Token, parenthesized, token};

/// What `#[field(…)]` says of one field.
#[derive(Default)]
pub struct Options {
    pub id: Option<Ident>,
    pub key: Option<Ident>,
    pub rename: Option<LitStr>,
    pub default: bool,
    pub strict: bool,
    pub measures: Vec<Measure>,
    pub rules: Vec<Rule>,
}

pub enum Rule {
    /// `above`, `min`, `below` or `max`.
    Limit(Ident, Expr),
    /// `min_len` or `max_len`.
    Length(Ident, Expr),
    OneOf(Ident, Vec<LitStr>),
    /// A regular expression, known to be one.
    Pattern(Ident, LitStr),
    /// A form that the SDK knows, by the name of its constant there.
    Format(Ident, Ident),
    /// A function of the value.
    Check(Ident, Expr),
}

/// `METER(field, field)`: what is fed, and the fields that are its attributes.
pub struct Measure {
    pub meter: Path,
    pub attributes: Vec<Ident>,
}

impl Parse for Measure {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let meter = Path::parse_mod_style(input)?;
        let mut attributes = Vec::new();
        if input.peek(token::Paren) {
            let fields;
            parenthesized!(fields in input);
            attributes.extend(Punctuated::<Ident, Token![,]>::parse_terminated(&fields)?);
        }
        Ok(Self { meter, attributes })
    }
}

/// What `#[record(…)]` says of a struct.
#[derive(Default)]
pub struct Whole {
    pub strict: bool,
    pub counts: Vec<Measure>,
}

impl Whole {
    pub fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut whole = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("record")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("strict") {
                    whole.strict = true;
                } else if meta.path.is_ident("count") {
                    whole.counts.push(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("unknown; of a record there are strict and count"));
                }
                Ok(())
            })?;
        }
        Ok(whole)
    }
}

/// The forms of `format = "…"`, each with the name of its constant in the SDK.
const FORMATS: [(&str, &str); 6] = [
    ("email", "EMAIL"),
    ("hostname", "HOSTNAME"),
    ("ipv4", "IPV4"),
    ("ipv6", "IPV6"),
    ("uri", "URI"),
    ("uuid", "UUID"),
];

impl Options {
    pub fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| options.add(&meta))?;
        }
        Ok(options)
    }

    /// Nothing is said but a name.
    pub fn is_only_named(&self) -> bool {
        self.id.is_none()
            && self.key.is_none()
            && !self.default
            && !self.strict
            && self.measures.is_empty()
            && self.rules.is_empty()
    }

    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(name) = meta.path.get_ident().cloned() else { return Err(meta.error(UNKNOWN)) };
        match name.to_string().as_str() {
            "id" => self.id = Some(name),
            "key" => self.key = Some(name),
            "default" => self.default = true,
            "strict" => self.strict = true,
            "measure" => self.measures.push(meta.value()?.parse()?),
            "rename" => self.rename = Some(meta.value()?.parse()?),
            "above" | "min" | "below" | "max" => self.rules.push(Rule::Limit(name, meta.value()?.parse()?)),
            "min_len" | "max_len" => self.rules.push(Rule::Length(name, meta.value()?.parse()?)),
            "one_of" => {
                let texts;
                parenthesized!(texts in meta.input);
                let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&texts)?;
                self.rules.push(Rule::OneOf(name, texts.into_iter().collect()));
            }
            "pattern" => {
                let pattern: LitStr = meta.value()?.parse()?;
                if let Err(error) = regex_lite::Regex::new(&pattern.value()) {
                    return Err(syn::Error::new_spanned(&pattern, format!("no regular expression: {error}")));
                }
                self.rules.push(Rule::Pattern(name, pattern));
            }
            "format" => {
                let format: LitStr = meta.value()?.parse()?;
                let Some((_, known)) = FORMATS.iter().find(|(name, _)| *name == format.value()) else {
                    let names = FORMATS.map(|(name, _)| name).join(", ");
                    let error =
                        format!("no format that is known here; there are {names}, and pattern for others");
                    return Err(syn::Error::new_spanned(&format, error));
                };
                self.rules.push(Rule::Format(name, Ident::new(known, format.span())));
            }
            "check" => self.rules.push(Rule::Check(name, meta.value()?.parse()?)),
            _ => return Err(meta.error(UNKNOWN)),
        }
        Ok(())
    }
}

const UNKNOWN: &str = "unknown; there are id, key, rename, default, strict, measure, above, min, below, max, min_len, max_len, one_of, pattern, format and check";

/// The text of the doc comments, with line breaks but without what sets it off from the slashes.
pub fn documentation(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(meta) = &attribute.meta
            && let Expr::Lit(literal) = &meta.value
            && let Lit::Str(text) = &literal.lit
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    lines.join("\n").trim().to_owned()
}
