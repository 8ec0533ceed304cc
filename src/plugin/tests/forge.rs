//! Plugins written by hand in WebAssembly's text format, as a compiler for wasip1 that knows nothing of components
//! would write them.

use std::fmt::Write;

/// Where the module's own data begins; below is what its code uses as scratch.
const DATA: u32 = 1024;

/// A core module that serves `POST /forged` under this name, with this body of `judge` and these further
/// definitions. `judge` leaves the address of a judgement; `$discard` is the one of a single discarded record.
pub(super) fn module(name: &str, judge: &str, more: &str) -> Vec<u8> {
    module_at(name, "/forged", judge, more)
}

/// One that discards the only record of a call, at a path of its own.
pub(super) fn module_on(name: &str, path: &str) -> Vec<u8> {
    module_at(name, path, "(global.get $discard)", "")
}

fn module_at(name: &str, path: &str, judge: &str, more: &str) -> Vec<u8> {
    let mut data = Data::default();
    let manifest = manifest(&mut data, name, path);
    let reason = data.text("forged");
    // verdict: 3 = discard, a string in its payload; judgement: verdicts, measurements, attribute sets.
    let verdict = data.words(&[3, 0, reason.0, reason.1], 8);
    let discard = data.words(&[verdict, 1, 0, 0, 0, 0], 4);
    let text = format!(
        r#"(module
            {more}
            (memory (export "memory") 2)
            (global $discard i32 (i32.const {discard}))
            (global $free (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
              (local $at i32)
              (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
              (global.set $free (i32.add (local.get $at) (local.get 3)))
              (local.get $at))
            (func (export "sluicegate:plugin/descriptor@1.0.0#describe") (result i32) (i32.const {manifest}))
            (func (export "sluicegate:plugin/rules@1.0.0#judge")
              (param i32 i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
              {judge})
            (data (i32.const {DATA}) "{}"))"#,
        data.escaped()
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// `result<manifest, string>`: 0 = ok, then the manifest's eight pairs.
fn manifest(data: &mut Data, name: &str, path: &str) -> u32 {
    let (name, version, path) = (data.text(name), data.text("1.0.0"), data.text(path));
    let (title, topic) = (data.text("Forged record"), data.text("forged"));
    let topics = data.words(&[topic.0, topic.1], 4);
    let none = [0, 0];
    let mut route = vec![path.0, path.1, /* input: json */ 0, 0, 0, title.0, title.1];
    route.extend(none); // id-field
    route.extend([topics, 1]);
    route.extend([none, none, none, none].concat()); // summary, schema, examples, extensions
    let routes = data.words(&route, 4);
    let mut manifest = vec![/* ok */ 0, name.0, name.1, version.0, version.1];
    manifest.extend(none); // description
    manifest.extend([routes, 1]);
    manifest.extend([none, none, none, none].concat()); // instruments, request-headers, settings, extensions
    data.words(&manifest, 4)
}

#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
}

impl Data {
    /// Address and length.
    fn text(&mut self, text: &str) -> (u32, u32) {
        let at = DATA + self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        (at, text.len() as u32)
    }

    fn words(&mut self, words: &[u32], align: usize) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(align), 0);
        let at = DATA + self.bytes.len() as u32;
        words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
        at
    }

    fn escaped(&self) -> String {
        self.bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\{byte:02x}");
            text
        })
    }
}
