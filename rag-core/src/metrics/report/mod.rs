//! One page of charts: HTML that needs nothing beside it.
//!
//! Reading order: `bins` (time into points), `chart` (points into SVG), `text` (numbers and names).

mod bins;
mod chart;
#[cfg(test)]
mod tests;
mod text;

use super::alerts::{Alert, Watched};
use super::files::Stretch;
use super::minutes::Minute;
use super::snapshot::{Snapshot, Summary};
use bins::Bins;
use chart::{Chart, Form, Unit, Values};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use text::{escape, moment, number};

/// Stretches of time that are shown together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// What stands above them.
    pub heading: String,
    /// In any order, of any lengths; the longest decides how fine the charts are.
    pub stretches: Vec<Stretch>,
}

/// What a page shows.
///
/// ```
/// use rag_core::metrics::{Metrics, QueryEvent};
/// let metrics = Metrics::new(&Default::default())?;
/// metrics.record_query(&QueryEvent { seconds: 0.25, route: "a < b".into(), ..QueryEvent::default() })?;
/// let page = metrics.report("Questions & answers")?;
/// assert!(page.contains("<h1>Questions &amp; answers</h1>") && page.contains("a &lt; b"));
/// assert!(!page.contains("<script") && !page.contains("http"));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What stands above all.
    pub title: String,
    /// What was counted since the start.
    pub snapshot: Option<Snapshot>,
    /// How it went over time.
    pub sections: Vec<Section>,
    /// Figures that left their baselines.
    pub alerts: Vec<Alert>,
}

impl Report {
    /// The page: HTML in UTF-8 without scripts and without anything from elsewhere, for screens, dark ones too, and
    /// paper. Times are UTC.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>{title}</title><style>{}</style></head><body><h1>{title}</h1>",
            include_str!("style.css")
        );
        let nothing = self.snapshot.as_ref().is_none_or(|s| s.total.queries == 0)
            && self.sections.iter().all(|s| s.stretches.is_empty());
        if let Some(snapshot) = &self.snapshot {
            let (since, at) = (moment(snapshot.since), moment(snapshot.at));
            let _ = write!(out, "<p>{since} to {at} UTC</p>");
        }
        if nothing {
            out.push_str("<p>Nothing was asked yet, so there is nothing to show.</p>");
        } else {
            if let Some(snapshot) = &self.snapshot {
                tiles(&mut out, snapshot);
            }
            self.told(&mut out);
            self.sections.iter().for_each(|s| section(&mut out, s));
            if let Some(snapshot) = &self.snapshot {
                out.push_str("<div class=\"tables\">");
                tables(&mut out, snapshot);
                out.push_str("</div>");
            }
        }
        out.push_str("</body></html>\n");
        out
    }

    fn told(&self, out: &mut String) {
        out.push_str("<h2>Alerts</h2>");
        if self.alerts.is_empty() {
            out.push_str("<p>No figure has left its baseline.</p>");
            return;
        }
        let rows = self.alerts.iter().map(|alert| {
            let unit = match alert.figure {
                Watched::ErrorRate | Watched::HitRate => Unit::Share,
                Watched::Latency => Unit::Seconds,
                Watched::Cost | Watched::Tokens => Unit::Count,
            };
            vec![
                format!("{} {} its baseline", name(alert.figure), alert.side.name()),
                moment(alert.since),
                alert.until.map_or("lasts".to_owned(), moment),
                number(alert.baseline, unit),
                number(alert.value, unit),
                format!("{:.1}", alert.score),
            ]
        });
        let heads = [
            "Figure",
            "Since",
            "Until",
            "Baseline",
            "Value",
            "Deviations",
        ];
        table(out, &heads, rows);
    }
}

fn name(figure: Watched) -> &'static str {
    match figure {
        Watched::ErrorRate => "Error rate",
        Watched::Latency => "Latency p95",
        Watched::HitRate => "Hit rate",
        Watched::Cost => "Cost of a question",
        Watched::Tokens => "Tokens of a question",
    }
}

fn tiles(out: &mut String, snapshot: &Snapshot) {
    let all = &snapshot.total;
    let tokens = all.input_tokens.saturating_add(all.output_tokens);
    let tiles = [
        ("Questions", number(all.queries as f64, Unit::Count)),
        (
            "Questions a minute, last hour",
            number(snapshot.last_hour.rate * 60.0, Unit::Count),
        ),
        ("Latency p50", number(all.latency.p50, Unit::Seconds)),
        ("Latency p95", number(all.latency.p95, Unit::Seconds)),
        ("Latency p99", number(all.latency.p99, Unit::Seconds)),
        ("From a cache", number(all.hit_rate, Unit::Share)),
        ("Failed", number(all.error_rate, Unit::Share)),
        ("Tokens", number(tokens as f64, Unit::Count)),
        ("Cost", number(all.cost, Unit::Count)),
    ];
    out.push_str("<dl class=\"tiles\">");
    for (name, value) in tiles {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>");
}

/// The values of each name that occurs.
fn by_name<'a>(
    bins: &'a Bins,
    names: impl Fn(&'a Minute) -> Vec<&'a Arc<str>>,
    values: impl Fn(&str) -> Vec<Option<f64>>,
) -> Vec<Values> {
    let all: BTreeSet<&Arc<str>> = bins.sums.iter().flatten().flat_map(names).collect();
    let of = |name: &Arc<str>| Values {
        name: name.to_string(),
        values: values(name),
    };
    all.into_iter().map(of).collect()
}

fn section(out: &mut String, section: &Section) {
    let _ = write!(out, "<h2>{}</h2>", escape(&section.heading));
    let Some(bins) = Bins::of(&section.stretches) else {
        out.push_str("<p>Nothing was asked in this time.</p>");
        return;
    };
    let line = |name: &str, values| Values {
        name: name.to_owned(),
        values,
    };
    let quantile = |q: f64| bins.map(|sum| sum.latency.quantile(q));
    let mut hits = by_name(
        &bins,
        |sum| sum.caches.keys().collect(),
        |name| {
            let rate = |sum: &Minute| sum.caches.get(name).map(|tally| tally.rate());
            bins.sums
                .iter()
                .map(|sum| sum.as_ref().and_then(rate))
                .collect()
        },
    );
    hits.push(line("all questions", bins.map(Minute::hit_rate)));
    let parts = by_name(
        &bins,
        |sum| sum.parts.keys().collect(),
        |name| {
            let mean = |sum: &Minute| {
                sum.parts.get(name).copied().unwrap_or(0.0) / sum.queries.max(1) as f64
            };
            bins.map(mean)
        },
    );
    let errors = by_name(
        &bins,
        |sum| sum.errors.keys().collect(),
        |name| bins.map(|sum| sum.errors.get(name).copied().unwrap_or(0) as f64),
    );
    let routes = by_name(
        &bins,
        |sum| sum.routes.keys().collect(),
        |name| bins.map(|sum| sum.routes.get(name).copied().unwrap_or(0) as f64),
    );
    let tokens = vec![
        line("in", bins.a_minute(|sum| sum.input_tokens as f64)),
        line("out", bins.a_minute(|sum| sum.output_tokens as f64)),
    ];
    let asked = vec![line("questions", bins.a_minute(|sum| sum.queries as f64))];
    let latency = vec![
        line("p50", quantile(0.5)),
        line("p95", quantile(0.95)),
        line("p99", quantile(0.99)),
    ];
    let cost = vec![line("cost", bins.map(|sum| sum.cost))];
    let charts = [
        ("Latency", Unit::Seconds, Form::Lines, latency),
        ("Questions a minute", Unit::Count, Form::Lines, asked),
        (
            "Parts of a question, mean",
            Unit::Seconds,
            Form::Bars,
            parts,
        ),
        ("Hit rate of the caches", Unit::Share, Form::Lines, hits),
        ("Failures by kind", Unit::Count, Form::Bars, errors),
        ("Questions by route", Unit::Count, Form::Bars, routes),
        ("Tokens a minute", Unit::Count, Form::Bars, tokens),
        ("Cost", Unit::Count, Form::Bars, cost),
    ];
    let _ = write!(
        out,
        "<p>A point for {}</p><div class=\"charts\">",
        length(bins.minutes)
    );
    for (title, unit, form, series) in charts {
        let chart = Chart {
            title,
            unit,
            form,
            times: (0..bins.sums.len()).map(|bin| bins.at(bin)).collect(),
            series,
        };
        out.push_str(&chart.html());
    }
    out.push_str("</div>");
}

fn length(minutes: u64) -> String {
    let (n, unit) = match minutes {
        m if m.is_multiple_of(1440) => (m / 1440, "day"),
        m if m.is_multiple_of(60) => (m / 60, "hour"),
        m => (m, "minute"),
    };
    match n {
        1 => format!("each {unit}"),
        n => format!("every {n} {unit}s"),
    }
}

fn table(out: &mut String, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    out.push_str("<div class=\"scroll\"><table><thead><tr>");
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escape(&cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}

fn tables(out: &mut String, snapshot: &Snapshot) {
    let all = &snapshot.total;
    let share = |n: u64| number(n as f64 / all.queries.max(1) as f64, Unit::Share);
    let count = |n: u64| number(n as f64, Unit::Count);
    let mut put = |title: &str, heads: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            let _ = write!(out, "<div><h2>{title}</h2>");
            table(out, heads, rows);
            out.push_str("</div>");
        }
    };
    let rows = |named: &std::collections::BTreeMap<Arc<str>, u64>| {
        let row = |(name, n): (&Arc<str>, &u64)| vec![name.to_string(), count(*n), share(*n)];
        named.iter().map(row).collect::<Vec<_>>()
    };
    let caches = all.caches.iter().map(|(name, cache)| {
        let rate = number(cache.rate, Unit::Share);
        vec![
            name.to_string(),
            count(cache.hits),
            count(cache.misses),
            rate,
        ]
    });
    let spread = |name: &str, s: &Summary, unit: Unit| {
        let figures = [s.mean, s.p50, s.p95, s.p99, s.max].map(|x| number(x, unit));
        [vec![name.to_owned(), count(s.count)], figures.to_vec()].concat()
    };
    let parts = snapshot.parts.iter();
    let parts: Vec<_> = parts
        .map(|(name, s)| spread(name, s, Unit::Seconds))
        .collect();
    let figures = snapshot.figures.iter().map(|figure| {
        let labels: Vec<String> = figure
            .labels
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let name = match labels.is_empty() {
            true => figure.name.clone(),
            false => format!("{} ({})", figure.name, labels.join(", ")),
        };
        let value = figure
            .value
            .or(figure.summary.map(|s| s.mean))
            .unwrap_or(0.0);
        vec![name, figure.kind.to_owned(), number(value, Unit::Count)]
    });
    let caches = caches.collect();
    let figures = figures.collect();
    put(
        "Parts",
        &["Part", "Times", "Mean", "p50", "p95", "p99", "Most"],
        parts,
    );
    put(
        "Routes",
        &["Route", "Questions", "Share"],
        rows(&all.routes),
    );
    put("Caches", &["Cache", "Hits", "Misses", "Hit rate"], caches);
    put(
        "Failures",
        &["Kind", "Questions", "Share"],
        rows(&all.errors),
    );
    put(
        "Counted by name",
        &["Name", "Kind", "Value or mean"],
        figures,
    );
}
