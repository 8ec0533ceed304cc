//! Builds every room from its configuration, in the order of their dependencies.

use crate::config::Config;
use crate::plugin;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A gateway that serves.
pub struct App {}

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Plugins(#[from] plugin::StartError),
}

/// What people want to know of a gateway that has started.
#[derive(Debug, Clone)]
pub struct BannerFacts {
    /// As bound: port 0 has become a real one.
    pub data: SocketAddr,
    pub admin: SocketAddr,
    pub plugins: plugin::Status,
    /// Where the records are.
    pub records: PathBuf,
}

impl App {
    pub async fn start(_config: Config) -> Result<App, StartError> {
        unimplemented!()
    }

    pub fn banner_facts(&self) -> BannerFacts {
        unimplemented!()
    }

    /// Serves until told to stop by a signal, then drains.
    pub async fn run(self) {
        unimplemented!()
    }
}
