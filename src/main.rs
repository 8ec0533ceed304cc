#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sluicegate::cli::run()
}
