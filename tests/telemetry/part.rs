//! A real part as a child process.

use crate::process::{PATIENCE, repository};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Ended when dropped.
pub struct Part {
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Its log goes into this directory; returns when it takes connections at the address.
    pub fn start(program: &str, mut command: Command, directory: &Path, address: SocketAddr) -> Part {
        let log = directory.join(format!("{program}.log"));
        let output = std::fs::File::create(&log).unwrap();
        let child =
            command.stdout(output.try_clone().unwrap()).stderr(output).stdin(Stdio::null()).spawn().unwrap();
        let mut part = Part { child, log };
        await_that(&format!("{program} serves at {address}"), || {
            if let Some(status) = part.child.try_wait().unwrap() {
                panic!("{program} ended with {status}:\n{}", part.said());
            }
            TcpStream::connect(address).is_ok().then_some(())
        });
        part
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            let tail: Vec<&str> = said.lines().rev().take(20).collect();
            eprintln!("--- {}, the last first\n{}", self.log.display(), tail.join("\n"));
        }
    }
}

/// Asks until there is an answer.
pub fn await_that<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

pub fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program that `parts` has built.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let output =
            Command::new(repository("tests/telemetry/parts")).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "the Collector and Prometheus are built from their modules");
        String::from_utf8(output.stdout).unwrap().trim().into()
    });
    built.join(name)
}
