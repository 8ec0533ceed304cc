use std::borrow::Cow;

use crate::At;
pub use crate::contract::Violation;
use crate::lax::Miss;

impl Violation {
    /// What is wrong at the place a JSON Pointer names (empty: with all of the record).
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), message: message.into(), parameters: Vec::new() }
    }

    /// The same, with a value that the message speaks of, e.g. `max`, `3`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.parameters.push((name.into(), value.to_string()));
        self
    }

    #[cold]
    pub(crate) fn of_miss(at: &At<'_>, miss: Miss) -> Self {
        let parameters = miss.parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self {
            pointer: at.pointer(),
            code: miss.code.to_owned(),
            message: Cow::into_owned(miss.message),
            parameters,
        }
    }
}

/// Everything that is wrong with a record: at least one violation.
#[derive(Debug, Clone, PartialEq)]
pub struct Violations(pub(crate) Vec<Violation>);

impl Violations {
    /// The violations themselves.
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

impl std::ops::Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.0
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl From<Vec<Violation>> for Violations {
    fn from(violations: Vec<Violation>) -> Self {
        Self(violations)
    }
}
