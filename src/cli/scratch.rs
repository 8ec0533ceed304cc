//! A directory for what a command needs for a moment.

use std::collections::hash_map::RandomState;
use std::fs::DirBuilder;
use std::hash::BuildHasher;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A name of 64 random bits that is taken this often is taken on purpose.
const ATTEMPTS_MAX: usize = 8;

/// Only this user can enter it, nobody can have made it before, and it is removed in the end.
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes it in the system's directory for temporary files.
    ///
    /// # Errors
    /// With the path that could not be made.
    pub fn create() -> io::Result<Scratch> {
        Scratch::create_in(&std::env::temp_dir())
    }

    fn create_in(parent: &Path) -> io::Result<Scratch> {
        let mut refused = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..ATTEMPTS_MAX {
            // Each state has keys of its own from the system's randomness.
            let path =
                parent.join(format!("sluicegate-{:016x}", RandomState::new().hash_one(std::process::id())));
            // Not `recursive`: what exists, a link too, is refused.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Scratch { path }),
                Err(error) => {
                    refused = io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        break;
                    }
                }
            }
        }
        Err(refused)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            super::complain(format_args!(
                "{} cannot be removed ({error}); remove it yourself",
                self.path.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_of_its_own_and_gone_in_the_end() {
        let parent = tempfile::tempdir().unwrap();
        let (one, other) =
            (Scratch::create_in(parent.path()).unwrap(), Scratch::create_in(parent.path()).unwrap());
        assert_ne!(one.path(), other.path());
        assert_eq!(std::fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(one.path().join("file"), "x").unwrap();
        drop((one, other));
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let error = Scratch::create_in(Path::new("/nowhere")).err().unwrap();
        assert!(error.to_string().starts_with("/nowhere/sluicegate-"), "{error}");
    }
}
