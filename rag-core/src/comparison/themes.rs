//! Themes: clusters with names.

use super::Theme;
use super::sentences::{Likeness, Sentences};
use std::collections::{BTreeMap, BTreeSet};

/// The themes, those with most sentences first, then by their names.
pub(super) fn of(
    all: &Sentences,
    likeness: &Likeness,
    clusters: &[usize],
    terms: usize,
) -> Vec<Theme> {
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (sentence, cluster) in clusters.iter().enumerate() {
        members[*cluster].push(sentence);
    }
    let names = names(all, &members, terms);
    let themes = members.iter().zip(names).map(|(members, terms)| {
        let sentences = members.iter().flat_map(|m| &all.different[*m].places);
        let mut places: Vec<usize> = sentences.copied().collect();
        places.sort_unstable();
        let texts: BTreeSet<usize> = places.iter().map(|p| all.places[*p].text).collect();
        Theme {
            terms,
            texts: texts.into_iter().collect(),
            sentences: places.into_iter().map(|p| all.said(p)).collect(),
            cohesion: cohesion(all, likeness, members),
        }
    });
    let mut themes: Vec<(Theme, &Vec<usize>)> = themes.zip(&members).collect();
    themes.sort_by(|(a, x), (b, y)| {
        let most = b.sentences.len().cmp(&a.sentences.len());
        // Numbers of different sentences are those of their words in order.
        most.then_with(|| a.terms.cmp(&b.terms)).then(x.cmp(y))
    });
    themes.into_iter().map(|(theme, _)| theme).collect()
}

/// The mean cosine of all pairs, each sentence as often as it is there.
fn cohesion(all: &Sentences, likeness: &Likeness, members: &[usize]) -> f64 {
    let times = |i: usize| all.different[i].places.len() as f64;
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (at, &a) in members.iter().enumerate() {
        let own = times(a) * (times(a) - 1.0) / 2.0;
        sum += own;
        pairs += own;
        for &b in &members[at + 1..] {
            sum += times(a) * times(b) * likeness.of(a, b);
            pairs += times(a) * times(b);
        }
    }
    if pairs > 0.0 { sum / pairs } else { 1.0 }
}

/// The words of each theme that weigh most by class-based TF-IDF.
fn names(all: &Sentences, members: &[Vec<usize>], most: usize) -> Vec<Vec<String>> {
    // How often each theme has a term, and in which words.
    let mut counts: Vec<BTreeMap<&str, BTreeMap<&str, f64>>> = Vec::with_capacity(members.len());
    let mut overall: BTreeMap<&str, f64> = BTreeMap::new();
    let mut length = 0.0;
    for members in members {
        let mut of: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        for sentence in members.iter().map(|m| &all.different[*m]) {
            let times = sentence.places.len() as f64;
            for (term, word) in &sentence.terms {
                *of.entry(term).or_default().entry(word).or_insert(0.0) += times;
                *overall.entry(term).or_insert(0.0) += times;
                length += times;
            }
        }
        counts.push(of);
    }
    let mean = length / members.len().max(1) as f64;
    let named = counts.iter().map(|of| {
        let mut weighed: Vec<(f64, &str)> = of
            .iter()
            .map(|(term, words)| {
                let often: f64 = words.values().sum();
                let weight = often * (mean / overall[term]).ln_1p();
                // The word that stands there most, the first by its letters of equals.
                let word = words.iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
                (weight, word.map_or(*term, |(word, _)| word))
            })
            .collect();
        // Of equals the longer word tells more.
        let length = |word: &str| word.chars().count();
        weighed.sort_by(|a, b| {
            let heavier = b.0.total_cmp(&a.0);
            heavier.then_with(|| length(b.1).cmp(&length(a.1)).then(a.1.cmp(b.1)))
        });
        weighed.truncate(most);
        weighed
            .into_iter()
            .map(|(_, word)| word.to_owned())
            .collect()
    });
    named.collect()
}
