//! OTLP by HTTP with protobuf and by gRPC. What is not set here the exporters read in the standard variables: headers,
//! compression.

use super::{ExportError, Protocol, Target, Tls};
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// Rustls has none by itself. One that is chosen already, by whoever embeds the gateway, stays.
pub(super) fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

macro_rules! exporter {
    ($name:ident, $exporter:ty, $signal:literal $(, $extra:ident)?) => {
        pub(super) fn $name(target: &Target, trouble: &Trouble) -> Result<$exporter, ExportError> {
            let built = match target.protocol {
                Protocol::HttpProtobuf => <$exporter>::builder()
                    .with_http()
                    .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                    .with_endpoint(&target.url)
                    .with_timeout(target.timeout)
                    .with_http_client(Client {
                        client: http_client(target, $signal)?,
                        trouble: trouble.clone(),
                    })
                    .build(),
                Protocol::Grpc => {
                    let builder = <$exporter>::builder()
                        .with_tonic()
                        .with_endpoint(&target.url)
                        .with_timeout(target.timeout);
                    match target.url.starts_with("https") {
                        true => builder.with_tls_config(grpc_tls(&target.tls)?).build(),
                        false => builder.build(),
                    }
                }
            };
            built.map_err(|error| failed(target, $signal, &error))
        }
    };
}

exporter!(spans, SpanExporter, "traces");
exporter!(logs, LogExporter, "logs");
exporter!(metrics, MetricExporter, "metrics");

/// Why the last request was not answered: the exporters tell only that it was not.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// Tells it once.
    pub fn take(&self) -> Option<String> {
        self.0.lock().take()
    }
}

#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    trouble: Trouble,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.trouble.take();
        let answer = self.client.send_bytes(request).await;
        if let Err(error) = &answer {
            let first: &(dyn std::error::Error + 'static) = &**error;
            let root = std::iter::successors(Some(first), |error| error.source()).last();
            *self.trouble.0.lock() = root.map(ToString::to_string);
        }
        answer
    }
}

fn failed(target: &Target, signal: &'static str, error: &ExporterBuildError) -> ExportError {
    ExportError::Transport { signal, url: target.url.clone(), reason: error.to_string() }
}

/// With the timeout of one attempt: the exporter's own bounds only whether there is another.
fn http_client(target: &Target, signal: &'static str) -> Result<reqwest::Client, ExportError> {
    let wrong = |variable| {
        move |path: &Path, reason: String| ExportError::File { path: path.to_owned(), reason, variable }
    };
    let mut builder = reqwest::Client::builder().timeout(target.timeout).no_proxy();
    if let Some(path) = &target.tls.authorities {
        let wrong = wrong(AUTHORITIES);
        let pem = std::fs::read(path).map_err(|error| wrong(path, error.to_string()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(path, error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong(path, NO_CERTIFICATE.to_owned()));
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let Some((certificate, key)) = &target.tls.identity {
        let mut pem = read(certificate, CERTIFICATE)?;
        pem.push(b'\n');
        pem.extend(read(key, KEY)?);
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|error| wrong(KEY)(key, format!("with the certificate it is no identity: {error}")))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| ExportError::Transport {
        signal,
        url: target.url.clone(),
        reason: error.to_string(),
    })
}

fn grpc_tls(tls: &Tls) -> Result<ClientTlsConfig, ExportError> {
    let mut config = ClientTlsConfig::new();
    config = match &tls.authorities {
        Some(path) => config.ca_certificate(Certificate::from_pem(read(path, AUTHORITIES)?)),
        None => config.with_enabled_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        config = config.identity(Identity::from_pem(read(certificate, CERTIFICATE)?, read(key, KEY)?));
    }
    Ok(config)
}

const AUTHORITIES: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
const KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";
const NO_CERTIFICATE: &str = "it has no certificate in it";

fn read(path: &Path, variable: &'static str) -> Result<Vec<u8>, ExportError> {
    let wrong = |reason: String| ExportError::File { path: path.to_owned(), reason, variable };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    if !pem.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(wrong("it is no PEM file".to_owned()));
    }
    Ok(pem)
}
