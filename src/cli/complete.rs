//! `sluicegate completions`.

use super::{Arguments, Exit};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

#[derive(Args)]
pub(super) struct CompleteArguments {
    shell: Shell,
}

pub(super) fn run(arguments: &CompleteArguments) -> Exit {
    // Into memory first: the generator panics where a write fails.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "sluicegate", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => Exit::Well,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Well,
        Err(error) => {
            super::complain(format_args!(
                "stdout cannot be written ({error}); give the output another place"
            ));
            Exit::Unsound
        }
    }
}
