//! What the tests of this room stand on: a real listener, with a service behind it that reads bodies as
//! `ingest` does and tells what it has read.

use super::accept::{Door, Limit};
use super::activity::Ticket;
use super::admission::Admission;
use super::answer::{self, Answer, Asked};
use super::body::{self, Bodies, Lease};
use super::connection::{Answered, Limits, Protocol};
use super::error::IngestError;
use super::message;
use crate::shutdown::{Lifecycle, Phase, Shutdown};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Longer than anything here takes, so that a test that hangs fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A time-out that a test wants to see pass.
pub const SOON: Duration = Duration::from_millis(150);

pub struct Setup {
    pub limits: Limits,
    pub bodies: body::Limits,
    pub connections_max: usize,
    pub in_flight_max: usize,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            limits: Limits {
                header_bytes_max: 16 << 10,
                header_timeout: PATIENCE,
                write_timeout: PATIENCE,
                http2_streams_max: 8,
            },
            bodies: body::Limits {
                bytes_max: 1 << 20,
                inflated_bytes_max: 4 << 20,
                timeout: PATIENCE,
                budget_bytes: 64 << 20,
            },
            connections_max: 100,
            in_flight_max: 100,
        }
    }
}

/// How much `/large` answers: more than the buffers of both sides hold.
pub const LARGE_BYTES: usize = 32 << 20;

/// Where requests to `/gate` wait before they are answered.
struct Gate {
    arrived: mpsc::Sender<()>,
    open: Arc<Semaphore>,
}

pub struct Rig {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub served: JoinHandle<()>,
    /// The reasons for which connections were turned away.
    pub shed: mpsc::Receiver<&'static str>,
    /// Requests to `/gate` that have come there; `open` lets them on.
    pub arrived: mpsc::Receiver<()>,
    pub open: Arc<Semaphore>,
}

impl Setup {
    pub async fn start(self) -> Rig {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.start_on(listener)
    }

    pub fn start_on(self, listener: TcpListener) -> Rig {
        let address = listener.local_addr().unwrap();
        let (shutdown, lifecycle) = Shutdown::new();
        let (shed_sender, shed) = mpsc::channel(1000);
        let (arrived_sender, arrived) = mpsc::channel(1000);
        let open = Arc::new(Semaphore::new(0));
        let gate = Gate { arrived: arrived_sender, open: open.clone() };
        let protocol = Arc::new(Protocol::new(&self.limits));
        let service = Arc::new(Service {
            bodies: Bodies::new(self.bodies),
            admission: Admission::new(self.in_flight_max),
            gate,
        });
        let limit = Limit { connections_max: self.connections_max, key: "http.connections_max" };
        let served = tokio::spawn(async move {
            let serve = |stream| serve(protocol.clone(), service.clone(), lifecycle.clone(), stream);
            Door::new(limit, serve, |reason| shed_sender.try_send(reason).unwrap())
                .stand(listener, lifecycle.reached(Phase::Draining), &lifecycle)
                .await;
        });
        Rig { address, shutdown, served, shed, arrived, open }
    }
}

impl Rig {
    pub async fn connect(&self) -> Client {
        Client { stream: within(TcpStream::connect(self.address)).await.unwrap() }
    }

    /// Sends bytes on a connection of their own, and reads until the gateway closes it.
    pub async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }
}

/// A client that says what it wants, byte by byte.
pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Everything until the gateway closes the connection, without a reset.
    pub async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        within(self.stream.read_to_end(&mut text)).await.expect("closed, not reset");
        String::from_utf8(text).unwrap()
    }

    /// One answer with a Content-Length, or one without a body.
    pub async fn answer(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(within(self.stream.read_u8()).await.unwrap());
        }
        let head = String::from_utf8(text).unwrap();
        let mut body = vec![0; header(&head, "content-length").map_or(0, |length| length.parse().unwrap())];
        within(self.stream.read_exact(&mut body)).await.unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// The status of an answer as it came over the wire.
pub fn status(answer: &str) -> u16 {
    let rest = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    let status = rest.and_then(|rest| rest.get(..3));
    status.unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The `detail` of a problem as it came over the wire.
pub fn detail(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"));
    assert_eq!(problem["status"], status(answer));
    assert_eq!(problem["request_id"].as_str(), header(answer, "x-request-id"));
    problem["detail"].as_str().unwrap().to_owned()
}

/// What the service says of a body.
pub fn seen(body: &[u8]) -> String {
    format!("{} bytes, {:08x}", body.len(), crc32c::crc32c(body))
}

async fn serve(protocol: Arc<Protocol>, service: Arc<Service>, lifecycle: Lifecycle, stream: TcpStream) {
    let answer = |request, ticket| service.clone().answer(request, ticket);
    protocol.serve(stream, &lifecycle, answer).await;
}

struct Service {
    bodies: Bodies,
    admission: Admission,
    gate: Gate,
}

impl Service {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, ticket: Ticket) -> Answered {
        let asked = Asked::of(&request);
        let is_large = request.uri().path() == "/large";
        let answer = match self.read(request, &ticket).await {
            Ok((_, mut lease)) if is_large => {
                lease.hold(LARGE_BYTES);
                Answer::text(StatusCode::OK, "text/plain", vec![b'a'; LARGE_BYTES]).holding(lease)
            }
            Ok((text, _)) => Answer::text(StatusCode::OK, "text/plain", text),
            Err(error) => answer::refusal(&error, &asked),
        };
        answer.into_response(&asked, ticket)
    }

    /// In the order of `ingest`.
    async fn read(
        &self,
        request: Request<Incoming>,
        ticket: &Ticket,
    ) -> Result<(String, Lease), IngestError> {
        let (head, body) = request.into_parts();
        message::check(&head, ticket)?;
        let body = self.bodies.read(&head.headers, body).await?;
        ticket.body_ended();
        let _permit = self.admission.try_enter()?;
        if head.uri.path() == "/gate" {
            self.gate.arrived.send(()).await.unwrap();
            self.gate.open.acquire().await.unwrap().forget();
        }
        Ok((seen(&body.bytes), body.lease))
    }
}
