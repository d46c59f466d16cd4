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
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use std::path::Path;

const KIND: &str = "calibrat";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 1 << 16;

impl Calibration {
    /// Everything as bytes, at most some kilobytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let report = &self.report;
        out.extend([VERSION as u8, number(self.method), self.folds as u8]);
        out.extend(self.seed.to_le_bytes());
        out.extend((self.points.pairs() as u64).to_le_bytes());
        out.extend([number(report.method), report.folds as u8]);
        if report.folds > 0 {
            let measures = [report.brier, report.log_loss, report.ece];
            put(&mut out, &measures.map(|m| m.unwrap_or(f64::NAN)));
            length(&mut out, report.bins.len());
            for bin in &report.bins {
                out.push((bin.low * BINS as f64).round() as u8);
                put(&mut out, &[bin.weight, bin.predicted, bin.observed]);
            }
        }
        length(&mut out, self.points.list().len());
        for p in self.points.list() {
            put(&mut out, &[p.score, p.positive, p.negative]);
        }
        match &self.map {
            Map::Platt {
                centre,
                slope,
                intercept,
            } => {
                put(&mut out, &[*centre, *slope, *intercept]);
            }
            Map::Isotonic(knots) => {
                length(&mut out, knots.len());
                for (score, p) in knots {
                    put(&mut out, &[*score, *p]);
                }
            }
        }
        out
    }

    /// What [`Calibration::to_bytes`] wrote. `Corrupt` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut input = Input(bytes);
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
        let found = input.calibration()?;
        match input.0.is_empty() {
            true => Ok(found),
            false => Err(damaged(&format!("{} bytes too many", input.0.len()))),
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

fn put(out: &mut Vec<u8>, numbers: &[f64]) {
    numbers.iter().for_each(|x| out.extend(x.to_le_bytes()));
}

fn length(out: &mut Vec<u8>, n: usize) {
    out.extend((n as u16).to_le_bytes());
}

/// Bytes still to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((taken, rest)) = self.0.split_first_chunk::<N>() else {
            return Err(damaged("they end too early"));
        };
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take::<1>()?[0])
    }

    fn reals<const N: usize>(&mut self) -> Result<[f64; N]> {
        let mut found = [0.0; N];
        for x in &mut found {
            *x = f64::from_le_bytes(self.take()?);
            if !x.is_finite() {
                return Err(damaged("a number is not finite"));
            }
        }
        Ok(found)
    }

    fn method(&mut self) -> Result<Method> {
        let found = self.byte()?;
        let known = Method::ALL.iter().find(|m| number(**m) == found);
        known.copied().ok_or_else(|| damaged("an unknown method"))
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        // No capacity from the length: it may be a lie.
        let n = u16::from_le_bytes(self.take()?);
        (0..n).map(|_| item(self)).collect()
    }

    fn calibration(&mut self) -> Result<Calibration> {
        let method = self.method()?;
        let folds = usize::from(self.byte()?);
        let seed = u64::from_le_bytes(self.take()?);
        let pairs = u64::from_le_bytes(self.take()?);
        let pairs = usize::try_from(pairs).map_err(|_| damaged("too many pairs"))?;
        let fitted = self.method()?;
        let measured = usize::from(self.byte()?);
        let agree = match method {
            Method::Auto => fitted != Method::Auto,
            _ => fitted == method,
        };
        if !agree || !(2..=20).contains(&folds) || measured > folds {
            return Err(damaged("its settings contradict each other"));
        }
        let (mut measures, mut bins) = ([None; 3], Vec::new());
        if measured > 0 {
            measures = self.reals::<3>()?.map(Some);
            bins = self.list(Self::bin)?;
            let ascending = bins.windows(2).all(|w| w[0].low < w[1].low);
            if !ascending || measures.iter().flatten().any(|m| *m < 0.0) {
                return Err(damaged("measures that cannot be"));
            }
        }
        let points = self.list(|input| {
            let [score, positive, negative] = input.reals()?;
            Ok(Point {
                score,
                positive,
                negative,
            })
        })?;
        let points = Points::saved(points, pairs).ok_or_else(|| damaged("points out of order"))?;
        let map = self.map(fitted)?;
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

    fn bin(&mut self) -> Result<Bin> {
        let place = self.byte()?;
        let [weight, predicted, observed] = self.reals()?;
        if usize::from(place) >= BINS || weight <= 0.0 {
            return Err(damaged("a bin that cannot be"));
        }
        Ok(Bin {
            low: f64::from(place) / BINS as f64,
            high: f64::from(place + 1) / BINS as f64,
            weight,
            predicted,
            observed,
        })
    }

    fn map(&mut self, fitted: Method) -> Result<Map> {
        if fitted != Method::Isotonic {
            let [centre, slope, intercept] = self.reals()?;
            return match slope >= 0.0 && centre.abs() <= MAX_SCORE {
                true => Ok(Map::Platt {
                    centre,
                    slope,
                    intercept,
                }),
                false => Err(damaged("a curve that falls")),
            };
        }
        let knots = self.list(|input| {
            let [score, p] = input.reals()?;
            Ok((score, p))
        })?;
        let rising = |w: &[(f64, f64)]| w[0].0 < w[1].0 && w[0].1 <= w[1].1;
        let sound = |k: &(f64, f64)| k.0.abs() <= MAX_SCORE && (0.0..=1.0).contains(&k.1);
        match !knots.is_empty() && knots.iter().all(sound) && knots.windows(2).all(rising) {
            true => Ok(Map::Isotonic(knots)),
            false => Err(damaged("a curve that falls")),
        }
    }
}
