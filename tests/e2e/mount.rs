//! File systems of our own, mounted for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Mount {
    pub point: PathBuf,
}

pub fn run(words: &[&str]) {
    let output = Command::new(words[0])
        .args(&words[1..])
        .output()
        .unwrap_or_else(|error| panic!("{words:?}: {error}"));
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Mount {
    /// An ext4 image that writes back nothing by itself for five minutes.
    pub fn image(file: &Path, point: &Path) -> Mount {
        std::fs::create_dir_all(point).unwrap();
        run(&["mount", "-o", "loop,commit=300", file.to_str().unwrap(), point.to_str().unwrap()]);
        Mount { point: point.to_owned() }
    }

    pub fn tmpfs(size: &str, point: &Path) -> Mount {
        std::fs::create_dir_all(point).unwrap();
        run(&["mount", "-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", point.to_str().unwrap()]);
        Mount { point: point.to_owned() }
    }

    pub fn resize(&self, size: &str) {
        run(&["mount", "-o", &format!("remount,size={size}"), self.point.to_str().unwrap()]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.point).status().is_ok_and(|status| status.success());
        if !unmounted {
            let _ = Command::new("umount").arg("-l").arg(&self.point).status();
        }
    }
}

/// The kernel's own timed write-back, off for as long as this lives.
pub struct NoWriteBack {
    before: String,
}

const WRITE_BACK: &str = "/proc/sys/vm/dirty_writeback_centisecs";

impl NoWriteBack {
    pub fn begin() -> NoWriteBack {
        let before = std::fs::read_to_string(WRITE_BACK).unwrap();
        std::fs::write(WRITE_BACK, "0").unwrap();
        NoWriteBack { before }
    }
}

impl Drop for NoWriteBack {
    fn drop(&mut self) {
        let _ = std::fs::write(WRITE_BACK, &self.before);
    }
}
