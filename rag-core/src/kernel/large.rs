//! Many numbers that are added to and changed: in large pages of memory, or in those of a file that
//! are read as they are looked at and copied when they are changed.
#![allow(unsafe_code)]

use super::aligned::Aligned;
use crate::bytes::Read;
use crate::disk::Pages;
use crate::image::{Array, Sum, Work};
use crate::plain::Plain;
use std::ops::{Deref, DerefMut};

/// Room that is put by for more numbers than a file holds, as a share of them, and in any case.
const SPARE: usize = 4;
const LEAST: usize = 1 << 20;
/// Bytes below which an array is copied: pages of its own would take longer.
const SMALL: usize = 1 << 16;

/// An array that begins at a cache line.
#[derive(Debug)]
pub(crate) struct Large<T: Plain> {
    start: *mut T,
    len: usize,
    owner: Owner<T>,
    /// What pages of a file must be checked against before they are relied on.
    unchecked: Option<Sum>,
}

#[derive(Debug)]
enum Owner<T: Plain> {
    Heap(Aligned<T>),
    File(Pages),
}

// SAFETY: the numbers belong to the owner alone, which may be sent, and are only changed through a
// mutable borrow.
unsafe impl<T: Plain> Send for Large<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Sync for Large<T> {}

impl<T: Plain> Default for Large<T> {
    fn default() -> Self {
        Self::of(Aligned::default())
    }
}

impl<T: Plain> Clone for Large<T> {
    fn clone(&self) -> Self {
        Self::copied(self)
    }
}

impl<T: Plain> Large<T> {
    fn copied(numbers: &[T]) -> Self {
        let mut copy = Aligned::with_room(numbers.len());
        copy.push_lines(numbers);
        Self::of(copy)
    }

    fn of(mut heap: Aligned<T>) -> Self {
        Self {
            start: heap.as_mut_ptr(),
            len: heap.len(),
            owner: Owner::Heap(heap),
            unchecked: None,
        }
    }

    /// What is in an array of an image, where it is if the system can and there is much of it. It is
    /// not relied on before it was checked against [`Large::unchecked`].
    pub(crate) fn read(array: &Array<'_, T>) -> Read<Self> {
        let (numbers, sum) = array.unchecked()?;
        let len = numbers.len();
        let room = len + (len / SPARE).max(LEAST);
        let pages = match size_of_val(numbers) < SMALL {
            true => None,
            false => array.pages(room * size_of::<T>()),
        };
        let Some(pages) = pages else {
            return Self::apart(array, |_| Ok(()));
        };
        Ok(Self {
            start: pages.start().cast(),
            len,
            owner: Owner::File(pages),
            unchecked: Some(sum),
        })
    }

    /// What is in an array of an image, checked, in memory of its own: for numbers that are changed here
    /// and there, where every page that is changed would be copied with all threads told of it.
    pub(crate) fn apart(
        array: &Array<'_, T>,
        mut good: impl FnMut(&[T]) -> Read<()>,
    ) -> Read<Self> {
        let (numbers, sum) = array.unchecked()?;
        let mut heap = Aligned::with_room(numbers.len());
        // All pieces but the last end with a line.
        sum.check(numbers, |piece| {
            heap.push_lines(piece);
            good(piece)
        })?;
        Ok(Self::of(heap))
    }

    /// What [`Large::read`] answers, checked; `good` is asked about all of the numbers in pieces.
    pub(crate) fn checked(
        array: &Array<'_, T>,
        mut good: impl FnMut(&[T]) -> Read<()>,
    ) -> Read<Self> {
        let new = Self::read(array)?;
        match new.unchecked {
            Some(sum) => sum.check(&new, good)?,
            None => good(&new)?,
        }
        Ok(new)
    }

    /// The same of exactly so many numbers.
    pub(crate) fn exactly(array: &Array<'_, T>, count: usize) -> Read<Self> {
        match array.len() == count {
            true => Self::checked(array, |_| Ok(())),
            false => Err("an array of another length"),
        }
    }

    /// What pages of a file are to be checked against.
    pub(crate) fn unchecked(&self) -> Option<Sum> {
        self.unchecked
    }

    /// Has what [`Large::read`] answered checked, and asks about all of it in pieces.
    pub(crate) fn check<'a>(
        &'a self,
        work: &mut Work<'a>,
        good: impl Fn(&[T]) -> Read<()> + Copy + Send + 'a,
    ) {
        work.check(self, self.unchecked(), good);
    }

    /// Appends a number.
    pub(crate) fn push(&mut self, number: T) {
        self.grow(self.len + 1, number);
    }

    /// Forgets the first numbers, and gives back all room that is not needed.
    pub(crate) fn drop_front(&mut self, count: usize) {
        *self = Self::copied(self.get(count..).unwrap_or_default());
    }

    /// Makes it `len` long, if it is shorter, by `fill`. Growing little by little costs no more than
    /// growing at once.
    pub(crate) fn grow(&mut self, len: usize, fill: T) {
        let old = self.len;
        if len <= old {
            return;
        }
        if let Owner::File(pages) = &self.owner
            && len > pages.room() / size_of::<T>()
        {
            let mut heap = Aligned::with_room(len + len / SPARE);
            heap.push_lines(self);
            self.owner = Owner::Heap(heap);
        }
        if let Owner::Heap(heap) = &mut self.owner {
            heap.grow(len);
            self.start = heap.as_mut_ptr();
        }
        self.len = len;
        self[old..].fill(fill);
    }
}

impl<T: Plain> FromIterator<T> for Large<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        let mut new = Self::default();
        numbers.into_iter().for_each(|number| new.push(number));
        new
    }
}

impl<T: Plain> Deref for Large<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the owner has room for `len` numbers there, all of which were set, and any bytes
        // are a `Plain` number.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T: Plain> DerefMut for Large<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; the borrow is exclusive, and pages of a file are private.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, System};
    use crate::image::{Head, Image, Work, Writer};

    #[test]
    fn pages_of_a_file_grow_and_change_and_the_file_stays() {
        let path = std::env::temp_dir().join(format!("ragcore-large-{}", std::process::id()));
        let truth: Vec<u32> = (0..100_000).collect();
        let head = Head {
            store: 1,
            generation: 1,
            covered: 64,
            next: 0,
        };
        let mut out = System.create(&path).unwrap();
        let mut writer = Writer::new(&mut *out, &head);
        writer.part();
        writer.array(&[7u8; 100]).unwrap();
        writer.array(&truth).unwrap();
        writer.array(&[9u8; 5000]).unwrap();
        writer.part();
        writer.part();
        writer.finish().unwrap();
        let read = || {
            let image = Image::open(&System, &path).unwrap();
            let mut part = image.part(0);
            part.array::<u8>().unwrap();
            let large = Large::<u32>::read(&part.array().unwrap()).unwrap();
            let mut work = Work::default();
            large.check(&mut work, |_| Ok(()));
            work.run().unwrap();
            large
        };
        let mut large = read();
        assert_eq!(*large, truth);
        assert_eq!(large.as_ptr().align_offset(64), 0);
        large[5] = 500;
        large.grow(100_003, u32::MAX);
        assert_eq!(
            (large[5], large[99_999], large[100_002]),
            (500, 99_999, u32::MAX)
        );
        large.grow(3_000_000, 1);
        assert_eq!(
            (large[5], large[100_002], large[2_999_999]),
            (500, u32::MAX, 1)
        );
        let copy = large.clone();
        large[0] = 77;
        assert_eq!((copy.len(), copy[0], copy[5]), (3_000_000, 0, 500));
        assert_eq!(*read(), truth, "the file is as it was");
        std::fs::remove_file(&path).unwrap();
        let mut none = Large::<i8>::default();
        assert!(none.is_empty());
        none.grow(70, -3);
        assert_eq!(*none, [-3; 70]);
    }
}
