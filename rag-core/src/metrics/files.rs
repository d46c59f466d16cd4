//! What was counted, as JSON files in a folder: one for each hour or day and each process that counted.
//!
//! A file holds everything of its stretch of time that its writer has counted so far, and takes its own older form's
//! place whole. Nobody writes another one's file: the name holds a random number of the writer. Reading adds them up.
//! What the files are called is what they are removed by, so a clock that is set back only keeps them longer.

use super::event::MAX_NAME;
use super::minutes::{Minute, check_time, minute_of};
use super::snapshot::Window;
use crate::clock::{day, day_begins};
use crate::disk::{Disk, System};
use crate::error::{Error, ErrorKind, Result};
use crate::file::replace_on;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const FORMAT: &str = "ragcore-metrics";
const VERSION: u32 = 1;
/// Most bytes of a file that is read: of one that is written, a few thousand at most are usual.
const MAX_BYTES: u64 = 16 << 20;
/// Most names of one kind in a file that is read.
const MAX_NAMES: usize = 20_000;
/// Most files that one call reads.
const MAX_FILES: usize = 200_000;
/// Days that a file is kept which was never finished.
const UNFINISHED_DAYS: f64 = 1.0;
const DAY: f64 = 86_400.0;

crate::option_enum! {
    /// How much time one file is about.
    FileSpan {
        /// An hour.
        Hour = "hour",
        /// A day of UTC.
        Day = "day",
    }
}

impl FileSpan {
    fn minutes(self) -> u64 {
        match self {
            FileSpan::Hour => 60,
            FileSpan::Day => 24 * 60,
        }
    }
}

crate::options! {
    /// How metrics are kept in files.
    MetricsFilesOptions {
        /// Days that files are kept.
        keep_days: usize = 30, in 1..=36_500;
        /// How much time one file is about: `hour` or `day`.
        every: FileSpan = FileSpan::Hour;
        /// Minutes between two writes of a stretch that is not over yet.
        save_minutes: usize = 5, in 1..=720;
    }
}

/// What happened in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stretch {
    /// How many minutes it is long.
    pub minutes: u64,
    /// What was counted in it; its `minute` is the first.
    pub figures: Minute,
}

/// What a folder of files tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Stretches in which something happened, ascending; all writers together.
    pub stretches: Vec<Stretch>,
    /// Files that were read.
    pub files: usize,
    /// Files in the folder that are none of these, or are damaged.
    pub skipped: usize,
}

impl Stretch {
    /// Rates and percentiles of it.
    pub fn window(&self) -> Window {
        Window::new(&self.figures, self.minutes as f64 * 60.0)
    }
}

impl Kept {
    /// As JSON: `stretches`, each with `from` and `to` in Unix seconds and its rates and percentiles as `figures`;
    /// `files`; `skipped`.
    pub fn to_json(&self) -> Value {
        let stretch = |stretch: &Stretch| {
            let from = stretch.figures.minute as f64 * 60.0;
            let to = from + stretch.minutes as f64 * 60.0;
            json!({"from": from, "to": to, "figures": stretch.window()})
        };
        let stretches: Vec<Value> = self.stretches.iter().map(stretch).collect();
        json!({"stretches": stretches, "files": self.files, "skipped": self.skipped})
    }
}

/// A file.
#[derive(Serialize, Deserialize)]
struct Written {
    format: String,
    version: u32,
    /// Unix seconds of the beginning.
    from: f64,
    /// Unix seconds of the end.
    to: f64,
    /// What is read back.
    counted: Minute,
    /// The same for people: rates and percentiles.
    #[serde(default, skip_deserializing)]
    figures: Option<Window>,
}

#[derive(Debug, Default)]
struct State {
    /// Whose figures these are.
    metrics: Option<u64>,
    /// The minute that may still grow, as it was.
    open: Option<Minute>,
    /// Minutes before that, by the first minute of their stretch, as far as they are not written.
    over: BTreeMap<u64, Minute>,
    /// What was written last.
    last: Option<Minute>,
    /// When the folder was cleaned last: the beginning of a stretch.
    cleaned: Option<u64>,
    /// The minute of the last write.
    written: u64,
}

/// Writes what a [`super::Metrics`] counts into a folder, and reads a folder.
///
/// ```
/// use rag_core::metrics::{Metrics, MetricsFiles, QueryEvent};
/// use std::sync::Arc;
/// let folder = std::env::temp_dir().join(format!("ragcore-doc-metrics-{}", std::process::id()));
/// let metrics = Metrics::new(&Default::default())?;
/// let files = Arc::new(MetricsFiles::open(&folder, &Default::default())?);
/// metrics.keep(files.clone())?;
/// metrics.record_query(&QueryEvent { seconds: 0.25, ..QueryEvent::default() })?;
/// metrics.flush()?;
/// std::fs::write(folder.join("notes.txt"), "of somebody else").unwrap();
/// let kept = files.read(0.0, f64::MAX)?;
/// assert_eq!((kept.stretches[0].figures.queries, kept.files, kept.skipped), (1, 1, 1));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct MetricsFiles {
    folder: PathBuf,
    options: MetricsFilesOptions,
    disk: Arc<dyn Disk>,
    pid: u32,
    writer: u64,
    state: Mutex<State>,
}

impl MetricsFiles {
    /// Files in a folder, which is made if it is missing. Several processes may have the same.
    pub fn open(folder: impl AsRef<Path>, options: &MetricsFilesOptions) -> Result<Self> {
        Self::open_on(Arc::new(System), folder.as_ref(), options)
    }

    pub(super) fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: &MetricsFilesOptions,
    ) -> Result<Self> {
        options.check()?;
        disk.make_directory(folder)
            .map_err(|e| Error::io("cannot make the folder", folder, e))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            options: options.clone(),
            disk,
            pid: std::process::id(),
            writer: Rng::seed_from_system(),
            state: Mutex::default(),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn begin(&self, minute: u64) -> u64 {
        minute - minute % self.options.every.minutes()
    }

    /// Whether it is time to write: the stretch is over, or was written some minutes ago.
    pub(super) fn is_due(&self, minute: u64) -> bool {
        // Whoever writes at this moment holds it, and a forked child never writes.
        let Ok(state) = self.state.try_lock() else {
            return false;
        };
        let waited = minute.saturating_sub(state.written);
        let over = self.begin(minute) > self.begin(state.written);
        self.pid == std::process::id() && (over || waited >= self.options.save_minutes as u64)
    }

    /// Writes what a ring of minutes holds, and removes files that are too old.
    pub(super) fn write(
        &self,
        metrics: u64,
        now: f64,
        since: impl FnOnce(u64) -> Vec<Minute>,
    ) -> Result<()> {
        if self.pid != std::process::id() {
            return Err(Error::new(
                ErrorKind::Forked,
                "these metrics' files belong to the process that opened them; make new metrics and open the folder again \
                 in the child",
            ));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state.metrics.get_or_insert(metrics) != metrics {
            return Err(Error::invalid(
                "these files belong to other metrics; open the folder once more for these",
            ));
        }
        let minute = minute_of(now);
        state.written = minute;
        let from = state.open.as_ref().map_or(0, |open| open.minute);
        let minutes = since(from);
        let Some((last, over)) = minutes.split_last() else {
            return self.clean(&mut state, now);
        };
        // The metrics may have forgotten it meanwhile.
        let forgotten = state.open.take();
        let forgotten = forgotten.filter(|open| minutes.iter().all(|m| m.minute != open.minute));
        for done in forgotten.iter().chain(over) {
            let begin = self.begin(done.minute);
            add(&mut state.over, begin, done);
        }
        state.open = Some(last.clone());
        let current = self.begin(last.minute);
        let done: Vec<u64> = state.over.range(..current).map(|(at, _)| *at).collect();
        for begin in done {
            if let Some(sum) = state.over.get(&begin) {
                self.write_one(begin, sum)?;
            }
            state.over.remove(&begin);
        }
        let mut sum = state.over.get(&current).cloned().unwrap_or_default();
        sum.minute = current;
        sum.merge(last);
        if state.last.as_ref() != Some(&sum) {
            self.write_one(current, &sum)?;
            state.last = Some(sum);
        }
        self.clean(&mut state, now)
    }

    fn write_one(&self, begin: u64, sum: &Minute) -> Result<()> {
        let length = self.options.every.minutes() as f64 * 60.0;
        let from = begin as f64 * 60.0;
        let written = Written {
            format: FORMAT.to_owned(),
            version: VERSION,
            from,
            to: from + length,
            figures: Some(Window::new(sum, length)),
            counted: sum.clone(),
        };
        let path = self.folder.join(self.name(begin));
        let json = serde_json::to_vec(&written).map_err(|e| Error::invalid(e.to_string()))?;
        replace_on(&*self.disk, &path, &json)
    }

    /// `metrics-2026-12-01T13-WRITER.json`, or without the hour.
    fn name(&self, begin: u64) -> String {
        let seconds = begin as f64 * 60.0;
        let hour = match self.options.every {
            FileSpan::Hour => format!("T{:02}", begin / 60 % 24),
            FileSpan::Day => String::new(),
        };
        format!("metrics-{}{hour}-{:016x}.json", day(seconds), self.writer)
    }

    /// Removes what is older than is kept, once in each stretch of time.
    fn clean(&self, state: &mut State, now: f64) -> Result<()> {
        let stretch = self.begin(minute_of(now));
        if state.cleaned == Some(stretch) {
            return Ok(());
        }
        let io = |path: &Path, e| Error::io("cannot clean", path, e);
        let files = self.disk.list(&self.folder);
        for path in files.map_err(|e| io(&self.folder, e))? {
            let Some(name) = named(&path) else {
                continue;
            };
            let days = match name.finished {
                true => self.options.keep_days as f64,
                false => UNFINISHED_DAYS,
            };
            let end = (name.begin + name.minutes) as f64 * 60.0;
            if end + days * DAY <= now {
                match self.disk.remove(&path) {
                    // Another process cleans too.
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io(&path, e)),
                    _ => {}
                }
            }
        }
        state.cleaned = Some(stretch);
        Ok(())
    }

    /// What the files of all writers tell of the stretches that overlap the time from `from` to before `to`, in
    /// Unix seconds. Files that are torn or somebody else's are skipped and counted.
    pub fn read(&self, from: f64, to: f64) -> Result<Kept> {
        check_time("from", from)?;
        check_time("to", to)?;
        let mut paths = self
            .disk
            .list(&self.folder)
            .map_err(|e| Error::io("cannot read", &self.folder, e))?;
        paths.sort_unstable();
        if paths.len() > MAX_FILES {
            return Err(Error::invalid(format!(
                "{} holds {} files, expected at most {MAX_FILES}; remove old ones, or keep metrics for fewer days",
                self.folder.display(),
                paths.len()
            )));
        }
        let mut found: BTreeMap<(u64, u64), Minute> = BTreeMap::new();
        let mut kept = Kept::default();
        for path in paths {
            let Some(name) = named(&path) else {
                kept.skipped += 1;
                continue;
            };
            let end = (name.begin + name.minutes) as f64 * 60.0;
            if !name.finished || end <= from || name.begin as f64 * 60.0 >= to {
                continue;
            }
            match self.read_one(&path, &name) {
                Some(counted) => {
                    add(&mut found, (name.begin, name.minutes), &counted);
                    kept.files += 1;
                }
                // One that was removed meanwhile is none.
                None if self.disk.exists(&path) => kept.skipped += 1,
                None => {}
            }
        }
        let stretch = |((begin, minutes), mut figures): ((u64, u64), Minute)| {
            figures.minute = begin;
            Stretch { minutes, figures }
        };
        kept.stretches = found.into_iter().map(stretch).collect();
        Ok(kept)
    }

    fn read_one(&self, path: &Path, name: &Named) -> Option<Minute> {
        let bytes = self.disk.read(path, MAX_BYTES).ok()?;
        let written: Written = serde_json::from_slice(&bytes).ok()?;
        let fits = written.format == FORMAT
            && written.version == VERSION
            && written.from == name.begin as f64 * 60.0
            && written.to == (name.begin + name.minutes) as f64 * 60.0
            && sound(&written.counted);
        fits.then_some(written.counted)
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, Minute>, key: K, more: &Minute) {
    sums.entry(key).or_default().merge(more);
}

/// Whether figures that were read can be added to others.
fn sound(counted: &Minute) -> bool {
    let amount = |x: f64| x.is_finite() && x >= 0.0;
    let names = counted
        .errors
        .keys()
        .chain(counted.parts.keys())
        .chain(counted.caches.keys())
        .chain(counted.routes.keys());
    amount(counted.cost)
        && counted.parts.values().all(|s| amount(*s))
        && counted.latency.is_sound()
        && names.clone().count() <= MAX_NAMES
        && names.into_iter().all(|name| name.len() <= MAX_NAME)
}

/// What a file's name says.
#[derive(Debug, PartialEq)]
struct Named {
    begin: u64,
    minutes: u64,
    finished: bool,
}

fn named(path: &Path) -> Option<Named> {
    let name = path.file_name()?.to_str()?.strip_prefix("metrics-")?;
    let (name, ending) = name.split_once(".json")?;
    let (time, writer) = name.rsplit_once('-')?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if writer.len() != 16 || !writer.bytes().all(hex) {
        return None;
    }
    let (date, hour) = match time.split_once('T') {
        Some((date, hour)) => {
            let known = hour.len() == 2 && hour.bytes().all(|b| b.is_ascii_digit());
            (
                date,
                Some(hour.parse::<u64>().ok().filter(|h| known && *h < 24)?),
            )
        }
        None => (time, None),
    };
    let begin = (day_begins(date)? / 60.0) as u64 + hour.unwrap_or(0) * 60;
    let finished = ending.is_empty();
    // `.PID-NUMBER.tmp` is one that its writer did not come to an end with.
    (finished || ending.ends_with(".tmp")).then_some(Named {
        begin,
        minutes: match hour {
            Some(_) => FileSpan::Hour.minutes(),
            None => FileSpan::Day.minutes(),
        },
        finished,
    })
}
