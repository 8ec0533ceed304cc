//! As much of PromQL as it takes to know which metrics and labels an expression names.

use std::collections::BTreeSet;

#[derive(Debug, PartialEq)]
pub struct Selector {
    pub metric: String,
    /// Label and what it is compared with.
    pub matchers: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub struct Named {
    pub selectors: Vec<Selector>,
    /// Labels that series are grouped or joined by.
    pub grouped: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Clone)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];

fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text.chars().peekable();
    let mut found = Vec::new();
    while let Some(first) = rest.next() {
        let goes_on = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
        match first {
            '"' => found.push(Token::Text(rest.by_ref().take_while(|c| *c != '"').collect())),
            // Durations and numbers name nothing.
            '0'..='9' => while rest.next_if(goes_on).is_some() {},
            '[' => while rest.next().is_some_and(|c| c != ']') {},
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(goes_on) {
                    word.push(c);
                }
                found.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => found.push(Token::Sign(c)),
        }
    }
    found
}

pub fn parse(text: &str) -> Named {
    let mut named = Named::default();
    let mut rest = tokens(text).into_iter().peekable();
    while let Some(token) = rest.next() {
        let Token::Word(word) = token else { continue };
        let next = rest.peek().cloned();
        let until = |rest: &mut dyn Iterator<Item = Token>, end: char| -> Vec<Token> {
            rest.skip(1).take_while(|token| *token != Token::Sign(end)).collect()
        };
        if GROUPINGS.contains(&word.as_str()) && next == Some(Token::Sign('(')) {
            let labels = until(&mut rest, ')').into_iter();
            named.grouped.extend(labels.filter_map(|token| match token {
                Token::Word(label) => Some(label),
                _ => None,
            }));
        } else if next == Some(Token::Sign('{')) {
            let matchers = matchers(&until(&mut rest, '}'));
            named.selectors.push(Selector { metric: word, matchers });
        } else if !names_no_metric(&word, next.as_ref()) {
            named.selectors.push(Selector { metric: word, matchers: Vec::new() });
        }
    }
    named
}

/// Functions, operators, and aggregations, which say first what they group by.
fn names_no_metric(word: &str, next: Option<&Token>) -> bool {
    let groups = matches!(next, Some(Token::Word(next)) if ["by", "without"].contains(&next.as_str()));
    next == Some(&Token::Sign('(')) || groups || OPERATORS.contains(&word)
}

fn matchers(tokens: &[Token]) -> Vec<(String, String)> {
    let parts = tokens.split(|token| *token == Token::Sign(','));
    parts
        .filter_map(|part| match part {
            [Token::Word(label), .., Token::Text(value)] => Some((label.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn metrics_labels_and_groupings_are_told_from_all_else() {
    let named = parse(
        "histogram_quantile(0.99, sum by (le, route) (rate(a_bucket{x=~\"1|2\",y!=\"z\"}[$__rate_interval]))) > 1.5e3 and \
         on (route) b offset 15m",
    );
    let matchers = vec![("x".to_owned(), "1|2".to_owned()), ("y".to_owned(), "z".to_owned())];
    assert_eq!(
        named.selectors,
        [Selector { metric: "a_bucket".into(), matchers }, Selector { metric: "b".into(), matchers: vec![] }]
    );
    assert_eq!(named.grouped, ["le", "route"].map(str::to_owned).into());
}
