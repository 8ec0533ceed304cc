//! The real binary as a child process on free ports.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What awaits an event gives up after this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Gateway {
    pub child: Child,
    pub data_address: SocketAddr,
    pub admin_address: SocketAddr,
    /// The log so far: shown when a test fails.
    pub log: Arc<Mutex<String>>,
}

/// A gateway to be started.
pub struct Launch {
    pub command: Command,
    deaf: bool,
}

impl Launch {
    /// `serve` on these directories with the committed samples.
    pub fn serve(data: &Path) -> Launch {
        Launch::wrapped(&[], data)
    }

    /// Only with ports of its own.
    #[allow(dead_code, reason = "not every suite that shares this needs it")]
    pub fn bare() -> Launch {
        Launch::under(&[])
    }

    /// With nobody reading its log.
    #[allow(dead_code, reason = "not every suite that shares this needs it")]
    pub fn deaf(mut self) -> Launch {
        self.deaf = true;
        self
    }

    /// The same under another program, such as strace.
    pub fn wrapped(wrapper: &[&str], data: &Path) -> Launch {
        std::fs::create_dir_all(data).unwrap();
        let mut launch = Launch::under(wrapper);
        launch.command.arg("--data").arg(data).arg("--plugins").arg(repository("plugins"));
        launch
    }

    fn under(wrapper: &[&str]) -> Launch {
        let mut words = wrapper.iter().copied().chain([env!("CARGO_BIN_EXE_sluicegate"), "serve"]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        Launch { command, deaf: false }
    }

    pub fn config(mut self, file: &Path) -> Launch {
        self.command.arg("--config").arg(file);
        self
    }

    /// Returns when it serves.
    pub fn start(mut self) -> Gateway {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (errors, kept) = (child.stderr.take().unwrap(), log.clone());
        std::thread::spawn(move || {
            if self.deaf {
                return;
            }
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut addresses = Vec::new();
        let mut line = String::new();
        while addresses.len() < 2 {
            line.clear();
            if output.read_line(&mut line).unwrap() == 0 {
                let status = child.wait().unwrap();
                panic!("the gateway ended with {status} before it served:\n{}", log.lock().unwrap());
            }
            addresses.extend(address(&line));
        }
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
        Gateway { child, data_address: addresses[0], admin_address: addresses[1], log }
    }
}

/// The first loopback address in a line of the banner.
fn address(line: &str) -> Option<SocketAddr> {
    let start = line.find("127.0.0.1:")?;
    let end = line[start..]
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
        .unwrap_or(line.len() - start);
    line[start..start + end].parse().ok()
}

impl Gateway {
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {name}");
    }

    /// Stops it, and returns when it has stopped: the signal is heard by one thread first, and on a busy machine the
    /// others run on meanwhile; one that waits for its disk stops when the disk has answered.
    #[allow(dead_code, reason = "not every suite that shares this needs it")]
    pub fn freeze(&self) {
        self.signal("-STOP");
        let start = Instant::now();
        while !is_stopped(self.child.id()) {
            assert!(start.elapsed() < PATIENCE, "the gateway does not stop");
            std::thread::park_timeout(Duration::from_micros(200));
        }
    }

    /// What it has said so far.
    #[allow(dead_code, reason = "not every suite that shares this needs it")]
    pub fn said(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end by itself.
    pub fn exit(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the gateway does not end:\n{}", self.log.lock().unwrap());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// Whether every thread of a process has stopped.
fn is_stopped(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.map_while(Result::ok).all(|thread| {
        // The state follows the name, which is in parentheses and may hold anything. A thread that has just ended
        // has no file any more.
        std::fs::read_to_string(thread.path().join("stat"))
            .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    })
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the gateway\n{}", self.log.lock().unwrap());
        }
    }
}

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
