use super::Violation;
use std::ops::Deref;

/// What is wrong with a rejected record: its violations, the first of them at least.
///
/// Of a batch of nothing but wrong records not every violation is kept: see [`Rejection::condense`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejection {
    violations: Vec<Violation>,
    omitted: usize,
}

/// What a text of a condensed violation keeps: enough to tell which rule it was.
const CONDENSED_BYTES: usize = 200;

impl Rejection {
    /// Violations of one request that are kept and told in full: a record beyond has its first. A batch of nothing
    /// but wrong records would else be answered, and held, with a thousand times its own size.
    pub const LISTED_MAX: usize = 10_000;

    /// How many violations there were beside those that are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Keeps the first violation, its texts cut to 200 bytes each, and counts the others.
    pub fn condense(&mut self) {
        self.omitted += self.violations.len().saturating_sub(1);
        self.violations.truncate(1);
        self.violations.shrink_to_fit();
        for Violation { pointer, code: _, message, parameters } in &mut self.violations {
            parameters.clear();
            parameters.shrink_to_fit();
            if pointer.len() > CONDENSED_BYTES {
                // The place around it: a pointer that is cut within a part would name something else.
                let around = pointer[..pointer.floor_char_boundary(CONDENSED_BYTES)].rfind('/');
                pointer.truncate(around.unwrap_or_default());
            }
            message.truncate(message.floor_char_boundary(CONDENSED_BYTES));
            pointer.shrink_to_fit();
            message.shrink_to_fit();
        }
    }

    /// As one was that had so many violations beside those that were kept.
    pub fn restored(violations: Vec<Violation>, omitted: usize) -> Rejection {
        Rejection { violations, omitted }
    }

    pub fn as_vec(&self) -> &Vec<Violation> {
        &self.violations
    }
}

impl From<Vec<Violation>> for Rejection {
    fn from(violations: Vec<Violation>) -> Rejection {
        Rejection { violations, omitted: 0 }
    }
}

impl Deref for Rejection {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condensed_rejection_keeps_the_first_violation_and_counts_the_others() {
        let violation = |code: &str| Violation {
            pointer: "/a".to_owned(),
            code: code.to_owned(),
            message: "ä".repeat(1_000),
            parameters: vec![("max".to_owned(), "3".to_owned())],
        };
        let mut rejection = Rejection::from(vec![violation("one"), violation("two"), violation("three")]);
        rejection.condense();
        assert_eq!((rejection.len(), rejection.omitted()), (1, 2));
        let kept = &rejection[0];
        assert_eq!((kept.code.as_str(), kept.pointer.as_str(), kept.message.len()), ("one", "/a", 200));
        assert_eq!((kept.parameters.capacity(), kept.message.capacity()), (0, 200));
        rejection.condense();
        assert_eq!(rejection.omitted(), 2);

        let deep = Violation { pointer: format!("/a/{}", "b".repeat(300)), ..violation("one") };
        let mut rejection = Rejection::from(vec![deep]);
        rejection.condense();
        assert_eq!(rejection[0].pointer, "/a");
    }
}
