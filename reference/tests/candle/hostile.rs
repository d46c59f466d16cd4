//! No config.json makes a network panic, hang or ask for memory that its weights do not have.

use crate::model::Model;
use crate::{FOREIGN, on};
use rag_core::Progress;
use rag_core::embedding::{Embedder, EncodeOptions};
use serde_json::{Value, json};

#[test]
fn any_value_of_any_setting_is_run_or_refused() {
    let values = [
        Value::Null,
        json!(0),
        json!(1),
        json!(-1),
        json!(131_072),
        json!(4_000_000_000_000u64),
        json!(1e300),
        json!(0.5),
        json!(true),
        json!("nonsense"),
        json!([]),
        json!({"rope_theta": -1}),
    ];
    let (mut ran, mut refused) = (0, 0);
    for name in FOREIGN.iter().chain(&["mpnet", "nomic"]) {
        let plain = Model::read(name);
        let folder = plain.write(&format!("hostile-{name}"));
        let config = plain.data["config"].as_object().unwrap();
        for setting in config.keys() {
            for value in &values {
                let mut config = config.clone();
                config.insert(setting.clone(), value.clone());
                folder.write("config.json", Value::Object(config).to_string());
                let Ok(embedder) = Embedder::open(&folder.0, &on("candle")) else {
                    refused += 1;
                    continue;
                };
                // A vector, or an error where its numbers overflow.
                let texts = ["a small boat", "", "the shortest way to the island"];
                let _ = embedder.encode(&texts, &EncodeOptions::default(), Progress::none());
                ran += 1;
            }
        }
    }
    println!("{ran} ran, {refused} were refused");
    assert!(ran > 100 && refused > 100, "{ran} ran, {refused} refused");
}
