//! `Bandit`: weights that tune themselves.

use crate::call::call;
use crate::convert::{Text, number, set_options, single_option};
use crate::guarded::Guarded;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rag_core::bandit::{
    Arms, Bandit as Core, BanditOptions, Choice, Evaluation, Knob, LogEntry, ValueEstimate, WhatIf,
};
use rag_core::collection::{AnyBandit, KeptBandit};
use std::path::PathBuf;
use std::sync::Mutex;

/// (id, arm, value)
type Made = (u64, usize, f64);
/// (domain, context)
type Query = (Text, Option<Vec<f64>>);
/// (domain, context, arm, reward, propensity)
type Entry = (String, Option<Vec<f64>>, f64, f64, f64);
/// (value, low, high)
type Ends = (f64, f64, f64);
/// (domain, count, earned, value, difference)
type Compared = (String, usize, Ends, Ends, Ends);
/// (kind, values or the ends of a range, names, knobs by name, each a range or not)
type Given = (String, Vec<f64>, Vec<String>, Vec<(String, bool, Vec<f64>)>);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Bandit(pub(crate) Guarded<AnyBandit>);

impl From<Core> for Bandit {
    fn from(core: Core) -> Self {
        Self(Guarded::new(core.into()))
    }
}

impl From<KeptBandit> for Bandit {
    fn from(kept: KeptBandit) -> Self {
        Self(Guarded::new(kept.into()))
    }
}

#[pymethods]
impl Bandit {
    #[new]
    #[pyo3(signature = (arms, **options))]
    fn new(py: Python<'_>, arms: Given, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut chosen = BanditOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        call(py, || Ok(Core::new(given(arms), &chosen)?.into()))
    }

    fn set_prior(&self, py: Python<'_>, domain: Text, values: Vec<f64>) -> PyResult<()> {
        call(py, || self.change(|b| b.set_prior_point(&domain, &values)))
    }

    fn choose(&self, py: Python<'_>, domain: Text, context: Option<Vec<f64>>) -> PyResult<Made> {
        let choose = |b: &mut AnyBandit| b.choose(&domain, context.as_deref());
        call(py, || self.0.write(choose)).map(made)
    }

    fn choose_many(&self, py: Python<'_>, queries: Vec<Query>) -> PyResult<Vec<Made>> {
        let queries: Vec<(&str, Option<&[f64]>)> =
            queries.iter().map(|(d, x)| (&**d, x.as_deref())).collect();
        let choices = call(py, || self.0.write(|b| b.choose_many(&queries)))?;
        Ok(choices.into_iter().map(made).collect())
    }

    fn propensity(&self, py: Python<'_>, id: u64) -> PyResult<f64> {
        call(py, || self.look(|b| b.propensity(id)))
    }

    fn reward(&self, py: Python<'_>, id: u64, reward: f64) -> PyResult<()> {
        call(py, || self.0.write(|b| b.reward(id, reward)))
    }

    fn reward_many(&self, py: Python<'_>, rewards: Vec<(u64, f64)>) -> PyResult<()> {
        call(py, || self.0.write(|b| b.reward_many(&rewards)))
    }

    fn reward_all(&self, py: Python<'_>, id: u64, rewards: Vec<f64>) -> PyResult<()> {
        call(py, || self.0.write(|b| b.reward_all(id, &rewards)))
    }

    fn best(&self, py: Python<'_>, domain: Text, context: Option<Vec<f64>>) -> PyResult<f64> {
        let best = |b: &Core| b.best_in(&domain, context.as_deref());
        call(py, || self.look(best))
    }

    /// The arms as given.
    fn arms(&self, py: Python<'_>) -> PyResult<Given> {
        call(py, || self.look(|b| Ok(taken(b.arms()))))
    }

    fn values(&self, py: Python<'_>) -> PyResult<Vec<f64>> {
        call(py, || self.look(|b| Ok(b.values())))
    }

    fn arm_values(&self, py: Python<'_>, arm: usize) -> PyResult<Vec<f64>> {
        call(py, || self.look(|b| b.arm_values(arm)))
    }

    fn arm_named(&self, py: Python<'_>, name: Text) -> PyResult<usize> {
        call(py, || self.look(|b| b.arm_named(&name)))
    }

    fn arm_at(&self, py: Python<'_>, values: Vec<f64>) -> PyResult<usize> {
        call(py, || self.look(|b| b.arm_at(&values)))
    }

    fn domains(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let names = |b: &Core| Ok(b.domains().into_iter().map(str::to_owned).collect());
        call(py, || self.look(names))
    }

    fn estimates(
        &self,
        py: Python<'_>,
        domain: Text,
        context: Option<Vec<f64>>,
    ) -> PyResult<Vec<(f64, f64, f64, f64)>> {
        let estimates = |b: &Core| b.estimates_in(&domain, context.as_deref());
        let found = call(py, || self.look(estimates))?;
        Ok(found
            .into_iter()
            .map(|e| (e.value, e.mean, e.sd, e.count))
            .collect())
    }

    fn log(&self, py: Python<'_>) -> PyResult<Vec<Entry>> {
        let log = call(py, || self.look(|b| Ok(b.log())))?;
        Ok(log
            .into_iter()
            .map(|e| (e.domain, e.context, e.arm, e.reward, e.propensity))
            .collect())
    }

    fn outstanding(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.look(|b| Ok(b.outstanding())))
    }

    #[pyo3(signature = (policy, log, **options))]
    fn evaluate(
        &self,
        py: Python<'_>,
        policy: Py<PyAny>,
        log: Option<Vec<Entry>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Ends> {
        let method: Evaluation = single_option(options, "method")?;
        let found = self.judge(py, &policy, log, |b, ask, log| b.evaluate(ask, log, method))?;
        Ok(ends(&found))
    }

    #[pyo3(signature = (policy, log, **options))]
    fn what_if(
        &self,
        py: Python<'_>,
        policy: Py<PyAny>,
        log: Option<Vec<Entry>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Compared>> {
        let method: Evaluation = single_option(options, "method")?;
        let found = self.judge(py, &policy, log, |b, ask, log| b.what_if(ask, log, method))?;
        let compared = |w: WhatIf| {
            let (earned, value) = (ends(&w.earned), ends(&w.value));
            (w.domain, w.count, earned, value, ends(&w.difference))
        };
        Ok(found.into_iter().map(compared).collect())
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        call(py, || {
            // A copy, so that two bandits that merge each other do not wait for each other.
            let other = other.0.read(AnyBandit::to_bandit)?;
            self.change(|b| b.merge(&other))
        })
    }

    fn reseed(&self, py: Python<'_>, seed: &Bound<'_, PyAny>) -> PyResult<()> {
        let seed = number(seed, "seed")?;
        call(py, || {
            self.change(|b| {
                b.reseed(seed);
                Ok(())
            })
        })
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.look(|b| b.save(&path)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::load(&path)).map(Self::from)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || self.look(|b| Ok(b.to_bytes())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self::from)
    }
}

/// Answers the number of an arm, given a domain and a context.
type Ask<'a> = &'a dyn Fn(&str, Option<&[f64]>) -> f64;

impl Bandit {
    pub(crate) fn look<T>(
        &self,
        look: impl FnOnce(&Core) -> rag_core::Result<T>,
    ) -> rag_core::Result<T> {
        self.0.read(|b| b.look(look))
    }

    pub(crate) fn change(
        &self,
        body: impl FnOnce(&mut Core) -> rag_core::Result<()>,
    ) -> rag_core::Result<()> {
        self.0.write(|b| b.change(body))
    }

    /// Lets `judged` ask a policy that is a function of Python; its exception comes out of here.
    fn judge<T: Send>(
        &self,
        py: Python<'_>,
        policy: &Py<PyAny>,
        log: Option<Vec<Entry>>,
        judged: impl FnOnce(&Core, Ask<'_>, Option<&[LogEntry]>) -> rag_core::Result<T> + Send,
    ) -> PyResult<T> {
        let log: Option<Vec<LogEntry>> =
            log.map(|entries| entries.into_iter().map(entry).collect());
        let raised = Mutex::new(None);
        let ask = |domain: &str, context: Option<&[f64]>| {
            let said = Python::attach(|py| {
                let context = context.map(<[f64]>::to_vec);
                policy.call1(py, (domain, context))?.extract::<f64>(py)
            });
            said.unwrap_or_else(|exception| {
                let mut first = raised.lock().unwrap_or_else(|e| e.into_inner());
                first.get_or_insert(exception);
                f64::NAN
            })
        };
        let outcome = call(py, || {
            // A copy, so that the policy may ask the bandit itself.
            let bandit = self.0.read(AnyBandit::to_bandit)?;
            judged(&bandit, &ask, log.as_deref())
        });
        if let Some(exception) = raised.into_inner().unwrap_or_else(|e| e.into_inner()) {
            return Err(exception);
        }
        outcome
    }
}

fn made(choice: Choice) -> Made {
    (choice.id, choice.arm, choice.value)
}

fn ends(estimate: &ValueEstimate) -> Ends {
    (estimate.value, estimate.low, estimate.high)
}

fn knob(is_range: bool, numbers: Vec<f64>) -> Knob {
    match (is_range, numbers.as_slice()) {
        (true, [low, high]) => Knob::Range(*low, *high),
        _ => Knob::Values(numbers),
    }
}

fn given((kind, numbers, names, knobs): Given) -> Arms {
    match kind.as_str() {
        "names" => Arms::Names(names),
        "grid" => {
            let knobs = knobs.into_iter();
            Arms::Grid(knobs.map(|(name, is, x)| (name, knob(is, x))).collect())
        }
        kind => match knob(kind == "range", numbers) {
            Knob::Range(low, high) => Arms::Range(low, high),
            Knob::Values(values) => Arms::Values(values),
        },
    }
}

fn taken(arms: &Arms) -> Given {
    let numbers = |knob: &Knob| match knob {
        Knob::Range(low, high) => (true, vec![*low, *high]),
        Knob::Values(values) => (false, values.clone()),
    };
    let (mut values, mut names, mut knobs) = (Vec::new(), Vec::new(), Vec::new());
    let kind = match arms {
        Arms::Values(given) => {
            values.clone_from(given);
            "values"
        }
        Arms::Range(low, high) => {
            values.extend([*low, *high]);
            "range"
        }
        Arms::Names(given) => {
            names.clone_from(given);
            "names"
        }
        Arms::Grid(given) => {
            knobs.extend(given.iter().map(|(name, knob)| {
                let (is, x) = numbers(knob);
                (name.clone(), is, x)
            }));
            "grid"
        }
    };
    (kind.to_owned(), values, names, knobs)
}

fn entry((domain, context, arm, reward, propensity): Entry) -> LogEntry {
    LogEntry {
        domain,
        context,
        arm,
        reward,
        propensity,
    }
}
