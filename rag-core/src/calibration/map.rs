//! The two forms of the curve and how they are fitted.

use super::Method;
use super::points::{Point, Points, places};

/// Steps that a curve keeps.
const MAX_STEPS: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Map {
    /// `1 / (1 + exp(-(slope (score - centre) + intercept)))`, the slope not negative.
    Platt {
        centre: f64,
        slope: f64,
        intercept: f64,
    },
    /// Scores ascending and probabilities never falling, linear between two knots and level
    /// beyond the ends.
    Isotonic(Vec<(f64, f64)>),
}

impl Map {
    /// The curve of that form for points with weight on both sides.
    pub(super) fn fit(points: &Points, method: Method) -> Self {
        match method {
            Method::Isotonic => isotonic(points),
            Method::Platt | Method::Auto => platt(points),
        }
    }

    /// The probability at a finite score.
    pub(super) fn at(&self, score: f64) -> f64 {
        match self {
            Map::Platt {
                centre,
                slope,
                intercept,
            } => match *slope == 0.0 {
                true => sigmoid(*intercept),
                false => sigmoid(slope * (score - centre) + intercept),
            },
            Map::Isotonic(knots) => {
                let above = knots.partition_point(|(s, _)| *s < score);
                match (above.checked_sub(1).map(|i| knots[i]), knots.get(above)) {
                    (None, Some(&(_, p))) | (Some((_, p)), None) => p,
                    (Some((s0, p0)), Some(&(s1, p1))) => {
                        let share = (score - s0) / (s1 - s0);
                        (p0 + (p1 - p0) * share).clamp(p0, p1)
                    }
                    (None, None) => 0.5,
                }
            }
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    match x >= 0.0 {
        true => 1.0 / (1.0 + (-x).exp()),
        false => x.exp() / (1.0 + x.exp()),
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// What an irrelevant and a relevant pair are held to instead of 0 and 1 (Platt, 1999): the
/// posterior means under a flat prior, so that separable pairs have a fit as well.
fn targets(points: &Points) -> (f64, f64) {
    let (positive, negative) = (points.positive(), points.negative());
    (1.0 / (negative + 2.0), (positive + 1.0) / (positive + 2.0))
}

/// Maximum likelihood by Newton's method with a line search (Lin, Lin and Weng, 2007).
fn platt(points: &Points) -> Map {
    let (low, high) = targets(points);
    let list = points.list();
    let total: f64 = list.iter().map(Point::weight).sum();
    let average =
        |f: &dyn Fn(&Point) -> f64| list.iter().map(|p| p.weight() / total * f(p)).sum::<f64>();
    let centre = average(&|p| p.score);
    let size = list
        .iter()
        .fold(0.0f64, |m, p| m.max((p.score - centre).abs()));
    let spread = size * average(&|p| ((p.score - centre) / size).powi(2)).sqrt();
    let target = |p: &Point| (p.positive * high + p.negative * low) / p.weight();
    let mean = average(&target);
    let level = (mean / (1.0 - mean)).ln();
    let flat = Map::Platt {
        centre,
        slope: 0.0,
        intercept: level,
    };
    if !(spread.is_normal()) {
        return flat;
    }
    // Standardised scores: both parameters are then of one size.
    let rows: Vec<(f64, f64, f64)> = list
        .iter()
        .map(|p| ((p.score - centre) / spread, target(p), p.weight() / total))
        .collect();
    let loss = |a: f64, b: f64| -> f64 {
        let of = |&(z, t, w): &(f64, f64, f64)| {
            let x = a * z + b;
            w * (softplus(x) - t * x)
        };
        rows.iter().map(of).sum()
    };
    let (mut a, mut b) = (0.0, level);
    let mut now = loss(a, b);
    for _ in 0..100 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
        for &(z, t, w) in &rows {
            let p = sigmoid(a * z + b);
            let (miss, curve) = (w * (p - t), w * p * (1.0 - p));
            ga += miss * z;
            gb += miss;
            haa += curve * z * z;
            hab += curve * z;
            hbb += curve;
        }
        if ga.abs().max(gb.abs()) < 1e-13 {
            break;
        }
        let determinant = haa * hbb - hab * hab;
        let (da, db) = (
            (hab * gb - hbb * ga) / determinant,
            (hab * ga - haa * gb) / determinant,
        );
        let downhill = ga * da + gb * db;
        if downhill > -1e-14 {
            // What is left to gain is below the rounding of the loss; this step takes it.
            (a, b) = (a + da, b + db);
            break;
        }
        let mut step = 1.0;
        let moved = loop {
            let next = loss(a + step * da, b + step * db);
            if next <= now + 1e-4 * step * downhill {
                break Some(next);
            }
            step *= 0.5;
            if step < 1e-10 {
                break None;
            }
        };
        let Some(next) = moved else { break };
        (a, b, now) = (a + step * da, b + step * db, next);
    }
    // A convex loss whose minimum falls has its best curve that does not fall at a slope of 0.
    let slope = a / spread;
    match a > 0.0 && slope.is_finite() && b.is_finite() {
        true => Map::Platt {
            centre,
            slope,
            intercept: b,
        },
        false => flat,
    }
}

/// Neighbouring points with one probability.
struct Step {
    first: f64,
    last: f64,
    sum: Point,
}

impl Step {
    fn value(&self) -> f64 {
        self.sum.positive / self.sum.weight()
    }

    fn take(&mut self, next: &Step) {
        self.last = next.last;
        self.sum.positive += next.sum.positive;
        self.sum.negative += next.sum.negative;
    }
}

/// The least-squares and most likely curve that never falls: adjacent violators are pooled (Ayer
/// and others, 1955). Probabilities stay within Platt's targets: no number of pairs makes certain.
fn isotonic(points: &Points) -> Map {
    let (low, high) = targets(points);
    let mut steps: Vec<Step> = Vec::new();
    for point in points.list() {
        let mut step = Step {
            first: point.score,
            last: point.score,
            sum: *point,
        };
        while let Some(mut before) = steps.pop_if(|before| before.value() >= step.value()) {
            before.take(&step);
            step = before;
        }
        steps.push(step);
    }
    let sums: Vec<Point> = steps.iter().map(|s| s.sum).collect();
    let kept = match steps.len() <= MAX_STEPS {
        true => steps,
        false => {
            let sides = (points.positive(), points.negative());
            let mut kept: Vec<Step> = Vec::with_capacity(MAX_STEPS);
            let mut last = usize::MAX;
            for (step, place) in steps.into_iter().zip(places(&sums, MAX_STEPS, sides)) {
                match kept.last_mut() {
                    Some(before) if place == last => before.take(&step),
                    _ => kept.push(step),
                }
                last = place;
            }
            kept
        }
    };
    let mut knots: Vec<(f64, f64)> = Vec::with_capacity(2 * kept.len());
    for step in &kept {
        let before = knots.last().map_or(low, |(_, p)| *p);
        let value = step.value().clamp(low, high).max(before);
        knots.push((step.first, value));
        if step.last > step.first {
            knots.push((step.last, value));
        }
    }
    Map::Isotonic(knots)
}
