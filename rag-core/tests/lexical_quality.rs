//! Lexical search on judged collections: as good as bm25s and tantivy, which
//! `benches/retrieval/lexical_quality.py` ran on the same terms with the same k1 and b.
//!
//! The collections lie beside the repository, in BEIR's layout; without them nothing is tested.

use rag_core::evaluation::{EvaluateOptions, Interval, Qrels, Run, evaluate};
use rag_core::retrieval::lexical::{LexicalIndex, LexicalOptions};
use std::path::{Path, PathBuf};

/// Collections with nDCG@10 of bm25s 0.3.16 and tantivy 0.27, rounded to four digits.
const PEERS: [(&str, f64, f64); 4] = [
    ("cosqa", 0.3848, 0.3841),
    ("cranfield", 0.3594, 0.3579),
    ("fiqa_pool", 0.1774, 0.1734),
    ("scifact", 0.6862, 0.6869),
];
/// Half of the last digit, and what another order of equal scores may change.
const TIES: f64 = 0.0005;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// Ids with title and text.
fn records(path: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let record = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        (
            field("_id"),
            format!("{} {}", field("title"), field("text")),
        )
    };
    text.lines().map(record).collect()
}

fn ndcg(folder: &Path) -> f64 {
    let documents = records(&folder.join("corpus.jsonl"));
    let queries = records(&folder.join("queries.jsonl"));
    let qrels = Qrels::read(folder.join("qrels.tsv")).unwrap();
    let keys: Vec<u64> = (0..documents.len() as u64).collect();
    let texts: Vec<&str> = documents.iter().map(|(_, text)| &**text).collect();
    let mut index = LexicalIndex::new(&LexicalOptions::default()).unwrap();
    index.add(&keys, &texts).unwrap();
    let mut run = Run::new();
    for (id, text) in &queries {
        let judged = qrels.judgements(id).unwrap_or_default();
        if judged.iter().any(|(_, grade)| *grade > 0.0) {
            let found = &index.search(&[text], 11, None).unwrap()[0].keys;
            let ids = found.iter().map(|&key| &*documents[key as usize].0);
            run.add(&**id, ids).unwrap();
        }
    }
    // A document of the query's own id is the query itself, as BEIR has it.
    let options = EvaluateOptions::default()
        .ignore_identical_ids(true)
        .interval(Interval::T);
    let measured = evaluate(&run, &qrels, &["ndcg@10"], &options).unwrap();
    measured.estimate("ndcg@10").unwrap().value
}

#[test]
fn ranking_is_as_good_as_that_of_the_peers() {
    let (mut ours, mut best) = (0.0, 0.0);
    for (name, bm25s, tantivy) in PEERS {
        let folder = folder().join(name);
        if !folder.exists() {
            eprintln!("skipped: there is no shared/data/{name} beside the repository");
            return;
        }
        let found = ndcg(&folder);
        println!("{name}: nDCG@10 {found:.4}, bm25s {bm25s:.4}, tantivy {tantivy:.4}");
        assert!(found >= bm25s - TIES, "{name}: {found:.4}");
        ours += found;
        best += bm25s.max(tantivy);
    }
    // tantivy rounds lengths: a little better or worse on one collection, by chance.
    assert!(ours >= best - 4.0 * TIES, "{ours:.4} of {best:.4}");
}
