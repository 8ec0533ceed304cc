//! What is remembered, as a file from one run to the next: a line an entry, each with its CRC32C before it.

use super::key::Digest;
use super::saved::Line;
use super::store::{Store, What};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The first line. A file of another format is not guessed at.
const FORMAT: &str = "sluicegate idempotency 1";

/// Only the owner reads what clients were told.
const MODE: u32 = 0o600;

/// A file has about as many bytes as its entries take in memory, twice that where texts are full of quotes. What is
/// longer was not written by this gateway.
const FILE_FACTOR: u64 = 4;

/// What was found, the oldest first.
pub(super) struct Left {
    pub entries: Vec<(Digest, Digest, What, u64)>,
    /// Lines that are not as they were written.
    pub damaged: usize,
}

/// Reads what is left of an earlier run; nothing if there is no file. It stays where it is: what it says is true until
/// it expires, so that a start that fails, or a crash, forgets only what came later.
pub(super) fn read(path: &Path, bytes_max: usize) -> io::Result<Left> {
    let mut left = Left { entries: Vec::new(), damaged: 0 };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(left),
        Err(error) => return Err(error),
    };
    let bytes_max = FILE_FACTOR.saturating_mul(bytes_max as u64);
    let mut lines = BufReader::new(file.take(bytes_max));
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    if line.strip_suffix(b"\n") != Some(FORMAT.as_bytes()) {
        return Err(io::Error::other("it is not of the format that this version writes"));
    }
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(left);
        }
        match parse(&line) {
            Some(entry) => left.entries.push(entry),
            None => left.damaged += 1,
        }
    }
}

fn parse(line: &[u8]) -> Option<(Digest, Digest, What, u64)> {
    let (crc, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?.strip_suffix(' ')?, 16).ok()?;
    if crc32c::crc32c(json) != crc {
        return None;
    }
    serde_json::from_slice::<Line>(json).ok()?.into_entry()
}

/// Puts what is remembered in the place of what is there: beside, synced, renamed, and the name synced.
pub(super) fn write(path: &Path, store: &Store) -> io::Result<()> {
    if store.kept().next().is_none() && !path.exists() {
        return Ok(());
    }
    let new = path.with_extension("new");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&new)?;
    let mut lines = BufWriter::new(file);
    writeln!(lines, "{FORMAT}")?;
    for (scope, fingerprint, what, since_ms) in store.kept() {
        let Some(line) = Line::of(scope, fingerprint, what, since_ms) else { continue };
        let json = serde_json::to_vec(&line)?;
        write!(lines, "{:08x} ", crc32c::crc32c(&json))?;
        lines.write_all(&json)?;
        lines.write_all(b"\n")?;
    }
    lines.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&new, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
