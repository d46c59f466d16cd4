//! Retrieval test collections in the layout of BEIR (Thakur and others, 2021) and their measure.

use std::collections::HashMap;
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
    /// Grades above zero, by query, then document.
    pub judgements: HashMap<String, HashMap<String, f64>>,
}

impl Collection {
    /// Reads `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` (with a header line) of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut read = Self::default();
        for line in lines(&folder.join("qrels.tsv"))?.skip(1) {
            let line = line?;
            let [query, document, grade] = line.split('\t').collect::<Vec<_>>()[..] else {
                return Err(format!("qrels.tsv: three columns expected in \"{line}\"").into());
            };
            let grade: f64 = grade.trim().parse()?;
            if grade > 0.0 {
                let grades = read.judgements.entry(query.to_owned()).or_default();
                grades.insert(document.to_owned(), grade);
            }
        }
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
            if read.judgements.contains_key(&id) {
                read.queries.push((id, text));
            }
        }
        Ok(read)
    }

    /// nDCG@10 of one query's ranking (document numbers, best first): linear gain, log2 discount
    /// (Järvelin and Kekäläinen, 2002), as trec_eval computes it.
    pub fn ndcg_at_10(&self, query: &str, ranking: &[usize]) -> f64 {
        let Some(grades) = self.judgements.get(query) else {
            return 0.0;
        };
        let gain = |rank: usize, grade: f64| grade / (rank as f64 + 2.0).log2();
        let found = ranking.iter().take(10).enumerate();
        let got: f64 = found
            .filter_map(|(rank, d)| grades.get(&self.ids[*d]).map(|g| gain(rank, *g)))
            .sum();
        let mut ideal: Vec<f64> = grades.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        let best: f64 = (ideal.iter().take(10).enumerate())
            .map(|(rank, g)| gain(rank, *g))
            .sum();
        got / best
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ndcg_of_known_rankings() {
        let mut c = Collection {
            ids: ["a", "b", "c"].map(String::from).to_vec(),
            ..Default::default()
        };
        let grades = [("a".to_owned(), 2.0), ("b".to_owned(), 1.0)];
        c.judgements.insert("q".into(), HashMap::from(grades));
        assert_eq!(c.ndcg_at_10("q", &[0, 1, 2]), 1.0);
        assert_eq!(c.ndcg_at_10("q", &[2]), 0.0);
        let log3 = 3f64.log2();
        let want = (1.0 + 2.0 / log3) / (2.0 + 1.0 / log3);
        assert!((c.ndcg_at_10("q", &[1, 0]) - want).abs() < 1e-12);
    }
}
