//! The documentation of the live routes, on the data port: read, and tried out.

use crate::world::{CLAIM, FINANCIAL, SAMPLES, World, says};

/// Opens a route's part of the page.
fn open(world: &mut World, path: &str) {
    let path = serde_json::json!(path);
    world.browser.evaluate(&format!(
        "[...document.querySelectorAll('.opblock')].find((one) => one.querySelector('[data-path]').dataset.path === {path})\
         .querySelector('.opblock-summary-control').click()"
    ));
    world.browser.until("what is to be sent", "document.querySelector('.body-param__text')");
}

/// Writes a body as a person would, and sends it.
fn send(world: &mut World, body: &str) {
    let body = serde_json::json!(body);
    world.browser.evaluate(&format!(
        "const box = document.querySelector('.body-param__text');\
         Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, {body});\
         box.dispatchEvent(new Event('input', {{ bubbles: true }}));"
    ));
    execute(world);
}

fn execute(world: &mut World) {
    world.browser.until("the button", "document.querySelector('.btn.execute')");
    world.browser.evaluate("document.querySelector('.btn.execute').click()");
}

const STATUS: &str = ".live-responses-table .response-col_status";

#[test]
fn both_samples_are_told_and_an_example_that_is_tried_out_is_answered() {
    let mut world = World::with(&SAMPLES, "");
    world.browser.open(&format!("http://{}/docs", world.gateway.data_address));
    for path in [FINANCIAL, CLAIM] {
        world.browser.until(path, &format!("document.querySelector('.opblock [data-path=\"{path}\"]')"));
    }
    open(&mut world, FINANCIAL);
    execute(&mut world);
    world.browser.until("an answer to the first example", &says(STATUS, "200"));
    assert_eq!(world.browser.evaluate(&says(".live-responses-table", "FT-1001")), true);
    send(&mut world, r#"{"transaction_id": 7}"#);
    world.browser.until("an answer to a wrong record", &says(STATUS, "422"));
    assert_eq!(world.browser.evaluate(&says(".live-responses-table", "string_type")), true);

    let own = format!("http://{}/", world.gateway.data_address);
    let admin = format!("http://{}/", world.gateway.admin_address);
    let requests = world.browser.requests();
    let foreign: Vec<&String> = requests
        .iter()
        .filter(|url| !url.starts_with(&own) && !url.starts_with(&admin) && !url.starts_with("data:"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let complaints = world.browser.complaints();
    // The browser's own word for a 422, which is what was asked for.
    let others: Vec<&String> = complaints.iter().filter(|one| !one.contains("422")).collect();
    assert!(others.is_empty(), "{others:?}");
}
