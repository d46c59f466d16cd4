//! The embedder under load: 64 callers with a query each, and very many texts in one call.
//!
//! `cargo run --release -p ragcore-benches --bin load -- --model FOLDER [--precision NAME]
//! [--callers N] [--texts N]`. Callers are measured three times in turn with the queue, with a
//! pass for each text (`max_batch` of 1) and with a lock around the call; the best is printed.

use rag_core::Progress;
use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, Precision};
use ragcore_benches::collection::Result;
use std::sync::Mutex;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let number = |name: &str, default: usize| after(name).map_or(Ok(default), str::parse);
    memory(
        "built-in model",
        &Embedder::built_in(&EmbedderOptions::default())?,
        1_000_000,
    )?;
    let Some(model) = after("--model") else {
        return Ok(());
    };
    let precision = Precision::parse("precision", after("--precision").unwrap_or("auto"))?;
    let options = EmbedderOptions::default().precision(precision);
    let shared = Embedder::open(model, &options)?;
    let single = Embedder::open(model, &options.clone().max_batch(Some(1)))?;
    println!("{}, {}:", shared.name(), shared.precision().name());
    let callers = number("--callers", 64)?;
    let lock = Mutex::new(());
    let query = |i: usize| format!("what does vitamin {i} do for bone density in old age");
    let one = |embedder: &Embedder, i: usize| {
        embedder
            .encode(&[query(i)], &EncodeOptions::default(), Progress::none())
            .expect("a query is embedded");
    };
    let mut best = [(0.0, 0.0, 0.0); 3];
    for _ in 0..3 {
        let ways: [&(dyn Fn(usize) + Sync); 3] =
            [&|i| one(&shared, i), &|i| one(&single, i), &|i| {
                let _alone = lock.lock().unwrap_or_else(|e| e.into_inner());
                one(&shared, i);
            }];
        for (best, way) in best.iter_mut().zip(ways) {
            let found = many(callers, way);
            if found.0 > best.0 {
                *best = found;
            }
        }
    }
    let names = [
        "one queue",
        "a pass for each text",
        "a lock around the call",
    ];
    for (name, (rate, p50, p99)) in names.iter().zip(best) {
        println!(
            "{callers} callers, {name}: {rate:.0} texts/s, p50 {:.1} ms, p99 {:.1} ms",
            p50 * 1e3,
            p99 * 1e3
        );
    }
    memory("model folder", &shared, number("--texts", 50_000)?)
}

/// Texts a second, and the 50th and 99th percentile of a call's seconds.
fn many(callers: usize, call: &(dyn Fn(usize) + Sync)) -> (f64, f64, f64) {
    const CALLS: usize = 40;
    let times = Mutex::new(Vec::new());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let times = &times;
            scope.spawn(move || {
                let mut own = Vec::new();
                for i in 0..CALLS {
                    let before = Instant::now();
                    call(caller * CALLS + i);
                    own.push(before.elapsed().as_secs_f64());
                }
                times.lock().expect("no caller panics").extend(own);
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let mut times = times.into_inner().expect("no caller panics");
    times.sort_by(f64::total_cmp);
    let count = times.len();
    (
        count as f64 / seconds,
        times[count / 2],
        times[count * 99 / 100],
    )
}

/// What a call with many texts takes beside the texts and the result.
fn memory(name: &str, embedder: &Embedder, count: usize) -> Result<()> {
    let texts: Vec<String> = (0..count)
        .map(|i| format!("a short text with a number, {i}, and little else"))
        .collect();
    let encode = |texts: &[String]| {
        let start = Instant::now();
        let rows = embedder.encode(texts, &EncodeOptions::default(), Progress::none());
        rows.map(|rows| (rows, start.elapsed().as_secs_f64()))
    };
    encode(&texts[..64])?;
    // Sets the account's peak back to now.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = resident("VmRSS")?;
    let (rows, seconds) = encode(&texts)?;
    let result = (rows.len() * rows.dim() * 4) as f64;
    println!(
        "{name}, {count} texts in one call: {:.0} texts/s, {:.1} MB beside the result",
        count as f64 / seconds,
        (resident("VmHWM")? - before - result) / 1e6
    );
    Ok(())
}

/// A line of the process's own account, in bytes; Linux alone keeps one.
fn resident(line: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status
        .lines()
        .find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = found.and_then(|l| l.trim().strip_suffix(" kB"));
    Ok(kilobytes.ok_or("no such line")?.trim().parse::<f64>()? * 1024.0)
}
