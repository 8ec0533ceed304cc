//! One file's way from its appearance to its end.

use super::*;

/// What the keeper knows of a file.
#[derive(Default)]
pub(super) struct Known {
    /// When it was last read whole.
    stamp: Option<Stamp>,
    /// What it held then: the same again needs no new load, be it good or refused.
    digest: Option<String>,
    /// What it looks like now, and since when.
    settling: Option<(Stamp, Instant)>,
    /// Why it could not even be read, so that this is told once.
    unread: Option<String>,
    pub missing_since: Option<Instant>,
}

impl Known {
    pub fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    pub fn forget_refusal(&mut self) {
        (self.stamp, self.unread) = (None, None);
        // The digest of what serves is the registry's to know.
        self.digest = None;
    }
}

impl Keeper {
    pub(super) fn mark_present(&mut self, file: &str) {
        if let Some(known) = self.known.get_mut(file)
            && known.missing_since.take().is_some()
        {
            self.registry.lock().mark_leaving(file, false);
        }
    }

    /// Reads a file that changed and came to rest.
    pub(super) fn follow_file(&mut self, file: &str, stamp: Stamp, occasion: Occasion) {
        let Some(known) = self.known.get_mut(file) else { return };
        if known.stamp == Some(stamp) {
            known.settling = None;
            return;
        }
        let (now, settle_time) = (Instant::now(), self.host.config.settle_time);
        let since = match known.settling {
            Some((seen, since)) if seen == stamp => since,
            _ => now,
        };
        known.settling = Some((stamp, since));
        if occasion != Occasion::Start && now < since + settle_time {
            self.look_at = self.look_at.min(since + settle_time);
            return;
        }
        match directory::read(&self.host.config.directory.join(file), self.host.config.file_bytes_max) {
            Ok(reading) => {
                known.settling = None;
                known.unread = None;
                known.stamp = Some(reading.stamp);
                self.consider(file, &reading, occasion);
            }
            Err(ReadError::Changing) => self.look_at = self.look_at.min(now + settle_time),
            Err(error) => self.refuse_unread(file, &error, occasion),
        }
    }

    /// Loads what was read, if it is anything new.
    fn consider(&mut self, file: &str, reading: &Reading, occasion: Occasion) {
        if let Some(known) = self.known.get_mut(file)
            && known.digest.replace(reading.digest.clone()).as_ref() == Some(&reading.digest)
        {
            return;
        }
        let serving = {
            let registry = self.registry.lock();
            let slot = registry.slots().get(file);
            slot.and_then(|slot| slot.serving.as_ref()).map(|generation| generation.digest.clone())
        };
        if serving.as_ref() == Some(&reading.digest) {
            self.registry.lock().forget_refusal(file);
            return;
        }
        match self.bring_live(file, reading) {
            // It is no worse for that.
            Ok(()) | Err(LoadError::Stopping) => {}
            Err(error) => {
                self.registry.lock().refuse(file, Some(reading.digest.clone()), error.to_string());
                self.fall_back(file, occasion);
            }
        }
    }

    /// The status says that it is at it.
    fn load(&self, file: &str, bytes: &[u8], digest: &str) -> Result<Loaded, LoadError> {
        self.registry.lock().loading = Some((file.to_owned(), SystemTime::now()));
        let loaded = self.host.load(file, bytes, digest);
        self.registry.lock().loading = None;
        loaded
    }

    /// Err: why the file itself is no good. One that is good and has to wait for another is not that.
    fn bring_live(&mut self, file: &str, reading: &Reading) -> Result<(), LoadError> {
        let loaded = self.load(file, &reading.bytes, &reading.digest)?;
        // Whether it serves at once or waits for another: it is good.
        let _ = self.registry.lock().admit(file, loaded);
        self.kept.keep(file, &reading.bytes, &reading.digest);
        Ok(())
    }

    pub(super) fn refuse_unread(&mut self, file: &str, error: &ReadError, occasion: Occasion) {
        let reason = error.to_string();
        if let Some(known) = self.known.get_mut(file)
            && known.unread.replace(reason.clone()).as_ref() != Some(&reason)
        {
            (known.stamp, known.digest, known.settling) = (None, None, None);
            self.registry.lock().refuse(file, None, reason);
            self.fall_back(file, occasion);
        }
    }

    /// At the start nothing serves yet that could go on: the kept copy takes the place of a refused file.
    fn fall_back(&mut self, file: &str, occasion: Occasion) {
        if occasion != Occasion::Start {
            return;
        }
        let Some(copy) = self.kept.read(file, self.host.config.file_bytes_max) else { return };
        let refusal = self.registry.lock().slots().get(file).and_then(|slot| slot.refused.clone());
        match self.load(file, &copy.bytes, &copy.digest) {
            Ok(loaded) => {
                let mut registry = self.registry.lock();
                if registry.admit(file, loaded).is_ok() {
                    tracing::warn!(
                        file,
                        digest = copy.digest,
                        "last good plugin serves in place of a refused file"
                    );
                    registry.restore_refusal(file, refusal);
                }
            }
            Err(LoadError::Stopping) => {}
            Err(error) => tracing::warn!(file, error = %error, "kept copy of a plugin refused"),
        }
    }

    /// With no directory to go by, what was kept serves.
    pub(super) fn serve_kept(&mut self) {
        for file in self.kept.files() {
            let Some(copy) = self.kept.read(&file, self.host.config.file_bytes_max) else { continue };
            match self.load(&file, &copy.bytes, &copy.digest) {
                Ok(loaded) => {
                    let _ = self.registry.lock().admit(&file, loaded);
                    self.known.entry(file).or_default();
                }
                Err(LoadError::Stopping) => return,
                Err(error) => tracing::warn!(file, error = %error, "kept copy of a plugin refused"),
            }
        }
    }

    /// A file that is not there any more leaves after the grace; one that serves nothing, at once.
    pub(super) fn follow_missing(&mut self, file: &str, occasion: Occasion) {
        let Some(known) = self.known.get_mut(file) else { return };
        let now = Instant::now();
        let mut registry = self.registry.lock();
        let serves = registry.slots().get(file).is_some_and(|slot| slot.serving.is_some());
        let end = *known.missing_since.get_or_insert(now) + self.host.config.removal_grace;
        if serves && now < end && occasion != ACCEPTING {
            registry.mark_leaving(file, true);
            self.look_at = self.look_at.min(end);
            return;
        }
        registry.remove(file);
        drop(registry);
        self.known.remove(file);
        self.kept.forget(file);
    }
}
