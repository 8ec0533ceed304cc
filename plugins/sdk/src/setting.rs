use std::fmt::Display;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::{contract, host};

/// Something an operator may or must set. Make it a `static`, list it in `plugin!`, and [`get`](Setting::get)
/// it wherever it is needed.
pub struct Setting<T> {
    key: &'static str,
    description: &'static str,
    default: Option<&'static str>,
    secret: bool,
    value: OnceLock<T>,
}

/// A setting without a default: the operator must give a value, which is read as a `T`.
pub const fn setting<T>(key: &'static str, description: &'static str) -> Setting<T> {
    Setting { key, description, default: None, secret: false, value: OnceLock::new() }
}

impl<T> Setting<T> {
    /// With the value it has if the operator gives none, as the operator would write it.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Never shown again once given.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

impl<T: FromStr<Err: Display> + Clone + Send + Sync> Setting<T> {
    /// The value.
    ///
    /// # Panics
    ///
    /// If the operator has given none and there is no default, or if it cannot be read; the gateway does not
    /// load such a plugin.
    pub fn get(&self) -> T {
        self.with(T::clone)
    }

    /// What `ask` says of the value, which is not copied for it.
    ///
    /// # Panics
    ///
    /// As [`Setting::get`].
    pub fn with<A>(&self, ask: impl FnOnce(&T) -> A) -> A {
        if host::SETTINGS_LAST {
            return ask(self.value.get_or_init(|| self.read_or_panic()));
        }
        ask(&self.read_or_panic())
    }

    /// The setting, for the list of them.
    pub const fn declared(&'static self) -> Declared {
        Declared { setting: self }
    }

    fn read_or_panic(&self) -> T {
        match self.read() {
            Ok(Some(value)) => value,
            Ok(None) => panic!("the setting {} has no value: the operator must give it one", self.key),
            Err(wrong) => panic!("{wrong}"),
        }
    }

    fn read(&self) -> Result<Option<T>, String> {
        let given = host::setting(self.key);
        let Some(text) = given.as_deref().or(self.default) else { return Ok(None) };
        let shown = if self.secret { "the value" } else { text };
        text.parse().map(Some).map_err(|wrong| {
            format!("the setting {} cannot be read: {shown}: {wrong}; {}", self.key, self.description)
        })
    }
}

/// A setting as the list of them in `plugin!` has it, whatever its type.
#[derive(Clone, Copy)]
pub struct Declared {
    setting: &'static dyn Declare,
}

impl Declared {
    pub(crate) fn declare(&self) -> contract::Setting {
        self.setting.declare()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.setting.check()
    }
}

trait Declare: Sync {
    fn declare(&self) -> contract::Setting;
    fn check(&self) -> Result<(), String>;
}

impl<T: FromStr<Err: Display> + Clone + Send + Sync> Declare for Setting<T> {
    fn declare(&self) -> contract::Setting {
        contract::Setting {
            key: self.key.to_owned(),
            description: self.description.to_owned(),
            default: self.default.map(str::to_owned),
            secret: self.secret,
        }
    }

    fn check(&self) -> Result<(), String> {
        self.read().map(|_| ())
    }
}
