//! Files: what was written comes back, what was not is refused.

use super::saved::{from_bytes, to_bytes};
use super::{LexicalIndex, LexicalOptions};
use crate::error::ErrorKind;
use crate::rng::Rng;
use crate::text::Language;
use std::path::{Path, PathBuf};

const MEMORY: &str = "memory";

fn bytes_of(index: &LexicalIndex) -> Vec<u8> {
    to_bytes(&index.0)
}

fn index_of(bytes: &[u8]) -> crate::Result<LexicalIndex> {
    from_bytes(bytes, Path::new(MEMORY)).map(LexicalIndex)
}

fn text(rng: &mut Rng, words: u64) -> String {
    let word = |rng: &mut Rng| format!("w{}", (words as f64).powf(rng.uniform()) as u64);
    let count = rng.below(40);
    (0..count).map(|_| word(rng) + " ").collect()
}

/// Texts that came and went, so that slots, numbers and lists have holes.
fn lived_in(documents: u64) -> LexicalIndex {
    let options = LexicalOptions::default().language(Language::None).k1(0.9);
    let mut index = LexicalIndex::new(&options).unwrap();
    let mut rng = Rng::new(8);
    for key in 0..documents {
        let text = format!("{} only{key} {}", text(&mut rng, 300), "often ".repeat(3));
        index.add(&[key << 40], &[text]).unwrap();
        if key % 3 == 0 {
            index.remove(&[(key / 2) << 40]).unwrap_or_default();
        }
    }
    index.add(&[3], &["\u{1F600} stra\u{df}e"]).unwrap();
    index.add(&[5], &[""]).unwrap();
    index
}

fn answers(index: &LexicalIndex) -> Vec<super::LexicalHits> {
    let queries = [
        "w1 w7 w200",
        "often",
        "only8 w3",
        "strasse",
        "w1",
        "none of them",
    ];
    let mut all = index.search(&queries, 50, None).unwrap();
    all.extend(
        index
            .search(&queries, 50, Some(&[1 << 40, 5 << 40, 3]))
            .unwrap(),
    );
    all
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("ragcore-lexical-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_saved_index_answers_and_goes_on_like_the_one_that_was_saved() {
    let folder = Folder::new("whole");
    let path = folder.0.join("words");
    for documents in [0, 1, 9, 3000] {
        let mut old = lived_in(documents);
        old.save(&path).unwrap();
        let mut new = LexicalIndex::open(&path).unwrap();
        let options = |index: &LexicalIndex| format!("{:?}", index.options());
        assert_eq!(options(&new), options(&old));
        assert_eq!(new.len(), old.len());
        assert_eq!(answers(&new), answers(&old));
        assert_eq!(bytes_of(&new), bytes_of(&old));
        assert!(new.add(&[5], &["taken"]).is_err());
        for index in [&mut old, &mut new] {
            index.remove(&[3, 5]).unwrap();
            let keys: Vec<u64> = (0..2000).map(|i| (1 << 50) + i).collect();
            let mut rng = Rng::new(4);
            let texts: Vec<String> = keys.iter().map(|_| text(&mut rng, 900)).collect();
            index.add(&keys, &texts).unwrap();
            index.remove(&keys[..1500]).unwrap();
        }
        assert_eq!(answers(&new), answers(&old));
    }
}

#[test]
fn opening_takes_no_more_memory_than_adding() {
    let old = lived_in(3000);
    let new = index_of(&bytes_of(&old)).unwrap();
    assert!(new.0.bytes().total() <= old.0.bytes().total());
}

#[test]
fn a_damaged_file_is_named_and_refused() {
    let folder = Folder::new("damaged");
    let path = folder.0.join("words");
    let kind = || LexicalIndex::open(&path).unwrap_err().kind();
    assert_eq!(kind(), ErrorKind::NotFound);
    lived_in(9).save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    for (at, want) in [
        (0, ErrorKind::Corrupt),
        (8, ErrorKind::InvalidArgument),
        (16, ErrorKind::FormatVersion),
        (24, ErrorKind::Corrupt),
        (good.len() - 1, ErrorKind::Corrupt),
    ] {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        std::fs::write(&path, &bad).unwrap();
        assert_eq!(kind(), want, "byte {at}");
    }
    for cut in [0, 31, 32, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..cut]).unwrap();
        assert_eq!(kind(), ErrorKind::Corrupt, "cut at {cut}");
    }
}

#[test]
fn hostile_bytes_are_refused_or_make_a_sound_index() {
    let good = bytes_of(&lived_in(9));
    for cut in 0..good.len() {
        let error = index_of(&good[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {cut}");
    }
    let mut made = 0;
    for at in 0..good.len() {
        for value in [
            0,
            1,
            2,
            0x7f,
            0x80,
            0xff,
            good[at] ^ 1,
            good[at].wrapping_add(1),
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            let Ok(mut index) = index_of(&bad) else {
                continue;
            };
            made += 1;
            // There is one way to write an index: what was read is what was written.
            assert_eq!(bytes_of(&index), bad, "byte {at}, {value}");
            answers(&index);
            index.add(&[77], &["w1 w2 often"]).unwrap();
            index.remove(&[77]).unwrap();
        }
    }
    assert!(
        made > good.len(),
        "keys, options and frequencies may be others"
    );
}

#[test]
fn numbers_that_lie_run_out_of_bytes_and_not_of_memory() {
    let good = bytes_of(&lived_in(9));
    let terms = 8 + 4 + "none".len();
    let mut bad = good.clone();
    bad[terms..terms + 4].fill(0xff);
    assert!(index_of(&bad).is_err());
    for at in 0..good.len().saturating_sub(8) {
        let mut bad = good.clone();
        bad[at..at + 8].fill(0xff);
        if let Ok(index) = index_of(&bad) {
            assert_eq!(bytes_of(&index), bad, "from byte {at}");
        }
    }
}
