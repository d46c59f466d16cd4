//! `Collection`: documents, vectors and postings in one store.

use crate::bandit::Bandit;
use crate::calibration::Calibration;
use crate::call::{call, long_call};
use crate::convert::{Text, rows, set_options, slices, string, strings, vector};
use crate::dials::CollectionSteering;
use crate::domain::DomainDetector;
use crate::embedding::Embedder;
use crate::error::{invalid, raise};
use crate::evaluation::{Judged, qrels};
use crate::hits::Found;
use crate::metadata::{dict, filter as to_filter, object, python};
use crate::shards::{ShardRequest, ShardResponse, ShardStatistics};
use crate::tuned::Tuned;
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use rag_core::calibration::CalibrationOptions;
use rag_core::collection::{
    AnyBandit, Batch, Collection as Core, Document, DomainOf, OpenOptions, Query, ReembedOptions,
    Removal, SearchOptions,
};
use std::path::PathBuf;

/// (id, text, metadata, vector)
type DocumentParts<'py> = (
    String,
    Option<String>,
    Bound<'py, PyDict>,
    Option<Bound<'py, PyArray1<f32>>>,
);
/// A question's text and vector.
pub(crate) type Question<'py> = (Option<Text>, Option<PyReadonlyArray1<'py, f32>>);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Collection(pub(crate) Core);

#[pymethods]
impl Collection {
    #[staticmethod]
    #[pyo3(signature = (path, embedder, **options))]
    fn open(
        py: Python<'_>,
        path: Option<PathBuf>,
        embedder: Option<&Embedder>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = OpenOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let embedder = embedder.map(|e| e.0.clone());
        let open = || Core::with_options(path.as_deref(), embedder, &chosen);
        call(py, open).map(Self)
    }

    #[pyo3(signature = (ids, texts, vectors, metadata, progress, replace))]
    #[allow(clippy::too_many_arguments, reason = "one for each part of a batch")]
    fn put(
        &self,
        py: Python<'_>,
        ids: &Bound<'_, PyList>,
        texts: Option<&Bound<'_, PyList>>,
        vectors: Option<PyReadonlyArray2<'_, f32>>,
        metadata: Option<&Bound<'_, PyList>>,
        progress: Option<Bound<'_, PyAny>>,
        replace: bool,
    ) -> PyResult<usize> {
        let batch = batch(ids, texts, vectors.as_ref(), metadata)?;
        long_call(py, progress, |progress| match replace {
            true => self.0.upsert_counted(batch, progress),
            false => self.0.add_counted(batch, progress),
        })
    }

    /// Documents in the place of others; answers how many were removed and how many texts were cut.
    #[pyo3(signature = (removed, filter, ids, texts, vectors, metadata, progress))]
    #[allow(clippy::too_many_arguments, reason = "one for each part of a batch")]
    fn replace(
        &self,
        py: Python<'_>,
        removed: Option<&Bound<'_, PyList>>,
        filter: Option<&Bound<'_, PyAny>>,
        ids: &Bound<'_, PyList>,
        texts: Option<&Bound<'_, PyList>>,
        vectors: Option<PyReadonlyArray2<'_, f32>>,
        metadata: Option<&Bound<'_, PyList>>,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(usize, usize)> {
        let removal = match (filter, removed) {
            (Some(filter), _) => Removal::from(to_filter(filter)?),
            (None, Some(ids)) => Removal::from(&slices(&strings(ids, "removed")?)[..]),
            (None, None) => Removal::Ids(Vec::new()),
        };
        let batch = batch(ids, texts, vectors.as_ref(), metadata)?;
        let put = long_call(py, progress, |progress| {
            self.0.replace_counted(removal, batch, progress)
        })?;
        Ok((put.removed, put.truncated))
    }

    #[pyo3(signature = (embedder, progress, **options))]
    fn reembed(
        &self,
        py: Python<'_>,
        embedder: &Embedder,
        progress: Option<Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<usize> {
        let mut chosen = ReembedOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let embedder = embedder.0.clone();
        long_call(py, progress, |progress| {
            self.0.reembed(embedder, &chosen, progress)
        })
    }

    fn delete(&self, py: Python<'_>, ids: &Bound<'_, PyList>) -> PyResult<usize> {
        let ids = strings(ids, "ids")?;
        call(py, || self.0.delete(&slices(&ids)))
    }

    fn delete_where(&self, py: Python<'_>, filter: &Bound<'_, PyAny>) -> PyResult<usize> {
        let filter = to_filter(filter)?;
        call(py, || self.0.delete_where(&filter))
    }

    fn get<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'_, PyList>,
    ) -> PyResult<Vec<Option<DocumentParts<'py>>>> {
        let ids = strings(ids, "ids")?;
        let found = call(py, || self.0.get(&slices(&ids)))?;
        let parts = found
            .into_iter()
            .map(|d| d.map(|d| document(py, d)).transpose());
        parts.collect()
    }

    fn ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.0.ids())
    }

    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.len())
    }

    fn dim(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        call(py, || self.0.dim())
    }

    fn contains(&self, py: Python<'_>, id: Text) -> PyResult<bool> {
        call(py, || self.0.contains(&id))
    }

    fn count(&self, py: Python<'_>, filter: &Bound<'_, PyAny>) -> PyResult<usize> {
        let filter = to_filter(filter)?;
        call(py, || self.0.count(&filter))
    }

    #[pyo3(signature = (questions, filter, steer, user, **options))]
    fn search(
        &self,
        py: Python<'_>,
        questions: Vec<Question<'_>>,
        filter: Option<&Bound<'_, PyAny>>,
        steer: Vec<(Text, f64)>,
        user: Option<Text>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Found>> {
        let queries = asked(questions, filter, &steer, user.as_deref(), options)?;
        let found = call(py, || self.0.search_many(&queries))?;
        Ok(found.into_iter().map(Found::from).collect())
    }

    /// Hits with what the bandit chose for them.
    #[pyo3(signature = (questions, filter, steer, user, bandit, domain, detector, **options))]
    #[allow(
        clippy::too_many_arguments,
        reason = "those of a search and those of its tuning"
    )]
    fn search_tuned(
        &self,
        py: Python<'_>,
        questions: Vec<Question<'_>>,
        filter: Option<&Bound<'_, PyAny>>,
        steer: Vec<(Text, f64)>,
        user: Option<Text>,
        bandit: &Bandit,
        domain: Option<Text>,
        detector: Option<&DomainDetector>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<(Found, Tuned)>> {
        let queries = asked(questions, filter, &steer, user.as_deref(), options)?;
        let found = call(py, || {
            // A copy, so that learning does not wait for a search.
            let detector = match detector {
                Some(detector) => Some(detector.0.read(|d| Ok(d.clone()))?),
                None => None,
            };
            let domain = match (&detector, &domain) {
                (Some(detector), _) => DomainOf::Detected(detector),
                (None, Some(name)) => DomainOf::Named(name),
                (None, None) => DomainOf::General,
            };
            self.0.search_tuned(&queries, bandit, domain)
        })?;
        Ok(found.into_iter().map(Tuned::split).collect())
    }

    fn reward(&self, py: Python<'_>, tuned: &Tuned, bandit: &Bandit, reward: f64) -> PyResult<()> {
        call(py, || self.0.reward(&tuned.0, bandit, reward))
    }

    /// What each arm would have earned.
    fn reward_relevant(
        &self,
        py: Python<'_>,
        tuned: &Tuned,
        bandit: &Bandit,
        ids: Vec<Text>,
        grades: Vec<f64>,
    ) -> PyResult<Vec<f64>> {
        let judged = ids.iter().map(|id| &**id).zip(grades);
        let judged: Vec<(&str, f64)> = judged.collect();
        call(py, || self.0.reward_relevant(&tuned.0, bandit, &judged))
    }

    /// `search` holds the options of all questions, the others are those of the fit.
    #[pyo3(signature = (ids, questions, judged, search, **options))]
    fn calibrate(
        &self,
        py: Python<'_>,
        ids: Vec<Text>,
        questions: Vec<Question<'_>>,
        judged: Judged,
        search: &Bound<'_, PyDict>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Calibration> {
        let mut asked = SearchOptions::default();
        set_options(Some(search), |name, value| asked.set(name, value))?;
        let mut chosen = CalibrationOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let mut queries = Vec::with_capacity(questions.len());
        for (id, question) in ids.into_iter().zip(questions) {
            queries.push((id.to_string(), query(question, &asked)?));
        }
        let fit = || self.0.calibrate(&queries, &qrels(&judged)?, &chosen);
        call(py, fit).map(Calibration)
    }

    fn calibration(&self, py: Python<'_>) -> PyResult<Option<Calibration>> {
        Ok(call(py, || self.0.calibration())?.map(Calibration))
    }

    fn clear_calibration(&self, py: Python<'_>) -> PyResult<bool> {
        call(py, || self.0.clear_calibration())
    }

    fn checkpoint(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.checkpoint())
    }

    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.compact())
    }

    fn backup(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.backup(&path))
    }

    fn verify<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &call(py, || self.0.verify())?.to_json())
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &call(py, || self.0.stats())?.to_json())
    }

    fn path(&self, py: Python<'_>) -> PyResult<Option<PathBuf>> {
        call(py, || self.0.path())
    }

    fn embedder(&self, py: Python<'_>) -> PyResult<Embedder> {
        call(py, || self.0.embedder()).map(Embedder)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.close())
    }

    fn bandits(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.0.bandits().names())
    }

    fn bandit(&self, py: Python<'_>, name: Text) -> PyResult<Bandit> {
        call(py, || self.0.bandits().tuner(&name)).map(Bandit::from)
    }

    /// A copy of `bandit` under a name.
    fn set_bandit(&self, py: Python<'_>, name: Text, bandit: &Bandit) -> PyResult<()> {
        call(py, || {
            let copy = bandit.0.read(AnyBandit::to_bandit)?;
            self.0.bandits().insert(&name, &copy)
        })
    }

    fn remove_bandit(&self, py: Python<'_>, name: Text) -> PyResult<bool> {
        call(py, || self.0.bandits().remove(&name))
    }

    fn versions(&self, py: Python<'_>, ids: &Bound<'_, PyList>) -> PyResult<Vec<Option<u64>>> {
        let ids = strings(ids, "ids")?;
        call(py, || self.0.versions(&slices(&ids)))
    }

    fn sequence(&self, py: Python<'_>) -> PyResult<u64> {
        call(py, || self.0.sequence())
    }

    fn attach(&self, py: Python<'_>, path: PathBuf) -> PyResult<usize> {
        call(py, || self.0.attach(&path))
    }

    fn shard_statistics(
        &self,
        py: Python<'_>,
        request: &ShardRequest,
    ) -> PyResult<ShardStatistics> {
        call(py, || request.statistics(self))
    }

    fn search_shard(&self, py: Python<'_>, request: &ShardRequest) -> PyResult<ShardResponse> {
        call(py, || request.search(self))
    }

    fn steering(&self) -> CollectionSteering {
        CollectionSteering(self.0.clone())
    }
}

fn batch(
    ids: &Bound<'_, PyList>,
    texts: Option<&Bound<'_, PyList>>,
    vectors: Option<&PyReadonlyArray2<'_, f32>>,
    metadata: Option<&Bound<'_, PyList>>,
) -> PyResult<Batch> {
    let mut batch = Batch::new(strings(ids, "ids")?.iter().map(|id| &**id));
    if let Some(texts) = texts {
        batch = batch.optional_texts(optional_strings(texts, "texts")?);
    }
    if let Some(vectors) = vectors {
        let rows = rows(vectors)?;
        let taken = batch.vectors(rows.data(), rows.dim());
        batch = taken.map_err(|e| raise(ids.py(), &e))?;
    }
    if let Some(metadata) = metadata {
        let objects = metadata.iter().enumerate().map(|(i, entry)| {
            let name = format!("metadata[{i}]");
            match entry.is_none() {
                true => Ok(serde_json::Map::new()),
                false => object(&entry, &name),
            }
        });
        batch = batch.metadata(objects.collect::<PyResult<_>>()?);
    }
    Ok(batch)
}

/// Questions that share everything but their text and vector.
pub(crate) fn asked(
    questions: Vec<Question<'_>>,
    filter: Option<&Bound<'_, PyAny>>,
    steer: &[(Text, f64)],
    user: Option<&str>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Vec<Query>> {
    let mut chosen = SearchOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let filter = filter.map(to_filter).transpose()?;
    let mut queries = Vec::with_capacity(questions.len());
    for question in questions {
        queries.push(Query {
            filter: filter.clone(),
            steer: steer.iter().map(|(n, s)| (n.to_string(), *s)).collect(),
            user: user.map(str::to_owned),
            ..query(question, &chosen)?
        });
    }
    Ok(queries)
}

fn query((text, vector): Question<'_>, options: &SearchOptions) -> PyResult<Query> {
    let vector = vector.map(|v| v.as_slice().map(<[f32]>::to_vec));
    Ok(Query {
        text: text.map(|t| t.to_string()),
        vector: vector.transpose()?,
        options: options.clone(),
        ..Query::default()
    })
}

fn optional_strings(values: &Bound<'_, PyList>, name: &str) -> PyResult<Vec<Option<String>>> {
    let one = |(i, value): (usize, Bound<'_, PyAny>)| {
        if value.is_none() {
            return Ok(None);
        }
        let place = format!("{name}[{i}]");
        match value.cast::<PyString>() {
            Ok(text) => string(text, &place).map(Some),
            Err(_) => {
                let found = value.get_type().name()?;
                let message = format!("{place} must be a str or None, got {found}");
                Err(invalid(values.py(), message))
            }
        }
    };
    values.iter().enumerate().map(one).collect()
}

fn document(py: Python<'_>, document: Document) -> PyResult<DocumentParts<'_>> {
    let metadata = dict(py, &document.metadata)?;
    let stored = document.vector.map(|v| vector(py, v));
    Ok((document.id, document.text, metadata, stored))
}
