//! `Engine`: from a question to an answer.

use crate::caching::Cache;
use crate::call::{call, long_call};
use crate::collection::Collection;
use crate::convert::{Text, set_options, slices, strings};
use crate::domain::DomainDetector;
use crate::error::raise;
use crate::generation::generator_of;
use crate::metadata::{dict, filter as to_filter, object, python};
use crate::metrics::{MetricsFiles, teller};
use crate::prompting::Prompts;
use crate::routing::Router;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rag_core::answer::{Answer, Evidence as CoreEvidence};
use rag_core::engine::{
    AddOptions, Engine as Core, EngineOptions, Event, NewDocument, Question, read_documents as read,
};
use rag_core::generation::{Cancel as CoreCancel, Flow};
use rag_core::history::{History as CoreHistory, HistoryOptions, HistoryQuery};
use rag_core::memory::{Fact, Memory as CoreMemory};
use rag_core::metrics::{AlertOptions, Watched};
use serde_json::{Value, to_value};
use std::path::PathBuf;
use std::sync::Arc;

/// (id, text, metadata, markdown)
type Given<'py> = (Option<String>, String, Option<Bound<'py, PyAny>>, bool);
/// (ids, passages, replaced, truncated)
type AddedParts = (Vec<String>, usize, usize, usize);

/// Stops a call from another thread.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Cancel(CoreCancel);

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Self {
        Self(CoreCancel::default())
    }

    fn cancel(&self) {
        self.0.cancel();
    }
}

/// Passages for a question, made into Python's objects when they are looked at.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Evidence(CoreEvidence);

#[pymethods]
impl Evidence {
    fn about(&self) -> (&str, usize, bool) {
        (&self.0.strategy, self.0.tokens, self.0.cached)
    }

    fn timings(&self) -> Vec<(&str, f64)> {
        let timings = self.0.timings.iter();
        timings.map(|t| (t.name.as_str(), t.seconds)).collect()
    }

    fn passages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, to_value(&self.0.passages))
    }

    fn json(&self) -> String {
        self.0.to_json().to_string()
    }
}

/// What was written as JSON, as the Python value that `json.loads` would make of it.
fn plain(py: Python<'_>, written: serde_json::Result<Value>) -> PyResult<Bound<'_, PyAny>> {
    let written = written.map_err(|e| rag_core::Error::invalid(e.to_string()));
    python(py, &written.map_err(|e| raise(py, &e))?)
}

/// An answer with its offsets in code points, as Python counts.
pub(crate) fn answered<'py>(py: Python<'py>, answer: &Answer) -> PyResult<Bound<'py, PyAny>> {
    let counted = answer.in_code_points().map_err(|e| raise(py, &e))?;
    plain(py, to_value(&counted))
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Engine(Core);

#[pymethods]
impl Engine {
    #[staticmethod]
    #[pyo3(signature = (collection, generators, router, tuner, domains, cache, prompts, metrics, **options))]
    #[allow(clippy::too_many_arguments, reason = "one for each part of an engine")]
    fn build(
        py: Python<'_>,
        collection: &Collection,
        generators: Vec<(String, Bound<'_, PyAny>)>,
        router: Option<&Router>,
        tuner: Option<String>,
        domains: Option<&DomainDetector>,
        cache: Option<&Cache>,
        prompts: Option<&Prompts>,
        metrics: Option<&MetricsFiles>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = EngineOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let mut builder = Core::builder(&collection.0).options(chosen);
        for (name, generator) in generators {
            builder = builder.generator(&*name, generator_of(&name, &generator)?);
        }
        if let Some(name) = tuner {
            builder = builder.tuner(name);
        }
        call(py, || {
            if let Some(router) = router {
                builder = builder.router(router.0.read(|router| Ok(router.clone()))?);
            }
            if let Some(domains) = domains {
                builder = builder.domains(domains.0.read(|domains| Ok(domains.clone()))?);
            }
            if let Some(cache) = cache {
                builder = builder.cache(Arc::clone(&cache.0));
            }
            if let Some(prompts) = prompts {
                builder = builder.prompts(prompts.0.read(|prompts| Ok(prompts.clone()))?);
            }
            if let Some(files) = metrics {
                builder = builder.metrics(files.metrics()?);
            }
            builder.build().map(Self)
        })
    }

    #[pyo3(signature = (tenant, documents, progress, **options))]
    fn add_documents(
        &self,
        py: Python<'_>,
        tenant: Option<Text>,
        documents: Vec<Given<'_>>,
        progress: Option<Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<AddedParts> {
        let mut chosen = AddOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let documents = documents.into_iter().enumerate().map(|(i, given)| {
            let (id, text, metadata, markdown) = given;
            let metadata = metadata
                .map(|m| object(&m, &format!("metadata[{i}]")))
                .transpose()?;
            Ok(NewDocument {
                id,
                text,
                metadata: metadata.unwrap_or_default(),
                markdown,
            })
        });
        let documents: Vec<NewDocument> = documents.collect::<PyResult<_>>()?;
        let tenant = tenant.as_deref();
        let added = long_call(py, progress, |progress| {
            self.0
                .add_documents_of(tenant, &documents, &chosen, progress)
        })?;
        Ok((added.ids, added.passages, added.replaced, added.truncated))
    }

    fn remove_documents(
        &self,
        py: Python<'_>,
        tenant: Option<Text>,
        ids: &Bound<'_, PyList>,
    ) -> PyResult<usize> {
        let ids = strings(ids, "ids")?;
        call(py, || {
            self.0.remove_documents(tenant.as_deref(), &slices(&ids))
        })
    }

    fn document<'py>(
        &self,
        py: Python<'py>,
        tenant: Option<Text>,
        id: Text,
    ) -> PyResult<Option<(String, Bound<'py, PyDict>)>> {
        let found = call(py, || self.0.document(tenant.as_deref(), &id))?;
        found
            .map(|(text, metadata)| Ok((text, dict(py, &metadata)?)))
            .transpose()
    }

    fn documents(&self, py: Python<'_>, tenant: Option<Text>) -> PyResult<Vec<String>> {
        call(py, || self.0.documents(tenant.as_deref()))
    }

    fn collection(&self, py: Python<'_>, tenant: Option<Text>) -> PyResult<Collection> {
        call(py, || self.0.collection(tenant.as_deref())).map(Collection)
    }

    fn router(&self, py: Python<'_>, tenant: Option<Text>) -> PyResult<Option<Router>> {
        Ok(call(py, || self.0.router(tenant.as_deref()))?.map(Router::from))
    }

    /// What is counted, as JSON and in the text format of Prometheus.
    fn metrics(&self, py: Python<'_>) -> PyResult<(String, String)> {
        let metrics = self.0.metrics();
        call(py, || Ok((metrics.to_json(), metrics.to_prometheus())))
    }

    /// A page of charts.
    fn report(&self, py: Python<'_>, title: Text) -> PyResult<String> {
        call(py, || self.0.metrics().report(&title))
    }

    fn alerts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, to_value(call(py, || Ok(self.0.metrics().alerts()))?))
    }

    fn accept(&self, py: Python<'_>, figure: Text) -> PyResult<()> {
        call(py, || {
            self.0.metrics().accept(Watched::parse("figure", &figure)?);
            Ok(())
        })
    }

    #[pyo3(signature = (**options))]
    fn watch(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let mut chosen = AlertOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        call(py, || self.0.metrics().watch(&chosen))
    }

    fn on_query(&self, py: Python<'_>, tell: Py<PyAny>) -> PyResult<u64> {
        call(py, || {
            self.0
                .metrics()
                .subscribe(teller(tell, |event| to_value(event)))
        })
    }

    fn on_alert(&self, py: Python<'_>, tell: Py<PyAny>) -> PyResult<u64> {
        call(py, || {
            self.0
                .metrics()
                .on_alert(teller(tell, |alert| to_value(alert)))
        })
    }

    fn unsubscribe(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        call(py, || self.0.metrics().unsubscribe(number))
    }

    fn cache(&self) -> Cache {
        Cache(Arc::clone(self.0.cache()))
    }

    fn history(&self, py: Python<'_>, tenant: Option<Text>) -> PyResult<Option<History>> {
        Ok(call(py, || self.0.history(tenant.as_deref()))?.map(History))
    }

    fn memory(&self, py: Python<'_>, tenant: Option<Text>) -> PyResult<Option<Memory>> {
        Ok(call(py, || self.0.memory(tenant.as_deref()))?.map(Memory))
    }

    fn generators(&self) -> Vec<&str> {
        self.0.generators()
    }

    fn tenants(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.0.tenants())
    }

    fn remove_tenant(&self, py: Python<'_>, tenant: Text) -> PyResult<bool> {
        call(py, || self.0.remove_tenant(&tenant))
    }

    fn retrieve(&self, py: Python<'_>, question: &Asked) -> PyResult<Evidence> {
        call(py, || self.0.retrieve(&question.0)).map(Evidence)
    }

    fn ask<'py>(&self, py: Python<'py>, question: &Asked) -> PyResult<Bound<'py, PyAny>> {
        let answer = call(py, || self.0.ask(&question.0))?;
        answered(py, &answer)
    }

    /// Calls `hear` with each piece of text, or with a marker as `(kind, text, at)`, at in bytes; it answers whether to go on.
    fn ask_streaming<'py>(
        &self,
        py: Python<'py>,
        question: &Asked,
        hear: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let hear = hear.unbind();
        let mut raised: Option<PyErr> = None;
        let answer = call(py, || {
            self.0.ask_streaming(&question.0, &mut |event| {
                let told = Python::attach(|py| {
                    let told = match event {
                        Event::Text(piece) => hear.call1(py, (piece,)),
                        Event::Marker(marker) => {
                            hear.call1(py, ((&marker.kind, &marker.text, marker.at),))
                        }
                    };
                    told?.extract::<bool>(py)
                });
                match told {
                    Ok(true) => Flow::Continue,
                    Ok(false) => Flow::Stop,
                    Err(error) => {
                        raised = Some(error);
                        Flow::Stop
                    }
                }
            })
        });
        match raised {
            Some(error) => Err(error),
            None => answered(py, &answer?),
        }
    }

    fn ask_many<'py>(
        &self,
        py: Python<'py>,
        questions: Vec<PyRef<'py, Asked>>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let questions: Vec<Question> = questions.iter().map(|asked| asked.0.clone()).collect();
        let answers = long_call(py, progress, |progress| {
            self.0.ask_many(&questions, progress)
        })?;
        let answers = answers.into_iter().map(|answer| match answer {
            Ok(answer) => answered(py, &answer),
            Err(error) => Ok(raise(py, &error).value(py).clone().into_any()),
        });
        answers.collect()
    }

    fn feedback(
        &self,
        py: Python<'_>,
        tenant: Option<Text>,
        answer: Text,
        rating: f64,
    ) -> PyResult<()> {
        call(py, || self.0.feedback(tenant.as_deref(), &answer, rating))
    }

    fn backup(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.backup(path))
    }

    fn checkpoint(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.checkpoint())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.close())
    }
}

/// A question with everything that is said about it.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Asked(Question);

#[pymethods]
impl Asked {
    #[new]
    #[pyo3(signature = (text, vector, user, session, tenant, dials, filter, preference, fields, cancel, **options))]
    #[allow(clippy::too_many_arguments, reason = "one for each part of a question")]
    fn new(
        text: Text,
        vector: Option<PyReadonlyArray1<'_, f32>>,
        user: Option<String>,
        session: Option<String>,
        tenant: Option<String>,
        dials: Vec<(String, f64)>,
        filter: Option<Bound<'_, PyAny>>,
        preference: Vec<(String, f64)>,
        fields: Vec<(String, String)>,
        cancel: Option<&Cancel>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut question = Question::new(&*text);
        question.vector = vector.map(|vector| vector.as_array().to_vec());
        (question.user, question.session, question.tenant) = (user, session, tenant);
        question.dials.extend(dials);
        question.preference.extend(preference);
        question.fields.extend(fields);
        let filter = filter.map(|filter| object(&filter, "filter")).transpose()?;
        question.filter = filter.map(Value::Object);
        if let Some(cancel) = cancel {
            question.cancel = cancel.0.clone();
        }
        set_options(options, |name, value| question.set(name, value))?;
        Ok(Self(question))
    }
}

/// The answers that were given.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct History(CoreHistory);

#[pymethods]
impl History {
    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.len())
    }

    fn get<'py>(&self, py: Python<'py>, id: Text) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = call(py, || self.0.get(&id))?;
        found.map(|answer| answered(py, &answer)).transpose()
    }

    #[pyo3(signature = (text, user, session, scenario, generator, filter, **options))]
    #[allow(clippy::too_many_arguments, reason = "one for each part of a query")]
    fn search<'py>(
        &self,
        py: Python<'py>,
        text: Option<String>,
        user: Option<String>,
        session: Option<String>,
        scenario: Option<String>,
        generator: Option<String>,
        filter: Option<Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut chosen = HistoryOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let query = HistoryQuery {
            text,
            user,
            session,
            scenario,
            generator,
            filter: filter.map(|filter| to_filter(&filter)).transpose()?,
            options: chosen,
        };
        let found = call(py, || self.0.search(&query))?;
        found.iter().map(|answer| answered(py, answer)).collect()
    }

    fn forget(&self, py: Python<'_>, user: Text) -> PyResult<usize> {
        call(py, || self.0.forget(&user))
    }

    fn prune(
        &self,
        py: Python<'_>,
        now: f64,
        max_age_s: Option<f64>,
        max_count: Option<usize>,
    ) -> PyResult<usize> {
        call(py, || self.0.prune(now, max_age_s, max_count))
    }

    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.compact())
    }
}

/// What is remembered of users.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Memory(CoreMemory);

#[pymethods]
impl Memory {
    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.len())
    }

    fn remember<'py>(&self, py: Python<'py>, fact: Text) -> PyResult<Bound<'py, PyAny>> {
        let kept = call(py, || self.0.remember(Fact::from_json(&fact)?))?;
        plain(py, to_value(&kept))
    }

    fn recall<'py>(
        &self,
        py: Python<'py>,
        user: Text,
        session: Option<Text>,
        key: Text,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = call(py, || self.0.recall(&user, session.as_deref(), &key))?;
        found.map(|fact| plain(py, to_value(&fact))).transpose()
    }

    fn facts<'py>(
        &self,
        py: Python<'py>,
        user: Text,
        session: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let facts = call(py, || self.0.facts(&user, session.as_deref()))?;
        plain(py, to_value(&facts))
    }

    fn search<'py>(
        &self,
        py: Python<'py>,
        user: Text,
        text: Text,
        filter: Option<Bound<'_, PyAny>>,
        k: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter = filter.map(|filter| to_filter(&filter)).transpose()?;
        let facts = call(py, || self.0.search(&user, &text, filter.as_ref(), k))?;
        plain(py, to_value(&facts))
    }

    fn forget(
        &self,
        py: Python<'_>,
        user: Text,
        session: Option<Text>,
        key: Option<Text>,
    ) -> PyResult<usize> {
        call(py, || {
            self.0.forget(&user, session.as_deref(), key.as_deref())
        })
    }

    fn sweep(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.sweep())
    }

    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.compact())
    }
}

/// (id, text, metadata, markdown)
type ReadParts<'py> = (Option<String>, String, Bound<'py, PyDict>, bool);

#[pyfunction]
pub(crate) fn read_documents(py: Python<'_>, path: PathBuf) -> PyResult<Vec<ReadParts<'_>>> {
    let read = call(py, || read(path))?;
    let parts = read.into_iter().map(|document| {
        let metadata = dict(py, &document.metadata)?;
        Ok((document.id, document.text, metadata, document.markdown))
    });
    parts.collect()
}
