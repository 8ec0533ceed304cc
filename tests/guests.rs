//! The SDK and the sample plugins are a workspace of their own; `cargo test` runs their tests too.

use std::process::Command;

#[test]
fn the_sdk_and_the_samples_pass_their_own_tests() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--workspace", "--manifest-path", manifest])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let passed: usize = printed
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<usize>().ok())
        .sum();
    println!("{passed} tests of the guests' workspace passed");
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(passed > 0, "no test ran:\n{printed}");
}
