//! Regret in a simulator, merging, saving, and the edges.

use super::*;

/// One domain: the quality of a weight falls off around an optimum near the prior guess.
struct Truth {
    guess: f64,
    best: f64,
    base: f64,
    height: f64,
    power: f64,
}

impl Truth {
    fn draw(rng: &mut Rng) -> Self {
        let guess = 0.3 + 0.4 * rng.uniform();
        Self {
            guess,
            best: (guess + 0.15 * rng.normal()).clamp(0.0, 1.0),
            base: 0.6 + 0.3 * rng.uniform(),
            height: 0.5 + 0.7 * rng.uniform(),
            power: 1.5 + rng.uniform(),
        }
    }

    fn loss(&self, weight: f64) -> f64 {
        self.height * (weight - self.best).abs().powf(self.power)
    }
}

/// Regret per domain after 100 and after `long` choices in each of six domains.
fn regret(options: &BanditOptions, seed: u64, long: usize) -> (f64, f64) {
    let mut rng = Rng::new(seed);
    let truths: Vec<Truth> = (0..6).map(|_| Truth::draw(&mut rng)).collect();
    let options = options.clone().seed(Some(seed));
    let mut bandit = Bandit::new(Arms::Range(0.0, 1.0), &options).unwrap();
    let names: Vec<String> = (0..6).map(|i| format!("domain {i}")).collect();
    for (name, truth) in names.iter().zip(&truths) {
        bandit.set_prior(name, truth.guess).unwrap();
    }
    let (mut total, mut early) = (0.0, 0.0);
    for step in 0..long {
        if step == 100 {
            early = total / 6.0;
        }
        for (name, truth) in names.iter().zip(&truths) {
            let choice = bandit.choose(name, None).unwrap();
            let loss = truth.loss(choice.value);
            total += loss;
            let earned = truth.base - loss + 0.11 * rng.normal();
            bandit.reward(choice.id, earned).unwrap();
        }
    }
    (early, total / 6.0)
}

#[test]
#[ignore = "prints a table"]
fn regret_table() {
    for policy in [
        Policy::Thompson,
        Policy::Ucb,
        Policy::EpsilonGreedy,
        Policy::Fixed,
    ] {
        let options = BanditOptions::default().policy(policy).propensity_draws(16);
        let runs: Vec<_> = (0..40).map(|s| regret(&options, 1000 + s, 1000)).collect();
        let n = runs.len() as f64;
        let a: f64 = runs.iter().map(|r| r.0).sum::<f64>() / n;
        let b: f64 = runs.iter().map(|r| r.1).sum::<f64>() / n;
        println!("{policy:?} {a:.2} {b:.2}");
    }
    for draws in [16, 128, 256] {
        for arms in [
            Arms::Range(0.0, 1.0),
            Arms::Values((0..11).map(|i| i as f64 / 10.0).collect()),
        ] {
            let options = BanditOptions::default()
                .propensity_draws(draws)
                .seed(Some(1));
            let mut b = Bandit::new(arms, &options).unwrap();
            let (mut c, mut r) = (0.0, 0.0);
            for _ in 0..5000 {
                let t = std::time::Instant::now();
                let choice = b.choose("x", None).unwrap();
                c += t.elapsed().as_secs_f64();
                let t = std::time::Instant::now();
                b.reward(choice.id, 0.5).unwrap();
                r += t.elapsed().as_secs_f64();
            }
            println!(
                "{draws} draws: choose {:.2} us, reward {:.2} us",
                c / 5000.0 * 1e6,
                r / 5000.0 * 1e6
            );
        }
    }
}
