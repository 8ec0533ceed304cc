//! `sluicegate:plugin@1.x`.

mod convert;

use self::sluicegate::plugin::types::{BodyParam, ItemParam};
use self::sluicegate::plugin::{config, logging};
use crate::plugin::draft::{Answer, Call, Draft};
use crate::plugin::guest::Guest;
use crate::plugin::log::Level;
use crate::record::{Body, Event, Record};
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({
    path: "wit",
    world: "plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) fn add_to(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    logging::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    config::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)
}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, message: String) {
        let level = match level {
            logging::Level::Trace => Level::TRACE,
            logging::Level::Debug => Level::DEBUG,
            logging::Level::Info => Level::INFO,
            logging::Level::Warn => Level::WARN,
            logging::Level::Error => Level::ERROR,
        };
        self.log.write(level, &message);
    }
}

impl config::Host for Guest {
    fn get(&mut self, key: String) -> Option<String> {
        self.settings.get(&key).cloned()
    }
}

pub(super) fn describe(plugin: &Plugin, store: &mut Store<Guest>) -> wasmtime::Result<Result<Draft, String>> {
    let described = plugin.sluicegate_plugin_descriptor().call_describe(store)?;
    Ok(described.map(convert::manifest))
}

pub(super) fn judge(plugin: &Plugin, store: &mut Store<Guest>, call: Call<'_>) -> wasmtime::Result<Answer> {
    let parameters = borrowed(&call.facts.parameters);
    let headers = borrowed(&call.facts.headers);
    let attributes: Vec<(&str, &str)> = call.records.iter().flat_map(attributes_of).collect();
    let mut left = &attributes[..];
    let request = sluicegate::plugin::types::Request {
        // No manifest has so many routes: `manifest::ROUTES_MAX`.
        route: call.route as u32,
        received_at: call.facts.received_at_ms,
        parameters: &parameters,
        headers: &headers,
        caller: call.facts.caller.as_deref(),
        extensions: &[],
    };
    let rules = plugin.sluicegate_plugin_rules();
    let judgement = match call.records {
        // A lone record, the most frequent call, costs no allocation here.
        [record] => rules.call_judge(store, request, &[item(record, &mut left)])?,
        records => {
            let items: Vec<_> = records.iter().map(|record| item(record, &mut left)).collect();
            rules.call_judge(store, request, &items)?
        }
    };
    Ok(convert::judgement(judgement))
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn attributes_of(record: &Record) -> impl Iterator<Item = (&str, &str)> {
    record.event.as_deref().map(Event::attributes).into_iter().flatten()
}

/// A record beside its attributes, which are the first of those that are left.
fn item<'a>(record: &'a Record, left: &mut &'a [(&'a str, &'a str)]) -> ItemParam<'a> {
    let count = record.event.as_deref().map_or(0, |event| event.attributes().len());
    let (attributes, others) = left.split_at(count);
    *left = others;
    let body = match &record.body {
        Body::Text(text) => BodyParam::Text(text),
        Body::Bytes(bytes) => BodyParam::Bytes(bytes),
        // Callers leave refused records out; were one to slip in, the plugin would see an empty one.
        Body::Refused(_) => BodyParam::Text(""),
    };
    ItemParam { body, attributes }
}
