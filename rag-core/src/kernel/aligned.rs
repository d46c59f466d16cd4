//! Floats that begin at a cache line: a register's load then never straddles two.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};

const LINE: usize = 16;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A buffer of floats, aligned to 64 bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let lines = vec![Line([0.0; LINE]); len.div_ceil(LINE)];
        Self { lines, len }
    }

    /// The first `len` floats, whatever they hold; the buffer grows if it must, and never shrinks.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            self.lines.resize(len.div_ceil(LINE), Line([0.0; LINE]));
            self.len = len;
        }
        &mut self[..len]
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a `Line` is sixteen floats without padding, and `len` is at most sixteen times
        // their number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_a_line_and_only_grow() {
        let mut buffer = Aligned::default();
        assert!(buffer.is_empty());
        for len in [0, 1, 16, 17, 1000, 5] {
            let part = buffer.at_least(len);
            assert_eq!(part.len(), len);
            assert_eq!(part.as_ptr().align_offset(64), 0);
            part.fill(1.0);
        }
        assert_eq!(buffer.len(), 1000);
        assert_eq!(*Aligned::zeros(3), [0.0; 3]);
    }
}
