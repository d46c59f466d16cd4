//! A query under the dials and a user, and what each of them added to it.

use super::apply::Reach;
use super::apply::{ApplyOptions, carefully, quickly};
use super::calibrate::CalibrateOptions;
use super::direction::add_scaled;
use super::set::Steering;
use super::vector::check_strength;
use crate::Rows;
use crate::error::{Error, Result};
use crate::kernel::linalg::dot;

/// Who moved the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// A dial of the set.
    Dial,
    /// A user's ratings.
    User,
}

/// What one dial or user added to the query.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// A dial or a user.
    pub kind: PartKind,
    /// Its name.
    pub name: String,
    /// What was added to [`Steered::base`].
    pub vector: Vec<f32>,
}

/// A steered query and how it came about: `vector = (base + sum of parts) / norm`.
#[derive(Clone, Debug, PartialEq)]
pub struct Steered {
    /// The query to search with.
    pub vector: Vec<f32>,
    /// The query before steering: at length 1, or as it was given if nothing moved it; after a turn,
    /// at the length that keeps the sum true.
    pub base: Vec<f32>,
    /// Dials by name, then the user; those that add nothing are left out.
    pub parts: Vec<Part>,
    /// The length before normalisation, the factor common to all parts.
    pub norm: f64,
}

impl Steered {
    /// The split of the inner product with `document`: the query's share, then that of each part.
    /// The shares add up to `vector . document`, to the rounding of float32.
    pub fn split(&self, document: &[f32]) -> Result<Vec<f64>> {
        if document.len() != self.base.len() {
            return Err(Error::dimension(
                "this query",
                self.base.len(),
                document.len(),
            ));
        }
        let share = |v: &[f32]| {
            let sum: f64 = v
                .iter()
                .zip(document)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            sum / self.norm
        };
        let parts = self.parts.iter().map(|p| share(&p.vector));
        Ok(std::iter::once(share(&self.base)).chain(parts).collect())
    }
}

impl Steering {
    /// The unit query moved by `dials` (name and strength in -100..=100, each name once) and by
    /// what is known of `user`, at length 1. If nothing moves it, `query` comes back bit for bit.
    pub fn apply(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
    ) -> Result<Vec<f32>> {
        self.apply_with(query, dials, user, &ApplyOptions::default())
    }

    /// [`apply`](Self::apply) on another way, or within a bound on what all of it costs.
    ///
    /// ```
    /// use rag_core::steering::{ApplyOptions, Steering, SteeringVector};
    /// let mut steering = Steering::new();
    /// steering.insert(SteeringVector::from_parts("up", &[0.0, 1.0, 0.0], 0.2, None)?)?;
    /// steering.insert(SteeringVector::from_parts("out", &[0.0, 0.0, 1.0], 0.2, None)?)?;
    /// let dials = [("up", 3.0), ("out", 3.0)];
    /// // Either dial costs 3% at 1; what would cost 54% is held to 6%, in the same direction.
    /// let bound = ApplyOptions::default().max_loss(Some(0.06));
    /// let held = steering.apply_with(&[1.0, 0.0, 0.0], &dials, None, &bound)?;
    /// let one = steering.apply(&[1.0, 0.0, 0.0], &[("up", 1.0), ("out", 1.0)], None)?;
    /// assert!(held.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-6));
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn apply_with(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
        options: &ApplyOptions,
    ) -> Result<Vec<f32>> {
        let moves = self.moves(query, dials, user, options)?;
        if moves.is_empty() {
            Rows::single(query)?.check_finite()?;
            return Ok(query.to_vec());
        }
        let (sum, factor) = summed(&moves, options);
        let narrow: Vec<f32> = sum.iter().map(|&v| v as f32).collect();
        if let Some(vector) = quickly(query, &narrow, factor, options.application) {
            return Ok(vector);
        }
        let sum: Vec<f64> = sum.iter().map(|v| v * factor).collect();
        carefully(query, &sum, options.application).map(|(vector, _, _)| vector)
    }

    /// [`apply_with`](Self::apply_with), with what every dial and the user added.
    pub fn apply_explained(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
        options: &ApplyOptions,
    ) -> Result<Steered> {
        let moves = self.moves(query, dials, user, options)?;
        if moves.is_empty() {
            Rows::single(query)?.check_finite()?;
            return Ok(Steered {
                vector: query.to_vec(),
                base: query.to_vec(),
                parts: Vec::new(),
                norm: 1.0,
            });
        }
        let (mut sum, factor) = summed(&moves, options);
        sum.iter_mut().for_each(|v| *v *= factor);
        let (vector, unit, mix) = carefully(query, &sum, options.application)?;
        let scaled = |v: &[f64], by: f64| v.iter().map(|&x| (by * x) as f32).collect();
        let part = |moved: &Move<'_>| Part {
            kind: moved.kind,
            name: moved.name.to_owned(),
            vector: scaled(&moved.added, factor),
        };
        // Where the turn is none, the parts have no share.
        let (base, norm) = match mix.moved > 0.0 {
            true => (mix.query / mix.moved, 1.0 / mix.moved),
            false => (1.0, 1.0),
        };
        Ok(Steered {
            vector,
            base: scaled(&unit, base),
            parts: match mix.moved > 0.0 {
                true => moves.iter().map(part).collect(),
                false => Vec::new(),
            },
            norm,
        })
    }

    /// Everything that moves the query.
    fn moves<'a>(
        &'a self,
        query: &[f32],
        dials: &[(&'a str, f64)],
        user: Option<&'a str>,
        options: &ApplyOptions,
    ) -> Result<Vec<Move<'a>>> {
        options.check()?;
        self.check_dim(query.len())?;
        let mut asked = dials.to_vec();
        asked.sort_unstable_by(|a, b| a.0.cmp(b.0));
        if let Some(pair) = asked.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::invalid(format!(
                "the dial \"{}\" is given twice; add the strengths up",
                pair[0].0
            )));
        }
        let mut moves = Vec::with_capacity(asked.len() + 1);
        for (name, strength) in asked {
            let dial = self.get(name)?;
            check_strength("the strength of a dial", strength)?;
            let factor = strength * dial.scale();
            let added: Vec<f64> = dial
                .vector()
                .iter()
                .map(|&v| factor * f64::from(v))
                .collect();
            if strength != 0.0 && added.iter().any(|v| *v != 0.0) {
                moves.push(Move {
                    kind: PartKind::Dial,
                    name,
                    added,
                    scale: dial.length(),
                    loss: dial.cost(),
                });
            }
        }
        if let Some((user, shift)) = user.and_then(|u| Some((u, self.shift_of(u)?))) {
            moves.push(Move {
                kind: PartKind::User,
                name: user,
                added: shift.vector,
                scale: shift.scale,
                loss: CalibrateOptions::default().loss,
            });
        }
        Ok(moves)
    }
}

/// What one dial or user adds.
struct Move<'a> {
    kind: PartKind,
    name: &'a str,
    added: Vec<f64>,
    /// The length at which it costs `loss`.
    scale: f64,
    loss: f64,
}

/// The sum of all moves, and the factor that keeps it within the bound.
fn summed(moves: &[Move<'_>], options: &ApplyOptions) -> (Vec<f64>, f64) {
    let mut sum = vec![0.0; moves.first().map_or(0, |m| m.added.len())];
    let mut reach = Reach::default();
    for moved in moves {
        add_scaled(&mut sum, 1.0, &moved.added);
        if options.max_loss.is_some() {
            let length = dot(&moved.added, &moved.added).sqrt();
            reach.take(length, moved.scale, moved.loss);
        }
    }
    let factor = match options.max_loss {
        Some(_) => reach.factor(dot(&sum, &sum), options.max_loss),
        None => 1.0,
    };
    (sum, factor)
}
