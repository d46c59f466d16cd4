//! Bandits that live in a collection: what they learn is logged and durable like documents.
//!
//! A choice changes nothing that is kept, so it takes no more than the bandit itself for a moment. Three
//! things are logged: a bandit as a whole, a domain (or contexts) that a choice is the first to name, and
//! what a choice earned, with all that was believed when it was made. Replaying these makes the same
//! bandit to the bit (`bandit::saved::kept`). Choices that wait for their reward end with the process.

use super::Collection;
use super::codec::{Change, malformed};
use crate::bandit::{Bandit, Choice, Earned, Estimate};
use crate::error::{Error, ErrorKind, Result};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bandits that a collection holds at most.
pub const MAX_BANDITS: usize = 256;
/// Bytes that the name of one may have.
const MAX_NAME: usize = 256;

/// Bandits by their names.
#[derive(Debug, Default)]
pub(super) struct Choosers(BTreeMap<String, Arc<Mutex<Bandit>>>);

impl Choosers {
    fn get(&self, name: &str) -> Result<Arc<Mutex<Bandit>>> {
        self.0.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "there are none".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            Error::new(
                ErrorKind::NotFound,
                format!("no bandit is called \"{name}\" here; {known}"),
            )
        })
    }

    /// Takes in one of the changes that are of bandits.
    pub(super) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Bandit { name, bandit } => {
                let bandit = Bandit::from_kept(bandit)?;
                self.0.insert(name.clone(), Arc::new(Mutex::new(bandit)));
            }
            Change::NoBandit(name) => drop(self.0.remove(name)),
            Change::Domain {
                name,
                domain,
                features,
            } => lock(&self.known(name)?).take_news(domain, *features)?,
            Change::Reward { name, earned } => lock(&self.known(name)?).take_earned(earned)?,
            _ => {}
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<Arc<Mutex<Bandit>>> {
        self.get(name).map_err(|e| malformed(e.message()))
    }

    /// What makes these bandits.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.0.iter().map(|(name, bandit)| Change::Bandit {
            name: name.clone(),
            bandit: lock(bandit).to_kept(),
        })
    }

    /// Lets all draw anew, so that no choice has the number of one that was made before opening.
    pub(super) fn draw_anew(&self) {
        for bandit in self.0.values() {
            lock(bandit).draw_from(Rng::seed_from_system());
        }
    }
}

/// A bandit changes as a whole or not at all.
fn lock(bandit: &Arc<Mutex<Bandit>>) -> MutexGuard<'_, Bandit> {
    bandit.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A collection's bandits. What they learn is logged and durable like documents.
///
/// ```
/// use rag_core::bandit::{Arms, Bandit, BanditOptions};
/// use rag_core::collection::{Collection, OpenOptions};
/// let dir = std::env::temp_dir().join(format!("ragcore-doc-bandits-{}", std::process::id()));
/// let collection = Collection::open(&dir, None, &OpenOptions::default())?;
/// let arms = Arms::Values(vec![0.0, 0.5, 1.0]);
/// let bandit = Bandit::new(arms, &BanditOptions::default().seed(Some(1)))?;
/// collection.bandits().insert("weights", &bandit)?;
/// let late = collection.bandits().choose("weights", "baking", None)?;
/// let paid = collection.bandits().choose("weights", "baking", None)?;
/// collection.bandits().reward("weights", paid.id, 1.0)?;
/// drop(collection);
/// let again = Collection::open(&dir, None, &OpenOptions::default())?;
/// let estimates = again.bandits().estimates("weights", "baking", None)?;
/// assert_eq!(estimates.iter().map(|e| e.count).sum::<f64>(), 1.0);
/// // A choice that waits ends with the process that made it.
/// assert!(again.bandits().reward("weights", late.id, 1.0).is_err());
/// # drop(again);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CollectionBandits<'a> {
    collection: &'a Collection,
}

/// A collection's bandit by its name: for searches that it tunes, and for [`AnyBandit`](super::AnyBandit).
#[derive(Clone, Debug)]
pub struct KeptBandit {
    collection: Collection,
    name: String,
}

impl KeptBandit {
    /// Its name in the collection.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn bandits(&self) -> CollectionBandits<'_> {
        self.collection.bandits()
    }
}

impl Collection {
    /// The collection's bandits.
    pub fn bandits(&self) -> CollectionBandits<'_> {
        CollectionBandits { collection: self }
    }
}

impl CollectionBandits<'_> {
    /// The names, in alphabetical order.
    pub fn names(&self) -> Result<Vec<String>> {
        let state = self.collection.read()?;
        Ok(state.bandits.0.keys().cloned().collect())
    }

    /// Puts a bandit here under a name, in the place of one that was: a copy, without choices that
    /// wait. Its draws begin at its seed, and at one from the system whenever the collection is opened.
    ///
    /// `InvalidArgument` for a name of no or more than 256 bytes, or with a NUL, and past
    /// [`MAX_BANDITS`] of them.
    pub fn insert(&self, name: &str, bandit: &Bandit) -> Result<()> {
        if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
            return Err(Error::invalid(format!(
                "the name of a bandit has 1 to {MAX_NAME} bytes and no NUL, got {} bytes",
                name.len()
            )));
        }
        let mut writer = self.collection.check_writable_and_lock()?;
        {
            let state = self.collection.read()?;
            let bandits = &state.bandits.0;
            if bandits.len() >= MAX_BANDITS && !bandits.contains_key(name) {
                return Err(Error::invalid(format!(
                    "a collection holds at most {MAX_BANDITS} bandits; remove one first"
                )));
            }
        }
        let change = Change::Bandit {
            name: name.to_owned(),
            bandit: bandit.to_kept(),
        };
        self.collection.commit_small(&mut writer, &change)
    }

    /// A copy of a bandit, which learns by itself. `NotFound` if there is none of the name, as for all
    /// below.
    pub fn get(&self, name: &str) -> Result<Bandit> {
        self.look(name, |bandit| Ok(bandit.clone()))
    }

    /// Removes a bandit; tells whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool> {
        let mut writer = self.collection.check_writable_and_lock()?;
        if !self.collection.read()?.bandits.0.contains_key(name) {
            return Ok(false);
        }
        let change = Change::NoBandit(name.to_owned());
        self.collection.commit_small(&mut writer, &change)?;
        Ok(true)
    }

    /// Chooses an arm; see [`Bandit::choose`]. Writes only if the domain, or contexts, are new to it.
    pub fn choose(&self, name: &str, domain: &str, context: Option<&[f64]>) -> Result<Choice> {
        let choices = self.choose_many(name, &[(domain, context)])?;
        Ok(choices[0])
    }

    /// Chooses for each of many, all or none; see [`Bandit::choose_many`].
    pub fn choose_many(
        &self,
        name: &str,
        queries: &[(&str, Option<&[f64]>)],
    ) -> Result<Vec<Choice>> {
        self.collection.check_writable()?;
        self.look(name, |bandit| bandit.check_many(queries))?;
        let bandit = self.bandit(name)?;
        let is_news = |bandit: &Bandit| -> Result<bool> {
            for (domain, context) in queries {
                if bandit.is_news(domain, *context)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let news = is_news(&lock(&bandit))?;
        if news {
            self.tell_news(name, queries)?;
        }
        // It may have been replaced meanwhile.
        let bandit = self.bandit(name)?;
        let mut bandit = lock(&bandit);
        let all = queries.iter();
        all.map(|(domain, context)| bandit.choose_known(domain, *context))
            .collect()
    }

    /// Logs what domains, and contexts, come into being by choices.
    fn tell_news(&self, name: &str, queries: &[(&str, Option<&[f64]>)]) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let bandit = self.bandit(name)?;
        let mut changes = Vec::new();
        for (domain, context) in queries {
            let change = Change::Domain {
                name: name.to_owned(),
                domain: (*domain).to_owned(),
                features: context.map_or(0, <[f64]>::len),
            };
            if lock(&bandit).is_news(domain, *context)? && !changes.contains(&change) {
                changes.push(change);
            }
        }
        self.collection.commit_together(&mut writer, &changes)
    }

    /// Tells what a choice earned; see [`Bandit::reward`]. Durable before it returns.
    ///
    /// A choice of before the collection was opened, or of a bandit that was replaced, is `NotFound`.
    pub fn reward(&self, name: &str, id: u64, reward: f64) -> Result<()> {
        self.pay(name, id, Earned::One(reward))
    }

    /// Tells what every arm of a choice would have earned; see [`Bandit::reward_all`].
    pub fn reward_all(&self, name: &str, id: u64, rewards: &[f64]) -> Result<()> {
        self.pay(name, id, Earned::All(rewards))
    }

    fn pay(&self, name: &str, id: u64, earned: Earned<'_>) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let bandit = self.bandit(name)?;
        let earned = lock(&bandit).earned(id, earned)?;
        let change = Change::Reward {
            name: name.to_owned(),
            earned,
        };
        self.collection.commit_small(&mut writer, &change)
    }

    /// Tells what many choices earned, all of them or none; see [`Bandit::reward_many`].
    pub fn reward_many(&self, name: &str, rewards: &[(u64, f64)]) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let bandit = self.bandit(name)?;
        let mut changes = Vec::with_capacity(rewards.len());
        {
            let bandit = lock(&bandit);
            bandit.check_reward_many(rewards)?;
            for (id, reward) in rewards {
                let earned = bandit.earned(*id, Earned::One(*reward))?;
                changes.push(Change::Reward {
                    name: name.to_owned(),
                    earned,
                });
            }
        }
        self.collection.commit_together(&mut writer, &changes)
    }

    /// Changes a bandit as a whole, where nothing smaller does: a prior, a merger. What `body` leaves takes
    /// the place of what was, and no choice waits any more; if it fails nothing has changed. Writers
    /// wait meanwhile, so `body` must not use the collection.
    pub fn change(&self, name: &str, body: impl FnOnce(&mut Bandit) -> Result<()>) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let mut copy = self.get(name)?;
        body(&mut copy)?;
        let change = Change::Bandit {
            name: name.to_owned(),
            bandit: copy.to_kept(),
        };
        self.collection.commit_small(&mut writer, &change)
    }

    /// What is believed about each arm; see [`Bandit::estimates_in`].
    pub fn estimates(
        &self,
        name: &str,
        domain: &str,
        context: Option<&[f64]>,
    ) -> Result<Vec<Estimate>> {
        self.look(name, |bandit| bandit.estimates_in(domain, context))
    }

    /// The arm with the highest expected reward; see [`Bandit::best_in`].
    pub fn best(&self, name: &str, domain: &str, context: Option<&[f64]>) -> Result<f64> {
        self.look(name, |bandit| bandit.best_in(domain, context))
    }

    /// The bandit of a name as one that tunes searches: [`Collection::search_tuned`].
    pub fn tuner(&self, name: &str) -> Result<KeptBandit> {
        self.bandit(name)?;
        Ok(KeptBandit {
            collection: self.collection.clone(),
            name: name.to_owned(),
        })
    }

    fn bandit(&self, name: &str) -> Result<Arc<Mutex<Bandit>>> {
        self.collection.read()?.bandits.get(name)
    }

    /// Looks at a bandit as it is. Nobody chooses or pays meanwhile, and `look` must not either.
    pub fn look<T>(&self, name: &str, look: impl FnOnce(&Bandit) -> Result<T>) -> Result<T> {
        let bandit = self.bandit(name)?;
        let bandit = lock(&bandit);
        look(&bandit)
    }
}
