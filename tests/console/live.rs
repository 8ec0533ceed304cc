//! What the page shows of a gateway at work.

use crate::browser::{PATIENCE, Scheme};
use crate::world::{CLAIM, FINANCIAL, SAMPLES, STATE, World, says, transaction};
use std::time::{Duration, Instant};

#[test]
fn both_samples_are_shown_by_a_page_that_is_small_and_asks_nobody_else() {
    let mut world = World::with(&SAMPLES, "");
    let browser = &mut world.browser;
    browser.until("readiness", &format!("{STATE} === 'Ready'"));
    for (name, route) in [("financial-transaction", FINANCIAL), ("insurance-claim", CLAIM)] {
        browser.until(name, &says(".plugin h3", name));
        browser.until(route, &says(".plugin dd", route));
        browser.until("its chart", &says(".route h3", route));
    }
    browser.until("a digest", "/^[0-9a-f]{64}$/.test(document.querySelector('.plugin dd.mono').textContent)");
    let bytes = browser.page_bytes();
    println!("the page takes {bytes} bytes");
    assert!((5_000..200 << 10).contains(&bytes), "{bytes}");
    world.is_sound();
}

#[test]
fn a_plugin_that_comes_changes_breaks_and_goes_is_seen_without_a_reload_of_the_page() {
    let mut world = World::with(&SAMPLES, "[plugins]\nremoval_grace_ms = 50\n");
    world.browser.evaluate("window.mark = 'the same page'");
    world.put("tests/fixtures/swap-v1.wasm", "swap.wasm");
    world.browser.until("a plugin that came", &says(".plugin h3", "swap 1.0.0"));
    world.browser.until("its route to try", &says("#try-route option", "/swap"));
    world.put("tests/fixtures/swap-v2.wasm", "swap.wasm");
    world.browser.until("its next version", &says(".plugin h3", "swap 2.0.0"));
    world.browser.until("its generation", &says(".plugin dd", "2, loaded"));
    world.put("tests/fixtures/describe-traps.wasm", "swap.wasm");
    world.browser.until("why the next is refused", &says(".plugin .box", "A newer file is refused."));
    world.browser.until("what serves meanwhile", &says(".plugin .badge", "serving the last good version"));
    world.put("tests/fixtures/describe-refuses.wasm", "other.wasm");
    world.browser.until("a file that serves nothing", &says("#refused-files li", "other.wasm is refused"));
    std::fs::remove_file(world.plugins().join("swap.wasm")).unwrap();
    world.browser.until("that it went", &format!("!{}", says(".plugin h3", "swap")));
    assert_eq!(world.browser.evaluate("window.mark"), "the same page");
    world.is_sound();
}

#[test]
fn charts_counts_and_violations_move_under_load() {
    let mut world = World::with(&SAMPLES, "");
    let card = format!(".route[data-route='{FINANCIAL}']");
    let line = format!("document.querySelector(\"{card} path.committed\")?.getAttribute('d')");
    let start = Instant::now();
    let mut shapes = std::collections::BTreeSet::new();
    let moving = says(&format!("{card} .legend"), "/s (");
    let mut number = 0;
    while shapes.len() < 4 {
        assert!(start.elapsed() < PATIENCE, "the chart does not move: {shapes:?}");
        number += 1;
        let wrong = transaction("x").replace("129.95", "\"4111111111111111x\"");
        let body = format!("{}\n{}\n{wrong}\n", transaction(&number.to_string()), transaction("y"));
        assert_eq!(world.post(FINANCIAL, &body).status, 207);
        if let Some(shape) = world.browser.evaluate(&line).as_str().filter(|shape| shape.contains('L')) {
            shapes.insert(shape.to_owned());
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    world.browser.until("a rate", &moving);
    let rate = format!(
        "[...document.querySelectorAll(\"{card} .legend li.committed\")].some((item) => / [1-9][0-9.]*\\/s/.test(item.textContent))"
    );
    world.browser.until("a rate that is not zero", &rate);
    world
        .browser
        .until("rejects by reason", &says(&format!("{card} figure:not([hidden]) .legend"), "float_parsing"));
    world.browser.until(
        "a picture in words",
        &format!("document.querySelector(\"{card} svg\").getAttribute('aria-label').includes('committed')"),
    );
    world.browser.until("a violation", &says("#violations-table td", "/amount"));
    world.browser.until("a topic", &says("#topics-table td", "raw_financial_transactions"));
    world.browser.until("that no value is shown", "!document.body.textContent.includes('4111111111111111')");
    world.is_sound();
}

#[test]
fn what_plugins_and_records_say_is_shown_as_text_whatever_it_looks_like() {
    let mut world = World::with(
        &[],
        "[admin]\nviolations_shown = \"full\"\n[plugin.conformance.settings]\nregion = \"north\"\napi_token = \"x\"\n",
    );
    // The same component with another word of the same length in its message.
    let mut swap = std::fs::read(crate::process::repository("tests/fixtures/swap-v1.wasm")).unwrap();
    let (word, markup) = (b"rejected by ", b"<i id=xss>, ");
    let at = swap.windows(word.len()).position(|found| found == word).unwrap();
    swap[at..at + word.len()].copy_from_slice(markup);
    world.put_bytes(&swap, "<b>swap<!--.wasm");
    world.put("tests/fixtures/conformance.wasm", "conformance.wasm");
    world.browser.until("the plugin", &says(".plugin h3", "swap 1.0.0"));
    world.browser.until("its file", &says(".plugin dd", "<b>swap<!--.wasm"));
    assert_eq!(world.post("/swap", r#"{"reject":true}"#).status, 422);
    world.browser.until("its message", &says("#violations-table td.message", "<i id=xss>, v1"));
    let pointed = r#"{"do":"accept","labels":{"<img id=xss src=x onerror=alert(1)>":"perhaps"}}"#;
    world.browser.until("the other", &says(".plugin h3", "conformance"));
    assert_eq!(world.post("/conformance/a/commands", pointed).status, 422);
    world.browser.until("a place of markup", &says("#violations-table td", "/labels/<img id=xss"));
    world.browser.evaluate("document.getElementById('try-route').value = '/swap'");
    world.browser.evaluate("document.getElementById('try-body').value = '{\"reject\":true}'");
    world.browser.evaluate("document.querySelector('#try-form button').click()");
    world.browser.until("its verdict", &says("#verdict li", "<i id=xss>, v1"));
    assert_eq!(world.browser.evaluate("document.querySelectorAll('#xss, img, main b').length"), 0);
    world.is_sound();
}

#[test]
fn a_gateway_that_does_not_answer_is_told_and_so_is_its_return() {
    let mut world = World::with(&SAMPLES, "");
    world.browser.until("readiness", &format!("{STATE} === 'Ready'"));
    world.gateway.freeze();
    world.browser.until(
        "that it is gone",
        &format!("{STATE}.startsWith('Unreachable: it does not answer; what is shown is of ')"),
    );
    assert_eq!(world.browser.evaluate("document.body.classList.contains('stale')"), true);
    world.gateway.signal("-CONT");
    world.browser.until("its return", &format!("{STATE} === 'Ready'"));
    assert_eq!(world.browser.evaluate("document.body.classList.contains('stale')"), false);
    world.gateway.kill();
    world.browser.until("its end", &format!("{STATE}.startsWith('Unreachable')"));
}

#[test]
fn a_tab_that_nobody_sees_asks_nothing_and_goes_on_when_it_is_seen() {
    let mut world = World::with(&SAMPLES, "");
    let browser = &mut world.browser;
    let show = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    browser.evaluate(&show(true));
    browser.until("the pause", &format!("{STATE}.startsWith('Paused')"));
    let asked = browser.requests().len();
    std::thread::park_timeout(Duration::from_secs(3));
    // One may have been on its way.
    assert!(browser.requests().len() <= asked + 1);
    browser.evaluate(&show(false));
    browser.until("going on", &format!("{STATE} === 'Ready'"));
    world.is_sound();
}

#[test]
fn the_page_fits_a_phone_and_is_walked_through_by_keyboard() {
    let mut world = World::with(&SAMPLES, "");
    world.post(FINANCIAL, &format!("{}\n{{}}\n", transaction("1")));
    let browser = &mut world.browser;
    for scheme in [Scheme::Light, Scheme::Dark] {
        for width in [360, 768, 1280] {
            browser.resize(width, 800, scheme);
            browser.until("a row", "document.querySelector('#violations-table td') !== null");
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} on {width}, {scheme:?}");
        }
        let colours = "getComputedStyle(document.body).backgroundColor";
        let dark = browser.evaluate(&format!("Number(/\\d+/.exec({colours})[0]) < 60"));
        assert_eq!(dark, scheme == Scheme::Dark);
    }
    browser.evaluate("document.activeElement.blur()");
    let mut reached = Vec::new();
    for _ in 0..16 {
        browser.press("Tab", 9, 0);
        let focused =
            browser.evaluate("document.activeElement.id || document.activeElement.textContent.trim()");
        reached.push(focused.as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(reached[0], "Skip to the content");
    for wanted in ["Try a record", "try-route", "try-body", "try-type", "Judge"] {
        assert!(reached.iter().any(|one| one == wanted), "{wanted}: {reached:?}");
    }
    let nameless = "[...document.querySelectorAll('input, select, textarea')].filter((field) => field.labels.length === 0).length";
    assert_eq!(browser.evaluate(nameless), 0);
    world.is_sound();
}
