//! A file system in memory that loses what was never synced.
//!
//! Every change takes a step. A test lets the power fail at any of them: that step happens in part
//! or not at all, and none after it. What is found afterwards ([`Simulated::after_the_cut`]) is what
//! was synced, with some of the rest, in sectors of 512 bytes, kept, lost or torn as chance has it:
//! a file system promises nothing about their order. Names are as uncertain as bytes until their
//! directory is synced. A step can also fail with an error and leave the power on.

use super::{Bytes, Disk, Held, Output, locked};
use crate::error::{Error, Result};
use crate::plain::AlignedBytes;
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// When something goes wrong, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power fails at this step.
    Cut(u64),
    /// This step fails with an error, and no other. Of a full disk only what needs room fails.
    Once(u64, io::ErrorKind),
    /// This step and all after it fail.
    From(u64, io::ErrorKind),
    /// The files together have room for so many bytes.
    Room(u64),
}

/// A change to a file that no power cut has to keep.
#[derive(Clone, Debug)]
enum Unsynced {
    Write(u64, Vec<u8>),
    Cut(u64),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// As every process sees it.
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Since the last sync. One that fails forgets it: it stays to be seen and is never durable.
    unsynced: Vec<Unsynced>,
}

/// A change of names that no power cut has to keep.
#[derive(Clone, Debug)]
enum Naming {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
}

#[derive(Clone, Debug, Default)]
struct Files {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    naming: Vec<Naming>,
    locks: BTreeMap<PathBuf, u64>,
    taken: u64,
    steps: u64,
    fault: Option<Fault>,
    off: bool,
}

/// The file system. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Simulated(Arc<Mutex<Files>>);

#[derive(Debug)]
struct Open {
    files: Simulated,
    inode: usize,
}

#[derive(Debug)]
struct Lock {
    files: Simulated,
    path: PathBuf,
    number: u64,
}

fn dark() -> io::Error {
    io::Error::other("the power is off")
}

impl Simulated {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.files().steps
    }

    pub(crate) fn let_fail(&self, fault: Option<Fault>) {
        self.files().fault = fault;
    }

    /// Another disk with the same contents, on which nothing fails.
    pub(crate) fn copy(&self) -> Self {
        let mut files = self.files().clone();
        files.fault = None;
        files.locks.clear();
        Self(Arc::new(Mutex::new(files)))
    }

    /// What is found when the power is back: `seed` decides what of the unsynced is there.
    pub(crate) fn after_the_cut(&self, seed: u64) -> Self {
        let files = self.files();
        let mut rng = Rng::new(seed);
        let mut names = files.durable_names.clone();
        // A journal keeps the order of names: some of the first are there and none of the rest.
        // Other file systems keep none.
        let kept = rng.below(files.naming.len() + 1);
        let in_order = rng.below(2) == 0;
        for (i, naming) in files.naming.iter().enumerate() {
            if if in_order {
                i < kept
            } else {
                rng.below(2) == 0
            } {
                naming.carry_out(&mut names);
            }
        }
        let inodes = files.inodes.iter().map(|inode| {
            let now = inode.after_the_cut(&mut rng);
            Inode {
                durable: now.clone(),
                now,
                ..Inode::default()
            }
        });
        Self(Arc::new(Mutex::new(Files {
            inodes: inodes.collect(),
            durable_names: names.clone(),
            names,
            ..Files::default()
        })))
    }
}

impl Naming {
    fn carry_out(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Naming::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Naming::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Naming::Unlink(path) => {
                names.remove(path);
            }
        }
    }
}

impl Inode {
    fn after_the_cut(&self, rng: &mut Rng) -> Vec<u8> {
        // In one case of four nothing unsynced has reached the disk, in one all of it.
        let likely = [0.0, 0.3, 0.7, 1.0][rng.below(4)];
        self.on_disk(|| rng.uniform() < likely)
    }

    /// What is durable, with those of the sectors written since that `reach` the disk.
    fn on_disk(&self, mut reach: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Unsynced::Cut(length) if reach() => bytes.resize(*length as usize, 0),
                Unsynced::Cut(_) => {}
                Unsynced::Write(at, new) => {
                    let (at, end) = (*at as usize, *at as usize + new.len());
                    for sector in at / SECTOR..end.div_ceil(SECTOR) {
                        if !reach() {
                            continue;
                        }
                        let from = (sector * SECTOR).max(at);
                        let to = ((sector + 1) * SECTOR).min(end);
                        if bytes.len() < to {
                            bytes.resize(to, 0);
                        }
                        bytes[from..to].copy_from_slice(&new[from - at..to - at]);
                    }
                }
            }
        }
        bytes
    }
}

impl Files {
    /// Takes a step, or fails as was asked for. With the power failing at it, answers `false`: the
    /// step may happen in part.
    fn step(&mut self, needs_room: bool) -> io::Result<bool> {
        if self.off {
            return Err(dark());
        }
        self.steps += 1;
        let full = |kind| kind == io::ErrorKind::StorageFull && !needs_room;
        match self.fault {
            Some(Fault::Once(_, kind) | Fault::From(_, kind)) if full(kind) => Ok(true),
            Some(Fault::Cut(at)) if at == self.steps => {
                self.off = true;
                Ok(false)
            }
            Some(Fault::Once(at, kind)) if at == self.steps => Err(kind.into()),
            Some(Fault::From(at, kind)) if at <= self.steps => Err(kind.into()),
            _ => Ok(true),
        }
    }

    fn rename_now(&mut self, naming: Naming) -> io::Result<()> {
        let on = self.step(matches!(naming, Naming::Link(..)))?;
        naming.carry_out(&mut self.names);
        self.naming.push(naming);
        if on { Ok(()) } else { Err(dark()) }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        if self.off {
            return Err(dark());
        }
        let found = self.names.get(path).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Simulated {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let files = self.files();
        let inode = files
            .find(path)
            .map_err(|e| Error::io("cannot open", path, e))?;
        let bytes = files.inodes[inode].now.clone();
        match bytes.len() as u64 > limit {
            true => Err(Error::invalid("a file that is too long")),
            false => Ok(bytes),
        }
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        let files = self.files();
        Ok(files.inodes[files.find(path)?].now.len() as u64)
    }

    fn stamp(&self, path: &Path) -> io::Result<u128> {
        Ok(self.files().find(path)? as u128)
    }

    fn map(&self, path: &Path) -> io::Result<Box<dyn Bytes>> {
        let now = self.read_from(path, 0, u64::MAX)?;
        let copied = AlignedBytes::filled(now.len(), |room| {
            room.copy_from_slice(&now);
            Ok::<usize, io::Error>(now.len())
        });
        Ok(Box::new(copied?))
    }

    fn read_from(&self, path: &Path, at: u64, most: u64) -> io::Result<Vec<u8>> {
        let files = self.files();
        let bytes = &files.inodes[files.find(path)?].now;
        let from = bytes.get(at as usize..).unwrap_or_default();
        Ok(from[..from.len().min(most as usize)].to_vec())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let mut files = self.files();
        files.inodes.push(Inode::default());
        let inode = files.inodes.len() - 1;
        files.rename_now(Naming::Link(path.to_path_buf(), inode))?;
        Ok(Box::new(Open {
            files: self.clone(),
            inode,
        }))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(Open {
            inode: self.files().find(path)?,
            files: self.clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files();
        files.find(from)?;
        files.rename_now(Naming::Rename(from.to_path_buf(), to.to_path_buf()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut files = self.files();
        files.find(path)?;
        files.rename_now(Naming::Unlink(path.to_path_buf()))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let files = self.files();
        if files.off {
            return Err(dark());
        }
        let inside = |path: &&PathBuf| path.parent() == Some(directory);
        Ok(files.names.keys().filter(inside).cloned().collect())
    }

    fn make_directory(&self, _: &Path) -> io::Result<()> {
        match self.files().off {
            true => Err(dark()),
            false => Ok(()),
        }
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut files = self.files();
        if !files.step(false)? {
            return Err(dark());
        }
        files.durable_names = files.names.clone();
        files.naming.clear();
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>> {
        let mut files = self.files();
        if files.off {
            return Err(Error::io("cannot lock", path, dark()));
        }
        if files.locks.contains_key(path) {
            return Err(locked(path, Some(std::process::id())));
        }
        files.taken += 1;
        let number = files.taken;
        files.locks.insert(path.to_path_buf(), number);
        Ok(Box::new(Lock {
            files: self.clone(),
            path: path.to_path_buf(),
            number,
        }))
    }
}

impl Output for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.files.files().inodes[self.inode].now.len();
        self.write_at(end as u64, bytes)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files.files();
        let length = files.inodes[self.inode].now.len();
        let over = bytes.len().min(length - at as usize);
        if let Some(Fault::Room(most)) = files.fault {
            let used: usize = files
                .names
                .values()
                .map(|&i| files.inodes[i].now.len())
                .sum();
            let left = most.saturating_sub(used as u64) as usize;
            if bytes.len() - over > left {
                files.inodes[self.inode].write(at, &bytes[..over + left]);
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let on = match files.step(over < bytes.len()) {
            Ok(on) => on,
            Err(error) => {
                // A write that fails may have written some of its bytes.
                if !files.off {
                    let some = bytes.len() / 2;
                    files.inodes[self.inode].write(at, &bytes[..some]);
                }
                return Err(error);
            }
        };
        files.inodes[self.inode].write(at, bytes);
        if on { Ok(()) } else { Err(dark()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut files = self.files.files();
        let step = files.step(false);
        let inode = &mut files.inodes[self.inode];
        match step {
            Ok(true) => {
                inode.durable = inode.on_disk(|| true);
                inode.unsynced.clear();
                Ok(())
            }
            Ok(false) => Err(dark()),
            Err(error) => {
                inode.unsynced.clear();
                Err(error)
            }
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut files = self.files.files();
        let on = files.step(false)?;
        let inode = &mut files.inodes[self.inode];
        inode.now.resize(length as usize, 0);
        inode.unsynced.push(Unsynced::Cut(length));
        if on { Ok(()) } else { Err(dark()) }
    }
}

impl Inode {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        let (from, end) = (at as usize, at as usize + bytes.len());
        self.now.resize(self.now.len().max(end), 0);
        self.now[from..end].copy_from_slice(bytes);
        self.unsynced.push(Unsynced::Write(at, bytes.to_vec()));
    }
}

impl Held for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut files = self.files.files();
        if files.locks.get(&self.path) == Some(&self.number) {
            files.locks.remove(&self.path);
        }
    }
}
