//! What makes a plugin of a crate.

pub use crate::plugin::{declare, judge};

/// Sends a panic's message and place to the gateway's log before it traps: a bare trap tells neither.
#[cfg(target_arch = "wasm32")]
pub fn report_panics() {
    use std::sync::Once;

    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| crate::log::error(panic.to_string()))));
}

/// Makes a plugin of routes, meters and settings: the component's exports, a `static PLUGIN` for tests, and a
/// test of the examples.
///
/// Only `routes` must be there; the order is fixed. Name, version and description are the crate's own if they
/// are not given.
///
/// ```text
/// plugin! {
///     name: "payments",
///     version: "1.2.0",
///     description: include_str!("../README.md"),
///     routes: [Payment, Refund],
///     meters: [PAYMENTS, AMOUNT],
///     settings: [LARGE_AMOUNT],
///     request_headers: ["x-tenant"],
/// }
/// ```
#[macro_export]
macro_rules! plugin {
    (
        $(name: $name:expr,)?
        $(version: $version:expr,)?
        $(description: $description:expr,)?
        routes: [$($route:ident),+ $(,)?]
        $(, meters: [$($meter:path),* $(,)?])?
        $(, settings: [$($setting:path),* $(,)?])?
        $(, request_headers: [$($header:expr),* $(,)?])?
        $(,)?
    ) => {
        /// The plugin.
        pub static PLUGIN: $crate::Plugin = $crate::Plugin {
            name: $crate::first!($($name,)? env!("CARGO_PKG_NAME")),
            version: $crate::first!($($version,)? env!("CARGO_PKG_VERSION")),
            description: $crate::first!($($description,)? env!("CARGO_PKG_DESCRIPTION")),
            routes: &[$($crate::Entry::new(
                <$route as $crate::Route>::PATH,
                || $crate::guest::declare::<$route>(),
                |body, out| $crate::guest::judge::<$route>(body, out),
            )),+],
            meters: &[$($($meter.instrument()),*)?],
            settings: &[$($($setting.declared()),*)?],
            request_headers: &[$($($header),*)?],
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::exports::sluicegate::plugin::descriptor::Guest for Component {
                fn describe() -> Result<$crate::contract::Manifest, String> {
                    $crate::guest::report_panics();
                    PLUGIN.describe()
                }
            }

            impl $crate::bindings::exports::sluicegate::plugin::rules::Guest for Component {
                fn judge(
                    request: $crate::contract::Request,
                    items: Vec<$crate::contract::Item>,
                ) -> $crate::contract::Judgement {
                    $crate::guest::report_panics();
                    PLUGIN.judge(&request, &items)
                }
            }

            $crate::bindings::export!(Component with_types_in $crate::bindings);
        };

        #[cfg(test)]
        mod examples {
            #[test]
            fn every_example_is_judged_as_it_says() {
                $crate::test::examples(&super::PLUGIN);
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}
