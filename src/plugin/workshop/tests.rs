use super::*;
use crate::plugin::tests::fixture;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn load(path: &Path, settings: &[(&str, &str)]) -> Result<Piece, Refusal> {
    let config = crate::config::Config::load(crate::config::Flags::default(), std::iter::empty()).unwrap();
    let metrics = Metrics::new(&config.telemetry);
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let options = WorkshopOptions { settings, ..WorkshopOptions::default() };
    Workshop::open(config.plugins, metrics, options).unwrap().load(path)
}

fn hostile() -> Piece {
    load(&repository("tests/fixtures/hostile.wasm"), &[]).unwrap()
}

fn judged(piece: &Piece, lines: &str) -> Vec<CaseReport> {
    let read = CaseFile::read("records", lines).and_then(|file| file.of(piece));
    let cases = read.unwrap_or_else(|problems| panic!("{problems:?}"));
    Trials::run(piece, &cases).into_iter().filter(|report| report.origin != "example").collect()
}

#[test]
fn a_plugin_says_what_it_is() {
    let piece = load(&repository("plugins/financial-transaction.wasm"), &[]).unwrap();
    assert_eq!(piece.facets.kind, "component");
    assert!(piece.facets.imports.iter().all(|name| name.starts_with("sluicegate:plugin/")));
    assert!(piece.facets.exports.contains(&"sluicegate:plugin/rules@1.0.0".to_owned()));
    assert_eq!(piece.route(None), Some(0));
    assert_eq!(piece.route(Some("/ingest-financial-transaction")), Some(0));
    assert_eq!(piece.route(Some("/other")), None);
    assert_eq!(piece.examples().count(), 4);
    assert_eq!(piece.settings[0], ("large_amount".to_owned(), Some("10000".to_owned()), false));
}

#[test]
fn a_setting_that_is_given_is_the_plugins() {
    let conformance = repository("tests/fixtures/conformance.wasm");
    let missing = load(&conformance, &[]).err().unwrap().to_string();
    assert!(missing.contains("setting 'region' has no default and is not given"), "{missing}");
    assert!(load(&conformance, &[("region", "eu")]).is_ok());
}

#[test]
fn what_is_no_plugin_is_told_as_the_gateway_tells_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.wasm");
    let told = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        load(&file, &[]).err().unwrap().to_string()
    };
    assert!(told(b"hello").starts_with("it is a text that begins with \"hello\", not WebAssembly"));
    assert!(told(b"\x7fELF\x02\x01\x01").starts_with("it is a native executable or library (ELF)"));
    assert!(told(b"").starts_with("the file is empty"));
    let whole = fixture("swap-v1.wasm");
    assert!(told(&whole[..whole.len() / 2]).starts_with("it ends in the middle"));
    let bare = wat::parse_str("(module)").unwrap();
    assert!(
        told(&bare)
            .starts_with("it is a core module that exports nothing, not sluicegate:plugin/descriptor@1.0.0")
    );
    let gone = load(&directory.path().join("none.wasm"), &[]).err().unwrap().to_string();
    assert_eq!(gone, "there is no such file; make it by sluicegate plugin build");
}

#[test]
fn records_of_a_file_are_compared_with_the_verdicts_that_they_are_to_get() {
    let lines = r#"{"name": "good", "record": {"do": "ok"}, "expect": "accept"}

{"record": {"do": "reject"}, "expect": {"reject": ["hostile"]}}
{"record": {"do": "reject"}, "expect": {"reject": ["/do hostile"]}}
{"record": {"do": "reject"}, "expect": {"reject": ["/other hostile"]}}
{"record": {"do": "discard"}, "expect": "discard"}
{"text": "nope", "expect": {"reject": [" json_invalid"]}}
{"record": {"do": "ok"}, "expect": "discard"}
{"record": {"do": "trap"}, "expect": "accept"}"#;
    let reports = judged(&hostile(), lines);
    let well: Vec<bool> = reports.iter().map(CaseReport::is_well).collect();
    assert_eq!(well, [true, true, true, false, true, true, false, false]);
    assert_eq!(reports[0].origin, "records:1");
    assert_eq!(reports[3].expected, "rejected with hostile at /other");
    assert_eq!(reports[3].violations[0].0, "/do");
    assert!(reports[7].got.starts_with("not judged: "), "{}", reports[7].got);
    assert!(reports.iter().all(|report| report.differences.is_empty()), "{reports:?}");
}

#[test]
fn a_plugin_that_remembers_is_found_out() {
    let lines = r#"{"record": {"do": "ok"}, "expect": "accept"}
{"record": {"do": "calls"}, "expect": "accept"}"#;
    let reports = judged(&hostile(), lines);
    assert!(reports[0].is_well(), "{:?}", reports[0]);
    assert!(reports[1].is_as_expected && !reports[1].is_well());
    assert_eq!(
        reports[1].differences[0],
        "on an instance that judged others before its key, headers, value or messages were others than alone on a new \
         one: the plugin remembers what it judged before"
    );
}

#[test]
fn everything_wrong_with_a_file_of_records_is_told_by_its_line() {
    let piece = hostile();
    let problems = CaseFile::read("r", "{\"expect\": \"accept\"}\n{}\n{\"record\": 1, \"expect\": \"maybe\"}\n{\"record\": 1, \"expect\": \"accept\", \"extra\": 1}")
        .unwrap_err();
    let begins = [
        "r:1: a line has either a \"record\" as JSON or a \"text\"",
        "r:2: missing field `expect`",
        "r:3: unknown variant `maybe`, expected one of `accept`, `discard`, `reject`, `warn`",
        "r:4: unknown field `extra`",
    ];
    assert_eq!(problems.len(), begins.len(), "{problems:?}");
    for (problem, begin) in problems.iter().zip(begins) {
        assert!(problem.starts_with(begin), "{problem}");
    }
    let elsewhere =
        CaseFile::read("r", "{\"record\": 1, \"expect\": \"accept\", \"route\": \"/x\"}").unwrap();
    assert_eq!(elsewhere.of(&piece).unwrap_err(), ["r:1: the plugin has no route /x; it has /hostile"]);
    let unknown = "{\"record\": 1, \"expect\": \"accept\", \"settings\": {\"nope\": \"1\"}}";
    let problems = CaseFile::read("r", unknown).unwrap().of(&piece).unwrap_err();
    assert_eq!(problems, ["r:1: the plugin has no setting nope; it has none"]);
    let financial = load(&repository("plugins/financial-transaction.wasm"), &[]).unwrap();
    let problems = CaseFile::read("r", unknown).unwrap().of(&financial).unwrap_err();
    assert!(
        problems[0].starts_with("r:1: the plugin has no setting nope; it has large_amount, "),
        "{problems:?}"
    );
    let empty = CaseFile::read("r", "\n \n").unwrap_err();
    assert!(
        empty[0].starts_with("r: it holds no records; write a line for each, e.g. {\"record\""),
        "{empty:?}"
    );
}

#[test]
fn what_a_record_takes_is_measured_and_a_fault_costs_only_its_own() {
    let config = crate::config::Config::load(crate::config::Flags::default(), std::iter::empty()).unwrap();
    let metrics = Metrics::new(&config.telemetry);
    let options = WorkshopOptions { is_metered: true, ..WorkshopOptions::default() };
    let mut workshop = Workshop::open(config.plugins, metrics, options).unwrap();
    let piece = workshop.load(&repository("tests/fixtures/hostile.wasm")).unwrap();
    let mut bench = piece.bench().unwrap();
    let mut fuel = |what: &str| {
        let body = crate::record::Body::Text(format!(r#"{{"do": "{what}"}}"#).into());
        let record = Record::new(crate::record::RecordIds::minted_at(0).mint(), body);
        let tried = bench.judge(0, &Facts::default(), &record).unwrap();
        (tried.fuel.unwrap(), tried.judgement.findings.len())
    };
    let (small, large) = (fuel("ok").0, fuel("slow:1").0);
    assert!(small > 100 && large > 10 * small, "{small} {large}");
    assert_eq!(fuel("trap").1, 1);
    assert_eq!(fuel("ok").0, small, "the same on every machine, and after a fault");
}

#[test]
fn what_was_compiled_once_is_read_the_next_time_and_what_spoils_there_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let config = crate::config::Config::load(crate::config::Flags::default(), std::iter::empty()).unwrap();
    let load = || {
        let metrics = Metrics::new(&config.telemetry);
        let cache = Some(directory.path().join("compiled"));
        let options = WorkshopOptions { cache, ..WorkshopOptions::default() };
        Workshop::open(config.plugins.clone(), metrics, options)
            .unwrap()
            .load(&repository("tests/fixtures/hostile.wasm"))
            .unwrap()
    };
    let compiled = || {
        let mut files = Vec::new();
        collect(directory.path(), &mut files);
        files
    };
    load();
    let first = compiled();
    assert_eq!(first.len(), 1, "{first:?}");
    let written = std::fs::metadata(&first[0]).unwrap().modified().unwrap();
    judged(&load(), "{\"record\": {\"do\": \"ok\"}, \"expect\": \"accept\"}");
    assert_eq!(std::fs::metadata(&first[0]).unwrap().modified().unwrap(), written, "it was compiled again");
    let others = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path().join("compiled"), others).unwrap();
    std::fs::remove_file(&first[0]).unwrap();
    load();
    assert!(compiled().is_empty(), "what others can write is not used");
    let own = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(directory.path().join("compiled"), own).unwrap();
    load();
    assert_eq!(compiled(), first);
    std::fs::write(&first[0], "spoilt").unwrap();
    judged(&load(), "{\"record\": {\"do\": \"ok\"}, \"expect\": \"accept\"}");
}

/// The compiled code; beside it there is what is known of its use.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_none() {
            files.push(path);
        }
    }
}
