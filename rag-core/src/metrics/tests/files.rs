//! Files of metrics: nothing lost, nothing counted twice, nothing of others touched.

use super::*;
use crate::disk::simulated::{Fault, Simulated};
use crate::disk::{Disk, System};
use std::io;
use std::path::{Path, PathBuf};

/// 2026-12-01, 00:00 UTC.
const START: f64 = 1_796_083_200.0;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("ragcore-metrics-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let files = System.list(&self.0).unwrap();
        let mut names: Vec<String> = files
            .iter()
            .map(|f| f.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn files(folder: &Folder, options: &MetricsFilesOptions) -> Arc<MetricsFiles> {
    Arc::new(MetricsFiles::open(&folder.0, options).unwrap())
}

fn kept(files: &MetricsFiles) -> Kept {
    files.read(0.0, f64::MAX).unwrap()
}

fn queries(files: &MetricsFiles) -> Vec<(f64, u64)> {
    let all = kept(files).stretches;
    all.iter()
        .map(|s| (s.figures.minute as f64 * 60.0 - START, s.figures.queries))
        .collect()
}

#[test]
fn hours_are_written_by_whoever_asks_and_read_back_as_they_were_counted() {
    let folder = Folder::new("hours");
    let (metrics, clock) = at(START);
    let written = files(&folder, &MetricsFilesOptions::default());
    metrics.keep(written.clone()).unwrap();
    for _ in 0..150 {
        metrics.record_query(&event(0.25)).unwrap();
        clock.advance(60.0);
    }
    metrics.flush().unwrap();
    assert_eq!(queries(&written), [(0.0, 60), (3600.0, 60), (7200.0, 30)]);
    let all = kept(&written);
    assert_eq!((all.files, all.skipped), (3, 0));
    assert_eq!(
        all.stretches.iter().map(|s| s.minutes).collect::<Vec<_>>(),
        [60; 3]
    );
    let sum = &all.stretches[0].figures;
    assert!((sum.latency.quantile(0.95) - 0.25).abs() < 0.002 && sum.errors.is_empty());
    assert_eq!(
        (
            sum.input_tokens,
            sum.routes["local"],
            sum.caches["evidence"].misses
        ),
        (6000, 60, 60)
    );
    let some = written.read(START + 3600.0, START + 7200.0).unwrap();
    assert_eq!(some.stretches.len(), 1);
    assert!(written.read(f64::NAN, 1.0).is_err());
    let name = &folder.names()[0];
    assert!(
        name.starts_with("metrics-2026-12-01T00-") && name.ends_with(".json"),
        "{name}"
    );
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.0.join(name)).unwrap()).unwrap();
    assert_eq!(json["figures"]["queries"], 60);
    assert!(json["figures"]["latency"]["p99"].is_f64());
}

#[test]
fn a_day_in_one_file_is_whole_although_minutes_are_kept_for_a_day_only() {
    let folder = Folder::new("days");
    let (metrics, clock) = at(START + 7.0 * 3600.0);
    let written = files(
        &folder,
        &MetricsFilesOptions::default()
            .every(FileSpan::Day)
            .save_minutes(720),
    );
    metrics.keep(written.clone()).unwrap();
    for _ in 0..3 * 24 * 4 {
        metrics.record_query(&event(0.25)).unwrap();
        clock.advance(900.0);
    }
    metrics.flush().unwrap();
    let day = 86_400.0;
    assert_eq!(
        queries(&written),
        [(0.0, 68), (day, 96), (2.0 * day, 96), (3.0 * day, 28)]
    );
    // After a pause of more than a day the last minutes are still written.
    metrics.record_query(&event(0.25)).unwrap();
    clock.advance(2.0 * day);
    metrics.record_query(&event(0.25)).unwrap();
    metrics.flush().unwrap();
    assert_eq!(queries(&written)[3..], [(3.0 * day, 29), (5.0 * day, 1)]);
}

#[test]
fn writers_of_one_folder_add_up_and_never_write_each_others_files() {
    let folder = Folder::new("writers");
    let options = MetricsFilesOptions::default();
    let many: Vec<_> = (0..4)
        .map(|_| (at(START), files(&folder, &options)))
        .collect();
    std::thread::scope(|scope| {
        for ((metrics, clock), files) in &many {
            scope.spawn(move || {
                metrics.keep(files.clone()).unwrap();
                for _ in 0..120 {
                    metrics.record_query(&event(0.25)).unwrap();
                    clock.advance(60.0);
                    metrics.flush().unwrap();
                }
            });
        }
    });
    assert_eq!(queries(&many[0].1), [(0.0, 240), (3600.0, 240)]);
    assert_eq!(folder.names().len(), 8);
    let ((other, _), _) = &many[0];
    let error = many[1]
        .1
        .write(other.number, START, |_| Vec::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn what_is_torn_or_of_others_is_skipped_and_counted_and_left_alone() {
    let folder = Folder::new("torn");
    let (metrics, _) = at(START);
    let written = files(&folder, &MetricsFilesOptions::default());
    metrics.keep(written.clone()).unwrap();
    metrics.record_query(&event(0.25)).unwrap();
    metrics.flush().unwrap();
    let whole = std::fs::read(folder.0.join(&folder.names()[0])).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.0.join(name), bytes).unwrap();
    let hex = "0123456789abcdef";
    let mut bad: Vec<Vec<u8>> = (0..whole.len())
        .step_by(97)
        .map(|n| whole[..n].to_vec())
        .collect();
    for (from, to) in [
        ("ragcore-metrics", "another"),
        ("\"version\":1", "\"version\":2"),
        ("\"queries\":1", "\"queries\":-1"),
        ("\"cost\":0.5", "\"cost\":-0.5"),
        ("\"buckets\":[[", "\"buckets\":[[65000,1],["),
        ("\"from\":1796083200.0", "\"from\":0.0"),
        ("\"sum\":0.25", "\"sum\":-0.25"),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        bad.push(text.replacen(from, to, 1).into_bytes());
    }
    for (i, bytes) in bad.iter().enumerate() {
        put(&format!("metrics-2026-12-01T00-{i:016x}.json"), bytes);
    }
    put("notes.txt", b"of somebody else");
    put(&format!("metrics-2026-02-30T00-{hex}.json"), &whole);
    put(&format!("metrics-2026-12-01T24-{hex}.json"), &whole);
    put("metrics-2026-12-01T00-short.json", &whole);
    let all = kept(&written);
    assert_eq!((all.files, all.stretches[0].figures.queries), (1, 1));
    assert_eq!(all.skipped, bad.len() + 4);
}

#[test]
fn old_files_go_after_the_days_they_are_kept_and_foreign_ones_stay() {
    let folder = Folder::new("old");
    let (metrics, clock) = at(START);
    let written = files(&folder, &MetricsFilesOptions::default().keep_days(2));
    metrics.keep(written.clone()).unwrap();
    std::fs::write(folder.0.join("notes.txt"), "2020").unwrap();
    std::fs::write(folder.0.join("metrics-2020-01-01T00-0.json"), "not ours").unwrap();
    let torn = "metrics-2026-11-30T00-0123456789abcdef.json.17-0.tmp";
    std::fs::write(folder.0.join(torn), "a crash").unwrap();
    for _ in 0..4 * 24 {
        metrics.record_query(&event(0.25)).unwrap();
        clock.advance(3600.0);
    }
    metrics.flush().unwrap();
    let names = folder.names();
    assert!(
        names.iter().any(|n| n == "notes.txt")
            && names.iter().any(|n| n.starts_with("metrics-2020"))
    );
    assert!(!names.iter().any(|n| n == torn));
    let times: Vec<f64> = queries(&written)
        .iter()
        .map(|(at, _)| at / 3600.0)
        .collect();
    assert_eq!((times[0], times[times.len() - 1]), (48.0, 95.0));
}

#[test]
fn a_clock_that_is_set_back_neither_removes_nor_overwrites() {
    let folder = Folder::new("back");
    let (metrics, clock) = at(START);
    let written = files(&folder, &MetricsFilesOptions::default().keep_days(1));
    metrics.keep(written.clone()).unwrap();
    for jump in [3600.0, 3600.0, -7200.0, -86_400.0 * 400.0, 60.0, 60.0] {
        metrics.record_query(&event(0.25)).unwrap();
        metrics.flush().unwrap();
        clock.advance(jump);
    }
    // What came after the jump is counted with the last hour there was.
    assert_eq!(queries(&written), [(0.0, 1), (3600.0, 1), (7200.0, 4)]);
    // Another process that begins at the earlier time writes its own files.
    let (late, _) = at(START);
    let second = files(&folder, &MetricsFilesOptions::default());
    late.keep(second.clone()).unwrap();
    late.record_query(&event(0.25)).unwrap();
    late.flush().unwrap();
    assert_eq!(queries(&second), [(0.0, 2), (3600.0, 1), (7200.0, 4)]);
}

#[test]
fn a_disk_that_fails_stops_no_question_and_what_was_not_written_comes_later() {
    let folder = Path::new("/metrics");
    for step in 0..12 {
        let disk = Arc::new(Simulated::default());
        let (metrics, clock) = at(START);
        let written = MetricsFiles::open_on(disk.clone(), folder, &MetricsFilesOptions::default());
        let written = Arc::new(written.unwrap());
        metrics.keep(written.clone()).unwrap();
        disk.let_fail(Some(Fault::Once(
            disk.steps() + step,
            io::ErrorKind::StorageFull,
        )));
        for _ in 0..130 {
            metrics.record_query(&event(0.25)).unwrap();
            clock.advance(60.0);
        }
        metrics.flush().unwrap();
        assert_eq!(
            queries(&written),
            [(0.0, 60), (3600.0, 60), (7200.0, 10)],
            "step {step}"
        );
    }
}
