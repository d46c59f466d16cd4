//! Numbers that begin at a cache line: a register's load then never straddles two.
#![allow(unsafe_code)]

use super::bf16::Bf16;
use crate::plain::{Plain, bytes_of};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: transparent over a plain number of 2 bytes.
unsafe impl Plain for Bf16 {}

/// A buffer of numbers, aligned to 64 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Aligned<T: Plain = f32> {
    lines: Vec<Line>,
    len: usize,
    of: PhantomData<T>,
}

/// Bytes from which on a buffer asks for large pages.
const LARGE: usize = 4 << 20;

/// Makes a vector `len` long, if it is shorter, and asks the system to keep a large one in large
/// pages: who reads here and there in it then waits less for the page table.
pub(super) fn grow_large<T: Clone>(vector: &mut Vec<T>, len: usize, fill: T) {
    if len > vector.capacity() {
        vector.reserve(len - vector.len());
        large_pages(vector);
    }
    if len > vector.len() {
        vector.resize(len, fill);
    }
}

/// An empty vector with room for `len`, in large pages if that is much.
pub(super) fn large_room<T>(len: usize) -> Vec<T> {
    let vector = Vec::with_capacity(len);
    large_pages(&vector);
    vector
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn large_pages<T>(vector: &Vec<T>) {
    const PAGE: usize = 4096;
    const HUGE: i32 = 14;
    unsafe extern "C" {
        fn madvise(address: *mut std::ffi::c_void, length: usize, advice: i32) -> i32;
    }
    let bytes = vector.capacity() * size_of::<T>();
    if bytes >= LARGE {
        let start = vector.as_ptr().cast::<u8>();
        let skip = start.align_offset(PAGE);
        // SAFETY: the pages lie within the vector's own memory, and the advice changes no byte of
        // them; where it is not taken, nothing happens.
        unsafe {
            madvise(
                start.add(skip).cast_mut().cast(),
                (bytes - skip) / PAGE * PAGE,
                HUGE,
            );
        }
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn large_pages<T>(_: &Vec<T>) {
    let _ = LARGE;
}

impl<T: Plain> Default for Aligned<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T: Plain> Aligned<T> {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let lines = vec![Line([0; 64]); Self::lines(len)];
        large_pages(&lines);
        Self {
            lines,
            len,
            of: PhantomData,
        }
    }

    fn lines(len: usize) -> usize {
        len.div_ceil(64 / size_of::<T>())
    }

    /// Makes the buffer `len` numbers long, if it is shorter, by zeros. What it holds stays, and
    /// growing little by little costs no more than growing at once.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.len < len {
            grow_large(&mut self.lines, Self::lines(len), Line([0; 64]));
            self.len = len;
        }
    }

    /// Appends numbers to a buffer that ends with a line.
    pub(crate) fn push_lines(&mut self, numbers: &[T]) {
        let (lines, rest) = bytes_of(numbers).as_chunks::<64>();
        self.lines.extend(lines.iter().map(|line| Line(*line)));
        if !rest.is_empty() {
            let mut last = [0; 64];
            last[..rest.len()].copy_from_slice(rest);
            self.lines.push(Line(last));
        }
        self.len += numbers.len();
    }

    /// An empty buffer with room for `len` numbers.
    pub(crate) fn with_room(len: usize) -> Self {
        Self {
            lines: large_room(Self::lines(len)),
            len: 0,
            of: PhantomData,
        }
    }

    /// The first `len` numbers, whatever they hold; the buffer grows if it must, and never
    /// shrinks.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [T] {
        self.grow(len);
        &mut self[..len]
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines have room for `len` numbers, and any bytes are a `Plain` number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_a_line_and_only_grow() {
        let mut buffer = Aligned::<f32>::default();
        assert!(buffer.is_empty());
        for len in [0, 1, 16, 17, 1000, 5] {
            let part = buffer.at_least(len);
            assert_eq!(part.len(), len);
            assert_eq!(part.as_ptr().align_offset(64), 0);
            part.fill(1.0);
        }
        assert_eq!(buffer.len(), 1000);
        assert_eq!(*Aligned::<f32>::zeros(3), [0.0; 3]);
        assert_eq!(Aligned::<u8>::zeros(65).len(), 65);
    }
}
