//! Who may ask the admin port for what, as long as it knows no callers.

use crate::http::answer::Kind;
use crate::http::origin::{foreign_page, host};
use hyper::Method;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;

/// What may be seen from other machines: no settings, no file names, nothing to order.
const OPEN_PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// From where a client of the admin port comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This machine, or this container or pod: whoever is there can do more than ask.
    Loopback,
    Beyond,
}

impl Origin {
    pub fn of(stream: &TcpStream) -> Origin {
        match (stream.peer_addr(), stream.local_addr()) {
            (Ok(peer), Ok(reached)) => Origin::between(peer.ip(), reached.ip()),
            _ => Origin::Beyond,
        }
    }

    /// Both ends have to be loopback: what a mesh's proxy brings from another machine comes from an address of loopback,
    /// and goes to one of the pod.
    pub fn between(peer: IpAddr, reached: IpAddr) -> Origin {
        match peer.to_canonical().is_loopback() && reached.to_canonical().is_loopback() {
            true => Origin::Loopback,
            false => Origin::Beyond,
        }
    }
}

/// Guards one connection.
///
/// A web page can make its reader's browser send requests to loopback, by naming an address of its own that
/// changes to 127.0.0.1 (DNS rebinding), or just across sites. The first shows in the Host; see `origin` for
/// the second.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Host names that the operator allows.
    pub names: Arc<[String]>,
    pub origin: Origin,
    /// The address of ours that the client connected to.
    pub reached_at: Option<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum GuardError {
    #[error("the request names no host; send the header Host")]
    HostMissing,
    #[error(
        "the admin port does not go by the name '{host}'; ask for localhost or its own address, or add the \
         name to admin.names"
    )]
    HostUnknown { host: String },
    #[error(
        "the admin port knows no callers, so that it shows to other machines only /livez, /readyz and /metrics; ask \
         from the gateway's own machine, container or pod (ssh -L, docker exec, kubectl port-forward)"
    )]
    Exposed,
    #[error(
        "a page of '{origin}' may not order anything here; use a command line, or a page of the admin \
         port itself"
    )]
    CrossSite { origin: String },
}

impl GuardError {
    pub fn kind(&self) -> Kind {
        match self {
            GuardError::HostMissing => Kind::HeaderInvalid,
            GuardError::HostUnknown { .. } => Kind::HostUnknown,
            GuardError::Exposed | GuardError::CrossSite { .. } => Kind::Forbidden,
        }
    }
}

impl Guard {
    pub fn check(&self, head: &Parts) -> Result<(), GuardError> {
        let host = host(head);
        match &host {
            Some(host) if self.goes_by(host) => {}
            Some(host) => return Err(GuardError::HostUnknown { host: host.clone() }),
            // Some probes of load balancers speak HTTP/1.0 and name none; no browser does.
            None if head.version < hyper::Version::HTTP_11 => {}
            None => return Err(GuardError::HostMissing),
        }
        if self.origin == Origin::Beyond && !OPEN_PATHS.contains(&head.uri.path()) {
            return Err(GuardError::Exposed);
        }
        if !matches!(head.method, Method::GET | Method::HEAD) {
            foreign_page(head).map_or(Ok(()), |origin| Err(GuardError::CrossSite { origin }))?;
        }
        Ok(())
    }

    /// Loopback's names and addresses, the address that was reached, and what the operator allows; on any
    /// port, as tunnels have ports of their own.
    fn goes_by(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().trim_end_matches('.');
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                let reached = self.reached_at.map(|reached| reached.ip().to_canonical());
                address.is_loopback() || reached == Some(address)
            }
            Err(_) => {
                name.eq_ignore_ascii_case("localhost")
                    || self.names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
            }
        }
    }
}
