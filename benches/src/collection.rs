//! Retrieval test collections in the layout of BEIR (Thakur and others, 2021).

use rag_core::collection::{Batch, Collection as Stored, OpenOptions};
use rag_core::embedding::Embedder;
use rag_core::evaluation::Qrels;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

/// Documents added at a time.
const BATCH: usize = 2048;

/// A failure to read a collection, as a sentence.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Documents, queries and judgements.
#[derive(Debug, Default)]
pub struct Collection {
    /// Ids of the documents, in the order of the file.
    pub ids: Vec<String>,
    /// Title, a space, text; the text alone where there is no title.
    pub texts: Vec<String>,
    /// Id and text of every judged query.
    pub queries: Vec<(String, String)>,
    /// Grades by query.
    pub qrels: Qrels<'static>,
}

impl Collection {
    /// Reads `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` (with a header line) of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut read = Self {
            qrels: Qrels::read(folder.join("qrels.tsv"))?,
            ..Self::default()
        };
        for line in lines(&folder.join("corpus.jsonl"))? {
            let (id, title, text) = record(&line?)?;
            read.ids.push(id);
            read.texts.push(match title.is_empty() {
                true => text,
                false => format!("{title} {text}"),
            });
        }
        for line in lines(&folder.join("queries.jsonl"))? {
            let (id, _, text) = record(&line?)?;
            if read.is_relevant(&id) {
                read.queries.push((id, text));
            }
        }
        Ok(read)
    }

    /// The documents embedded in a collection, each under its place in the file as its id: in the
    /// folder `place`, opened as it is if it was filled before, or in memory.
    pub fn stored(&self, embedder: &Embedder, place: Option<&Path>) -> Result<Stored> {
        let embedder = Some(embedder.clone());
        let collection = match place {
            Some(path) => Stored::open(path, embedder, &OpenOptions::default())?,
            None => Stored::in_memory(embedder, None)?,
        };
        if !collection.is_empty()? {
            return Ok(collection);
        }
        let start = Instant::now();
        let numbers: Vec<String> = (0..self.ids.len()).map(|i| i.to_string()).collect();
        for (ids, texts) in numbers.chunks(BATCH).zip(self.texts.chunks(BATCH)) {
            collection.add(Batch::new(ids).texts(texts))?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let rate = numbers.len() as f64 / seconds;
        eprintln!(
            "{} documents in {seconds:.1} s: {rate:.1} a second",
            numbers.len()
        );
        Ok(collection)
    }

    /// Whether anything is relevant to the query.
    fn is_relevant(&self, query: &str) -> bool {
        let judged = self.qrels.judgements(query).unwrap_or_default();
        judged.iter().any(|(_, grade)| *grade > 0.0)
    }
}

fn lines(path: &Path) -> Result<std::io::Lines<BufReader<std::fs::File>>> {
    let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(BufReader::new(file).lines())
}

fn record(line: &str) -> Result<(String, String, String)> {
    let value: serde_json::Value = serde_json::from_str(line)?;
    let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Ok((field("_id"), field("title"), field("text")))
}
