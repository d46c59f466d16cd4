//! The pipeline from question to answer: evidence cold and kept, what it adds to its parts, a stream with
//! repeated questions, many callers at a time, a generator that fails.
//!
//! `cargo run --release -p ragcore-benches --bin pipeline -- FOLDER [MODEL]`; FOLDER has `corpus.jsonl` and
//! `queries.jsonl` in the layout of BEIR, MODEL is a model folder, else the built-in model. Times of single
//! questions are wall time of one caller at a time; shares are given beside each.

use rag_core::collection::{Collection, Query};
use rag_core::embedding::{Embedder, EmbedderOptions};
use rag_core::engine::{AddOptions, Engine, NewDocument, Question};
use rag_core::generation::{Finish, Flow, Generated, Generator, Request, Usage};
use rag_core::routing::Router;
use rag_core::{Error, ErrorKind, Progress, Rng};
use ragcore_benches::collection::{Collection as Judged, Result};
use ragcore_benches::cpu::process_seconds;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PASSAGES: usize = 10_000;

/// A model far away: it takes its time, on no processor of ours, and fails now and then if it shall.
#[derive(Debug)]
struct Far {
    first: Duration,
    rest: Duration,
    fails: bool,
    calls: AtomicUsize,
}

impl Far {
    fn new(first_ms: u64, rest_ms: u64, fails: bool) -> Arc<Self> {
        Arc::new(Self {
            first: Duration::from_millis(first_ms),
            rest: Duration::from_millis(rest_ms),
            fails,
            calls: AtomicUsize::new(0),
        })
    }
}

impl Generator for Far {
    fn name(&self) -> &str {
        "far"
    }

    fn generate(
        &self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> rag_core::Result<Generated> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.fails {
            return Err(Error::new(ErrorKind::Upstream, "the model is down"));
        }
        // Between half and one and a half of what is usual.
        let share = 0.5 + (call.wrapping_mul(0x9e37_79b9) % 1024) as f64 / 1024.0;
        std::thread::sleep(self.first.mul_f64(share));
        let text = format!("{} passages were found [1].", request.prompt.passages.len());
        sink(&text);
        std::thread::sleep(self.rest.mul_f64(share));
        Ok(Generated {
            text,
            usage: Usage::default(),
            finish: Finish::Stop,
            model: "far".to_owned(),
            first_s: Some(self.first.as_secs_f64()),
            attempts: 1,
        })
    }
}

/// Ascending seconds, and what to say of them.
struct Times(Vec<f64>);

impl Times {
    fn of(times: usize, mut body: impl FnMut(usize)) -> Self {
        let one = |i: usize| {
            let start = Instant::now();
            body(i);
            start.elapsed().as_secs_f64()
        };
        Self::from((0..times).map(one).collect())
    }

    fn from(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }

    fn at(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }

    fn say(&self, what: &str) {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| 1e6 * self.at(share));
        println!("{what}: p50 {p50:.1} us, p95 {p95:.1} us, p99 {p99:.1} us");
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("name a folder with corpus.jsonl and queries.jsonl")?;
    let embedder = match arguments.next() {
        Some(model) => Embedder::open(model, &EmbedderOptions::default())?,
        None => Embedder::built_in(&EmbedderOptions::default())?,
    };
    let judged = Judged::read(Path::new(&folder))?;
    let questions: Vec<String> = judged
        .queries
        .iter()
        .map(|(_, text)| text.clone())
        .collect();
    let documents: Vec<NewDocument> = judged
        .texts
        .iter()
        .zip(&judged.ids)
        .map(|(text, id)| NewDocument::new(text.clone()).id(id.clone()))
        .collect();
    let collection = Collection::in_memory(Some(embedder.clone()), None)?;
    let engine = Engine::builder(&collection).build()?;
    let start = Instant::now();
    let mut taken = 0;
    for some in documents.chunks(64) {
        taken += engine
            .add_documents(some, &AddOptions::default(), Progress::none())?
            .passages;
        if taken >= PASSAGES {
            break;
        }
    }
    println!(
        "{}, {}: {taken} passages taken in, {:.0} a second of processor time; {} questions",
        embedder.name(),
        embedder.precision().name(),
        taken as f64 / process_seconds(start),
        questions.len()
    );
    parts(&engine, &collection, &embedder, &questions)?;
    stream(&engine, &questions)?;
    callers(&engine, &questions)?;
    far(&collection, &questions)?;
    Ok(())
}

/// Evidence cold and kept, and what the pipeline adds to its parts.
fn parts(
    engine: &Engine,
    collection: &Collection,
    embedder: &Embedder,
    questions: &[String],
) -> Result<()> {
    let asked = |i: usize| Question::new(&*questions[i % questions.len()]);
    let fresh = |i: usize| {
        let mut question = asked(i);
        question.retrieve.cache = false;
        question
    };
    let n = questions.len().min(400);
    let retrieve = |question: &Question| engine.retrieve(question).map(|_| ()).expect("evidence");
    Times::of(n, |i| retrieve(&fresh(i))).say("evidence, nothing kept");
    (0..n).for_each(|i| retrieve(&asked(i)));
    Times::of(4 * n, |i| retrieve(&asked(i % n))).say("evidence, kept");
    // The parts by hand, in turns with the whole.
    let (mut whole, mut by_hand) = (Vec::new(), Vec::new());
    for i in 0..n {
        let question = fresh(i);
        let start = Instant::now();
        retrieve(&question);
        whole.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let vector = embedder.encode(&[&question.text], &Default::default(), Progress::none())?;
        let query = Query::text(&question.text).with_vector(vector.row(0)).k(16);
        std::hint::black_box(collection.search(&query)?);
        by_hand.push(start.elapsed().as_secs_f64());
    }
    let more: Vec<f64> = whole
        .iter()
        .zip(&by_hand)
        .map(|(whole, parts)| whole - parts)
        .collect();
    Times::from(more).say("evidence, more than embedding and searching by hand");
    let fresh_answer = |i: usize| {
        let mut question = fresh(i);
        question.ask.keep = false;
        engine.ask(&question).map(|_| ()).expect("an answer");
    };
    Times::of(n, fresh_answer).say("answer by the best sentences, nothing kept");
    (0..n).for_each(|i| drop(engine.ask(&asked(i))));
    Times::of(n, |i| drop(engine.ask(&asked(i)))).say("answer, kept");
    Ok(())
}

/// Questions of which some are asked much oftener than others (Zipf's law, exponent 1).
fn stream(engine: &Engine, questions: &[String]) -> Result<()> {
    engine.cache().clear()?;
    let weights: Vec<f64> = (1..=questions.len())
        .map(|rank| 1.0 / rank as f64)
        .collect();
    let all: f64 = weights.iter().sum();
    let mut rng = Rng::new(7);
    let (mut kept, mut made) = (Vec::new(), Vec::new());
    for _ in 0..5 * questions.len() {
        let mut left = rng.uniform() * all;
        let place = weights.iter().position(|w| {
            left -= w;
            left <= 0.0
        });
        let question = Question::new(&*questions[place.unwrap_or(0)]);
        let start = Instant::now();
        let evidence = engine.retrieve(&question)?;
        let seconds = start.elapsed().as_secs_f64();
        if evidence.cached {
            &mut kept
        } else {
            &mut made
        }
        .push(seconds);
    }
    let rate = kept.len() as f64 / (kept.len() + made.len()) as f64;
    let (kept, made) = (Times::from(kept), Times::from(made));
    println!(
        "repeated questions: {:.1}% kept; p50 {:.1} us instead of {:.1} us ({:.1}% less)",
        100.0 * rate,
        1e6 * kept.at(0.5),
        1e6 * made.at(0.5),
        100.0 * (1.0 - kept.at(0.5) / made.at(0.5))
    );
    Ok(())
}

/// Many callers at a time, nothing kept.
fn callers(engine: &Engine, questions: &[String]) -> Result<()> {
    for callers in [1, 2, 64] {
        let per_caller = 1024 / callers;
        let start = Instant::now();
        let lost = AtomicUsize::new(0);
        let times: Vec<f64> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..callers)
                .map(|caller| {
                    let lost = &lost;
                    scope.spawn(move || {
                        let one = |i: usize| {
                            let mut question =
                                Question::new(&*questions[(caller * 31 + i) % questions.len()]);
                            question.retrieve.cache = false;
                            let start = Instant::now();
                            if engine.retrieve(&question).is_err() {
                                lost.fetch_add(1, Ordering::Relaxed);
                            }
                            start.elapsed().as_secs_f64()
                        };
                        (0..per_caller).map(one).collect::<Vec<_>>()
                    })
                })
                .collect();
            handles
                .into_iter()
                .flat_map(|handle| handle.join().expect("a caller"))
                .collect()
        });
        let (asked, wall) = (times.len(), start.elapsed().as_secs_f64());
        let times = Times::from(times);
        println!(
            "{callers} callers: {:.0} questions a second, p50 {:.2} ms, p99 {:.2} ms ({:.1}x), lost {}",
            asked as f64 / wall,
            1e3 * times.at(0.5),
            1e3 * times.at(0.99),
            times.at(0.99) / times.at(0.5),
            lost.load(Ordering::Relaxed)
        );
    }
    Ok(())
}

/// Answers of a model far away for a hundred users at a time, and of a second one when the first is down.
fn far(collection: &Collection, questions: &[String]) -> Result<()> {
    const USERS: usize = 100;
    const EACH: usize = 20;
    let engine = Engine::builder(collection)
        .generator("far", Far::new(200, 400, false))
        .build()?;
    let failed = AtomicUsize::new(0);
    let kept = AtomicUsize::new(0);
    let times: Vec<f64> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..USERS)
            .map(|user| {
                let (engine, failed, kept) = (&engine, &failed, &kept);
                scope.spawn(move || {
                    let mut rng = Rng::new(user as u64);
                    let one = |_| {
                        // A third of all questions are about ten things.
                        let most = if rng.uniform() < 0.8 {
                            10
                        } else {
                            questions.len()
                        };
                        let question =
                            Question::new(&*questions[rng.below(most.min(questions.len()))]);
                        let start = Instant::now();
                        match engine.ask(&question) {
                            Ok(answer) => {
                                kept.fetch_add(usize::from(answer.cached), Ordering::Relaxed)
                            }
                            Err(_) => failed.fetch_add(1, Ordering::Relaxed),
                        };
                        start.elapsed().as_secs_f64()
                    };
                    (0..EACH).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().expect("a user"))
            .collect()
    });
    let n = times.len() as f64;
    let times = Times::from(times);
    println!(
        "{USERS} users, a model of 300 to 900 ms: p50 {:.0} ms, p95 {:.0} ms, {:.1}% kept, {:.2}% failed",
        1e3 * times.at(0.5),
        1e3 * times.at(0.95),
        100.0 * kept.into_inner() as f64 / n,
        100.0 * failed.into_inner() as f64 / n
    );
    let mut router = Router::new(&["cost", "quality"], 1)?;
    router.add("first", &[("cost", 1.0), ("quality", 0.9)])?;
    router.add("second", &[("cost", 2.0), ("quality", 0.5)])?;
    let engine = Engine::builder(collection)
        .generator("first", Far::new(0, 0, true))
        .generator("second", Far::new(0, 0, false))
        .router(router)
        .build()?;
    let mut lost = 0;
    let times = Times::of(50, |i| {
        let question = Question::new(&*questions[i % questions.len()]);
        lost += usize::from(engine.ask(&question).is_err());
    });
    println!(
        "a generator that is down: {lost} of 50 questions lost, slowest {:.2} ms",
        1e3 * times.at(1.0)
    );
    Ok(())
}
