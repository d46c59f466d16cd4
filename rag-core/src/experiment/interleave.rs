//! Two rankings in one list, and which of them is clicked more.

use super::ledger::{Counted, Entries, Ledger};
use super::sequential::multinomial;
use crate::error::{Error, Result};
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Most results of a ranking that is interleaved.
pub const MAX_RANKING: usize = 10_000;
const FORMAT: &str = "ragcore-interleaving-1";

crate::option_enum! {
    /// Whose result it is.
    Team {
        /// That of the first ranking.
        A = "a",
        /// That of the second.
        B = "b",
    }
}

/// A list made of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Interleaved {
    /// The results, best first.
    pub ids: Vec<String>,
    /// Who chose each; `None` where only one ranking had any left, for which nobody is credited.
    pub teams: Vec<Option<Team>>,
}

/// Interleaves two rankings by team draft (Radlinski, Kurup and Joachims, 2008): in each round a coin decides who chooses
/// first, and each chooses its best result that is not in the list yet. At most `k` results. The same seed
/// gives the same list; take one for each question, such as [`super::stable_hash`] of user and question.
///
/// Errors: `InvalidArgument` for a ranking of more than [`MAX_RANKING`] results or with one twice.
///
/// ```
/// use rag_core::experiment::{Team, interleave};
/// let list = interleave(&["x", "y", "z"], &["y", "w", "x"], 3, 1)?;
/// assert_eq!(list.ids.len(), 3);
/// // Each list chose at least one of the first two.
/// assert_ne!(list.teams[0], list.teams[1]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn interleave(a: &[&str], b: &[&str], k: usize, seed: u64) -> Result<Interleaved> {
    for (name, ranking) in [("a", a), ("b", b)] {
        if ranking.len() > MAX_RANKING {
            return Err(Error::invalid(format!(
                "ranking {name} has {} results, expected at most {MAX_RANKING}; cut it off",
                ranking.len()
            )));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = ranking.iter().position(|id| !seen.insert(*id)) {
            return Err(Error::invalid(format!(
                "ranking {name} has result {twice} for the second time; give each once"
            )));
        }
    }
    let mut rng = Rng::new(seed);
    let mut list = Interleaved {
        ids: Vec::new(),
        teams: Vec::new(),
    };
    let mut used = HashSet::new();
    let (mut rest_a, mut rest_b) = (a.iter().copied(), b.iter().copied());
    let (mut chosen_a, mut chosen_b) = (0usize, 0usize);
    let mut next = (None, None);
    while list.ids.len() < k {
        let fresh = |held: Option<&str>| held.is_none_or(|id| used.contains(id));
        if fresh(next.0) {
            next.0 = rest_a.find(|id| !used.contains(id));
        }
        if fresh(next.1) {
            next.1 = rest_b.find(|id| !used.contains(id));
        }
        let (id, team) = match next {
            (Some(of_a), Some(of_b)) => {
                let first = chosen_a < chosen_b || chosen_a == chosen_b && rng.below(2) == 0;
                if first {
                    chosen_a += 1;
                    (of_a, Some(Team::A))
                } else {
                    chosen_b += 1;
                    (of_b, Some(Team::B))
                }
            }
            // A round that was begun is ended, or who went first would be credited once more.
            (Some(of_a), None) if chosen_a < chosen_b => {
                chosen_a += 1;
                (of_a, Some(Team::A))
            }
            (None, Some(of_b)) if chosen_b < chosen_a => {
                chosen_b += 1;
                (of_b, Some(Team::B))
            }
            (Some(only), None) | (None, Some(only)) => (only, None),
            (None, None) => break,
        };
        used.insert(id);
        list.ids.push(id.to_owned());
        list.teams.push(team);
    }
    Ok(list)
}

impl Interleaved {
    /// Clicks of each ranking's results. A click on what is not in the list counts for nobody, one that is told twice
    /// counts once.
    pub fn credit(&self, clicked: &[&str]) -> (u64, u64) {
        let clicked: HashSet<&str> = clicked.iter().copied().collect();
        let of = |team: Team| {
            let shown = self.ids.iter().zip(&self.teams);
            let hit = |(id, by): &(&String, &Option<Team>)| {
                **by == Some(team) && clicked.contains(id.as_str())
            };
            shown.filter(hit).count() as u64
        };
        (of(Team::A), of(Team::B))
    }

    /// As JSON: `ids`, and `teams`, whose each is.
    pub fn to_json(&self) -> String {
        let teams: Vec<_> = self.teams.iter().map(|team| team.map(Team::name)).collect();
        serde_json::json!({"ids": self.ids, "teams": teams}).to_string()
    }
}

/// Lists that were clicked, by who had more clicks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Wins {
    a: u64,
    b: u64,
    ties: u64,
}

impl Counted for Wins {
    fn size(&self) -> u64 {
        self.a.saturating_add(self.b).saturating_add(self.ties)
    }

    fn add(&mut self, other: &Self) {
        self.a = self.a.saturating_add(other.a);
        self.b = self.b.saturating_add(other.b);
        self.ties = self.ties.saturating_add(other.ties);
    }
}

/// How two rankings do against each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preference {
    /// Lists in which the first ranking had more clicks.
    pub a: u64,
    /// Lists in which the second had more.
    pub b: u64,
    /// Lists in which both had as many, none included.
    pub ties: u64,
    /// How often the first wins where one does, in 0 to 1.
    pub share_a: f64,
    /// Of the sequential test that both win equally often; true whenever it is looked at.
    pub p_value: f64,
    /// `a` or `b` once the test says so.
    pub better: Option<&'static str>,
}

impl Preference {
    /// As a JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and names always can be written")
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    format: String,
    alpha: f64,
    wins: Entries<Wins>,
}

/// Which of two rankings is clicked more, over many interleaved lists. Usable from many threads.
///
/// ```
/// use rag_core::experiment::{Interleaving, interleave};
/// let test = Interleaving::new(0.05)?;
/// for seed in 0..200 {
///     let list = interleave(&["good", "x"], &["y", "good"], 2, seed)?;
///     test.record(&list, &["good"]);
/// }
/// // The first ranking has it at its top, so it more often gets there first.
/// assert_eq!(test.status().better, Some("a"));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Interleaving {
    alpha: f64,
    wins: Mutex<Ledger<Wins>>,
}

impl Interleaving {
    /// A test that is wrong with probability `alpha`, above 0 and up to 0.5.
    pub fn new(alpha: f64) -> Result<Self> {
        if !(alpha > 0.0 && alpha <= 0.5) {
            return Err(Error::invalid(format!(
                "alpha must be above 0 and at most 0.5, got {alpha}"
            )));
        }
        Ok(Self {
            alpha,
            wins: Mutex::new(Ledger::new(Entries(Default::default()))),
        })
    }

    /// Counts a list that was shown and what was clicked of it.
    pub fn record(&self, list: &Interleaved, clicked: &[&str]) {
        let (a, b) = list.credit(clicked);
        let mut wins = self.wins.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = wins.mine();
        let more = match a.cmp(&b) {
            std::cmp::Ordering::Greater => &mut mine.a,
            std::cmp::Ordering::Less => &mut mine.b,
            std::cmp::Ordering::Equal => &mut mine.ties,
        };
        *more = more.saturating_add(1);
    }

    /// How it stands.
    pub fn status(&self) -> Preference {
        let wins = self.wins.lock().unwrap_or_else(PoisonError::into_inner);
        let Wins { a, b, ties } = wins.total();
        let p_value = multinomial(&[a, b], &[0.5, 0.5]);
        let better = match p_value < self.alpha {
            true if a > b => Some(Team::A.name()),
            true => Some(Team::B.name()),
            false => None,
        };
        Preference {
            a,
            b,
            ties,
            share_a: match a.saturating_add(b) {
                0 => 0.5,
                n => a as f64 / n as f64,
            },
            p_value,
            better,
        }
    }

    /// The state as JSON, for [`Interleaving::from_json`] and [`Interleaving::merge`].
    pub fn to_json(&self) -> Result<String> {
        let wins = self.wins.lock().unwrap_or_else(PoisonError::into_inner);
        let state = State {
            format: FORMAT.to_owned(),
            alpha: self.alpha,
            wins: wins.entries().clone(),
        };
        super::state::write(&state)
    }

    /// Goes on from a state.
    pub fn from_json(json: &str) -> Result<Self> {
        let state: State = super::state::read(json, "an interleaving")?;
        super::state::check_format(&state.format, FORMAT, state.wins.0.keys())?;
        let test = Self::new(state.alpha)?;
        test.wins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .merge(&state.wins);
        Ok(test)
    }

    /// Takes in what another process has counted. The same state may come again.
    pub fn merge(&self, json: &str) -> Result<()> {
        let other = Self::from_json(json)?;
        let other = other.wins.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wins = self.wins.lock().unwrap_or_else(PoisonError::into_inner);
        wins.merge(other.entries());
        Ok(())
    }
}
