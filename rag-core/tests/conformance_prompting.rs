//! Runs the cases in `conformance/` of what stands in prompts.

use rag_core::Result;
use rag_core::answer::{PackOptions, Packing, Passage};
use rag_core::options::OptionValue;
use rag_core::prompting::sanitize;
use serde_json::{Value, json};
use std::path::Path;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn run(operation: &str, body: impl Fn(&Value, &Value) -> Result<Value>) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let path = root.join("conformance").join(format!("{operation}.json"));
    let file = std::fs::read_to_string(&path).expect("the case file");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    let cases = file["cases"].as_array().expect("a list");
    assert!(cases.len() >= 10, "{operation} has {} cases", cases.len());
    for case in cases {
        let name = &case["name"];
        match (body(&case["inputs"], &case["options"]), case.get("error")) {
            (Err(e), Some(kind)) => assert_eq!(e.kind().name(), kind, "{operation}: {name}"),
            (Ok(got), None) => assert_eq!(got, case["want"], "{operation}: {name}"),
            (got, want) => panic!("{operation}: {name}: got {got:?}, want error {want:?}"),
        }
    }
}

#[test]
fn texts_are_made_fit_for_prompts() {
    run("sanitize", |inputs, _| {
        let text = inputs["text"].as_str().expect("text");
        Ok(json!({"text": sanitize(text)}))
    });
}

#[test]
fn passages_are_packed() {
    run("pack", |inputs, options| {
        let mut chosen = PackOptions::default();
        for (name, value) in options.as_object().expect("an object") {
            let value: OptionValue = match value {
                Value::String(s) => s.as_str().into(),
                v if v.is_u64() => OptionValue::U64(v.as_u64().unwrap()),
                v => OptionValue::F64(v.as_f64().expect("a number")),
            };
            chosen.set(name, &value)?;
        }
        let given = json!({"passages": inputs["passages"], "documents": inputs["documents"]});
        let budget = inputs["budget_tokens"].as_u64().expect("a number") as usize;
        let packed = Packing::from_json(&given.to_string())?.pack(budget, &words, &chosen)?;
        let of = |value: &dyn Fn(&Passage) -> Value| packed.iter().map(value).collect::<Vec<_>>();
        Ok(json!({
            "ids": of(&|p| json!(p.id)), "texts": of(&|p| json!(&*p.text)),
            "starts": of(&|p| json!(p.start)), "ends": of(&|p| json!(p.end)),
            "scores": of(&|p| json!(f64::from(p.score))), "tokens": of(&|p| json!(p.tokens)),
            "merged": of(&|p| json!(p.merged.join(" "))),
        }))
    });
}
