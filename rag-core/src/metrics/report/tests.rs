use super::*;
use crate::metrics::minutes::Tally;
use proptest::prelude::*;

fn stretch(minute: u64, minutes: u64, name: &str) -> Stretch {
    let mut figures = Minute {
        minute,
        queries: 10,
        cached: 4,
        input_tokens: 1000,
        cost: 0.5,
        ..Minute::default()
    };
    (1..=10).for_each(|i| figures.latency.record(f64::from(i) * 0.01));
    let name: Arc<str> = Arc::from(name);
    figures.parts.insert(name.clone(), 0.3);
    figures.errors.insert(name.clone(), 2);
    figures.routes.insert(name.clone(), 10);
    figures.caches.insert(name, Tally { hits: 4, misses: 6 });
    Stretch { minutes, figures }
}

fn page(stretches: Vec<Stretch>) -> String {
    let section = Section {
        heading: "Last <day>".into(),
        stretches,
    };
    let report = Report {
        title: "</title><script>alert(1)</script>".into(),
        sections: vec![section],
        ..Report::default()
    };
    report.html()
}

/// Every tag is closed in its order, every quotation mark too, and no `&` stands alone.
fn well_formed(page: &str) -> Result<(), String> {
    let mut open: Vec<String> = Vec::new();
    let body = &page[page.find("</style>").ok_or("no style")? + 8..];
    let mut rest = body;
    open.extend(["html".into(), "head".into()]);
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').ok_or("a tag without an end")?;
        let tag = &rest[at + 1..end];
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("<{tag}> has a quotation mark too many"));
        }
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        match tag.strip_prefix('/') {
            Some(_) if open.pop().as_deref() != Some(&name) => {
                return Err(format!("<{tag}> closes nothing"));
            }
            None if !tag.ends_with('/') => open.push(name),
            _ => {}
        }
        rest = &rest[end + 1..];
    }
    let amp = body.split('&').skip(1).find(|after| {
        let entity = after.split(';').next().unwrap_or_default();
        !["amp", "lt", "gt", "quot", "#39"].contains(&entity)
    });
    match (open.is_empty(), amp) {
        (true, None) => Ok(()),
        (_, amp) => Err(format!("left open {open:?}, & before {amp:?}")),
    }
}

#[test]
fn a_page_without_questions_says_so() {
    let text = Report::default().html();
    well_formed(&text).unwrap();
    assert!(text.contains("Nothing was asked yet"));
    assert!(!text.contains("<svg"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_shows_every_chart() {
    let text = page(vec![stretch(1000, 1, "embed"), stretch(1001, 1, "embed")]);
    well_formed(&text).unwrap();
    assert_eq!(text.matches("<svg").count(), 8);
    for bad in [
        "<script", "http:", "https:", "src=", "href=", "@import", "url(",
    ] {
        assert!(!text.contains(bad), "{bad}");
    }
    assert!(text.contains("<title>&lt;/title&gt;&lt;script&gt;"));
    assert!(
        text.contains("p95: 100 ms"),
        "values are told where the mouse rests"
    );
}

#[test]
fn many_names_are_told_as_others_and_bars_still_add_up() {
    let stretches = (0..30)
        .map(|i| stretch(1000, 1, &format!("route {i:02}")))
        .collect();
    let text = page(stretches);
    well_formed(&text).unwrap();
    assert!(text.contains("23 others: 230"), "routes beyond the colours");
}

proptest! {
    #[test]
    fn no_name_and_no_length_breaks_the_page(
        names in prop::collection::vec(".{0,40}", 1..12),
        begins in prop::collection::vec(0u64..100_000, 1..12),
        lengths in prop::collection::vec(prop::sample::select(vec![0u64, 1, 60, 1440]), 1..12),
    ) {
        let made = names.iter().zip(begins.iter().cycle()).zip(lengths.iter().cycle());
        let stretches: Vec<Stretch> = made.map(|((n, b), l)| stretch(*b, *l, n)).collect();
        let bins = Bins::of(&stretches).unwrap();
        prop_assert!(bins.sums.len() <= 121);
        let counted: u64 = bins.sums.iter().flatten().map(|m| m.queries).sum();
        prop_assert_eq!(counted, 10 * stretches.len() as u64);
        well_formed(&page(stretches)).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn times_that_nobody_has_are_borne() {
    for (minute, minutes) in [(u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX, 0)] {
        let text = page(vec![stretch(minute, minutes, "a"), stretch(0, 1, "b")]);
        well_formed(&text).unwrap();
    }
}
