//! The store from outside: what was acknowledged is there again, whatever happened in between.

use rag_core::ErrorKind;
use rag_core::store::{Durability, Recovery, Store, StoreOptions};
use std::path::{Path, PathBuf};

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ragcore-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path, options: &StoreOptions) -> rag_core::Result<(Store, Vec<Vec<u8>>)> {
    let mut records = Vec::new();
    let store = Store::open(path, options, |r| {
        records.push(r.to_vec());
        Ok(())
    })?;
    Ok((store, records))
}

fn refused(path: &Path) -> rag_core::Error {
    open(path, &defaults()).unwrap_err()
}

fn defaults() -> StoreOptions {
    StoreOptions::default()
}

#[test]
fn records_come_back_in_order_at_every_durability() {
    for durability in Durability::ALL {
        let dir = TempDir::new(&format!("order-{}", durability.name()));
        let options = defaults().durability(*durability);
        let (mut store, found) = open(dir.path(), &options).unwrap();
        assert!(found.is_empty());
        for i in 0..100u8 {
            store.append(&vec![i; i as usize]).unwrap();
        }
        drop(store);
        let (_store, found) = open(dir.path(), &options).unwrap();
        assert_eq!(found.len(), 100);
        assert_eq!(found[99], vec![99; 99]);
    }
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock_and_readers_are_welcome() {
    let dir = TempDir::new("lock");
    let (mut store, _) = open(dir.path(), &defaults()).unwrap();
    let error = refused(dir.path());
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert_eq!(error.pid(), Some(std::process::id()));
    store.append(b"seen").unwrap();
    let (mut reader, found) = open(dir.path(), &defaults().read_only(true)).unwrap();
    assert_eq!(found, [b"seen"]);
    let error = reader.append(b"no").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    drop(store);
    open(dir.path(), &defaults()).unwrap();
}

/// The files of a store as a process leaves them that is killed at this moment.
fn killed(store: &Store, name: &str) -> TempDir {
    let dir = TempDir::new(name);
    std::fs::create_dir_all(dir.path()).unwrap();
    for file in ["manifest", "log-1"] {
        std::fs::copy(store.directory().join(file), dir.path().join(file)).unwrap();
    }
    dir
}

#[test]
fn a_log_cut_at_any_byte_by_a_crash_opens_with_its_whole_records_and_keeps_the_rest_aside() {
    let dir = TempDir::new("cut");
    let (mut store, _) = open(dir.path(), &defaults()).unwrap();
    for payload in [&b"first"[..], b"second", b"third"] {
        store.append(payload).unwrap();
    }
    let whole = std::fs::read(dir.path().join("log-1")).unwrap();
    let records = store.log_bytes() as usize;
    let room = [records + 1, records + 4096, whole.len()];
    for cut in (64..=records).step_by(3).chain(room) {
        let dir = killed(&store, "cut-killed");
        let log = dir.path().join("log-1");
        std::fs::write(&log, &whole[..cut]).unwrap();
        let (mut store, found) = open(dir.path(), &defaults()).unwrap();
        let ends = [64 + 128, 64 + 256, 64 + 384];
        let expected = ends.iter().filter(|&&e| e <= cut).count();
        assert_eq!(found.len(), expected, "cut at {cut}");
        let torn = store.recovery().torn_bytes;
        store.append(b"after").unwrap();
        drop(store);
        let (_, found) = open(dir.path(), &defaults()).unwrap();
        assert_eq!(found.last().unwrap(), b"after");
        let aside = log.with_extension(format!("{}.torn", 64 + 128 * expected));
        assert_eq!(aside.exists(), torn > 0);
    }
}

#[test]
fn damage_a_missing_manifest_and_a_foreign_log_are_errors_never_an_empty_store() {
    let dir = TempDir::new("damage");
    let (mut store, _) = open(dir.path(), &defaults()).unwrap();
    store.append(b"first").unwrap();
    store.append(b"second").unwrap();
    drop(store);
    let log = dir.path().join("log-1");
    let whole = std::fs::read(&log).unwrap();

    let mut bad = whole.clone();
    bad[64 + 32] ^= 1;
    std::fs::write(&log, &bad).unwrap();
    let error = refused(dir.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(
        (error.file(), error.offset()),
        (Some(log.as_path()), Some(64))
    );

    std::fs::write(&log, b"").unwrap();
    assert_eq!(refused(dir.path()).kind(), ErrorKind::Corrupt);
    std::fs::remove_file(&log).unwrap();
    assert_eq!(refused(dir.path()).kind(), ErrorKind::Corrupt);

    std::fs::write(&log, &whole).unwrap();
    std::fs::remove_file(dir.path().join("manifest")).unwrap();
    assert_eq!(refused(dir.path()).kind(), ErrorKind::Corrupt);

    let other = TempDir::new("damage-other");
    drop(open(other.path(), &defaults()).unwrap());
    let (from, to) = (other.path().join("manifest"), dir.path().join("manifest"));
    std::fs::copy(from, to).unwrap();
    assert_eq!(refused(dir.path()).kind(), ErrorKind::Corrupt);

    let nothing = TempDir::new("damage-nothing");
    let error = open(nothing.path(), &defaults().read_only(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!nothing.path().exists(), "reading makes nothing");
}

#[test]
fn a_store_that_ended_in_order_loses_nothing_in_silence() {
    let dir = TempDir::new("mark");
    let (mut store, _) = open(dir.path(), &defaults()).unwrap();
    store.append(b"only").unwrap();
    let records = store.log_bytes() as usize;
    store.close().unwrap();
    let log = dir.path().join("log-1");
    let whole = std::fs::read(&log).unwrap();
    let refused = |bytes: &[u8], at: usize| {
        std::fs::write(&log, bytes).unwrap();
        let error = open(dir.path(), &defaults().read_only(true)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}");
    };
    for at in 0..records {
        let mut bad = whole.clone();
        bad[at] ^= 0x20;
        refused(&bad, at);
        refused(&whole[..at], at);
    }
    // Behind the records is room that holds nothing.
    for at in [records, records + 100, whole.len() - 1] {
        let mut bad = whole.clone();
        bad[at] ^= 0x20;
        std::fs::write(&log, bad).unwrap();
        assert_eq!(open(dir.path(), &defaults()).unwrap().1, [b"only"]);
        std::fs::write(&log, &whole[..at]).unwrap();
        assert_eq!(open(dir.path(), &defaults()).unwrap().1, [b"only"]);
    }
}

#[test]
fn rewriting_replaces_the_log_and_its_leftovers_disappear() {
    let dir = TempDir::new("rewrite");
    let (mut store, _) = open(dir.path(), &defaults()).unwrap();
    for i in 0..50u8 {
        store.append(&[i]).unwrap();
    }
    let before = store.log_bytes();
    store.rewrite([b"all".to_vec()].into_iter()).unwrap();
    assert!(store.log_bytes() < before);
    store.append(b"more").unwrap();
    assert_eq!(store.verify().unwrap().records, 2);
    drop(store);
    // A rewrite that was cut before the manifest changed leaves a log that nothing names.
    std::fs::write(dir.path().join("log-3"), b"half").unwrap();
    let (store, found) = open(dir.path(), &defaults()).unwrap();
    assert_eq!(found, [&b"all"[..], b"more"]);
    let expected = Recovery {
        records: 2,
        bytes: 64 + 128 + 128,
        torn_bytes: 0,
    };
    assert_eq!(store.recovery(), &expected);
    assert!(!dir.path().join("log-3").exists() && !dir.path().join("log-1").exists());
}

#[test]
fn a_backup_needs_an_empty_place() {
    let dir = TempDir::new("backup");
    Store::write_new(dir.path(), [b"x".to_vec()].into_iter()).unwrap();
    let again = Store::write_new(dir.path(), std::iter::empty());
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(open(dir.path(), &defaults()).unwrap().1, [b"x"]);
}
