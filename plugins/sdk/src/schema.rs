/// A JSON Schema (2020-12), as the members of a JSON object.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    members: Vec<(&'static str, String)>,
}

impl Schema {
    /// Of the values of one of JSON's types.
    pub fn of_type(name: &str) -> Self {
        Self::default().with_text("type", name)
    }

    /// The same with a keyword, whose value is JSON; it takes the place of what the keyword was before.
    #[must_use]
    pub fn with(mut self, keyword: &'static str, json: String) -> Self {
        match self.members.iter_mut().find(|(name, _)| *name == keyword) {
            Some((_, value)) => *value = json,
            None => self.members.push((keyword, json)),
        }
        self
    }

    /// The same with a keyword whose value is a text.
    #[must_use]
    pub fn with_text(self, keyword: &'static str, text: &str) -> Self {
        let json = quote(text);
        self.with(keyword, json)
    }

    /// The same with a limit on a text's characters or a list's elements.
    #[must_use]
    pub fn with_length(self, end: Limit, length: usize) -> Self {
        let list = self.kind().is_some_and(|kind| kind.contains("\"array\""));
        let keyword = match (end, list) {
            (Limit::Min, false) => "minLength",
            (Limit::Max, false) => "maxLength",
            (Limit::Min, true) => "minItems",
            (Limit::Max, true) => "maxItems",
        };
        self.with(keyword, length.to_string())
    }

    /// The same with a choice of texts.
    #[must_use]
    pub fn with_choice(self, texts: &[&str]) -> Self {
        let null = if self.takes_null() { ",null" } else { "" };
        let texts: Vec<_> = texts.iter().map(|text| quote(text)).collect();
        self.with("enum", format!("[{}{null}]", texts.join(",")))
    }

    /// Also of `null`.
    #[must_use]
    pub fn or_null(mut self) -> Self {
        if self.takes_null() {
            return self;
        }
        for (keyword, json) in &mut self.members {
            match *keyword {
                "type" => *json = format!("[{json},{NULL}]"),
                "enum" => *json = format!("{},null]", json.trim_end_matches(']')),
                _ => {}
            }
        }
        self
    }

    fn takes_null(&self) -> bool {
        self.kind().is_some_and(|kind| kind.ends_with("\"null\"]"))
    }

    /// What the keyword `type` says, as JSON.
    fn kind(&self) -> Option<&str> {
        self.members.iter().find(|(keyword, _)| *keyword == "type").map(|(_, json)| json.as_str())
    }

    /// The schema as JSON text.
    pub fn to_json(&self) -> String {
        object(self.members.iter().map(|(name, json)| (*name, json.clone())))
    }
}

/// A type's name, as JSON.
const NULL: &str = "\"null\"";

/// Which end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// No less.
    Min,
    /// No more.
    Max,
}

/// The schema of an object: for each property its name, whether it must be there, and its schema.
#[doc(hidden)]
pub fn of_object(description: &str, properties: Vec<(&'static str, bool, Schema)>) -> Schema {
    let required: Vec<_> =
        properties.iter().filter(|(_, required, _)| *required).map(|(name, _, _)| *name).collect();
    let schema = Schema::of_type("object")
        .with("properties", object(properties.iter().map(|(name, _, schema)| (*name, schema.to_json()))))
        .with("required", array(&required));
    if description.is_empty() { schema } else { schema.with_text("description", description) }
}

/// A JSON array of texts.
fn array(texts: &[&str]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", texts.join(","))
}

fn object(members: impl Iterator<Item = (&'static str, String)>) -> String {
    let members: Vec<_> = members.map(|(name, json)| format!("{}:{json}", quote(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// A text as JSON.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
