//! Two days of simulated questions, with an outage in between, as a page of charts.
//!
//! `cargo run -p ragcore-examples --example metrics_report -- report.html`

use rag_core::clock::ManualClock;
use rag_core::metrics::{Metrics, MetricsFiles, MetricsOptions, QueryEvent};
use rag_core::{ErrorKind, Result, Rng};
use std::sync::Arc;

/// 2026-12-01, 00:00 UTC.
const START: f64 = 1_796_083_200.0;
const MINUTES: usize = 2 * 24 * 60;

/// A question that is over, `broken` while the server of the large model is slow.
fn question(rng: &mut Rng, broken: bool) -> QueryEvent {
    let cached = rng.uniform() < 0.45;
    let large = rng.uniform() < 0.3;
    let slow = if broken && large { 4.0 } else { 1.0 };
    let mut spread = |median: f64| median * (0.5 * rng.normal()).exp();
    let (embed, search) = (spread(0.002), spread(0.004));
    let generate = spread(if large { 0.9 } else { 0.25 }) * slow;
    let tokens = spread(900.0);
    let failed = broken && large && rng.uniform() < 0.2;
    let parts = match cached {
        true => vec![],
        false => vec![
            ("embed".into(), embed),
            ("search".into(), search),
            ("generate".into(), generate),
        ],
    };
    QueryEvent {
        route: if large { "large" } else { "small" }.into(),
        seconds: parts.iter().map(|(_, s)| s).sum::<f64>() + 50e-6,
        timings: parts,
        cached,
        caches: vec![
            ("answers".into(), cached),
            ("evidence".into(), cached || rng.uniform() < 0.3),
        ],
        input_tokens: if cached { 0 } else { tokens as u64 },
        output_tokens: if cached { 0 } else { (tokens / 6.0) as u64 },
        cost: if cached { 0.0 } else { tokens * 2e-6 },
        error: failed.then_some(ErrorKind::Timeout),
        ..QueryEvent::default()
    }
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "report.html".to_owned());
    let clock = Arc::new(ManualClock::new(START));
    let metrics = Metrics::with_clock(&MetricsOptions::default(), clock.clone())?;
    let folder = std::env::temp_dir().join(format!("ragcore-report-{}", std::process::id()));
    metrics.keep(Arc::new(MetricsFiles::open(&folder, &Default::default())?))?;
    let mut rng = Rng::new(1);
    for minute in 0..MINUTES {
        let hour = minute as f64 / 60.0;
        let busy = 12.0 + 8.0 * (hour * std::f64::consts::TAU / 24.0).sin();
        let broken = (38.0..40.0).contains(&hour);
        for _ in 0..(busy + 2.0 * rng.normal()).max(0.0) as usize {
            metrics.record_query(&question(&mut rng, broken))?;
        }
        clock.advance(60.0);
    }
    metrics.count("documents_added_total", &[("source", "guides")], 1200.0)?;
    let page = metrics.report("Questions of two days")?;
    std::fs::write(&path, page)
        .map_err(|e| rag_core::Error::io("cannot write", path.as_ref(), e))?;
    std::fs::remove_dir_all(&folder)
        .map_err(|e| rag_core::Error::io("cannot remove", &folder, e))?;
    for alert in metrics.alerts() {
        println!(
            "{} {} its baseline: {:.3} instead of {:.3}",
            alert.figure.name(),
            alert.side.name(),
            alert.value,
            alert.baseline
        );
    }
    println!("{path}");
    Ok(())
}
