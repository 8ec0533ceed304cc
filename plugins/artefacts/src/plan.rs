/// A component that is committed, and what it is made of.
pub struct Artefact {
    /// Where it is committed, from the repository's root.
    pub file: &'static str,
    /// The crate's directory, from the repository's root.
    pub sources: &'static str,
    pub package: &'static str,
    pub features: &'static str,
    pub profile: &'static str,
}

/// What all of them are made of, beside their own crate: the contract, the SDK, and how they are built.
pub const SHARED: &[&str] = &[
    "wit",
    "plugins/Cargo.toml",
    "plugins/Cargo.lock",
    "plugins/sdk/Cargo.toml",
    "plugins/sdk/src",
    "plugins/sdk/derive",
    "plugins/artefacts/src/toolchain.rs",
];

pub const ARTEFACTS: &[Artefact] = &[
    sample("plugins/financial-transaction.wasm", "plugins/financial-transaction", "financial-transaction"),
    sample("plugins/insurance-claim.wasm", "plugins/insurance-claim", "insurance-claim"),
    fixture("tests/fixtures/conformance.wasm", "plugins/fixtures/conformance", "conformance", ""),
    fixture("tests/fixtures/hostile.wasm", "plugins/fixtures/hostile", "hostile", ""),
    fixture("tests/fixtures/swap-v1.wasm", "plugins/fixtures/swap", "swap", ""),
    fixture("tests/fixtures/swap-v2.wasm", "plugins/fixtures/swap", "swap", "v2"),
    fixture("tests/fixtures/describe-traps.wasm", "plugins/fixtures/broken", "broken", "describe-traps"),
    fixture("tests/fixtures/describe-refuses.wasm", "plugins/fixtures/broken", "broken", "describe-refuses"),
    fixture("tests/fixtures/wrong-example.wasm", "plugins/fixtures/broken", "broken", "wrong-example"),
];

const fn sample(file: &'static str, sources: &'static str, package: &'static str) -> Artefact {
    Artefact { file, sources, package, features: "", profile: "release" }
}

const fn fixture(
    file: &'static str,
    sources: &'static str,
    package: &'static str,
    features: &'static str,
) -> Artefact {
    Artefact { file, sources, package, features, profile: "fixture" }
}
