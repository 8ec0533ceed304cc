//! A disk that is as bad as disks may be: until they are synced, bytes are lost, torn and reordered by sector, and
//! names by operation; syncs and writes fail and then lie; the power goes at any operation.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::super::disk::{Disk, DiskFile};
use super::inode::Inode;

/// What is free unless the disk is full.
const FREE_BYTES: u64 = 1 << 30;

/// Faults that may happen, each in so many of 256 operations of its kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) sync: u8,
    pub(super) sync_dir: u8,
    pub(super) write: u8,
    pub(super) create: u8,
    pub(super) short_write: u8,
    pub(super) space: Space,
}

/// How much room there is, and whether the disk says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Space {
    #[default]
    Enough,
    /// Nothing can be allocated, and this is reported.
    Full,
    /// Nothing can be allocated, while the disk reports that much is free.
    FullInSecret,
}

/// A disk, or a log, that breaks its contract on purpose: each must be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sabotage {
    #[default]
    None,
    /// Names of new segments are not synced.
    SkipDirSync,
    /// A cursor's name is not synced before segments are removed.
    SkipCursorNameSync,
    /// A cursor's bytes are not synced before it takes its name.
    SkipCursorSync,
    /// A failed sync is asked again on the same file, and believed.
    RetrySync,
    /// The log acknowledges without syncing.
    NeverSync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    /// The process dies; the page cache lives on.
    Kill,
    /// The machine loses power; what was not synced may be lost.
    PowerCut,
}

#[derive(Debug)]
enum NameChange {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

#[derive(Debug)]
struct World {
    rng: fastrand::Rng,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending: Vec<NameChange>,
    inodes: Vec<Inode>,
    operations: u64,
    outage_at: u64,
    is_off: bool,
    boot: u64,
    faults: Faults,
    fails_once: bool,
    sabotage: Sabotage,
}

/// The disk; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct SimulatedDisk {
    world: Arc<Mutex<World>>,
    gate: Arc<Gate>,
    boot: u64,
}

/// Holds syncs, so that a test can see what waits behind one.
#[derive(Debug, Default)]
struct Gate {
    hold: Mutex<Hold>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Hold {
    is_closed: bool,
    waiting: usize,
}

impl Gate {
    fn pass(&self) {
        let mut hold = self.hold.lock();
        hold.waiting += 1;
        self.changed.notify_all();
        while hold.is_closed {
            self.changed.wait(&mut hold);
        }
        hold.waiting -= 1;
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    path: PathBuf,
    inode: usize,
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn input_output_error() -> io::Error {
    io::Error::other("input/output error")
}

impl SimulatedDisk {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> Self {
        let world = World {
            rng: fastrand::Rng::with_seed(seed),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending: Vec::new(),
            inodes: Vec::new(),
            operations: 0,
            outage_at: u64::MAX,
            is_off: false,
            boot: 0,
            faults: Faults::default(),
            fails_once: false,
            sabotage,
        };
        Self { world: Arc::new(Mutex::new(world)), gate: Arc::default(), boot: 0 }
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.world.lock().faults = faults;
    }

    /// From now on a sync of a file waits until it is let go.
    pub(super) fn hold_syncs(&self) {
        self.gate.hold.lock().is_closed = true;
    }

    /// Waits until a sync waits.
    pub(super) fn await_held_sync(&self) {
        let mut hold = self.gate.hold.lock();
        while hold.waiting == 0 {
            self.gate.changed.wait(&mut hold);
        }
    }

    pub(super) fn fail_next_sync(&self) {
        self.world.lock().fails_once = true;
    }

    pub(super) fn release_syncs(&self) {
        self.gate.hold.lock().is_closed = false;
        self.gate.changed.notify_all();
    }

    /// The power goes, or the process dies, at the operation that comes after so many.
    pub(super) fn plan_outage(&self, operations: u64) {
        let mut world = self.world.lock();
        world.outage_at = world.operations + operations;
    }

    /// Spoils a byte that had been synced, for good.
    pub(super) fn spoil(&self, path: &Path, offset: u64) {
        let mut world = self.world.lock();
        let inode = world.find(path).unwrap();
        world.inodes[inode].spoil(usize::try_from(offset).unwrap());
    }

    pub(super) fn is_off(&self) -> bool {
        self.world.lock().is_off
    }

    /// The disk as the next boot, or the next process, finds it. Older handles are dead.
    pub(super) fn restart(&self, outage: Outage) -> Self {
        let mut world = self.world.lock();
        if outage == Outage::PowerCut {
            world.lose_power();
        }
        world.is_off = false;
        world.outage_at = u64::MAX;
        world.boot += 1;
        Self { world: Arc::clone(&self.world), gate: Arc::clone(&self.gate), boot: world.boot }
    }

    fn look<T>(&self, action: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.world.lock();
        if world.is_off || world.boot != self.boot {
            return Err(power_is_off());
        }
        action(&mut world)
    }

    /// An operation that changes something; an outage falls just before or just after it.
    fn change<T>(&self, action: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        self.look(|world| {
            world.operations += 1;
            if world.operations < world.outage_at {
                return action(world);
            }
            if world.rng.bool() {
                drop(action(world));
            }
            world.is_off = true;
            Err(power_is_off())
        })
    }

    fn file(&self, path: &Path, inode: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile { disk: self.clone(), path: path.to_owned(), inode })
    }
}

impl World {
    fn fails(&mut self, chance: u8) -> bool {
        chance > 0 && self.rng.u8(..) < chance
    }

    fn lose_power(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            if self.rng.bool() {
                apply(&mut self.durable_names, &change);
            }
        }
        self.names = self.durable_names.clone();
        for inode in &mut self.inodes {
            inode.lose_power(&mut self.rng);
        }
    }

    fn is_cut_short(&mut self, failing: bool) -> bool {
        failing || self.fails(self.faults.short_write)
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn change_name(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.pending.push(change);
    }

    fn grows_in_vain(&self, inode: usize, end: u64) -> bool {
        self.faults.space != Space::Enough && end > self.inodes[inode].cache.len() as u64
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Link(path, inode) => drop(names.insert(path.clone(), *inode)),
        NameChange::Unlink(path) => drop(names.remove(path)),
        NameChange::Rename(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.change(|world| {
            if world.find(path).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if world.fails(world.faults.create) {
                return Err(input_output_error());
            }
            if world.faults.space != Space::Enough {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let inode = world.inodes.len();
            world.inodes.push(Inode::default());
            world.change_name(NameChange::Link(path.to_owned(), inode));
            Ok(inode)
        })?;
        Ok(self.file(path, inode))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.look(|world| world.find(path))?;
        Ok(self.file(path, inode))
    }

    fn trim(&self, path: &Path, len: u64) -> io::Result<()> {
        self.change(|world| {
            let inode = world.find(path)?;
            let inode = &mut world.inodes[inode];
            inode.trim(usize::try_from(len).unwrap());
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|world| {
            let inode = world.find(from)?;
            world.change_name(NameChange::Rename(from.to_owned(), to.to_owned(), inode));
            Ok(())
        })
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.change(|world| {
            world.find(path)?;
            world.change_name(NameChange::Unlink(path.to_owned()));
            Ok(())
        })
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        self.look(|world| {
            let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            Ok(world.names.keys().map(name).collect())
        })
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.change(|world| {
            let is_cursor = matches!(world.pending.last(), Some(NameChange::Rename(..)));
            match world.sabotage {
                Sabotage::SkipDirSync if !is_cursor => return Ok(()),
                Sabotage::SkipCursorNameSync if is_cursor => return Ok(()),
                _ => {}
            }
            if world.fails(world.faults.sync_dir) {
                return Err(input_output_error());
            }
            for change in std::mem::take(&mut world.pending) {
                apply(&mut world.durable_names, &change);
            }
            Ok(())
        })
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        self.look(|world| Ok(if world.faults.space == Space::Full { 0 } else { FREE_BYTES }))
    }

    /// Every operation takes a millisecond.
    fn now_ms(&self) -> u64 {
        self.world.lock().operations
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut written = bytes.len();
        self.disk.change(|world| {
            let fails = world.fails(world.faults.write);
            let is_full = world.grows_in_vain(self.inode, offset + bytes.len() as u64);
            if world.is_cut_short(fails || is_full) {
                written = world.rng.usize(1..=bytes.len());
                bytes.truncate(written);
            }
            if is_full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            world.inodes[self.inode].write(usize::try_from(offset).unwrap(), &bytes);
            if fails { Err(input_output_error()) } else { Ok(written) }
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.look(|world| {
            let cache = &world.inodes[self.inode].cache;
            let from = usize::try_from(offset).unwrap().min(cache.len());
            let len = buffer.len().min(cache.len() - from);
            buffer[..len].copy_from_slice(&cache[from..from + len]);
            Ok(len)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.gate.pass();
        self.disk.change(|world| {
            if world.sabotage == Sabotage::SkipCursorSync && self.path.ends_with("cursor.new") {
                return Ok(());
            }
            if !world.fails(world.faults.sync) && !std::mem::take(&mut world.fails_once) {
                world.inodes[self.inode].sync();
                return Ok(());
            }
            let World { inodes, rng, sabotage, .. } = world;
            inodes[self.inode].fail_sync(rng);
            if *sabotage == Sabotage::RetrySync {
                inodes[self.inode].sync();
                return Ok(());
            }
            Err(io::Error::other(format!("input/output error on {}", self.path.display())))
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.disk.change(|world| {
            if world.grows_in_vain(self.inode, len) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let cache = &mut world.inodes[self.inode].cache;
            cache.resize(cache.len().max(usize::try_from(len).unwrap()), 0);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.look(|world| Ok(world.inodes[self.inode].cache.len() as u64))
    }
}
