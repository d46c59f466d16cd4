//! `Bandit`: weights that tune themselves.

use crate::call::call;
use crate::convert::{Text, number, set_options, single_option};
use crate::guarded::Guarded;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rag_core::bandit::{Arms, Bandit as Core, BanditOptions, Evaluation, LogEntry};
use std::path::PathBuf;
use std::sync::Mutex;

/// (id, arm, value, propensity)
type Choice = (u64, usize, f64, f64);
/// (domain, context, arm, reward, propensity)
type Entry = (String, Option<Vec<f64>>, f64, f64, f64);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Bandit(pub(crate) Guarded<Core>);

impl From<Core> for Bandit {
    fn from(core: Core) -> Self {
        Self(Guarded::new(core))
    }
}

#[pymethods]
impl Bandit {
    #[new]
    #[pyo3(signature = (arms, is_range, priors, **options))]
    fn new(
        py: Python<'_>,
        arms: Vec<f64>,
        is_range: bool,
        priors: Vec<(Text, f64)>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = BanditOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let arms = match (is_range, arms.as_slice()) {
            (true, [low, high]) => Arms::Range(*low, *high),
            _ => Arms::Values(arms),
        };
        call(py, || {
            let mut bandit = Core::new(arms, &chosen)?;
            for (domain, value) in &priors {
                bandit.set_prior(domain, *value)?;
            }
            Ok(bandit.into())
        })
    }

    fn choose(&self, py: Python<'_>, domain: Text, context: Option<Vec<f64>>) -> PyResult<Choice> {
        let choose = |b: &mut Core| {
            let choice = b.choose(&domain, context.as_deref())?;
            Ok((choice, b.propensity(choice.id)?))
        };
        let (choice, propensity) = call(py, || self.0.write(choose))?;
        Ok((choice.id, choice.arm, choice.value, propensity))
    }

    fn reward(&self, py: Python<'_>, id: u64, reward: f64) -> PyResult<()> {
        call(py, || self.0.write(|b| b.reward(id, reward)))
    }

    fn best(&self, py: Python<'_>, domain: Text) -> PyResult<f64> {
        call(py, || self.0.read(|b| b.best(&domain)))
    }

    fn domains(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let names = |b: &Core| Ok(b.domains().into_iter().map(str::to_owned).collect());
        call(py, || self.0.read(names))
    }

    fn estimates(&self, py: Python<'_>, domain: Text) -> PyResult<Vec<(f64, f64, f64, f64)>> {
        let found = call(py, || self.0.read(|b| b.estimates(&domain)))?;
        Ok(found
            .into_iter()
            .map(|e| (e.value, e.mean, e.sd, e.count))
            .collect())
    }

    fn log(&self, py: Python<'_>) -> PyResult<Vec<Entry>> {
        let log = call(py, || self.0.read(|b| Ok(b.log())))?;
        Ok(log
            .into_iter()
            .map(|e| (e.domain, e.context, e.arm, e.reward, e.propensity))
            .collect())
    }

    fn outstanding(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.read(|b| Ok(b.outstanding())))
    }

    #[pyo3(signature = (policy, log, **options))]
    fn evaluate(
        &self,
        py: Python<'_>,
        policy: Py<PyAny>,
        log: Option<Vec<Entry>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<(f64, f64, f64)> {
        let method: Evaluation = single_option(options, "method")?;
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
            let bandit = self.0.read(|b| Ok(b.clone()))?;
            bandit.evaluate(&ask, log.as_deref(), method)
        });
        if let Some(exception) = raised.into_inner().unwrap_or_else(|e| e.into_inner()) {
            return Err(exception);
        }
        outcome.map(|e| (e.value, e.low, e.high))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        call(py, || {
            // A copy, so that two bandits that merge each other do not wait for each other.
            let other = other.0.read(|b| Ok(b.clone()))?;
            self.0.write(|b| b.merge(&other))
        })
    }

    fn reseed(&self, py: Python<'_>, seed: &Bound<'_, PyAny>) -> PyResult<()> {
        let seed = number(seed, "seed")?;
        call(py, || {
            self.0.write(|b| {
                b.reseed(seed);
                Ok(())
            })
        })
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.read(|b| b.save(&path)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::load(&path)).map(Self::from)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || self.0.read(|b| Ok(b.to_bytes())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self::from)
    }
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
