//! What is in the plugin directory: names, stamps, and bytes that were read whole.

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What changes when a file's content does: equal stamps need no second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Cannot be set back by `touch` or `cp -p`.
    changed: (i64, i64),
}

/// A file's bytes, the same before and after they were read.
pub(super) struct Reading {
    pub stamp: Stamp,
    pub bytes: Vec<u8>,
    /// SHA-256, lower-case hex.
    pub digest: String,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("it changed while it was read")]
    Changing,
    #[error("it is {0}, not a file; put the built .wasm file here, or a link to one")]
    NotAFile(&'static str),
    #[error("it has {bytes} bytes, more than plugins.file_bytes_max = {max}; strip it, or raise the limit")]
    TooLarge { bytes: u64, max: u64 },
    #[error("it cannot be read: {0}; make it readable for the gateway's user")]
    Io(io::Error),
}

/// The `*.wasm` names in the directory. Hidden ones are what editors and copying tools write before they rename.
///
/// A name that leads to nothing, as a link does whose target is gone, is not there.
pub(super) fn list(directory: &Path) -> io::Result<BTreeMap<String, Result<Stamp, ReadError>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if !name.ends_with(".wasm") || name.starts_with('.') {
            continue;
        }
        match stamp(&directory.join(&name)) {
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            found => {
                files.insert(name, found);
            }
        }
    }
    Ok(files)
}

fn stamp(path: &Path) -> Result<Stamp, ReadError> {
    let metadata = std::fs::metadata(path).map_err(ReadError::Io)?;
    check_kind(&metadata)?;
    Ok(Stamp::of(&metadata))
}

fn check_kind(metadata: &Metadata) -> Result<(), ReadError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(ReadError::NotAFile(if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }))
}

/// Reads a file whole, and only if it stays the same meanwhile.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Reading, ReadError> {
    // Without waiting: what was a file when it was listed may be a FIFO now.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    let mut file = options.open(path).map_err(ReadError::Io)?;
    let before = file.metadata().map_err(ReadError::Io)?;
    check_kind(&before)?;
    if before.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes: before.len(), max: bytes_max });
    }
    let bytes = read_at_most(&mut file, before.len(), bytes_max)?;
    let after = Stamp::of(&file.metadata().map_err(ReadError::Io)?);
    // By the path once more: another file may have been renamed to it.
    if after != Stamp::of(&before) || bytes.len() as u64 != before.len() || stamp(path)? != after {
        return Err(ReadError::Changing);
    }
    let digest = digest(&bytes);
    Ok(Reading { stamp: after, bytes, digest })
}

fn read_at_most(file: &mut File, expected: u64, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    Ok(bytes)
}

/// SHA-256, lower-case hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
