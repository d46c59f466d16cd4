//! A reader looks again.

use super::manifest::{MANIFEST, Manifest};
use super::{OpenLog, Records, Replay, Store, log};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// What a reader finds that looks again.
#[derive(Debug)]
pub struct News {
    /// Whether the records are all there are, and not those that were added.
    pub replaced: bool,
    /// The records, in order.
    pub records: Vec<Vec<u8>>,
}

/// What has happened to the log.
pub(crate) enum Followed {
    /// There are more records: where each begins, and its payload.
    Added(Vec<(u64, Vec<u8>)>),
    /// Another log has taken its place.
    Replaced(Replaced),
}

/// A log that is new to a reader.
pub(crate) struct Replaced(OpenLog);

impl Store {
    /// Hands to `take` what a writer, here or in another process, has added since this store was opened
    /// for reading or this was last asked; answers whether there was something. Costs a look at two
    /// files, of which it reads no more than a line.
    ///
    /// A store that vanished has no news; one that was damaged is `Corrupt`. What `take` refuses is
    /// handed to it again the next time.
    ///
    /// ```
    /// use rag_core::store::{Store, StoreOptions};
    /// let dir = std::env::temp_dir().join(format!("ragcore-doc-follow-{}", std::process::id()));
    /// let options = StoreOptions::default();
    /// let mut writer = Store::open(&dir, &options, |_| Ok(())).unwrap();
    /// let mut reader = Store::open(&dir, &options.read_only(true), |_| Ok(())).unwrap();
    /// assert!(!reader.follow(|_| unreachable!("there is nothing new")).unwrap());
    /// writer.append(b"hello").unwrap();
    /// let followed = reader.follow(|news| {
    ///     assert_eq!(news.records, [b"hello"]);
    ///     Ok(())
    /// });
    /// assert!(followed.unwrap());
    /// # drop((writer, reader));
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// ```
    pub fn follow(&mut self, take: impl FnOnce(News) -> Result<()>) -> Result<bool> {
        self.follow_with(|store, followed| {
            let (replaced, records) = match followed {
                Followed::Added(records) => (false, records.into_iter().map(|r| r.1).collect()),
                Followed::Replaced(new) => {
                    let mut all = All(Vec::new());
                    store.replay(new, &mut all)?;
                    (true, all.0)
                }
            };
            take(News { replaced, records })
        })
    }

    /// [`Store::follow`] for one who knows images.
    pub(crate) fn follow_with(
        &mut self,
        take: impl FnOnce(&mut Self, Followed) -> Result<()>,
    ) -> Result<bool> {
        if self.writer.is_some() {
            return Ok(false);
        }
        let before = (self.header, self.seen, self.log.clone());
        let news = match self.is_replaced() {
            Ok(true) => OpenLog::new(&*self.disk, &self.directory)
                .map(|open| Some(Followed::Replaced(Replaced(open)))),
            Ok(false) => self.added(),
            Err(error) => Err(error),
        };
        let news = match news {
            // It vanished, or a writer is putting another log in the place of this one just now.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            news => news?,
        };
        let Some(news) = news else { return Ok(false) };
        take(self, news).inspect_err(|_| {
            (self.header, self.seen, self.log) = before;
            self.manifest = None;
        })?;
        Ok(true)
    }

    /// Hands over all of a log that is new to this reader, which reads that one from now on.
    pub(crate) fn replay(&mut self, new: Replaced, replay: &mut dyn Replay) -> Result<()> {
        let mut open = new.0;
        (_, self.seen) = open.replay(&*self.disk, &self.directory, replay)?;
        (self.header, self.log) = (open.manifest.header, open.path.clone());
        Ok(())
    }

    /// Whether the log is another one now, or shorter than what was read of it.
    fn is_replaced(&mut self) -> Result<bool> {
        let manifest = self.directory.join(MANIFEST);
        let look = |e| Error::io("cannot read", &manifest, e);
        let stamp = self.disk.stamp(&manifest).map_err(look)?;
        if self.manifest != Some(stamp) {
            let found = Manifest::read(&*self.disk, &self.directory)?;
            if found.header != self.header {
                return Ok(true);
            }
            self.manifest = Some(stamp);
        }
        let length = self.disk.length(&self.log);
        let length = length.map_err(|e| Error::io("cannot read", &self.log, e))?;
        Ok(length < self.seen.at)
    }

    /// The records behind those that were read.
    fn added(&mut self) -> Result<Option<Followed>> {
        let look = |e| Error::io("cannot read", &self.log, e);
        let read = |most| self.disk.read_from(&self.log, self.seen.at, most);
        if log::written(&read(log::RECORD as u64).map_err(look)?) == 0 {
            return Ok(None);
        }
        let bytes = read(u64::MAX).map_err(look)?;
        let found = log::whole_records(&bytes, self.header, self.seen);
        self.seen = found.next;
        let records = found.records.into_iter();
        let records: Vec<_> = records.map(|(at, record)| (at, record.to_vec())).collect();
        Ok((!records.is_empty()).then_some(Followed::Added(records)))
    }
}

/// All payloads.
struct All(Vec<Vec<u8>>);

impl Replay for All {
    fn restore(&mut self, _: &crate::image::Image, _: &Arc<Records>) -> bool {
        false
    }

    fn replay(&mut self, _: u64, payload: &[u8], _: &Arc<Records>) -> Result<()> {
        self.0.push(payload.to_vec());
        Ok(())
    }
}
