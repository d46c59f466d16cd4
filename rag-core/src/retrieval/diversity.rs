//! Diversity: maximal marginal relevance (Carbonell and Goldstein, 1998).
//!
//! The one idea: take hits one by one, each time the one with the largest
//! `(1 - diversity) * relevance - diversity * (largest similarity to what was taken)`.
//! The largest similarities are kept up to date, so k of n cost k * n similarities.

use crate::error::{Error, Result};
use crate::kernel;
use crate::matrix::Rows;

crate::options! {
    /// How strongly likeness among the hits is held against them.
    MmrOptions {
        /// 0 orders by relevance alone, 1 by being unlike what was taken.
        diversity: f32 = 0.3, in 0.0..=1.0;
    }
}

/// Chooses `min(k, relevance.len())` positions, in the order in which they are taken.
///
/// The first one taken is the most relevant. `relevance` and `similarity(i, j)` should have the
/// same scale, best [0, 1]. Ties go to the smaller position, so with a diversity of 0 an order
/// by descending relevance comes back as it was. `diversity` is brought into [0, 1]; a
/// similarity that is NaN counts as 0. [`mmr`] is the same with every input checked.
///
/// ```
/// use rag_core::retrieval::diversity::mmr_with;
/// // Positions 0 and 1 say the same; with some diversity the second one waits.
/// let same = |i: usize, j: usize| if i.max(j) < 2 { 1.0 } else { 0.0 };
/// let relevance = [0.9, 0.8, 0.7];
/// assert_eq!(mmr_with(&relevance, &same, 3, 0.0), [0, 1, 2]);
/// assert_eq!(mmr_with(&relevance, &same, 3, 0.5), [0, 2, 1]);
/// ```
pub fn mmr_with(
    relevance: &[f32],
    similarity: &dyn Fn(usize, usize) -> f32,
    k: usize,
    diversity: f32,
) -> Vec<usize> {
    let diversity = if diversity > 0.0 {
        diversity.min(1.0)
    } else {
        0.0
    };
    let k = k.min(relevance.len());
    let mut taken = Vec::with_capacity(k);
    let mut left: Vec<usize> = (0..relevance.len()).collect();
    let mut nearest = vec![f32::NEG_INFINITY; relevance.len()];
    while taken.len() < k {
        let value = |i: usize| match taken.is_empty() || diversity == 0.0 {
            true => relevance[i],
            false => (1.0 - diversity) * relevance[i] - diversity * nearest[i],
        };
        let mut best = 0;
        for at in 1..left.len() {
            if value(left[at]) > value(left[best]) {
                best = at;
            }
        }
        // Keeps the others in order, so that ties go on going to the smaller position.
        let chosen = left.remove(best);
        taken.push(chosen);
        if diversity > 0.0 && taken.len() < k {
            for &i in &left {
                let like = similarity(i, chosen);
                nearest[i] = nearest[i].max(if like.is_nan() { 0.0 } else { like });
            }
        }
    }
    taken
}

/// [`mmr_with`] with the cosine of `vectors` (one row for each relevance) as the similarity.
///
/// A row of zeros is like nothing: its cosine is 0. Fails with `InvalidArgument` if `k` is not
/// in 1..=10000, `diversity` is not in [0, 1], the numbers of rows and of relevances differ, or
/// a number is not finite.
///
/// ```
/// use rag_core::Rows;
/// use rag_core::retrieval::diversity::{MmrOptions, mmr};
/// let vectors = [1.0, 0.0, 1.0, 0.1, 0.0, 1.0];
/// let vectors = Rows::new(&vectors, 2)?;
/// let order = mmr(&[0.9, 0.8, 0.7], vectors, 2, &MmrOptions::default().diversity(0.5))?;
/// assert_eq!(order, [0, 2]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn mmr(
    relevance: &[f32],
    vectors: Rows<'_>,
    k: usize,
    options: &MmrOptions,
) -> Result<Vec<usize>> {
    options.check()?;
    super::check_k(k)?;
    if vectors.len() != relevance.len() {
        return Err(Error::invalid(format!(
            "{} vectors for {} relevances; give one vector for each",
            vectors.len(),
            relevance.len()
        )));
    }
    if let Some(at) = relevance.iter().position(|r| !r.is_finite()) {
        return Err(Error::invalid(format!(
            "relevance {at} is {}; every relevance must be finite",
            relevance[at]
        )));
    }
    vectors.check_finite()?;
    let dim = vectors.dim();
    let mut unit = vectors.data().to_vec();
    for row in unit.chunks_exact_mut(dim) {
        if row.iter().any(|&x| x != 0.0) {
            kernel::normalize(row)?;
        }
    }
    let row = |i: usize| &unit[i * dim..(i + 1) * dim];
    let dot = kernel::active().dot;
    let cosine = |i: usize, j: usize| dot(row(i), row(j));
    Ok(mmr_with(relevance, &cosine, k, options.diversity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, with every maximum taken anew.
    fn slow(relevance: &[f32], sim: &dyn Fn(usize, usize) -> f32, k: usize, d: f32) -> Vec<usize> {
        let mut taken: Vec<usize> = Vec::new();
        while taken.len() < k.min(relevance.len()) {
            let value = |i: usize| {
                let near = taken.iter().map(|&j| sim(i, j)).reduce(f32::max);
                near.map_or(relevance[i], |near| (1.0 - d) * relevance[i] - d * near)
            };
            let open = (0..relevance.len()).filter(|i| !taken.contains(i));
            let next = open.reduce(|a, b| if value(b) > value(a) { b } else { a });
            taken.push(next.unwrap());
        }
        taken
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            relevance in prop::collection::vec(0u8..9, 0..14), k in 1usize..16, d in 0u8..5, salt in 0u64..99,
        ) {
            let relevance: Vec<f32> = relevance.iter().map(|&r| f32::from(r) / 8.0).collect();
            let sim = |i: usize, j: usize| ((i * j) as u64 * 7 + (i + j) as u64 * salt) as f32 % 8.0 / 8.0;
            let d = f32::from(d) / 4.0;
            prop_assert_eq!(mmr_with(&relevance, &sim, k, d), slow(&relevance, &sim, k, d));
        }
    }

    #[test]
    fn no_diversity_asks_for_no_similarity() {
        let never = |_: usize, _: usize| -> f32 { unreachable!("asked for a similarity") };
        assert_eq!(mmr_with(&[0.5, 0.5, 0.1], &never, 9, 0.0), [0, 1, 2]);
        assert!(mmr_with(&[], &never, 5, 0.5).is_empty());
        let rows = Rows::new(&[1.0], 1).unwrap();
        for bad in [f32::NAN, -0.1, 1.1] {
            assert!(mmr(&[0.5], rows, 1, &MmrOptions::default().diversity(bad)).is_err());
        }
        let options = MmrOptions::default();
        assert!(mmr(&[f32::NAN], rows, 1, &options).is_err());
        assert!(mmr(&[0.1, 0.2], rows, 1, &options).is_err());
        assert!(mmr(&[0.1], rows, 0, &options).is_err());
    }
}
