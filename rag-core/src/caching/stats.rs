//! What a cache counts.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        /// The counters of a layer, raised by many at once.
        #[derive(Debug, Default)]
        pub(super) struct Counts { $(pub(super) $name: AtomicU64,)+ }

        /// What happened in a layer since it was made, and what it holds.
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct LayerStats {
            /// Entries held in memory.
            pub entries: u64,
            /// Bytes that they take, keys and the map included.
            pub bytes: u64,
            /// The share of lookups for which nothing was made anew: `(hits + shared) / (hits + shared + misses)`; 0 before
            /// the first.
            pub hit_rate: f64,
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Counts {
            pub(super) fn stats(&self, entries: u64, bytes: u64) -> LayerStats {
                let mut stats = LayerStats {
                    entries,
                    bytes,
                    hit_rate: 0.0,
                    $($name: self.$name.load(Relaxed),)+
                };
                stats.rate();
                stats
            }
        }

        impl LayerStats {
            /// Adds what another layer of the same kind counted.
            pub(super) fn add(&mut self, other: &LayerStats) {
                self.entries += other.entries;
                self.bytes += other.bytes;
                $(self.$name += other.$name;)+
                self.rate();
            }
        }
    };
}

counts! {
    /// Looked for and found, in memory or in the remote cache.
    hits;
    /// Those of `hits` that the remote cache had and the memory had not.
    remote_hits;
    /// Looked for and not found.
    misses;
    /// Answered with what another caller was making just then.
    shared;
    /// Found too old, and dropped.
    expired;
    /// Found, refused by who looked because it is not true any more, and dropped.
    refused;
    /// Dropped because others needed the room.
    evicted;
    /// Not kept because they alone would have filled the layer.
    oversized;
    /// Found in the remote cache and unreadable: damaged, of another version, or of another key.
    garbled;
}

impl LayerStats {
    fn rate(&mut self) {
        let good = self.hits + self.shared;
        self.hit_rate = match good + self.misses {
            0 => 0.0,
            all => good as f64 / all as f64,
        };
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
