//! Messages to the gateway's own log, which limits their rate and adds the plugin's name.

pub use crate::bindings::sluicegate::plugin::logging::Level;
use crate::host;

macro_rules! level {
    ($($(#[$doc:meta])* $name:ident, $level:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(message: impl AsRef<str>) {
            host::log(Level::$level, message.as_ref());
        }
    )*};
}

level! {
    /// Of each record.
    trace, Trace;
    /// Of each request.
    debug, Debug;
    /// Changes of state.
    info, Info;
    /// Surprising, but dealt with.
    warn, Warn;
    /// Someone is needed.
    error, Error;
}
