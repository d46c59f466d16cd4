use super::*;
use crate::rng::Rng;
use proptest::prelude::*;

const DIM: usize = 24;

/// Unit vectors around a centre of their own, one for each seed.
fn around(centre: u64, n: usize, width: f64, rng: &mut Rng) -> Vec<f32> {
    let mut of = Rng::new(1000 + centre);
    let middle: Vec<f64> = (0..DIM).map(|_| of.normal()).collect();
    let length = middle.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut rows = Vec::with_capacity(n * DIM);
    for _ in 0..n {
        let noise = |x: &f64| (x / length + width * rng.normal() / (DIM as f64).sqrt()) as f32;
        rows.extend(middle.iter().map(noise));
    }
    rows
}

fn of(data: &[f32]) -> Rows<'_> {
    Rows::new(data, DIM).unwrap()
}

fn learnt(domains: usize, n: usize, seed: u64) -> DomainDetector {
    let mut rng = Rng::new(seed);
    let data: Vec<(String, Vec<f32>)> = (0..domains)
        .map(|d| (format!("d{d}"), around(d as u64, n, 1.0, &mut rng)))
        .collect();
    let mut detector = DomainDetector::new(&DomainOptions::default()).unwrap();
    let examples: Vec<(&str, Rows<'_>)> = data
        .iter()
        .map(|(name, data)| (name.as_str(), of(data)))
        .collect();
    detector.learn(&examples, None).unwrap();
    detector
}

#[test]
fn domains_are_told_apart_with_honest_probabilities() {
    let detector = learnt(4, 40, 1);
    let mut rng = Rng::new(2);
    let (mut right, mut sure, mut all) = (0, 0.0, 0);
    for d in 0..4 {
        for row in of(&around(d, 200, 1.0, &mut rng)).iter() {
            let found = detector.detect(row).unwrap();
            right += usize::from(found.domain.as_deref() == Some(format!("d{d}").as_str()));
            sure += found.probability;
            all += 1;
        }
    }
    let (right, sure) = (right as f64 / f64::from(all), sure / f64::from(all));
    assert!(right > 0.9, "{right}");
    // What is said to be likely is as often so; a fifth was expected to be none of them.
    assert!((right - sure).abs() < 0.12, "{right} {sure}");
}

#[test]
fn what_is_like_no_domain_is_none_of_them() {
    let detector = learnt(4, 40, 3);
    let mut rng = Rng::new(4);
    let strangers = around(77, 200, 1.0, &mut rng);
    let found = detector.detect_many(of(&strangers)).unwrap();
    let none = found.iter().filter(|d| d.domain.is_none()).count();
    assert!(none >= 160, "{none}");
    assert_eq!(detector.detect(&[0.0; DIM]).unwrap().domain, None);
}

#[test]
fn one_line_for_each_is_enough_to_begin_with() {
    let mut detector = learnt(3, 1, 5);
    let mut rng = Rng::new(6);
    let mut right = 0;
    for d in 0..3 {
        let asked = around(d, 100, 0.7, &mut rng);
        let found = detector.detect_many(of(&asked)).unwrap();
        let most = |f: &Detection| {
            let most = f.probabilities.iter().max_by(|a, b| a.1.total_cmp(&b.1));
            most.unwrap().0.clone()
        };
        right += found.iter().filter(|f| most(f) == format!("d{d}")).count();
    }
    assert!(right > 240, "{right}");
    // More examples of one domain are learnt besides.
    detector
        .learn(&[("d0", of(&around(0, 5, 1.0, &mut rng)))], None)
        .unwrap();
    assert_eq!(detector.domains(), [("d0", 6), ("d1", 1), ("d2", 1)]);
}

#[test]
fn one_domain_alone_differs_from_none() {
    let detector = learnt(1, 30, 7);
    let mut rng = Rng::new(8);
    let (own, strange) = (around(0, 100, 1.0, &mut rng), around(9, 100, 1.0, &mut rng));
    let count = |data: &[f32]| {
        let found = detector.detect_many(of(data)).unwrap();
        found.iter().filter(|d| d.domain.is_some()).count()
    };
    assert!(
        count(&own) > 85 && count(&strange) < 25,
        "{} {}",
        count(&own),
        count(&strange)
    );
}

#[test]
fn leaving_out_by_products_is_learning_without() {
    let mut rng = Rng::new(9);
    let data: Vec<Vec<f32>> = (0..3).map(|d| around(d, 6, 1.0, &mut rng)).collect();
    let whole: Vec<Domain> = data.iter().map(|d| of_domain(d, usize::MAX)).collect();
    let less: Vec<Domain> = (0..3)
        .map(|d| of_domain(&data[d], if d == 1 { 2 } else { 99 }))
        .collect();
    let means = fit::tests::means(&whole);
    let mut example = data[1][2 * DIM..3 * DIM].to_vec();
    kernel::normalize(&mut example).unwrap();
    let got = fit::tests::scores_without(&means, 1, &example);
    // The spread is that of all examples in both.
    let want = fit::tests::scores_with_spread_of(&means, &less, &example);
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
}

fn of_domain(data: &[f32], without: usize) -> Domain {
    let mut domain = Domain::new(DIM);
    for (i, row) in of(data).iter().enumerate() {
        let mut unit = row.to_vec();
        kernel::normalize(&mut unit).unwrap();
        if i != without {
            domain.add(&unit);
        }
    }
    domain
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let mut detector = learnt(2, 3, 10);
    let before = detector.to_bytes();
    let row = [1.0f32; DIM];
    let zero = [0.0f32; DIM];
    let nan = [f32::NAN; DIM];
    let long = "x".repeat(MAX_NAME + 1);
    for (name, data) in [("", &row), (long.as_str(), &row), ("a", &zero), ("a", &nan)] {
        let learnt = detector.learn(&[("b", of(&row)), (name, of(data))], None);
        assert_eq!(
            learnt.unwrap_err().kind(),
            ErrorKind::InvalidArgument,
            "{name}"
        );
    }
    let none = detector.learn(&[("a", Rows::new(&[], DIM).unwrap())], None);
    assert!(none.unwrap_err().to_string().contains("no example"));
    let short = detector.learn(&[("a", Rows::new(&row[..3], 3).unwrap())], None);
    assert_eq!(short.unwrap_err().kind(), ErrorKind::DimensionMismatch);
    assert_eq!(
        detector.detect(&row[..3]).unwrap_err().kind(),
        ErrorKind::DimensionMismatch
    );
    assert_eq!(
        detector.detect(&nan).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(detector.to_bytes(), before);
    detector.learn(&[("a", of(&row))], Some(7)).unwrap();
    let other = detector.learn(&[("a", of(&row))], Some(8));
    assert_eq!(other.unwrap_err().kind(), ErrorKind::ModelMismatch);
    let empty = DomainDetector::new(&DomainOptions::default()).unwrap();
    assert!(
        empty
            .detect(&row)
            .unwrap_err()
            .to_string()
            .contains("learn")
    );
    assert!(DomainDetector::new(&DomainOptions::default().background(f64::NAN)).is_err());
    let many: Vec<String> = (0..=MAX_DOMAINS).map(|i| i.to_string()).collect();
    let many: Vec<(&str, Rows<'_>)> = many.iter().map(|n| (n.as_str(), of(&row))).collect();
    assert!(
        DomainDetector::new(&DomainOptions::default())
            .unwrap()
            .learn(&many, None)
            .is_err()
    );
}

#[test]
fn saved_bytes_come_back_and_damaged_ones_do_not() {
    let detector = learnt(3, 5, 11);
    let bytes = detector.to_bytes();
    let read = DomainDetector::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    let probe = around(1, 1, 1.0, &mut Rng::new(12));
    assert_eq!(
        read.detect(&probe).unwrap(),
        detector.detect(&probe).unwrap()
    );
    for cut in 0..bytes.len().min(400) {
        let read = DomainDetector::from_bytes(&bytes[..cut]);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt, "{cut}");
    }
    let mut newer = bytes.clone();
    newer[0] = 9;
    let read = DomainDetector::from_bytes(&newer);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::FormatVersion);
    for at in 1..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x41;
        if let Ok(read) = DomainDetector::from_bytes(&bad) {
            let found = read.detect(&probe).unwrap();
            assert!(found.none.is_finite() && found.probability.is_finite());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn probabilities_add_up_and_merging_is_learning_all(seed in 0u64..1000, domains in 1usize..5, n in 1usize..80, cut in 0usize..80) {
        let mut rng = Rng::new(seed);
        let data: Vec<(String, Vec<f32>)> =
            (0..domains).map(|d| (format!("d{d}"), around(d as u64, n, 1.0, &mut rng))).collect();
        let new = || DomainDetector::new(&DomainOptions::default()).unwrap();
        let (mut whole, mut a, mut b) = (new(), new(), new());
        for (name, rows) in &data {
            whole.learn(&[(name, of(rows))], None).unwrap();
            let (first, second) = rows.split_at(cut.min(n) * DIM);
            for (detector, part) in [(&mut a, first), (&mut b, second)] {
                if !part.is_empty() {
                    detector.learn(&[(name, of(part))], None).unwrap();
                }
            }
        }
        let mut ba = b.clone();
        a.merge(&b).unwrap();
        ba.merge(&DomainDetector::from_bytes(&a.to_bytes()).unwrap()).unwrap();
        let probe = around(0, 1, 2.0, &mut rng);
        let (want, got) = (whole.detect(&probe).unwrap(), a.detect(&probe).unwrap());
        let sum: f64 = want.probabilities.iter().map(|(_, p)| p).sum::<f64>() + want.none;
        prop_assert!((sum - 1.0).abs() < 1e-9);
        prop_assert_eq!(whole.domains(), a.domains());
        prop_assert!((want.none - got.none).abs() < 1e-5, "{} {}", want.none, got.none);
        // The length of a vector is not looked at.
        let longer: Vec<f32> = probe.iter().map(|x| 4.0 * x).collect();
        prop_assert!((whole.detect(&longer).unwrap().none - want.none).abs() < 1e-5);
    }
}

#[test]
fn what_was_merged_with_itself_very_often_still_learns() {
    let mut detector = learnt(2, 4, 1);
    for _ in 0..70 {
        let same = detector.clone();
        detector.merge(&same).unwrap();
    }
    let more = around(0, 3, 1.0, &mut Rng::new(9));
    detector.learn(&[("d0", of(&more))], None).unwrap();
    assert_eq!(detector.domains()[0].1, u64::MAX);
}
