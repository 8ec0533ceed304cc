use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, Lit, LitStr, Meta, Result, Token, parenthesized};

/// What `#[field(…)]` says of one field.
#[derive(Default)]
pub struct Options {
    pub id: Option<Ident>,
    pub key: Option<Ident>,
    pub rename: Option<LitStr>,
    pub default: bool,
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
    /// A function of the value.
    Check(Ident, Expr),
}

impl Options {
    pub fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| options.add(&meta))?;
        }
        Ok(options)
    }

    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(name) = meta.path.get_ident().cloned() else { return Err(meta.error(UNKNOWN)) };
        match name.to_string().as_str() {
            "id" => self.id = Some(name),
            "key" => self.key = Some(name),
            "default" => self.default = true,
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
            "check" => self.rules.push(Rule::Check(name, meta.value()?.parse()?)),
            _ => return Err(meta.error(UNKNOWN)),
        }
        Ok(())
    }
}

const UNKNOWN: &str = "unknown; there are id, key, rename, default, above, min, below, max, min_len, max_len, one_of, pattern and check";

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
