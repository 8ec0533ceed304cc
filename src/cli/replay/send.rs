//! Posts dead letters to a gateway, one after the other: each waits for the answer to the one before.

use super::letter::{Found, Letter, Letters};
use super::report::{Now, Outcome, Report};
use crate::cli::simulate::client::{Client, ClientError};
use crate::cli::{Exit, complain};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::time::Duration;

/// How often a letter is posted that the gateway cannot take at present.
const ATTEMPTS_MAX: u32 = 5;
/// Where the gateway does not say how long it wants to be left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that is waited for at once, whatever the gateway says: a breaker's pause is shorter.
const PAUSE_S_MAX: u64 = 60;

pub(super) fn run(letters: Letters, found: &Found, to: &str, examples_max: usize) -> Result<Report, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        complain(format_args!("no timer can be had ({error}); try again"));
        Exit::Unsound
    })?;
    runtime.block_on(async {
        let client = Client::connect(to, "--to").await.map_err(|error| {
            complain(&error);
            if matches!(error, ClientError::Url(_)) { Exit::Usage } else { Exit::Unsound }
        })?;
        let mut report = Report::new("sent", format!("to {to}"), found, examples_max);
        let progress = progress(found.matching);
        if let Err(reason) = send_all(letters, &client, &mut report, &progress).await {
            report.ended_early = Some(reason);
        }
        progress.finish_and_clear();
        Ok(report)
    })
}

/// On stderr, and only if that is a terminal.
fn progress(count: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} dead letters  {per_sec}  {eta} left");
    ProgressBar::new(count).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The error says why the rest was left out.
async fn send_all(
    mut letters: Letters,
    client: &Client,
    report: &mut Report,
    progress: &ProgressBar,
) -> Result<(), String> {
    while let Some(letter) = letters.next().map_err(|error| error.to_string())? {
        let now = send(&letter, client).await?;
        report.add(&letter, now);
        progress.inc(1);
    }
    Ok(())
}

/// The error says why there is no answer.
async fn send(letter: &Letter, client: &Client) -> Result<Now, String> {
    let Some(path) = &letter.path else {
        return Ok(Now::failed("it names no route: its plugin had accepted it, and Kafka refused it later"));
    };
    // The same for each attempt, and for the next replay: what was accepted once is not produced again.
    let key = format!("\"{}\"", letter.id);
    let mut headers = vec![("content-type", content_type(letter)), ("idempotency-key", key.as_str())];
    headers.extend(letter.traceparent.as_deref().map(|parent| ("traceparent", parent)));
    headers.extend(letter.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let mut attempt = 1;
    loop {
        let pause = match client.post_with(path, &headers, letter.value.clone()).await {
            Ok(answer) => match told(answer.status, &answer.body) {
                Some(now) => return Ok(now),
                None if attempt == ATTEMPTS_MAX => {
                    return Ok(Now::failed(detail(answer.status, &answer.body)));
                }
                None => answer.retry_after_s.map_or(PAUSE, |s| Duration::from_secs(s.min(PAUSE_S_MAX))),
            },
            Err(reason) if attempt == ATTEMPTS_MAX => {
                return Err(format!(
                    "the gateway gives no answer ({reason}); start it, and {}",
                    letter.place.again()
                ));
            }
            Err(_) => PAUSE,
        };
        attempt += 1;
        tokio::time::sleep(pause).await;
    }
}

/// A record that is an array would be taken for a batch; as a line it is one record.
fn content_type(letter: &Letter) -> &str {
    let is_array = letter.value.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match &letter.content_type {
        Some(kind) => kind,
        None if is_array && !letter.value.contains(&b'\n') => "application/x-ndjson",
        None => "application/json",
    }
}

/// What an answer says of the record; none: it is to be sent again.
fn told(status: u16, body: &Value) -> Option<Now> {
    // A record of a route of lines is answered as a batch of one.
    let record = body["results"].get(0).unwrap_or(body);
    let violation = &record["violations"][0];
    let quarantined = || Now {
        outcome: Outcome::Quarantined,
        code: String::new(),
        detail: "the plugin could not judge it; it is among the dead letters again".to_owned(),
    };
    match status {
        202 if record["status"] == "quarantined" => Some(quarantined()),
        200 | 202 => Some(Now::accepted()),
        413 | 422 => Some(Now {
            outcome: Outcome::Rejected,
            code: violation["code"].as_str().unwrap_or("unknown").to_owned(),
            detail: match (violation["pointer"].as_str(), violation["message"].as_str()) {
                (Some(pointer), Some(message)) => format!("{pointer} {message}").trim().to_owned(),
                _ => detail(status, body),
            },
        }),
        408 | 409 | 429 | 500 | 503 => None,
        _ => Some(Now::failed(detail(status, body))),
    }
}

fn detail(status: u16, body: &Value) -> String {
    body["detail"].as_str().map_or_else(|| format!("the gateway answers {status}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_says_what_became_of_the_letter() {
        let outcome = |status, body| told(status, &body).map(|now| (now.outcome, now.code));
        let accepted = Some((Outcome::Accepted, String::new()));
        assert_eq!(outcome(200, json!({ "status": "committed" })), accepted);
        assert_eq!(outcome(202, json!({ "status": "stored" })), accepted);
        assert_eq!(outcome(202, json!({ "results": [{ "status": "stored" }] })), accepted);
        let quarantined = Some((Outcome::Quarantined, String::new()));
        assert_eq!(outcome(202, json!({ "status": "quarantined" })), quarantined);
        assert_eq!(outcome(202, json!({ "results": [{ "status": "quarantined" }] })), quarantined);
        let rejected = Some((Outcome::Rejected, "schema".to_owned()));
        assert_eq!(outcome(422, json!({ "status": 422, "violations": [{ "code": "schema" }] })), rejected);
        assert_eq!(outcome(422, json!({ "results": [{ "violations": [{ "code": "schema" }] }] })), rejected);
        assert_eq!(outcome(503, json!({})), None);
        assert_eq!(outcome(409, json!({})), None);
        let unknown = told(404, &json!({ "detail": "no plugin serves this path" })).unwrap();
        assert_eq!(
            (unknown.outcome, unknown.detail.as_str()),
            (Outcome::Failed, "no plugin serves this path")
        );
    }
}
