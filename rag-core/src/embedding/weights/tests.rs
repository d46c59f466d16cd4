use super::*;
use std::io::Write;

/// A file of its own, which goes with the value.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let name = format!("ragcore-weights-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn open(&self) -> Result<Weights> {
        Weights::open(&self.0)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

/// A file of vectors, each with its name, kind of number and bytes.
fn file_of(tensors: &[(&str, &str, Vec<u8>)]) -> Vec<u8> {
    let mut data = Vec::new();
    let entries: Vec<String> = (tensors.iter())
        .map(|(name, kind, bytes)| {
            let from = data.len();
            data.extend(bytes);
            let count = bytes.len() / if *kind == "F32" { 4 } else { 2 };
            format!(
                r#""{name}":{{"dtype":"{kind}","shape":[{count}],"data_offsets":[{from},{}]}}"#,
                data.len()
            )
        })
        .collect();
    with_header(&format!("{{{}}}", entries.join(",")), &data)
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// More floats than two pieces hold, and no multiple of anything.
const MANY: usize = PIECE / 4 * 2 + 77;

fn many() -> Vec<f32> {
    (0..MANY).map(|i| (i as f32 * 0.37).sin()).collect()
}

#[test]
fn halves_are_widened_exactly() {
    for bits in 0..=u16::MAX {
        let sign = if bits >> 15 == 1 { -1.0f64 } else { 1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let want = sign
            * match exponent {
                0 => fraction * 2f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                e => (1.0 + fraction / 1024.0) * 2f64.powi(e - 15),
            };
        let got = f64::from(half_to_f32(bits.to_le_bytes()));
        let same = got == want && got.is_sign_negative() == want.is_sign_negative();
        assert!(
            same || got.is_nan() && want.is_nan(),
            "{bits:#x}: {got} {want}"
        );
    }
}

#[test]
fn the_three_kinds_of_number_agree_up_to_rounding() {
    let numbers = many();
    let brain = |x: f32| ((x.to_bits() + 0x8000) >> 16) as u16;
    // Numbers between -1 and 1, rounded to the 10 bits of fraction that are kept.
    let half = |x: f32| {
        let scaled = (x * 2f32.powi(-112)).to_bits();
        let sign = (scaled >> 16 & 0x8000) as u16;
        sign | (((scaled & 0x7fff_ffff) + 0x1000) >> 13) as u16
    };
    let two = |of: &dyn Fn(f32) -> u16| {
        let bytes = numbers.iter().flat_map(|x| of(*x).to_le_bytes());
        bytes.collect::<Vec<u8>>()
    };
    let file = Temporary::new(
        "kinds",
        &file_of(&[
            ("full", "F32", floats(&numbers)),
            ("brain", "BF16", two(&brain)),
            ("half", "F16", two(&half)),
        ]),
    );
    let weights = file.open().unwrap();
    assert_eq!(weights.get("full", &[MANY]).unwrap(), numbers);
    for (name, step) in [("brain", 1.0 / 256.0), ("half", 1.0 / 2048.0)] {
        for (got, want) in weights.get(name, &[MANY]).unwrap().iter().zip(&numbers) {
            assert!(
                (got - want).abs() <= want.abs() * step + 1e-7,
                "{got} {want}"
            );
        }
    }
    let mut behind = vec![7];
    let size = |x: f32| x.abs().ceil() as i32;
    weights.append("full", &[MANY], &mut behind, size).unwrap();
    assert_eq!(
        (behind.len(), behind[0], behind[1], behind[2]),
        (MANY + 1, 7, 0, 1)
    );
}

#[test]
fn a_number_that_is_not_finite_is_named_with_its_place() {
    for (at, bad) in [
        (0, f32::NAN),
        (MANY / 2 + 9, f32::INFINITY),
        (MANY - 1, f32::NEG_INFINITY),
    ] {
        let mut numbers = many();
        numbers[at] = bad;
        let file = Temporary::new("endless", &file_of(&[("a", "F32", floats(&numbers))]));
        let error = file.open().unwrap().get("a", &[MANY]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error.message().contains(&format!("{bad} at {at};")),
            "{error}"
        );
    }
}

#[test]
fn a_file_whose_length_changes_is_refused() {
    let bytes = file_of(&[("a", "F32", floats(&many()))]);
    for keep in [8, 200, PIECE, bytes.len() - 1] {
        let file = Temporary::new("shorter", &bytes);
        let weights = file.open().unwrap();
        let handle = File::options().write(true).open(&file.0).unwrap();
        handle.set_len(keep as u64).unwrap();
        let error = weights.get("a", &[MANY]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{keep}");
        assert!(
            error.message().contains("changed while it was read"),
            "{error}"
        );
    }
    for longer in [false, true] {
        let file = Temporary::new("later", &bytes);
        let weights = file.open().unwrap();
        weights.get("a", &[MANY]).unwrap();
        let mut handle = File::options().append(true).open(&file.0).unwrap();
        match longer {
            true => handle.write_all(&[0]).unwrap(),
            false => handle.set_len(9).unwrap(),
        }
        let error = weights.finish(&mut Fingerprint::new("test")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.message().contains("changed while it was read"),
            "{error}"
        );
    }
}

#[test]
fn offsets_and_shapes_that_do_not_fit_are_refused_before_anything_is_read() {
    let tensor = |name: &str, shape: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{from},{to}]}}"#)
    };
    let one = |shape: &str, from, to| vec![tensor("a", shape, from, to)];
    let most = u64::MAX;
    for (what, tensors) in [
        (
            "overlap",
            vec![tensor("a", "3", 0, 12), tensor("b", "2", 8, 16)],
        ),
        (
            "twice the same",
            vec![tensor("a", "4", 0, 16), tensor("b", "4", 0, 16)],
        ),
        (
            "a hole",
            vec![tensor("a", "1", 0, 4), tensor("b", "2", 8, 16)],
        ),
        ("begins late", one("3", 4, 16)),
        ("ends outside", one("5", 0, 20)),
        ("ends early", one("3", 0, 12)),
        ("begins outside", one("1", 1 << 40, (1 << 40) + 4)),
        ("a wrap", one("4", most - 15, 0)),
        ("the last byte there is", one("4", 0, most)),
        ("a terabyte in 16 bytes", one("1099511627776", 0, 16)),
        ("a terabyte", one("274877906944", 0, 1 << 40)),
        (
            "more numbers than there are",
            one("4294967296, 4294967296, 16", 0, 16),
        ),
        (
            "a product of 0 behind a wrap",
            one("4294967296, 4294967296, 4, 0", 0, 16),
        ),
        ("beyond 64 bits", one("18446744073709551616", 0, 16)),
        ("less than nothing", one("-4", 0, 16)),
    ] {
        let header = format!("{{{}}}", tensors.join(","));
        let file = Temporary::new("offsets", &with_header(&header, &[0; 16]));
        let error = file.open().err().map(|e| e.kind());
        assert_eq!(error, Some(ErrorKind::Corrupt), "{what}");
    }
}

#[test]
fn fingerprints_are_of_what_was_read_whatever_the_order() {
    let of = |tensors: &[(&str, &str, Vec<u8>)], read: &[&str]| {
        let file = Temporary::new("order", &file_of(tensors));
        let weights = file.open().unwrap();
        for name in read {
            let shape = weights.tensors.info(name).unwrap().shape.clone();
            weights.get(name, &shape).unwrap();
        }
        let mut hash = Fingerprint::new("test");
        weights.finish(&mut hash).unwrap();
        hash.finish()
    };
    let [a, b, c] =
        [("a", 1.0), ("b", 2.0), ("c", 3.0)].map(|(name, x)| (name, "F32", floats(&[x; 40])));
    let all = [a.clone(), b.clone(), c.clone()];
    let want = of(&all, &["a", "b"]);
    assert_eq!(of(&all, &["b", "a"]), want);
    assert_eq!(of(&all, &["b", "a", "b"]), want);
    assert_eq!(of(&[c.clone(), b.clone(), a.clone()], &["a", "b"]), want);
    assert_eq!(of(&[a.clone(), b.clone()], &["a", "b"]), want);
    assert_ne!(of(&all, &["a", "b", "c"]), want);
    assert_ne!(of(&all, &["a", "c"]), want);
    let swapped = [("a", "F32", b.2.clone()), ("b", "F32", a.2.clone())];
    assert_ne!(of(&swapped, &["a", "b"]), want);
    // The same bytes as numbers of another kind.
    let brain = [("a", "BF16", a.2.clone()), b.clone()];
    let half = [("a", "F16", a.2.clone()), b.clone()];
    assert_ne!(of(&brain, &["a", "b"]), of(&half, &["a", "b"]));
}
