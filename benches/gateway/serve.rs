//! The gateway over HTTP, beside a bare hyper and beside a bare loop.

use crate::load::{rate, request};
use crate::{Effort, contest, log, record, rules};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use sluicegate::app::App;
use sluicegate::config::{Config, Flags};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The default configuration on free ports, with its data in this directory.
pub fn configuration(directory: &TempDir) -> Config {
    let data = directory.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let flags = Flags {
        plugins: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")),
        data: Some(data),
        listen: Some("127.0.0.1:0".into()),
        admin: Some("127.0.0.1:0".into()),
        ..Flags::default()
    };
    Config::load(flags, std::iter::empty()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn gateway(runtime: &Runtime, directory: &TempDir) -> App {
    runtime.block_on(App::start(configuration(directory))).unwrap_or_else(|error| panic!("{error}"))
}

/// Collects the body and answers 20 bytes.
pub fn bare_hyper(runtime: &Runtime) -> SocketAddr {
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let service = service_fn(|request: Request<Incoming>| async {
                    request.into_body().collect().await.unwrap();
                    Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from_static(
                        b"{\"status\":\"healthy\"}",
                    ))))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        address
    })
}

pub fn compare_single_records(effort: Effort) {
    let runtime = Runtime::new().unwrap();
    let on_disk = tempfile::tempdir_in(".").unwrap();
    let in_memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let (disk, memory) = (gateway(&runtime, &on_disk), gateway(&runtime, &in_memory));
    let bare = bare_hyper(&runtime);
    let requests = [request(rules::PATH, "application/json", &record(1))];
    let measure = |address| rate(&runtime, address, 64, &requests, effort.time);
    contest(
        "single records over 64 connections, load generator beside it",
        "answers/s",
        effort.rounds,
        &mut [
            ("bare hyper: collect the body, answer 20 bytes", &mut || measure(bare)),
            ("gateway, log in memory: the path without the disk", &mut || measure(memory.data_address)),
            ("gateway, log on disk: synced before the answer", &mut || measure(disk.data_address)),
        ],
    );
    runtime.block_on(async {
        disk.stop().await;
        memory.stop().await;
    });
}

pub fn compare_batches(effort: Effort) {
    const BATCH: usize = 1_000;
    let runtime = Runtime::new().unwrap();
    let (of_loop, of_gateway) = (tempfile::tempdir_in(".").unwrap(), tempfile::tempdir_in(".").unwrap());
    let log = log::open(of_loop.path());
    let gateway = gateway(&runtime, &of_gateway);
    let texts: Vec<String> = (0..BATCH).map(record).collect();
    let body: String = texts.iter().map(|text| format!("{text}\n")).collect();
    let requests = [request(&format!("{}?results=errors", rules::PATH), "application/x-ndjson", &body)];
    contest(
        "batches of 1,000, 16 under way, on disk",
        "records/s",
        effort.rounds,
        &mut [
            ("bare loop: the same rules natively, the same log", &mut || {
                bare_loop(&log, &texts, effort.time)
            }),
            ("gateway: HTTP, plugin, log", &mut || {
                rate(&runtime, gateway.data_address, 16, &requests, effort.time) * BATCH as f64
            }),
        ],
    );
    runtime.block_on(gateway.stop());
    log.close();
}

fn bare_loop(log: &sluicegate::sink::log::Log, texts: &[String], time: Duration) -> f64 {
    let items = rules::items(texts);
    let (start, mut waiting, mut done) = (Instant::now(), VecDeque::new(), 0);
    while start.elapsed() < time {
        rules::judge_natively(&items);
        waiting.push_back(log.append(log::frames(texts)));
        if waiting.len() == 16 {
            waiting.pop_front().unwrap().wait().unwrap();
            done += texts.len();
        }
    }
    for append in waiting {
        append.wait().unwrap();
        done += texts.len();
    }
    done as f64 / start.elapsed().as_secs_f64()
}
