#![no_main]
//! Any text as a filter over any metadata.

use libfuzzer_sys::fuzz_target;
use rag_core::collection::Metadata;
use rag_core::retrieval::filter::Filter;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (filter, metadata) = text.split_once('\n').unwrap_or((&text, "{}"));
    if let Ok(filter) = Filter::from_json(filter) {
        let metadata: Metadata = serde_json::from_str(metadata).unwrap_or_default();
        assert_eq!(filter.matches(&metadata), filter.matches(&metadata.clone()));
    }
});
