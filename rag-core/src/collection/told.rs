//! What is told of texts by their vectors alone: domains, and how far an answer is grounded. Here and
//! not in the rooms that do it, because those never embed a text.

use super::Examples;
use crate::domain::{Detection, DomainDetector};
use crate::embedding::{Embedder, EncodeOptions, TextKind};
use crate::error::{Error, Result};
use crate::evaluation::{Groundedness, SupportVectors, answer_sentences, groundedness};
use crate::matrix::{Matrix, Rows};
use crate::progress::Progress;

/// Teaches a detector domains from examples, or from one line each that describes them. All or
/// nothing.
///
/// Texts need an embedder; they are embedded as questions are, because that is what will be detected.
/// `InvalidArgument` for texts without an embedder, `ModelMismatch` if the detector has learnt from
/// vectors of another model; the rest is as in [`DomainDetector::learn`].
///
/// ```
/// use rag_core::collection::{Examples, detect_domains, learn_domains};
/// use rag_core::domain::{DomainDetector, DomainOptions};
/// use rag_core::embedding::{Embedder, EmbedderOptions};
/// let embedder = Embedder::built_in(&EmbedderOptions::default())?;
/// let mut detector = DomainDetector::new(&DomainOptions::default())?;
/// let health = ["symptoms of the flu", "is this medicine safe for children?"];
/// let finance = ["loans, interest rates, shares and taxes"];
/// learn_domains(&mut detector, Some(&embedder), &[
///     ("health", Examples::Texts(&health)),
///     ("finance", Examples::Texts(&finance)),
/// ])?;
/// let found = detect_domains(&detector, &embedder, &["what dose of this medicine is safe?"])?;
/// assert_eq!(found[0].domain.as_deref(), Some("health"));
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn learn_domains(
    detector: &mut DomainDetector,
    embedder: Option<&Embedder>,
    examples: &[(&str, Examples<'_>)],
) -> Result<()> {
    let mut texts: Vec<&str> = Vec::new();
    for (name, given) in examples {
        match given {
            Examples::Texts([]) => {
                return Err(Error::invalid(format!(
                    "the domain \"{name}\" has no example; give some, or a line that describes it"
                )));
            }
            Examples::Texts(given) => texts.extend(*given),
            Examples::Vectors(_) => {}
        }
    }
    let (mut vectors, mut model) = (Matrix::zeros(0, 1), None);
    if !texts.is_empty() {
        let embedder = embedder.ok_or_else(|| {
            Error::invalid("texts need an embedder to become vectors; give one, or vectors")
        })?;
        model = Some(embedder.fingerprint());
        detector.check_model(model)?;
        vectors = questions(embedder, &texts)?;
    }
    let mut from = 0;
    let mut learnt = Vec::with_capacity(examples.len());
    for (name, given) in examples {
        let rows = match given {
            Examples::Vectors(rows) => *rows,
            Examples::Texts(texts) => {
                let to = from + texts.len() * vectors.dim();
                let data = &vectors.rows().data()[from..to];
                from = to;
                Rows::new(data, vectors.dim())?
            }
        };
        learnt.push((*name, rows));
    }
    detector.learn(&learnt, model)
}

/// Which domain each text belongs to; the texts are embedded together.
pub fn detect_domains(
    detector: &DomainDetector,
    embedder: &Embedder,
    texts: &[&str],
) -> Result<Vec<Detection>> {
    detector.check_model(Some(embedder.fingerprint()))?;
    detector.detect_many(questions(embedder, texts)?.rows())
}

fn questions(embedder: &Embedder, texts: &[&str]) -> Result<Matrix> {
    let options = EncodeOptions::default().kind(TextKind::Query);
    embedder.encode(texts, &options, Progress::none())
}

/// Measures how far an answer is grounded in passages ([`groundedness`]), by words alone, or also by
/// the cosines of an embedder.
///
/// ```
/// use rag_core::collection::measure_groundedness;
/// use rag_core::embedding::{Embedder, EmbedderOptions};
/// let embedder = Embedder::built_in(&EmbedderOptions::default())?;
/// let passages = ["The physician prescribed antibiotics against the infection."];
/// let answer = "The doctor gave medicine for the infection.";
/// let by_words = measure_groundedness(None, answer, &passages)?;
/// let by_both = measure_groundedness(Some(&embedder), answer, &passages)?;
/// assert!(by_both.score > by_words.score);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn measure_groundedness(
    embedder: Option<&Embedder>,
    answer: &str,
    passages: &[&str],
) -> Result<Groundedness> {
    let Some(embedder) = embedder else {
        return groundedness(answer, passages, None);
    };
    let ranges = answer_sentences(answer);
    let mut texts: Vec<&str> = ranges.iter().map(|range| &answer[range.clone()]).collect();
    let sentences = texts.len();
    texts.extend(passages);
    let vectors = embedder.encode(&texts, &EncodeOptions::default(), Progress::none())?;
    let (said, known) = vectors.rows().data().split_at(sentences * embedder.dim());
    let vectors = SupportVectors {
        sentences: Rows::new(said, embedder.dim())?,
        passages: Rows::new(known, embedder.dim())?,
    };
    groundedness(answer, passages, Some(&vectors))
}
