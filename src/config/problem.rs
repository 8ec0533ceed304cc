//! What is wrong with a configuration.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    File {
        path: Arc<Path>,
        /// From 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// A flag, with its dashes.
    Flag(&'static str),
    /// Nobody set it.
    Default,
}

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub origin: Origin,
    /// E.g. `http.listen`. Empty if it is about the file as a whole.
    pub key: String,
    /// The value as it was written; empty if there is none.
    pub value: String,
    /// What is wrong.
    pub fault: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { origin, key, value, fault, remedy } = self;
        match origin {
            Origin::File { path, line } => {
                write!(f, "{}:{line}: ", path.display())?;
                self.write_assignment(f)?;
            }
            Origin::Variable(name) if key.is_empty() => write!(f, "{name}={value}: ")?,
            Origin::Variable(name) => write!(f, "{name}={value} ({key}): ")?,
            Origin::Flag(flag) => write!(f, "{flag} {value} ({key}): ")?,
            Origin::Default => self.write_assignment(f)?,
        }
        write!(f, "{fault}; {remedy}")
    }
}

impl Problem {
    fn write_assignment(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), self.value.as_str()) {
            ("", _) => Ok(()),
            (key, "") => write!(f, "{key}: "),
            (key, value) => write!(f, "{key} = {value}: "),
        }
    }
}

/// Everything that is wrong with a configuration: at least one thing. One line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
