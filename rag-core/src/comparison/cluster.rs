//! Average linkage by chains of nearest neighbours: quadratic in the sentences.

use super::sentences::Likeness;

/// Joins groups while the mean likeness of their members is at least `threshold` (UPGMA; Sokal and Michener, 1958).
/// Gives each item the number of its group, from 0 as they come.
///
/// `weights` say how often each item is there. A chain goes from a group to its nearest until two are each other's
/// (Murtagh, 1983): means never grow by joining, so such two are joined by any order, and a group whose nearest is too
/// far stays as it is. Of equals the one in front is taken.
pub(super) fn average_linkage(likeness: &Likeness, weights: &[f64], threshold: f64) -> Vec<usize> {
    let count = likeness.count();
    let mut near: Vec<f64> = Vec::with_capacity(count * count);
    for a in 0..count {
        near.extend((0..count).map(|b| likeness.of(a, b)));
    }
    let mut size = weights.to_vec();
    // The group that an item went into; itself while it stands for one.
    let mut into: Vec<usize> = (0..count).collect();
    let mut open: Vec<usize> = (0..count).collect();
    let mut chain: Vec<usize> = Vec::new();
    while let Some(&first) = open.first() {
        let last = *chain.last().unwrap_or(&first);
        if chain.is_empty() {
            chain.push(last);
        }
        let before = chain.len().checked_sub(2).map(|i| chain[i]);
        // The one before comes first of equals, so that a chain ends.
        let mut best: Option<(f64, usize)> = before.map(|b| (near[last * count + b], b));
        for &other in open.iter().filter(|other| **other != last) {
            let likely = near[last * count + other];
            if best.is_none_or(|(most, _)| likely > most) {
                best = Some((likely, other));
            }
        }
        match best.filter(|(likely, _)| *likely >= threshold) {
            None => {
                // Nothing is near enough, now and later.
                open.retain(|group| *group != last);
                chain.clear();
            }
            Some((_, other)) if Some(other) == before => {
                chain.truncate(chain.len() - 2);
                let (kept, gone) = (last.min(other), last.max(other));
                open.retain(|group| *group != gone);
                into[gone] = kept;
                let (a, b) = (size[kept], size[gone]);
                for &group in open.iter().filter(|group| **group != kept) {
                    let mean =
                        (a * near[kept * count + group] + b * near[gone * count + group]) / (a + b);
                    near[kept * count + group] = mean;
                    near[group * count + kept] = mean;
                }
                size[kept] = a + b;
            }
            Some((_, other)) => chain.push(other),
        }
    }
    numbered(&mut into)
}

/// Groups by numbers from 0, in the order of their first items.
fn numbered(into: &mut [usize]) -> Vec<usize> {
    // An item goes into one in front of it, whose own group is known by then.
    for i in 0..into.len() {
        into[i] = into[into[i]];
    }
    let mut numbers = vec![usize::MAX; into.len()];
    let mut next = 0;
    let mut groups = Vec::with_capacity(into.len());
    for &group in into.iter() {
        if numbers[group] == usize::MAX {
            numbers[group] = next;
            next += 1;
        }
        groups.push(numbers[group]);
    }
    groups
}
