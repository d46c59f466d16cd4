//! Measures of answers and lists without a model, and rewards made of them.

use crate::call::call;
use crate::convert::{Text, rows, set_options};
use crate::embedding::Embedder;
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::Result;
use rag_core::bandit::Reward as Core;
use rag_core::collection::measure_groundedness;
use rag_core::evaluation::{
    AlphaNdcgOptions, Groundedness, alpha_ndcg as measure_variety,
    intra_list_distance as measure_distance, readability as measure_readability,
};
use rag_core::text::code_points;

/// (start, end, passage, cosine, rouge_l, differs, score); offsets in code points
type Sentence = (usize, usize, Option<usize>, Option<f64>, f64, bool, f64);
/// (score, coverage, k_precision, sentences)
type Grounded = (f64, f64, f64, Vec<Sentence>);

#[pyfunction]
pub(crate) fn groundedness(
    py: Python<'_>,
    answer: Text,
    passages: Vec<Text>,
    embedder: Option<&Embedder>,
) -> PyResult<Grounded> {
    let embedder = embedder.map(|e| e.0.clone());
    call(py, || {
        let passages: Vec<&str> = passages.iter().map(|p| &**p).collect();
        let found = measure_groundedness(embedder.as_ref(), &answer, &passages)?;
        let sentences = sentences(&answer, &found)?;
        Ok((found.score, found.coverage, found.k_precision, sentences))
    })
}

fn sentences(answer: &str, found: &Groundedness) -> Result<Vec<Sentence>> {
    let list = found.sentences.iter();
    let starts: Vec<usize> = list.clone().map(|s| s.range.start).collect();
    let ends: Vec<usize> = list.clone().map(|s| s.range.end).collect();
    let points = code_points(answer, &starts)?
        .into_iter()
        .zip(code_points(answer, &ends)?);
    let parts = points.zip(list).map(|((start, end), s)| {
        (
            start, end, s.passage, s.cosine, s.rouge_l, s.differs, s.score,
        )
    });
    Ok(parts.collect())
}

/// (grade, ease, words per sentence, syllables per word, sentences, words, syllables)
type Read = (f64, f64, f64, f64, usize, usize, usize);

#[pyfunction]
pub(crate) fn readability(py: Python<'_>, text: Text) -> PyResult<Read> {
    let r = call(py, || measure_readability(&text))?;
    Ok((
        r.grade,
        r.ease,
        r.words_per_sentence,
        r.syllables_per_word,
        r.sentences,
        r.words,
        r.syllables,
    ))
}

#[pyfunction]
#[pyo3(signature = (ranking, subtopics, **options))]
pub(crate) fn alpha_ndcg(
    py: Python<'_>,
    ranking: Vec<Text>,
    subtopics: Vec<(Text, Vec<Text>)>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<f64> {
    let mut chosen = AlphaNdcgOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    call(py, || {
        let ranking: Vec<&str> = ranking.iter().map(|id| &**id).collect();
        let about = subtopics.iter().map(|(id, names)| {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            (&**id, names)
        });
        measure_variety(&ranking, &about.collect::<Vec<_>>(), &chosen)
    })
}

#[pyfunction]
pub(crate) fn intra_list_distance(
    py: Python<'_>,
    vectors: PyReadonlyArray2<'_, f32>,
) -> PyResult<f64> {
    let vectors = rows(&vectors)?;
    call(py, || measure_distance(vectors))
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Reward(Core);

fn named(pairs: &[(Text, f64)]) -> Vec<(&str, f64)> {
    pairs.iter().map(|(name, x)| (&**name, *x)).collect()
}

fn owned(pairs: Vec<(&str, f64)>) -> Vec<(String, f64)> {
    let own = |(name, x): (&str, f64)| (name.to_owned(), x);
    pairs.into_iter().map(own).collect()
}

#[pymethods]
impl Reward {
    #[new]
    fn new(py: Python<'_>, weights: Vec<(Text, f64)>, limits: Vec<(Text, f64)>) -> PyResult<Self> {
        call(py, || Core::new(&named(&weights), &named(&limits))).map(Self)
    }

    fn of(&self, py: Python<'_>, measured: Vec<(Text, f64)>) -> PyResult<f64> {
        call(py, || self.0.of(&named(&measured)))
    }

    fn weights(&self) -> Vec<(String, f64)> {
        owned(self.0.weights())
    }

    fn limits(&self) -> Vec<(String, f64)> {
        owned(self.0.limits())
    }
}
