//! `Chunker`: documents to passages.

use crate::call::call;
use crate::convert::{self, set_options};
use crate::embedding::Embedder;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::chunking::{Chunk, Chunker as Core, ChunkerOptions};
use rag_core::embedding::EncodeOptions;
use rag_core::text::{code_points, estimate_tokens};
use rag_core::{Matrix, Progress};
use std::sync::Mutex;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Chunker(Core);

/// (starts, ends) in code points
type Offsets = (Vec<usize>, Vec<usize>);

#[pymethods]
impl Chunker {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut chosen = ChunkerOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        call(py, || Core::new(&chosen)).map(Self)
    }

    fn split(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<Offsets> {
        let text = convert::text(text, "text")?;
        call(py, || {
            points(&text, &self.0.split(&text, &estimate_tokens)?)
        })
    }

    fn split_for(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        embedder: &Embedder,
    ) -> PyResult<Offsets> {
        let text = convert::text(text, "text")?;
        call(py, || {
            let specials = embedder.0.count_tokens("")?;
            let count = |text: &str| {
                let counted = embedder.0.count_tokens(text);
                counted.map_or_else(|_| estimate_tokens(text), |n| n.saturating_sub(specials))
            };
            let vectors = |texts: &[&str]| vectors(&embedder.0, texts);
            points(&text, &self.0.split_with(&text, &count, &vectors)?)
        })
    }

    /// With a function that counts; the embedder is asked for vectors only.
    fn split_by(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        counter: Py<PyAny>,
        embedder: Option<&Embedder>,
    ) -> PyResult<Offsets> {
        let text = convert::text(text, "text")?;
        let raised = Mutex::new(None);
        let count = |text: &str| {
            let counted = Python::attach(|py| counter.call1(py, (text,))?.extract::<usize>(py));
            counted.unwrap_or_else(|exception| {
                let mut first = raised.lock().unwrap_or_else(|e| e.into_inner());
                first.get_or_insert(exception);
                estimate_tokens(text)
            })
        };
        let outcome = call(py, || {
            let chunks = match embedder {
                Some(embedder) => {
                    let vectors = |texts: &[&str]| vectors(&embedder.0, texts);
                    self.0.split_with(&text, &count, &vectors)?
                }
                None => self.0.split(&text, &count)?,
            };
            points(&text, &chunks)
        });
        match raised.into_inner().unwrap_or_else(|e| e.into_inner()) {
            Some(exception) => Err(exception),
            None => outcome,
        }
    }
}

fn vectors(embedder: &rag_core::embedding::Embedder, texts: &[&str]) -> rag_core::Result<Matrix> {
    embedder.encode(texts, &EncodeOptions::default(), Progress::none())
}

fn points(text: &str, chunks: &[Chunk]) -> rag_core::Result<Offsets> {
    let starts: Vec<usize> = chunks.iter().map(|c| c.start).collect();
    let ends: Vec<usize> = chunks.iter().map(|c| c.end).collect();
    Ok((code_points(text, &starts)?, code_points(text, &ends)?))
}
