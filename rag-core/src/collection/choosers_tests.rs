//! What bandits learnt is what was acknowledged, to the bit, after any end of the process.

use super::{Collection, OpenOptions};
use crate::bandit::{Arms, Bandit, BanditOptions, Policy};
use crate::disk::simulated::{Fault, Simulated};
use crate::error::{ErrorKind, Result};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

const SEEDS: u64 = 6;
const NAMES: [&str; 2] = ["weights", "prompts"];

/// What each bandit knows, as bytes.
type Truth = BTreeMap<String, Vec<u8>>;

fn open(disk: &Simulated, read_only: bool) -> Result<Collection> {
    let options = OpenOptions::default().dim(Some(2)).read_only(read_only);
    let path = Path::new("/store");
    Collection::open_on(Arc::new(disk.clone()), Some(path), None, &options)
}

fn held(collection: &Collection) -> Truth {
    let bandits = collection.bandits();
    let names = bandits.names().unwrap().into_iter();
    let one = |name: String| {
        let bytes = bandits.look(&name, |bandit| Ok(bandit.to_kept())).unwrap();
        (name, bytes)
    };
    names.map(one).collect()
}

fn bandit(rng: &mut Rng) -> Bandit {
    let arms = match rng.below(3) {
        0 => Arms::Values(vec![0.0, 0.25, 0.5, 1.0]),
        1 => Arms::Names(vec!["short".into(), "long".into()]),
        _ => Arms::Range(0.0, 1.0),
    };
    let policy = [Policy::Thompson, Policy::Ucb, Policy::EpsilonGreedy][rng.below(3)];
    let options = BanditOptions::default()
        .seed(Some(rng.next_u64()))
        .policy(policy)
        .log_size(5)
        .discount([1.0, 0.9][rng.below(2)]);
    let mut bandit = Bandit::new(arms, &options).unwrap();
    // One that has learnt before, and from others.
    if rng.below(2) == 0 {
        let mut other = bandit.clone();
        other.reseed(rng.next_u64());
        for one in [&mut bandit, &mut other] {
            for _ in 0..3 {
                let choice = one.choose("x", None).unwrap();
                one.reward(choice.id, rng.uniform()).unwrap();
            }
        }
        bandit.merge(&other).unwrap();
    }
    bandit
}

#[derive(Default)]
struct Told {
    truth: Truth,
    /// Whether the last operation was refused: what it would have led to may be there.
    under_way: Option<String>,
}

/// Goes through a random life; tells what was acknowledged when it broke off.
fn live(disk: &Simulated, seed: u64, told: &mut Told) -> Result<()> {
    let mut rng = Rng::new(seed);
    let mut collection = open(disk, false)?;
    let mut waiting = Vec::new();
    let features = rng.below(3);
    for _ in 0..25 {
        let name = NAMES[rng.below(2)];
        let known = told.truth.contains_key(name);
        told.under_way = Some(name.to_owned());
        match rng.below(14) {
            0 | 1 => {
                collection.bandits().insert(name, &bandit(&mut rng))?;
                waiting.retain(|(of, _, _)| *of != name);
            }
            2..=6 if known => {
                let domain = ["x", "y", "z"][rng.below(3)];
                let context: Vec<f64> = (0..features).map(|_| rng.normal()).collect();
                let context = (rng.below(2) == 0).then_some(&context[..]);
                let choice = collection.bandits().choose(name, domain, context)?;
                let arms = collection.bandits().look(name, |b| Ok(b.values().len()))?;
                waiting.push((name, choice.id, arms));
            }
            7..=9 if !waiting.is_empty() => {
                let (name, id, arms) = waiting.swap_remove(rng.below(waiting.len()));
                told.under_way = Some(name.to_owned());
                match rng.below(3) {
                    0 => {
                        let all: Vec<f64> = (0..arms).map(|_| rng.uniform()).collect();
                        collection.bandits().reward_all(name, id, &all)?;
                    }
                    _ => collection.bandits().reward(name, id, rng.uniform())?,
                }
                let twice = collection.bandits().reward(name, id, 0.0);
                assert!(twice.is_err());
            }
            10 => {
                collection.bandits().remove("prompts")?;
                told.under_way = Some("prompts".to_owned());
                waiting.retain(|(of, _, _)| *of != "prompts");
            }
            11 => collection.checkpoint()?,
            12 => collection.compact()?,
            13 => {
                collection.close()?;
                collection = open(disk, false)?;
                for (name, id, _) in waiting.drain(..) {
                    let gone = collection.bandits().reward(name, id, 0.5).unwrap_err();
                    assert_eq!(gone.kind(), ErrorKind::NotFound);
                }
            }
            _ => {}
        }
        told.truth = held(&collection);
        told.under_way = None;
        assert_eq!(
            held(&open(disk, true)?),
            told.truth,
            "a reader, seed {seed}"
        );
    }
    collection.close()
}

/// Refuses bandits that are not those that were acknowledged, but for the one under way.
fn check(disk: &Simulated, told: &Told, place: &str) {
    let collection = open(disk, false).unwrap_or_else(|error| panic!("{place}: {error}"));
    let mut found = held(&collection);
    let mut truth = told.truth.clone();
    if let Some(name) = &told.under_way {
        found.remove(name);
        truth.remove(name);
    }
    assert!(found == truth, "{place}: bandits differ from what was told");
    // They go on.
    for name in collection.bandits().names().unwrap() {
        let bandits = collection.bandits();
        let choice = bandits.choose(&name, "x", None).unwrap();
        bandits.reward(&name, choice.id, 1.0).unwrap();
    }
}

#[test]
fn whatever_ends_the_process_bandits_are_what_was_acknowledged_to_the_bit() {
    for seed in 0..SEEDS {
        let whole = Simulated::default();
        let mut told = Told::default();
        live(&whole, seed, &mut told).unwrap();
        check(&whole.copy(), &told, &format!("seed {seed}, closed"));
        for step in (1..=whole.steps()).step_by(3) {
            let faults = [
                Fault::Cut(step),
                Fault::Once(step, io::ErrorKind::Other),
                Fault::Once(step, io::ErrorKind::StorageFull),
            ];
            for fault in faults {
                let disk = Simulated::default();
                disk.let_fail(Some(fault));
                let mut told = Told::default();
                let _ = live(&disk, seed, &mut told);
                let place = format!("seed {seed}, {fault:?}");
                check(&disk.after_the_cut(step), &told, &place);
            }
        }
    }
}

#[test]
fn a_reader_sees_what_was_learnt_and_changes_nothing() {
    let disk = Simulated::default();
    let collection = open(&disk, false).unwrap();
    let reader = open(&disk, true).unwrap();
    collection
        .bandits()
        .insert("b", &bandit(&mut Rng::new(1)))
        .unwrap();
    for _ in 0..40 {
        let choice = collection.bandits().choose("b", "x", None).unwrap();
        collection.bandits().reward("b", choice.id, 0.5).unwrap();
        assert_eq!(held(&reader), held(&collection));
    }
    let kept = reader.bandits();
    let refused = [
        kept.choose("b", "x", None).map(drop).unwrap_err(),
        kept.reward("b", 1, 0.5).unwrap_err(),
        kept.insert("c", &bandit(&mut Rng::new(1))).unwrap_err(),
        kept.remove("b").map(drop).unwrap_err(),
    ];
    assert!(
        refused.iter().all(|e| e.kind() == ErrorKind::ReadOnly),
        "{refused:?}"
    );
    let unknown = collection
        .bandits()
        .choose("nobody", "x", None)
        .unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert!(unknown.message().contains("there are b"), "{unknown}");
}

#[test]
fn cut_and_scrambled_bandits_are_refused_and_never_panic() {
    let mut rng = Rng::new(3);
    let mut one = bandit(&mut rng);
    let choice = one.choose("x", Some(&[0.5])).unwrap();
    let earned = one
        .earned(choice.id, crate::bandit::Earned::One(0.5))
        .unwrap();
    one.reward(choice.id, 0.5).unwrap();
    let kept = one.to_kept();
    assert_eq!(Bandit::from_kept(&kept).unwrap().to_kept(), kept);
    for cut in 0..kept.len() {
        assert!(Bandit::from_kept(&kept[..cut]).is_err());
    }
    let mut copy = Bandit::from_kept(&kept).unwrap();
    for cut in 0..earned.len() {
        assert!(copy.take_earned(&earned[..cut]).is_err());
    }
    for _ in 0..3000 {
        let mut bad = kept.clone();
        let at = rng.below(bad.len());
        bad[at] = rng.next_u64() as u8;
        if let Ok(mut bandit) = Bandit::from_kept(&bad) {
            let mut bad = earned.clone();
            let at = rng.below(bad.len());
            bad[at] = rng.next_u64() as u8;
            let _ = bandit.take_earned(&bad);
        }
    }
}
