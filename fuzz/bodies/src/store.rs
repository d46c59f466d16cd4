//! A store whose files were damaged: an error, or records that are there again.
//!
//! Stores of several pasts are made once. An input picks one and says what happens to the bytes of
//! its manifest and of its log, and whether checksums are then made to fit, so that what lies behind
//! them is reached too. Where the checksums are is found by trying, not known: a sum of any range
//! that stands somewhere in the sound file is one.

use crate::choices::Choices;
use crate::scratch::Scratch;
use rag_core::store::{Durability, Store, StoreOptions};
use rag_core::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

/// A store as its files lie on disk.
struct Past {
    files: Files,
    /// The ranges of each file that have a checksum, and where it stands; inner ones first.
    sums: BTreeMap<String, Vec<(Range<usize>, usize)>>,
    records: Vec<Vec<u8>>,
    /// Records that the manifest alone says are on disk.
    certain: usize,
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let past = choices.pick(pasts());
    let (mut files, mut forged) = (past.files.clone(), false);
    for _ in 0..1 + choices.below(6) {
        forged |= damage(&mut files, &mut choices);
    }
    if choices.once_in(2) {
        forged = true;
        for (name, bytes) in &mut files {
            fix(bytes, past.sums.get(name).map_or(&[], Vec::as_slice));
        }
    }
    let scratch = Scratch::new("store");
    let folder = scratch.join("s");
    write(&folder, &files);
    let read_only = open(&folder, true);
    let found = open(&folder, false);
    match (&read_only, &found) {
        (Ok(read), Ok(found)) => assert_eq!(read, found),
        (Err(error), Ok(found)) => {
            assert!(
                error.kind() == ErrorKind::NotFound && found.is_empty(),
                "{error}"
            );
            assert!(!files.contains_key("manifest"), "{error}");
        }
        (Ok(_), Err(error)) => panic!("a reader opened what a writer refuses: {error}"),
        (Err(_), Err(_)) => {}
    }
    let Ok(found) = found else { return };
    if !forged && files.contains_key("manifest") {
        assert!(past.records.starts_with(&found), "records that never were");
        assert!(
            found.len() >= past.certain,
            "{} of {}",
            found.len(),
            past.certain
        );
    }
    let mut store = Store::open(&folder, &options(false), |_| Ok(())).expect("as before");
    assert_eq!(store.verify().expect("sound").records, found.len());
    store
        .append(b"one more record")
        .expect("a store that opened takes records");
    drop(store);
    let again = open(&folder, true).expect("what opened once opens again");
    assert_eq!(again[..found.len()], found);
    assert_eq!(again[found.len()..], [b"one more record"]);
}

fn options(read_only: bool) -> StoreOptions {
    StoreOptions::default()
        .durability(Durability::Os)
        .read_only(read_only)
}

fn open(folder: &Path, read_only: bool) -> Result<Vec<Vec<u8>>, Error> {
    let mut records = Vec::new();
    let opened = Store::open(folder, &options(read_only), |r| {
        records.push(r.to_vec());
        Ok(())
    });
    opened.map(|_| records)
}

fn write(folder: &Path, files: &Files) {
    std::fs::create_dir_all(folder).expect("room for a folder");
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("room for a file");
    }
}

fn read(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("manifest") || name.starts_with("log-") {
            files.insert(name, std::fs::read(path).expect("a file"));
        }
    }
    files
}

/// One thing that befalls a file; tells whether bytes were written that the input chose.
fn damage(files: &mut Files, choices: &mut Choices<'_>) -> bool {
    let names: Vec<String> = files.keys().cloned().collect();
    if names.is_empty() {
        return false;
    }
    let name = choices.pick(&names).clone();
    let what = choices.byte() % 12;
    let bytes = files.get_mut(&name).expect("listed");
    let at = choices.below(bytes.len() + 1);
    let end = (at + choices.below(40)).min(bytes.len());
    match what {
        0 => bytes.truncate(at),
        1 => bytes[at..end].fill(0),
        2 => drop(bytes.drain(at..end)),
        3 => {
            files.remove(&name);
        }
        4 if name.starts_with("log") => {
            // The log of another store. With its manifest too it would be that store.
            let other = choices.pick(pasts());
            let found = other.files.iter().find(|(name, _)| name.starts_with("log"));
            *bytes = found.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        }
        5 => {
            let copy = bytes[at..end].to_vec();
            bytes.extend(copy);
        }
        6 => {
            bytes[at..end]
                .iter_mut()
                .for_each(|byte| *byte ^= 1 << (what % 8));
        }
        7 => {
            let stray = format!("log-{}", choices.below(4));
            files
                .entry(stray)
                .or_insert_with(|| choices.bytes(100).to_vec());
            return true;
        }
        8 => {
            let n = choices.below(100);
            bytes.extend(choices.bytes(n));
            return true;
        }
        _ => {
            // A field of one to eight bytes, mostly in the first hundred.
            let at = if what == 9 { at } else { at % 100 };
            let width = [1, 4, 8][choices.below(3)];
            let value = match choices.below(8) {
                0 => u64::MAX,
                1 => 1 << 63,
                2 => 1 << 40,
                3 => bytes.len() as u64,
                4 => 0,
                _ => u64::from(choices.u32()),
            };
            let field = bytes.iter_mut().skip(at).take(width);
            field
                .zip(value.to_le_bytes())
                .for_each(|(byte, new)| *byte = new);
            return true;
        }
    }
    false
}

/// Makes the checksums true of what stands there now.
fn fix(bytes: &mut [u8], sums: &[(Range<usize>, usize)]) {
    for (range, at) in sums {
        if let Some(sum) = bytes.get(range.clone()).map(crc32fast::hash)
            && let Some(place) = bytes.get_mut(*at..at + 4)
        {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    }
}

/// Every range whose CRC-32 stands in the file. The room behind what was written has none, and trying
/// it would take minutes.
fn sums(bytes: &[u8]) -> Vec<(Range<usize>, usize)> {
    let written = bytes.iter().rposition(|byte| *byte != 0);
    let written = written.map_or(0, |last| (last + 1).next_multiple_of(64));
    let bytes = &bytes[..written.min(bytes.len())];
    let words = bytes.windows(4).enumerate();
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, word) in words.filter(|(at, _)| at % 4 == 0) {
        places.insert(u32::from_le_bytes(word.try_into().expect("four bytes")), at);
    }
    let mut found = Vec::new();
    for start in 0..bytes.len() {
        let mut sum = crc32fast::Hasher::new();
        for end in start + 1..=bytes.len() {
            sum.update(&bytes[end - 1..end]);
            if end - start >= 8
                && let Some(&at) = places.get(&sum.clone().finalize())
                && !(start..end).contains(&at)
            {
                found.push((start..end, at));
            }
        }
    }
    found.sort_by_key(|(range, _)| range.len());
    found
}

/// Stores that were left in every way in which one can be left.
fn pasts() -> &'static [Past] {
    static MADE: OnceLock<Vec<Past>> = OnceLock::new();
    MADE.get_or_init(|| (0..6).map(past).collect())
}

fn past(which: usize) -> Past {
    let scratch = Scratch::new(&format!("store-past-{which}"));
    let folder = scratch.join("s");
    // Whole words, so that every checksum stands at a multiple of four.
    let record = |i: u8| vec![b'a' + i + 4 * which as u8; 8 + 4 * usize::from(i)];
    let durability = if which == 3 {
        Durability::Os
    } else {
        Durability::Sync
    };
    let options = StoreOptions::default().durability(durability);
    let mut store = Store::open(&folder, &options, |_| Ok(())).expect("an empty folder opens");
    let mut records: Vec<Vec<u8>> = Vec::new();
    let mut certain = 0;
    if which > 0 {
        records.extend([record(0), record(1), record(2)]);
        let taken = match which {
            4 => store.append_all(records.iter().map(Vec::as_slice)),
            _ => records.iter().try_for_each(|record| store.append(record)),
        };
        taken.expect("a new store takes records");
    }
    if which == 5 {
        store
            .rewrite(records.clone().into_iter())
            .expect("a store is rewritten");
        certain = records.len();
        records.push(record(3));
        store.append(&record(3)).expect("a store takes records");
    }
    if which < 2 {
        store.close().expect("a sound store closes");
        certain = records.len();
    }
    // All others end as a process does that is killed.
    let files = read(&folder);
    let sums = files
        .iter()
        .map(|(name, bytes)| (name.clone(), sums(bytes)));
    Past {
        sums: sums.collect(),
        files,
        records,
        certain,
    }
}
