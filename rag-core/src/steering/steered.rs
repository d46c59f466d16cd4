//! A query under the dials and a user, and what each of them added to it.

use super::direction::add_scaled;
use super::set::Steering;
use super::user::Shift;
use super::vector::{check_strength, length_one, unit_query};
use crate::Rows;
use crate::error::{Error, Result};

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
    /// The query before steering: at length 1, or as it was given if nothing moved it.
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
        self.apply_explained(query, dials, user).map(|s| s.vector)
    }

    /// [`apply`](Self::apply), with what every dial and the user added.
    pub fn apply_explained(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
    ) -> Result<Steered> {
        self.check_dim(query.len())?;
        Rows::single(query)?.check_finite()?;
        let mut moves = self.moves(dials)?;
        if let Some(Shift(vector)) = user.and_then(|user| self.shift_of(user)) {
            let name = user.unwrap_or_default().to_owned();
            moves.push((PartKind::User, name, vector.clone()));
        }
        if moves.is_empty() {
            return Ok(Steered {
                vector: query.to_vec(),
                base: query.to_vec(),
                parts: Vec::new(),
                norm: 1.0,
            });
        }
        let narrow = |v: &[f64]| v.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let mut sum = unit_query(query)?;
        let base = narrow(&sum);
        let mut parts = Vec::with_capacity(moves.len());
        for (kind, name, vector) in moves {
            add_scaled(&mut sum, 1.0, &vector);
            let vector = narrow(&vector);
            parts.push(Part { kind, name, vector });
        }
        let (vector, norm) = length_one(sum)?;
        Ok(Steered {
            vector,
            base,
            parts,
            norm,
        })
    }

    fn moves(&self, dials: &[(&str, f64)]) -> Result<Vec<(PartKind, String, Vec<f64>)>> {
        let mut asked = dials.to_vec();
        asked.sort_by(|a, b| a.0.cmp(b.0));
        if let Some(pair) = asked.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::invalid(format!(
                "the dial \"{}\" is given twice; add the strengths up",
                pair[0].0
            )));
        }
        let mut moves = Vec::with_capacity(asked.len());
        for (name, strength) in asked {
            let dial = self.get(name)?;
            check_strength("the strength of a dial", strength)?;
            let mut vector = dial.wide();
            vector
                .iter_mut()
                .for_each(|v| *v *= strength * dial.scale());
            if vector.iter().any(|v| *v != 0.0) {
                moves.push((PartKind::Dial, name.to_owned(), vector));
            }
        }
        Ok(moves)
    }
}
