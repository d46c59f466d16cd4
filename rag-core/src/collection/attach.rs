//! Documents of another store, taken in as they are: nothing is embedded again.

use super::codec::Change;
use super::document::Stored;
use super::packed::parts;
use super::state::State;
use super::{Collection, OpenOptions, fingerprint};
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

/// Documents with what is theirs.
#[derive(Default)]
struct Taken {
    documents: Vec<Stored>,
    vectors: Vec<f32>,
}

impl Collection {
    /// Takes in all documents of the store at `path`, with their texts, metadata and vectors, in one change: after a
    /// crash all of them are here or none. Answers how many. The store itself stays as it is, and a writer
    /// may have it open.
    ///
    /// So workers build parts of a collection side by side, each in a folder of its own, and nothing is embedded
    /// twice. Dials, users and bandits are not taken: [`CollectionSteering::merge`](super::CollectionSteering::merge)
    /// and [`Bandit::merge`](crate::bandit::Bandit::merge) bring those. It takes memory as large as the documents,
    /// twice.
    ///
    /// `AlreadyExists` if an id is here already, `ModelMismatch` or `DimensionMismatch` if the vectors are not of the
    /// kind that is here, and the errors of opening; then nothing is taken.
    ///
    /// ```
    /// use rag_core::collection::{Batch, Collection, OpenOptions};
    /// # let folder = std::env::temp_dir().join(format!("ragcore-doc-attach-{}", std::process::id()));
    /// # let _ = std::fs::remove_dir_all(&folder);
    /// let part = Collection::open(&folder, None, &OpenOptions::default())?;
    /// part.add(Batch::new(["tides"]).texts(["The moon makes the tides."]))?;
    /// part.close()?;
    /// let whole = Collection::in_memory(None, None)?;
    /// whole.add(Batch::new(["yeast"]).texts(["Yeast makes dough rise."]))?;
    /// assert_eq!(whole.attach(&folder)?, 1);
    /// assert_eq!(whole.ids()?, ["yeast", "tides"]);
    /// assert!(whole.attach(&folder).is_err(), "its documents are here already");
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn attach(&self, path: impl AsRef<Path>) -> Result<usize> {
        self.check_writable()?;
        let path = path.as_ref();
        let theirs = Self::open(path, None, &OpenOptions::default().read_only(true))?;
        let (model, dim, groups) = {
            let state = theirs.read()?;
            let groups = state.soundly(|| taken(&state))??;
            (state.embedder.clone(), state.dim, groups)
        };
        let mut writer = self.check_writable_and_lock()?;
        let mut changes = Vec::new();
        {
            let state = self.read()?;
            self.check_kind(&state, model.as_ref(), dim)?;
            for document in groups.iter().flat_map(|group| &group.documents) {
                if state.find(&document.id)?.is_some() {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists,
                        format!(
                            "the id \"{}\" of {} is already here; delete it from one of both",
                            document.id,
                            path.display()
                        ),
                    ));
                }
            }
            if let (Some(model), None) = (model, &state.embedder) {
                changes.push(Change::Identity {
                    dim,
                    embedder: Some(model),
                });
            }
        }
        let count = groups.iter().map(|group| group.documents.len()).sum();
        for group in groups {
            let parts = parts(group.documents, group.vectors).into_iter();
            changes.extend(parts.map(|(documents, vectors)| Change::Put { documents, vectors }));
        }
        if count > 0 {
            self.commit_all(&mut writer, changes.iter())?;
            self.settle(&mut writer, count);
            self.after_a_change(&mut writer);
        }
        Ok(count)
    }

    /// Refuses vectors of another kind than those that are here or will be.
    fn check_kind(
        &self,
        state: &State,
        model: Option<&(String, String)>,
        dim: Option<usize>,
    ) -> Result<()> {
        if let (Some(here), Some(dim)) = (state.dim, dim)
            && here != dim
        {
            return Err(Error::dimension("this collection", here, dim));
        }
        let own = self.own_embedder();
        let own = own.map(|embedder| (embedder.name().to_owned(), fingerprint(&embedder)));
        let here = state.embedder.clone().or(own);
        match (here, model) {
            (Some((name, here)), Some((other, brought))) if here != *brought => Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "the vectors here are of {name} ({here}), those of the other store of {other} \
                     ({brought}); embed both with one model"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// All documents, those with vectors and those without.
fn taken(state: &State) -> Result<[Taken; 2]> {
    let mut groups = [Taken::default(), Taken::default()];
    for row in state.alive().iter() {
        let Some(stored) = state.rows.stored(row)? else {
            continue;
        };
        let vector = state.vector(row);
        let group = &mut groups[usize::from(vector.is_none())];
        group.vectors.extend_from_slice(vector.unwrap_or(&[]));
        group.documents.push(Arc::unwrap_or_clone(stored));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Query};
    use super::*;
    use crate::disk::simulated::{Fault, Simulated};
    use serde_json::json;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn folder() -> std::path::PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ragcore-attach-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn batch(from: usize, to: usize) -> Batch {
        let ids = (from..to).map(|i| format!("d{i}"));
        let texts = (from..to).map(|i| (i % 4 > 0).then(|| format!("word{} common", i % 17)));
        let vectors: Vec<f32> = (from..to)
            .flat_map(|i| [i as f32 + 1.0, 1.0, -(i as f32)])
            .collect();
        let metadata = (from..to).map(|i| json!({"i": i}).as_object().unwrap().clone());
        Batch::new(ids)
            .optional_texts(texts.collect())
            .vectors(&vectors, 3)
            .unwrap()
            .metadata(metadata.collect())
    }

    #[test]
    fn what_is_attached_is_as_if_it_had_been_added() {
        let path = folder();
        let options = OpenOptions::default().dim(Some(3));
        let part = Collection::open(&path, None, &options).unwrap();
        part.add(batch(100, 900)).unwrap();
        let bare = || {
            Batch::new(["bare"])
                .texts(["only common words"])
                .words_only()
        };
        part.add(bare()).unwrap();
        part.delete(&["d101", "d500"]).unwrap();
        let both = Collection::in_memory(None, Some(3)).unwrap();
        both.add(batch(0, 100)).unwrap();
        let expected = both.clone();
        let whole = Collection::in_memory(None, Some(3)).unwrap();
        whole.add(batch(0, 100)).unwrap();
        // While its writer has it open.
        assert_eq!(whole.attach(&path).unwrap(), 799);
        expected.add(batch(100, 900)).unwrap();
        expected.add(bare()).unwrap();
        expected.delete(&["d101", "d500"]).unwrap();
        let mut ids = expected.ids().unwrap();
        ids.sort();
        assert_eq!(whole.get(&ids).unwrap(), expected.get(&ids).unwrap());
        let mut asked = Query::text("word5 common")
            .with_vector(vec![0.3, 1.0, -0.2])
            .k(50);
        asked.options.exact = true;
        assert_eq!(
            whole.search(&asked).unwrap(),
            expected.search(&asked).unwrap()
        );
        assert!(whole.verify().unwrap().ok());
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_is_taken() {
        let path = folder();
        let options = OpenOptions::default().dim(Some(3));
        let part = Collection::open(&path, None, &options).unwrap();
        part.add(batch(0, 9)).unwrap();
        let whole = Collection::in_memory(None, Some(3)).unwrap();
        whole.add(batch(8, 12)).unwrap();
        let refused = |whole: &Collection, path: &Path, kind: ErrorKind| {
            let before = whole.len().unwrap();
            let error = whole.attach(path).unwrap_err();
            assert_eq!(
                (error.kind(), whole.len().unwrap()),
                (kind, before),
                "{error}"
            );
        };
        refused(&whole, &path, ErrorKind::AlreadyExists);
        refused(&whole, Path::new("/no/such/store"), ErrorKind::NotFound);
        // Itself.
        refused(&part, &path, ErrorKind::AlreadyExists);
        let other = Collection::in_memory(None, Some(2)).unwrap();
        other
            .add(Batch::new(["x"]).vectors(&[1.0, 0.0], 2).unwrap())
            .unwrap();
        refused(&other, &path, ErrorKind::DimensionMismatch);
        let texts = folder();
        let built_in = Collection::open(&texts, None, &OpenOptions::default()).unwrap();
        built_in
            .add(Batch::new(["t"]).texts(["some text"]))
            .unwrap();
        let mut state = built_in.state_to_write();
        state.embedder = state
            .embedder
            .take()
            .map(|(name, _)| (name, "0".repeat(16)));
        drop(state);
        refused(&built_in, &path, ErrorKind::DimensionMismatch);
        let again = Collection::in_memory(None, None).unwrap();
        assert_eq!(again.attach(&texts).unwrap(), 1);
        refused(&built_in, &texts, ErrorKind::ModelMismatch);
        for path in [path, texts] {
            std::fs::remove_dir_all(&path).unwrap();
        }
    }

    /// Power that fails at any step leaves all of them or none.
    #[test]
    fn all_are_there_or_none() {
        let path = folder();
        let options = OpenOptions::default().dim(Some(3));
        let part = Collection::open(&path, None, &options).unwrap();
        // More than one record holds.
        part.add(batch(100, 1300)).unwrap();
        part.add(Batch::new(["bare"]).texts(["words"]).words_only())
            .unwrap();
        let store = Path::new("/store");
        let open = |disk: &Simulated| {
            Collection::open_on(Arc::new(disk.clone()), Some(store), None, &options)
        };
        let disk = Simulated::default();
        open(&disk).unwrap().add(batch(0, 10)).unwrap();
        let before = disk.steps();
        let count = |disk: &Simulated| {
            let again = open(disk).unwrap();
            assert!(again.verify().unwrap().ok());
            again.len().unwrap()
        };
        let whole = disk.copy();
        assert_eq!(open(&whole).unwrap().attach(&path).unwrap(), 1201);
        assert_eq!(count(&whole.after_the_cut(0)), 1211);
        for step in before..whole.steps() {
            let disk = disk.copy();
            disk.let_fail(Some(Fault::Cut(step)));
            let told = open(&disk).and_then(|whole| whole.attach(&path));
            let held = count(&disk.after_the_cut(step));
            assert!(held == 10 || held == 1211, "{held} at {step}");
            assert!(told.is_err() || held == 1211, "at {step}");
        }
        std::fs::remove_dir_all(&path).unwrap();
    }
}
