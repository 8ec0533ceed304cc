//! What may be the name of a topic: the one rule for plugins, configuration and the directories of the log.

/// What the topic's name is followed by where records lie that a plugin faulted on.
const DEAD_LETTER: &str = ".dead-letter";

/// Kafka's own limit, so that every topic of a log can become one of a broker.
const KAFKA_BYTES_MAX: usize = 249;

/// Leaves room for the dead letters of the topic.
const TOPIC_BYTES_MAX: usize = KAFKA_BYTES_MAX - DEAD_LETTER.len();

/// Why a name cannot be a topic's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("{}", self.remedy())]
    Spelling,
    #[error("{}", self.remedy())]
    Reserved,
}

impl TopicError {
    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        const { assert!(TOPIC_BYTES_MAX == 237, "the sentence below says so") };
        match self {
            TopicError::Spelling => {
                "use letters, digits, '.', '_' and '-', at most 237, and neither '.' nor '..'"
            }
            TopicError::Reserved => "names that end in '.dead-letter' are the gateway's own; take another",
        }
    }
}

/// Whether records may be published under the name. It is then also fit to be the name of a directory.
///
/// # Errors
/// The remedy.
pub fn check_topic(name: &str) -> Result<(), TopicError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let spelled = (1..=TOPIC_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed);
    if !spelled || name == "." || name == ".." {
        Err(TopicError::Spelling)
    } else if name.ends_with(DEAD_LETTER) {
        Err(TopicError::Reserved)
    } else {
        Ok(())
    }
}

/// Whether records may be kept under the name: that of a topic, or of a topic's dead letters.
///
/// # Errors
/// The remedy.
pub fn check_kept_topic(name: &str) -> Result<(), TopicError> {
    check_topic(name.strip_suffix(DEAD_LETTER).unwrap_or(name))
}

/// Where the records of a topic go that a plugin faulted on.
pub fn dead_letters_of(topic: &str) -> String {
    format!("{topic}{DEAD_LETTER}")
}

/// Whether it is the name of a topic's dead letters.
pub fn is_dead_letters(name: &str) -> bool {
    name.ends_with(DEAD_LETTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_what_kafka_takes_for_it_and_for_its_dead_letters() {
        let longest = "x".repeat(237);
        for good in ["a", "raw_claims", "A.b-C_9", "...", "dead-letter", longest.as_str()] {
            assert_eq!(check_topic(good), Ok(()), "{good}");
            assert_eq!(check_kept_topic(good), Ok(()), "{good}");
            assert_eq!(check_kept_topic(&dead_letters_of(good)), Ok(()), "{good}");
        }
        assert_eq!(dead_letters_of(&longest).len(), KAFKA_BYTES_MAX);
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a\0", "x".repeat(238).as_str()] {
            assert_eq!(check_topic(bad), Err(TopicError::Spelling), "{bad}");
            assert_eq!(check_kept_topic(bad), Err(TopicError::Spelling), "{bad}");
            assert!(check_kept_topic(&dead_letters_of(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn dead_letters_have_none_of_their_own() {
        assert_eq!(check_topic("raw.dead-letter"), Err(TopicError::Reserved));
        assert_eq!(check_kept_topic("raw.dead-letter"), Ok(()));
        assert_eq!(check_kept_topic("raw.dead-letter.dead-letter"), Err(TopicError::Reserved));
        assert_eq!(check_kept_topic(".dead-letter"), Err(TopicError::Spelling));
        assert!(is_dead_letters("raw.dead-letter") && !is_dead_letters("raw"));
    }

    #[test]
    fn a_wrong_name_is_told_with_the_remedy() {
        assert_eq!(
            TopicError::Spelling.to_string(),
            "use letters, digits, '.', '_' and '-', at most 237, and neither '.' nor '..'"
        );
        assert_eq!(
            TopicError::Reserved.to_string(),
            "names that end in '.dead-letter' are the gateway's own; take another"
        );
    }
}
