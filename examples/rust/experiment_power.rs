//! How often an experiment that is looked at all the time is wrong, and how many users it takes to be right.
//!
//! `cargo run --release -p ragcore-examples --example experiment_power`

use rag_core::experiment::{
    Experiment, ExperimentOptions, Interleaving, MeasureKind, MeasureOptions, interleave,
};
use rag_core::{Result, Rng};

const RUNS: u64 = 200;
const USERS: usize = 20_000;
/// Users between two looks.
const LOOK: usize = 50;

/// Users, of both variants together, until the first look that decides; `None` if none does.
fn decided(seed: u64, control: f64, treated: f64) -> Result<Option<usize>> {
    let options = ExperimentOptions::default()
        .max_users(0)
        .salt(format!("{seed}"));
    let test = Experiment::new("power", &[("old", 1), ("new", 1)], &options)?.measure(
        "helped",
        &MeasureOptions::default().kind(MeasureKind::Proportion),
    )?;
    let mut rng = Rng::fork(1, seed);
    for i in 1..=USERS {
        let user = format!("user-{i}");
        let is_new = test.assign(&user)?.as_deref() == Some("new");
        let share = if is_new { treated } else { control };
        test.record(&user, "helped", f64::from(rng.uniform() < share))?;
        if i % LOOK == 0 && test.status().measures[0].comparisons[0].decision != "undecided" {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

/// Lists until interleaving decides between a ranking and one that has the right result a place lower.
fn interleaved(seed: u64, share: f64) -> Result<Option<usize>> {
    let (good, bad) = (["r", "x", "y"], ["x", "r", "y"]);
    let test = Interleaving::new(0.05)?;
    let mut rng = Rng::fork(2, seed);
    for i in 1..=USERS {
        let list = interleave(&good, &bad, 3, rng.next_u64())?;
        let clicked = match rng.uniform() < share {
            true => "r",
            false => ["x", "y"][rng.below(2)],
        };
        test.record(&list, &[clicked]);
        if i % LOOK == 0 && test.status().better.is_some() {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

fn tell(what: &str, mut found: Vec<Option<usize>>) {
    found.sort_unstable_by_key(|n| n.unwrap_or(usize::MAX));
    let n = found.iter().flatten().count();
    let half = found[found.len() / 2].map_or("-".to_owned(), |n| n.to_string());
    let most = found[found.len() * 9 / 10].map_or("-".to_owned(), |n| n.to_string());
    let share = 100.0 * n as f64 / found.len() as f64;
    println!(
        "{what:32} decided {share:5.1}%   half within {half:>6}   nine in ten within {most:>6}"
    );
}

fn main() -> Result<()> {
    println!("{RUNS} runs of {USERS} users, looked at every {LOOK}, alpha 0.05");
    for (control, treated) in [
        (0.20, 0.20),
        (0.20, 0.21),
        (0.20, 0.22),
        (0.20, 0.25),
        (0.20, 0.30),
    ] {
        let found: Result<Vec<_>> = (0..RUNS)
            .map(|seed| decided(seed, control, treated))
            .collect();
        tell(&format!("share {control:.2} against {treated:.2}"), found?);
    }
    for share in [1.0 / 3.0, 0.4, 0.5, 0.6] {
        let found: Result<Vec<_>> = (0..RUNS).map(|seed| interleaved(seed, share)).collect();
        tell(&format!("interleaved, {share:.2} of clicks"), found?);
    }
    Ok(())
}
