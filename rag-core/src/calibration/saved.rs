//! A calibration as bytes: a few kilobytes, all numbers little-endian and every float64 exact.
//!
//! Version `u8`, method asked for `u8`, folds `u8`, seed `u64`, pairs `u64`; method fitted `u8`,
//! folds measured `u8` and, unless 0, Brier score, log loss, calibration error and a list of bins
//! (`u8` place, weight, predicted, observed); a list of points (score, positive, negative); the
//! curve: centre, slope and intercept, or a list of knots (score, probability). Lists start with
//! their length as `u16`.

use super::map::Map;
use super::points::{MAX_SCORE, Point, Points};
use super::report::{BINS, Bin, Report};
use super::{Calibration, Method};
use crate::bytes::{Read, Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use std::path::Path;

const KIND: &str = "calibrat";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 1 << 16;

impl Calibration {
    /// Everything as bytes, at most some kilobytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let report = &self.report;
        out.bytes(&[VERSION as u8, number(self.method), self.folds as u8]);
        out.long(self.seed);
        out.long(self.points.pairs() as u64);
        out.bytes(&[number(report.method), report.folds as u8]);
        if report.folds > 0 {
            let measures = [report.brier, report.log_loss, report.ece];
            out.reals(&measures.map(|m| m.unwrap_or(f64::NAN)));
            out.short(report.bins.len() as u16);
            for bin in &report.bins {
                out.byte((bin.low * BINS as f64).round() as u8);
                out.reals(&[bin.weight, bin.predicted, bin.observed]);
            }
        }
        out.short(self.points.list().len() as u16);
        for p in self.points.list() {
            out.reals(&[p.score, p.positive, p.negative]);
        }
        match &self.map {
            Map::Platt {
                centre,
                slope,
                intercept,
            } => {
                out.reals(&[*centre, *slope, *intercept]);
            }
            Map::Isotonic(knots) => {
                out.short(knots.len() as u16);
                for (score, p) in knots {
                    out.reals(&[*score, *p]);
                }
            }
        }
        out.finish()
    }

    /// What [`Calibration::to_bytes`] wrote. `Corrupt` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new(bytes);
        match input.byte().map(u32::from) {
            Ok(VERSION) => {}
            Ok(version) if version > VERSION => {
                return Err(Error::new(
                    ErrorKind::FormatVersion,
                    format!(
                        "these bytes are a calibration of format {version}, this release reads up \
                         to {VERSION}; update ragcore"
                    ),
                ));
            }
            _ => return Err(damaged("they do not begin like one")),
        }
        let found = calibration(&mut input).map_err(damaged)?;
        match input.left() {
            0 => Ok(found),
            more => Err(damaged(&format!("{more} bytes too many"))),
        }
    }

    /// Writes it to a file: after a crash the old or the new one is there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), KIND, VERSION, &self.to_bytes())
    }

    /// Reads what [`Calibration::save`] wrote.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (_, payload) = file::load(path, KIND, VERSION, MAX_BYTES)?;
        Self::from_bytes(&payload).map_err(|e| e.context(path.display()).with_file(path))
    }
}

fn damaged(found: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("these bytes are not a saved calibration: {found}"),
    )
}

fn number(method: Method) -> u8 {
    match method {
        Method::Auto => 0,
        Method::Platt => 1,
        Method::Isotonic => 2,
    }
}

fn reals<const N: usize>(input: &mut Reader<'_>) -> Read<[f64; N]> {
    let mut found = [0.0; N];
    for x in &mut found {
        *x = input.real()?;
        if !x.is_finite() {
            return Err("a number is not finite");
        }
    }
    Ok(found)
}

fn read_method(input: &mut Reader<'_>) -> Read<Method> {
    let found = input.byte()?;
    let known = Method::ALL.iter().find(|m| number(**m) == found);
    known.copied().ok_or("an unknown method")
}

fn list<T>(input: &mut Reader<'_>, item: impl FnMut(&mut Reader<'_>) -> Read<T>) -> Read<Vec<T>> {
    let n = input.short()?;
    input.items(usize::from(n), item)
}

fn calibration(input: &mut Reader<'_>) -> Read<Calibration> {
    let method = read_method(input)?;
    let folds = usize::from(input.byte()?);
    let seed = input.long()?;
    let pairs = input.long()?;
    let pairs = usize::try_from(pairs).map_err(|_| "too many pairs")?;
    let fitted = read_method(input)?;
    let measured = usize::from(input.byte()?);
    let agree = match method {
        Method::Auto => fitted != Method::Auto,
        _ => fitted == method,
    };
    if !agree || !(2..=20).contains(&folds) || measured > folds {
        return Err("its settings contradict each other");
    }
    let (mut measures, mut bins) = ([None; 3], Vec::new());
    if measured > 0 {
        measures = reals::<3>(input)?.map(Some);
        bins = list(input, bin)?;
        let ascending = bins.windows(2).all(|w| w[0].low < w[1].low);
        if !ascending || measures.iter().flatten().any(|m| *m < 0.0) {
            return Err("measures that cannot be");
        }
    }
    let points = list(input, |input| {
        let [score, positive, negative] = reals(input)?;
        Ok(Point {
            score,
            positive,
            negative,
        })
    })?;
    let points = Points::saved(points, pairs).ok_or("points out of order")?;
    let map = map(input, fitted)?;
    let [brier, log_loss, ece] = measures;
    let report = Report {
        method: fitted,
        pairs,
        positives: points.positive(),
        negatives: points.negative(),
        folds: measured,
        brier,
        log_loss,
        ece,
        bins,
    };
    Ok(Calibration {
        method,
        folds,
        seed,
        points,
        map,
        report,
    })
}

fn bin(input: &mut Reader<'_>) -> Read<Bin> {
    let place = input.byte()?;
    let [weight, predicted, observed] = reals(input)?;
    if usize::from(place) >= BINS || weight <= 0.0 {
        return Err("a bin that cannot be");
    }
    Ok(Bin {
        low: f64::from(place) / BINS as f64,
        high: f64::from(place + 1) / BINS as f64,
        weight,
        predicted,
        observed,
    })
}

fn map(input: &mut Reader<'_>, fitted: Method) -> Read<Map> {
    if fitted != Method::Isotonic {
        let [centre, slope, intercept] = reals(input)?;
        return match slope >= 0.0 && centre.abs() <= MAX_SCORE {
            true => Ok(Map::Platt {
                centre,
                slope,
                intercept,
            }),
            false => Err("a curve that falls"),
        };
    }
    let knots = list(input, |input| {
        let [score, p] = reals(input)?;
        Ok((score, p))
    })?;
    let rising = |w: &[(f64, f64)]| w[0].0 < w[1].0 && w[0].1 <= w[1].1;
    let sound = |k: &(f64, f64)| k.0.abs() <= MAX_SCORE && (0.0..=1.0).contains(&k.1);
    match !knots.is_empty() && knots.iter().all(sound) && knots.windows(2).all(rising) {
        true => Ok(Map::Isotonic(knots)),
        false => Err("a curve that falls"),
    }
}
