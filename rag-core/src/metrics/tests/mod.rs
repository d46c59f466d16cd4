//! What is promised about counting, seen from outside; alerts, files and the text for scrapers have files of their own.

mod alerts;
mod files;
mod scraped;

use super::*;
use crate::clock::ManualClock;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) fn at(now: f64) -> (Metrics, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(now));
    let metrics = Metrics::with_clock(&MetricsOptions::default(), clock.clone());
    (metrics.unwrap(), clock)
}

fn event(seconds: f64) -> QueryEvent {
    QueryEvent {
        id: "a1".into(),
        route: "local".into(),
        seconds,
        timings: vec![
            ("embed".into(), seconds / 4.0),
            ("search".into(), seconds / 2.0),
        ],
        caches: vec![("evidence".into(), false)],
        input_tokens: 100,
        output_tokens: 20,
        cost: 0.5,
        hits: 8,
        ..QueryEvent::default()
    }
}

#[test]
fn questions_are_counted_in_total_and_by_minute() {
    let (metrics, clock) = at(6000.0);
    for i in 0..10 {
        metrics
            .record_query(&event(0.1 * f64::from(i + 1)))
            .unwrap();
        clock.advance(60.0);
    }
    let hit = QueryEvent {
        cached: true,
        caches: vec![("evidence".into(), true)],
        error: Some(ErrorKind::Timeout),
        ..QueryEvent::default()
    };
    metrics.record_query(&hit).unwrap();
    let s = metrics.snapshot();
    assert_eq!(
        (s.total.queries, s.total.cached, s.total.failed),
        (11, 1, 1)
    );
    assert_eq!(s.last_5_minutes.queries, 5);
    assert_eq!((s.total.input_tokens, s.total.output_tokens), (1000, 200));
    assert!((s.total.cost - 5.0).abs() < 1e-12);
    assert_eq!(s.total.routes["local"], 10);
    assert_eq!(s.total.errors["timeout"], 1);
    assert!((s.total.caches["evidence"].rate - 1.0 / 11.0).abs() < 1e-12);
    assert_eq!(s.parts["embed"].count, 10);
    assert!((s.total.latency.p95 - 1.0).abs() < 0.01 && s.total.latency.max == 1.0);
    let minutes = metrics.minutes(6000.0, 6000.0 + 120.0).unwrap();
    assert_eq!(
        minutes.iter().map(|m| m.queries).collect::<Vec<_>>(),
        [1, 1]
    );
    clock.advance(86_400.0);
    let s = metrics.snapshot();
    assert_eq!((s.last_day.queries, s.total.queries), (0, 11));
    assert!(
        serde_json::from_str::<serde_json::Value>(&s.to_json()).unwrap()["total"]["latency"]["p95"]
            .is_f64()
    );
}

#[test]
fn a_day_of_minutes_is_kept_and_a_clock_set_back_is_borne() {
    let (metrics, clock) = at(60.0);
    for _ in 0..2000 {
        metrics.record_query(&event(0.01)).unwrap();
        clock.advance(60.0);
    }
    assert_eq!(
        metrics.minutes(0.0, 1e9).unwrap().len(),
        minutes::KEPT as usize
    );
    clock.advance(-6000.0);
    metrics.record_query(&event(0.01)).unwrap();
    let all = metrics.minutes(0.0, 1e9).unwrap();
    assert_eq!(all.last().unwrap().queries, 2);
    assert!(metrics.minutes(f64::NAN, 1.0).is_err());
}

#[test]
fn names_beyond_the_limit_are_other_and_memory_does_not_grow() {
    let clock = Arc::new(ManualClock::new(0.0));
    let metrics = Metrics::with_clock(&MetricsOptions::default().max_series(3), clock).unwrap();
    for i in 0..100 {
        let mut e = event(0.1);
        e.route = format!("r{i}").into();
        e.timings = vec![(format!("p{i}").into(), 0.1)];
        e.caches = vec![(format!("c{i}").into(), true)];
        metrics.record_query(&e).unwrap();
    }
    let s = metrics.snapshot();
    for n in [s.total.routes.len(), s.total.caches.len(), s.parts.len()] {
        assert_eq!(n, 4);
    }
    assert_eq!((s.total.routes["other"], s.parts["other"].count), (97, 97));
}

#[test]
fn bad_events_and_names_are_refused_and_nothing_is_counted() {
    let (metrics, _) = at(0.0);
    let long = "x".repeat(200);
    let bad = [
        QueryEvent {
            seconds: f64::NAN,
            ..event(0.1)
        },
        QueryEvent {
            cost: -1.0,
            ..event(0.1)
        },
        QueryEvent {
            timings: vec![("a".into(), f64::INFINITY)],
            ..event(0.1)
        },
        QueryEvent {
            route: long.clone().into(),
            ..event(0.1)
        },
        QueryEvent {
            caches: vec![("c".into(), true); 33],
            ..event(0.1)
        },
    ];
    for e in bad {
        assert_eq!(
            metrics.record_query(&e).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
    assert_eq!(metrics.snapshot().total.queries, 0);
    for name in ["", "1a", "a-b", "ä", &long] {
        assert!(metrics.count(name, &[], 1.0).is_err(), "{name}");
    }
    for label in ["le", "__x", "a:b", ""] {
        assert!(metrics.count("a", &[(label, "v")], 1.0).is_err(), "{label}");
    }
    assert!(metrics.count("a", &[("x", "1"), ("x", "2")], 1.0).is_err());
    assert!(metrics.count("a", &[("x", &long)], 1.0).is_err());
    assert!(metrics.observe("h", &[], -1.0).is_err());
    metrics.count("a", &[], 1.0).unwrap();
    assert_eq!(
        metrics.set("a", &[], 1.0).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    assert!(metrics.set("rag_cost_total", &[], 1.0).is_err());
}

#[test]
fn subscribers_are_told_outside_of_locks_and_their_panics_stay_theirs() {
    let (metrics, _) = at(0.0);
    let metrics = Arc::new(metrics);
    let heard = Arc::new(AtomicU64::new(0));
    let (again, count) = (metrics.clone(), heard.clone());
    let number = metrics
        .subscribe(move |e| {
            count.fetch_add(e.hits, Ordering::SeqCst);
            again.snapshot();
            again.count("heard_total", &[], 1.0).unwrap();
        })
        .unwrap();
    metrics
        .subscribe(|_| panic!("a subscriber's own fault"))
        .unwrap();
    metrics.record_query(&event(0.1)).unwrap();
    metrics.unsubscribe(number).unwrap();
    assert_eq!(
        metrics.unsubscribe(number).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    metrics.record_query(&event(0.1)).unwrap();
    assert_eq!(heard.load(Ordering::SeqCst), 8);
    let text = metrics.to_prometheus();
    assert!(text.contains("heard_total 1\n"), "{text}");
    assert!(text.contains("rag_subscriber_failures_total 2\n"), "{text}");
}

#[test]
fn an_event_is_read_from_json_and_nothing_of_it_is_repeated_in_the_error() {
    let json = r#"{"id":"x","seconds":0.5,"timings":[["embed",0.1]],"caches":[["answers",true]],"error":"timeout"}"#;
    let e = QueryEvent::from_json(json).unwrap();
    assert_eq!((e.seconds, e.error), (0.5, Some(ErrorKind::Timeout)));
    let again = QueryEvent::from_json(&serde_json::to_string(&e).unwrap()).unwrap();
    assert_eq!(again, e);
    for bad in ["", "[]", r#"{"error":"canary"}"#, r#"{"seconds":"canary"}"#] {
        let error = QueryEvent::from_json(bad).unwrap_err();
        assert!(!error.message().contains("canary"), "{error}");
    }
}

#[test]
fn everybody_may_share_it() {
    fn shared<T: Send + Sync>() {}
    shared::<Metrics>();
    let (metrics, _) = at(0.0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|_| metrics.record_query(&event(0.1)).unwrap()));
        }
    });
    let s = metrics.snapshot();
    assert_eq!((s.total.queries, s.parts["embed"].count), (4000, 4000));
}
