//! A folder for the files of one input, in memory where the system offers that.

use std::path::{Path, PathBuf};

/// Gone when it is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder of this name, which no other process has and no other target may take.
    pub(crate) fn new(target: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = match memory.is_dir() {
            true => memory.to_path_buf(),
            false => std::env::temp_dir(),
        };
        let folder = parent.join(format!("ragcore-fuzz-{target}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        Self(folder)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
