//! NSGA-II (Deb, Pratap, Agarwal and Meyarivan, 2002) over knobs of several kinds.
//!
//! The first generation is a Latin hypercube. Children come of tournaments, simulated binary
//! crossover and polynomial mutation within bounds (Deb and Agrawal, 1995); whole numbers are
//! rounded, choices are swapped and drawn anew. No setting is evaluated twice, and the answer is
//! the front of all that was evaluated, not of the last generation only.

use super::front::pareto_front;
use super::knobs::{Knob, KnobKind, MAX_WHOLE, refuse_whole};
use super::points::MAX_OBJECTIVES;
use super::sort::{crowding_distance, nondominated_sort};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::rng::Rng;
use std::collections::HashSet;

crate::options! {
    /// How [`optimize`] searches.
    OptimizeOptions {
        /// Settings that live at a time.
        population: usize = 32, in 4..=100_000;
        /// Generations, the first included.
        generations: usize = 25, in 1..=1_000_000;
        /// What the random numbers come from.
        seed: u64 = 0;
        /// The share of pairs of parents that are crossed.
        crossover: f64 = 0.9, in 0.0..=1.0;
        /// How near to its parents a crossed child is.
        crossover_index: f64 = 15.0, in 0.0..=1000.0;
        /// The share of knobs that mutate; none is one knob a child.
        mutation: Option<f64> = None, in 0.0..=1.0;
        /// How near to what it was a mutated knob is.
        mutation_index: f64 = 20.0, in 0.0..=1000.0;
    }
}

/// What [`optimize`] found: the front of all settings that were evaluated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Optimum {
    /// The settings of the front, rows of one number for each knob, in the order of evaluation.
    pub settings: Vec<f64>,
    /// What they gave, rows of one number for each objective.
    pub points: Vec<f64>,
    /// How many settings were evaluated.
    pub evaluations: usize,
}

/// Most knobs.
const MAX_KNOBS: usize = 1000;
/// Children that were there before, after which a generation is content with fewer.
const MAX_DUPLICATES: usize = 50;

/// Searches the settings of which no other is better in all objectives.
///
/// `objectives` are their names and `maximize` their directions, as for
/// [`pareto_front`]. `initial` are settings to begin with, rows, which are all evaluated. `evaluate` is given rows of
/// settings (an index for a choice) and answers rows of outcomes; its error ends the search and is
/// passed on, and NaN is `InvalidArgument` and says where. Infinities are values. `progress` is
/// told of settings after each generation. The same seed gives the same result, whatever
/// `evaluate` does beside.
///
/// ```
/// use rag_core::Progress;
/// use rag_core::routing::{Knob, KnobKind, OptimizeOptions, optimize};
/// let knob = |name: &str, kind| Knob { name: name.into(), kind };
/// let knobs = [knob("x", KnobKind::Real { low: 0.0, high: 1.0 }),
///     knob("model", KnobKind::Choice(vec!["small".into(), "large".into()]))];
/// let mut evaluate = |settings: &[f64]| Ok(settings.chunks(2)
///     .flat_map(|s| [s[0] + s[1], (1.0 - s[0]) * (2.0 - s[1])]).collect());
/// let found = optimize(&knobs, &["cost", "error"], &[], &[], &mut evaluate,
///     &OptimizeOptions::default(), Progress::none())?;
/// assert!(found.evaluations <= 32 * 25 && found.points.len() > 40);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn optimize(
    knobs: &[Knob],
    objectives: &[&str],
    maximize: &[bool],
    initial: &[f64],
    evaluate: &mut dyn FnMut(&[f64]) -> Result<Vec<f64>>,
    options: &OptimizeOptions,
    mut progress: Progress<'_>,
) -> Result<Optimum> {
    options.check()?;
    check(knobs, objectives)?;
    super::points::signs(objectives.len(), maximize)?;
    let mut search = Search {
        knobs,
        objectives,
        options,
        rng: Rng::new(options.seed),
        seen: HashSet::new(),
        settings: Vec::new(),
        points: Vec::new(),
    };
    let total = options.population.saturating_mul(options.generations);
    let mut batch = search.first(initial)?;
    let mut alive: Vec<usize> = Vec::new();
    for _ in 0..options.generations {
        if batch.is_empty() {
            break;
        }
        let start = search.len();
        search.take(batch, evaluate)?;
        progress.step(search.len().min(total), total)?;
        alive.extend(start..search.len());
        let parents = search.survivors(&mut alive, maximize)?;
        batch = search.children(&parents);
    }
    let on = pareto_front(&search.points, objectives.len(), maximize)?;
    let rows = |data: &[f64], d: usize| -> Vec<f64> {
        on.iter()
            .flat_map(|i| data[i * d..(i + 1) * d].iter().copied())
            .collect()
    };
    Ok(Optimum {
        settings: rows(&search.settings, knobs.len()),
        points: rows(&search.points, objectives.len()),
        evaluations: search.len(),
    })
}

fn check(knobs: &[Knob], objectives: &[&str]) -> Result<()> {
    let invalid = |text: String| Err(Error::invalid(text));
    if knobs.is_empty() || knobs.len() > MAX_KNOBS {
        return invalid(format!(
            "there must be 1 to {MAX_KNOBS} knobs, got {}",
            knobs.len()
        ));
    }
    if objectives.is_empty() || objectives.len() > MAX_OBJECTIVES {
        return invalid(format!(
            "there must be 1 to {MAX_OBJECTIVES} objectives, got {}",
            objectives.len()
        ));
    }
    let mut names = HashSet::new();
    let all = knobs
        .iter()
        .map(|k| k.name.as_str())
        .chain(objectives.iter().copied());
    if let Some(twice) = all.into_iter().find(|name| !names.insert(*name)) {
        return invalid(format!(
            "\"{twice}\" is there twice among knobs and objectives; rename one"
        ));
    }
    for Knob { name, kind } in knobs {
        let good = match kind {
            KnobKind::Real { low, high } => low <= high && (high - low).is_finite(),
            KnobKind::Whole { low, high } => {
                low <= high && -MAX_WHOLE <= *low && *high <= MAX_WHOLE
            }
            KnobKind::Choice(names) => !names.is_empty(),
        };
        if !good {
            return invalid(match kind {
                KnobKind::Real { low, high } => format!(
                    "the bounds of \"{name}\" must be finite numbers, the lower first, got {low} and {high}"
                ),
                KnobKind::Whole { low, high } => {
                    return Err(refuse_whole(name, *low as f64, *high as f64));
                }
                KnobKind::Choice(_) => {
                    format!("\"{name}\" has nothing to choose from; give at least one choice")
                }
            });
        }
    }
    Ok(())
}

struct Search<'a> {
    knobs: &'a [Knob],
    objectives: &'a [&'a str],
    options: &'a OptimizeOptions,
    rng: Rng,
    seen: HashSet<Vec<u64>>,
    /// All that were evaluated, in order.
    settings: Vec<f64>,
    points: Vec<f64>,
}

/// A member of a generation, as tournaments see it.
#[derive(Clone, Copy)]
struct Parent {
    row: usize,
    rank: usize,
    room: f64,
}

impl Search<'_> {
    fn len(&self) -> usize {
        self.settings.len() / self.knobs.len()
    }

    fn setting(&self, row: usize) -> &[f64] {
        &self.settings[row * self.knobs.len()..(row + 1) * self.knobs.len()]
    }

    /// The given settings, then a Latin hypercube.
    fn first(&mut self, initial: &[f64]) -> Result<Vec<Vec<f64>>> {
        let k = self.knobs.len();
        if !initial.len().is_multiple_of(k) {
            return Err(Error::invalid(format!(
                "initial settings are rows of {k}, one number for each knob; {} numbers are not",
                initial.len()
            )));
        }
        let n = self.options.population;
        let mut batch = Vec::new();
        for setting in initial.chunks_exact(k) {
            for (x, knob) in setting.iter().zip(self.knobs) {
                knob.allows(*x)?;
            }
            if self.is_new(setting) {
                batch.push(setting.to_vec());
            }
        }
        let mut strata: Vec<Vec<usize>> = vec![(0..n).collect(); k];
        strata.iter_mut().for_each(|order| self.rng.shuffle(order));
        for i in 0..n {
            if batch.len() >= n {
                break;
            }
            let knobs = self.knobs.iter().zip(&strata);
            let rng = &mut self.rng;
            let drawn = |(knob, order): (&Knob, &Vec<usize>)| {
                knob.at((order[i] as f64 + rng.uniform()) / n as f64)
            };
            let setting: Vec<f64> = knobs.map(drawn).collect();
            if self.is_new(&setting) {
                batch.push(setting);
            }
        }
        Ok(batch)
    }

    /// Remembers a setting; whether it was unknown.
    fn is_new(&mut self, setting: &[f64]) -> bool {
        self.seen
            .insert(setting.iter().map(|x| (x + 0.0).to_bits()).collect())
    }

    /// Evaluates a batch.
    fn take(
        &mut self,
        batch: Vec<Vec<f64>>,
        evaluate: &mut dyn FnMut(&[f64]) -> Result<Vec<f64>>,
    ) -> Result<()> {
        let m = self.objectives.len();
        let rows = batch.concat();
        let outcomes = evaluate(&rows)?;
        if outcomes.len() != batch.len() * m {
            return Err(Error::invalid(format!(
                "{} settings have {} outcomes, {m} each, got {}",
                batch.len(),
                batch.len() * m,
                outcomes.len()
            )));
        }
        if let Some(at) = outcomes.iter().position(|x| x.is_nan()) {
            let knobs = self.knobs.iter().zip(&batch[at / m]);
            let setting: Vec<String> = knobs.map(|(knob, x)| knob.describe(*x)).collect();
            return Err(Error::invalid(format!(
                "\"{}\" is NaN at {}; give a number, or an infinity for what must not be chosen",
                self.objectives[at % m],
                setting.join(", ")
            )));
        }
        self.settings.extend(rows);
        self.points.extend(outcomes);
        Ok(())
    }

    /// Leaves the best in `alive`, whole fronts first and then the least crowded.
    fn survivors(&self, alive: &mut Vec<usize>, maximize: &[bool]) -> Result<Vec<Parent>> {
        let m = self.objectives.len();
        let rows = |of: &[usize]| -> Vec<f64> {
            of.iter()
                .flat_map(|i| self.points[i * m..(i + 1) * m].iter().copied())
                .collect()
        };
        let ranks = nondominated_sort(&rows(alive), m, maximize)?;
        let mut parents: Vec<Parent> = Vec::new();
        for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
            let of_rank = alive.iter().zip(&ranks).filter(|(_, r)| **r == rank);
            let front: Vec<usize> = of_rank.map(|(i, _)| *i).collect();
            let room = crowding_distance(&rows(&front), m)?;
            let members = front.into_iter().zip(room);
            let mut members: Vec<Parent> = members
                .map(|(row, room)| Parent { row, rank, room })
                .collect();
            let free = self.options.population - parents.len();
            if members.len() > free {
                members.sort_by(|a, b| b.room.total_cmp(&a.room).then(a.row.cmp(&b.row)));
                members.truncate(free);
            }
            parents.extend(members);
            if parents.len() == self.options.population {
                break;
            }
        }
        *alive = parents.iter().map(|p| p.row).collect();
        Ok(parents)
    }

    /// As many new settings as live, or fewer where nearly all are known.
    fn children(&mut self, parents: &[Parent]) -> Vec<Vec<f64>> {
        let mut batch = Vec::new();
        let mut duplicates = 0;
        while batch.len() < self.options.population && duplicates < MAX_DUPLICATES {
            let (a, b) = (self.tournament(parents), self.tournament(parents));
            let (mut a, mut b) = (self.setting(a).to_vec(), self.setting(b).to_vec());
            if self.rng.uniform() < self.options.crossover {
                for ((knob, x), y) in self.knobs.iter().zip(&mut a).zip(&mut b) {
                    knob.cross(x, y, self.options.crossover_index, &mut self.rng);
                }
            }
            for mut child in [a, b] {
                let share = self
                    .options
                    .mutation
                    .unwrap_or(1.0 / self.knobs.len() as f64);
                for (knob, x) in self.knobs.iter().zip(&mut child) {
                    // Where crossing finds nothing new, chance may.
                    if duplicates > MAX_DUPLICATES / 2 {
                        *x = knob.at(self.rng.uniform());
                    } else if self.rng.uniform() < share {
                        knob.mutate(x, self.options.mutation_index, &mut self.rng);
                    }
                }
                if batch.len() == self.options.population {
                    break;
                }
                if self.is_new(&child) {
                    batch.push(child);
                    duplicates = 0;
                } else {
                    duplicates += 1;
                }
            }
        }
        if batch.len() < self.options.population {
            self.fill(&mut batch);
        }
        batch
    }

    /// Adds settings that are unknown yet, if there are few enough in all to go through them.
    fn fill(&mut self, batch: &mut Vec<Vec<f64>>) {
        let sizes = self.knobs.iter().map(Knob::size);
        let all = sizes
            .clone()
            .try_fold(1usize, |all, size| all.checked_mul(size?));
        let budget = self
            .options
            .population
            .saturating_mul(self.options.generations);
        let Some(all) = all.filter(|all| *all <= budget && *all > self.len()) else {
            return;
        };
        let start = self.rng.below(all);
        for number in (start..all).chain(0..start) {
            if batch.len() == self.options.population {
                break;
            }
            let mut rest = number;
            let settled = self.knobs.iter().zip(sizes.clone()).map(|(knob, size)| {
                let size = size.unwrap_or(1);
                let at = rest % size;
                rest /= size;
                knob.at((at as f64 + 0.5) / size as f64)
            });
            let setting: Vec<f64> = settled.collect();
            if self.is_new(&setting) {
                batch.push(setting);
            }
        }
    }

    fn tournament(&mut self, parents: &[Parent]) -> usize {
        let mut draw = || parents[self.rng.below(parents.len())];
        let (a, b) = (draw(), draw());
        let order = a.rank.cmp(&b.rank).then(b.room.total_cmp(&a.room));
        if order.is_le() { a.row } else { b.row }
    }
}
