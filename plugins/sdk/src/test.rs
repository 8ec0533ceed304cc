//! Judges records natively, so that a plugin's logic is tested by `cargo test` alone.
//!
//! ```text
//! let judged = test::on(&PLUGIN, "/v1/payments").settings(&[("limit", "5")]).judge(r#"{"amount": 7}"#);
//! assert_eq!(judged.codes(), ["limit_exceeded"]);
//! ```

use std::fmt;

use crate::contract::{self, AttributeValue, Expectation, Item, Request, Verdict, Violation};
use crate::{Body, Plugin};

pub(crate) mod host {
    use std::cell::RefCell;

    use crate::log::Level;

    thread_local! {
        static SETTINGS: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
        static LOGGED: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn setting(key: &str) -> Option<String> {
        SETTINGS.with_borrow(|settings| {
            settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        })
    }

    pub(crate) fn log(level: Level, message: &str) {
        LOGGED.with_borrow_mut(|logged| logged.push((level, message.to_owned())));
    }

    /// Runs `work` under these settings.
    pub(crate) fn under<T>(settings: Vec<(String, String)>, work: impl FnOnce() -> T) -> T {
        let before = SETTINGS.replace(settings);
        let done = work();
        SETTINGS.set(before);
        done
    }

    pub(crate) fn take_logged() -> Vec<(Level, String)> {
        LOGGED.take()
    }
}

/// What has been logged on this thread since it was last asked.
pub fn logged() -> Vec<(crate::log::Level, String)> {
    host::take_logged()
}

/// Does `work`, on this thread, under these settings.
pub fn under<T>(settings: &[(&str, &str)], work: impl FnOnce() -> T) -> T {
    host::under(crate::example::fields(settings), work)
}

/// Judges every example of every route.
///
/// # Panics
///
/// If one is not judged as it says, or if the plugin does not describe itself.
pub fn examples(plugin: &'static Plugin) {
    let wrong = wrong_examples(plugin);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A sentence for each example that is not judged as it says.
fn wrong_examples(plugin: &'static Plugin) -> Vec<String> {
    let manifest = match plugin.describe() {
        Ok(manifest) => manifest,
        Err(why) => return vec![format!("the plugin does not describe itself: {why}")],
    };
    let mut wrong = Vec::new();
    for route in &manifest.routes {
        for example in &route.examples {
            let judged = Bench::of(plugin, &route.path, example).judge_item(example.item.clone());
            if !judged.meets(&example.expect) {
                let (path, name, expect) = (&route.path, &example.name, &example.expect);
                wrong.push(format!("{path}: the example {name} should be {expect:?}, but is {judged}"));
            }
        }
    }
    wrong
}

/// A plugin's route, ready to judge records that come with one request.
///
/// # Panics
///
/// If the plugin does not describe itself or has no such route.
pub fn on(plugin: &'static Plugin, path: &str) -> Bench {
    Bench::new(plugin, path)
}

/// A route, and the request that its records come with.
pub struct Bench {
    plugin: &'static Plugin,
    request: Request,
    settings: Vec<contract::Field>,
    attributes: Vec<contract::Field>,
}

/// 2026-01-01T00:00:00Z: when requests are received, if a test does not say. A fixed time keeps tests the same.
pub const RECEIVED_AT: u64 = 1_767_225_600_000;

impl Bench {
    fn new(plugin: &'static Plugin, path: &str) -> Self {
        let found = plugin.routes.iter().position(|entry| entry.path() == path);
        let Some(route) = found else { panic!("the plugin has no route {path}") };
        let request = Request {
            route: route as u32,
            received_at: RECEIVED_AT,
            parameters: Vec::new(),
            headers: Vec::new(),
            caller: None,
            extensions: Vec::new(),
        };
        Self { plugin, request, settings: Vec::new(), attributes: Vec::new() }
    }

    fn of(plugin: &'static Plugin, path: &str, example: &contract::Example) -> Self {
        let mut bench = Self::new(plugin, path);
        bench.request.received_at = example.received_at.unwrap_or(RECEIVED_AT);
        bench.request.parameters.clone_from(&example.parameters);
        bench.request.headers.clone_from(&example.headers);
        bench.request.caller.clone_from(&example.caller);
        bench.settings.clone_from(&example.settings);
        bench
    }

    /// Received then: milliseconds since 1970, UTC.
    #[must_use]
    pub fn received_at(mut self, milliseconds: u64) -> Self {
        self.request.received_at = milliseconds;
        self
    }

    /// With what the `{name}`s of the path stand for.
    #[must_use]
    pub fn parameters(mut self, parameters: &[(&str, &str)]) -> Self {
        self.request.parameters = crate::example::fields(parameters);
        self
    }

    /// With request headers, their names in lower case.
    #[must_use]
    pub fn headers(mut self, headers: &[(&str, &str)]) -> Self {
        self.request.headers = crate::example::fields(headers);
        self
    }

    /// From this caller.
    #[must_use]
    pub fn caller(mut self, caller: &str) -> Self {
        self.request.caller = Some(caller.to_owned());
        self
    }

    /// Under these settings.
    #[must_use]
    pub fn settings(mut self, settings: &[(&str, &str)]) -> Self {
        self.settings = crate::example::fields(settings);
        self
    }

    /// With CloudEvents attributes.
    #[must_use]
    pub fn attributes(mut self, attributes: &[(&str, &str)]) -> Self {
        self.attributes = crate::example::fields(attributes);
        self
    }

    /// Judges one record of text.
    pub fn judge(&self, text: &str) -> Judged {
        self.judge_body(Body::Text(text))
    }

    /// Judges one record.
    pub fn judge_body(&self, body: Body<'_>) -> Judged {
        let body = match body {
            Body::Text(text) => contract::Body::Text(text.to_owned()),
            Body::Bytes(bytes) => contract::Body::Bytes(bytes.to_vec()),
        };
        self.judge_item(Item { body, attributes: self.attributes.clone() })
    }

    /// Some records of text, to be judged together.
    pub fn batch(&self, texts: &[&str]) -> Batch {
        let item = |text: &&str| Item {
            body: contract::Body::Text((*text).to_owned()),
            attributes: self.attributes.clone(),
        };
        Batch {
            plugin: self.plugin,
            request: self.request.clone(),
            settings: self.settings.clone(),
            items: texts.iter().map(item).collect(),
        }
    }

    fn judge_item(&self, item: Item) -> Judged {
        let plugin = self.plugin;
        let mut judgement = host::under(self.settings.clone(), || plugin.judge(&self.request, &[item]));
        let Some(verdict) = judgement.verdicts.pop() else { unreachable!("a verdict for each record") };
        let measured = judgement.measurements.iter().map(|measurement| {
            let instrument = &plugin.meters[measurement.instrument as usize];
            let none = Vec::new();
            let set = judgement.attribute_sets.get(measurement.attribute_set as usize).unwrap_or(&none);
            let attributes =
                instrument.attributes().iter().zip(set).map(|(&key, value)| (key, value.clone()));
            Measured { name: instrument.name(), value: measurement.value, attributes: attributes.collect() }
        });
        Judged { measurements: measured.collect(), verdict }
    }
}

/// Some records that are judged together.
pub struct Batch {
    plugin: &'static Plugin,
    request: Request,
    settings: Vec<contract::Field>,
    items: Vec<Item>,
}

impl Batch {
    /// Judges them; again, if it is asked again.
    pub fn judge(&self) -> contract::Judgement {
        host::under(self.settings.clone(), || self.plugin.judge(&self.request, &self.items))
    }
}

/// What came of one record.
#[derive(Debug)]
pub struct Judged {
    /// The verdict itself.
    pub verdict: Verdict,
    /// What was measured, in order.
    pub measurements: Vec<Measured>,
}

/// One measurement.
#[derive(Debug, PartialEq)]
pub struct Measured {
    /// The instrument's name.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// The attributes by their keys.
    pub attributes: Vec<(&'static str, AttributeValue)>,
}

impl Judged {
    /// Whether it was accepted.
    pub fn is_accepted(&self) -> bool {
        self.acceptance().is_some()
    }

    /// How it was accepted, if it was and was not split.
    pub fn acceptance(&self) -> Option<&contract::Acceptance> {
        match &self.verdict {
            Verdict::Accept(acceptance) => Some(acceptance),
            _ => None,
        }
    }

    /// How it or its parts were accepted.
    pub fn parts(&self) -> &[contract::Acceptance] {
        match &self.verdict {
            Verdict::Accept(acceptance) => std::slice::from_ref(acceptance),
            Verdict::Split(parts) => parts,
            _ => &[],
        }
    }

    /// What is wrong with it, if it was rejected.
    pub fn violations(&self) -> &[Violation] {
        match &self.verdict {
            Verdict::Reject(violations) => violations,
            _ => &[],
        }
    }

    /// The codes of what is wrong with it, in order.
    pub fn codes(&self) -> Vec<&str> {
        self.violations().iter().map(|violation| violation.code.as_str()).collect()
    }

    /// Where and what is wrong with it, in order.
    pub fn faults(&self) -> Vec<(&str, &str)> {
        self.violations()
            .iter()
            .map(|violation| (violation.pointer.as_str(), violation.code.as_str()))
            .collect()
    }

    /// Its identifier, if it was accepted and has one.
    pub fn id(&self) -> Option<&str> {
        self.acceptance()?.id.as_deref()
    }

    /// Its Kafka key, if it was accepted and has one.
    pub fn key(&self) -> Option<&[u8]> {
        self.acceptance()?.key.as_deref()
    }

    /// What an instrument was fed, in order.
    pub fn measured(&self, name: &str) -> Vec<f64> {
        self.measurements
            .iter()
            .filter(|measured| measured.name == name)
            .map(|measured| measured.value)
            .collect()
    }

    fn meets(&self, expected: &Expectation) -> bool {
        match expected {
            Expectation::Accept => !self.parts().is_empty(),
            Expectation::Warn(codes) => {
                let warnings = self.parts().iter().flat_map(|part| &part.warnings);
                !self.parts().is_empty() && same(warnings.map(|warning| &warning.code), codes)
            }
            Expectation::Reject(codes) => {
                matches!(self.verdict, Verdict::Reject(_))
                    && same(self.violations().iter().map(|violation| &violation.code), codes)
            }
            Expectation::Discard => matches!(self.verdict, Verdict::Discard(_)),
        }
    }
}

fn same<'c>(codes: impl Iterator<Item = &'c String>, expected: &'c [String]) -> bool {
    let (mut codes, mut expected): (Vec<_>, Vec<_>) = (codes.collect(), expected.iter().collect());
    codes.sort();
    expected.sort();
    codes == expected
}

/// The verdict in a line.
impl fmt::Display for Judged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Reject(violations) => {
                out.write_str("rejected:")?;
                violations.iter().try_for_each(|violation| {
                    let Violation { pointer, code, message, .. } = violation;
                    write!(out, " {code} at {pointer:?} ({message})")
                })
            }
            other => write!(out, "{other:?}"),
        }
    }
}
