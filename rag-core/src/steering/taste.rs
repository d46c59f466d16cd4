//! What moves a user's queries, told in the words of the dials, and how it came to be.

use super::feedback::Event;
use super::set::Steering;
use super::user::{Shift, User};
use crate::kernel::linalg::dot;

/// What is known of a user, and where it takes their queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Taste {
    /// Ratings taken in.
    pub ratings: u64,
    /// How far the user is followed, in 0..1: 0 for one of whom nothing is known.
    pub trust: f64,
    /// The dials by name with the strengths that come nearest to what the user's queries are moved
    /// by.
    pub dials: Vec<(String, f64)>,
    /// The share, in 0..=1, of the squared length of that move that no dial names.
    pub unnamed: f64,
}

/// A user's taste after one of their ratings.
#[derive(Clone, Debug, PartialEq)]
pub struct TasteAt {
    /// The time of the rating in unix seconds.
    pub at: f64,
    /// The rating.
    pub rating: f64,
    /// The taste with it.
    pub taste: Taste,
}

impl Steering {
    /// What moves the queries of `user`: strengths of dials that come nearest to it, and how much no
    /// dial names. A user of whom nothing is known has no ratings and stands at 0, unless what all
    /// users share moves them.
    ///
    /// ```
    /// use rag_core::steering::{Steering, SteeringVector};
    /// let mut steering = Steering::new();
    /// steering.insert(SteeringVector::from_parts("calm", &[0.0, 1.0, 0.0], 0.2, None)?)?;
    /// for _ in 0..9 {
    ///     steering.feedback(&[1.0, 0.0, 0.0], &[0.8, 0.6, 0.0], 1.0, Some("ann"), &[], None)?;
    /// }
    /// let taste = steering.taste("ann");
    /// assert_eq!((taste.ratings, taste.dials[0].0.as_str()), (9, "calm"));
    /// assert!(taste.dials[0].1 > 0.5 && taste.unnamed < 0.01);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn taste(&self, user: &str) -> Taste {
        self.taste_of(self.users.get(user), self.shift_of(user))
    }

    /// How many ratings of `user` were taken in.
    pub(crate) fn ratings(&self, user: &str) -> u64 {
        self.users.get(user).map_or(0, User::ratings)
    }

    /// The taste of `user` after each of their ratings that the history holds and that count, oldest
    /// first, as if there had been no others.
    pub fn drift(&self, user: &str) -> Vec<TasteAt> {
        let mut known = User::default();
        let own = |e: &&Event| e.kept && e.user.as_deref() == Some(user);
        let each = self.history.iter().filter(own).map(|event| {
            known.take(0, &event.residual, event.rating, event.position);
            let shift = self.span().shift(Some(&known), None);
            TasteAt {
                at: event.at,
                rating: event.rating,
                taste: self.taste_of(Some(&known), shift),
            }
        });
        each.collect()
    }

    fn taste_of(&self, user: Option<&User>, shift: Option<Shift>) -> Taste {
        let vector = shift.as_ref().map_or(&[][..], |shift| &shift.vector);
        let square = dot(vector, vector);
        let span = self.span();
        // Along directions of length 1: strengths are in lengths that a dial of 1 adds.
        let along = match vector.is_empty() {
            true => Vec::new(),
            false => span.strengths(vector),
        };
        let part = span.part(vector);
        let named = dot(&part, &part);
        let lengths = self.dials().map(|dial| (dial.name(), dial.length()));
        let directed = lengths.filter(|(_, length)| *length > 0.0);
        let padded = along.into_iter().chain(std::iter::repeat(0.0));
        Taste {
            ratings: user.map_or(0, User::ratings),
            trust: match &shift {
                Some(shift) if shift.scale > 0.0 => (square.sqrt() / shift.scale).min(1.0),
                _ => 0.0,
            },
            dials: directed
                .zip(padded)
                .map(|((name, length), along)| (name.to_owned(), along / length))
                .collect(),
            unnamed: match square > 0.0 {
                true => (1.0 - named / square).clamp(0.0, 1.0),
                false => 0.0,
            },
        }
    }
}
