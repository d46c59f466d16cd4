//! candle's `BertModel` as a worker of `benches/embedding/peers.py`: commands as JSON lines in,
//! answers as JSON lines out, as `worker.py` there speaks them.
//!
//! `candle_worker ENGINE MODEL_FOLDER WORK_FOLDER THREADS LONGEST`; candle takes its threads from
//! `RAYON_NUM_THREADS`.
#![allow(unsafe_code)]

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use ragcore_benches::cpu::{memory, process_seconds};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;
use tokenizers::{Tokenizer, TruncationParams};

type Any<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Worker {
    model: BertModel,
    tokenizer: Tokenizer,
}

impl Worker {
    fn open(folder: &Path, longest: usize) -> Any<Self> {
        let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let file = [folder.join("model.safetensors")];
        // SAFETY: the file is read only, and nothing changes it while a measurement runs.
        let weights =
            unsafe { VarBuilder::from_mmaped_safetensors(&file, DType::F32, &Device::Cpu)? };
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
        tokenizer
            .with_padding(None)
            .with_truncation(Some(TruncationParams {
                max_length: longest,
                ..Default::default()
            }))?;
        Ok(Self {
            model: BertModel::load(weights, &config)?,
            tokenizer,
        })
    }

    /// Mean-pooled unit vectors of one batch, padded to its longest text.
    fn encode(&self, texts: Vec<String>) -> Any<Vec<f32>> {
        let encodings = self.tokenizer.encode_batch_fast(texts, true)?;
        let count = encodings.len();
        let longest = encodings.iter().map(|e| e.len()).max().unwrap_or(0);
        let (mut ids, mut mask) = (vec![0u32; count * longest], vec![0u32; count * longest]);
        let mut full = true;
        for (row, own) in encodings.iter().enumerate() {
            let at = row * longest..row * longest + own.len();
            ids[at.clone()].copy_from_slice(own.get_ids());
            mask[at].fill(1);
            full &= own.len() == longest;
        }
        let ids = Tensor::from_vec(ids, (count, longest), &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, (count, longest), &Device::Cpu)?;
        let shown = if full { None } else { Some(&mask) };
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, shown)?;
        let there = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let sums = hidden.broadcast_mul(&there)?.sum(1)?;
        let norms = sums.sqr()?.sum_keepdim(1)?.sqrt()?;
        Ok(sums.broadcast_div(&norms)?.flatten_all()?.to_vec1()?)
    }
}

fn main() -> Any<()> {
    let start = Instant::now();
    let arguments: Vec<String> = std::env::args().collect();
    let [_, _, folder, _, _, longest] = &arguments[..] else {
        return Err("an engine, two folders, threads and the longest text are expected".into());
    };
    let worker = Worker::open(Path::new(folder), longest.parse()?)?;
    worker.encode(vec!["hello world".to_owned()])?;
    let megabytes = || {
        let (now, peak) = memory();
        json!({"now": now, "peak": peak})
    };
    answer(json!({"cpu": process_seconds(start), "memory": megabytes()}))?;
    for line in std::io::stdin().lock().lines() {
        let mut command: Value = serde_json::from_str(&line?)?;
        let reply = match command["do"].as_str() {
            Some("memory") => megabytes(),
            Some("forget") => {
                std::fs::write("/proc/self/clear_refs", "5")?;
                json!({})
            }
            Some("each") => each(&worker, start, command["texts"].take())?,
            _ => batches(&worker, start, command)?,
        };
        answer(reply)?;
    }
    Ok(())
}

fn each(worker: &Worker, start: Instant, texts: Value) -> Any<Value> {
    let mut seconds = Vec::new();
    for text in serde_json::from_value::<Vec<String>>(texts)? {
        let (wall, cpu) = (Instant::now(), process_seconds(start));
        worker.encode(vec![text])?;
        seconds.push((wall.elapsed().as_secs_f64(), process_seconds(start) - cpu));
    }
    Ok(json!({"seconds": seconds}))
}

fn batches(worker: &Worker, start: Instant, mut command: Value) -> Any<Value> {
    let batches: Vec<Vec<String>> = serde_json::from_value(command["batches"].take())?;
    let (wall, cpu) = (Instant::now(), process_seconds(start));
    let mut vectors = Vec::new();
    for batch in batches {
        vectors.extend(worker.encode(batch)?);
    }
    let reply = json!({
        "wall": wall.elapsed().as_secs_f64(),
        "cpu": process_seconds(start) - cpu,
    });
    if let Some(path) = command["to"].as_str() {
        let bytes: Vec<u8> = vectors.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(path, bytes)?;
    }
    Ok(reply)
}

fn answer(value: Value) -> Any<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}
