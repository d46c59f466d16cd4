#![no_main]
//! A store whose log ends in any bytes: an error, or whole records that are there again.

use libfuzzer_sys::fuzz_target;
use rag_core::store::{Durability, Store, StoreOptions};

fuzz_target!(|data: &[u8]| {
    let folder = std::env::temp_dir().join(format!("ragcore-fuzz-store-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let options = StoreOptions::default().durability(Durability::Os);
    let mut store = Store::open(&folder, &options, |_| Ok(())).expect("an empty folder opens");
    store.append(b"acknowledged").expect("a new store takes a record");
    drop(store);
    let log = folder.join("log-1");
    let mut bytes = std::fs::read(&log).expect("the log is there");
    bytes.extend_from_slice(data);
    std::fs::write(&log, bytes).expect("the folder is writable");
    let open = || {
        let mut records = Vec::new();
        let opened = Store::open(&folder, &options, |r| {
            records.push(r.to_vec());
            Ok(())
        });
        opened.map(|_| records)
    };
    if let Ok(records) = open() {
        assert_eq!(records[0], b"acknowledged");
        assert_eq!(open().expect("what opened once opens again"), records);
    }
});
