//! The box for a record.

use crate::world::{CLAIM, FINANCIAL, SAMPLES, World, says, transaction};

impl World {
    /// Pastes a record for a route, as a person does.
    fn paste(&mut self, route: &str, record: &str) {
        let browser = &mut self.browser;
        browser.until("the route", &says("#try-route option", route));
        let choose = format!(
            "(() => {{ const choice = document.getElementById('try-route'); choice.value = '{route}'; \
             choice.dispatchEvent(new Event('change')); }})()"
        );
        browser.evaluate(&choose);
        browser.evaluate(
            "(() => { const body = document.getElementById('try-body'); body.focus(); body.select(); })()",
        );
        browser.type_text(record);
    }

    fn judge(&mut self) {
        self.browser.evaluate("document.querySelector('#try-form button').click()");
    }
}

#[test]
fn a_bad_record_shows_its_violations_and_a_good_one_what_would_come_of_it() {
    let mut world = World::with(&SAMPLES, "");
    world.paste(FINANCIAL, &transaction("FT-7").replace("129.95", "-5").replace("EUR", "EURO"));
    world.judge();
    world.browser.until("the verdict", &says("#verdict h3", "rejected"));
    for (place, message) in
        [("/amount", "must be greater than 0"), ("/currency", "must be at most 3 characters long")]
    {
        world.browser.until(place, &says("#verdict li", &format!("{place} {message}")));
    }
    world.paste(FINANCIAL, &transaction("FT-8"));
    // By keyboard: Ctrl and Enter.
    world.browser.press("Enter", 13, 2);
    world.browser.until("the verdict", &says("#verdict h3", "accepted"));
    world.browser.until("its id", &says("#verdict dd", "FT-8"));
    world.browser.until("its topic", &says("#verdict dd", "raw_financial_transactions"));
    world.browser.until("what it measures", &says("#verdict li", "currency=EUR"));
    world.paste(CLAIM, "");
    world.browser.evaluate("document.getElementById('try-body').value = ' '");
    world.judge();
    world.browser.until("that there is none", &says("#verdict li", "the whole record"));
    // Nothing of it was delivered or counted.
    let scene = world.get("/console.json").json();
    assert_eq!((&scene["records"], &scene["topics"]), (&serde_json::json!([]), &serde_json::json!([])));
    world.is_sound();
}

#[test]
fn a_path_with_a_parameter_is_completed_by_the_person() {
    let settings = "[plugin.conformance.settings]\nregion = \"north\"\napi_token = \"x\"\n";
    let mut world = World::with(&["tests/fixtures/conformance.wasm"], settings);
    world.paste("/conformance/{tenant}/commands", r#"{"do":"echo"}"#);
    world.browser.until("the field for it", "!document.getElementById('try-path-field').hidden");
    world.browser.evaluate("document.getElementById('try-path').value = '/conformance/käse & co/commands'");
    world.judge();
    world.browser.until("what the plugin was shown", &says("#verdict dd", r"k\u{e4}se & co"));
    world.is_sound();
}
