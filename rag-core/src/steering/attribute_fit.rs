//! Fitting an attribute model: examples as rows of features, and a ridge regression on them.
//!
//! The one idea: most features of a text are 0, and the rows are centred only in thought, so a step of
//! conjugate gradients costs what the n-grams that are there cost.

use super::attribute::{LANES, Weights, half, whole};
use super::grams::{ALL, BUCKETS, Scratch, grams};
use super::vector::LearnOptions;
use crate::Rows;
use crate::kernel;
use crate::rng::Rng;

/// The ridge, where rows have a squared length of three.
const RIDGE: f64 = 3.0;
/// Most steps of a fit.
const STEPS: usize = 100;

/// Examples as features, positive ones first.
pub(super) struct Examples {
    pub(super) dim: usize,
    positives: usize,
    /// Unit vectors, one after the other.
    vectors: Vec<f32>,
    /// The buckets of each, as places in `used`; words first.
    grams: Vec<Vec<u16>>,
    /// The buckets that two examples or more have, ascending, and how many of them are of words.
    used: Vec<usize>,
    words: usize,
    pub(super) fold: Vec<usize>,
    pub(super) folds: usize,
}

impl Examples {
    pub(super) fn new(
        positive: (&[&str], Rows<'_>),
        negative: (&[&str], Rows<'_>),
        options: &LearnOptions,
    ) -> Self {
        let (p, n) = (positive.0.len(), negative.0.len());
        let dim = positive.1.dim();
        let texts: Vec<&str> = positive.0.iter().chain(negative.0).copied().collect();
        let mut scratch = Scratch::default();
        let mut held = vec![0u32; ALL];
        let mut all: Vec<Vec<u16>> = Vec::with_capacity(texts.len());
        for text in texts {
            let own = grams(text, &mut scratch).concat();
            own.iter()
                .for_each(|&bucket| held[usize::from(bucket)] += 1);
            all.push(own);
        }
        let used: Vec<usize> = (0..ALL).filter(|&bucket| held[bucket] > 1).collect();
        let words = used.partition_point(|&bucket| bucket < BUCKETS);
        // Their places among those in use, and `u16::MAX`, which is never a place, for the others.
        let mut place = vec![u16::MAX; ALL];
        for (at, &bucket) in (0..).zip(&used) {
            place[bucket] = at;
        }
        for own in &mut all {
            own.iter_mut()
                .for_each(|bucket| *bucket = place[usize::from(*bucket)]);
            own.retain(|&at| at != u16::MAX);
        }
        let rows = positive.1.iter().chain(negative.1.iter());
        let unit = |row| super::calibrate::unit(row).unwrap_or_else(|| vec![0.0; dim]);
        let folds = options.folds.min(p).min(n);
        let mut rng = Rng::new(options.seed);
        let mut assign = |count: usize| {
            let mut order: Vec<usize> = (0..count).collect();
            rng.shuffle(&mut order);
            let mut fold = vec![0; count];
            order
                .iter()
                .zip(0..)
                .for_each(|(&i, at)| fold[i] = at % folds);
            fold
        };
        // Sets of one size may be pairs, which are alike: a pair is held out together.
        let of_positive = assign(p);
        let of_negative = if p == n {
            of_positive.clone()
        } else {
            assign(n)
        };
        Self {
            dim,
            positives: p,
            vectors: rows.flat_map(unit).collect(),
            grams: all,
            used,
            words,
            fold: [of_positive, of_negative].concat(),
            folds,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.grams.len()
    }

    fn vector(&self, i: usize) -> &[f32] {
        &self.vectors[i * self.dim..(i + 1) * self.dim]
    }

    /// The model of all examples but those of a fold.
    pub(super) fn fit(&self, held: Option<usize>, close: f64) -> Fitted<'_> {
        let rows: Vec<usize> = (0..self.len())
            .filter(|&i| Some(self.fold[i]) != held)
            .collect();
        let p = rows.partition_point(|&i| i < self.positives);
        let n = rows.len() - p;
        let mut counts = vec![[0u32; 2]; self.used.len()];
        for &i in &rows {
            let class = usize::from(i >= self.positives);
            self.grams[i]
                .iter()
                .for_each(|&g| counts[usize::from(g)][class] += 1);
        }
        let odds = |[a, b]: [u32; 2]| {
            if a + b < 2 {
                return 0.0;
            }
            let a = (f64::from(a) + 0.5) / (p as f64 + 1.0);
            let b = (f64::from(b) + 0.5) / (n as f64 + 1.0);
            // As it will be kept.
            whole(half((a / b).ln().abs() as f32))
        };
        let odds: Vec<f32> = counts.into_iter().map(odds).collect();
        let mut sparse = Sparse::default();
        rows.iter()
            .for_each(|&i| self.sparse(i, &odds, &mut sparse));
        let weights: Vec<f64> = rows
            .iter()
            .map(|&i| {
                rows.len() as f64
                    / 2.0
                    / if i < self.positives {
                        p as f64
                    } else {
                        n as f64
                    }
            })
            .collect();
        let design = Design {
            examples: self,
            rows: &rows,
            sparse: &sparse,
            weights: &weights,
            mean: Vec::new(),
        }
        .centred();
        let solution = design.solve(close);
        let along = |range: std::ops::Range<usize>| -> f64 {
            let pairs = solution[range.clone()].iter().zip(&design.mean[range]);
            pairs.map(|(a, b)| f64::from(a * b)).sum()
        };
        Fitted {
            used: &self.used,
            dim: self.dim,
            bias: -along(self.dim..solution.len()),
            centre: along(0..self.dim),
            solution,
            odds,
        }
    }

    /// Adds the n-grams of an example that have weight, each block at length 1.
    fn sparse(&self, i: usize, odds: &[f32], to: &mut Sparse) {
        let own = &self.grams[i];
        let words = own.iter().position(|&g| usize::from(g) >= self.words);
        let (words, letters) = own.split_at(words.unwrap_or(own.len()));
        for half in [words, letters] {
            let first = to.values.len();
            let mut squares = 0.0f64;
            for &g in half {
                let weight = odds[usize::from(g)];
                if weight > 0.0 {
                    squares += f64::from(weight * weight);
                    to.places.push(g);
                    to.values.push(weight);
                }
            }
            let length = squares.sqrt().recip() as f32;
            to.values[first..].iter_mut().for_each(|v| *v *= length);
        }
        to.ends.push(to.values.len());
    }
}

/// Rows of which most numbers are 0.
#[derive(Default)]
struct Sparse {
    ends: Vec<usize>,
    places: Vec<u16>,
    values: Vec<f32>,
}

impl Sparse {
    fn rows(&self) -> impl Iterator<Item = (&[u16], &[f32])> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let each = starts.zip(&self.ends);
        each.map(|(&start, &end)| (&self.places[start..end], &self.values[start..end]))
    }
}

fn sparse_dot((places, values): (&[u16], &[f32]), v: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (lanes, rest) = (places.as_chunks::<LANES>(), values.as_chunks::<LANES>());
    for (places, values) in lanes.0.iter().zip(rest.0) {
        for ((sum, &place), value) in sums.iter_mut().zip(places).zip(values) {
            *sum += v[usize::from(place)] * value;
        }
    }
    for (&place, value) in lanes.1.iter().zip(rest.1) {
        sums[0] += v[usize::from(place)] * value;
    }
    sums.iter().sum()
}

/// Rows of features, dense ones first, about their weighted mean.
struct Design<'a> {
    examples: &'a Examples,
    rows: &'a [usize],
    sparse: &'a Sparse,
    weights: &'a [f64],
    mean: Vec<f32>,
}

impl Design<'_> {
    fn centred(mut self) -> Self {
        self.mean = vec![0.0; self.examples.dim + self.examples.used.len()];
        let share: Vec<f64> = self
            .weights
            .iter()
            .map(|w| w / self.rows.len() as f64)
            .collect();
        self.mean = self.down(&share);
        self
    }

    /// `v . x` for every row.
    fn up(&self, v: &[f32]) -> Vec<f64> {
        let dot = kernel::active().dot;
        let dim = self.examples.dim;
        let (dense, rest) = v.split_at(dim);
        let centre: f64 = v
            .iter()
            .zip(&self.mean)
            .map(|(a, b)| f64::from(a * b))
            .sum();
        let rows = self.rows.iter().zip(self.sparse.rows());
        let each = rows.map(|(&i, sparse)| {
            let sum = dot(dense, self.examples.vector(i)) + sparse_dot(sparse, rest);
            f64::from(sum) - centre
        });
        each.collect()
    }

    /// The sum of all rows, each by its number.
    fn down(&self, by: &[f64]) -> Vec<f32> {
        let dim = self.examples.dim;
        let mut sum = vec![0.0f32; self.mean.len()];
        let all: f64 = by.iter().sum();
        let (dense, rest) = sum.split_at_mut(dim);
        for ((&i, (places, values)), &by) in self.rows.iter().zip(self.sparse.rows()).zip(by) {
            let by = by as f32;
            let row = dense.iter_mut().zip(self.examples.vector(i));
            row.for_each(|(s, x)| *s += by * x);
            for (&place, value) in places.iter().zip(values) {
                rest[usize::from(place)] += by * value;
            }
        }
        let centre = self.mean.iter().zip(&mut sum);
        centre.for_each(|(m, s)| *s -= m * all as f32);
        sum
    }

    /// The `w` that minimises `sum of weight * (w . x - target)^2 + ridge * |w|^2`, by conjugate
    /// gradients until the residual is `close`.
    fn solve(&self, close: f64) -> Vec<f32> {
        let square = |v: &[f32]| v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        let targets: Vec<f64> = self
            .rows
            .iter()
            .zip(self.weights)
            .map(|(&i, w)| if i < self.examples.positives { *w } else { -w })
            .collect();
        let mut residual = self.down(&targets);
        let mut direction = residual.clone();
        let mut solution = vec![0.0f32; residual.len()];
        let mut size = square(&residual);
        let enough = close * close * size;
        for _ in 0..STEPS {
            if size <= enough || size == 0.0 {
                break;
            }
            let mut held = self.up(&direction);
            let along: f64 = held.iter().zip(self.weights).map(|(h, w)| w * h * h).sum();
            let step = size / (along + RIDGE * square(&direction));
            held.iter_mut().zip(self.weights).for_each(|(h, w)| *h *= w);
            let image = self.down(&held);
            for ((s, r), (d, m)) in solution
                .iter_mut()
                .zip(&mut residual)
                .zip(direction.iter().zip(&image))
            {
                *s += step as f32 * d;
                *r -= step as f32 * (m + RIDGE as f32 * d);
            }
            let before = size;
            size = square(&residual);
            let turn = (size / before) as f32;
            let next = direction.iter_mut().zip(&residual);
            next.for_each(|(d, r)| *d = r + turn * *d);
        }
        solution
    }
}

/// A fit, with what its n-grams weigh.
pub(super) struct Fitted<'a> {
    used: &'a [usize],
    dim: usize,
    bias: f64,
    /// What the vector of the mean adds.
    centre: f64,
    solution: Vec<f32>,
    odds: Vec<f32>,
}

impl Fitted<'_> {
    pub(super) fn score(&self, examples: &Examples, i: usize) -> f64 {
        let (dense, rest) = self.solution.split_at(self.dim);
        let mut sparse = Sparse::default();
        examples.sparse(i, &self.odds, &mut sparse);
        let sum: f32 = sparse.rows().map(|row| sparse_dot(row, rest)).sum();
        let dot = kernel::active().dot;
        let along = f64::from(dot(dense, examples.vector(i)));
        self.bias - self.centre + along + f64::from(sum)
    }

    pub(super) fn weights(mut self) -> Weights {
        let mut buckets = vec![[0; 2]; ALL];
        let factors = self.solution.split_off(self.dim);
        for ((&bucket, odds), factor) in self.used.iter().zip(&self.odds).zip(factors) {
            if *odds > 0.0 {
                buckets[bucket] = [half(*odds), half(factor)];
            }
        }
        Weights::new(self.bias, self.centre, self.solution, buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::super::AttributeModel;
    use super::*;
    use crate::kernel::linalg::Cholesky;
    use crate::matrix::Matrix;
    use std::collections::BTreeMap;

    /// Both halves of a text, each bucket with its weight, at length 1.
    fn features(text: &str, odds: &BTreeMap<usize, f64>) -> BTreeMap<usize, f64> {
        let mut scratch = Scratch::default();
        let mut all = BTreeMap::new();
        for half in grams(text, &mut scratch) {
            let held = half.iter().map(|&bucket| usize::from(bucket));
            let held = held.filter_map(|bucket| Some((bucket, *odds.get(&bucket)?)));
            let held: Vec<(usize, f64)> = held.collect();
            let length = held.iter().map(|(_, w)| w * w).sum::<f64>().sqrt();
            all.extend(held.into_iter().map(|(bucket, w)| (bucket, w / length)));
        }
        all
    }

    /// The probabilities by solving the ridge regression exactly, in float64 and with one column for
    /// each number, the intercept among them.
    fn slow(sides: [(&[&str], &Matrix); 2], asked: &[(&str, Option<[f32; 3]>)]) -> Vec<f64> {
        let counts: Vec<f64> = sides.iter().map(|side| side.0.len() as f64).collect();
        let mut held: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
        for (class, (texts, _)) in sides.iter().enumerate() {
            for text in *texts {
                let mut scratch = Scratch::default();
                let buckets = grams(text, &mut scratch).concat();
                let each = buckets.into_iter().map(usize::from);
                each.for_each(|bucket| held.entry(bucket).or_default()[class] += 1.0);
            }
        }
        held.retain(|_, n| n[0] + n[1] > 1.0);
        let share = |n: [f64; 2], class: usize| (n[class] + 0.5) / (counts[class] + 1.0);
        let odds = held
            .into_iter()
            .map(|(b, n)| (b, (share(n, 0) / share(n, 1)).ln().abs()));
        let odds: BTreeMap<usize, f64> = odds.filter(|(_, w)| *w > 1e-12).collect();
        let place: BTreeMap<usize, usize> = odds.keys().copied().zip(4..).collect();
        let columns = 4 + odds.len();
        let row = |text: &str, vector: [f64; 3]| {
            let mut row = vec![0.0; columns];
            row[0] = 1.0;
            row[1..4].copy_from_slice(&vector);
            for (bucket, value) in features(text, &odds) {
                row[place[&bucket]] = value;
            }
            row
        };
        let unit = |v: &[f32]| {
            let length = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            [0, 1, 2].map(|i| f64::from(v[i]) / length)
        };
        let (mut normal, mut right) = (vec![0.0; columns * columns], vec![0.0; columns]);
        let mut mean = [0.0; 3];
        for (class, (texts, vectors)) in sides.iter().enumerate() {
            let weight = (counts[0] + counts[1]) / 2.0 / counts[class];
            for (i, text) in texts.iter().enumerate() {
                let vector = unit(vectors.row(i));
                let row = row(text, vector);
                let target = if class == 0 { weight } else { -weight };
                for a in 0..columns {
                    right[a] += target * row[a];
                    for b in 0..columns {
                        normal[a * columns + b] += weight * row[a] * row[b];
                    }
                }
                for (m, v) in mean.iter_mut().zip(vector) {
                    *m += weight * v / (counts[0] + counts[1]);
                }
            }
        }
        // The intercept is not shrunk, but for what keeps the factor.
        (0..columns).for_each(|a| normal[a * columns + a] += if a == 0 { 1e-9 } else { RIDGE });
        let solution = Cholesky::new(&normal, columns).unwrap().solve(&right);
        let each = asked.iter().map(|(text, vector)| {
            let row = row(text, vector.map_or(mean, |vector| unit(&vector)));
            let f: f64 = row.iter().zip(&solution).map(|(x, w)| x * w).sum();
            1.0 / (1.0 + (-4.0 * f).exp())
        });
        each.collect()
    }

    #[test]
    fn probabilities_are_those_of_the_exact_solution() {
        let mut rng = Rng::new(3);
        let liked = [
            "could you please wait",
            "please, would you help?",
            "thank you, please",
        ];
        let disliked = ["wait!", "help me now!", "come here now", "you stop", "no"];
        let mut rows = |n: usize, shift: f32| {
            let numbers =
                (0..3 * n).map(|i| rng.normal() as f32 + if i % 3 == 0 { shift } else { 0.0 });
            Matrix::from_vec(numbers.collect(), 3).unwrap()
        };
        let (a, b) = (rows(3, 1.0), rows(5, -1.0));
        let options = LearnOptions::default();
        let model = AttributeModel::learn((&liked, a.rows()), (&disliked, b.rows()), &options);
        let model = model.unwrap();
        let asked = [
            ("please wait", Some([1.0f32, 2.0, 0.5])),
            ("come here, you", Some([-3.0, 0.0, 1.0])),
            ("unknown words of no weight", None),
            ("could you help me now, please?", None),
            ("", Some([0.0, 0.0, 2.0])),
        ];
        for ((text, vector), want) in asked
            .iter()
            .zip(slow([(&liked, &a), (&disliked, &b)], &asked))
        {
            let vector = vector.as_ref().map(|v| &v[..]);
            let got = f64::from(model.probability(text, vector).unwrap());
            assert!((got - want).abs() < 0.01, "{text}: {got} {want}");
        }
    }
}
