//! A bandit by itself or one of a collection, behind one set of calls.

use super::choosers::KeptBandit;
use super::tune::Tuner;
use crate::bandit::{Bandit, Choice};
use crate::error::Result;

/// A bandit by itself, or one that lives in a collection.
///
/// What the second one learns is logged there and durable when the call returns; that is the only
/// difference to whoever uses it.
///
/// ```
/// use rag_core::bandit::{Arms, Bandit, BanditOptions};
/// use rag_core::collection::{AnyBandit, Collection};
/// let collection = Collection::in_memory(None, None)?;
/// let alone = Bandit::new(Arms::Values(vec![0.0, 1.0]), &BanditOptions::default())?;
/// collection.bandits().insert("weights", &alone)?;
/// for mut bandit in [AnyBandit::from(alone), collection.bandits().tuner("weights")?.into()] {
///     let choice = bandit.choose("baking", None)?;
///     bandit.reward(choice.id, 1.0)?;
///     assert_eq!(bandit.look(|b| Ok(b.log().len()))?, 1);
/// }
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub enum AnyBandit {
    /// By itself.
    Alone(Box<Bandit>),
    /// In a collection.
    Kept(KeptBandit),
}

impl From<Bandit> for AnyBandit {
    fn from(bandit: Bandit) -> Self {
        Self::Alone(Box::new(bandit))
    }
}

impl From<KeptBandit> for AnyBandit {
    fn from(bandit: KeptBandit) -> Self {
        Self::Kept(bandit)
    }
}

impl AnyBandit {
    /// Looks at it as it is. For one in a collection `look` must neither choose nor pay.
    pub fn look<T>(&self, look: impl FnOnce(&Bandit) -> Result<T>) -> Result<T> {
        match self {
            Self::Alone(bandit) => look(bandit),
            Self::Kept(kept) => kept.bandits().look(kept.name(), look),
        }
    }

    /// A copy that learns by itself.
    pub fn to_bandit(&self) -> Result<Bandit> {
        self.look(|bandit| Ok(bandit.clone()))
    }

    /// Changes it as a whole: a prior, a merger. See [`CollectionBandits::change`](super::CollectionBandits::change).
    pub fn change(&mut self, body: impl FnOnce(&mut Bandit) -> Result<()>) -> Result<()> {
        match self {
            Self::Alone(bandit) => body(bandit),
            Self::Kept(kept) => kept.bandits().change(kept.name(), body),
        }
    }

    /// Chooses an arm; see [`Bandit::choose`].
    pub fn choose(&mut self, domain: &str, context: Option<&[f64]>) -> Result<Choice> {
        match self {
            Self::Alone(bandit) => bandit.choose(domain, context),
            Self::Kept(kept) => kept.bandits().choose(kept.name(), domain, context),
        }
    }

    /// Chooses for each of many, all or none; see [`Bandit::choose_many`].
    pub fn choose_many(&mut self, queries: &[(&str, Option<&[f64]>)]) -> Result<Vec<Choice>> {
        match self {
            Self::Alone(bandit) => bandit.choose_many(queries),
            Self::Kept(kept) => kept.bandits().choose_many(kept.name(), queries),
        }
    }

    /// Tells what a choice earned; see [`Bandit::reward`].
    pub fn reward(&mut self, id: u64, reward: f64) -> Result<()> {
        match self {
            Self::Alone(bandit) => bandit.reward(id, reward),
            Self::Kept(kept) => kept.bandits().reward(kept.name(), id, reward),
        }
    }

    /// Tells what many choices earned, all of them or none; see [`Bandit::reward_many`].
    pub fn reward_many(&mut self, rewards: &[(u64, f64)]) -> Result<()> {
        match self {
            Self::Alone(bandit) => bandit.reward_many(rewards),
            Self::Kept(kept) => kept.bandits().reward_many(kept.name(), rewards),
        }
    }

    /// Tells what every arm of a choice would have earned; see [`Bandit::reward_all`].
    pub fn reward_all(&mut self, id: u64, rewards: &[f64]) -> Result<()> {
        match self {
            Self::Alone(bandit) => bandit.reward_all(id, rewards),
            Self::Kept(kept) => kept.bandits().reward_all(kept.name(), id, rewards),
        }
    }
}

/// One in a collection pays there; one by itself is lent by whoever holds it.
impl Tuner for KeptBandit {
    fn lend(&self, body: &mut dyn FnMut(&mut Bandit) -> Result<()>) -> Result<()> {
        self.bandits().change(self.name(), body)
    }

    fn look(&self, body: &mut dyn FnMut(&Bandit) -> Result<()>) -> Result<()> {
        self.bandits().look(self.name(), body)
    }

    fn choose(&self, domains: &[&str]) -> Result<Vec<Choice>> {
        let queries: Vec<(&str, Option<&[f64]>)> = domains.iter().map(|d| (*d, None)).collect();
        self.bandits().choose_many(self.name(), &queries)
    }

    fn reward(&self, id: u64, reward: f64) -> Result<()> {
        self.bandits().reward(self.name(), id, reward)
    }

    fn reward_all(&self, id: u64, rewards: &[f64]) -> Result<()> {
        self.bandits().reward_all(self.name(), id, rewards)
    }
}
