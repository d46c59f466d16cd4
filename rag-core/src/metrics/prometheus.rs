//! Everything in the text format of Prometheus, version 0.0.4.

use super::histogram::Spread;
use super::minutes::Minute;
use super::series::{Family, Kind, Labels, Series};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The names that are written from the questions, which nobody else may count under.
pub(super) const OWN: &[(&str, Kind, &str)] = &[
    (
        "rag_cache_requests_total",
        Kind::Counter,
        "Times that a cache was asked, by whether it had it.",
    ),
    (
        "rag_cached_queries_total",
        Kind::Counter,
        "Questions that a cache answered.",
    ),
    ("rag_cost_total", Kind::Counter, "What tokens cost."),
    (
        "rag_errors_total",
        Kind::Counter,
        "Questions that failed, by kind.",
    ),
    ("rag_queries_total", Kind::Counter, "Questions, by route."),
    (
        "rag_query_seconds",
        Kind::Histogram,
        "Seconds that a question took.",
    ),
    ("rag_tokens_total", Kind::Counter, "Tokens, by direction."),
];

/// Bounds of a histogram of seconds, 2^-17 (7.6 microseconds) to 2^6; of anything else, every fourth power of two.
/// Powers of two are bounds of the fine buckets too, so the counts are exact.
fn bounds(name: &str) -> impl Iterator<Item = f64> {
    let powers: Vec<i32> = match name.ends_with("_seconds") {
        true => (-17..=6).collect(),
        false => (-20..=32).step_by(4).collect(),
    };
    powers.into_iter().map(|p| f64::powi(2.0, p))
}

fn number(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    match x.is_infinite() {
        true => if x > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        false => x.to_string(),
    }
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(
            self.0,
            "# HELP {name} {help}\n# TYPE {name} {}",
            kind.name()
        );
    }

    fn line<'a>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        self.0.push_str(name);
        let mut any = false;
        for (label, text) in labels {
            let text = text
                .replace('\\', "\\\\")
                .replace('\n', "\\n")
                .replace('"', "\\\"");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if any { ',' } else { '{' });
            any = true;
        }
        let _ = writeln!(self.0, "{} {}", if any { "}" } else { "" }, number(value));
    }

    fn histogram(&mut self, name: &str, labels: &Labels, spread: &Spread) {
        let bucket = format!("{name}_bucket");
        for bound in bounds(name).chain([f64::INFINITY]) {
            let le = number(bound);
            self.line(
                &bucket,
                pairs(labels).chain([("le", &*le)]),
                spread.up_to(bound) as f64,
            );
        }
        self.line(&format!("{name}_sum"), pairs(labels), spread.sum());
        self.line(
            &format!("{name}_count"),
            pairs(labels),
            spread.count() as f64,
        );
    }
}

pub(super) fn text(all: &Minute, families: &BTreeMap<String, Family>) -> String {
    let mut out = Text(String::new());
    for (name, kind, help) in OWN {
        out.head(name, *kind, help);
        match *name {
            "rag_cache_requests_total" => {
                for (cache, tally) in &all.caches {
                    let sides = [("hit", tally.hits), ("miss", tally.misses)];
                    for (result, n) in sides {
                        out.line(name, [("cache", &**cache), ("result", result)], n as f64);
                    }
                }
            }
            "rag_cached_queries_total" => out.line(name, [], all.cached as f64),
            "rag_cost_total" => out.line(name, [], all.cost),
            "rag_errors_total" => {
                for (kind, n) in &all.errors {
                    out.line(name, [("kind", &**kind)], *n as f64);
                }
            }
            "rag_queries_total" => {
                let routed: u64 = all.routes.values().sum();
                for (route, n) in &all.routes {
                    out.line(name, [("route", &**route)], *n as f64);
                }
                out.line(
                    name,
                    [("route", "")],
                    all.queries.saturating_sub(routed) as f64,
                );
            }
            "rag_query_seconds" => out.histogram(name, &Labels::new(), &all.latency),
            _ => {
                out.line(name, [("direction", "input")], all.input_tokens as f64);
                out.line(name, [("direction", "output")], all.output_tokens as f64);
            }
        }
    }
    for (name, family) in families {
        out.head(name, family.kind, &family.help);
        for (labels, series) in &family.series {
            match series {
                Series::Counter(counter) => out.line(name, pairs(labels), counter.value()),
                Series::Gauge(gauge) => out.line(name, pairs(labels), gauge.value()),
                Series::Histogram(histogram) => out.histogram(name, labels, &histogram.spread()),
            }
        }
    }
    out.0
}
