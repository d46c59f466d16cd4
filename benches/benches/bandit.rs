//! A choice and its reward: without a context, with three features, on a grid, among names.
//!
//! `cargo bench -p ragcore-benches --bench bandit`. Times are by the wall, so the machine must be
//! idle; `benches/bandit/compare.py` measures processor time beside the peers, through Python, and
//! what is earned.

use criterion::{Criterion, criterion_group, criterion_main};
use rag_core::Rng;
use rag_core::bandit::{Arms, Bandit, BanditOptions, Knob};
use std::hint::black_box;

/// One round: chosen, and rewarded by how near the first value lies to 0.6.
fn round(bandit: &mut Bandit, rng: &mut Rng, context: Option<&[f64]>) {
    let choice = bandit.choose(black_box("a"), context).expect("a choice");
    let near = (choice.value - 0.6).clamp(-1.0, 1.0);
    let earned = 0.8 - near * near + 0.1 * (rng.uniform() - 0.5);
    bandit.reward(choice.id, earned).expect("a choice that waits");
}

fn rounds(c: &mut Criterion) {
    let knob = |name: &str| (name.to_owned(), Knob::Range(0.0, 1.0));
    let names = (0..8).map(|i| i.to_string()).collect();
    let three = [0.3, -1.2, 0.8];
    for (name, arms, context) in [
        ("a line", Arms::Range(0.0, 1.0), None),
        ("a line, three features", Arms::Range(0.0, 1.0), Some(&three[..])),
        ("two knobs", Arms::Grid(vec![knob("a"), knob("b")]), None),
        ("eight names", Arms::Names(names), None),
    ] {
        let options = BanditOptions::default().seed(Some(1));
        let mut bandit = Bandit::new(arms, &options).expect("arms");
        let mut rng = Rng::new(1);
        c.bench_function(&format!("choose and reward: {name}"), |b| {
            b.iter(|| round(&mut bandit, &mut rng, black_box(context)));
        });
        let choice = bandit.choose("a", context).expect("a choice");
        c.bench_function(&format!("propensity: {name}"), |b| {
            b.iter(|| bandit.propensity(black_box(choice.id)));
        });
    }
}

criterion_group!(benches, rounds);
criterion_main!(benches);
