//! `sluicegate plugin inspect`.

use super::{FileArguments, size};
use crate::cli::{Exit, print};
use crate::plugin::Piece;
use crate::verdict::InstrumentKind;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct InspectArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Say it as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &InspectArguments) -> Exit {
    let piece = match arguments.file.load(false) {
        Ok(piece) => piece,
        Err(exit) => return exit,
    };
    let text = if arguments.json { as_json(&piece).to_string() } else { as_lines(&piece).join("\n") };
    print(text).err().unwrap_or(Exit::Well)
}

fn as_lines(piece: &Piece) -> Vec<String> {
    let Piece { manifest, facets, .. } = piece;
    let listed = |names: &[String]| match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(", "),
    };
    let mut lines = vec![
        format!("{}@{}", manifest.name, manifest.version),
        format!("  {}, {}, sha256:{}", facets.kind, size(facets.file_bytes as u64), facets.digest),
        format!("  loaded in {} ms", piece.load_time.as_millis()),
        format!("  imports {}", listed(&facets.imports)),
        format!("  exports {}", listed(&facets.exports)),
    ];
    if !manifest.request_headers.is_empty() {
        lines.push(format!("  is shown the headers {}", manifest.request_headers.join(", ")));
    }
    for (number, route) in manifest.routes.iter().enumerate() {
        let examples = piece.examples().filter(|(of, _)| *of == number);
        let names: Vec<&str> = examples.map(|(_, name)| name).collect();
        lines.push(format!("route {}  {}", route.path, route.title));
        lines.push(format!("  takes {}", input(route)));
        lines.push(format!("  topics {}, dead letters {}", route.topics.join(", "), route.dead_letters));
        lines.push(format!("  examples {}", names.join(", ")));
    }
    for instrument in &manifest.instruments {
        let attributes = match instrument.attributes.is_empty() {
            true => String::new(),
            false => format!(" by {}", instrument.attributes.join(", ")),
        };
        lines.push(format!("instrument {}  {}{attributes}", instrument.name, kind(&instrument.kind)));
    }
    for (key, default, is_secret) in &piece.settings {
        let default = match default {
            Some(default) if !is_secret => format!("  default {default}"),
            Some(_) => "  has a default".to_owned(),
            None => "  required".to_owned(),
        };
        lines.push(format!("setting {key}{default}"));
    }
    lines
}

fn input(route: &crate::plugin::Route) -> String {
    use crate::record::Input;
    match &route.input {
        Input::Json => "JSON: a record, an array, or lines".to_owned(),
        Input::Lines(types) => format!("lines of {}", types.join(", ")),
        Input::Whole(types) => format!("whole bodies of {}", types.join(", ")),
    }
}

fn kind(kind: &InstrumentKind) -> &'static str {
    match kind {
        InstrumentKind::Counter => "counter",
        InstrumentKind::UpDownCounter => "up-down counter",
        InstrumentKind::Histogram(_) => "histogram",
        InstrumentKind::ExponentialHistogram => "exponential histogram",
        InstrumentKind::Gauge => "gauge",
    }
}

fn as_json(piece: &Piece) -> Value {
    let Piece { manifest, facets, .. } = piece;
    let route = |(number, route): (usize, &crate::plugin::Route)| {
        let examples = piece.examples().filter(|(of, _)| *of == number);
        let topics: Vec<&str> = route.topics.iter().map(|topic| &**topic).collect();
        json!({
            "path": route.path,
            "title": route.title,
            "input": input(route),
            "topics": topics,
            "dead_letters": &*route.dead_letters,
            "id_field": route.id_field,
            // Checked: it is JSON.
            "schema": serde_json::from_str::<Value>(&route.schema).unwrap_or_default(),
            "examples": examples.map(|(_, name)| name).collect::<Vec<_>>(),
        })
    };
    let instrument = |instrument: &crate::verdict::Instrument| {
        json!({
            "name": instrument.name,
            "kind": kind(&instrument.kind),
            "unit": instrument.unit,
            "attributes": instrument.attributes,
        })
    };
    let setting = |(key, default, is_secret): &(String, Option<String>, bool)| json!({ "key": key, "default": default.as_ref().filter(|_| !is_secret), "secret": is_secret });
    json!({
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "digest": facets.digest,
        "bytes": facets.file_bytes,
        "kind": facets.kind,
        "imports": facets.imports,
        "exports": facets.exports,
        "load_ms": u64::try_from(piece.load_time.as_millis()).unwrap_or(u64::MAX),
        "request_headers": manifest.request_headers,
        "routes": manifest.routes.iter().enumerate().map(route).collect::<Vec<_>>(),
        "instruments": manifest.instruments.iter().map(instrument).collect::<Vec<_>>(),
        "settings": piece.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}
