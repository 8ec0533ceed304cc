//! What a plugin may ask of the gateway; natively, of the test that runs it.

pub(crate) use imported::{SETTINGS_LAST, log, setting};

#[cfg(target_arch = "wasm32")]
mod imported {
    use crate::bindings::sluicegate::plugin::{config, logging};

    /// Whether a setting stays as it is once it has been read.
    pub(crate) const SETTINGS_LAST: bool = true;

    pub(crate) fn setting(key: &str) -> Option<String> {
        config::get(key)
    }

    pub(crate) fn log(level: logging::Level, message: &str) {
        logging::log(level, message);
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imported {
    use crate::bindings::sluicegate::plugin::logging;

    /// Whether a setting stays as it is once it has been read: each test has its own.
    pub(crate) const SETTINGS_LAST: bool = false;

    pub(crate) fn setting(key: &str) -> Option<String> {
        crate::test::host::setting(key)
    }

    pub(crate) fn log(level: logging::Level, message: &str) {
        crate::test::host::log(level, message);
    }
}
