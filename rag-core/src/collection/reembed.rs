//! Vectors by another model, while the old ones serve.
//!
//! New vectors are put by in a store of their own inside the collection's, so that work that was
//! broken off goes on where it stood. When all are there the log is written anew with them, and the
//! collection changes over in one step: what is opened afterwards has all of the new or all of the
//! old.

use super::codec::Change;
use super::document::{Metadata, Stored};
use super::image::View;
use super::state::State;
use super::{Collection, Writer, fingerprint};
use crate::embedding::{Embedder, EncodeOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Image;
use crate::options;
use crate::progress::Progress;
use crate::retrieval::dense::{DenseRows, Metric};
use crate::steering::Steering;
use crate::store::{Records, Replay, Store, StoreOptions};
use crate::threads;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

options! {
    /// How a collection is embedded anew.
    ReembedOptions {
        /// Whether dials, users and the calibration are given up. They were learnt on the old
        /// vectors and mean nothing for others: without this a collection that has some is refused.
        forget_learnt: bool = false;
    }
}

/// Texts that are embedded, and made durable, in one go.
const AT_ONCE: usize = 256;
/// Times that what writers bring meanwhile is embedded beside them; what is missing then they wait
/// for.
const ROUNDS: usize = 8;
/// Where the new vectors are put by.
const ASIDE: &str = "reembed";
/// The metadata that say which text a vector is of.
const TEXT: &str = "text";

/// New vectors by id, each with a hash of the text that it is of.
struct Aside {
    embedder: Embedder,
    vectors: HashMap<String, (u64, Vec<f32>)>,
    /// None in memory.
    store: Option<Store>,
}

impl Collection {
    /// Embeds every text anew by another model and changes over to it, all or nothing: until then
    /// searches and writes go on with the old vectors, and afterwards this handle and its clones
    /// embed with the new model. Answers how many texts were embedded now.
    ///
    /// What was embedded before the process ended, was stopped or failed is kept, and the next call
    /// with the same model goes on from there. Readers elsewhere that were opened with the old model
    /// get `ModelMismatch` from then on. Takes memory for the new vectors beside the old ones.
    ///
    /// `InvalidArgument` if a document has a vector but no text, or there are dials, users or a
    /// calibration and not `forget_learnt`; `Locked` if another call is at it; `Interrupted` by
    /// `progress`; `ReadOnly`, `Closed`, `DiskFull`, `Io`.
    ///
    /// ```
    /// use rag_core::collection::{Batch, Collection, Query, ReembedOptions};
    /// use rag_core::embedding::{Embedder, EmbedderOptions};
    /// use rag_core::Progress;
    /// // Vectors of the caller's own, by a model that is gone.
    /// let collection = Collection::in_memory(None, Some(2))?;
    /// let texts = ["The moon makes the tides.", "Yeast makes the dough rise."];
    /// let batch = Batch::new(["tides", "yeast"]).texts(texts).vectors(&[1.0, 0.0, 0.0, 1.0], 2)?;
    /// collection.add(batch)?;
    /// let embedder = Embedder::built_in(&EmbedderOptions::default())?;
    /// let embedded = collection.reembed(embedder, &ReembedOptions::default(), Progress::none())?;
    /// assert_eq!((embedded, collection.dim()?), (2, Some(256)));
    /// assert_eq!(collection.search(&Query::text("bread").k(1))?[0].id, "yeast");
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn reembed(
        &self,
        embedder: Embedder,
        options: &ReembedOptions,
        mut progress: Progress<'_>,
    ) -> Result<usize> {
        self.check_writable()?;
        options.check()?;
        self.check_reembeddable(options)?;
        let mut aside = self.open_aside(embedder)?;
        let mut embedded = 0;
        for round in 0.. {
            let missing = aside.missing(&*self.read()?)?;
            if missing.is_empty() || round == ROUNDS {
                break;
            }
            let all = embedded + missing.len();
            for some in missing.chunks(AT_ONCE) {
                aside.embed(some)?;
                embedded += some.len();
                progress.step(embedded, all)?;
            }
        }
        let mut writer = self.check_writable_and_lock()?;
        self.check_reembeddable(options)?;
        let missing = aside.missing(&*self.read()?)?;
        missing
            .chunks(AT_ONCE)
            .try_for_each(|some| aside.embed(some))?;
        embedded += missing.len();
        self.change_over(&mut writer, &aside)?;
        aside.remove(&writer);
        Ok(embedded)
    }

    fn check_reembeddable(&self, options: &ReembedOptions) -> Result<()> {
        let state = self.read()?;
        let has_vector = |row: u32| state.dense.as_ref().is_some_and(|d| d.contains(row));
        let mut bare = state.alive().iter();
        if let Some(row) = bare.find(|&row| has_vector(row) && !state.rows.has_text(row)) {
            return Err(Error::invalid(format!(
                "the document \"{}\" has a vector but no text that another model could embed; give \
                 it one, or delete it",
                state.rows.id(row)?
            )));
        }
        let learnt = [
            (state.steering.len(), "dials"),
            (state.steering.users().count(), "users"),
            (usize::from(state.calibrated.is_some()), "calibration"),
        ];
        match learnt.iter().find(|(count, _)| *count > 0) {
            Some((count, what)) if !options.forget_learnt => Err(Error::invalid(format!(
                "the collection has learnt from its vectors ({count} {what}), which means nothing \
                 for others; save what you want to learn again from, and pass forget_learnt"
            ))),
            _ => Ok(()),
        }
    }

    /// What was embedded by this model before, and a place for the rest.
    fn open_aside(&self, embedder: Embedder) -> Result<Aside> {
        let place = {
            let writer = self.check_writable_and_lock()?;
            let store = writer.store.as_ref();
            store.map(|store| (Arc::clone(store.disk()), store.directory().join(ASIDE)))
        };
        let mut aside = Aside {
            vectors: HashMap::new(),
            store: None,
            embedder,
        };
        let Some((disk, directory)) = place else {
            return Ok(aside);
        };
        let mut found = Found::default();
        let mut open = || {
            found = Found::default();
            let options = StoreOptions::default();
            Store::open_on(Arc::clone(&disk), &directory, &options, &mut found)
        };
        // What was cut short while it was removed, or is damaged, can be made again.
        let mut store = open().or_else(|error| match error.kind() {
            ErrorKind::Corrupt | ErrorKind::FormatVersion => {
                let removed = disk.remove_directory(&directory);
                removed.map_err(|e| Error::io("cannot remove", &directory, e))?;
                open()
            }
            _ => Err(error),
        })?;
        let identity = aside.identity();
        match found.identity == Some(identity.clone()) {
            true => aside.vectors = found.vectors,
            // Nothing, or what another model has begun.
            false => store.rewrite(std::iter::once(identity.encode()))?,
        }
        aside.store = Some(store);
        Ok(aside)
    }

    fn change_over(&self, writer: &mut Writer, aside: &Aside) -> Result<()> {
        let mut dense = DenseRows::with_graph(aside.embedder.dim(), Metric::Cosine)?;
        let moved = {
            let state = self.read()?;
            for row in state.alive().iter() {
                if let Some((_, vector)) = aside.vectors.get(&state.rows.id(row)?)
                    && state.rows.has_text(row)
                {
                    dense.insert(row, vector)?;
                }
            }
            while let Some(step) = dense.upkeep(threads::available()) {
                dense.carry_out(&step);
            }
            writer.rewrite(&View {
                state: &state,
                dense: Some(&dense),
                identity: aside.identity(),
                steering: (&Steering::new(), 0),
                calibration: None,
            })?
        };
        let mut state = self.state_to_write();
        state.dense = Some(dense);
        state.dim = Some(aside.embedder.dim());
        if let Change::Identity { embedder, .. } = aside.identity() {
            state.embedder = embedder;
        }
        state.steering = Arc::new(Steering::new());
        state.likely.clear();
        (state.calibrated_on, state.calibrated) = (0, None);
        if let Some(moved) = moved {
            state.move_to(&moved);
        }
        state.pace.follow(writer.store.as_ref(), 1);
        let held = self.shared.embedder.write();
        *held.unwrap_or_else(PoisonError::into_inner) = Some(aside.embedder.clone());
        self.shared.own_vectors.store(false, Ordering::Release);
        Ok(())
    }
}

impl Aside {
    fn identity(&self) -> Change {
        let embedder = (self.embedder.name().to_owned(), fingerprint(&self.embedder));
        Change::Identity {
            dim: Some(self.embedder.dim()),
            embedder: Some(embedder),
        }
    }

    /// Ids and texts of which there is no vector, or one of another text.
    fn missing(&self, state: &State) -> Result<Vec<(String, Arc<str>)>> {
        let mut missing = Vec::new();
        for row in state.alive().iter().filter(|&row| state.rows.has_text(row)) {
            let Some(stored) = state.rows.stored(row)? else {
                continue;
            };
            let Some(text) = &stored.text else { continue };
            let held = self.vectors.get(&stored.id).map(|held| held.0);
            if held != Some(hash(text)) {
                missing.push((stored.id.clone(), Arc::clone(text)));
            }
        }
        Ok(missing)
    }

    fn embed(&mut self, some: &[(String, Arc<str>)]) -> Result<()> {
        let texts: Vec<&str> = some.iter().map(|(_, text)| &**text).collect();
        let options = EncodeOptions::default();
        let mut rows = self.embedder.encode(&texts, &options, Progress::none())?;
        for i in 0..rows.len() {
            super::write::to_unit(rows.row_mut(i))?;
        }
        if let Some(store) = &mut self.store {
            let document = |(id, text): &(String, Arc<str>)| {
                let mut metadata = Metadata::new();
                metadata.insert(TEXT.to_owned(), hash(text).into());
                Stored {
                    id: id.clone(),
                    text: None,
                    metadata: Arc::new(metadata),
                }
            };
            let change = Change::Put {
                documents: some.iter().map(document).collect(),
                vectors: rows.rows().data().to_vec(),
            };
            store.append(&change.encode())?;
        }
        for ((id, text), vector) in some.iter().zip(rows.rows().iter()) {
            let held = (hash(text), vector.to_vec());
            self.vectors.insert(id.clone(), held);
        }
        Ok(())
    }

    /// Best effort: what stays behind is taken for what it is the next time.
    fn remove(self, writer: &Writer) {
        drop(self.store);
        if let Some(store) = &writer.store {
            let directory: PathBuf = store.directory().join(ASIDE);
            let _ = store.disk().remove_directory(&directory);
        }
    }
}

/// What was put by.
#[derive(Default)]
struct Found {
    identity: Option<Change>,
    vectors: HashMap<String, (u64, Vec<f32>)>,
}

impl Replay for Found {
    fn restore(&mut self, _: &Image, _: &Arc<Records>) -> bool {
        false
    }

    fn replay(&mut self, _: u64, payload: &[u8], _: &Arc<Records>) -> Result<()> {
        match Change::decode(payload)? {
            Change::Put { documents, vectors } => {
                let dim = vectors.len() / documents.len().max(1);
                for (document, vector) in documents.into_iter().zip(vectors.chunks(dim.max(1))) {
                    let text = document
                        .metadata
                        .get(TEXT)
                        .and_then(serde_json::Value::as_u64);
                    let held = (text.unwrap_or(0), vector.to_vec());
                    self.vectors.insert(document.id, held);
                }
            }
            identity => self.identity = Some(identity),
        }
        Ok(())
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
