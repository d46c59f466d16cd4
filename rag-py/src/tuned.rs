//! What a bandit chose for a search, kept until it is paid.

use crate::bandit::Bandit;
use crate::domain::{DetectionParts, detection};
use crate::hits::Found;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::Result;
use rag_core::bandit::{Bandit as CoreBandit, Choice};
use rag_core::collection::{Tuned as Core, Tuner};

impl Tuner for Bandit {
    fn lend(&self, body: &mut dyn FnMut(&mut CoreBandit) -> Result<()>) -> Result<()> {
        self.change(body)
    }

    fn look(&self, body: &mut dyn FnMut(&CoreBandit) -> Result<()>) -> Result<()> {
        self.look(body)
    }

    fn choose(&self, domains: &[&str]) -> Result<Vec<Choice>> {
        let queries: Vec<(&str, Option<&[f64]>)> = domains.iter().map(|d| (*d, None)).collect();
        self.0.write(|b| b.choose_many(&queries))
    }

    fn reward(&self, id: u64, reward: f64) -> Result<()> {
        self.0.write(|b| b.reward(id, reward))
    }

    fn reward_all(&self, id: u64, rewards: &[f64]) -> Result<()> {
        self.0.write(|b| b.reward_all(id, rewards))
    }
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Tuned(pub(crate) Core);

impl Tuned {
    /// The hits, which Python holds by themselves, and the rest.
    pub(crate) fn split(mut tuned: Core) -> (Found, Self) {
        let hits = std::mem::take(&mut tuned.hits);
        (Found::from(hits), Self(tuned))
    }
}

#[pymethods]
impl Tuned {
    /// The fields of a choice.
    fn choice(&self) -> (u64, usize, f64) {
        let c = &self.0.choice;
        (c.id, c.arm, c.value)
    }

    fn arm(&self) -> usize {
        self.0.choice.arm
    }

    fn domain(&self) -> &str {
        &self.0.domain
    }

    fn detection(&self) -> Option<DetectionParts> {
        self.0.detection.clone().map(detection)
    }

    /// What is set, by its name.
    fn setting<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (set, found) = (&self.0.setting, PyDict::new(py));
        if let Some(weight) = set.bm25_weight {
            found.set_item("bm25_weight", weight)?;
        }
        if let Some(k) = set.k {
            found.set_item("k", k)?;
        }
        if let Some(diversity) = set.diversity {
            found.set_item("diversity", diversity)?;
        }
        Ok(found)
    }
}
