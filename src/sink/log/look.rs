//! What lies in the directory of a log, looked at from outside: without a lock, and changing nothing.

use std::io;
use std::path::Path;

use super::cursor::{self, CursorFound};
use super::disk::{Disk, RealDisk};
use super::error::{DiskFault, OpenError};
use super::segment::{self, FORMAT, FRAMES_OFFSET, Found, Header};

/// The files of a log at a moment; a gateway may be writing to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The consumer's cursor.
    pub cursor: CursorFound,
    /// The segments, the oldest first.
    pub segments: Vec<SegmentFile>,
    /// Segments that the consumer is done with, and which were kept because part of them cannot be read.
    pub set_aside: Vec<SegmentFile>,
}

/// A file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its name in the log's directory.
    pub name: String,
    /// How many bytes it has, what was allocated and not written yet among them.
    pub bytes: u64,
    /// The first sequence that it may hold; `None` if its header cannot be read.
    pub first_sequence: Option<u64>,
    /// Its header cannot be read, and there is something behind it.
    pub is_lost: bool,
}

impl Look {
    /// Looks at the directory of a log.
    ///
    /// # Errors
    /// `Newer` if a file has a newer format, `Disk` if the directory or a file cannot be read.
    pub fn at(dir: &Path) -> Result<Look, OpenError> {
        Look::on(&RealDisk, dir)
    }

    pub(super) fn on(disk: &dyn Disk, dir: &Path) -> Result<Look, OpenError> {
        // Before the segments: those that a gateway removes meanwhile are behind it.
        let cursor = cursor::read(disk, dir)?;
        let mut look = Look { cursor, segments: Vec::new(), set_aside: Vec::new() };
        for number in segment::numbers(disk, dir)? {
            look.segments.extend(file(disk, dir, &segment::name(number))?);
        }
        for number in segment::set_aside(disk, dir)? {
            look.set_aside.extend(file(disk, dir, &segment::set_aside_name(number))?);
        }
        Ok(look)
    }

    /// Bytes of all segments that are not set aside.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// None: it is gone meanwhile.
fn file(disk: &dyn Disk, dir: &Path, name: &str) -> Result<Option<SegmentFile>, OpenError> {
    let path = dir.join(name);
    let file = match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(DiskFault::at("open", &path))?,
    };
    let bytes = file.length().map_err(DiskFault::at("measure", &path))?;
    let first_sequence = match Header::read(&*file).map_err(DiskFault::at("read", &path))? {
        Found::Header(header) => Some(header.first),
        Found::Newer(found) => return Err(OpenError::Newer { path, found, known: FORMAT }),
        Found::Nothing => None,
    };
    let is_lost = first_sequence.is_none()
        && segment::written_end(&*file, FRAMES_OFFSET).map_err(DiskFault::at("read", &path))? > FRAMES_OFFSET;
    Ok(Some(SegmentFile { name: name.to_owned(), bytes, first_sequence, is_lost }))
}
