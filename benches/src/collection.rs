//! Retrieval test collections in the layout of BEIR (Thakur and others, 2021).

use rag_core::evaluation::Qrels;
use std::io::{BufRead, BufReader};
use std::path::Path;

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
