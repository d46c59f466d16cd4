//! Who gave which rating: users by number, what each counts at the median, and the cap.

use std::hash::{BuildHasher, RandomState};

/// The users of ratings, numbered in the order in which they appear.
pub(super) struct Users {
    pub(super) of: Vec<u32>,
    counts: Vec<u32>,
}

/// What ratings count at the median: whole numbers, so that their sums have no order.
#[derive(Clone, Copy)]
pub(super) struct Shares<'a> {
    /// The user of each rating.
    pub(super) of: &'a [u32],
    /// What one rating of each user counts.
    pub(super) each: &'a [u64],
}

impl Shares<'_> {
    /// What rating `i` counts.
    pub(super) fn at(&self, i: usize) -> u64 {
        self.each[self.of[i] as usize]
    }
}

/// A place of the table: what is known of a user lies together, as reaching it takes the time.
#[derive(Clone, Copy)]
struct Entry {
    id: u64,
    user: u32,
    /// Ratings; 0 where the place is free.
    count: u32,
}

const FREE: Entry = Entry {
    id: 0,
    user: 0,
    count: 0,
};

/// Ids that are looked up together.
const TOGETHER: usize = 64;

/// The place of that id, or the free one that it can have.
fn find(table: &[Entry], id: u64, place: impl Fn(u64) -> usize) -> usize {
    let mask = table.len() - 1;
    let mut at = place(id) & mask;
    while table[at].count != 0 && table[at].id != id {
        at = (at + 1) & mask;
    }
    at
}

impl Users {
    /// Numbers the users of less than 2^32 ratings. O(n), by a hash table with open places.
    pub(super) fn number(ids: &[u64]) -> Self {
        // The key is secret, so that nobody can choose ids that meet in one place; the numbers do
        // not depend on it.
        let secret = RandomState::new();
        let (add, times) = (secret.hash_one(0u8), secret.hash_one(1u8) | 1);
        let place = |id: u64| {
            let product = u128::from(id ^ add) * u128::from(times);
            (product as u64 ^ (product >> 64) as u64) as usize
        };
        let mut table = vec![FREE; 4 * TOGETHER];
        let (mut of, mut users) = (Vec::with_capacity(ids.len()), 0u32);
        for some in ids.chunks(TOGETHER) {
            // Reads that do not wait for each other bring the places near.
            let mask = table.len() - 1;
            let mut near = [false; TOGETHER];
            for (near, id) in near.iter_mut().zip(some) {
                let entry = table[place(*id) & mask];
                *near = entry.id == *id && entry.count != 0;
            }
            for (near, id) in near.into_iter().zip(some) {
                let at = match near {
                    true => place(*id) & (table.len() - 1),
                    false => find(&table, *id, place),
                };
                let entry = &mut table[at];
                if entry.count == 0 {
                    (entry.id, entry.user) = (*id, users);
                    users += 1;
                }
                entry.count += 1;
                of.push(entry.user);
            }
            // Half of the table stays free, whoever comes next.
            if 2 * (users as usize + TOGETHER) > table.len() {
                let larger = vec![FREE; 4 * table.len()];
                for entry in std::mem::replace(&mut table, larger) {
                    if entry.count != 0 {
                        let at = find(&table, entry.id, place);
                        table[at] = entry;
                    }
                }
            }
        }
        let mut counts = vec![0; users as usize];
        for entry in table.iter().filter(|entry| entry.count != 0) {
            counts[entry.user as usize] = entry.count;
        }
        Self { of, counts }
    }

    /// What a rating of each user counts where a user counts for at most `per_user` of them, and
    /// for one in any case: `min(1, max(1, per_user) / count)`. None if every rating counts the same.
    pub(super) fn shares(&self, per_user: f64) -> Option<Vec<u64>> {
        let most = per_user.max(1.0);
        if self.counts.iter().all(|c| f64::from(*c) <= most) {
            return None;
        }
        // The sum of all is below 2^62, and each is off by at most 1: a quotient has 53 digits.
        let bits = (62 - self.of.len().next_power_of_two().trailing_zeros()).min(52);
        let one = (1u64 << bits) as f64;
        let share = |count: &u32| ((most / f64::from(*count)).min(1.0) * one).round() as u64;
        Some(self.counts.iter().map(share).collect())
    }

    /// Scales the weights of each user whose total is above `per_user` down to it; the totals.
    pub(super) fn cap(&self, weights: &mut [f64], per_user: f64) -> Vec<f64> {
        let mut totals = vec![0.0; self.counts.len()];
        for (user, weight) in self.of.iter().zip(&*weights) {
            totals[*user as usize] += weight;
        }
        if totals.iter().all(|total| *total <= per_user) {
            return totals;
        }
        let factor = |total: &f64| (per_user / total).min(1.0);
        let factors: Vec<f64> = totals.iter().map(factor).collect();
        for (user, weight) in self.of.iter().zip(weights) {
            *weight *= factors[*user as usize];
        }
        for total in &mut totals {
            *total = total.min(per_user);
        }
        totals
    }
}
