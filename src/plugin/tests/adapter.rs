//! Core modules of toolchains that know nothing of components, only of wasip1.

use super::forge::module;
use super::*;
use crate::verdict::{FaultKind, Finding, Verdict};
use std::io::Write;

/// Prints a text to a file descriptor, in two pieces.
const PRINT: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (func $print (param $fd i32) (param $at i32) (param $length i32)
      (local $half i32)
      (local.set $half (i32.div_u (local.get $length) (i32.const 2)))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $half))
      (i32.store (i32.const 8) (i32.add (local.get $at) (local.get $half)))
      (i32.store (i32.const 12) (i32.sub (local.get $length) (local.get $half)))
      (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 2) (i32.const 16)) (then unreachable))
      (if (i32.ne (i32.load (i32.const 16)) (local.get $length)) (then unreachable)))"#;

fn bench(judge: &str, more: &str) -> Bench {
    let mut bench = Bench::new();
    bench.put("forged.wasm", &module("forged", judge, more));
    bench.start();
    assert!(bench.status().refused.is_empty(), "{:#?}", bench.status());
    bench
}

async fn judge(bench: &Bench) -> Finding {
    bench.judge("/forged", &["{}"]).await.findings.remove(0)
}

fn is_discarded(finding: &Finding) -> bool {
    matches!(finding, Finding::Verdict(Verdict::Discard(why)) if why == "forged")
}

#[tokio::test]
async fn a_core_module_without_a_component_type_serves() {
    assert!(is_discarded(&judge(&bench("(global.get $discard)", "")).await));
}

#[tokio::test]
async fn what_is_printed_reaches_the_log_a_line_each() {
    let more = format!(r#"{PRINT} (data (i32.const 512) "one\ntwo\nthree") (data (i32.const 600) "bad\n")"#);
    let bench = bench(
        "(call $print (i32.const 1) (i32.const 512) (i32.const 13))
         (call $print (i32.const 2) (i32.const 600) (i32.const 4))
         (global.get $discard)",
        &more,
    );
    let lines = Lines::default();
    let (writer, subscriber) = (lines.clone(), tracing_subscriber::fmt());
    let subscriber = subscriber.with_writer(move || writer.clone()).with_ansi(false).finish();
    let found = {
        let _guard = tracing::subscriber::set_default(subscriber);
        judge(&bench).await
    };
    assert!(is_discarded(&found), "{found:?}");
    let text = String::from_utf8(lines.0.lock().clone()).unwrap();
    for (level, line) in [("INFO", "one"), ("INFO", "two"), ("WARN", "bad"), ("INFO", "three")] {
        let said = format!("{level} plugin: plugin says plugin=\"forged\" text=\"{line}\"");
        assert!(text.contains(&said), "no {said} in {text}");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_that_is_printed_explains_the_fault() {
    let more = format!(r#"{PRINT} (data (i32.const 512) "panic: boom\n\ngoroutine 1 [running]:\n")"#);
    let bench = bench("(call $print (i32.const 2) (i32.const 512) (i32.const 36)) unreachable", &more);
    let Finding::Fault(fault) = judge(&bench).await else { panic!("no fault") };
    assert_eq!((fault.kind, fault.detail.as_str()), (FaultKind::Trap, "panic: boom"));
}

#[tokio::test]
async fn exit_is_a_fault_with_its_code() {
    let more = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    let Finding::Fault(fault) = judge(&bench("(call $exit (i32.const 7)) unreachable", more)).await else {
        panic!("no fault")
    };
    assert_eq!((fault.kind, fault.detail.as_str()), (FaultKind::Trap, "ended itself with exit code 7"));
}

#[tokio::test]
async fn nothing_waits_and_nothing_differs_from_run_to_run() {
    // Sleeps for an hour, looks at the clock and at randomness, and traps unless both are what they always are.
    let more = r#"
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open"
          (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#;
    let bench = bench(
        "(i64.store (i32.const 24) (i64.const 3600000000000))
         (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256)))
         (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 264)))
         (if (i64.lt_u (i64.load (i32.const 264)) (i64.const 1700003600000000000)) (then unreachable))
         (drop (call $random (i32.const 272) (i32.const 8)))
         (if (i64.eqz (i64.load (i32.const 272))) (then unreachable))
         (if (i32.ne (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
               (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 280)) (i32.const 8)) (then unreachable))
         (global.get $discard)",
        more,
    );
    assert!(is_discarded(&judge(&bench).await));
}
