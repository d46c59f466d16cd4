//! Collections in folders inside the folder of another.

use super::{Collection, OpenOptions};
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;

/// What vectors a collection inside another holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Those of the same embedder, or the caller's own of the same dimension.
    Alike,
    /// None: it is searched by words.
    Words,
}

impl Collection {
    /// The collection in `folder` below this one's, opened as this one was; in memory if this one is.
    ///
    /// `None` if this one is `read_only` and there is nothing. It is locked, backed up and closed by
    /// itself.
    pub(crate) fn open_inside(&self, folder: &Path, holds: Inside) -> Result<Option<Self>> {
        let (embedder, dim) = match holds {
            Inside::Words => (None, Some(1)),
            Inside::Alike if self.has_own_vectors() => (None, self.dim()?),
            Inside::Alike => (Some(self.embedder()?), None),
        };
        let options = OpenOptions::default().dim(dim);
        let Some(path) = self.path()? else {
            return Self::with_options(None, embedder, &options).map(Some);
        };
        let path = path.join(folder);
        if self.shared.read_only && !path.is_dir() {
            return Ok(None);
        }
        std::fs::create_dir_all(&path).map_err(|e| Error::io("cannot make", &path, e))?;
        let options = options
            .durability(self.durability())
            .read_only(self.shared.read_only);
        match Self::with_options(Some(&path), embedder, &options) {
            Err(error) if self.shared.read_only && error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }
}
