//! Alerts: a figure has left what it used to be.
//!
//! Questions are looked at in windows of some minutes. A window's figure is brought to a scale on which it is about
//! normal: shares by Anscombe's arcsine (1948), the rest by the logarithm. Its baseline is the median of the windows
//! before, its scale their median absolute deviation (times 1.4826), but no less than what so many questions scatter
//! by themselves. The standardised figures are smoothed by an EWMA control chart (Roberts, 1959):
//! `e = smoothing * z + (1 - smoothing) * e`, which scatters by `s = sqrt(smoothing / (2 - smoothing))`. An alert begins
//! where `e` is beyond `limit * s` and ends where it is within half of that. Windows during an alert do not enter
//! the baseline. One window counts for at most [`MOST`] deviations, and `e` goes no farther than twice the limit, so
//! that an alert ends soon after the figure is back.

use super::minutes::Minute;
use crate::error::Result;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;

/// The most deviations that one window counts for, so that a single one is soon forgotten.
const MOST: f64 = 10.0;
/// The least scale of a logarithm: 2%.
const LEAST_SCALE: f64 = 0.02;
/// The least change of a share that an alert is for.
const LEAST_SHARE: f64 = 0.005;
/// Alerts that are over and still told of.
const MAX_PAST: usize = 64;
const DAY: f64 = 86_400.0;

crate::options! {
    /// When a figure has left its baseline.
    AlertOptions {
        /// Minutes that are looked at together.
        window_minutes: usize = 5, in 1..=60;
        /// Questions that a window must have; one with fewer is looked at together with those after it.
        min_queries: usize = 30, in 1..=1_000_000;
        /// Windows that make the baseline: by default a day.
        baseline_windows: usize = 288, in 8..=10_000;
        /// Windows that must have been seen before the first alert.
        min_windows: usize = 24, in 8..=10_000;
        /// The weight of the newest window in the smoothed figure.
        smoothing: f64 = 0.2, in 0.01..=1.0;
        /// Deviations of the smoothed figure beyond which an alert begins.
        limit: f64 = 4.5, in 1.0..=20.0;
        /// The least change that an alert is for, as a share of the baseline; of shares it is 0.005 at least.
        min_change: f64 = 0.1, in 0.0..=10.0;
    }
}

crate::option_enum! {
    /// A figure that is watched.
    Watched {
        /// The share of questions that failed; an alert is for more.
        ErrorRate = "error_rate",
        /// Seconds that 95% of the questions did not exceed; an alert is for more.
        Latency = "latency_p95",
        /// The share of questions that a cache answered; an alert is for less.
        HitRate = "hit_rate",
        /// The cost of a question; an alert is for more or less.
        Cost = "cost_per_query",
        /// Tokens of a question, in and out; an alert is for more or less.
        Tokens = "tokens_per_query",
    }
}

crate::option_enum! {
    /// On which side of its baseline a figure is.
    Side {
        /// It is more than it was.
        Above = "above",
        /// It is less.
        Below = "below",
    }
}

fn by_name<S: Serializer>(name: &'static str, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(name)
}

/// A figure that left its baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// Which figure.
    #[serde(serialize_with = "watched")]
    pub figure: Watched,
    /// To which side.
    #[serde(serialize_with = "side")]
    pub side: Side,
    /// Unix seconds of the end of the window with which it began.
    pub since: f64,
    /// Unix seconds of the end of the window with which it was over; `None` while it lasts.
    pub until: Option<f64>,
    /// What the figure was before.
    pub baseline: f64,
    /// What it is, smoothed with the same weight.
    pub value: f64,
    /// Its farthest distance from the baseline so far, in deviations of the smoothed figure.
    pub score: f64,
}

fn watched<S: Serializer>(figure: &Watched, to: S) -> std::result::Result<S::Ok, S::Error> {
    by_name(figure.name(), to)
}

fn side<S: Serializer>(side: &Side, to: S) -> std::result::Result<S::Ok, S::Error> {
    by_name(side.name(), to)
}

/// A window's figure on the scale on which it is normal, and what it scatters by itself.
struct Seen {
    y: f64,
    least_scale: f64,
}

impl Watched {
    fn is_share(self) -> bool {
        matches!(self, Self::ErrorRate | Self::HitRate)
    }

    fn minds(self, side: Side) -> bool {
        match self {
            Self::ErrorRate | Self::Latency => side == Side::Above,
            Self::HitRate => side == Side::Below,
            Self::Cost | Self::Tokens => true,
        }
    }

    /// `None` where a window has no such figure: a logarithm of nothing.
    fn see(self, window: &Minute) -> Option<Seen> {
        let n = window.queries as f64;
        let share = |k: u64| Seen {
            y: ((k as f64 + 0.375) / (n + 0.75))
                .clamp(0.0, 1.0)
                .sqrt()
                .asin(),
            least_scale: (1.0 / (4.0 * n + 2.0)).sqrt(),
        };
        let log = |x: f64| {
            (x > 0.0 && x.is_finite()).then(|| Seen {
                y: x.ln(),
                least_scale: LEAST_SCALE,
            })
        };
        match self {
            Self::ErrorRate => Some(share(window.failed())),
            Self::HitRate => Some(share(window.cached)),
            Self::Latency => log(window.latency.quantile(0.95)),
            Self::Cost => log(window.cost / n),
            Self::Tokens => {
                log(window.input_tokens.saturating_add(window.output_tokens) as f64 / n)
            }
        }
    }

    fn back(self, y: f64) -> f64 {
        match self.is_share() {
            true => y.clamp(0.0, std::f64::consts::FRAC_PI_2).sin().powi(2),
            false => y.exp(),
        }
    }
}

/// What is known of one figure.
#[derive(Debug)]
struct Chart {
    figure: Watched,
    past: VecDeque<f64>,
    /// The smoothed deviations.
    smoothed: f64,
    /// The smoothed figure itself.
    level: Option<f64>,
    now: Option<Alert>,
}

impl Chart {
    fn new(figure: Watched) -> Self {
        Self {
            figure,
            past: VecDeque::new(),
            smoothed: 0.0,
            level: None,
            now: None,
        }
    }

    /// Takes in a window that ended at `end`; gives an alert that begins, or one that is over.
    fn take(&mut self, window: &Minute, end: f64, options: &AlertOptions) -> Option<Alert> {
        let seen = self.figure.see(window)?;
        let mut news = None;
        if self.past.len() >= options.min_windows.min(options.baseline_windows) {
            let (center, scale) = self.baseline(seen.least_scale);
            let z = ((seen.y - center) / scale).clamp(-MOST, MOST);
            let weight = options.smoothing;
            let deviation = (weight / (2.0 - weight)).sqrt();
            let farthest = 2.0 * options.limit * deviation;
            let smoothed = weight * z + (1.0 - weight) * self.smoothed;
            self.smoothed = smoothed.clamp(-farthest, farthest);
            let level = weight * seen.y + (1.0 - weight) * self.level.unwrap_or(center);
            self.level = Some(level);
            let score = self.smoothed / deviation;
            news = self.judge(center, level, score, end, options);
        }
        if self.now.is_none() {
            while self.past.len() >= options.baseline_windows {
                self.past.pop_front();
            }
            self.past.push_back(seen.y);
        }
        news
    }

    fn judge(
        &mut self,
        center: f64,
        level: f64,
        score: f64,
        end: f64,
        options: &AlertOptions,
    ) -> Option<Alert> {
        let side = match score >= 0.0 {
            true => Side::Above,
            false => Side::Below,
        };
        let score = score.abs();
        let (before, value) = (self.figure.back(center), self.figure.back(level));
        if let Some(alert) = &mut self.now {
            if score >= options.limit / 2.0 && side == alert.side {
                alert.value = value;
                alert.score = alert.score.max(score);
                return None;
            }
            alert.until = Some(end);
            return self.now.take();
        }
        let mut least = options.min_change * before;
        if self.figure.is_share() {
            least = least.max(LEAST_SHARE);
        }
        if score < options.limit || !self.figure.minds(side) || (value - before).abs() < least {
            return None;
        }
        self.now = Some(Alert {
            figure: self.figure,
            side,
            since: end,
            until: None,
            baseline: before,
            value,
            score,
        });
        self.now.clone()
    }

    /// Median and scale of the windows before. Few of them may tell too small a scale, so it is taken for larger.
    fn baseline(&self, least: f64) -> (f64, f64) {
        let mut values: Vec<f64> = self.past.iter().copied().collect();
        let center = median(&mut values);
        values.iter_mut().for_each(|y| *y = (*y - center).abs());
        let scale = (1.4826 * median(&mut values)).max(least);
        (
            center,
            scale * (1.0 + 2.0 / (self.past.len() as f64).sqrt()),
        )
    }
}

fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = values.len() / 2;
    let (below, middle, _) = values.select_nth_unstable_by(at, f64::total_cmp);
    let middle = *middle;
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(largest) if values.len().is_multiple_of(2) => 0.5 * (largest + middle),
        _ => middle,
    }
}

/// All figures that are watched.
#[derive(Debug)]
pub(super) struct Watch {
    options: AlertOptions,
    /// The first minute that was not looked at.
    next: u64,
    /// Windows with too few questions to be looked at alone.
    few: Minute,
    charts: Vec<Chart>,
    past: VecDeque<Alert>,
}

impl Watch {
    pub fn new(options: &AlertOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options: options.clone(),
            next: 0,
            few: Minute::default(),
            charts: Watched::ALL.iter().map(|f| Chart::new(*f)).collect(),
            past: VecDeque::new(),
        })
    }

    fn length(&self) -> u64 {
        self.options.window_minutes as u64
    }

    /// The minutes from one to before another that make windows which are over and were not looked at.
    pub fn due(&self, minute: u64) -> Option<(u64, u64)> {
        let end = minute / self.length() * self.length();
        (end > self.next).then_some((self.next, end))
    }

    /// Looks at minutes, ascending, all of windows that are over by `end`. Gives what began or is over.
    pub fn look(&mut self, minutes: &[Minute], end: u64) -> Vec<Alert> {
        let length = self.length();
        let mut news = Vec::new();
        // Another thread may have looked at some of them meanwhile.
        let new = minutes.partition_point(|m| m.minute < self.next);
        for window in minutes[new..].chunk_by(|a, b| a.minute / length == b.minute / length) {
            let Some(first) = window.first() else {
                continue;
            };
            self.few.merge(&super::minutes::total(window));
            if self.few.queries < self.options.min_queries as u64 {
                continue;
            }
            let sum = std::mem::take(&mut self.few);
            let over = (first.minute / length + 1) as f64 * length as f64 * 60.0;
            for chart in &mut self.charts {
                news.extend(chart.take(&sum, over, &self.options));
            }
        }
        self.next = self.next.max(end);
        for alert in news.iter().filter(|alert| alert.until.is_some()) {
            self.past.push_back(alert.clone());
        }
        while self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
        news
    }

    /// Those that last and those that were over within the day before `now`, in the order in which they began.
    pub fn alerts(&self, now: f64) -> Vec<Alert> {
        let past = self.past.iter();
        let recent = past.filter(|alert| alert.until.is_some_and(|until| until > now - DAY));
        let lasting = self.charts.iter().filter_map(|chart| chart.now.as_ref());
        let mut all: Vec<Alert> = recent.chain(lasting).cloned().collect();
        all.sort_by(|a, b| a.since.total_cmp(&b.since));
        all
    }

    /// Forgets what a figure was, so that what it is from now on becomes its baseline.
    pub fn accept(&mut self, figure: Watched, now: f64) {
        for chart in self.charts.iter_mut().filter(|c| c.figure == figure) {
            if let Some(alert) = &mut chart.now {
                alert.until = Some(now);
                self.past.push_back(alert.clone());
            }
            *chart = Chart::new(figure);
        }
    }
}
