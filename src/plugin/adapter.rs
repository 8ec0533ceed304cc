//! What core modules get in place of WASI: nothing but a way to print and to end.
//!
//! Toolchains like Go's drag in wasip1 whether their program needs it or not. The adapter is linked into such a
//! module when it becomes a component: an empty environment, no files, a clock that ticks by itself, fixed
//! randomness, nothing that waits. What is printed and how the program ends reaches the gateway through an
//! interface of the adapter's own, which no other component may import. Lines are put together on this side:
//! the adapter has no memory of its own, and what a guest prints need not be UTF-8.

use super::guest::Guest;
use super::log::Stream;
use wasmtime::component::Linker;

/// The module name of the imports that the adapter meets.
pub(super) const WASIP1: &str = "wasi_snapshot_preview1";

/// The interface that the adapter imports.
pub(super) const INTERFACE: &str = "sluicegate:adapter/process@1.0.0";

/// The adapter's own side of the interface.
pub(super) const WIT: &str = "
    package sluicegate:adapter@1.0.0;
    interface process {
        write: func(descriptor: u32, bytes: list<u8>);
        exit: func(code: u32);
    }
    world adapter { import process; }
";

pub(super) const WAT: &str = include_str!("adapter/wasip1.wat");

/// A guest called `exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ended itself with exit code {code}")]
pub(super) struct Exited {
    pub code: u32,
}

pub(super) fn add_to(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut process = linker.instance(INTERFACE)?;
    process.func_wrap("write", |mut store, (descriptor, bytes): (u32, Vec<u8>)| {
        let stream = if descriptor == 2 { Stream::Stderr } else { Stream::Stdout };
        store.data_mut().log.print(stream, &bytes);
        Ok(())
    })?;
    process.func_wrap("exit", |_, (code,): (u32,)| -> wasmtime::Result<()> { Err(Exited { code }.into()) })
}
