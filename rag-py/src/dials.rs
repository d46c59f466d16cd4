//! The dials of a collection, kept in its log.

use crate::attribute::AttributeModel;
use crate::call::call;
use crate::convert::{Text, rows, set_options, slices, strings, table, vector};
use crate::steering::{
    PointParts, Steering, SteeringVector, borrowed, place, points_parts, report,
};
use crate::taste::{StepParts, TasteParts, steps, taste_parts};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList};
use rag_core::collection::{Collection as Core, Examples};
use rag_core::steering::{ApplyOptions, CalibrateOptions, Feedback, LearnOptions, RetrainOptions};

/// The dials and users of a collection.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct CollectionSteering(pub(crate) Core);

#[pymethods]
impl CollectionSteering {
    #[pyo3(signature = (name, positive, negative, **options))]
    fn learn(
        &self,
        py: Python<'_>,
        name: Text,
        positive: Sample<'_>,
        negative: Sample<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<SteeringVector> {
        let mut chosen = LearnOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let texts = (positive.texts(), negative.texts());
        let (positive, negative) = (positive.examples(&texts.0)?, negative.examples(&texts.1)?);
        let learn = || self.0.steering().learn(&name, positive, negative, &chosen);
        call(py, learn).map(SteeringVector)
    }

    #[pyo3(signature = (examples, **options))]
    fn learn_joint(
        &self,
        py: Python<'_>,
        examples: Vec<(Text, Sample<'_>, Option<Sample<'_>>)>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<SteeringVector>> {
        let mut chosen = LearnOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let texts: Vec<_> = examples
            .iter()
            .map(|(_, p, n)| (p.texts(), n.as_ref().map(Sample::texts).unwrap_or_default()))
            .collect();
        let attributes = examples.iter().zip(&texts).map(|((name, p, n), texts)| {
            let negative = n.as_ref().map(|n| n.examples(&texts.1)).transpose()?;
            Ok((&**name, p.examples(&texts.0)?, negative))
        });
        let attributes: Vec<_> = attributes.collect::<PyResult<_>>()?;
        let learnt = call(py, || self.0.steering().learn_joint(&attributes, &chosen))?;
        Ok(learnt.into_iter().map(SteeringVector).collect())
    }

    #[pyo3(signature = (name, strengths, **options))]
    fn curve(
        &self,
        py: Python<'_>,
        name: Text,
        strengths: PyReadonlyArray1<'_, f64>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<PointParts>> {
        let mut chosen = CalibrateOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let strengths = strengths.as_slice()?;
        let curve = || self.0.steering().curve(&name, strengths, &chosen);
        Ok(points_parts(&call(py, curve)?))
    }

    #[pyo3(signature = (**options))]
    fn cross_talk<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let mut chosen = CalibrateOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let talk = call(py, || self.0.steering().cross_talk(&chosen))?;
        let dials = talk.len().isqrt();
        table(py, talk, dials, dials)
    }

    fn insert(&self, py: Python<'_>, dial: &SteeringVector) -> PyResult<SteeringVector> {
        call(py, || self.0.steering().insert(dial.0.clone())).map(SteeringVector)
    }

    fn dials(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.0.steering().names())
    }

    fn get(&self, py: Python<'_>, name: Text) -> PyResult<SteeringVector> {
        call(py, || self.0.steering().get(&name)).map(SteeringVector)
    }

    fn attribute(&self, py: Python<'_>, name: Text) -> PyResult<Option<AttributeModel>> {
        let model = call(py, || self.0.steering().attribute(&name))?;
        Ok(model.map(AttributeModel))
    }

    fn set_attribute(
        &self,
        py: Python<'_>,
        name: Text,
        model: Option<&AttributeModel>,
    ) -> PyResult<()> {
        let model = model.map(|model| model.0.clone());
        call(py, || self.0.steering().set_attribute(&name, model))
    }

    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        name: Text,
        ids: Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let ids = strings(&ids, "ids")?;
        let ids = slices(&ids);
        let found = call(py, || self.0.steering().probabilities(&name, &ids))?;
        Ok(vector(py, found))
    }

    fn remove(&self, py: Python<'_>, name: Text) -> PyResult<()> {
        call(py, || self.0.steering().remove(&name))
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
        let moved = call(py, || {
            let steering = self.0.steering();
            steering.apply(&query, &borrowed(&dials), user.as_deref(), &chosen)
        })?;
        Ok(vector(py, moved))
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
            self.0.steering().rate(&feedback)
        })
    }

    fn taste(&self, py: Python<'_>, user: Text) -> PyResult<TasteParts> {
        let taste = call(py, || self.0.steering().taste(&user))?;
        Ok(taste_parts(taste))
    }

    fn drift(&self, py: Python<'_>, user: Text) -> PyResult<Vec<StepParts>> {
        Ok(steps(call(py, || self.0.steering().drift(&user))?))
    }

    #[pyo3(signature = (**options))]
    fn retrain<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut chosen = RetrainOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        report(py, call(py, || self.0.steering().retrain(&chosen))?)
    }

    fn forget(&self, py: Python<'_>, user: Text) -> PyResult<bool> {
        call(py, || self.0.steering().forget(&user))
    }

    fn merge(&self, py: Python<'_>, other: &Steering) -> PyResult<()> {
        call(py, || {
            let other = other.snapshot()?;
            self.0.steering().merge(&other)
        })
    }

    fn replace(&self, py: Python<'_>, other: &Steering) -> PyResult<()> {
        call(py, || {
            let other = other.snapshot()?;
            self.0.steering().replace(&other)
        })
    }

    fn copy(&self, py: Python<'_>) -> PyResult<Steering> {
        call(py, || self.0.steering().to_steering()).map(Steering::from)
    }
}

/// Examples as they come: texts or vectors.
enum Sample<'py> {
    Texts(Vec<PyBackedStr>),
    Vectors(PyReadonlyArray2<'py, f32>),
}

impl<'py> FromPyObject<'_, 'py> for Sample<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match value.cast::<PyList>() {
            Ok(list) => strings(&list, "examples").map(Self::Texts),
            Err(_) => Ok(Self::Vectors(value.extract()?)),
        }
    }
}

impl Sample<'_> {
    fn texts(&self) -> Vec<&str> {
        match self {
            Sample::Texts(texts) => slices(texts),
            Sample::Vectors(_) => Vec::new(),
        }
    }

    fn examples<'a>(&'a self, texts: &'a [&'a str]) -> PyResult<Examples<'a>> {
        Ok(match self {
            Sample::Texts(_) => Examples::Texts(texts),
            Sample::Vectors(array) => Examples::Vectors(rows(array)?),
        })
    }
}
