//! The text for scrapers, read by a strict parser that was written from the format's documentation (Prometheus,
//! "Exposition formats", text format 0.0.4).

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<(String, Labels, f64)>,
}

fn is_name(text: &str, colons: bool) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || colons && c == ':';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

fn unescaped(text: &str, quotes: bool) -> Result<String, String> {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match (c, quotes) {
            ('\\', _) => match chars.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                other => return Err(format!("\\{other:?} is no escape")),
            },
            ('"', true) => return Err("a quotation mark that is not escaped".into()),
            (c, _) => out.push(c),
        }
    }
    Ok(out)
}

/// Up to the quotation mark that ends a value.
fn value_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(i, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(i)
    })
}

fn sample(line: &str) -> Result<(String, Labels, f64), String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err(format!("{name} is no name"));
    }
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once("=\"").ok_or("no value of a label")?;
            let end = value_end(after).ok_or("a label's value does not end")?;
            if !is_name(label, false) {
                return Err(format!("{label} is no label"));
            }
            if labels
                .insert(label.into(), unescaped(&after[..end], true)?)
                .is_some()
            {
                return Err(format!("{label} stands twice"));
            }
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None if rest.starts_with('}') => {}
                None => return Err("neither comma nor brace".into()),
            }
        }
    }
    let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let value = match value {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        v if v.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            v.parse().map_err(|_| format!("{v} is no number"))?
        }
        v => return Err(format!("{v} is no number")),
    };
    Ok((name.into(), labels, value))
}

fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let body = text
        .strip_suffix('\n')
        .ok_or("the last line does not end")?;
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.split('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name, rest) = (
                words.next(),
                words.next().unwrap_or(""),
                words.next().unwrap_or(""),
            );
            if !is_name(name, true) {
                return Err(format!("{line} has no name"));
            }
            if name != current && families.contains_key(name) {
                return Err(format!("{name} is not in one group"));
            }
            current = name.into();
            let family = families.entry(current.clone()).or_default();
            match what {
                Some("HELP") if family.help.is_empty() && family.samples.is_empty() => {
                    family.help = unescaped(rest, false)?
                }
                Some("TYPE") if family.kind.is_empty() && family.samples.is_empty() => {
                    family.kind = rest.into()
                }
                _ => return Err(format!("{line} stands twice or too late")),
            }
            continue;
        }
        let (name, labels, value) = sample(line).map_err(|e| format!("{line}: {e}"))?;
        let family = families
            .get_mut(&current)
            .ok_or("a sample without a type")?;
        let parts = ["_bucket", "_sum", "_count"].map(|end| format!("{current}{end}"));
        let fits = match family.kind.as_str() {
            "histogram" => parts.contains(&name),
            "counter" => name == current && value >= 0.0,
            "gauge" => name == current,
            kind => return Err(format!("{kind} is no type")),
        };
        if !fits {
            return Err(format!("{line} does not belong to {current}"));
        }
        if family
            .samples
            .iter()
            .any(|(n, l, _)| (n, l) == (&name, &labels))
        {
            return Err(format!("{line} stands twice"));
        }
        family.samples.push((name, labels, value));
    }
    for (name, family) in &families {
        if family.kind == "histogram" {
            histogram(name, family)?;
        }
    }
    Ok(families)
}

/// Buckets ascend to `+Inf`, never fall, and end with the count.
fn histogram(name: &str, family: &Family) -> Result<(), String> {
    let plain = |labels: &Labels| {
        let mut labels = labels.clone();
        labels.remove("le");
        labels
    };
    let groups: BTreeSet<Labels> = family.samples.iter().map(|(_, l, _)| plain(l)).collect();
    for group in groups {
        let of = |end: &str| -> Vec<(&Labels, f64)> {
            let named = family
                .samples
                .iter()
                .filter(|(n, l, _)| *n == format!("{name}{end}") && plain(l) == group);
            named.map(|(_, l, v)| (l, *v)).collect()
        };
        let (buckets, sums, counts) = (of("_bucket"), of("_sum"), of("_count"));
        let bounds = buckets
            .iter()
            .map(|(l, _)| match l.get("le").map(String::as_str) {
                Some("+Inf") => Ok(f64::INFINITY),
                Some(le) => le.parse::<f64>().map_err(|e| e.to_string()),
                None => Err(format!("a bucket of {name} without le")),
            });
        let bounds = bounds.collect::<Result<Vec<f64>, String>>()?;
        let rises =
            bounds.windows(2).all(|w| w[0] < w[1]) && buckets.windows(2).all(|w| w[0].1 <= w[1].1);
        let last = buckets.last().ok_or("no bucket")?.1;
        if !rises
            || bounds.last() != Some(&f64::INFINITY)
            || sums.len() != 1
            || counts.len() != 1
            || counts[0].1 != last
        {
            return Err(format!("the buckets of {name} are no histogram"));
        }
    }
    Ok(())
}

#[test]
fn the_parser_refuses_what_the_format_does_not_allow() {
    let good = "# TYPE a counter\na{x=\"1\"} 2\n";
    assert!(parse(good).is_ok());
    for bad in [
        "# TYPE a counter\na 2",
        "a 2\n",
        "# TYPE a counter\na{x=\"1\"} 2\na{x=\"1\"} 3\n",
        "# TYPE a counter\na{x=\"\\t\"} 2\n",
        "# TYPE a counter\na{1x=\"\"} 2\n",
        "# TYPE a counter\na -1\n",
        "# TYPE a counter\nb 1\n",
        "# TYPE a-b counter\na-b 1\n",
        "# TYPE a counter\na inf\n",
        "# TYPE a counter\na{x=\"1\"}2\n",
        "# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n# TYPE a counter\na 2\n",
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
        "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_figure_is_there_with_its_type() {
    let (metrics, _) = at(0.0);
    let failed = QueryEvent {
        error: Some(ErrorKind::Timeout),
        cached: true,
        ..event(2.0)
    };
    for e in [event(0.25), event(0.5), failed] {
        metrics.record_query(&e).unwrap();
    }
    metrics.set("temperature", &[], f64::NEG_INFINITY).unwrap();
    let found = parse(&metrics.to_prometheus()).unwrap();
    let one = |family: &str, name: &str, labels: &[(&str, &str)]| {
        let labels: Labels = labels
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let samples = &found[family].samples;
        samples
            .iter()
            .find(|(n, l, _)| n == name && *l == labels)
            .unwrap()
            .2
    };
    assert_eq!(
        one(
            "rag_queries_total",
            "rag_queries_total",
            &[("route", "local")]
        ),
        3.0
    );
    assert_eq!(
        one(
            "rag_errors_total",
            "rag_errors_total",
            &[("kind", "timeout")]
        ),
        1.0
    );
    assert_eq!(
        one(
            "rag_query_seconds",
            "rag_query_seconds_bucket",
            &[("le", "0.5")]
        ),
        2.0
    );
    assert_eq!(one("rag_query_seconds", "rag_query_seconds_sum", &[]), 2.75);
    assert_eq!(
        one(
            "rag_part_seconds",
            "rag_part_seconds_count",
            &[("part", "embed")]
        ),
        3.0
    );
    assert_eq!(
        one(
            "rag_tokens_total",
            "rag_tokens_total",
            &[("direction", "input")]
        ),
        300.0
    );
    assert_eq!(one("temperature", "temperature", &[]), f64::NEG_INFINITY);
    assert_eq!(found["rag_query_seconds"].kind, "histogram");
    assert!(!found["rag_cost_total"].help.is_empty());
}

proptest! {
    #[test]
    fn whatever_names_there_are_the_text_is_read_back(
        routes in prop::collection::vec(".{0,30}", 1..8), value in prop::num::f64::ANY, seconds in 0.0f64..1e9,
    ) {
        let (metrics, _) = at(0.0);
        for route in &routes {
            let e = QueryEvent {
                route: route.clone().into(),
                caches: vec![(route.clone().into(), true)],
                timings: vec![(route.clone().into(), seconds)],
                ..event(seconds)
            };
            metrics.record_query(&e).unwrap();
            metrics.set("shown", &[("name", route)], value).unwrap();
        }
        let found = parse(&metrics.to_prometheus()).map_err(TestCaseError::fail)?;
        let told: BTreeSet<&str> = found["shown"].samples.iter().map(|(_, l, _)| l["name"].as_str()).collect();
        let given: BTreeSet<&str> = routes.iter().map(String::as_str).collect();
        prop_assert_eq!(told, given);
        let routed: f64 = found["rag_queries_total"].samples.iter().map(|(_, _, n)| n).sum();
        prop_assert_eq!(routed, routes.len() as f64);
        let shown = found["shown"].samples[0].2;
        prop_assert!(shown.to_bits() == value.to_bits() || shown.is_nan() && value.is_nan());
    }
}
