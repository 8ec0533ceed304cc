//! From a file's bytes to a component that imports nothing but the contract.

mod outline;

use super::adapter;
use super::bindings::MAJORS;
use outline::{Kind, Name, Outline};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::LazyLock;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = include_str!("../../wit/plugin.wit");
const PACKAGE: &str = "sluicegate:plugin";

/// Why bytes are no plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ComponentError {
    #[error("the file is empty; write the built plugin to another name and rename it to this one")]
    Empty,
    #[error("it is {what}, not WebAssembly; the built .wasm file is wanted")]
    NotWasm { what: String },
    #[error("it ends in the middle: {reason}; copy it again, best to another name, then rename it")]
    Truncated { reason: String },
    #[error("it is not valid WebAssembly: {reason}; build it anew")]
    Invalid { reason: String },
    #[error(
        "it imports {}, and a plugin may import nothing but {PACKAGE}/logging and {PACKAGE}/config; {remedy}",
        .imports.join(", ")
    )]
    Imports { imports: Vec<String>, remedy: &'static str },
    #[error(
        "it is built for version {version} of {PACKAGE}, and this gateway serves 1.x; build it against the wit/ of this gateway, or update the gateway"
    )]
    Major { version: String },
    #[error(
        "it is a {kind} that exports {}, not {PACKAGE}/{missing}@1.0.0; build it for the world 'plugin' of wit/plugin.wit",
        listed(.exports)
    )]
    OtherWorld { kind: &'static str, missing: &'static str, exports: Vec<String> },
    #[error("it cannot be made a component: {reason}; build it for the world 'plugin' of wit/plugin.wit")]
    Componentize { reason: String },
}

fn listed(names: &[String]) -> String {
    /// So many names tell what it is; a whole libc would bury the sentence.
    const SHOWN: usize = 5;
    match names.len() {
        0 => "nothing".to_owned(),
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => names.join(", "),
    }
}

/// The component in a file: as it is, or made of the core module that it holds.
pub(super) fn of(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ComponentError> {
    recognise(bytes)?;
    let outline = Outline::read(bytes)?;
    check_imports(&outline, &[])?;
    check_exports(&outline)?;
    match outline.kind {
        Kind::Component => Ok(Cow::Borrowed(bytes)),
        Kind::Module => {
            let component = componentize(bytes, &outline)?;
            let made = Outline::read(&component)?;
            check_imports(&made, &[adapter::INTERFACE])?;
            check_exports(&made)?;
            Ok(Cow::Owned(component))
        }
    }
}

/// What a file is, and the names of what it imports and exports.
pub(super) fn names(bytes: &[u8]) -> Result<(&'static str, Vec<String>, Vec<String>), ComponentError> {
    recognise(bytes)?;
    let Outline { kind, imports, exports, .. } = Outline::read(bytes)?;
    let kind = kind.title();
    let told = |names: Vec<Name>| names.iter().map(ToString::to_string).collect();
    Ok((kind, told(imports), told(exports)))
}

/// Names what a file is that does not begin as WebAssembly does.
fn recognise(bytes: &[u8]) -> Result<(), ComponentError> {
    /// So much of a text tells which one it is.
    const SHOWN: usize = 32;
    const MAGIC: &[u8] = b"\0asm";
    if bytes.is_empty() {
        return Err(ComponentError::Empty);
    }
    if bytes.len() < 8 && MAGIC.starts_with(&bytes[..bytes.len().min(4)]) {
        return Err(ComponentError::Truncated { reason: format!("it has {} bytes", bytes.len()) });
    }
    if bytes.starts_with(MAGIC) {
        return Ok(());
    }
    let start = &bytes[..bytes.len().min(SHOWN)];
    let what = match start {
        [0x7f, b'E', b'L', b'F', ..] => "a native executable or library (ELF)".to_owned(),
        [0x1f, 0x8b, ..] => "compressed by gzip".to_owned(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "compressed by zstd".to_owned(),
        [b'P', b'K', 3, 4, ..] => "a zip archive".to_owned(),
        // Cut at a length, the last character may be cut in two.
        text if text.iter().all(|byte| *byte >= 0x20 || byte.is_ascii_whitespace()) => {
            format!("a text that begins with {:?}", String::from_utf8_lossy(text).trim_end())
        }
        other => format!("a file that begins with the bytes {:02x?}", &other[..other.len().min(8)]),
    };
    Err(ComponentError::NotWasm { what })
}

fn check_imports(outline: &Outline, allowed: &[&str]) -> Result<(), ComponentError> {
    let foreign: Vec<&Name> = outline
        .imports
        .iter()
        .filter(|import| !allowed.contains(&import.interface.as_str()) && !is_granted(outline.kind, import))
        .collect();
    let Some(first) = foreign.first() else { return Ok(()) };
    if let Some(version) = foreign.iter().find_map(|import| other_major(import)) {
        return Err(ComponentError::Major { version });
    }
    let remedy = remedy(outline.kind, first);
    let mut imports: Vec<String> = foreign.iter().map(|import| import.to_string()).collect();
    imports.dedup();
    /// So many say what the toolchain dragged in.
    const SHOWN: usize = 8;
    if imports.len() > SHOWN {
        let more = imports.len() - SHOWN;
        imports.truncate(SHOWN);
        imports.push(format!("{more} more"));
    }
    Err(ComponentError::Imports { imports, remedy })
}

fn is_granted(kind: Kind, import: &Name) -> bool {
    if kind == Kind::Module && import.interface == adapter::WASIP1 {
        return import
            .function
            .as_deref()
            .is_some_and(|function| ADAPTER.exports.iter().any(|e| e == function));
    }
    let own = ["types", "logging", "config"];
    import.package() == PACKAGE
        && own.contains(&import.item())
        && import.major().is_none_or(|major| MAJORS.contains(&major))
}

fn other_major(name: &Name) -> Option<String> {
    let major = (name.package() == PACKAGE).then(|| name.major())??;
    (!MAJORS.contains(&major)).then(|| name.version().to_owned())
}

fn remedy(kind: Kind, first: &Name) -> &'static str {
    match kind {
        Kind::Component if first.package().starts_with("wasi:") => {
            "build without WASI: Rust for the target wasm32-unknown-unknown, JavaScript by jco componentize with \
             --backend qjs --backend-qjs-stub-wasi, Python by componentize-py componentize -s, Go and C as the core \
             module that the compiler writes, without an adapter"
        }
        _ if first.package() == PACKAGE => "it is built for a later contract: update the gateway",
        Kind::Module if first.interface.starts_with("wasi") => {
            "only wasi_snapshot_preview1 is met: build for wasip1, without sockets and threads"
        }
        _ => "remove what calls it, or link it in",
    }
}

fn check_exports(outline: &Outline) -> Result<(), ComponentError> {
    if let Some(version) = outline.exports.iter().find_map(other_major) {
        return Err(ComponentError::Major { version });
    }
    let missing = ["descriptor", "rules"].into_iter().find(|interface| {
        !outline.exports.iter().any(|export| export.package() == PACKAGE && export.item() == *interface)
    });
    match missing {
        None => Ok(()),
        Some(missing) => {
            let mut exports: Vec<String> = outline.exports.iter().map(|export| export.to_string()).collect();
            exports.retain(|export| export != "memory" && export != "cabi_realloc");
            Err(ComponentError::OtherWorld { kind: outline.kind.title(), missing, exports })
        }
    }
}

/// The adapter with the type of what it imports, and the functions that it has.
struct Adapter {
    module: Vec<u8>,
    exports: Vec<String>,
}

static ADAPTER: LazyLock<Adapter> =
    LazyLock::new(|| build_adapter().expect("the adapter in the source is sound"));

fn build_adapter() -> Result<Adapter, ComponentError> {
    let mut module = wat::parse_str(adapter::WAT).map_err(unmade)?;
    let exports = Outline::read(&module)?.exports.into_iter().map(|export| export.interface).collect();
    embed_world(&mut module, adapter::WIT, "adapter")?;
    Ok(Adapter { module, exports })
}

fn componentize(module: &[u8], outline: &Outline) -> Result<Vec<u8>, ComponentError> {
    let mut module = Cow::Borrowed(module);
    if !outline.has_component_type {
        // `go build` writes none; what it was built for is in the names of its exports.
        embed_world(module.to_mut(), CONTRACT, "plugin")?;
    }
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).map_err(unmade)?;
    if outline.imports.iter().any(|import| import.interface == adapter::WASIP1) {
        encoder = encoder.adapter(adapter::WASIP1, &ADAPTER.module).map_err(unmade)?;
    }
    encoder.encode().map_err(unmade)
}

/// Says in a core module what world it is of.
fn embed_world(module: &mut Vec<u8>, wit: &str, world: &str) -> Result<(), ComponentError> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("world.wit", wit).map_err(unmade)?;
    let world = resolve.select_world(&[package], Some(world)).map_err(unmade)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(unmade)
}

/// With all that the tools say of the cause.
fn unmade(error: impl Display) -> ComponentError {
    ComponentError::Componentize { reason: format!("{error:#}") }
}

#[cfg(test)]
mod tests;
