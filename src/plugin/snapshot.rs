//! One consistent set of live plugins, and where paths lead in it.

use super::{Generation, Manifest};
use std::sync::Arc;

/// One consistent set of live plugins.
#[derive(Default)]
pub struct Snapshot {
    /// Every generation that is live.
    pub(super) generations: Vec<Arc<Generation>>,
    routes: matchit::Router<Target>,
}

/// Where a request's path leads.
pub struct Match {
    pub generation: Arc<Generation>,
    /// Which of `generation.manifest.routes`.
    pub route: usize,
    /// The values of the path's `{name}`s, percent-decoded.
    pub parameters: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("no plugin serves this path; GET /plugins on the admin port lists the routes")]
    Unknown,
    #[error("plugin '{plugin}' that serves this path cannot be used at present")]
    Unavailable { plugin: String },
}

#[derive(Clone)]
enum Target {
    Live { generation: usize, route: usize },
    Unavailable { plugin: Arc<str> },
}

/// Two plugins want the same path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    pub path: String,
    pub with_path: String,
    pub with_plugin: String,
}

impl Snapshot {
    /// What the live plugins say of themselves.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.generations.iter().map(|generation| &generation.manifest)
    }

    /// `unavailable`: paths of required plugins that are gone.
    pub(super) fn new(generations: Vec<Arc<Generation>>, unavailable: &[(Arc<str>, String)]) -> Snapshot {
        let mut routes = matchit::Router::new();
        for (index, generation) in generations.iter().enumerate() {
            for (route, declared) in generation.manifest.routes.iter().enumerate() {
                for path in spellings(&declared.path) {
                    // What is admitted has been checked against the others.
                    let _ = routes.insert(path, Target::Live { generation: index, route });
                }
            }
        }
        for (plugin, path) in unavailable {
            for path in spellings(path) {
                // Another plugin may have taken the path over.
                let _ = routes.insert(path, Target::Unavailable { plugin: plugin.clone() });
            }
        }
        Snapshot { generations, routes }
    }

    /// The paths of all routes, in no order.
    pub fn paths(&self) -> Vec<String> {
        let routes = self.generations.iter().flat_map(|generation| &generation.manifest.routes);
        routes.map(|route| route.path.clone()).collect()
    }

    /// With or without a trailing slash.
    pub fn route(&self, path: &str) -> Result<Match, RouteError> {
        let found = self.routes.at(path).map_err(|_| RouteError::Unknown)?;
        match found.value {
            Target::Live { generation, route } => Ok(Match {
                generation: self.generations[*generation].clone(),
                route: *route,
                parameters: found
                    .params
                    .iter()
                    .map(|(name, value)| (name.to_owned(), percent_decode(value)))
                    .collect(),
            }),
            Target::Unavailable { plugin } => Err(RouteError::Unavailable { plugin: plugin.to_string() }),
        }
    }
}

/// The first path of the candidates that one of the others has as well.
pub(super) fn conflict<'a>(
    candidate: impl Iterator<Item = &'a str>,
    others: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<Conflict> {
    let mut router = matchit::Router::new();
    let others: Vec<(&str, &str)> = others.collect();
    for (_, path) in &others {
        for spelling in spellings(path) {
            let _ = router.insert(spelling, ());
        }
    }
    for path in candidate {
        for spelling in spellings(path) {
            if let Err(matchit::InsertError::Conflict { with }) = router.insert(spelling, ()) {
                let owner = others.iter().find(|(_, other)| spellings(other).any(|other| other == with));
                // A conflict with a path of its own: two parameters of different names in one place.
                let (with_plugin, with_path) = owner.map_or(("this plugin", with.as_str()), |owner| *owner);
                return Some(Conflict {
                    path: path.to_owned(),
                    with_path: with_path.to_owned(),
                    with_plugin: with_plugin.to_owned(),
                });
            }
        }
    }
    None
}

/// A declared path with and without a trailing slash.
fn spellings(path: &str) -> impl Iterator<Item = String> {
    let bare = path.trim_end_matches('/');
    let with_slash = format!("{bare}/");
    let bare = (!bare.is_empty()).then(|| bare.to_owned());
    bare.into_iter().chain([with_slash])
}

/// What is no UTF-8 afterwards is replaced: a parameter is a text.
fn percent_decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let hex = |at: usize| char::from(*bytes.get(at)?).to_digit(16).map(|digit| digit as u8);
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(candidate: &str, others: &[(&str, &str)]) -> Option<(String, String)> {
        conflict([candidate].into_iter(), others.iter().copied())
            .map(|conflict| (conflict.with_plugin, conflict.with_path))
    }

    #[test]
    fn a_trailing_slash_makes_no_other_path() {
        assert_eq!(found("/a", &[("other", "/a/")]), Some(("other".to_owned(), "/a/".to_owned())));
        assert_eq!(found("/a/{id}", &[("other", "/a/{key}/")]).unwrap().0, "other");
        assert_eq!(found("/a/b", &[("other", "/a/{key}"), ("third", "/")]), None);
    }

    #[test]
    fn parameters_are_percent_decoded_and_broken_escapes_stay() {
        assert_eq!(percent_decode("a%20b%C3%A4%2"), "a bä%2");
        assert_eq!(percent_decode("%ff"), "\u{fffd}");
    }
}
