//! The machine's disk, failing on purpose for the files of some topics.

use super::super::log::{Disk, DiskFile, RealDisk};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a sync does instead.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// As a sick disk does.
    Error,
    /// As a defect of ours would.
    Panic,
}

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk {
    faults: Arc<Mutex<HashMap<String, Fault>>>,
}

impl FaultyDisk {
    pub fn fail(&self, topic: &str, fault: Fault) {
        self.faults.lock().unwrap().insert(topic.to_owned(), fault);
    }

    pub fn mend(&self, topic: &str) {
        self.faults.lock().unwrap().remove(topic);
    }

    fn fault(&self, path: &Path) -> Option<Fault> {
        let topic = path.parent()?.file_name()?.to_str()?;
        self.faults.lock().unwrap().get(topic).copied()
    }

    fn wrap(&self, path: &Path, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { disk: self.clone(), path: path.to_owned(), inner })
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    path: PathBuf,
    inner: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn sync(&self) -> io::Result<()> {
        match self.disk.fault(&self.path) {
            None => self.inner.sync(),
            Some(Fault::Error) => Err(io::Error::other("input/output error")),
            Some(Fault::Panic) => panic!("the disk of the test panics as it was told"),
        }
    }

    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.inner.write_at(slices, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.inner.allocate(len)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.open(path)?))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn trim(&self, path: &Path, len: u64) -> io::Result<()> {
        RealDisk.trim(path, len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        RealDisk.unlink(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(dir)
    }

    fn now_ms(&self) -> u64 {
        RealDisk.now_ms()
    }
}
