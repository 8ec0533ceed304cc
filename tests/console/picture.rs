//! The screenshots of the README.

use crate::browser::Scheme;
use crate::client::Client;
use crate::world::{CLAIM, FINANCIAL, SAMPLES, STATE, World, claim, pictures, says, transaction};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A picture that takes more is too large for a README.
const PICTURE_BYTES_MAX: u64 = 150 << 10;

/// Long enough for lines that say something.
const LOAD: Duration = Duration::from_secs(75);

/// Traffic of both samples that rises and falls, some of it wrong.
fn load(address: SocketAddr, stop: &AtomicBool) {
    let mut client = Client::connect(address).unwrap();
    let mut turn = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let wave = (turn as f64 / 40.0).sin() + 1.3;
        let records = (wave * 30.0) as usize;
        let transactions: String =
            (0..records).map(|number| format!("{}\n", varied(turn * 97 + number))).collect();
        let _ = client.post(FINANCIAL, "application/x-ndjson", transactions.as_bytes());
        let claims: String = (0..records / 3 + turn % 5)
            .map(|number| claim(&number.to_string()))
            .map(|record| if fastrand::u8(..20) == 0 { record.replace("2500", "-1") } else { record })
            .map(|record| format!("{record}\n"))
            .collect();
        if !claims.is_empty() {
            let _ = client.post(CLAIM, "application/x-ndjson", claims.as_bytes());
        }
        std::thread::park_timeout(Duration::from_millis(150));
    }
}

fn varied(number: usize) -> String {
    let record = transaction(&format!("FT-{number}"));
    match fastrand::u8(..40) {
        0 => record.replace("129.95", "-3"),
        1 => record.replace("EUR", "EURO"),
        2 => record.replace("\"transaction_type\":\"purchase\",", ""),
        3 => record.replace("129.95", "\"12,50\""),
        _ => record,
    }
}

#[test]
fn screenshots_are_taken_of_a_desk_in_the_dark_and_a_phone_in_the_light() {
    let mut world = World::with(&SAMPLES, "");
    let stop = Arc::new(AtomicBool::new(false));
    let loading = std::thread::spawn({
        let (address, stop) = (world.gateway.data_address, stop.clone());
        move || load(address, &stop)
    });
    std::thread::park_timeout(LOAD);
    world.browser.until("violations", &says("#violations-table td", "/currency"));
    world.browser.until("readiness", &format!("{STATE} === 'Ready'"));
    let wrong = transaction("FT-1002").replace("129.95", "-5").replace("EUR", "EURO");
    world
        .browser
        .evaluate(&format!("document.getElementById('try-body').value = {}", serde_json::json!(wrong)));
    world.browser.evaluate("document.querySelector('#try-form button').click()");
    world.browser.until("a verdict", &says("#verdict h3", "rejected"));
    let pictures = pictures();
    for (name, width, height, scheme, scale) in [
        ("console-dark.png", 1280, 990, Scheme::Dark, 0.8),
        ("console-phone.png", 390, 1270, Scheme::Light, 1.0),
    ] {
        world.browser.resize(width, height, scheme);
        // Until the page is drawn so.
        world
            .browser
            .evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        let file = pictures.join(name);
        world.browser.picture(&file, width, height, scale);
        let bytes = std::fs::metadata(&file).unwrap().len();
        println!("{} has {bytes} bytes", file.display());
        assert!((5_000..PICTURE_BYTES_MAX).contains(&bytes), "{name} has {bytes} bytes");
    }
    stop.store(true, Ordering::Relaxed);
    loading.join().unwrap();
    world.is_sound();
}
