//! The cursor: up to where a consumer is done with the log. It may lag behind the consumer, never lead it.

use std::io::{self, IoSlice};
use std::path::Path;

use super::disk::{Disk, read_full, write_all};
use super::error::{DiskFault, OpenError};
use super::frame::{le_u32, le_u64};

const NAME: &str = "cursor";
const NEW_NAME: &str = "cursor.new";
const MAGIC: [u8; 8] = *b"SLUICCUR";
const FORMAT: u32 = 1;
const BYTES: usize = 24;

/// What was found of the cursor when a log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorFound {
    /// None was ever written: everything is to be consumed.
    Missing,
    /// Everything up to this sequence was consumed.
    At(u64),
    /// It cannot be read, so that everything the log still holds is consumed again.
    Damaged,
}

impl CursorFound {
    /// The last sequence that is known to be consumed.
    #[must_use]
    pub fn consumed(self) -> u64 {
        match self {
            Self::At(sequence) => sequence,
            Self::Missing | Self::Damaged => 0,
        }
    }
}

/// Little-endian: magic (8), format (4), CRC32C of the rest (4), sequence (8).
fn encode(sequence: u64) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[16..].copy_from_slice(&sequence.to_le_bytes());
    let crc = crc(&bytes);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn crc(bytes: &[u8; BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..])
}

/// Reads the cursor of a log.
pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<CursorFound, OpenError> {
    let path = dir.join(NAME);
    let file = match disk.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(CursorFound::Missing),
        Err(error) => return Err(DiskFault::new("open", &path, &error).into()),
    };
    let mut bytes = [0; BYTES];
    let read = read_full(&*file, &mut bytes, 0).map_err(DiskFault::at("read", &path))?;
    // As in a segment's header, what the CRC covers is the same in every format.
    if read < BYTES || bytes[..8] != MAGIC || crc(&bytes) != le_u32(&bytes[12..]) {
        return Ok(CursorFound::Damaged);
    }
    match le_u32(&bytes[8..]) {
        ..=FORMAT => Ok(CursorFound::At(le_u64(&bytes[16..]))),
        found => Err(OpenError::Newer { path, found, known: FORMAT }),
    }
}

/// Makes a cursor durable: beside, synced, renamed, and the name synced.
pub(super) fn write(disk: &dyn Disk, dir: &Path, sequence: u64) -> Result<(), DiskFault> {
    let (path, new) = (dir.join(NAME), dir.join(NEW_NAME));
    match disk.unlink(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DiskFault::new("remove", &new, &error));
        }
        _ => {}
    }
    let file = disk.create(&new).map_err(DiskFault::at("create", &new))?;
    write_all(&*file, &mut [IoSlice::new(&encode(sequence))], 0).map_err(DiskFault::at("write", &new))?;
    file.sync().map_err(DiskFault::at("sync", &new))?;
    disk.rename(&new, &path).map_err(DiskFault::at("rename", &new))?;
    disk.sync_dir(dir).map_err(DiskFault::at("sync", dir))
}
