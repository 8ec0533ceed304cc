//! The languages that there are templates for.

use clap::ValueEnum;
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    Rust,
    Typescript,
    Javascript,
    Python,
    Go,
    C,
}

impl Language {
    /// What brings the tools into a new project, where they belong to it and a build does not bring them.
    pub fn tools(self) -> Option<&'static str> {
        match self {
            Language::Python => Some("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
            Language::C => Some("python3 -m venv .venv && .venv/bin/pip install ziglang"),
            Language::Rust => Some("rustup target add wasm32-unknown-unknown"),
            Language::Typescript | Language::Javascript | Language::Go => None,
        }
    }

    /// As people write it.
    pub fn title(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Typescript => "TypeScript",
            Language::Javascript => "JavaScript",
            Language::Python => "Python",
            Language::Go => "Go",
            Language::C => "C",
        }
    }
}
