//! From evidence to an answer: choose who writes it, write it, see where it comes from.

use super::keys::{self, Given};
use super::near::Near;
use super::retrieve::Watch;
use super::space::Space;
use super::{Engine, Question, Strategy};
use crate::answer::{Answer, CiteOptions, Marker, Passage, Taken, Timing, cite};
use crate::caching::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::generation::{
    Finish, Flow, Generated, MarkerEvent, MarkerOptions, MarkerParser, Request, Usage,
    cited_sentences,
};
use crate::prompting::{Asked, Message, PromptOptions, Untrusted};
use crate::retrieval::filter::Filter;
use crate::routing::{Decision, RouteOptions};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Tokens of a model's window that are left to the answer where nobody says how long that may be.
const ANSWER_TOKENS: usize = 512;
/// Facts about a user that a prompt tells at most.
const FACTS: usize = 32;

/// What comes while an answer is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The next piece of the text; all of them together are the answer's.
    Text(&'a str),
    /// Something that was marked.
    Marker(&'a Marker),
}

/// The generator and strategy that a route's name stands for.
pub(super) fn route(name: &str, generators: &[&str]) -> Result<(usize, Option<Strategy>)> {
    let (generator, strategy) = match name.split_once('/') {
        Some((generator, strategy)) => (generator, Some(strategy)),
        None => (name, None),
    };
    let place = generators.iter().position(|known| *known == generator);
    let place = place.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "no generator is called \"{generator}\"; there are {}",
                generators.join(", ")
            ),
        )
    })?;
    let strategy = strategy
        .map(|name| {
            crate::options::OptionField::from_value("the strategy of a route", &name.into())
        })
        .transpose()?;
    Ok((place, strategy))
}

/// Everything that is found out before anything is written.
pub(super) struct Way<'a> {
    engine: &'a Engine,
    pub(super) space: &'a Space,
    pub(super) question: &'a Question,
    filter: Option<Filter>,
    scenario: String,
    /// Facts about the user and earlier turns, as the prompt tells them.
    facts: Vec<String>,
    turns: Vec<Message>,
    deadline: Option<Instant>,
    asked_at: f64,
}

impl Engine {
    /// Answers a question from its evidence.
    ///
    /// The answer comes from the cache if an equal question was answered lately and no passage that it was written from
    /// has changed; many who ask the same at a time are answered once. Otherwise the router, if there is one,
    /// chooses a generator and how passages are chosen; one that fails before its first word is passed over.
    ///
    /// Errors: those of [`Engine::retrieve`]; `NotFound` for a generator or scenario that there is not; `InvalidArgument`
    /// for a prompt beyond the generator's window; `Timeout`; `Upstream` if no generator answered.
    pub fn ask(&self, question: &Question) -> Result<Answer> {
        self.ask_streaming(question, &mut |_| Flow::Continue)
    }

    /// The same, with every piece of the text as it comes; an answer that is there already comes as one. `events`
    /// may end it: what was written so far is the answer then, which is kept nowhere.
    pub fn ask_streaming(
        &self,
        question: &Question,
        events: &mut dyn FnMut(Event<'_>) -> Flow,
    ) -> Result<Answer> {
        let started = Instant::now();
        let answered = self.answer(question, started, events);
        self.count_question(question, &answered, started);
        answered
    }

    fn answer(
        &self,
        question: &Question,
        started: Instant,
        events: &mut dyn FnMut(Event<'_>) -> Flow,
    ) -> Result<Answer> {
        let filter = question.check()?;
        let space = self.space(question.tenant.as_deref(), false)?;
        let way = Way::new(self, &space, question, filter, started)?;
        if !question.retrieve.cache || question.ask.explore {
            let given = way.write(events)?;
            return way.keep(given.answer);
        }
        let (model, taste) = (self.model_of(&space)?, space.taste(question)?);
        let told = way.told();
        let key = |question: &Question| {
            let generators = &self.shared.fingerprint;
            keys::answer(question, model, taste, generators, &way.scenario, &told)
        };
        // One that was stopped is its asker's alone.
        let valid = |given: &Given| {
            given.answer.finish != Finish::Cancelled && given.holds(&space.documents)
        };
        let answers = &self.shared.layers.answers;
        let own = key(question);
        let near = Near::of(self, &space, question, &key)?;
        let found = near
            .as_ref()
            .and_then(|near| near.find(answers, &own, &valid));
        if let Some((given, _)) = found.as_ref().filter(|(_, hit)| !hit.shadow) {
            return way.again(given, started, events);
        }
        let (given, source) =
            answers.get_or_make(&own, way.deadline, valid, || way.write(&mut *events))?;
        if let Some(near) = &near {
            if let Some((kept, hit)) = &found {
                near.compare(&kept.answer, &given.answer, hit)?;
            }
            near.remember(&own);
        }
        if source == Source::Made {
            return way.keep(given.answer.clone());
        }
        way.again(&given, started, events)
    }
}

/// Tells an answer that is there already.
fn tell(answer: &Answer, events: &mut dyn FnMut(Event<'_>) -> Flow) {
    let mut flow = events(Event::Text(&answer.text));
    for marker in &answer.markers {
        if flow == Flow::Stop {
            return;
        }
        flow = events(Event::Marker(marker));
    }
}

impl<'a> Way<'a> {
    fn new(
        engine: &'a Engine,
        space: &'a Space,
        question: &'a Question,
        filter: Option<Filter>,
        started: Instant,
    ) -> Result<Self> {
        let shared = &engine.shared;
        let scenario = question.ask.scenario.as_ref();
        let scenario = scenario.unwrap_or(&shared.options.scenario).clone();
        shared.prompts.scenario(&scenario)?;
        if let Some(name) = &question.ask.generator {
            route(name, &engine.generators())?;
        }
        let timeout = question.ask.timeout_s.map(Duration::from_secs_f64);
        Ok(Self {
            engine,
            space,
            question,
            filter,
            scenario,
            facts: space.facts(question, FACTS)?,
            turns: space.turns(question)?,
            deadline: timeout.and_then(|timeout| started.checked_add(timeout)),
            asked_at: shared.clock.now(),
        })
    }

    /// An answer that was given before, given again.
    fn again(
        &self,
        given: &Given,
        started: Instant,
        events: &mut dyn FnMut(Event<'_>) -> Flow,
    ) -> Result<Answer> {
        let question = self.question;
        let answer = Answer {
            id: self.engine.next_id(),
            question: question.text.clone(),
            cached: true,
            usage: Usage::default(),
            cost: 0.0,
            at: self.asked_at,
            user: question.user.clone(),
            session: question.session.clone(),
            rating: None,
            timings: vec![Timing {
                name: "cache".to_owned(),
                seconds: started.elapsed().as_secs_f64(),
            }],
            ..given.answer.clone()
        };
        tell(&answer, events);
        self.keep(answer)
    }

    /// What the prompt says beside question and passages.
    fn told(&self) -> Vec<String> {
        let turns = self.turns.iter().map(|turn| turn.content.clone());
        self.facts.iter().cloned().chain(turns).collect()
    }

    /// Writes the answer: by the generator that was named, or by those that the router chooses, until one writes.
    fn write(&self, events: &mut dyn FnMut(Event<'_>) -> Flow) -> Result<Given> {
        let generators = self.engine.generators();
        let mut failed: Vec<String> = Vec::new();
        loop {
            let mut watch = Watch::default();
            let (name, decision) = self.choose(&failed, &mut watch)?;
            let (place, strategy) = route(&name, &generators)?;
            let mut begun = false;
            let mut telling = |event: Event<'_>| {
                begun = true;
                events(event)
            };
            let written = self.write_by(place, strategy, decision.as_ref(), watch, &mut telling);
            let error = match written {
                Ok(given) => return Ok(given),
                Err(error) => error,
            };
            if let Some(decision) = &decision {
                self.space
                    .teach_router(|router| router.fail(decision.id, Some(self.asked_at)))?;
            }
            let others = matches!(error.kind(), ErrorKind::Upstream | ErrorKind::Timeout);
            let in_time = self
                .deadline
                .is_none_or(|deadline| Instant::now() < deadline);
            failed.push(name);
            if begun || !others || !in_time || decision.is_none() {
                return Err(error);
            }
        }
    }

    /// The route to take, and the router's decision if it decided.
    fn choose(&self, failed: &[String], watch: &mut Watch) -> Result<(String, Option<Decision>)> {
        let ask = &self.question.ask;
        let first = || self.engine.shared.generators[0].0.clone();
        if let Some(name) = &ask.generator {
            return Ok((name.clone(), None));
        }
        let vector = self.engine.vector(self.space, self.question, watch)?;
        let chosen = watch.time("route", || {
            self.space.with_router(|router| {
                let mut options = RouteOptions::default()
                    .at(self.asked_at)
                    .explore(ask.explore);
                options.preference.clone_from(&self.question.preference);
                options.settings.budget = ask.budget;
                options.exclude = failed.to_vec();
                router.route(vector.as_deref(), &options)
            })
        });
        match chosen {
            Some(decision) => decision.map(|decision| (decision.name.clone(), Some(decision))),
            None => Ok((first(), None)),
        }
    }

    fn write_by(
        &self,
        place: usize,
        strategy: Option<Strategy>,
        decision: Option<&Decision>,
        mut watch: Watch,
        events: &mut dyn FnMut(Event<'_>) -> Flow,
    ) -> Result<Given> {
        let (name, generator) = &self.engine.shared.generators[place];
        let mut question = self.question.clone();
        if let Some(strategy) = strategy {
            question.retrieve.strategy = strategy;
        }
        let looked = self
            .engine
            .look(self.space, &question, self.filter.as_ref(), &**generator)?;
        let evidence = &looked.evidence.evidence;
        if !looked.cached {
            watch.0.extend(evidence.timings.iter().cloned());
        }
        let ids = evidence
            .passages
            .iter()
            .flat_map(|passage| passage.merged.iter());
        let ids: Vec<&str> = ids.map(String::as_str).collect();
        let versions = self.space.documents.versions(&ids)?;
        let versions = ids
            .iter()
            .map(|id| (*id).to_owned())
            .zip(versions)
            .collect();

        let prompt = watch.time("prompt", || {
            let asked = Asked {
                passages: evidence
                    .passages
                    .iter()
                    .map(|p| self.untrusted(p))
                    .collect(),
                scenario: Some(self.scenario.clone()),
                dials: question.dials.clone(),
                user: question.user.clone(),
                memory: self.facts.clone(),
                history: self.turns.clone(),
                fields: question.fields.clone(),
                now: Some(self.asked_at),
                ..Asked::new(&question.text)
            };
            let window = generator.window();
            let answer_tokens = question.ask.max_tokens.unwrap_or(ANSWER_TOKENS);
            let options = PromptOptions::default()
                .window(window)
                .answer_tokens(window.map_or(0, |_| answer_tokens));
            let counter = |text: &str| generator.count_tokens(text);
            self.engine.shared.prompts.build(asked, &counter, &options)
        })?;
        let request = Request {
            max_tokens: question.ask.max_tokens,
            temperature: question.ask.temperature,
            deadline: self.deadline,
            cancel: question.cancel.clone(),
            ..Request::new(&prompt)
        };
        let mut heard = Heard::new(&prompt.markers, events)?;
        let generated = watch.time("generate", || {
            generator.generate(&request, &mut |piece| heard.hear(piece))
        });
        let generated: Generated = generated?;
        let (text, markers) = heard.finish();
        if let Some(first) = generated.first_s {
            watch.0.push(Timing {
                name: "first_token".to_owned(),
                seconds: first,
            });
        }
        let citations = watch.time("cite", || {
            let spans = cited_sentences(&text, evidence.passages.len());
            let spans: Vec<_> = spans
                .into_iter()
                .map(|cited| (cited.start..cited.end, cited.passages))
                .collect();
            cite(&text, &spans, &evidence.passages, &CiteOptions::default())
        })?;
        let price = generator.price();
        let answer = Answer {
            id: self.engine.next_id(),
            question: question.text.clone(),
            text,
            citations,
            markers,
            passages: evidence.passages.clone(),
            decision: Taken {
                generator: name.clone(),
                strategy: evidence.strategy.clone(),
                decision: decision.map(|d| d.id),
                expected: decision.map(|d| d.expected.clone()).unwrap_or_default(),
                front: decision.map(|d| d.front.clone()).unwrap_or_default(),
            },
            model: generated.model,
            finish: generated.finish,
            usage: generated.usage,
            cost: price.of(&generated.usage),
            timings: watch.0,
            cached: false,
            at: self.asked_at,
            user: question.user.clone(),
            session: question.session.clone(),
            tenant: question.tenant.clone(),
            scenario: self.scenario.clone(),
            dials: question.dials.clone(),
            rating: None,
        };
        self.observe(decision, &answer)?;
        self.wait_for_rating(&answer, looked);
        Ok(Given { answer, versions })
    }

    fn untrusted(&self, passage: &Passage) -> Untrusted {
        let title = passage.metadata.get("title").and_then(Value::as_str);
        Untrusted {
            id: passage.id.clone(),
            source: title.unwrap_or(&passage.document).to_owned(),
            tenant: self.question.tenant.clone(),
            text: passage.text.to_string(),
        }
    }
}

/// Hears a text in pieces, takes the markers out, and passes on both.
struct Heard<'e> {
    parser: MarkerParser,
    events: &'e mut dyn FnMut(Event<'_>) -> Flow,
    text: String,
    markers: Vec<Marker>,
}

impl<'e> Heard<'e> {
    fn new(kinds: &[String], events: &'e mut dyn FnMut(Event<'_>) -> Flow) -> Result<Self> {
        Ok(Self {
            parser: MarkerParser::new(kinds, &MarkerOptions::default())?,
            events,
            text: String::new(),
            markers: Vec::new(),
        })
    }

    fn hear(&mut self, piece: &str) -> Flow {
        let found = self.parser.push(piece);
        self.pass_on(found)
    }

    fn pass_on(&mut self, found: Vec<MarkerEvent>) -> Flow {
        let mut flow = Flow::Continue;
        for event in found {
            let told = match event {
                MarkerEvent::Text { text } => {
                    self.text.push_str(&text);
                    (self.events)(Event::Text(&text))
                }
                MarkerEvent::Marker(marker) => {
                    let told = (self.events)(Event::Marker(&marker));
                    self.markers.push(marker);
                    told
                }
            };
            if told == Flow::Stop {
                flow = Flow::Stop;
            }
        }
        flow
    }

    /// The whole text and its markers; what was left open comes as text.
    fn finish(mut self) -> (String, Vec<Marker>) {
        let rest = self.parser.finish();
        self.pass_on(rest);
        (self.text, self.markers)
    }
}
