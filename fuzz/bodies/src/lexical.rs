//! Any bytes behind a sound envelope as the file of a lexical index.

use crate::scratch::Scratch;
use rag_core::file;
use rag_core::retrieval::lexical::LexicalIndex;

pub(crate) fn run(data: &[u8]) {
    let scratch = Scratch::new("lexical");
    let path = scratch.join("index");
    let envelope = file::wrap("lexical", 1, data);
    // Not synced, as the library would: nothing here must outlive a crash.
    std::fs::write(&path, &envelope).unwrap();
    if let Ok(mut index) = LexicalIndex::open(&path) {
        index.save(&path).unwrap();
        assert!(std::fs::read(&path).unwrap() == envelope);
        let queries = ["cat dog", "the w1 w2 w3", "stra\u{df}e", ""];
        for query in queries {
            let hits = index.search(&[query], 10, None).unwrap().remove(0);
            assert!(hits.keys.iter().all(|&key| index.contains(key)));
            assert!(hits.scores.iter().all(|&score| score > 0.0));
            index.remove(&hits.keys).unwrap();
        }
        if !index.contains(7) {
            index.add(&[7], &["a cat and a dog"]).unwrap();
            assert!(
                index.search(&["cat"], 10_000, None).unwrap()[0]
                    .keys
                    .contains(&7)
            );
        }
    }
}
