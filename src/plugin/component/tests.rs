use super::*;

fn refused(bytes: &[u8]) -> String {
    of(bytes).expect_err("taken for a plugin").to_string()
}

fn refused_text(text: &str) -> String {
    refused(&wat::parse_str(text).unwrap())
}

/// A component that exports the contract's interfaces, empty as they may be, of this version.
fn exporting(version: &str, imports: &str) -> String {
    format!(
        r#"(component {imports}
            (instance $empty)
            (export "sluicegate:plugin/descriptor@{version}" (instance $empty))
            (export "sluicegate:plugin/rules@{version}" (instance $empty)))"#
    )
}

#[test]
fn what_is_not_webassembly_is_named_for_what_it_is() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "the file is empty; write the built plugin to another name and rename it to this one"),
        (
            b"#!/bin/sh\necho hello",
            "it is a text that begins with \"#!/bin/sh\\necho hello\", not WebAssembly; the built .wasm file is wanted",
        ),
        (b"\x7fELF\x02\x01\x01\x00", "it is a native executable or library (ELF), not WebAssembly"),
        (b"\x1f\x8b\x08\x00", "it is compressed by gzip, not WebAssembly"),
        (b"PK\x03\x04", "it is a zip archive, not WebAssembly"),
        (
            b"\x01\x02\x03\x04\x05",
            "it is a file that begins with the bytes [01, 02, 03, 04, 05], not WebAssembly",
        ),
        (
            b"\0asm",
            "it ends in the middle: it has 4 bytes; copy it again, best to another name, then rename it",
        ),
    ];
    for (bytes, sentence) in cases {
        let refusal = refused(bytes);
        assert!(refusal.starts_with(sentence), "{refusal}");
    }
}

#[test]
fn a_cut_and_a_spoilt_file_are_told_apart() {
    let whole = wat::parse_str(r#"(module (func (export "f")) (data "0123456789"))"#).unwrap();
    assert!(refused(&whole[..whole.len() - 2]).starts_with("it ends in the middle: "));
    let mut spoilt = whole.clone();
    spoilt[9] = 0xff;
    let refusal = refused(&spoilt);
    assert!(
        refusal.starts_with("it is not valid WebAssembly: ") || refusal.starts_with("it ends in the middle")
    );
    assert!(refusal.ends_with("build it anew") || refusal.ends_with("then rename it"), "{refusal}");
}

#[test]
fn another_world_is_told_by_what_it_exports() {
    assert_eq!(
        refused_text(
            r#"(component (instance $i) (export "wasi:http/incoming-handler@0.2.3" (instance $i)))"#
        ),
        "it is a component that exports wasi:http/incoming-handler@0.2.3, not sluicegate:plugin/descriptor@1.0.0; build it \
         for the world 'plugin' of wit/plugin.wit"
    );
    assert_eq!(
        refused_text("(module)"),
        "it is a core module that exports nothing, not sluicegate:plugin/descriptor@1.0.0; build it for the world 'plugin' \
         of wit/plugin.wit"
    );
    let many = "(func (export \"a\")) (func (export \"b\")) (func (export \"c\")) (func (export \"d\"))
                (func (export \"e\")) (func (export \"f\"))";
    assert!(refused_text(&format!("(module {many})")).contains("exports a, b, c, d, e and 1 more, not"));
}

#[test]
fn another_major_version_is_named() {
    assert_eq!(
        refused_text(&exporting("2.1.0", "")),
        "it is built for version 2.1.0 of sluicegate:plugin, and this gateway serves 1.x; build it against the wit/ \
         of this gateway, or update the gateway"
    );
    let import = r#"(import "sluicegate:plugin/logging@3.0.0" (instance))"#;
    assert!(refused_text(&exporting("1.0.0", import)).starts_with("it is built for version 3.0.0"));
}

#[test]
fn a_later_minor_version_is_let_through_to_the_linker() {
    let import = r#"(import "sluicegate:plugin/config@1.4.0" (instance))"#;
    assert!(of(&wat::parse_str(exporting("1.2.0", import)).unwrap()).is_ok());
}

#[test]
fn a_component_that_imports_wasi_is_told_how_to_build_without() {
    let imports = r#"(import "wasi:cli/environment@0.2.3" (instance)) (import "wasi:clocks/wall-clock@0.2.3" (instance))
        (import "sluicegate:plugin/logging@1.0.0" (instance))"#;
    assert_eq!(
        refused_text(&exporting("1.0.0", imports)),
        "it imports wasi:cli/environment@0.2.3, wasi:clocks/wall-clock@0.2.3, and a plugin may import nothing but \
         sluicegate:plugin/logging and sluicegate:plugin/config; build without WASI: Rust for the target \
         wasm32-unknown-unknown, JavaScript by jco componentize with --backend qjs --backend-qjs-stub-wasi, Python \
         by componentize-py componentize -s, Go and C as the core module that the compiler writes, without an \
         adapter"
    );
}

#[test]
fn other_imports_are_named_with_what_to_do() {
    let refusal = refused_text(&exporting("1.0.0", r#"(import "acme:database/query@1.0.0" (instance))"#));
    assert!(refusal.contains("it imports acme:database/query@1.0.0, and"), "{refusal}");
    assert!(refusal.ends_with("remove what calls it, or link it in"), "{refusal}");
    let refusal = refused_text(r#"(module (import "env" "abort" (func)))"#);
    assert!(refusal.contains("it imports env#abort, and"), "{refusal}");
    let refusal = refused_text(r#"(module (import "wasi_unstable" "fd_write" (func)))"#);
    assert!(refusal.contains("only wasi_snapshot_preview1 is met"), "{refusal}");
    let later = exporting("1.0.0", r#"(import "sluicegate:plugin/clock@1.1.0" (instance))"#);
    assert!(refused_text(&later).ends_with("it is built for a later contract: update the gateway"));
}

#[test]
fn the_adapters_own_interface_is_for_nobody_else() {
    let import = format!(r#"(import "{}" (instance))"#, adapter::INTERFACE);
    assert!(
        refused_text(&exporting("1.0.0", &import)).contains("it imports sluicegate:adapter/process@1.0.0")
    );
    let refusal =
        refused_text(r#"(module (import "sluicegate:adapter/process@1.0.0" "exit" (func (param i32))))"#);
    assert!(refusal.contains("it imports sluicegate:adapter/process@1.0.0#exit"), "{refusal}");
}

#[test]
fn a_module_with_a_wrong_signature_is_told_by_the_function() {
    let refusal = refused_text(
        r#"(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "sluicegate:plugin/descriptor@1.0.0#describe") (result i64) unreachable)
            (func (export "sluicegate:plugin/rules@1.0.0#judge") unreachable))"#,
    );
    assert!(refusal.starts_with("it cannot be made a component: "), "{refusal}");
    assert!(refusal.contains("describe"), "{refusal}");
}
