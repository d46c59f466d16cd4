//! A collection whose files were damaged, the image above all: what is made of the log is kept there
//! so that opening is quick, and may be lost without loss. So whatever befalls an image by accident,
//! every answer is right; whatever befalls the log, every answer is right or an error. Where bytes were
//! chosen and their checksums made to fit, there is no panic, and no end without an answer.

use crate::choices::Choices;
use crate::scratch::Scratch;
use rag_core::ErrorKind;
use rag_core::collection::{Batch, Collection, Document, Mode, OpenOptions, Query};
use rag_core::retrieval::filter::Filter;
use rag_core::steering::SteeringVector;
use rag_core::store::Durability;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

const DIM: usize = 5;
/// What the image and the log begin at a multiple of everywhere.
const LINE: usize = 64;

/// A collection as its files lie on disk, and what it answers.
struct Sound {
    /// Without what holds none of it.
    files: BTreeMap<String, Vec<u8>>,
    /// An image of the same log that was written earlier.
    older: Vec<u8>,
    answers: Answers,
}

/// What a collection says; `None` where it is silent.
#[derive(Debug, PartialEq)]
struct Answers {
    documents: BTreeMap<String, Document>,
    hits: Vec<Vec<String>>,
    counts: Vec<usize>,
    dials: Vec<u8>,
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    // The last one is large.
    let sound = &sounds()[match choices.below(32) {
        0..10 => 0,
        10..31 => 1,
        _ => 2,
    }];
    let mut files = sound.files.clone();
    let (mut forged, mut logged) = (false, false);
    for _ in 0..1 + choices.below(4) {
        let of_log = choices.once_in(4);
        logged |= of_log;
        let kind = if of_log { "log-" } else { "image-" };
        let name = files.keys().find(|name| name.starts_with(kind)).cloned();
        let Some(name) = name else { continue };
        if !of_log && choices.once_in(8) {
            match choices.once_in(2) {
                true => drop(files.remove(&name)),
                false => drop(files.insert(name, sound.older.clone())),
            }
            continue;
        }
        let bytes = files.get_mut(&name).expect("listed");
        forged |= damage(bytes, &sound.files[&name], &mut choices);
    }
    let scratch = Scratch::new("image");
    let folder = scratch.join("c");
    write(&folder, &files);
    match forged {
        true => bear(&folder, &mut choices),
        false => compare(&folder, sound, logged),
    }
}

/// Everything may be refused and wrong, and nothing may panic.
fn bear(folder: &Path, choices: &mut Choices<'_>) {
    let read_only = choices.once_in(4);
    let options = options().read_only(read_only);
    let Ok(collection) = Collection::open(folder, None, &options) else {
        return;
    };
    ask(&collection);
    if read_only {
        return;
    }
    let _ = collection.delete(&["d1", "d3"]);
    let batch = Batch::new(["d1", "new"]).texts(["moon", "iron"]);
    let batch = batch.vectors(&[0.5; 2 * DIM], DIM).expect("whole rows");
    let _ = collection.upsert(batch);
    let _ = collection.delete_where(&filters()[0]);
    let _ = match choices.once_in(2) {
        true => collection.compact(),
        false => collection.checkpoint(),
    };
    drop(collection);
    let _ = Collection::open(folder, None, &options).map(|collection| ask(&collection));
}

fn ask(collection: &Collection) {
    let _ = answers(collection);
    let _ = collection.verify();
    let _ = collection.stats();
}

/// Nothing is wrong; with a sound log nothing is missing either.
fn compare(folder: &Path, sound: &Sound, logged: bool) {
    let options = options();
    for read_only in [true, false] {
        let opened = Collection::open(folder, None, &options.clone().read_only(read_only));
        let collection = match opened {
            Ok(collection) => collection,
            Err(error) => {
                assert!(logged && error.kind() == ErrorKind::Corrupt, "{error}");
                return;
            }
        };
        let found = answers(&collection);
        match found {
            Ok(found) => assert!(found == sound.answers, "another answer"),
            Err(error) => {
                assert!(logged && error.kind() == ErrorKind::Corrupt, "{error}");
                some_are_right(&collection, sound);
            }
        }
        if !logged {
            let report = collection.verify().expect("a sound log");
            assert!(
                report.problems.iter().all(|p| p.contains("image")),
                "{report:?}"
            );
        }
        if !read_only && !logged {
            collection.checkpoint().expect("a sound log");
            drop(collection);
            let again = Collection::open(folder, None, &options).expect("a sound log");
            assert!(answers(&again).expect("a sound log") == sound.answers);
            assert!(again.verify().expect("a sound log").ok());
        }
    }
}

/// Of a damaged log, what is answered at all is right.
fn some_are_right(collection: &Collection, sound: &Sound) {
    for (id, document) in &sound.answers.documents {
        if let Ok(found) = collection.get(&[id]) {
            assert_eq!(found, [Some(document.clone())]);
        }
    }
    for (query, wanted) in queries().into_iter().zip(&sound.answers.hits) {
        if let Ok(hits) = collection.search(&query) {
            assert!(hits.iter().map(|hit| &hit.id).eq(wanted), "another answer");
        }
    }
}

fn options() -> OpenOptions {
    OpenOptions::default().durability(Durability::Os)
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for mode in [Mode::Hybrid, Mode::Dense, Mode::Lexical] {
        let query = Query::text("moon iron").mode(mode).k(5);
        let query = query.with_vector(vec![0.5, 0.25, -0.5, 1.0, 0.0]);
        queries.push(query.clone());
        let filtered = query.clone().filter(filters()[1].clone());
        queries.push(match mode {
            Mode::Lexical => filtered,
            _ => filtered.steer("d", 0.5),
        });
        let mut exact = query;
        exact.options.exact = true;
        queries.push(exact);
    }
    queries
}

fn filters() -> [Filter; 2] {
    [json!({"a": {"$lt": 3}}), json!({"b": {"$in": ["x", null]}})]
        .map(|filter| Filter::parse(&filter).expect("a filter"))
}

fn answers(collection: &Collection) -> rag_core::Result<Answers> {
    let ids = collection.ids()?;
    // All of a few, some of many, and one that is not there.
    let ids: Vec<String> = ids.iter().step_by(1 + ids.len() / 64).cloned().collect();
    let documents = ids.iter().zip(collection.get(&ids)?);
    let documents = documents.filter_map(|(id, found)| Some((id.clone(), found?)));
    let documents = documents.collect();
    let _ = collection.contains("nobody")?;
    let queries = if collection.dim()?.is_some() {
        queries()
    } else {
        Vec::new()
    };
    let found = collection.search_many(&queries)?;
    let hits = found
        .into_iter()
        .map(|hits| hits.into_iter().map(|hit| hit.id).collect());
    let counts = filters().map(|filter| collection.count(&filter));
    Ok(Answers {
        documents,
        hits: hits.collect(),
        counts: counts
            .into_iter()
            .chain([collection.len()])
            .collect::<Result<_, _>>()?,
        dials: collection.steering().to_steering()?.to_bytes(),
    })
}

/// What befalls a file; tells whether bytes were written that the input chose, or whose checksum was
/// made to fit.
fn damage(bytes: &mut Vec<u8>, sound: &[u8], choices: &mut Choices<'_>) -> bool {
    // Mostly where the small things are, which are first.
    let within = if choices.once_in(4) {
        bytes.len()
    } else {
        bytes.len().min(2048)
    };
    let at =
        choices.below(within.min(1 << 16) + 1) + if choices.once_in(16) { within / 2 } else { 0 };
    let at = at.min(bytes.len());
    let end = (at + 1 + choices.below(200)).min(bytes.len());
    match choices.below(8) {
        0 => bytes.truncate(at),
        1 => bytes[at..end].fill(0),
        2 => bytes[at..end].fill(0xFF),
        3 => {
            let bit = choices.byte() % 8;
            bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << bit);
        }
        4 => {
            let other = choices.below(bytes.len().div_ceil(LINE)) * LINE;
            let line = at / LINE * LINE;
            let part = bytes.get(other..other + LINE).map(<[u8]>::to_vec);
            if let (Some(part), Some(to)) = (part, bytes.get_mut(line..line + LINE)) {
                to.copy_from_slice(&part);
            }
        }
        _ => {
            // Some numbers, and then every checksum that the file had is true of what is there now.
            for _ in 0..1 + choices.below(3) {
                number(bytes, at, choices);
            }
            // An image's own line is the first, and all sums behind it know it.
            for (range, place, begin) in sums(sound) {
                let salt = begin.map_or(0, |begin| salt(bytes, begin));
                if let Some(sum) = bytes.get(range).map(crc32fast::hash)
                    && let Some(place) = bytes.get_mut(place..place + 4)
                {
                    place.copy_from_slice(&(sum ^ salt).to_le_bytes());
                }
            }
            return true;
        }
    }
    false
}

/// Writes a number near a place.
fn number(bytes: &mut [u8], at: usize, choices: &mut Choices<'_>) {
    let width = [1, 2, 4, 8][choices.below(4)];
    let at = (at + choices.below(64)) / width * width;
    let value = match choices.below(8) {
        0 => u64::MAX,
        1 => 1 << 63,
        2 => 1 << 40,
        3 => u64::from(f32::NAN.to_bits()),
        4 => 0,
        5 => bytes.len() as u64,
        6 => u64::from(choices.u32()),
        _ => choices.byte() as u64,
    };
    let field = bytes.iter_mut().skip(at).take(width);
    field
        .zip(value.to_le_bytes())
        .for_each(|(byte, new)| *byte = new);
}

/// What the sums of an array in an image are XORed with, whose bytes begin there.
fn salt(image: &[u8], begin: usize) -> u32 {
    let head = image.get(LINE - 4..LINE).unwrap_or_default();
    crc32fast::hash(&[head, &(begin as u64).to_le_bytes()].concat())
}

/// The ranges of a sound image or log that have a checksum, where it stands, and for a sum that knows
/// its place the place: lines that are closed by one, and bodies behind a line that says how long they are.
fn sums(sound: &[u8]) -> Vec<(Range<usize>, usize, Option<usize>)> {
    let mut found = Vec::new();
    let sum_at = |at: usize| {
        let sum = sound.get(at..at + 4)?;
        Some(u32::from_le_bytes(sum.try_into().expect("four")))
    };
    let closes = |range: &Range<usize>, at: usize, salt: u32| {
        let sum = sound.get(range.clone()).map(crc32fast::hash);
        sum.is_some() && sum.map(|sum| sum ^ salt) == sum_at(at)
    };
    let mut at = 0;
    while let Some(line) = sound.get(at..at + LINE) {
        let length = u64::from_le_bytes(line[..8].try_into().expect("eight bytes"));
        let length = (length & !(1 << 63)) as usize;
        let body = at + LINE;
        at = body;
        if closes(&(body - LINE..body - 4), body - 4, 0) {
            // The head of a record has the sum of its payload in it, which comes first.
            let padded = body..body.saturating_add(length.div_ceil(LINE).saturating_mul(LINE));
            if closes(&padded, body - 8, 0) {
                found.push((padded.clone(), body - 8, None));
                at = padded.end;
            }
            found.push((body - LINE..body - 4, body - 4, None));
        } else if closes(
            &(body - LINE..body - LINE + 8),
            body - LINE + 8,
            salt(sound, body),
        ) {
            let end = body + (length + 4).div_ceil(LINE) * LINE;
            found.push((body - LINE..body - LINE + 8, body - LINE + 8, Some(body)));
            found.push((body..end - 4, end - 4, Some(body)));
            at = end;
        }
    }
    found
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    std::fs::create_dir_all(folder).expect("room for a folder");
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("room for a file");
    }
}

fn sounds() -> &'static [Sound] {
    static MADE: OnceLock<Vec<Sound>> = OnceLock::new();
    MADE.get_or_init(|| (0..3).map(sound).collect())
}

/// A collection without vectors, a small one with everything, and one with a graph.
fn sound(which: usize) -> Sound {
    let scratch = Scratch::new(&format!("image-sound-{which}"));
    let folder = scratch.join("c");
    let with = (which > 0).then_some(DIM);
    let collection = Collection::open(&folder, None, &options().dim(with)).expect("a new folder");
    let count = [12, 60, 2300][which];
    add(&collection, 0..count, with.is_some());
    collection.delete(&["d0", "d7"]).expect("they are there");
    if which > 0 {
        let dial = SteeringVector::from_parts("d", &[0.0, 0.6, 0.0, 0.8, 0.0], 0.25, None);
        let steering = collection.steering();
        steering
            .insert(dial.expect("a good dial"))
            .expect("a new name");
        let (query, item) = ([1.0, 0.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0, 0.5]);
        let told = steering.feedback(&query, &item, 0.75, Some("u"), &[("d", 0.5)], Some(1e9));
        told.expect("good feedback");
    }
    collection.checkpoint().expect("room for files");
    let image = |files: &BTreeMap<String, Vec<u8>>| {
        let found = files.iter().find(|(name, _)| name.starts_with("image-"));
        found.expect("a checkpoint leaves an image").1.clone()
    };
    let older = image(&read(&folder));
    add(&collection, count..count + 10, with.is_some());
    collection.delete(&["d3"]).expect("it is there");
    // What filters have asked about is in the image.
    for filter in filters() {
        collection.count(&filter).expect("sound");
    }
    collection.checkpoint().expect("room for files");
    // Behind the image, some more.
    add(&collection, 7..8, with.is_some());
    collection.close().expect("a sound store");
    let again = Collection::open(&folder, None, &options().read_only(true)).expect("sound");
    let answers = answers(&again).expect("sound");
    let files = read(&folder);
    assert!(image(&files) != older, "two images");
    Sound {
        files,
        older,
        answers,
    }
}

fn add(collection: &Collection, which: Range<usize>, vectors: bool) {
    let texts = ["moon salt", "iron iron rust", "gold lamp", "bread moon"];
    let ids: Vec<String> = which.clone().map(|i| format!("d{i}")).collect();
    let metadata = which.clone().map(|i| {
        let metadata = json!({"a": i % 7, "b": (["x", "y"][i % 2]), "c": [i, null]});
        metadata.as_object().expect("an object").clone()
    });
    let mut batch = Batch::new(ids).metadata(metadata.collect());
    if vectors {
        let flat: Vec<f32> = which
            .clone()
            .flat_map(|i| (0..DIM).map(move |j| spread(i, j)))
            .collect();
        batch = batch.texts(which.map(|i| texts[i % 4]));
        batch = batch.vectors(&flat, DIM).expect("whole rows");
    }
    collection.add(batch).expect("new documents");
}

/// Numbers between -1 and 1 that are all unlike.
fn spread(i: usize, j: usize) -> f32 {
    let mixed = ((i * DIM + j + 1) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    mixed as f32 / (1 << 23) as f32 - 1.0
}

fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if !["lock", "spare"].contains(&name.as_str()) {
            files.insert(name, std::fs::read(path).expect("a file"));
        }
    }
    files
}
