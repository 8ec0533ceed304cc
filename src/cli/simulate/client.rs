//! The HTTP client of the commands that post records.

use super::answer::Answer;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::error::Error;
use std::time::Duration;

/// Longer than any answer of a gateway that is alive.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Longer than it takes to reach any machine that is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer lists each record of a batch.
const ANSWER_BYTES_MAX: usize = 256 << 20;

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    #[error("'{0}' is not the URL of a gateway; write e.g. http://127.0.0.1:8080")]
    Url(String),
    #[error(
        "no gateway answers at {url} ({reason}); start one with `sluicegate serve`, or name it by {flag}"
    )]
    Unreachable { url: String, reason: String, flag: &'static str },
    #[error("{url} answers, but not as a gateway ({status}); name one by {flag}")]
    NotAGateway { url: String, status: u16, flag: &'static str },
}

/// Keeps its connections open. Cheap to clone.
#[derive(Clone)]
pub(in crate::cli) struct Client {
    inner: HyperClient<HttpConnector, Full<Bytes>>,
    base: String,
}

impl Client {
    /// Makes sure that a gateway is there. `flag` is what names another.
    pub async fn connect(url: &str, flag: &'static str) -> Result<Client, ClientError> {
        let base = url.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| ClientError::Url(url.to_owned()))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.path() != "/" {
            return Err(ClientError::Url(url.to_owned()));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let inner = HyperClient::builder(TokioExecutor::new()).build(connector);
        let client = Client { inner, base };
        let request = Request::get(format!("{}/health", client.base)).body(Full::default());
        let request = request.map_err(|_| ClientError::Url(url.to_owned()))?;
        match client.exchange(request).await {
            Ok(Answer { status: 200 | 503, .. }) => Ok(client),
            Ok(Answer { status, .. }) => Err(ClientError::NotAGateway { url: client.base, status, flag }),
            Err(reason) => Err(ClientError::Unreachable { url: client.base, reason, flag }),
        }
    }

    /// Posts records; the error is the reason why there is no answer.
    pub async fn post(&self, route: &str, content_type: &str, body: Bytes) -> Result<Answer, String> {
        self.post_with(route, &[("content-type", content_type)], body).await
    }

    /// As `post`, with these headers.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let mut request = Request::post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        self.exchange(request).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let exchange = async {
            let response = self.inner.request(request).await.map_err(|error| root_cause(&error))?;
            let status = response.status().as_u16();
            let pause = response.headers().get(http::header::RETRY_AFTER);
            let retry_after_s = pause.and_then(|pause| pause.to_str().ok()?.parse().ok());
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer { status, retry_after_s, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
        }
    }
}

/// hyper says "client error"; what people need is below it.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
