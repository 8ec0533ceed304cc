//! Runs `sluicegate serve`: how it starts, how it refuses to, and how it stops.

use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// More than any gateway of these tests logs.
const LOG_LINES_MAX: usize = 1_000;

fn sluicegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A gateway on ports of its own choice, killed when it is let go.
struct Serving {
    process: Child,
    /// The five lines.
    lines: Vec<String>,
    stderr: JoinHandle<String>,
    /// The lines of its log, as they come.
    logged: Receiver<String>,
}

impl Serving {
    fn start(arguments: &[&str], directory: &Path) -> Serving {
        let mut command = sluicegate(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut process = command
            .args(arguments)
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, logged) = mpsc::sync_channel(LOG_LINES_MAX);
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            for line in stderr.lines().map(Result::unwrap) {
                text.push_str(&line);
                text.push('\n');
                // Few tests read along.
                let _ = sender.try_send(line);
            }
            text
        });
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().take(5);
        Serving { lines: lines.map(|line| line.unwrap()).collect(), process, stderr, logged }
    }

    /// Where producers post.
    fn data(&self) -> &str {
        let (_, rest) = self.lines[0].split_once("http://").unwrap();
        rest.split(['/', ' ']).next().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id()).unwrap();
        rustix::process::kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    fn await_line(&self, part: &str) {
        assert!(self.logged.iter().any(|line| line.contains(part)), "it ended without {part:?}");
    }

    /// How it ended and what it logged.
    fn wait(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        (status, self.stderr.join().unwrap())
    }
}

/// A directory with an empty plugin directory in it.
fn home() -> TempDir {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join("plugins")).unwrap();
    home
}

fn refused_start(arguments: &[&str], directory: &Path) -> String {
    let mut command = sluicegate(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let output = command.args(arguments).current_dir(directory).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

#[test]
fn a_second_gateway_on_the_same_data_is_told_to_take_its_own() {
    let home = home();
    let first = Serving::start(&[], home.path());
    assert_eq!(
        refused_start(&[], home.path()),
        "sluicegate: the gateway cannot start: the data directory ./data is in use by another sluicegate: stop that \
         one, or give this one a directory of its own with --data\n"
    );
    first.signal(Signal::TERM);
    assert_eq!(first.wait().0.code(), Some(0));
}

#[test]
fn a_port_that_cannot_be_had_is_told_with_what_helps() {
    let home = home();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = TcpListener::bind(taken).unwrap();
    for (port, flag, key) in [("data", "--listen", "http.listen"), ("admin", "--admin", "admin.listen")] {
        let mut command = sluicegate(&["serve", flag, &taken.to_string()]);
        if flag == "--admin" {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let output = command.current_dir(home.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            text(&output.stderr),
            format!(
                "sluicegate: the gateway cannot start: the {port} port {taken} cannot be listened on: Address already \
                 in use (os error 98); stop what uses it, or choose another by {flag} or {key}\n"
            )
        );
    }
    drop(holder);
    // An address for documentation: no machine has it.
    let output =
        sluicegate(&["serve", "--listen", "192.0.2.1:8080"]).current_dir(home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("name an address that this machine has, or choose another by --listen"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_stops_the_start() {
    let home = home();
    // Whoever runs this may be root, whom no permission stops.
    fs::create_dir_all(home.path().join("data/lock")).unwrap();
    assert_eq!(
        refused_start(&[], home.path()),
        "sluicegate: the gateway cannot start: the data directory ./data cannot be used (cannot open ./data/lock: Is a \
         directory (os error 21)): make it writable for this user, or choose another with --data\n"
    );
    fs::remove_dir(home.path().join("data/lock")).unwrap();
    fs::write(home.path().join("data/log"), "a file where the logs should be").unwrap();
    assert_eq!(
        refused_start(&[], home.path()),
        "sluicegate: the gateway cannot start: the log cannot be opened: cannot list ./data/log: Not a directory (os \
         error 20); mend the disk or its permissions and start again, nothing was changed\n"
    );
}

#[test]
fn a_missing_plugin_directory_is_warned_of() {
    let home = TempDir::new().unwrap();
    let check = sluicegate(&["check"]).current_dir(home.path()).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "it need not be there");
    assert_eq!(
        text(&check.stdout),
        "configuration: well\nplugins: well, 0 in ./plugins\n  there is no directory ./plugins yet; create it: mkdir \
         -p ./plugins, or name another by --plugins\n"
    );
    let gateway = Serving::start(&[], home.path());
    assert!(gateway.lines[2].starts_with("plugins  none: there is no directory ./plugins yet; create it"));
    gateway.signal(Signal::TERM);
    let (status, log) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert!(
        log.contains("the plugin directory is missing, and nothing is served before it is there"),
        "{log}"
    );
}

/// Sends the head of a request and a part of its body, and leaves the rest out.
fn hang(address: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).unwrap();
    let head = "POST /swap HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\
                expect: 100-continue\r\n\r\n";
    connection.write_all(head.as_bytes()).unwrap();
    // The gateway asks for the body once the request is in its hands.
    let mut asked = [0; 12];
    connection.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    connection
}

#[test]
fn a_second_signal_skips_the_waits_and_not_the_sync() {
    let home = home();
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/swap-v1.wasm");
    fs::copy(plugin, home.path().join("plugins/swap.wasm")).unwrap();
    let config = home.path().join("patient.toml");
    fs::write(&config, "[http]\nbody_timeout_ms = 3_600_000\n[shutdown]\nlame_duck_ms = 3_600_000\ndrain_timeout_ms = 3_600_000\n").unwrap();
    let gateway = Serving::start(&["--config", path(&config)], home.path());
    let mut kept = TcpStream::connect(gateway.data()).unwrap();
    kept.write_all(b"POST /swap HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}").unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let _hanging = hang(gateway.data());
    gateway.signal(Signal::TERM);
    // Before that, two signals may arrive as one.
    gateway.await_line("stopping: not ready any more");
    // The lame duck and the request in flight would each take an hour.
    gateway.signal(Signal::TERM);
    let (status, log) = gateway.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        log.trim_end()
            .lines()
            .next_back()
            .unwrap()
            .contains("stopped: everything acknowledged is with the sink"),
        "{log}"
    );
    let tail = sluicegate(&["tail", "swap"]).current_dir(home.path()).output().unwrap();
    assert_eq!(text(&tail.stdout), "{}\n");
}
