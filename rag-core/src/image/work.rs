//! Reading on several threads: large arrays are used where they lie and checked piece by piece, beside
//! whatever else is made of an image.
//!
//! Pieces are the same however many threads there are, and nothing is answered before all are done.

use super::{AT_ONCE, Array, DAMAGED};
use crate::bytes::Read;
use crate::disk::expect;
use crate::plain::{Plain, bytes_of};
use crate::threads;
use crc32fast::Hasher;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Bytes that one thread checks in one go.
const PIECE: usize = 1 << 20;

/// What the bytes of an array and so many zeros behind them must come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    zeros: usize,
    crc: u32,
}

impl Sum {
    const ZEROS: [u8; 64] = [0; 64];

    /// Whether this is what the bytes came to.
    fn matches(self, mut crc: Hasher) -> Read<()> {
        crc.update(&Self::ZEROS[..self.zeros]);
        match crc.finalize() == self.crc {
            true => Ok(()),
            false => Err(DAMAGED),
        }
    }

    /// Checks all numbers at once, and asks about them in pieces.
    pub(crate) fn check<T: Plain>(
        self,
        numbers: &[T],
        good: impl FnMut(&[T]) -> Read<()>,
    ) -> Read<()> {
        expect(bytes_of(numbers));
        self.matches(looked_at(numbers, good)?)
    }
}

/// Hands out numbers in pieces that stay in the cache, and answers what they come to.
fn looked_at<T: Plain>(numbers: &[T], mut good: impl FnMut(&[T]) -> Read<()>) -> Read<Hasher> {
    let mut crc = Hasher::new();
    for part in numbers.chunks(AT_ONCE / size_of::<T>()) {
        crc.update(bytes_of(part));
        good(part)?;
    }
    Ok(crc)
}

impl<'a, T: Plain> Array<'a, T> {
    /// The numbers where they lie, not checked yet, and what they must come to.
    pub(crate) fn unchecked(&self) -> Read<(&'a [T], Sum)> {
        let behind = &self.body[size_of_val(self.numbers)..];
        let (zeros, crc) = behind.split_last_chunk().ok_or(DAMAGED)?;
        let sum = Sum {
            zeros: zeros.len(),
            crc: u32::from_le_bytes(*crc) ^ self.salt,
        };
        match zeros.iter().all(|&byte| byte == 0) {
            true => Ok((self.numbers, sum)),
            false => Err(DAMAGED),
        }
    }
}

type Task<'a> = Box<dyn FnOnce() -> Read<Hasher> + Send + 'a>;

/// What is to be done before anything that comes of it is relied on.
#[derive(Default)]
pub(crate) struct Work<'a> {
    tasks: Vec<Task<'a>>,
    /// Which tasks check an array, and what must come of them.
    arrays: Vec<(Range<usize>, Sum)>,
}

impl<'a> Work<'a> {
    /// Does something in one go. What takes long is best told of first.
    pub(crate) fn job(&mut self, job: impl FnOnce() -> Read<()> + Send + 'a) {
        self.tasks.push(Box::new(|| job().map(|()| Hasher::new())));
    }

    /// Checks numbers of which `sum` is told, and asks about all of them in pieces that begin at a
    /// line.
    pub(crate) fn check<T: Plain>(
        &mut self,
        numbers: &'a [T],
        sum: Option<Sum>,
        good: impl Fn(&[T]) -> Read<()> + Copy + Send + 'a,
    ) {
        let from = self.tasks.len();
        for piece in numbers.chunks(PIECE / size_of::<T>()) {
            self.tasks.push(Box::new(move || {
                expect(bytes_of(piece));
                looked_at(piece, good)
            }));
        }
        let done = from..self.tasks.len();
        self.arrays.extend(sum.map(|sum| (done, sum)));
    }

    /// Does all of it; else says what went wrong first, in the order in which it was told of.
    pub(crate) fn run(self) -> Read<()> {
        self.run_on(threads::available())
    }

    fn run_on(self, threads: usize) -> Read<()> {
        let tasks = self.tasks.into_iter();
        let tasks: Vec<Mutex<Option<Task<'a>>>> =
            tasks.map(|task| Mutex::new(Some(task))).collect();
        let done = threads::map(threads, tasks.len(), &|i| {
            let mut task = tasks[i].lock().unwrap_or_else(PoisonError::into_inner);
            let task = task.take();
            task.map_or(Err(DAMAGED), |task| task())
        });
        let done = done.into_iter().collect::<Read<Vec<Hasher>>>()?;
        for (pieces, sum) in self.arrays {
            let mut crc = Hasher::new();
            done[pieces].iter().for_each(|piece| crc.combine(piece));
            sum.matches(crc)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_pieces_are_the_sum_and_the_first_fault_is_told() {
        let numbers: Vec<u32> = (0..700_000).collect();
        let mut whole = Hasher::new();
        whole.update(bytes_of(&numbers));
        whole.update(&[0; 12]);
        let sum = Some(Sum {
            zeros: 12,
            crc: whole.finalize(),
        });
        let mut other = numbers.clone();
        other[600_000] ^= 1 << 31;
        for threads in [1, 2, 5] {
            let checked = |numbers: &[u32], most: u32, faults: usize| {
                let mut work = Work::default();
                for _ in 0..faults {
                    work.job(|| Err("a job"));
                }
                work.check(numbers, sum, move |piece| {
                    match piece.iter().all(|&number| number <= most) {
                        true => Ok(()),
                        false => Err("too large"),
                    }
                });
                work.run_on(threads)
            };
            assert_eq!(checked(&numbers, u32::MAX, 0), Ok(()));
            assert_eq!(checked(&other, u32::MAX, 0), Err(DAMAGED));
            assert_eq!(checked(&numbers[..699_999], u32::MAX, 0), Err(DAMAGED));
            assert_eq!(checked(&numbers, 650_000, 0), Err("too large"));
            assert_eq!(checked(&numbers, 650_000, 3), Err("a job"));
            assert_eq!(Work::default().run_on(threads), Ok(()));
        }
    }
}
