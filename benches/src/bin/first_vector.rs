//! A process that opens a model folder, embeds one text, says how much memory that took, and ends:
//! what a program without Python pays for its first vector.
//!
//! `cargo run --release -p ragcore-benches --bin first_vector -- FOLDER f32|bf16|int8|auto`
//! prints `{"now": megabytes, "peak": megabytes}` (Linux; zeros elsewhere).

use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use ragcore_benches::collection::Result;

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
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        (status.lines().find_map(|line| line.strip_prefix(name)))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 1024.0
    };
    println!(
        "{}",
        serde_json::json!({"now": megabytes("VmRSS:"), "peak": megabytes("VmHWM:")})
    );
    Ok(())
}
