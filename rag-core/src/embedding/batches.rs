//! Which texts share a pass: about as many tokens as keep the second-level cache busy.
//!
//! The plan decides time, never results.

/// Tokens in a batch: enough that packed weights are reused, few enough that the activations
/// stay in the cache; 4096 lose 14-45% in every engine measured.
pub(super) const BUDGET: usize = 512;

/// Below this a batch is not split further to feed more threads.
const LEAST: usize = 64;

/// Groups texts of these lengths, longest first, so that the last batches to run are short.
pub(super) fn plan(lengths: &[usize], budget: usize, threads: usize) -> Vec<Vec<usize>> {
    let total = lengths.iter().sum::<usize>();
    let shares = total.div_ceil(budget).next_multiple_of(threads.max(1));
    let budget = (total.div_ceil(shares.max(1))).clamp(LEAST.min(budget), budget);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(lengths[*i]), *i));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut left = 0;
    for text in order {
        match batches.last_mut() {
            Some(batch) if lengths[text] <= left => batch.push(text),
            _ => {
                batches.push(vec![text]);
                left = budget.max(lengths[text]);
            }
        }
        left -= lengths[text];
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_planned_once_and_batches_keep_the_budget() {
        let mut rng = crate::Rng::new(3);
        for threads in [1, 2, 8] {
            for count in [0, 1, 2, 7, 300] {
                let lengths: Vec<usize> = (0..count)
                    .map(|_| 2 + (rng.uniform() * 600.0) as usize)
                    .collect();
                let batches = plan(&lengths, BUDGET, threads);
                let mut all: Vec<usize> = batches.concat();
                all.sort_unstable();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
                for batch in &batches {
                    let tokens: usize = batch.iter().map(|i| lengths[*i]).sum();
                    assert!(tokens <= BUDGET || batch.len() == 1, "{tokens}");
                }
            }
        }
        assert_eq!(
            plan(&[90; 8], BUDGET, 2).len(),
            2,
            "both threads get a half"
        );
        assert_eq!(plan(&[3; 4], 7, 1).len(), 2, "a small budget is kept");
        assert_eq!(plan(&[3; 4], 1, 1).len(), 4, "no text is cut by a budget");
    }
}
