//! A front that is kept while points come, with bounded size.

use super::hypervolume::{Boxes, MAX_VOLUME_OBJECTIVES, exclusive};
use super::points::{MAX_OBJECTIVES, covers, signs};
use super::sort::crowding_distance;
use crate::error::{Error, Result};
use crate::{option_enum, options};

option_enum! {
    /// Which point of a full [`ParetoArchive`] goes.
    Keep {
        /// The most crowded one (Deb et al., 2002).
        Crowding = "crowding",
        /// The one that alone dominates the least volume (Beume, Naujoks and Emmerich, 2007).
        Volume = "volume",
    }
}

options! {
    /// How a [`ParetoArchive`] stays small.
    ArchiveOptions {
        /// Most points that are kept.
        capacity: usize = 100, in 1..=100_000;
        /// `"crowding"` or `"volume"`; the latter takes 2 to 10 objectives.
        keep: Keep = Keep::Crowding;
    }
}

/// The points so far that no other dominates, each with a number of the caller's.
///
/// While there is room nothing is lost, and the order in which points come does not matter. In a
/// full archive each new point of the front makes one go.
///
/// ```
/// use rag_core::routing::{ArchiveOptions, ParetoArchive};
/// let mut archive = ParetoArchive::new(2, &[], &[], ArchiveOptions::default().capacity(3))?;
/// for (id, point) in [[0.0, 9.0], [9.0, 0.0], [4.0, 4.0], [5.0, 5.0], [4.1, 3.9]].iter().enumerate() {
///     archive.insert(point, id as u64)?;
/// }
/// // 3 is dominated by 2; of 2 and 4, which are close, one had to go.
/// assert_eq!(archive.ids(), [0, 1, 2]);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParetoArchive {
    d: usize,
    signs: Vec<f64>,
    /// As given.
    reference: Vec<f64>,
    options: ArchiveOptions,
    /// Turned, so that less is better; rows of `d`.
    points: Vec<f64>,
    ids: Vec<u64>,
}

impl ParetoArchive {
    /// An empty archive for points of `d` numbers.
    ///
    /// `maximize` is as for [`pareto_front`](super::pareto_front). The `reference` is used to keep
    /// volume: `d` finite numbers, or none to take what is a tenth of the front's range worse than
    /// its worst.
    pub fn new(
        d: usize,
        maximize: &[bool],
        reference: &[f64],
        options: ArchiveOptions,
    ) -> Result<Self> {
        options.check()?;
        if d == 0 || d > MAX_OBJECTIVES {
            return Err(Error::invalid(format!(
                "points have 1 to {MAX_OBJECTIVES} columns, got {d}"
            )));
        }
        if options.keep == Keep::Volume && d > MAX_VOLUME_OBJECTIVES {
            return Err(Error::invalid(format!(
                "a hypervolume takes at most {MAX_VOLUME_OBJECTIVES} columns, got {d}; keep by crowding"
            )));
        }
        if !reference.is_empty()
            && (reference.len() != d || reference.iter().any(|x| !x.is_finite()))
        {
            return Err(Error::invalid(format!(
                "reference must be {d} finite numbers, one for each column, got {reference:?}"
            )));
        }
        let signs = signs(d, maximize)?;
        let reference = reference.iter().zip(&signs).map(|(x, s)| x * s).collect();
        Ok(Self {
            d,
            signs,
            reference,
            options,
            points: Vec::new(),
            ids: Vec::new(),
        })
    }

    /// Offers a point; answers whether it is kept.
    ///
    /// A point that is dominated is not, nor one that is here already under the same number;
    /// other equal points are. NaN is `InvalidArgument`.
    pub fn insert(&mut self, point: &[f64], id: u64) -> Result<bool> {
        self.check(point)?;
        let turned: Vec<f64> = point
            .iter()
            .zip(&self.signs)
            .map(|(x, s)| x * s + 0.0)
            .collect();
        Ok(self.offer(&turned, id))
    }

    /// Offers rows of points, all or none: answers for each whether it was kept when it came.
    pub fn extend(&mut self, points: &[f64], ids: &[u64]) -> Result<Vec<bool>> {
        if points.len() != ids.len().saturating_mul(self.d) {
            return Err(Error::invalid(format!(
                "{} ids need {} numbers, rows of {}, got {}",
                ids.len(),
                ids.len().saturating_mul(self.d),
                self.d,
                points.len()
            )));
        }
        points
            .chunks_exact(self.d)
            .try_for_each(|point| self.check(point))?;
        points
            .chunks_exact(self.d)
            .zip(ids)
            .map(|(point, id)| self.insert(point, *id))
            .collect()
    }

    /// Offers what another archive holds, which must be of the same objectives.
    pub fn merge(&mut self, other: &ParetoArchive) -> Result<()> {
        if (self.d, &self.signs) != (other.d, &other.signs) {
            return Err(Error::invalid(format!(
                "archives of {} and {} objectives, or other directions, do not merge",
                self.d, other.d
            )));
        }
        for (point, id) in other.points.chunks_exact(self.d).zip(&other.ids) {
            self.offer(point, *id);
        }
        Ok(())
    }

    fn check(&self, point: &[f64]) -> Result<()> {
        if point.len() != self.d {
            return Err(Error::invalid(format!(
                "this archive holds points of {} numbers, got {}",
                self.d,
                point.len()
            )));
        }
        match point.iter().position(|x| x.is_nan()) {
            Some(at) => Err(Error::invalid(format!(
                "the point has NaN in column {at}; leave such points out"
            ))),
            None => Ok(()),
        }
    }

    fn offer(&mut self, point: &[f64], id: u64) -> bool {
        let d = self.d;
        for (row, held) in self.points.chunks_exact(d).zip(&self.ids) {
            if covers(row, point) && (row != point || *held == id) {
                return false;
            }
        }
        let mut end = 0;
        for i in 0..self.ids.len() {
            let row = i * d..(i + 1) * d;
            if covers(point, &self.points[row.clone()]) && *point != self.points[row.clone()] {
                continue;
            }
            self.points.copy_within(row, end * d);
            self.ids[end] = self.ids[i];
            end += 1;
        }
        self.points.truncate(end * d);
        self.ids.truncate(end);
        self.points.extend_from_slice(point);
        self.ids.push(id);
        if self.ids.len() <= self.options.capacity {
            return true;
        }
        let goes = self.least();
        self.points.drain(goes * d..(goes + 1) * d);
        self.ids.remove(goes) != id || goes != end
    }

    /// The member that is missed least, the last of equal ones.
    fn least(&self) -> usize {
        let room = match self.options.keep {
            Keep::Crowding => crowding_distance(&self.points, self.d),
            Keep::Volume => {
                let reference = self.reference();
                Boxes::new(&self.points, self.d, &reference, &[]).map(|boxes| {
                    let mut room = vec![0.0; self.ids.len()];
                    let alone = exclusive(&boxes.sizes, self.d);
                    boxes
                        .rows
                        .iter()
                        .zip(alone)
                        .for_each(|(i, alone)| room[*i] = alone);
                    room
                })
            }
        };
        let room = room.unwrap_or_default().into_iter().enumerate();
        let least = room.rev().min_by(|a, b| a.1.total_cmp(&b.1));
        least.map_or(self.ids.len() - 1, |(i, _)| i)
    }

    fn reference(&self) -> Vec<f64> {
        if !self.reference.is_empty() {
            return self.reference.clone();
        }
        let behind = |column: usize| {
            let values = self.points.iter().skip(column).step_by(self.d).copied();
            let finite = values.filter(|x| x.is_finite());
            let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| {
                (l.min(x), h.max(x))
            });
            let worse = high + 0.1 * (high - low);
            if worse.is_finite() { worse } else { 0.0 }
        };
        (0..self.d).map(behind).collect()
    }

    /// Numbers of a point.
    pub fn objectives(&self) -> usize {
        self.d
    }

    /// How many points it holds.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The points, rows as they were given, those that came first first.
    pub fn points(&self) -> Vec<f64> {
        let signs = self.signs.iter().cycle();
        self.points
            .iter()
            .zip(signs)
            .map(|(x, sign)| x * sign + 0.0)
            .collect()
    }

    /// Their numbers.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }
}
