//! Any text to words, sentences, chunks, tokens and a vector.

use rag_core::chunking::{ChunkMode, Chunker, ChunkerOptions};
use rag_core::embedding::static_model::StaticModel;
use rag_core::text;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let limit = 1 + data.first().map_or(7, |b| usize::from(*b));
    for mode in [ChunkMode::Sentence, ChunkMode::Markdown, ChunkMode::Tokens] {
        let options = ChunkerOptions::default().mode(mode).max_tokens(limit);
        let chunker = Chunker::new(&options).expect("a limit above zero");
        let chunks = chunker
            .split(&text, &text::estimate_tokens)
            .expect("any text can be split");
        for chunk in &chunks {
            assert!(!text[chunk.start..chunk.end].trim().is_empty());
        }
    }
    let model = StaticModel::built_in();
    let mut vector = vec![0.0; model.dim()];
    model
        .encode_into(&text, &mut vector)
        .expect("any text has a vector");
    let norm: f32 = vector.iter().map(|x| x * x).sum();
    assert!((norm - 1.0).abs() < 1e-3);
}
