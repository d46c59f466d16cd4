//! How varied a ranking is: [`alpha_ndcg`] where it is known which subtopics a document is about,
//! [`intra_list_distance`] where there are vectors only.

use crate::error::{Error, Result};
use crate::matrix::Rows;
use std::collections::{BinaryHeap, HashMap};

/// The most documents that are about something, and subtopics that one of them is about.
pub const MAX_SUBTOPIC_DOCUMENTS: usize = 1_000_000;

crate::options! {
    /// How [`alpha_ndcg`] counts.
    AlphaNdcgOptions {
        /// How likely one document is to say all that is wanted of a subtopic: 0 counts each subtopic
        /// of each document in full, 1 its first document only.
        alpha: f64 = 0.5, in 0.0..=1.0;
        /// How many of the ranking count.
        k: usize = 10, in 1..=10_000;
    }
}

/// Measures novelty and variety of a ranking by subtopics (alpha-nDCG; Clarke and others, 2008).
///
/// `subtopics` holds what each relevant document is about. A subtopic seen in `n` documents before is
/// worth `(1 - alpha)^n`, a rank is discounted by `log2(1 + rank)`, and the whole is a share of what
/// the best order has. That order is found greedily, as its authors and ndeval do: exactly it is
/// NP-hard. Of equals the smaller id comes first, so that the result does not depend on the order of
/// `subtopics`.
///
/// `InvalidArgument` for a document that comes twice, and where no document is about anything.
///
/// ```
/// use rag_core::evaluation::{AlphaNdcgOptions, alpha_ndcg};
/// let subtopics = [("a", vec!["price"]), ("b", vec!["price"]), ("c", vec!["safety"])];
/// let options = AlphaNdcgOptions::default();
/// assert_eq!(alpha_ndcg(&["a", "c", "b"], &subtopics, &options)?, 1.0);
/// // Both on the price first: the second of them tells half.
/// assert!(alpha_ndcg(&["a", "b", "c"], &subtopics, &options)? < 0.97);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn alpha_ndcg(
    ranking: &[&str],
    subtopics: &[(&str, Vec<&str>)],
    options: &AlphaNdcgOptions,
) -> Result<f64> {
    options.check()?;
    if subtopics.len() > MAX_SUBTOPIC_DOCUMENTS {
        return Err(Error::invalid(format!(
            "at most {MAX_SUBTOPIC_DOCUMENTS} documents can be about something, got {}",
            subtopics.len()
        )));
    }
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut about: HashMap<&str, Vec<usize>> = HashMap::with_capacity(subtopics.len());
    for (document, names) in subtopics {
        let mut topics = Vec::with_capacity(names.len());
        for name in names {
            let next = numbers.len();
            let number = *numbers.entry(name).or_insert(next);
            topics.push(number);
        }
        topics.sort_unstable();
        if topics.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid(format!(
                "document \"{document}\" has a subtopic twice; name each once"
            )));
        }
        if about.insert(document, topics).is_some() {
            return Err(Error::invalid(format!(
                "the subtopics of document \"{document}\" are given twice; give all of them at once"
            )));
        }
    }
    if numbers.is_empty() {
        return Err(Error::invalid(
            "no document is about any subtopic, so nothing can be measured; name subtopics of the \
             relevant documents",
        ));
    }
    let mut known = std::collections::HashSet::with_capacity(ranking.len());
    if let Some(twice) = ranking.iter().find(|document| !known.insert(**document)) {
        return Err(Error::invalid(format!(
            "the ranking has document \"{twice}\" twice; rank each once"
        )));
    }
    let mut seen = Seen::new(numbers.len(), options.alpha);
    let found = ranking.iter().take(options.k).map(|document| {
        let topics = about.get(document);
        topics.map_or(0.0, |topics| seen.take(topics))
    });
    let found = discounted(found);
    Ok((found / discounted(best(&about, numbers.len(), options).into_iter())).min(1.0))
}

fn discounted(gains: impl Iterator<Item = f64>) -> f64 {
    let terms = gains.enumerate();
    terms
        .map(|(at, gain)| gain / (at as f64 + 2.0).log2())
        .sum()
}

/// What is left of each subtopic.
struct Seen {
    left: Vec<f64>,
    keep: f64,
}

impl Seen {
    fn new(topics: usize, alpha: f64) -> Self {
        Self {
            left: vec![1.0; topics],
            keep: 1.0 - alpha,
        }
    }

    fn worth(&self, topics: &[usize]) -> f64 {
        topics.iter().map(|&topic| self.left[topic]).sum()
    }

    fn take(&mut self, topics: &[usize]) -> f64 {
        let worth = self.worth(topics);
        for &topic in topics {
            self.left[topic] *= self.keep;
        }
        worth
    }
}

/// A document that waits, with what it was worth when it was last looked at.
#[derive(PartialEq)]
struct Waiting<'a>(f64, &'a str);

impl Eq for Waiting<'_> {}

impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then_with(|| other.1.cmp(self.1))
    }
}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The gains of the greedy order. What a document is worth only falls, so that the first one whose
/// worth is still true when looked at is the best (Minoux, 1978).
fn best(about: &HashMap<&str, Vec<usize>>, topics: usize, options: &AlphaNdcgOptions) -> Vec<f64> {
    let mut seen = Seen::new(topics, options.alpha);
    let waiting = about.iter();
    let waiting = waiting.map(|(document, topics)| Waiting(topics.len() as f64, document));
    let mut waiting: BinaryHeap<Waiting<'_>> = waiting.collect();
    let mut gains = Vec::new();
    while gains.len() < options.k
        && let Some(Waiting(worth, document)) = waiting.pop()
    {
        let topics = &about[document];
        match seen.worth(topics) {
            now if now < worth => waiting.push(Waiting(now, document)),
            _ => gains.push(seen.take(topics)),
        }
    }
    gains
}

/// Measures how unlike each other the items of a list are: the mean of `1 - cosine` over all pairs, in
/// 0 to 2 (Ziegler and others, 2005). A list of one or none has 0.
///
/// `InvalidArgument` for a number that is not finite and for a vector of zeros, which is like nothing
/// and unlike nothing.
///
/// ```
/// use rag_core::{Rows, evaluation::intra_list_distance};
/// let same = [1.0, 0.0, 2.0, 0.0];
/// assert_eq!(intra_list_distance(Rows::new(&same, 2)?)?, 0.0);
/// let across = [1.0, 0.0, 0.0, 3.0];
/// assert_eq!(intra_list_distance(Rows::new(&across, 2)?)?, 1.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn intra_list_distance(vectors: Rows<'_>) -> Result<f64> {
    vectors.check_finite()?;
    // The cosines of all pairs add up to what the sum of the unit vectors has beyond its parts.
    let mut sum = vec![0.0f64; vectors.dim()];
    for (i, row) in vectors.iter().enumerate() {
        let squares = row.iter().map(|x| f64::from(*x) * f64::from(*x));
        let length = squares.sum::<f64>().sqrt();
        if length == 0.0 {
            return Err(Error::invalid(format!(
                "vector {i} is all zeros and has no direction; leave it out"
            )));
        }
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += f64::from(*x) / length;
        }
    }
    let n = vectors.len() as f64;
    if n < 2.0 {
        return Ok(0.0);
    }
    let together: f64 = sum.iter().map(|x| x * x).sum();
    let cosines = (together - n) / (n * (n - 1.0));
    Ok((1.0 - cosines).clamp(0.0, 2.0))
}
