//! `DomainDetector`: which domain a text belongs to.

use crate::call::call;
use crate::convert::{Text, rows, set_options, slices, strings};
use crate::embedding::Embedder;
use crate::guarded::Guarded;
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList};
use rag_core::collection::{Examples, detect_domains, learn_domains};
use rag_core::domain::{Detection, DomainDetector as Core, DomainOptions};
use std::path::PathBuf;

/// (domain, probability, probabilities, none)
pub(crate) type DetectionParts = (Option<String>, f64, Vec<(String, f64)>, f64);

pub(crate) fn detection(found: Detection) -> DetectionParts {
    (
        found.domain,
        found.probability,
        found.probabilities,
        found.none,
    )
}

/// Texts or vectors.
enum Given<'py> {
    Texts(Vec<PyBackedStr>),
    Vectors(PyReadonlyArray2<'py, f32>),
}

fn given<'py>(values: &Bound<'py, PyAny>, name: &str) -> PyResult<Given<'py>> {
    Ok(match values.cast::<PyList>() {
        Ok(list) => Given::Texts(strings(list, name)?),
        Err(_) => Given::Vectors(values.extract()?),
    })
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct DomainDetector(pub(crate) Guarded<Core>);

impl From<Core> for DomainDetector {
    fn from(core: Core) -> Self {
        Self(Guarded::new(core))
    }
}

#[pymethods]
impl DomainDetector {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut chosen = DomainOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        call(py, || Core::new(&chosen)).map(Self::from)
    }

    fn learn(
        &self,
        py: Python<'_>,
        examples: Vec<(Text, Bound<'_, PyAny>)>,
        embedder: Option<&Embedder>,
    ) -> PyResult<()> {
        let embedder = embedder.map(|e| e.0.clone());
        let mut held = Vec::with_capacity(examples.len());
        for (name, values) in examples {
            let values = given(&values, &format!("examples[\"{}\"]", &*name))?;
            held.push((name, values));
        }
        let mut lists: Vec<Vec<&str>> = Vec::with_capacity(held.len());
        for (_, values) in &held {
            lists.push(match values {
                Given::Texts(texts) => slices(texts),
                Given::Vectors(_) => Vec::new(),
            });
        }
        let mut learnt = Vec::with_capacity(held.len());
        for ((name, values), texts) in held.iter().zip(&lists) {
            let examples = match values {
                Given::Texts(_) => Examples::Texts(texts),
                Given::Vectors(array) => Examples::Vectors(rows(array)?),
            };
            learnt.push((&**name, examples));
        }
        let learn = |d: &mut Core| learn_domains(d, embedder.as_ref(), &learnt);
        call(py, || self.0.write(learn))
    }

    fn detect_texts(
        &self,
        py: Python<'_>,
        embedder: &Embedder,
        texts: &Bound<'_, PyList>,
    ) -> PyResult<Vec<DetectionParts>> {
        let texts = strings(texts, "texts")?;
        let embedder = embedder.0.clone();
        let detect = |d: &Core| detect_domains(d, &embedder, &slices(&texts));
        let found = call(py, || self.0.read(detect))?;
        Ok(found.into_iter().map(detection).collect())
    }

    fn detect_vectors(
        &self,
        py: Python<'_>,
        vectors: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Vec<DetectionParts>> {
        let vectors = rows(&vectors)?;
        let found = call(py, || self.0.read(|d| d.detect_many(vectors)))?;
        Ok(found.into_iter().map(detection).collect())
    }

    fn domains(&self, py: Python<'_>) -> PyResult<Vec<(String, u64)>> {
        let names = |d: &Core| {
            let domains = d.domains().into_iter();
            Ok(domains.map(|(name, n)| (name.to_owned(), n)).collect())
        };
        call(py, || self.0.read(names))
    }

    fn dim(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        call(py, || self.0.read(|d| Ok(d.dim())))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        call(py, || {
            // A copy, so that two detectors that merge each other do not wait for each other.
            let other = other.0.read(|d| Ok(d.clone()))?;
            self.0.write(|d| d.merge(&other))
        })
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.read(|d| d.save(&path)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::load(&path)).map(Self::from)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || self.0.read(|d| Ok(d.to_bytes())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self::from)
    }
}
