//! Users of a collection: what is known of them survives whatever happens to the store, and what is
//! forgotten is gone.

use rag_core::Rng;
use rag_core::collection::{Batch, Collection, OpenOptions};
use rag_core::steering::{Feedback, RetrainOptions, SteeringVector, Taste, TasteAt};
use std::path::{Path, PathBuf};

const DIM: usize = 8;
const QUERY: [f32; DIM] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("ragcore-users-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self) -> rag_core::Result<Collection> {
        Collection::open(&self.0, None, &OpenOptions::default().dim(Some(DIM)))
    }

    /// The files as they are now, as a crash would leave them.
    fn copy(&self, name: &str) -> Self {
        let to = Self::new(name);
        std::fs::create_dir_all(&to.0).unwrap();
        for (file, bytes) in self.files() {
            std::fs::write(to.0.join(file), bytes).unwrap();
        }
        to
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let all = std::fs::read_dir(&self.0).unwrap().map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read(file.path()).unwrap())
        });
        all.collect()
    }

    fn holds(&self, needle: &str) -> bool {
        let found = |bytes: &[u8]| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        self.files().iter().any(|(_, bytes)| found(bytes))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn row(rng: &mut Rng) -> Vec<f32> {
    (0..DIM).map(|_| rng.normal() as f32).collect()
}

/// Thirty documents, two dials and ten users with a dozen ratings each.
fn fill(collection: &Collection) {
    let mut rng = Rng::new(8);
    let vectors: Vec<f32> = (0..30).flat_map(|_| row(&mut rng)).collect();
    let ids = (0..30).map(|i| format!("d{i}"));
    collection
        .add(Batch::new(ids).vectors(&vectors, DIM).unwrap())
        .unwrap();
    let steering = collection.steering();
    for name in ["bold", "calm"] {
        let dial = SteeringVector::from_parts(name, &row(&mut rng), 0.3, None).unwrap();
        steering.insert(dial).unwrap();
    }
    for i in 0..120 {
        let item = row(&mut rng);
        let user = format!("user-{}-of-ten", i % 10);
        let rating = if item[1] > 0.0 { 1.0 } else { 0.1 };
        let told = Feedback {
            dials: &[("calm", 0.5)][..i % 2],
            at: Some(i as f64),
            position: (i % 3 > 0).then_some(i % 3),
            ..Feedback::new(&QUERY, &item, rating)
        };
        steering.rate(&told.by(&user)).unwrap();
    }
}

/// All that can be seen of the users and the dials.
#[derive(Debug, PartialEq)]
struct Seen {
    moved: Vec<Vec<f32>>,
    tastes: Vec<Taste>,
    drifts: Vec<Vec<TasteAt>>,
    dials: Vec<Vec<f32>>,
}

fn seen(collection: &Collection) -> Seen {
    let steering = collection.steering();
    let users: Vec<String> = (0..11).map(|i| format!("user-{i}-of-ten")).collect();
    let move_of = |user: &String| {
        let options = Default::default();
        steering.apply(&QUERY, &[], Some(user), &options).unwrap()
    };
    let names = steering.names().unwrap();
    let dial = |name: &String| steering.get(name).unwrap().vector().to_vec();
    Seen {
        moved: users.iter().map(move_of).collect(),
        tastes: users.iter().map(|u| steering.taste(u).unwrap()).collect(),
        drifts: users.iter().map(|u| steering.drift(u).unwrap()).collect(),
        dials: names.iter().map(dial).collect(),
    }
}

/// How a collection is left.
type Way = fn(&Collection);

#[test]
fn users_survive_crashes_closing_images_and_compaction() {
    let folder = Folder::new("survive");
    let collection = folder.open().unwrap();
    fill(&collection);
    let report = collection
        .steering()
        .retrain(&RetrainOptions::default())
        .unwrap();
    assert_eq!((report.events, report.users, report.crowd), (120, 10, 10));
    let before = seen(&collection);
    assert!(before.moved[10][1] > 0.0, "what all share moves who is new");
    let crashed = folder.copy("survive-crashed");
    assert_eq!(seen(&crashed.open().unwrap()), before);
    let ways: [(&str, Way); 3] = [
        ("closed", |c| c.close().unwrap()),
        ("image", |c| {
            c.checkpoint().unwrap();
            c.close().unwrap();
        }),
        ("compacted", |c| {
            c.compact().unwrap();
            c.close().unwrap();
        }),
    ];
    drop(collection);
    for (name, way) in ways {
        let collection = folder.open().unwrap();
        assert_eq!(seen(&collection), before, "before {name}");
        way(&collection);
        drop(collection);
        assert_eq!(seen(&folder.open().unwrap()), before, "{name}");
        let copy = folder.copy("survive-copy");
        for image in copy.files().iter().filter(|(f, _)| f.starts_with("image")) {
            std::fs::remove_file(copy.0.join(&image.0)).unwrap();
        }
        assert_eq!(seen(&copy.open().unwrap()), before, "{name}, no image");
    }
}

#[test]
fn who_is_forgotten_stays_so_and_leaves_nothing() {
    let folder = Folder::new("forget");
    let collection = folder.open().unwrap();
    fill(&collection);
    let (steering, secret) = (collection.steering(), "user-3-of-ten");
    steering.retrain(&RetrainOptions::default()).unwrap();
    assert!(steering.forget(secret).unwrap() && !steering.forget(secret).unwrap());
    let gone = |collection: &Collection| {
        let steering = collection.steering();
        let taste = steering.taste(secret).unwrap();
        assert_eq!(taste.ratings, 0);
        assert!(steering.drift(secret).unwrap().is_empty());
        assert!(!steering.forget(secret).unwrap());
        // Moved like anybody new, by what nine others share.
        let moved = seen(collection).moved;
        assert_eq!(moved[3], moved[10]);
        assert_ne!(moved[4], moved[10]);
    };
    gone(&collection);
    let crashed = folder.copy("forget-crashed");
    gone(&crashed.open().unwrap());
    assert!(folder.holds(secret), "the log still tells it");
    collection.compact().unwrap();
    assert!(!folder.holds(secret) && folder.holds("user-4-of-ten"));
    collection.close().unwrap();
    assert!(!folder.holds(secret));
    gone(&folder.open().unwrap());
}

fn log(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("log-1")).unwrap()
}

#[test]
fn a_retraining_is_taken_in_whole_or_not_at_all() {
    let folder = Folder::new("group");
    let collection = folder.open().unwrap();
    fill(&collection);
    let before = (folder.copy("group-before"), seen(&collection));
    let old = log(&before.0.0);
    let options = RetrainOptions::default().min_examples(2);
    collection.steering().retrain(&options).unwrap();
    let (after, new) = (seen(&collection), log(&folder.0));
    assert_ne!(before.1, after);
    let at = |i: usize| old.get(i).copied().unwrap_or(0);
    let changed: Vec<usize> = (0..new.len()).filter(|&i| new[i] != at(i)).collect();
    let (first, last) = (changed[0], changed[changed.len() - 1]);
    let (mut olds, mut news) = (0, 0);
    let steps = 40;
    for step in 0..=steps {
        let cut = first + (last + 1 - first) * step / steps;
        let torn: Vec<u8> = (0..new.len())
            .map(|i| if i < cut { new[i] } else { at(i) })
            .collect();
        let copy = before.0.copy("group-torn");
        std::fs::write(copy.0.join("log-1"), torn).unwrap();
        let found = seen(&copy.open().unwrap());
        match found == after {
            true => news += 1,
            false => {
                assert_eq!(found, before.1, "cut at {cut} of {first}..={last}");
                olds += 1;
            }
        }
    }
    assert_eq!((olds, news), (steps, 1));
}

/// Found by fuzzing the calls of C: a place further down than a record can say.
#[test]
fn a_rating_of_what_stood_beyond_all_bounds_is_kept() {
    let folder = Folder::new("far-down");
    let collection = folder.open().unwrap();
    fill(&collection);
    let item = row(&mut Rng::new(3));
    let far = Feedback {
        position: Some(usize::MAX),
        ..Feedback::new(&QUERY, &item, 1.0)
    };
    collection.steering().rate(&far.by("far")).unwrap();
    let taste = collection.steering().taste("far").unwrap();
    drop(collection);
    assert_eq!(
        folder.open().unwrap().steering().taste("far").unwrap(),
        taste
    );
}
