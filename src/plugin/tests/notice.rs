//! What is configured for plugins that are not there.

use super::*;

fn named(bench: &mut Bench, name: &str) {
    bench.config.plugins.insert(name.to_owned(), PluginConfig::default());
}

#[test]
fn a_section_for_a_plugin_that_is_not_there_is_told_with_what_was_meant() {
    let mut bench = Bench::new();
    for name in ["swap", "sawp", "something-else", "broken"] {
        named(&mut bench, name);
    }
    bench.config.required = vec!["swpa".to_owned(), "nowhere-near".to_owned()];
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    // It is refused before it says its name: the section may well be its.
    bench.put("broken.wasm", &fixture("describe-traps.wasm"));
    let status = bench.start().status();
    assert_eq!(
        status.notices,
        [
            "[plugin.sawp] has no effect: no plugin has this name; did you mean [plugin.swap]?",
            "[plugin.something-else] has no effect: no plugin has this name; the plugins are swap",
            "plugins.required names 'swpa', and no plugin has this name; did you mean 'swap'?",
        ]
    );
    assert_eq!(status.missing, ["swpa", "nowhere-near"]);
}

#[test]
fn a_notice_ends_when_the_plugin_comes() {
    let mut bench = Bench::new();
    named(&mut bench, "swap");
    assert_eq!(
        bench.start().status().notices,
        ["[plugin.swap] has no effect: no plugin has this name; no plugin is loaded"]
    );
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    bench.until("has nothing to notice", |status| status.notices.is_empty());
}

#[test]
fn a_section_for_a_route_that_the_plugin_does_not_have_is_told_with_what_was_meant() {
    let mut bench = Bench::new();
    let routes = ["/swap", "/sawp", "/quite-another"].map(|path| (path.to_owned(), RoutePolicy::default()));
    let operator = PluginConfig { routes: routes.into(), ..PluginConfig::default() };
    bench.config.plugins.insert("swap".to_owned(), operator);
    bench.put("swap.wasm", &fixture("swap-v1.wasm"));
    assert_eq!(
        bench.start().status().notices,
        [
            "[plugin.swap.routes.\"/quite-another\"] has no effect: the plugin has no such route; its routes are /swap",
            "[plugin.swap.routes.\"/sawp\"] has no effect: the plugin has no such route; did you mean \
             [plugin.swap.routes.\"/swap\"]?",
        ]
    );
}
