//! What a file imports and exports, read without compiling it.

use super::ComponentError;
use std::fmt;
use wasmparser::{BinaryReaderError, Encoding, Parser, Payload, Validator};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Component,
    Module,
}

impl Kind {
    /// As the specifications call it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Component => "component",
            Kind::Module => "core module",
        }
    }
}

/// The name of an import or export: an interface, and of a core module the function in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub interface: String,
    pub function: Option<String>,
}

#[derive(Debug)]
pub(super) struct Outline {
    pub kind: Kind,
    pub imports: Vec<Name>,
    pub exports: Vec<Name>,
    /// Whether a core module says what world it was built for.
    pub has_component_type: bool,
}

impl Outline {
    /// Validates all of the bytes.
    pub fn read(bytes: &[u8]) -> Result<Outline, ComponentError> {
        Validator::new().validate_all(bytes).map_err(refuse)?;
        let mut outline =
            Outline { kind: Kind::Module, imports: vec![], exports: vec![], has_component_type: false };
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(refuse)?;
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) if depth > 0 => depth -= 1,
                _ if depth == 0 => outline.note(&payload).map_err(refuse)?,
                _ => {}
            }
        }
        Ok(outline)
    }

    fn note(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => self.kind = Kind::Component,
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import?;
                    self.imports.push(Name::new(import.module, Some(import.name)));
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let (interface, function) = split_function(export?.name);
                    self.exports.push(Name::new(interface, function));
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.imports.push(Name::new(import?.name.name, None));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(Name::new(export?.name.name, None));
                }
            }
            Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                self.has_component_type = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Core modules name an export `interface#function`, or `cm32p2|interface|function`.
fn split_function(export: &str) -> (&str, Option<&str>) {
    let unmangled = export.strip_prefix("cm32p2|").and_then(|rest| rest.split_once('|'));
    match unmangled.or_else(|| export.split_once('#')) {
        Some((interface, function)) => (interface, Some(function)),
        None => (export, None),
    }
}

fn refuse(error: BinaryReaderError) -> ComponentError {
    let reason = error.to_string();
    if reason.contains("unexpected end") {
        ComponentError::Truncated { reason }
    } else {
        ComponentError::Invalid { reason }
    }
}

impl Name {
    fn new(interface: &str, function: Option<&str>) -> Name {
        let interface = interface.strip_prefix("cm32p2|").unwrap_or(interface).to_owned();
        Name { interface, function: function.map(str::to_owned) }
    }

    /// `namespace:name` of `namespace:name/item@version`; all of it if it is no such name.
    pub fn package(&self) -> &str {
        self.interface.split_once('/').map_or(&self.interface, |(package, _)| package)
    }

    pub fn item(&self) -> &str {
        let after = self.interface.split_once('/').map_or("", |(_, after)| after);
        after.split_once('@').map_or(after, |(item, _)| item)
    }

    pub fn version(&self) -> &str {
        self.interface.split_once('@').map_or("", |(_, version)| version)
    }

    pub fn major(&self) -> Option<u64> {
        self.version().split('.').next()?.parse().ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.interface)?;
        match &self.function {
            Some(function) => write!(f, "#{function}"),
            None => Ok(()),
        }
    }
}
