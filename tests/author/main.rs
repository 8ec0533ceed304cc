//! The commands for those who write plugins, as they are used.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const FINANCIAL: &str = "plugins/financial-transaction.wasm";
const HOSTILE: &str = "tests/fixtures/hostile.wasm";

const RECORD: &str = r#"{"transaction_id":"a","timestamp":0,"account_id":"x","amount":20000,"currency":"EUR","transaction_type":"p"}"#;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sluicegate(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(arguments).current_dir(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that complains does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The exit code, what it printed, and what it complained of.
fn told(directory: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let output = sluicegate(directory, arguments, input);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(path: &str) -> String {
    repository(path).to_str().unwrap().to_owned()
}

#[test]
fn a_plugins_own_examples_and_records_of_files_are_tested() {
    let directory = here();
    let (code, out, _) = told(directory.path(), &["plugin", "test", &file(FINANCIAL)], "");
    assert_eq!(code, 0);
    assert!(out.starts_with("financial-transaction@"), "{out}");
    assert!(out.contains("\nok   example purchase  accepted\n"), "{out}");
    let last = "4 records, each alone and among others, on new and on used instances: all as expected\n";
    assert!(out.ends_with(last), "{out}");

    let records = format!(
        "{{\"name\": \"large\", \"record\": {RECORD}, \"expect\": \"accept\"}}\n{{\"name\": \"wrong\", \"record\": {RECORD}, \
         \"expect\": {{\"reject\": [\"/amount greater_than\"]}}}}\n"
    );
    fs::write(directory.path().join("r.ndjson"), records).unwrap();
    let arguments = ["plugin", "test", &file(FINANCIAL), "--records", "r.ndjson"];
    let (code, out, _) = told(directory.path(), &arguments, "");
    assert_eq!(code, 1);
    assert!(out.contains("\nok   r.ndjson:1 large  accepted\nFAIL r.ndjson:2 wrong  accepted\n       it is to be rejected with greater_than at /amount\n"), "{out}");
    let (code, out, _) = told(directory.path(), &[&arguments[..], &["--json"]].concat(), "");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["well"], &report["records"][5]["got"]), (1, &false.into(), &"accepted".into()));
}

#[test]
fn records_from_stdin_are_judged_and_all_that_would_become_of_them_is_shown() {
    let directory = here();
    let input = format!("{RECORD}\n\nnope\n");
    let (code, out, _) = told(directory.path(), &["plugin", "run", &file(FINANCIAL)], &input);
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("1 accepted  ") && lines[0].contains(" of fuel, "), "{out}");
    assert_eq!(lines[1], "    topic raw_financial_transactions  id a  key x  time 1970-01-01T00:00:00.000Z");
    assert_eq!(lines[4], "    financial.fraud.signals 1 {fraud.signal=large_amount}");
    assert!(lines[5].starts_with("2 rejected  ") && lines[6].starts_with("     json_invalid: "), "{out}");
    let arguments = ["plugin", "run", &file(FINANCIAL), "--json", "--set", "large_amount=100000"];
    let (_, out, _) = told(directory.path(), &arguments, &input);
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(first["verdict"], "accepted");
    assert_eq!(first["measurements"].as_array().unwrap().len(), 2, "no sign of fraud any more");
    assert!(first["fuel"].as_u64().unwrap() > 1_000);
}

/// What is not there is the command's fault, what is wrong in it is not.
#[test]
fn a_wrong_line_of_records_is_told_before_anything_is_compiled() {
    let directory = here();
    fs::write(
        directory.path().join("r.ndjson"),
        "{\"record\": {}, \"expect\": \"accept\"}\n{\"expect\": 1}\n",
    )
    .unwrap();
    let (code, out, err) =
        told(directory.path(), &["plugin", "test", "none.wasm", "--records", "r.ndjson"], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("sluicegate: r.ndjson:2: "), "{err}");
}

/// A script has to see that there is a record without a verdict.
#[test]
fn a_fault_is_no_verdict_and_the_next_record_has_one() {
    let directory = here();
    let input = "{\"do\": \"trap\"}\n{\"do\": \"ok\"}\n";
    let (code, out, _) = told(directory.path(), &["plugin", "run", &file(HOSTILE)], input);
    assert_eq!(code, 1, "{out}");
    assert!(out.starts_with("1 faulted  ") && out.contains("\n2 accepted  "), "{out}");
    let (code, out, _) = told(directory.path(), &["plugin", "run", &file(HOSTILE)], "{\"do\": \"reject\"}\n");
    assert!(code == 0 && out.starts_with("1 rejected  "), "{out}");
}

#[test]
fn what_is_wrong_about_a_build_is_told_before_it_begins() {
    let directory = here();
    told(directory.path(), &["plugin", "new", "a", "--lang", "python"], "");
    let said = |arguments: &[&str]| {
        let (code, out, err) = told(directory.path(), arguments, "");
        assert_eq!(out, "");
        (code, err)
    };
    let (code, err) = said(&["plugin", "build", "a", "--into", "nowhere"]);
    let sentence = "sluicegate: nowhere is no directory; nothing was built. Name the gateway's directory of plugins by --into\n";
    assert_eq!((code, err.as_str()), (2, sentence));
    fs::create_dir(directory.path().join("plugins")).unwrap();
    fs::write(directory.path().join("a/records.ndjson"), "nope\n").unwrap();
    let (code, err) = said(&["plugin", "build", "a", "--into", "plugins"]);
    assert!(code == 1 && err.starts_with("sluicegate: a/records.ndjson:1: expected ident"), "{err}");
    fs::rename(directory.path().join("a/order.py"), directory.path().join("a/claim.py")).unwrap();
    let (code, err) = said(&["plugin", "build", "a"]);
    let sentence =
        "sluicegate: a/order.py is not there; name the file with the rules by main = \"…\" in plugin.toml\n";
    assert_eq!((code, err.as_str()), (1, sentence));
}

#[test]
fn a_file_says_what_it_is() {
    let directory = here();
    let (code, out, _) = told(directory.path(), &["plugin", "inspect", &file(FINANCIAL)], "");
    assert_eq!(code, 0);
    for line in [
        "  exports sluicegate:plugin/descriptor@1.0.0, sluicegate:plugin/rules@1.0.0",
        "route /ingest-financial-transaction/  Financial transaction",
        "instrument financial.fraud.signals  counter by fraud.signal",
        "setting large_amount  default 10000",
    ] {
        assert!(out.lines().any(|one| one == line), "{line}:\n{out}");
    }
    let (_, out, _) = told(directory.path(), &["plugin", "inspect", "--json", &file(FINANCIAL)], "");
    let inspected: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(inspected["routes"][0]["schema"]["type"], "object");
    assert_eq!(inspected["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn what_is_wrong_with_a_file_or_the_usage_is_told_with_what_to_do() {
    let directory = here();
    let path = directory.path();
    fs::write(path.join("x.wasm"), "hello").unwrap();
    let said = |arguments: &[&str], input: &str| {
        let (code, out, err) = told(path, arguments, input);
        assert_eq!(out, "", "{arguments:?}");
        (code, err)
    };
    let (code, err) = said(&["plugin", "inspect", "x.wasm"], "");
    let sentence = "sluicegate: x.wasm: it is a text that begins with \"hello\", not WebAssembly; the built .wasm file is wanted\n";
    assert_eq!((code, err.as_str()), (1, sentence));
    let (code, err) = said(&["plugin", "test", &file(HOSTILE), "--records", "none"], "");
    assert_eq!(code, 2);
    assert!(err.starts_with("sluicegate: none cannot be read (No such file"), "{err}");
    let (code, err) = said(&["plugin", "run", &file("tests/fixtures/conformance.wasm")], "");
    assert_eq!(code, 1);
    assert!(err.ends_with("set it in [plugin.conformance.settings]; here by --set KEY=VALUE\n"), "{err}");
    let conformance = ["plugin", "run", &file("tests/fixtures/conformance.wasm"), "--set", "region=eu"];
    let (code, err) = said(&conformance, "");
    assert_eq!(code, 2);
    assert!(err.starts_with("sluicegate: name the route of the records by --route, one of /"), "{err}");
    let (code, err) = said(&["plugin", "run", &file(HOSTILE)], &"x".repeat((1 << 20) + 2));
    assert_eq!(code, 2);
    assert!(
        err.contains("a line has more than 1048576 bytes, the most that are tried; cut it down"),
        "{err}"
    );
    let (code, err) = said(&["plugin", "test", &file(HOSTILE), "--set", "x"], "");
    assert_eq!(code, 2);
    assert!(err.contains("write KEY=VALUE, e.g. large_amount=5000"), "{err}");
    let (code, err) = said(&["plugin", "build"], "");
    assert_eq!(code, 2);
    assert!(err.contains("plugin.toml cannot be read") && err.contains("sluicegate plugin new"), "{err}");
}

#[test]
fn a_new_project_is_whole_and_has_its_name_everywhere() {
    let directory = here();
    let (code, out, _) = told(directory.path(), &["plugin", "new", "web-orders", "--lang", "rust"], "");
    assert_eq!(code, 0);
    let next = "cd web-orders\n  rustup target add wasm32-unknown-unknown\n  sluicegate plugin build\n";
    assert!(out.contains(next), "{out}");
    let project = directory.path().join("web-orders");
    let read = |path: &str| fs::read_to_string(project.join(path)).unwrap();
    assert!(read("Cargo.toml").contains("name = \"web-orders\""));
    assert!(read("src/lib.rs").contains("\"/v1/web-orders\""));
    assert!(read(".sluicegate/plugins/sdk/src/lib.rs").contains("pub mod prelude"));
    assert!(!read("README.md").contains("my-plugin"));
    let (code, _, err) = told(directory.path(), &["plugin", "new", "web-orders", "--lang", "rust"], "");
    assert_eq!(
        (code, err.as_str()),
        (2, "sluicegate: web-orders is there already and not empty; name another directory by --into\n")
    );
    let (code, _, err) = told(directory.path(), &["plugin", "new", "Web", "--lang", "rust"], "");
    assert_eq!(code, 2);
    assert!(
        err.contains("use lower-case letters, digits and dashes, a letter first and no dash last"),
        "{err}"
    );
    let (code, _, err) = told(directory.path(), &["plugin", "new", "web", "--lang", "cobol"], "");
    assert_eq!(code, 2);
    assert!(err.contains("possible values: rust, typescript, javascript, python, go, c"), "{err}");
}

/// What is to be built without its tools says which.
#[test]
fn a_missing_tool_is_named() {
    let directory = here();
    told(directory.path(), &["plugin", "new", "a", "--lang", "rust"], "");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(["plugin", "build", "a"]).current_dir(directory.path()).env("PATH", directory.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "sluicegate: rustc is not there; install Rust 1.95 or later by rustup\n"
    );
}

#[test]
fn the_api_of_a_directory_of_plugins_is_printed_offline() {
    let directory = here();
    fs::create_dir(directory.path().join("plugins")).unwrap();
    fs::copy(repository(FINANCIAL), directory.path().join("plugins/a.wasm")).unwrap();
    let (code, out, err) = told(directory.path(), &["openapi", "--server", "https://ingest.example"], "");
    assert_eq!(code, 0, "{err}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["servers"][0]["url"], "https://ingest.example");
    assert!(document["paths"]["/ingest-financial-transaction/"]["post"].is_object());
    let (_, out, _) = told(directory.path(), &["openapi", "--asyncapi"], "");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(document["channels"]["raw_financial_transactions"].is_object());
    fs::write(directory.path().join("plugins/b.wasm"), "hello").unwrap();
    let (code, out, err) = told(directory.path(), &["openapi"], "");
    assert_eq!(code, 1, "what serves is told all the same");
    assert!(out.contains("/ingest-financial-transaction/"));
    assert!(err.contains("b.wasm: refused: it is a text"), "{err}");
}

#[test]
fn the_guides_code_is_code_that_is_tested_and_its_links_lead_somewhere() {
    let read = |path: &str| fs::read_to_string(repository(path)).unwrap();
    let guide = read("examples/lines.md");
    let code = guide.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(read("plugins/fixtures/conformance/src/line.rs").ends_with(code));
    for guide in ["README.md", "write-a-plugin.md", "evolve-a-rule.md", "replace-fastapi.md", "lines.md"] {
        let text = read(&format!("examples/{guide}"));
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(repository("examples").join(link).exists(), "{guide} links to {link}");
        }
    }
}
