//! Requests and tokens a minute: two token buckets.
//!
//! Whoever comes takes what it needs at once, even what is not there yet, and then waits until it would be; so the
//! order is that of coming, and nobody looks twice.

use super::options::ChatOptions;
use std::time::{Duration, Instant};

/// What flows into a bucket, and what it holds at most.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_s: f64,
    most: f64,
}

/// How much may be used now; below zero for what was taken in advance.
#[derive(Debug, Default)]
struct Level {
    level: f64,
    at: Option<Instant>,
}

impl Level {
    /// How long until `need` is there. More than a bucket holds is waited for as if it were a full one.
    fn wait(&mut self, rate: Rate, need: f64, now: Instant) -> f64 {
        self.level = match self.at {
            None => rate.most,
            Some(at) => {
                let flown = now.saturating_duration_since(at).as_secs_f64() * rate.per_s;
                (self.level + flown).min(rate.most)
            }
        };
        self.at = Some(now);
        ((need.min(rate.most) - self.level) / rate.per_s).max(0.0)
    }
}

/// Both levels.
#[derive(Debug, Default)]
pub(super) struct Levels {
    requests: Level,
    tokens: Level,
}

/// Both limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    requests: Option<Rate>,
    tokens: Option<Rate>,
}

/// What a call has taken, for when it turns out to need something else.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share {
    pub requests: f64,
    pub tokens: f64,
}

impl Limits {
    pub fn new(options: &ChatOptions) -> Self {
        let rate = |per_minute: f64| {
            let per_s = per_minute / 60.0;
            let most = (per_s * options.burst_s).max(1.0);
            Rate { per_s, most }
        };
        Self {
            requests: options.requests_per_minute.map(rate),
            tokens: options.tokens_per_minute.map(rate),
        }
    }

    /// Takes a share and says how long to wait before using it; takes nothing if `beyond` refuses the wait.
    pub fn take(
        &self,
        levels: &mut Levels,
        share: Share,
        now: Instant,
        beyond: impl Fn(Duration) -> bool,
    ) -> Option<Duration> {
        let mut wait = 0f64;
        if let Some(rate) = self.requests {
            wait = wait.max(levels.requests.wait(rate, share.requests, now));
        }
        if let Some(rate) = self.tokens {
            wait = wait.max(levels.tokens.wait(rate, share.tokens, now));
        }
        let wait = Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX);
        if !wait.is_zero() && beyond(wait) {
            return None;
        }
        levels.requests.level -= share.requests;
        levels.tokens.level -= share.tokens;
        Some(wait)
    }

    /// Replaces what a call has taken by what it used.
    pub fn settle(&self, levels: &mut Levels, taken: Share, used: Share) {
        levels.requests.level += taken.requests - used.requests;
        levels.tokens.level += taken.tokens - used.tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(requests: Option<f64>, tokens: Option<f64>, burst_s: f64) -> Limits {
        let mut options = ChatOptions::default().burst_s(burst_s);
        options.requests_per_minute = requests;
        options.tokens_per_minute = tokens;
        Limits::new(&options)
    }

    fn share(tokens: f64) -> Share {
        Share {
            requests: 1.0,
            tokens,
        }
    }

    #[test]
    fn a_burst_passes_and_the_rest_queues() {
        let limits = limits(Some(60.0), None, 2.0);
        let (mut levels, now) = (Levels::default(), Instant::now());
        let waits: Vec<f64> = (0..5)
            .map(|_| limits.take(&mut levels, share(5.0), now, |_| false))
            .map(|wait| wait.unwrap().as_secs_f64())
            .collect();
        assert_eq!(waits, [0.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(limits.take(&mut levels, share(5.0), now, |_| true), None);
        let later = now + Duration::from_secs(4);
        let wait = limits.take(&mut levels, share(5.0), later, |_| true);
        assert_eq!(wait, Some(Duration::ZERO));
    }

    #[test]
    fn a_call_larger_than_the_bucket_passes_and_the_next_waits_for_it() {
        let limits = limits(None, Some(600.0), 1.0);
        let (mut levels, now) = (Levels::default(), Instant::now());
        let take = |tokens, levels: &mut Levels| {
            let wait = limits.take(levels, share(tokens), now, |_| false);
            wait.unwrap().as_secs_f64()
        };
        assert_eq!(take(1000.0, &mut levels), 0.0);
        assert_eq!(take(10.0, &mut levels), 100.0);
        limits.settle(&mut levels, share(1000.0), share(20.0));
        assert_eq!(take(10.0, &mut levels), 3.0);
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_the_limit_and_the_burst(
            gaps in prop::collection::vec(0u64..4000, 1..200),
            per_minute in 1.0f64..600.0,
            burst_s in 0.0f64..60.0,
        ) {
            let limits = limits(Some(per_minute), None, burst_s);
            let (mut levels, start) = (Levels::default(), Instant::now());
            let (mut now, mut at) = (start, Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                let wait = limits.take(&mut levels, share(0.0), now, |_| false).unwrap();
                at.push((now + wait - start).as_secs_f64());
            }
            prop_assert!(at.is_sorted_by(|a, b| a <= &(b + 1e-6)));
            let most = per_minute + (per_minute / 60.0 * burst_s).max(1.0) + 1.0;
            for (i, begin) in at.iter().enumerate() {
                let within = at[i..].iter().take_while(|t| *t - begin < 60.0).count();
                prop_assert!(within as f64 <= most, "{within} {most}");
            }
        }
    }
}
