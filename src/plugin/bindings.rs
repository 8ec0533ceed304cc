//! What the contract looks like from this side. Each version of it has a module here that converts to today's
//! types at the edge; the rest of the room knows no version.

mod v1;

use super::draft::{Answer, Call, Draft};
use super::guest::Guest;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

/// The major versions of the contract that are served.
pub(super) const MAJORS: [u64; 1] = [1];

/// A compiled plugin, linked to what it may import.
#[derive(Clone)]
pub(super) enum Program {
    V1(v1::PluginPre<Guest>),
}

/// The exports of one instance.
pub(super) enum Exports {
    V1(v1::Plugin),
}

/// All that any plugin may import.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    v1::add_to(&mut linker)?;
    super::adapter::add_to(&mut linker)?;
    Ok(linker)
}

impl Program {
    pub fn link(linker: &Linker<Guest>, component: &Component) -> wasmtime::Result<Program> {
        Ok(Program::V1(v1::PluginPre::new(linker.instantiate_pre(component)?)?))
    }

    pub fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Exports> {
        match self {
            Program::V1(plugin) => plugin.instantiate(store).map(Exports::V1),
        }
    }
}

impl Exports {
    pub fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Result<Draft, String>> {
        match self {
            Exports::V1(plugin) => v1::describe(plugin, store),
        }
    }

    pub fn judge(&self, store: &mut Store<Guest>, call: Call<'_>) -> wasmtime::Result<Answer> {
        match self {
            Exports::V1(plugin) => v1::judge(plugin, store, call),
        }
    }
}
