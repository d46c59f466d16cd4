//! `SteeringVector` and `Steering`: dials, users and their feedback.

use crate::attribute::{AttributeModel, Told, with_examples};
use crate::call::call;
use crate::convert::{Text, number, rows, set_options, table, vector};
use crate::guarded::Guarded;
use crate::taste::{StepParts, TasteParts, steps, taste_parts};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rag_core::steering::{
    ApplyOptions, Attribute, CalibrateOptions, CurvePoint, Effect, Feedback, FilterOptions,
    LearnOptions, RetrainOptions, RetrainReport, Steering as Core, SteeringVector as CoreVector,
    filter_feedback as core_filter,
};
use std::path::PathBuf;

/// (value, low, high)
pub(crate) type EffectParts = (f64, f64, f64);

fn parts(effect: Option<Effect>) -> Option<EffectParts> {
    effect.map(|e| (e.value, e.low, e.high))
}

fn effect((value, low, high): EffectParts) -> Effect {
    Effect { value, low, high }
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct SteeringVector(pub(crate) CoreVector);

#[pymethods]
impl SteeringVector {
    #[staticmethod]
    #[pyo3(signature = (positive, negative, **options))]
    fn learn(
        py: Python<'_>,
        positive: PyReadonlyArray2<'_, f32>,
        negative: PyReadonlyArray2<'_, f32>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = LearnOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let (positive, negative) = (rows(&positive)?, rows(&negative)?);
        call(py, || CoreVector::learn(positive, negative, &chosen)).map(Self)
    }

    #[staticmethod]
    fn from_parts(
        py: Python<'_>,
        name: Text,
        vector: PyReadonlyArray1<'_, f32>,
        scale: f64,
        effect: Option<EffectParts>,
        loss: Option<f64>,
    ) -> PyResult<Self> {
        let vector = vector.as_slice()?.to_vec();
        let effect = effect.map(self::effect);
        let made = || Ok(CoreVector::from_parts(&name, &vector, scale, effect)?.costing(loss));
        call(py, made).map(Self)
    }

    #[pyo3(signature = (documents, **options))]
    fn calibrated(
        &self,
        py: Python<'_>,
        documents: PyReadonlyArray2<'_, f32>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = CalibrateOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let documents = rows(&documents)?;
        call(py, || self.0.calibrated(documents, &chosen)).map(Self)
    }

    #[getter]
    fn vector<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        vector(py, self.0.vector().to_vec())
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    #[getter]
    fn dim(&self) -> usize {
        self.0.dim()
    }

    #[getter]
    fn scale(&self) -> f64 {
        self.0.scale()
    }

    #[getter]
    fn effect(&self) -> Option<EffectParts> {
        parts(self.0.effect())
    }

    #[getter]
    fn loss(&self) -> Option<f64> {
        self.0.loss()
    }

    #[getter]
    fn measurable(&self) -> bool {
        self.0.effect().is_some_and(|effect| effect.is_measurable())
    }

    fn named(&self, py: Python<'_>, name: Text) -> PyResult<Self> {
        call(py, || self.0.named(&name)).map(Self)
    }

    fn plus(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        call(py, || self.0.plus(&other.0)).map(Self)
    }

    fn minus(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        call(py, || self.0.minus(&other.0)).map(Self)
    }

    fn negated(&self) -> Self {
        Self(self.0.negated())
    }

    fn times(&self, py: Python<'_>, factor: f64) -> PyResult<Self> {
        call(py, || self.0.times(factor)).map(Self)
    }

    fn orthogonal_to(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        call(py, || self.0.orthogonal_to(&other.0)).map(Self)
    }

    #[pyo3(signature = (query, strength, **options))]
    fn apply<'py>(
        &self,
        py: Python<'py>,
        query: PyReadonlyArray1<'_, f32>,
        strength: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let mut chosen = ApplyOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let query = query.as_slice()?.to_vec();
        let moved = call(py, || self.0.apply_with(&query, strength, &chosen))?;
        Ok(vector(py, moved))
    }

    #[pyo3(signature = (documents, strengths, **options))]
    fn curve(
        &self,
        py: Python<'_>,
        documents: PyReadonlyArray2<'_, f32>,
        strengths: PyReadonlyArray1<'_, f64>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<PointParts>> {
        let mut chosen = CalibrateOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let (documents, strengths) = (rows(&documents)?, strengths.as_slice()?);
        let points = call(py, || self.0.curve(documents, strengths, &chosen))?;
        Ok(points_parts(&points))
    }
}

/// (strength, loss, gain)
pub(crate) type PointParts = (f64, f64, f64);

pub(crate) fn points_parts(points: &[CurvePoint]) -> Vec<PointParts> {
    let parts = points.iter().map(|p| (p.strength, p.loss, p.gain));
    parts.collect()
}

/// Positive and negative examples of each name.
pub(crate) type JointExamples<'py> = Vec<(
    Text,
    PyReadonlyArray2<'py, f32>,
    Option<PyReadonlyArray2<'py, f32>>,
)>;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Steering(Guarded<Core>);

impl From<Core> for Steering {
    fn from(core: Core) -> Self {
        Self(Guarded::new(core))
    }
}

impl Steering {
    /// A copy, for two sets that take part in one call.
    pub(crate) fn snapshot(&self) -> rag_core::Result<Core> {
        self.0.read(|s| Ok(s.clone()))
    }
}

#[pymethods]
impl Steering {
    #[new]
    fn new() -> Self {
        Core::new().into()
    }

    fn check_model(&self, py: Python<'_>, fingerprint: Text) -> PyResult<()> {
        call(py, || self.0.read(|s| s.check_model(&fingerprint)))
    }

    fn set_model(&self, py: Python<'_>, fingerprint: Text) -> PyResult<()> {
        call(py, || self.0.write(|s| s.set_model(&fingerprint)))
    }

    fn model(&self, py: Python<'_>) -> PyResult<Option<String>> {
        call(py, || self.0.read(|s| Ok(s.model().map(str::to_owned))))
    }

    fn dim(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        call(py, || self.0.read(|s| Ok(s.dim())))
    }

    fn dials(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || {
            self.0.read(|s| Ok(s.names().map(str::to_owned).collect()))
        })
    }

    fn users(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || {
            self.0.read(|s| Ok(s.users().map(str::to_owned).collect()))
        })
    }

    fn get(&self, py: Python<'_>, name: Text) -> PyResult<SteeringVector> {
        call(py, || self.0.read(|s| s.get(&name).cloned())).map(SteeringVector)
    }

    fn insert(&self, py: Python<'_>, dial: &SteeringVector) -> PyResult<()> {
        call(py, || self.0.write(|s| s.insert(dial.0.clone())))
    }

    #[pyo3(signature = (name, positive, negative, **options))]
    fn learn(
        &self,
        py: Python<'_>,
        name: Text,
        positive: PyReadonlyArray2<'_, f32>,
        negative: PyReadonlyArray2<'_, f32>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<SteeringVector> {
        let mut chosen = LearnOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let (positive, negative) = (rows(&positive)?, rows(&negative)?);
        let learn = |s: &mut Core| s.learn(&name, positive, negative, &chosen).cloned();
        call(py, || self.0.write(learn)).map(SteeringVector)
    }

    #[pyo3(signature = (examples, **options))]
    fn learn_joint(
        &self,
        py: Python<'_>,
        examples: JointExamples<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<SteeringVector>> {
        let mut chosen = LearnOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let attributes = examples.iter().map(|(name, positive, negative)| {
            Ok(Attribute {
                name,
                positive: rows(positive)?,
                negative: negative.as_ref().map(rows).transpose()?,
            })
        });
        let attributes: Vec<Attribute<'_>> = attributes.collect::<PyResult<_>>()?;
        let learn = |s: &mut Core| {
            s.learn_joint(&attributes, &chosen)?;
            attributes.iter().map(|a| s.get(a.name).cloned()).collect()
        };
        let learnt: Vec<CoreVector> = call(py, || self.0.write(learn))?;
        Ok(learnt.into_iter().map(SteeringVector).collect())
    }

    #[pyo3(signature = (documents, **options))]
    fn cross_talk<'py>(
        &self,
        py: Python<'py>,
        documents: PyReadonlyArray2<'_, f32>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let mut chosen = CalibrateOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let documents = rows(&documents)?;
        let talk = |s: &Core| Ok((s.cross_talk(documents, &chosen)?, s.len()));
        let (talk, dials) = call(py, || self.0.read(talk))?;
        table(py, talk, dials, dials)
    }

    #[pyo3(signature = (name, positive, negative, **options))]
    fn learn_attribute(
        &self,
        py: Python<'_>,
        name: Text,
        positive: Told<'_>,
        negative: Told<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        with_examples(
            py,
            &positive,
            &negative,
            options,
            |positive, negative, options| {
                let learn = |s: &mut Core| s.learn_attribute(&name, positive, negative, options);
                self.0.write(learn)
            },
        )
    }

    fn attribute(&self, py: Python<'_>, name: Text) -> PyResult<Option<AttributeModel>> {
        let model = call(py, || self.0.read(|s| Ok(s.attribute(&name)?.cloned())))?;
        Ok(model.map(AttributeModel))
    }

    fn set_attribute(
        &self,
        py: Python<'_>,
        name: Text,
        model: Option<&AttributeModel>,
    ) -> PyResult<()> {
        let model = model.map(|model| model.0.clone());
        call(py, || self.0.write(|s| s.set_attribute(&name, model)))
    }

    fn remove(&self, py: Python<'_>, name: Text) -> PyResult<SteeringVector> {
        call(py, || self.0.write(|s| s.remove(&name))).map(SteeringVector)
    }

    #[pyo3(signature = (documents, **options))]
    fn calibrate(
        &self,
        py: Python<'_>,
        documents: PyReadonlyArray2<'_, f32>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let mut chosen = CalibrateOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let documents = rows(&documents)?;
        call(py, || self.0.write(|s| s.calibrate(documents, &chosen)))
    }

    fn orthogonalize(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.write(Core::orthogonalize))
    }

    #[pyo3(signature = (query, dials, user, **options))]
    fn apply<'py>(
        &self,
        py: Python<'py>,
        query: PyReadonlyArray1<'_, f32>,
        dials: Vec<(Text, f64)>,
        user: Option<Text>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let mut chosen = ApplyOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let query = query.as_slice()?.to_vec();
        let apply = |s: &Core| s.apply_with(&query, &borrowed(&dials), user.as_deref(), &chosen);
        Ok(vector(py, call(py, || self.0.read(apply))?))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one for each argument of the core"
    )]
    fn feedback(
        &self,
        py: Python<'_>,
        query: PyReadonlyArray1<'_, f32>,
        item: PyReadonlyArray1<'_, f32>,
        rating: f64,
        user: Option<Text>,
        dials: Vec<(Text, f64)>,
        at: Option<f64>,
        position: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (query, item) = (query.as_slice()?.to_vec(), item.as_slice()?.to_vec());
        let position = place(position)?;
        call(py, || {
            let feedback = Feedback {
                query: &query,
                item: &item,
                rating,
                user: user.as_deref(),
                dials: &borrowed(&dials),
                at,
                position,
            };
            self.0.write(|s| s.rate(&feedback))
        })
    }

    fn taste(&self, py: Python<'_>, user: Text) -> PyResult<TasteParts> {
        let taste = call(py, || self.0.read(|s| Ok(s.taste(&user))))?;
        Ok(taste_parts(taste))
    }

    fn drift(&self, py: Python<'_>, user: Text) -> PyResult<Vec<StepParts>> {
        Ok(steps(call(py, || self.0.read(|s| Ok(s.drift(&user))))?))
    }

    #[pyo3(signature = (**options))]
    fn retrain<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut chosen = RetrainOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        report(py, call(py, || self.0.write(|s| s.retrain(&chosen)))?)
    }

    fn forget(&self, py: Python<'_>, user: Text) -> PyResult<bool> {
        call(py, || self.0.write(|s| Ok(s.forget(&user))))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        call(py, || {
            // A copy, so that two sets that merge each other do not wait for each other.
            let other = other.snapshot()?;
            self.0.write(|s| s.merge(&other))
        })
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.read(|s| s.save(&path)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::load(&path)).map(Self::from)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || self.0.read(|s| Ok(s.to_bytes())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self::from)
    }
}

/// Where an item stood, refused in the core's words if that is no place.
pub(crate) fn place(position: Option<Bound<'_, PyAny>>) -> PyResult<Option<usize>> {
    position
        .map(|position| number(&position, "position"))
        .transpose()
}

/// The dials of a query as the core takes them.
pub(crate) fn borrowed(dials: &[(Text, f64)]) -> Vec<(&str, f64)> {
    dials.iter().map(|(name, s)| (&**name, *s)).collect()
}

/// What retraining did, as a dict of plain values.
pub(crate) fn report(py: Python<'_>, report: RetrainReport) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("events", report.events)?;
    out.set_item("dropped", report.dropped)?;
    out.set_item("users", report.users)?;
    out.set_item("crowd", report.crowd)?;
    out.set_item("learnt", parts(report.learnt))?;
    out.set_item("heuristic", parts(report.heuristic))?;
    let dials: Vec<_> = report
        .dials
        .into_iter()
        .map(|d| {
            let (before, after) = (parts(d.before), parts(d.after));
            let counts = (d.name, d.liked, d.disliked);
            (counts, before, after, parts(d.heuristic), d.changed)
        })
        .collect();
    out.set_item("dials", dials)?;
    Ok(out)
}

/// Weights, which ratings were kept, their mean and its confidence.
type Weighed<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    f64,
    f64,
);

#[pyfunction]
#[pyo3(signature = (ratings, at, users, half_life, **options))]
pub(crate) fn filter_feedback<'py>(
    py: Python<'py>,
    ratings: PyReadonlyArray1<'_, f64>,
    at: PyReadonlyArray1<'_, f64>,
    users: Option<PyReadonlyArray1<'_, u64>>,
    half_life: f64,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Weighed<'py>> {
    let mut chosen = FilterOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let (ratings, at) = (ratings.as_slice()?, at.as_slice()?);
    let users = users.as_ref().map(|ids| ids.as_slice()).transpose()?;
    let found = call(py, || core_filter(ratings, at, users, half_life, &chosen))?;
    let arrays = (vector(py, found.weights), vector(py, found.kept));
    Ok((arrays.0, arrays.1, found.mean, found.confidence))
}
