//! A process that opens a model folder, embeds one text, says how much memory that took, and ends:
//! what a program without Python pays for its first vector.
//!
//! `cargo run --release -p ragcore-benches --bin first_vector -- FOLDER f32|bf16|int8|auto`
//! prints `{"now": megabytes, "peak": megabytes}` (Linux; zeros elsewhere).

use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use ragcore_benches::collection::Result;
use ragcore_benches::cpu::memory;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, precision] = &arguments[..] else {
        return Err("a model folder and a precision are expected".into());
    };
    let options = EmbedderOptions::default()
        .precision(Precision::parse("precision", precision)?)
        .threads(Some(1));
    let embedder = Embedder::open(folder, &options)?;
    embedder.encode(
        &["hello world"],
        &EncodeOptions::default(),
        Progress::none(),
    )?;
    let (now, peak) = memory();
    println!("{}", serde_json::json!({"now": now, "peak": peak}));
    Ok(())
}
