//! OTLP by HTTP with protobuf and by gRPC. What is not set here the exporters read in the standard variables: headers,
//! compression.

use super::{ExportError, Protocol, Target, Tls};
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use std::path::Path;

/// Rustls has none by itself. One that is chosen already, by whoever embeds the gateway, stays.
pub(super) fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

macro_rules! exporter {
    ($name:ident, $exporter:ty, $signal:literal $(, $extra:ident)?) => {
        pub(super) fn $name(target: &Target) -> Result<$exporter, ExportError> {
            let built = match target.protocol {
                Protocol::HttpProtobuf => <$exporter>::builder()
                    .with_http()
                    .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                    .with_endpoint(&target.url)
                    .with_timeout(target.timeout)
                    .with_http_client(http_client(target, $signal)?)
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
