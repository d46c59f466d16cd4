//! A bandit that somebody keeps by its changes: whatever moves what was learnt comes as a few bytes,
//! and the same bytes move a copy in the same way, to the bit.
//!
//! A saved bandit, when it is loaded, is another worker with the same beliefs. What is kept here goes
//! on as the same one, its sums as they were added up. Choices that wait are not kept, nor where the draws
//! stand: they belong to the process that makes them.

use super::{
    Read, damaged, ensure, few, read_beliefs, read_domains, read_histories, read_log, read_made,
    read_marks, read_part, read_settings, write_made, write_marks, write_part,
};
use crate::bandit::waiting::Made;
use crate::bandit::{
    Bandit, Choice, MAX_CONTEXT, MAX_DOMAINS, MAX_REWARD, check_name, check_reward,
    too_many_domains,
};
use crate::bytes::{Reader, Writer};
use crate::error::{Error, Result};

/// What a choice earned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Earned<'a> {
    /// The arm that was chosen.
    One(f64),
    /// Every arm.
    All(&'a [f64]),
}

impl Bandit {
    /// Everything that was learnt, to go on as the same worker.
    pub(crate) fn to_kept(&self) -> Vec<u8> {
        let mut to = Writer::default();
        self.write_settings(&mut to);
        self.write_domains(&mut to);
        self.write_all(&mut to, &self.others);
        write_marks(&mut to, &self.marks);
        for domain in &self.domains {
            write_part(&mut to, &domain.total);
            to.byte(u8::from(domain.mine.is_some()));
            if let Some(mine) = &domain.mine {
                write_part(&mut to, mine);
            }
        }
        self.write_beliefs(&mut to);
        self.write_log(&mut to);
        to.finish()
    }

    /// What [`Bandit::to_kept`] wrote; its draws begin at its seed.
    pub(crate) fn from_kept(bytes: &[u8]) -> Result<Self> {
        let mut from = Reader::new(bytes);
        let bandit = read(&mut from).map_err(|e| damaged(&e.0))?;
        match from.left() {
            0 => Ok(bandit),
            n => Err(damaged(&format!("{n} bytes too many"))),
        }
    }

    /// Whether a choice would make a domain, or contexts, come into being: a change to be kept first.
    pub(crate) fn is_news(&self, domain: &str, context: Option<&[f64]>) -> Result<bool> {
        self.check_context(context)?;
        check_name(domain)?;
        let fresh = !self.index.contains_key(domain);
        if fresh && self.domains.len() >= MAX_DOMAINS {
            return Err(too_many_domains());
        }
        let features = context.map_or(0, <[f64]>::len);
        Ok(fresh || features > self.shared.features)
    }

    /// Lets a domain, and contexts of so many numbers, come into being.
    pub(crate) fn take_news(&mut self, domain: &str, features: usize) -> Result<()> {
        if features > MAX_CONTEXT {
            return Err(damaged("contexts are too long"));
        }
        self.check_context((features > 0).then(|| &[0.0; MAX_CONTEXT][..features]))?;
        self.enter(domain)?;
        if features > 0 {
            self.widen(features);
        }
        Ok(())
    }

    /// What there is to be kept of a reward: the choice with all that was believed then. The errors
    /// are those of [`Bandit::reward`] and [`Bandit::reward_all`].
    pub(crate) fn earned(&self, id: u64, earned: Earned<'_>) -> Result<Vec<u8>> {
        let rewards = match &earned {
            Earned::One(reward) => std::slice::from_ref(reward),
            Earned::All(rewards) => self.check_rewards(rewards)?,
        };
        rewards.iter().try_for_each(|r| check_reward(*r))?;
        let (made, context) = self.waiting_choice(id)?;
        let mut to = Writer::default();
        to.long(id);
        write_made(&mut to, made, &context);
        to.count(match earned {
            Earned::One(_) => 0,
            Earned::All(all) => all.len(),
        });
        to.reals(rewards);
        Ok(to.finish())
    }

    /// Learns what [`Bandit::earned`] wrote, whether the choice still waits here or not.
    pub(crate) fn take_earned(&mut self, bytes: &[u8]) -> Result<()> {
        let mut from = Reader::new(bytes);
        let read = read_earned(&mut from, self).map_err(|e| damaged(&e.0))?;
        if from.left() > 0 {
            return Err(damaged("bytes too many"));
        }
        let (id, made, context, rewards, all) = read;
        if let Ok(waited) = self.take(id, &mut Vec::new()) {
            self.boxes.give_back(waited.odds);
        }
        self.boxes.adopt(&made.odds);
        let reward = match all {
            true => rewards[made.arm as usize],
            false => rewards[0],
        };
        self.pay(id, made, &context, reward, all.then_some(&rewards));
        Ok(())
    }

    /// A choice in a domain that there is: see [`Bandit::is_news`].
    pub(crate) fn choose_known(&mut self, domain: &str, context: Option<&[f64]>) -> Result<Choice> {
        match self.is_news(domain, context)? {
            true => Err(Error::invalid(
                "the bandit was replaced meanwhile; choose again",
            )),
            false => self.choose(domain, context),
        }
    }
}

fn read(from: &mut Reader<'_>) -> Read<Bandit> {
    let mut bandit = read_settings(from)?;
    read_domains(from, &mut bandit)?;
    bandit.others = read_histories(from, &bandit)?;
    bandit.marks = read_marks(from)?;
    let empty = bandit.empty_part();
    for domain in &mut bandit.domains {
        domain.total = read_part(from, empty.clone())?;
        domain.mine = match from.byte()? {
            0 => None,
            _ => Some(read_part(from, empty.clone())?),
        };
        let shared = domain.mine.is_some() != bandit.others.is_empty();
        ensure(shared, "a part of a history is missing")?;
    }
    read_beliefs(from, &mut bandit)?;
    read_log(from, &mut bandit)?;
    bandit.count_boxes();
    bandit.reseed(bandit.seed);
    Ok(bandit)
}

/// A choice's id, itself, its context, what it or all arms earned, and which of the two.
type Paid = (u64, Made, Vec<f64>, Vec<f64>, bool);

fn read_earned(from: &mut Reader<'_>, bandit: &Bandit) -> Read<Paid> {
    let id = from.long()?;
    let (made, context) = read_made(from, bandit)?;
    let arms = few(from, bandit.frame.menu.count)?;
    ensure(
        arms == 0 || arms == bandit.frame.menu.count,
        "rewards are missing",
    )?;
    let rewards = super::any_reals(from, arms.max(1))?;
    let sound = rewards.iter().all(|r| r.abs() <= MAX_REWARD);
    ensure(sound, "a reward is not one")?;
    Ok((id, made, context, rewards, arms > 0))
}
