//! Lexical search against a slow truth that scores every document anew: the same rows and the same
//! bits after any adds, removals and filters, whatever is pruned.

use rag_core::retrieval::lexical::{LexicalIndex, LexicalOptions, LexicalRows};
use rag_core::rng::Rng;
use rag_core::text::{Analyzer, Language};
use std::collections::{BTreeMap, HashMap};

/// Documents as terms with their frequencies, and their lengths.
struct Truth {
    options: LexicalOptions,
    held: BTreeMap<u32, (HashMap<String, u32>, u32)>,
}

impl Truth {
    fn new(options: &LexicalOptions) -> Self {
        Self {
            options: options.clone(),
            held: BTreeMap::new(),
        }
    }

    fn insert(&mut self, row: u32, text: &str) {
        let mut frequencies = HashMap::new();
        let terms = Analyzer::new(self.options.language).terms(text);
        for term in &terms {
            *frequencies.entry(term.clone()).or_default() += 1;
        }
        self.held.insert(row, (frequencies, terms.len() as u32));
    }

    /// Every hit: f32 shares, added up in f64 in the order of the query and rounded once.
    fn hits(&self, query: &str) -> Vec<(u32, f32)> {
        let mut terms: Vec<(String, u64)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for term in Analyzer::new(self.options.language).terms(query) {
            let place = *places.entry(term.clone()).or_insert(terms.len());
            match terms.get_mut(place) {
                Some(known) => known.1 += 1,
                None => terms.push((term, 1)),
            }
        }
        let n = self.held.len() as f64;
        let total: u64 = self.held.values().map(|held| u64::from(held.1)).sum();
        let (k1, b) = (f64::from(self.options.k1), f64::from(self.options.b));
        let flat = (k1 * (1.0 - b)) as f32;
        let slope = if total == 0 {
            0.0
        } else {
            (k1 * b * n / total as f64) as f32
        };
        let weights: Vec<f32> = terms
            .iter()
            .map(|(term, count)| {
                let df = self
                    .held
                    .values()
                    .filter(|held| held.0.contains_key(term))
                    .count() as f64;
                (*count as f64 * ((n - df + 0.5) / (df + 0.5)).ln_1p()) as f32
            })
            .collect();
        let mut hits = Vec::new();
        for (&row, (frequencies, length)) in &self.held {
            let mut sum = 0.0;
            for ((term, _), weight) in terms.iter().zip(&weights) {
                if let Some(&frequency) = frequencies.get(term) {
                    let tf = frequency as f32;
                    sum += f64::from(weight * (tf / (tf + flat + slope * *length as f32)));
                }
            }
            if sum > 0.0 {
                hits.push((row, sum as f32));
            }
        }
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        hits
    }
}

fn bits(hits: &[(u32, f32)]) -> Vec<(u32, u32)> {
    hits.iter().map(|hit| (hit.0, hit.1.to_bits())).collect()
}

/// A word by a law like that of real texts: few are in most documents, most in few.
fn word(rng: &mut Rng, words: u64) -> String {
    let places = (words as f64).powf(rng.uniform());
    format!("w{}", places as u64)
}

fn text(rng: &mut Rng, words: u64, longest: usize) -> String {
    let count = rng.below(longest + 1);
    let words: Vec<String> = (0..count).map(|_| word(rng, words)).collect();
    words.join(" ")
}

/// Rows in no order, a third of them removed or written anew.
fn lived_in(rng: &mut Rng, options: &LexicalOptions, documents: u32) -> (LexicalRows, Truth) {
    let (mut rows, mut truth) = (LexicalRows::new(options).unwrap(), Truth::new(options));
    for i in 0..documents {
        let row = i.wrapping_mul(2_654_435_761) % (3 * documents);
        let text = text(rng, 400, 50);
        if rows.remove(row) {
            truth.held.remove(&row);
        }
        rows.insert(row, &text).unwrap();
        truth.insert(row, &text);
        if rng.below(3) == 0 {
            let victim = i / 2;
            assert_eq!(rows.remove(victim), truth.held.remove(&victim).is_some());
        }
    }
    assert_eq!(rows.len(), truth.held.len());
    (rows, truth)
}

fn compare(rows: &LexicalRows, truth: &Truth, query: &str) {
    let all = truth.hits(query);
    let bound = rows.upper_bound(query);
    assert!(all.iter().all(|hit| hit.1 <= bound));
    for k in [1, 10, 100, 2000] {
        let want = bits(&all[..k.min(all.len())]);
        assert_eq!(
            bits(&rows.search(query, k, None).unwrap()),
            want,
            "{query} k {k}"
        );
        let statistics = rows.statistics(query);
        let shard = rows.search_with(&statistics, k, None).unwrap();
        assert_eq!(bits(&shard), want, "{query} k {k} with statistics");
    }
    for (one_in, k) in [(2, 10), (40, 10), (40, 1000)] {
        let allowed = |row: u32| row.is_multiple_of(one_in);
        let some: Vec<_> = all
            .iter()
            .copied()
            .filter(|hit| allowed(hit.0))
            .take(k)
            .collect();
        let found = rows.search(query, k, Some(&allowed)).unwrap();
        assert_eq!(bits(&found), bits(&some), "{query} one in {one_in} k {k}");
    }
    let mut asked: Vec<u32> = truth.held.keys().copied().step_by(7).collect();
    asked.extend([u32::MAX, 5, 5]);
    let scores: HashMap<u32, f32> = all.iter().copied().collect();
    let mut out = vec![f32::NAN; asked.len()];
    rows.score_rows(query, &asked, &mut out).unwrap();
    for (row, score) in asked.iter().zip(&out) {
        let want = scores.get(row).copied().unwrap_or(0.0);
        assert_eq!(score.to_bits(), want.to_bits(), "{query} row {row}");
    }
    assert_eq!(rows.scores_for(query, &asked), out);
}

#[test]
fn what_is_pruned_is_never_missed() {
    for (seed, k1, b) in [(1, 1.2, 0.75), (2, 0.0, 0.5), (3, 2.0, 1.0), (4, 1.2, 0.0)] {
        let mut rng = Rng::new(seed);
        let options = LexicalOptions::default()
            .language(Language::None)
            .k1(k1)
            .b(b);
        let (rows, truth) = lived_in(&mut rng, &options, 9000);
        for length in [1, 2, 3, 4, 6, 9, 14, 30] {
            let query: Vec<String> = (0..length).map(|_| word(&mut rng, 400)).collect();
            compare(&rows, &truth, &query.join(" "));
        }
        compare(&rows, &truth, "nothing has these");
        compare(&rows, &truth, "");
    }
}

#[test]
fn sums_that_need_their_order_get_it() {
    let options = LexicalOptions::default().language(Language::None);
    let (mut rows, mut truth) = (LexicalRows::new(&options).unwrap(), Truth::new(&options));
    let mut rng = Rng::new(9);
    for row in 0..5000 {
        let text = format!(
            "all {} {}",
            text(&mut rng, 60, 12),
            "long ".repeat(rng.below(40))
        );
        rows.insert(row, &text).unwrap();
        truth.insert(row, &text);
    }
    // A word of all documents weighs next to nothing beside one repeated a million times: the sum
    // of the shares does not fit in 53 bits.
    let query = format!("all {} w1 w3 w9 all", "w2 ".repeat(1_000_000));
    compare(&rows, &truth, &query);
}

#[test]
fn queries_of_very_many_words_are_exact_too() {
    let options = LexicalOptions::default().language(Language::None);
    let mut rng = Rng::new(11);
    let (rows, truth) = lived_in(&mut rng, &options, 1500);
    for words in [16, 17, 18, 64, 65, 66, 10_000] {
        let query: Vec<String> = (0..words).map(|i| format!("w{}", i * 7 % 1000)).collect();
        compare(&rows, &truth, &query.join(" "));
    }
}

#[test]
fn memory_follows_what_is_held_and_not_what_was() {
    let options = LexicalOptions::default().language(Language::None);
    let mut rows = LexicalRows::new(&options).unwrap();
    let mut truth = Truth::new(&options);
    let mut rng = Rng::new(5);
    let mut most = 0;
    for step in 0..60_000u32 {
        let row = step % 300;
        // Every text has a word that no other text ever has.
        let text = format!("{} only{step}", text(&mut rng, 50, 12));
        rows.remove(row);
        rows.insert(row, &text).unwrap();
        truth.insert(row, &text);
        if step == 6000 {
            most = rows.bytes().total();
        }
    }
    assert_eq!(rows.len(), 300);
    let bytes = rows.bytes();
    assert!(bytes.total() <= 2 * most, "{bytes:?}, after a tenth {most}");
    compare(&rows, &truth, "w1 w2 w17 only59999 only3");
    for row in 0..300 {
        assert!(rows.remove(row));
    }
    assert!(rows.is_empty() && rows.search("w1", 5, None).unwrap().is_empty());
    rows.insert(7, "w1").unwrap();
    assert_eq!(rows.search("w1 w2", 5, None).unwrap()[0].0, 7);
}

#[test]
fn keys_are_found_among_the_allowed_ones() {
    let options = LexicalOptions::default().language(Language::None);
    let mut index = LexicalIndex::new(&options).unwrap();
    let mut truth = Truth::new(&options);
    let mut rng = Rng::new(3);
    for row in 0..3000u32 {
        let text = text(&mut rng, 200, 30);
        index.add(&[u64::from(row) << 33], &[&text]).unwrap();
        truth.insert(row, &text);
    }
    let all = truth.hits("w1 w5 w30");
    for one_in in [1, 3, 50] {
        let keys: Vec<u64> = (0..9000)
            .filter(|row: &u64| row.is_multiple_of(one_in))
            .map(|row| row << 33)
            .collect();
        let keys = [keys.clone(), keys].concat();
        let want = all
            .iter()
            .filter(|hit| u64::from(hit.0).is_multiple_of(one_in))
            .take(20);
        let found = &index.search(&["w1 w5 w30"], 20, Some(&keys)).unwrap()[0];
        let found = found
            .keys
            .iter()
            .zip(&found.scores)
            .map(|(key, score)| ((key >> 33) as u32, *score));
        assert!(found.eq(want.copied()), "one in {one_in}");
    }
    assert!(
        index.search(&["w1"], 5, Some(&[])).unwrap()[0]
            .keys
            .is_empty()
    );
}

#[test]
fn asking_for_scores_without_room_for_them_is_refused() {
    let rows = LexicalRows::new(&LexicalOptions::default()).unwrap();
    let error = rows.score_rows("cat", &[1, 2], &mut [0.0]).unwrap_err();
    assert_eq!(error.kind().name(), "invalid_argument");
}

#[test]
fn a_million_repeats_and_texts_without_a_word_are_like_any_other() {
    let options = LexicalOptions::default().language(Language::None);
    let (mut rows, mut truth) = (LexicalRows::new(&options).unwrap(), Truth::new(&options));
    let mut rng = Rng::new(21);
    for row in 0..3000 {
        let text = match row % 100 {
            0 => String::new(),
            1 => "?! -- \u{1F600}".into(),
            _ => text(&mut rng, 400, 30),
        };
        rows.insert(row, &text).unwrap();
        truth.insert(row, &text);
    }
    let before = rows.bytes().total();
    let text = "w1 ".repeat(1_000_000);
    rows.insert(3000, &text).unwrap();
    truth.insert(3000, &text);
    assert!(rows.bytes().total() < before + 10_000, "one posting");
    let distinct: Vec<String> = (0..10_000).map(|i| format!("w{i}")).collect();
    let long = distinct.join(" ");
    let repeats = "w1 ".repeat(10_000);
    for query in ["w1", "w1 w3 w9", "?! --", &long, &repeats] {
        compare(&rows, &truth, query);
    }
    assert!(rows.remove(3000));
    truth.held.remove(&3000);
    compare(&rows, &truth, "w1 w3 w9");
}

#[test]
fn a_bar_that_was_guessed_too_high_is_found_out() {
    let options = LexicalOptions::default().language(Language::None);
    let mut rng = Rng::new(31);
    // The best come first, last, or in the middle, and then nothing like them.
    for best in [0..60, 11_900..12_000, 4_500..4_530] {
        let (mut rows, mut truth) = (LexicalRows::new(&options).unwrap(), Truth::new(&options));
        for row in 0..12_000 {
            let text = match best.contains(&row) {
                true => format!("w1 w2 w3 w4 w7 w1 w2 {}", text(&mut rng, 20, 4)),
                false => text(&mut rng, 400, 20),
            };
            rows.insert(row, &text).unwrap();
            truth.insert(row, &text);
        }
        compare(&rows, &truth, "w1 w2 w3 w4 w7");
        compare(&rows, &truth, "w1 w2");
    }
}
