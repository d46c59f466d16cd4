//! The power fails at every step of a store's life, and every step fails with an error.
//!
//! The truth is a list: what was acknowledged, and what the operation under way would make of it.
//! Whatever is found afterwards must be one of the two.

use super::manifest::log_path;
use super::{Durability, Payloads, Store, StoreOptions};
use crate::disk::Disk;
use crate::disk::simulated::{Fault, Simulated};
use crate::error::{ErrorKind, Result};
use crate::rng::Rng;
use std::io;
use std::path::Path;
use std::sync::Arc;

const DIRECTORY: &str = "/store";
/// Workloads, and images of the disk that are looked at after each cut.
const SEEDS: u64 = 72;
const IMAGES: u64 = 8;

type Records = Vec<Vec<u8>>;

fn open(disk: &Simulated, durability: Durability) -> Result<(Store, Records)> {
    let mut found = Vec::new();
    let options = StoreOptions::default().durability(durability);
    let store = Store::open_on(
        Arc::new(disk.clone()),
        Path::new(DIRECTORY),
        &options,
        &mut Payloads(|record: &[u8]| {
            found.push(record.to_vec());
            Ok(())
        }),
    )?;
    Ok((store, found))
}

/// What a workload has come to when it ended or an operation failed.
struct Told {
    /// Acknowledged.
    records: Records,
    /// What the operation that failed would have led to.
    under_way: Option<Records>,
    /// Records that are certainly on disk.
    durable: usize,
    error: Option<crate::error::Error>,
}

/// Appends, syncs, rewrites and opens again, as the seed says.
fn live(disk: &Simulated, durability: Durability, seed: u64) -> Told {
    let mut told = Told {
        records: Vec::new(),
        under_way: None,
        durable: 0,
        error: None,
    };
    if let Err(error) = try_to_live(disk, durability, seed, &mut told) {
        told.error = Some(error);
    }
    told
}

fn try_to_live(disk: &Simulated, durability: Durability, seed: u64, told: &mut Told) -> Result<()> {
    let mut rng = Rng::new(seed);
    let (mut store, _) = open(disk, durability)?;
    for _ in 0..10 {
        told.under_way = None;
        match rng.below(10) {
            0 => {
                let kept: Records = (told.records.iter().skip(1).step_by(2).cloned()).collect();
                told.under_way = Some(kept.clone());
                store.rewrite(kept.iter().cloned())?;
                told.durable = kept.len();
                told.records = kept;
            }
            1 => {
                store.close()?;
                let (again, found) = open(disk, durability)?;
                assert_eq!(found, told.records, "seed {seed}");
                store = again;
                told.durable = found.len();
            }
            2 => {
                store.sync()?;
                told.durable = told.records.len();
            }
            choice => {
                let count = if choice == 3 { 3 } else { 1 };
                let bytes = |rng: &mut Rng| {
                    let length = rng.below(1500);
                    (0..length)
                        .map(|_| rng.next_u64() as u8)
                        .collect::<Vec<u8>>()
                };
                let new: Records = (0..count).map(|_| bytes(&mut rng)).collect();
                let mut all = told.records.clone();
                all.extend(new.iter().cloned());
                told.under_way = Some(all.clone());
                store.append_all(new.iter().map(Vec::as_slice))?;
                told.records = all;
                if durability == Durability::Sync {
                    told.durable = told.records.len();
                }
            }
        }
    }
    told.under_way = None;
    store.close()?;
    told.durable = told.records.len();
    Ok(())
}

/// Whether `found` is what was told, or a part of what was under way, and holds all that is
/// durable.
fn is_true(found: &Records, told: &Told) -> bool {
    if told.durable == told.records.len() {
        // Nothing is kept in part: neither what was acknowledged nor what was under way.
        return *found == told.records || told.under_way.as_ref() == Some(found);
    }
    let begins = |with: &Records| with.starts_with(found);
    let in_flight = told
        .under_way
        .iter()
        .any(|all| begins(all) && found.len() >= told.durable.min(all.len()));
    found.len() >= told.durable && begins(&told.records) || in_flight
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_durable() {
    let mut cuts = 0;
    for durability in [Durability::Sync, Durability::Os, Durability::Memory] {
        for seed in 0..SEEDS {
            let whole = Simulated::default();
            assert!(live(&whole, durability, seed).error.is_none());
            for step in 1..=whole.steps() {
                let disk = Simulated::default();
                disk.let_fail(Some(Fault::Cut(step)));
                let told = live(&disk, durability, seed);
                for image in 0..IMAGES {
                    cuts += 1;
                    let place = format!("{durability:?}, seed {seed}, step {step}, image {image}");
                    let found = disk.after_the_cut(image);
                    let (_, records) =
                        open(&found, durability).unwrap_or_else(|error| panic!("{place}: {error}"));
                    assert!(
                        is_true(&records, &told),
                        "{place}: {} records, told {}",
                        records.len(),
                        told.records.len()
                    );
                }
            }
        }
    }
    println!("{cuts} power cuts in the lives of {} stores", 3 * SEEDS);
}

#[test]
fn recovery_can_be_cut_at_any_step_too() {
    let mut cuts = 0;
    for seed in 0..SEEDS {
        let whole = Simulated::default();
        live(&whole, Durability::Sync, seed);
        for step in (1..=whole.steps()).step_by(3) {
            let disk = Simulated::default();
            disk.let_fail(Some(Fault::Cut(step)));
            let told = live(&disk, Durability::Sync, seed);
            let found = disk.after_the_cut(seed);
            for second in 1.. {
                cuts += 1;
                let again = found.after_the_cut(0);
                again.let_fail(Some(Fault::Cut(second)));
                let done = open(&again, Durability::Sync).is_ok();
                let last = again.after_the_cut(second);
                let (_, records) = open(&last, Durability::Sync).unwrap();
                assert!(
                    is_true(&records, &told),
                    "seed {seed}, steps {step} and {second}"
                );
                if done {
                    break;
                }
            }
        }
    }
    println!("{cuts} second power cuts, while a store recovered from a first");
}

#[test]
fn an_error_at_any_step_is_told_and_nothing_acknowledged_is_lost() {
    let kinds = [io::ErrorKind::Other, io::ErrorKind::StorageFull];
    for seed in 0..SEEDS {
        let whole = Simulated::default();
        live(&whole, Durability::Sync, seed);
        for step in 1..=whole.steps() {
            for (kind, lasting) in kinds.into_iter().flat_map(|k| [(k, false), (k, true)]) {
                let disk = Simulated::default();
                disk.let_fail(Some(match lasting {
                    true => Fault::From(step, kind),
                    false => Fault::Once(step, kind),
                }));
                let told = live(&disk, Durability::Sync, seed);
                let place = format!("seed {seed}, step {step}, {kind:?}, lasting {lasting}");
                if let Some(error) = &told.error {
                    let told = match kind {
                        io::ErrorKind::StorageFull => ErrorKind::DiskFull,
                        _ => ErrorKind::Io,
                    };
                    assert_eq!(error.kind(), told, "{place}: {error}");
                }
                disk.let_fail(None);
                let (_, records) =
                    open(&disk, Durability::Sync).unwrap_or_else(|e| panic!("{place}: {e}"));
                assert!(is_true(&records, &told), "{place}");
                let (_, records) = open(&disk.after_the_cut(step), Durability::Sync)
                    .unwrap_or_else(|e| panic!("{place}, after a cut: {e}"));
                assert!(is_true(&records, &told), "{place}, after a cut");
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_a_write_and_takes_the_next() {
    let disk = Simulated::default();
    let (mut store, _) = open(&disk, Durability::Sync).unwrap();
    store.append(b"before").unwrap();
    disk.let_fail(Some(Fault::Room(0)));
    let refused = store.append(&[7; 50_000]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DiskFull);
    disk.let_fail(None);
    store.append(b"after").unwrap();
    let (_, records) = open(&disk.after_the_cut(1), Durability::Sync).unwrap();
    assert_eq!(records, [&b"before"[..], b"after"]);
}

#[test]
fn a_log_has_room_for_its_next_records_where_the_disk_has() {
    let disk = Simulated::default();
    let log = log_path(Path::new(DIRECTORY), 1);
    let length = || disk.length(&log).unwrap();
    let (mut store, _) = open(&disk, Durability::Sync).unwrap();
    store.append(b"first").unwrap();
    let before = length();
    assert!(before > store.log_bytes());
    disk.let_fail(Some(Fault::Room(0)));
    store.append(b"second").unwrap();
    assert_eq!(length(), before, "that was written into the room");
    let much = (length() - store.log_bytes()) as usize;
    disk.let_fail(Some(Fault::Room(u64::MAX)));
    for _ in 0..2 {
        store.append(&vec![7; much / 2]).unwrap();
    }
    disk.let_fail(None);
    assert!(length() > store.log_bytes());
    drop(store);
    let (store, records) = open(&disk, Durability::Sync).unwrap();
    assert_eq!(records.len(), 4);
    assert_eq!(
        store.recovery().torn_bytes,
        0,
        "room is nothing that was torn"
    );
    assert_eq!(store.recovery().bytes, store.log_bytes());
}

#[test]
fn a_sync_that_failed_is_never_asked_again() {
    let disk = Simulated::default();
    let (mut store, _) = open(&disk, Durability::Sync).unwrap();
    store.append(b"before").unwrap();
    disk.let_fail(Some(Fault::Once(disk.steps() + 2, io::ErrorKind::Other)));
    assert!(store.append(b"lost").is_err());
    let refused = store.append(b"later").unwrap_err();
    assert!(
        refused.message().contains("an earlier write failed"),
        "{refused}"
    );
    drop(store);
    let (_, records) = open(&disk.after_the_cut(1), Durability::Sync).unwrap();
    assert_eq!(records, [b"before"]);
}

#[test]
fn what_a_forked_child_drops_changes_nothing() {
    let disk = Simulated::default();
    let (mut store, _) = open(&disk, Durability::Memory).unwrap();
    store.append(b"unwritten, and its parent's").unwrap();
    store.writer.as_mut().unwrap().pid = 0;
    let before = disk.steps();
    drop(store);
    assert_eq!(disk.steps(), before);
}

#[test]
fn closing_says_once_how_much_is_on_disk() {
    let disk = Simulated::default();
    let (mut store, _) = open(&disk, Durability::Sync).unwrap();
    store.append(b"one").unwrap();
    let before = disk.steps();
    store.close().unwrap();
    assert_eq!(
        disk.steps() - before,
        5,
        "create, write, sync, rename, sync of the directory"
    );
}
