//! A file's bytes on the simulated disk: in the page cache, and on the platter.

use std::collections::BTreeMap;
use std::ops::Range;

/// The smallest unit that a disk writes, mostly, as a whole.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) cache: Vec<u8>,
    platter: Vec<u8>,
    /// Sectors that differ from the platter, and which of their bytes were written. Those beside are safe, whatever
    /// happens: disks and databases agree on that much (SQLite calls it powersafe overwrite).
    dirty: BTreeMap<usize, Range<usize>>,
}

impl Inode {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let start = sector * SECTOR;
            let range = offset.max(start) - start..end.min(start + SECTOR) - start;
            let dirty = self.dirty.entry(sector).or_insert(range.clone());
            *dirty = dirty.start.min(range.start)..dirty.end.max(range.end);
        }
    }

    /// Turns a byte into another, on the platter too.
    pub(super) fn spoil(&mut self, offset: usize) {
        for bytes in [&mut self.cache, &mut self.platter] {
            bytes[offset] ^= 0x40;
        }
    }

    /// Cuts the file; its length on the platter follows with the next sync.
    pub(super) fn trim(&mut self, len: usize) {
        self.cache.truncate(len);
        self.dirty.retain(|sector, _| *sector < len.div_ceil(SECTOR));
    }

    /// Puts a part of a sector's cached bytes on the platter.
    fn persist(&mut self, sector: usize, part: Range<usize>) {
        let start = (sector * SECTOR + part.start).min(self.cache.len());
        let end = (sector * SECTOR + part.end).min(self.cache.len());
        if self.platter.len() < end {
            self.platter.resize(end, 0);
        }
        self.platter[start..end].copy_from_slice(&self.cache[start..end]);
    }

    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            self.persist(sector, 0..SECTOR);
        }
        self.platter.resize(self.cache.len(), 0);
    }

    /// Some sectors reach the platter, the others never will, and the cache calls all of them clean.
    pub(super) fn fail_sync(&mut self, rng: &mut fastrand::Rng) {
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            if rng.bool() {
                self.persist(sector, 0..SECTOR);
            }
        }
    }

    pub(super) fn lose_power(&mut self, rng: &mut fastrand::Rng) {
        let length = match rng.u8(..3) {
            0 => self.platter.len(),
            1 => self.cache.len(),
            _ => {
                rng.usize(self.platter.len().min(self.cache.len())..=self.platter.len().max(self.cache.len()))
            }
        };
        for (sector, written) in std::mem::take(&mut self.dirty) {
            match rng.u8(..16) {
                0..7 => {}
                7..14 => self.persist(sector, 0..SECTOR),
                14 => self.persist(sector, 0..rng.usize(..SECTOR)),
                _ => {
                    self.persist(sector, 0..SECTOR);
                    let clamp = |at: usize| (sector * SECTOR + at).min(self.platter.len());
                    let garbage = clamp(rng.usize(written.clone()))..clamp(written.end);
                    rng.fill(&mut self.platter[garbage]);
                }
            }
        }
        self.platter.resize(length, 0);
        self.cache = self.platter.clone();
    }
}
