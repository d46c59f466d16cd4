//! Every input that fuzzing has kept goes through its body: a small corpus that reaches what the
//! fuzzer has reached, and whatever once ended in a crash.

use ragcore_fuzz_bodies::TARGETS;
use std::path::{Path, PathBuf};

fn inputs(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("fuzz");
    let folders = ["corpus", "crashes"].map(|kind| fuzz.join(kind).join(target));
    let entries = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok());
    let mut inputs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    inputs.sort();
    inputs
}

fn replay(target: &str) {
    let (_, body) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("listed");
    body(&[]);
    for input in inputs(target) {
        // Shown where the body panics.
        println!("{}", input.display());
        body(&std::fs::read(&input).expect("a file"));
    }
}

macro_rules! replayed {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed_and_has_a_corpus() {
            let replayed = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|(name, _)| *name).eq(replayed));
            for target in replayed {
                assert!(!inputs(target).is_empty(), "no corpus for {target}");
            }
        }
    };
}

replayed! {
    calls, collection, dense, filter, follow, image, lexical, metadata, model, record, saved, store, text,
}
