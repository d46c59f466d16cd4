//! The whole library on one page: a folder of text is split, embedded, searched, steered by a dial
//! that is learnt in the run, tuned by a bandit, and routed over a Pareto front.
//!
//! ```sh
//! cargo run --release --example quickstart
//! cargo run --release --example quickstart -- ~/notes --ask "when is the boiler serviced?" --store /tmp/notes
//! ```

/// A line of the page; a reader who has seen enough (`| head`) ends the run quietly.
macro_rules! say {
    ($($text:tt)*) => { crate::page::line(format_args!($($text)*)) };
}

mod corpus;
mod page;
mod tune;

use rag_core::collection::{Collection, Examples, OpenOptions, Query, SearchOptions};
use rag_core::embedding::{Embedder, EmbedderOptions};
use rag_core::steering::LearnOptions;
use rag_core::{Error, Progress, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "usage: quickstart [PATH...] [--ask QUESTION] [--k K] [--store DIR] [--model FOLDER] [--ext md,txt]
  PATH     files or folders of text; the project's own documentation if none is named
  --ask    the question
  --k      how many passages to show (5)
  --store  keep the collection in this directory; a second run opens what the first one saved
  --model  a model folder in Hugging Face form; the built-in model if none is named
  --ext    endings of the files to read (md,markdown,txt,rst)";

const QUESTION: &str = "What happens to my data when the power fails?";
const DIAL: &str = include_str!("../../data/hands-on.txt");
const STRENGTH: f64 = 3.0;

struct Arguments {
    paths: Vec<PathBuf>,
    ask: String,
    k: usize,
    store: Option<PathBuf>,
    model: Option<PathBuf>,
    endings: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            say!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>> {
    let mut arguments = Arguments {
        paths: Vec::new(),
        ask: QUESTION.into(),
        k: 5,
        store: None,
        model: None,
        endings: ["md", "markdown", "txt", "rst"].map(String::from).into(),
    };
    while let Some(word) = words.next() {
        let mut value = || {
            let missing = || Error::invalid(format!("{word} needs a value"));
            words.next().ok_or_else(missing)
        };
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--ask" => arguments.ask = value()?,
            "--k" => {
                let k = value()?;
                let bad = |_| Error::invalid(format!("--k must be a whole number, got {k}"));
                arguments.k = k.parse().map_err(bad)?;
                SearchOptions::default().k(arguments.k).check()?;
            }
            "--store" => arguments.store = Some(value()?.into()),
            "--model" => arguments.model = Some(value()?.into()),
            "--ext" => arguments.endings = value()?.split(',').map(str::to_owned).collect(),
            _ if word.starts_with("--") => {
                return Err(Error::invalid(format!("no option is called {word}")));
            }
            _ => arguments.paths.push(word.into()),
        }
    }
    if arguments.paths.is_empty() {
        let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let names = [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "docs",
        ];
        let here = std::env::current_dir().unwrap_or_default();
        let own = own.canonicalize().unwrap_or(own);
        let base = if own == here { PathBuf::new() } else { own };
        arguments.paths = names.iter().map(|name| base.join(name)).collect();
    }
    Ok(Some(arguments))
}

fn run(arguments: &Arguments) -> Result<()> {
    let mut times = Vec::new();
    let embedder = timed(&mut times, "load the model", || match &arguments.model {
        Some(folder) => Embedder::open(folder, &EmbedderOptions::default()),
        None => Embedder::built_in(&EmbedderOptions::default()),
    })?;
    say!("model: {} ({} dimensions)", embedder.name(), embedder.dim());

    let collection = timed(&mut times, "open the collection", || {
        match &arguments.store {
            Some(path) => Collection::open(path, Some(embedder.clone()), &OpenOptions::default()),
            None => Collection::in_memory(Some(embedder.clone()), None),
        }
    })?;
    match collection.len()? {
        0 => index(&collection, arguments, &embedder, &mut times)?,
        n => say!("opened: {n} passages that an earlier run saved"),
    }

    page::heading(&format!("Question: {}", arguments.ask));
    let query = Query::text(&arguments.ask).k(arguments.k);
    let plain = timed(&mut times, "hybrid search", || collection.search(&query))?;
    page::hits(&plain);

    steer(&collection, &query, &plain, &mut times)?;
    let weight = timed(&mut times, "three rounds with the bandit", || {
        tune::bandit(&collection)
    })?;
    match weight {
        Some(weight) => timed(&mut times, "measure and route", || {
            tune::route(&collection, &arguments.ask, weight)
        })?,
        None => say!("no passage has eight words to ask with; routing is left out"),
    }

    if arguments.store.is_some() {
        timed(&mut times, "checkpoint", || collection.checkpoint())?;
    }
    page::heading("Timings");
    for (what, seconds) in times {
        say!("{:>10.2} ms  {what}", seconds * 1e3);
    }
    Ok(())
}

fn index(
    collection: &Collection,
    arguments: &Arguments,
    embedder: &Embedder,
    times: &mut Vec<(&'static str, f64)>,
) -> Result<()> {
    let corpus = timed(times, "read and split", || {
        corpus::read(&arguments.paths, &arguments.endings, embedder)
    })?;
    corpus.skipped.iter().for_each(|s| say!("skipped: {s}"));
    if corpus.passages.is_empty() {
        return Err(Error::invalid(format!(
            "no file ending in {} has any text there; name another folder or --ext",
            arguments.endings.join(", ")
        )));
    }
    let mut bar = page::Bar::new();
    let mut watch = |done, total| {
        bar.show(done, total);
        true
    };
    timed(times, "embed and index", || {
        let batch = corpus::batch(&corpus.passages);
        collection.add_with_progress(batch, Progress::new(&mut watch))
    })?;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (passages, files) = (corpus.passages.len(), corpus.files);
    say!(
        "indexed: {} of {}",
        count(passages, "passage"),
        count(files, "file")
    );
    Ok(())
}

/// Learns the dial "hands-on" from the examples and asks the same question with it turned up.
fn steer(
    collection: &Collection,
    query: &Query,
    plain: &[rag_core::collection::Hit],
    times: &mut Vec<(&'static str, f64)>,
) -> Result<()> {
    let examples = |sign: &str| -> Vec<&str> {
        DIAL.lines()
            .filter_map(|line| line.strip_prefix(sign))
            .map(str::trim)
            .collect()
    };
    let (instructions, background) = (examples("+ "), examples("- "));
    let steering = collection.steering();
    let known = steering.names()?.iter().any(|name| name == "hands-on");
    let dial = timed(times, "learn the dial", || match known {
        true => steering.get("hands-on"),
        false => steering.learn(
            "hands-on",
            Examples::Texts(&instructions),
            Examples::Texts(&background),
            &LearnOptions::default(),
        ),
    })?;
    let effect = dial.effect().map_or_else(String::new, |e| {
        format!(
            "held-out effect {:.2} sd [{:.2}, {:.2}]",
            e.value, e.low, e.high
        )
    });
    page::heading(&format!(
        "The same, with the dial \"hands-on\" at {STRENGTH}"
    ));
    say!("learnt from {} pairs, {effect}", instructions.len());
    let query = query.clone().steer("hands-on", STRENGTH);
    let steered = timed(times, "steered search", || collection.search(&query))?;
    page::hits(&steered);
    let missing = |from: &[rag_core::collection::Hit], other: &[rag_core::collection::Hit]| {
        let gone = from.iter().filter(|h| other.iter().all(|o| o.id != h.id));
        let places: Vec<String> = gone.map(page::place).collect();
        if places.is_empty() {
            "nothing".to_owned()
        } else {
            places.join(", ")
        }
    };
    say!("entered: {}", missing(&steered, plain));
    say!("left:    {}", missing(plain, &steered));
    Ok(())
}

fn timed<T>(
    times: &mut Vec<(&'static str, f64)>,
    what: &'static str,
    work: impl FnOnce() -> T,
) -> T {
    let start = Instant::now();
    let result = work();
    times.push((what, start.elapsed().as_secs_f64()));
    result
}
