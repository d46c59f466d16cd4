//! What is believed of an outcome from examples alone: heads, and how much each of them counts.
//!
//! Three heads look at the neighbours of a query with kernels of different width (Nadaraya and
//! Watson, 1964, with Epanechnikov's kernel and the distance of the k-th neighbour as width), a
//! fourth is a ridge. What each says of an example that it was not shown is held against what came of
//! it, and the mixture that errs least, for each objective, is what is believed (Wolpert, 1992; weights not
//! negative, as in Breiman, 1996). Their sum is free, so the mixture is calibrated: heads that are too bold are
//! made to say less.

use super::examples::{Cell, Examples};
use super::neighbours::{Near, Neighbours, Scratch};
use super::query::{Lens, Query};
use super::ridge::{Gram, Line, STRENGTHS};
use std::collections::BTreeMap;

/// Neighbours within the width of each kernel.
const WIDTHS: [usize; 3] = [8, 32, 128];
/// What one neighbour's outcome weighs against the mean of all.
const HOLD: f32 = 4.0;
/// The names of the heads, in order.
pub(super) const HEADS: [&str; 4] = ["nearest 8", "nearest 32", "nearest 128", "ridge"];
/// A mixture before anything was held against it, and how firmly it is believed: as by so much of
/// the squares of what the heads say, in units of a column.
const MIXTURE: [f64; 4] = [0.0, 0.5, 0.0, 0.5];
const MIXTURE_WEIGHT: f64 = 0.5;
/// So many examples are left out, one at a time, to weigh the heads.
const HELD_OUT: usize = 2_000;
/// Fewer with very many routes.
const HELD_CELLS: usize = 4_000_000;
/// With fewer outcomes there is no line.
const LINE_FROM: f64 = 8.0;
/// No example counts more often than this.
const MOST_COUNT: u32 = 100;

/// What each head says, in units of the column, and what is believed of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub heads: [f64; 4],
    /// How many outcomes the widest kernel saw.
    pub mass: f64,
    pub mean: f64,
}

/// One objective of one route.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The mean outcome, the prior included.
    pub mean: f64,
    /// The standard deviation of outcomes.
    pub spread: f64,
    pub low: f64,
    pub high: f64,
    /// Outcomes.
    pub count: f64,
    /// The root of the mean squared error of what is believed of examples that were left out.
    pub error: f64,
    line: Line,
    mixture: [f64; 4],
}

/// All columns.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    pub columns: Vec<Column>,
    places: BTreeMap<String, BTreeMap<String, usize>>,
    neighbours: Neighbours,
    /// Deviations from the column's mean in units of its spread, times their weight, a row for each
    /// example; and the weights.
    deviations: Vec<f32>,
    weights: Vec<f32>,
}

/// Reused between predictions.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    pub scratch: Scratch,
    sums: Vec<f32>,
    masses: Vec<f32>,
    sketch: Vec<f32>,
}

/// What one example's outcome weighs.
fn weight(cell: &Cell) -> f64 {
    f64::from(cell.count.min(MOST_COUNT))
}

impl Heads {
    /// Learns from examples; `prior` answers what was believed of a route in an objective.
    pub fn new(
        examples: &Examples,
        lens: &Lens,
        prior: impl Fn(&str, &str) -> Option<f64>,
    ) -> Self {
        let n = examples.len();
        let mut places: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        let mut columns = Vec::new();
        let mut cells: Vec<&[Cell]> = Vec::new();
        let mut objectives: Vec<&str> = Vec::new();
        for (route, of_route) in &examples.columns {
            for (objective, column) in of_route {
                if let Some(made) = Column::new(column, prior(route, objective)) {
                    let place = places.entry(route.clone()).or_default();
                    place.insert(objective.clone(), columns.len());
                    columns.push(made);
                    cells.push(column);
                    objectives.push(objective);
                }
            }
        }
        let wide = columns.len();
        let mut deviations = vec![0.0f32; n * wide];
        let mut weights = vec![0.0f32; n * wide];
        for (c, (column, cells)) in columns.iter().zip(&cells).enumerate() {
            for (i, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.count > 0) {
                let w = weight(cell);
                deviations[i * wide + c] = (w * column.deviation(cell.mean)) as f32;
                weights[i * wide + c] = w as f32;
            }
        }
        let mut heads = Self {
            neighbours: Neighbours::new(&examples.queries, lens.dim()),
            columns,
            places,
            deviations,
            weights,
        };
        heads.weigh(examples, lens, &cells, &objectives);
        heads
    }

    /// The column of a route in an objective.
    pub fn place(&self, route: &str, objective: &str) -> Option<usize> {
        self.places.get(route)?.get(objective).copied()
    }

    /// What is said of a query, for each column, into `out`.
    pub fn say(
        &self,
        query: &Query,
        unit: &[f32],
        lens: &Lens,
        desk: &mut Desk,
        out: &mut Vec<Said>,
    ) {
        out.clear();
        out.resize(self.columns.len(), Said::default());
        desk.scratch.near.clear();
        if query.is_none() {
            return;
        }
        self.neighbours.search(query, None, &mut desk.scratch);
        self.near(desk, out);
        desk.sketch.resize(lens.sketch_size(), 0.0);
        lens.sketch(unit, &mut desk.sketch);
        for (said, column) in out.iter_mut().zip(&self.columns) {
            said.heads[3] = column.line.at(&desk.sketch);
            said.mean = column.mix(&said.heads);
        }
    }

    /// The heads of neighbours, from those in the scratch.
    fn near(&self, desk: &mut Desk, out: &mut [Said]) {
        let wide = self.columns.len();
        let near = &desk.scratch.near;
        for (head, width) in WIDTHS.iter().enumerate() {
            let inside = &near[..near.len().min(*width)];
            desk.sums.clear();
            desk.sums.resize(wide, 0.0);
            desk.masses.clear();
            desk.masses.resize(wide, HOLD);
            let reach = inside.last().map_or(0.0, |n| n.distance);
            for Near { row, distance } in inside {
                // The last one lies on the rim, but shall still say something.
                let kernel = match reach > 0.0 {
                    true => 1.0 - 0.98 * distance / reach,
                    false => 1.0,
                };
                let at = *row as usize * wide;
                let from = self.deviations[at..at + wide].iter();
                for ((s, m), (d, w)) in desk
                    .sums
                    .iter_mut()
                    .zip(&mut desk.masses)
                    .zip(from.zip(&self.weights[at..at + wide]))
                {
                    *s += kernel * d;
                    *m += kernel * w;
                }
            }
            for ((said, s), m) in out.iter_mut().zip(&desk.sums).zip(&desk.masses) {
                said.heads[head] = f64::from(s / m);
                said.mass = f64::from(m - HOLD);
            }
        }
    }

    /// Fits the lines, and finds what each head counts by leaving examples out one at a time.
    fn weigh(&mut self, examples: &Examples, lens: &Lens, cells: &[&[Cell]], objectives: &[&str]) {
        let (n, size, wide) = (examples.len(), lens.sketch_size(), self.columns.len());
        let mut sketches = vec![0.0f32; n * size];
        for (query, out) in examples.queries.iter().zip(sketches.chunks_exact_mut(size)) {
            if !query.is_none() {
                lens.sketch(&Lens::unit(&query.codes), out);
            }
        }
        // Examples come in the order of a hash, so the first are as good as drawn by lot.
        let most = HELD_OUT.min((HELD_CELLS / wide.max(1)).max(64));
        let held: Vec<u32> = (0..n.min(most) as u32).collect();
        let mut said = vec![Said::default(); held.len() * wide];
        let mut desk = Desk::default();
        for row in &held {
            let query = &examples.queries[*row as usize];
            self.neighbours.search(query, Some(*row), &mut desk.scratch);
            let at = *row as usize * wide;
            self.near(&mut desk, &mut said[at..at + wide]);
        }
        // Columns that know of the same examples share their sums.
        let mut groups: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
        for (c, cells) in cells.iter().enumerate() {
            let counts = cells
                .iter()
                .map(|cell| cell.count.min(MOST_COUNT))
                .collect();
            groups.entry(counts).or_default().push(c);
        }
        for (counts, members) in groups {
            let weights: Vec<f64> = counts.iter().map(|w| f64::from(*w)).collect();
            if weights.iter().sum::<f64>() < LINE_FROM {
                continue;
            }
            let gram = Gram::new(&sketches, size, &weights);
            let mut best = vec![f64::INFINITY; members.len()];
            for lines in STRENGTHS.iter().filter_map(|s| gram.lines(*s)) {
                let leverages = lines.leverages(&sketches, &weights, &held);
                for (c, best) in members.iter().zip(&mut best) {
                    let column = &mut self.columns[*c];
                    let targets: Vec<f64> = cells[*c]
                        .iter()
                        .map(|cell| column.deviation(cell.mean))
                        .collect();
                    let line = lines.fit(&sketches, &weights, &targets);
                    let without = |row: &u32| {
                        let i = *row as usize;
                        let of = line.at(&sketches[i * size..(i + 1) * size]);
                        let h = leverages[i].min(0.999);
                        targets[i] - (targets[i] - of) / (1.0 - h)
                    };
                    let left_out: Vec<f64> = held.iter().map(without).collect();
                    let errors = left_out.iter().zip(&targets).zip(&weights);
                    let error: f64 = errors.map(|((p, y), w)| w * (p - y) * (p - y)).sum();
                    if error < *best {
                        *best = error;
                        column.line = line;
                        for (i, p) in left_out.into_iter().enumerate() {
                            // Of an example without an outcome nothing was left out; it is not asked.
                            said[i * wide + c].heads[3] = p;
                        }
                    }
                }
            }
        }
        let mut names: Vec<&str> = objectives.to_vec();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let members: Vec<usize> = (0..wide).filter(|c| objectives[*c] == name).collect();
            let mut mixer = Mixer::default();
            for c in members.iter().copied() {
                let column = &self.columns[c];
                for i in held
                    .iter()
                    .map(|i| *i as usize)
                    .filter(|i| cells[c][*i].count > 0)
                {
                    let y = column.deviation(cells[c][i].mean);
                    mixer.add(&said[i * wide + c].heads, y, weight(&cells[c][i]));
                }
            }
            let mixture = mixer.solve();
            for c in members.iter().copied() {
                self.columns[c].mixture = mixture;
                let (mut errors, mut total) = (0.0, 0.0);
                for i in held.iter().map(|i| *i as usize) {
                    let (cell, w) = (&cells[c][i], weight(&cells[c][i]));
                    let column = &self.columns[c];
                    let miss = column.mix(&said[i * wide + c].heads) - column.deviation(cell.mean);
                    errors += w * miss * miss;
                    total += w;
                }
                let column = &mut self.columns[c];
                column.error = column.spread * ((1.0 + errors) / (1.0 + total)).sqrt();
            }
        }
    }
}

impl Column {
    fn new(cells: &[Cell], prior: Option<f64>) -> Option<Self> {
        let known = || cells.iter().filter(|c| c.count > 0);
        let count: f64 = known().map(|c| f64::from(c.count)).sum();
        if count == 0.0 {
            return None;
        }
        let sum: f64 = known().map(|c| f64::from(c.count) * c.mean).sum();
        let mean = match prior {
            Some(prior) => (sum + prior) / (count + 1.0),
            None => sum / count,
        };
        let off = |c: &Cell| f64::from(c.count) * (c.mean - mean) * (c.mean - mean);
        let spread = (known().map(off).sum::<f64>() / count).sqrt();
        Some(Self {
            mean,
            spread: if spread > 0.0 { spread } else { 1.0 },
            low: known().fold(prior.unwrap_or(f64::INFINITY), |m, c| m.min(c.mean)),
            high: known().fold(prior.unwrap_or(f64::NEG_INFINITY), |m, c| m.max(c.mean)),
            count,
            error: 0.0,
            line: Line::default(),
            mixture: MIXTURE,
        })
    }

    fn deviation(&self, outcome: f64) -> f64 {
        (outcome - self.mean) / self.spread
    }

    fn mix(&self, heads: &[f64; 4]) -> f64 {
        self.mixture.iter().zip(heads).map(|(a, h)| a * h).sum()
    }

    /// The standard deviation of what the heads say where they saw so many outcomes.
    pub fn sd(&self, mass: f64) -> f64 {
        let boldness = self.mixture.iter().sum::<f64>().min(1.0);
        boldness * self.error / (1.0 + mass).sqrt()
    }

    /// A deviation as an outcome, within what was seen.
    pub fn outcome(&self, deviation: f64) -> f64 {
        (self.mean + self.spread * deviation).clamp(self.low, self.high)
    }
}

/// Least squares with weights that are not negative.
#[derive(Default)]
struct Mixer {
    a: [[f64; 4]; 4],
    b: [f64; 4],
}

impl Mixer {
    fn add(&mut self, heads: &[f64; 4], y: f64, weight: f64) {
        for i in 0..4 {
            for j in 0..4 {
                self.a[i][j] += weight * heads[i] * heads[j];
            }
            self.b[i] += weight * heads[i] * y;
        }
    }

    /// By coordinate descent, which ends at the one minimum of a convex bowl.
    fn solve(mut self) -> [f64; 4] {
        for (i, before) in MIXTURE.iter().enumerate() {
            self.a[i][i] += MIXTURE_WEIGHT;
            self.b[i] += MIXTURE_WEIGHT * before;
        }
        let mut x = MIXTURE;
        for _ in 0..500 {
            for i in 0..4 {
                let others: f64 = (0..4)
                    .filter(|j| *j != i)
                    .map(|j| self.a[i][j] * x[j])
                    .sum();
                x[i] = ((self.b[i] - others) / self.a[i][i]).max(0.0);
            }
        }
        x
    }
}
