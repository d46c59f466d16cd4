//! `AttributeModel`: how likely texts have an attribute.

use crate::call::call;
use crate::convert::{rows, set_options, slices, strings, vector};
use crate::steering::EffectParts;
use numpy::{PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rag_core::Rows;
use rag_core::steering::{AttributeModel as Core, LearnOptions};

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct AttributeModel(pub(crate) Core);

/// Texts with their vectors, one row each.
pub(crate) type Told<'py> = (Bound<'py, PyList>, PyReadonlyArray2<'py, f32>);

/// Learns from both sides, which are read as the core takes them.
pub(crate) fn with_examples<T: Send>(
    py: Python<'_>,
    (liked, liked_rows): &Told<'_>,
    (disliked, disliked_rows): &Told<'_>,
    options: Option<&Bound<'_, PyDict>>,
    learn: impl FnOnce((&[&str], Rows<'_>), (&[&str], Rows<'_>), &LearnOptions) -> rag_core::Result<T>
    + Send,
) -> PyResult<T> {
    let mut chosen = LearnOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let liked = strings(liked, "positive")?;
    let disliked = strings(disliked, "negative")?;
    let (liked, disliked) = (slices(&liked), slices(&disliked));
    let (liked_rows, disliked_rows) = (rows(liked_rows)?, rows(disliked_rows)?);
    call(py, || {
        learn((&liked, liked_rows), (&disliked, disliked_rows), &chosen)
    })
}

#[pymethods]
impl AttributeModel {
    #[staticmethod]
    #[pyo3(signature = (positive, negative, **options))]
    fn learn(
        py: Python<'_>,
        positive: Told<'_>,
        negative: Told<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        with_examples(py, &positive, &negative, options, Core::learn).map(Self)
    }

    /// Of each text; without vectors, that of the mean stands for them.
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        texts: Bound<'py, PyList>,
        vectors: Option<PyReadonlyArray2<'py, f32>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let texts = strings(&texts, "texts")?;
        let texts = slices(&texts);
        let vectors = vectors.as_ref().map(rows).transpose()?;
        let found = call(py, || self.0.probabilities(&texts, vectors))?;
        Ok(vector(py, found))
    }

    #[getter]
    fn dim(&self) -> usize {
        self.0.dim()
    }

    #[getter]
    fn scale(&self) -> f64 {
        self.0.scale()
    }

    #[getter]
    fn effect(&self) -> EffectParts {
        let effect = self.0.effect();
        (effect.value, effect.low, effect.high)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self)
    }
}
