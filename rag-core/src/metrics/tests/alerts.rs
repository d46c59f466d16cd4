//! Alerts on simulated traffic. Seeds are fixed, so nothing here fails by chance.

use super::*;
use crate::Rng;

/// Months of stationary traffic.
const MONTHS: u64 = 12;
/// Windows of a day.
const DAY: u64 = 288;

/// How questions come and go.
#[derive(Clone, Copy)]
struct Traffic {
    seconds: f64,
    failing: f64,
    cached: f64,
    tokens: f64,
}

const USUAL: Traffic = Traffic {
    seconds: 0.2,
    failing: 0.002,
    cached: 0.4,
    tokens: 1000.0,
};

/// Poisson, by counting exponential waits.
fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    let (mut n, mut waited) = (0, 0.0);
    loop {
        waited -= (1.0 - rng.uniform()).ln();
        if waited > mean {
            return n;
        }
        n += 1;
    }
}

/// A window of five minutes with about 100 questions, latencies log-normal with a heavy tail.
fn window(rng: &mut Rng, at: u64, traffic: Traffic) -> Minute {
    let mut minute = Minute {
        minute: at * 5,
        ..Minute::default()
    };
    for _ in 0..poisson(rng, 100.0) {
        minute.queries += 1;
        minute
            .latency
            .record(traffic.seconds * (0.6 * rng.normal()).exp());
        minute.cached += u64::from(rng.uniform() < traffic.cached);
        if rng.uniform() < traffic.failing {
            *minute.errors.entry("timeout".into()).or_default() += 1;
        }
        let tokens = traffic.tokens * (0.4 * rng.normal()).exp();
        minute.input_tokens += tokens as u64;
        minute.cost += tokens * 1e-6;
    }
    minute
}

fn run(
    watch: &mut Watch,
    rng: &mut Rng,
    windows: std::ops::Range<u64>,
    traffic: Traffic,
) -> Vec<Alert> {
    let mut begun = Vec::new();
    for at in windows {
        let news = watch.look(&[window(rng, at, traffic)], (at + 1) * 5);
        begun.extend(news.into_iter().filter(|alert| alert.until.is_none()));
    }
    begun
}

/// Twelve months of five figures each.
#[test]
fn stationary_traffic_seldom_raises_an_alert() {
    let mut alerts = Vec::new();
    for seed in 0..MONTHS {
        let mut watch = Watch::new(&AlertOptions::default()).unwrap();
        alerts.extend(run(&mut watch, &mut Rng::new(seed), 0..30 * DAY, USUAL));
    }
    println!("{} alerts in {MONTHS} months: {alerts:?}", alerts.len());
    assert!(alerts.len() <= 3, "{alerts:?}");
}

#[test]
fn a_changed_figure_is_found_within_the_hour_and_nothing_else_is() {
    let changes = [
        (
            Watched::Latency,
            Side::Above,
            Traffic {
                seconds: 0.3,
                ..USUAL
            },
        ),
        (
            Watched::ErrorRate,
            Side::Above,
            Traffic {
                failing: 0.03,
                ..USUAL
            },
        ),
        (
            Watched::HitRate,
            Side::Below,
            Traffic {
                cached: 0.2,
                ..USUAL
            },
        ),
    ];
    for (figure, side, changed) in changes {
        let mut slowest = 0.0f64;
        for seed in 0..20 {
            let (mut watch, mut rng) = (
                Watch::new(&AlertOptions::default()).unwrap(),
                Rng::new(seed),
            );
            run(&mut watch, &mut rng, 0..DAY, USUAL);
            let found = run(&mut watch, &mut rng, DAY..DAY + 36, changed);
            let alert = found.iter().find(|a| a.figure == figure).unwrap();
            assert_eq!(alert.side, side);
            slowest = slowest.max(alert.since / 300.0 - DAY as f64);
        }
        println!(
            "{}: found within {slowest} windows in 20 of 20",
            figure.name()
        );
        assert!(slowest <= 12.0, "{figure:?} took {slowest} windows");
    }
    let (mut watch, mut rng) = (Watch::new(&AlertOptions::default()).unwrap(), Rng::new(99));
    run(&mut watch, &mut rng, 0..DAY, USUAL);
    let more = Traffic {
        tokens: 1500.0,
        ..USUAL
    };
    let found: Vec<_> = run(&mut watch, &mut rng, DAY..DAY + 36, more)
        .iter()
        .map(|a| a.figure)
        .collect();
    assert_eq!(found, [Watched::Cost, Watched::Tokens], "they go together");
}

#[test]
fn an_alert_lasts_until_the_figure_is_back_and_does_not_flap() {
    let slow = Traffic {
        seconds: 0.5,
        ..USUAL
    };
    let (mut watch, mut rng) = (Watch::new(&AlertOptions::default()).unwrap(), Rng::new(4));
    run(&mut watch, &mut rng, 0..DAY, USUAL);
    // For longer than the baseline is long: what lasts does not become usual by itself.
    let found = run(&mut watch, &mut rng, DAY..3 * DAY, slow);
    assert_eq!(found.len(), 1, "{found:?}");
    let now = watch.alerts(3.0 * 86_400.0);
    assert_eq!((now.len(), now[0].until), (1, None));
    assert!((now[0].baseline / 0.537 - 1.0).abs() < 0.1, "{now:?}");
    assert!(run(&mut watch, &mut rng, 3 * DAY..4 * DAY, USUAL).is_empty());
    let over = watch.alerts(3.5 * 86_400.0);
    assert!(
        over[0].until.unwrap() < (3 * DAY + 10) as f64 * 300.0,
        "{over:?}"
    );
    assert!(
        watch.alerts(5.0 * 86_400.0).is_empty(),
        "after a day it is told no more"
    );
}

#[test]
fn what_is_accepted_is_the_new_baseline() {
    let slow = Traffic {
        seconds: 0.5,
        ..USUAL
    };
    let (mut watch, mut rng) = (Watch::new(&AlertOptions::default()).unwrap(), Rng::new(5));
    run(&mut watch, &mut rng, 0..DAY, USUAL);
    assert_eq!(run(&mut watch, &mut rng, DAY..DAY + 20, slow).len(), 1);
    watch.accept(Watched::Latency, (DAY + 20) as f64 * 300.0);
    assert!(run(&mut watch, &mut rng, DAY + 20..2 * DAY, slow).is_empty());
    let back = run(&mut watch, &mut rng, 2 * DAY..2 * DAY + 36, USUAL);
    assert!(
        back.is_empty(),
        "faster than usual is nobody's trouble: {back:?}"
    );
}

#[test]
fn few_questions_short_histories_and_small_changes_raise_nothing() {
    let mut rng = Rng::new(6);
    let broken = Traffic {
        failing: 1.0,
        seconds: 9.0,
        ..USUAL
    };
    // Ten windows are looked at as one: there are only 24 such in a day.
    let options = AlertOptions::default().min_queries(1000);
    let mut watch = Watch::new(&options).unwrap();
    run(&mut watch, &mut rng, 0..DAY / 2, USUAL);
    assert!(run(&mut watch, &mut rng, DAY / 2..DAY - 60, broken).is_empty());
    let mut watch = Watch::new(&options).unwrap();
    run(&mut watch, &mut rng, 0..DAY + 10, USUAL);
    assert_eq!(
        run(&mut watch, &mut rng, DAY + 10..DAY + 60, broken).len(),
        2
    );
    let mut watch = Watch::new(&AlertOptions::default()).unwrap();
    run(&mut watch, &mut rng, 0..12, USUAL);
    assert!(run(&mut watch, &mut rng, 12..24, broken).is_empty());
    let mut watch = Watch::new(&AlertOptions::default().min_change(0.5)).unwrap();
    run(&mut watch, &mut rng, 0..DAY, USUAL);
    let slower = Traffic {
        seconds: 0.26,
        ..USUAL
    };
    assert!(run(&mut watch, &mut rng, DAY..2 * DAY, slower).is_empty());
}

#[test]
fn whoever_subscribes_is_told_when_it_begins_and_when_it_is_over() {
    let (metrics, clock) = at(0.0);
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = heard.clone();
    let number = metrics
        .on_alert(move |alert| {
            told.lock()
                .unwrap()
                .push((alert.figure, alert.until.is_some()))
        })
        .unwrap();
    metrics
        .watch(&AlertOptions::default().min_windows(8))
        .unwrap();
    assert!(
        metrics
            .watch(&AlertOptions::default().limit(f64::NAN))
            .is_err()
    );
    let ask = |windows: usize, seconds: f64| {
        for _ in 0..windows {
            (0..40).for_each(|_| metrics.record_query(&event(seconds)).unwrap());
            clock.advance(300.0);
        }
    };
    ask(20, 0.1);
    ask(6, 0.4);
    assert_eq!(
        metrics.alerts().len(),
        1,
        "also of the window that nobody asked after"
    );
    ask(12, 0.1);
    let heard = heard.lock().unwrap();
    assert_eq!(
        heard[..],
        [(Watched::Latency, false), (Watched::Latency, true)]
    );
    let json = serde_json::to_value(metrics.alerts()).unwrap();
    assert_eq!(
        (json[0]["figure"].as_str(), json[0]["side"].as_str()),
        (Some("latency_p95"), Some("above"))
    );
    metrics.unsubscribe(number).unwrap();
}

#[test]
fn a_clock_that_jumps_raises_nothing_and_looks_at_no_window_twice() {
    let (metrics, clock) = at(1e6);
    for jump in [60.0, -4000.0, 1e9, -1e9, 60.0, 86_400.0] {
        (0..50).for_each(|_| metrics.record_query(&event(0.1)).unwrap());
        clock.advance(jump);
        assert!(metrics.alerts().is_empty());
    }
    let (mut watch, mut rng) = (Watch::new(&AlertOptions::default()).unwrap(), Rng::new(8));
    let same = window(&mut rng, 0, USUAL);
    (0..100).for_each(|_| drop(watch.look(std::slice::from_ref(&same), 5)));
    assert_eq!(watch.due(9), None);
    assert_eq!(watch.due(10), Some((5, 10)));
}
