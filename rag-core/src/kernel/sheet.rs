//! Rows of activations, laid out so that kernels may read whole tiles.

use super::aligned::Aligned;
use super::bf16::Bf16;
use crate::plain::Plain;

/// Rows that a kernel may read behind the last one.
pub(crate) const SLACK: usize = 32;

/// A number that activations are kept in.
pub trait Activation: Plain {
    /// The distance of rows is a multiple of this.
    const ALIGN: usize;
    /// The nearest number.
    fn from_f32(x: f32) -> Self;
    /// The same number in f32.
    fn to_f32(self) -> f32;
}

impl Activation for f32 {
    /// A whole register.
    const ALIGN: usize = 16;
    fn from_f32(x: f32) -> Self {
        x
    }
    fn to_f32(self) -> f32 {
        self
    }
}

impl Activation for Bf16 {
    /// The inner dimension of a matrix tile: 64 bytes.
    const ALIGN: usize = 32;
    fn from_f32(x: f32) -> Self {
        Self::from_f32(x)
    }
    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}

/// A matrix of activations: rows a fixed distance apart, zeros between a row's end and the next
/// row, and readable rows behind the last. It grows, and never shrinks.
#[derive(Clone, Debug)]
pub struct Sheet<T: Activation> {
    data: Aligned<T>,
    rows: usize,
    width: usize,
    stride: usize,
}

impl<T: Activation> Default for Sheet<T> {
    fn default() -> Self {
        Self {
            data: Aligned::default(),
            rows: 0,
            width: 0,
            stride: 0,
        }
    }
}

impl<T: Activation> Sheet<T> {
    /// A sheet with these rows, one after the other in `rows`; panics unless they fill it.
    pub fn from_rows(rows: &[f32], width: usize) -> Self {
        let mut sheet = Self::default();
        sheet.shape(rows.len() / width.max(1), width);
        assert_eq!(sheet.rows * width, rows.len(), "whole rows");
        for (i, from) in rows.chunks_exact(width).enumerate() {
            for (to, x) in sheet.row_mut(i).iter_mut().zip(from) {
                *to = T::from_f32(*x);
            }
        }
        sheet
    }

    /// Makes this `rows` by `width`; what the rows hold is then anybody's guess.
    pub fn shape(&mut self, rows: usize, width: usize) {
        let stride = width.next_multiple_of(T::ALIGN);
        let len = (rows + SLACK) * stride;
        // Padding that was a row's middle under another width, or is new, becomes zero.
        let moved = stride != self.stride || width != self.width;
        self.data.at_least(len);
        if moved && stride > width {
            let rows = self.data.chunks_exact_mut(stride);
            rows.for_each(|row| row[width..].fill(T::default()));
        }
        (self.rows, self.width, self.stride) = (rows, width, stride);
    }

    /// Rows in use.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// From one row's beginning to the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// All rows in use, the padding between them included.
    pub(crate) fn data(&self) -> &[T] {
        &self.data[..self.rows * self.stride]
    }

    /// [`Sheet::data`], to write; the padding must stay zero.
    pub(crate) fn data_mut(&mut self) -> &mut [T] {
        &mut self.data[..self.rows * self.stride]
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[T] {
        &self.data()[i * self.stride..][..self.width]
    }

    /// Row `i`, to write.
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        let (stride, width) = (self.stride, self.width);
        &mut self.data_mut()[i * stride..][..width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_whatever_the_sheet_was_before() {
        let mut sheet = Sheet::<Bf16>::default();
        for (rows, width) in [
            (3, 64),
            (2, 33),
            (9, 40),
            (1, 31),
            (20, 31),
            (4, 64),
            (20, 63),
        ] {
            sheet.shape(rows, width);
            for i in 0..rows {
                sheet.row_mut(i).fill(Bf16::from_f32(1.0));
            }
            let stride = sheet.stride();
            assert_eq!(stride % 32, 0);
            for row in sheet.data().chunks(stride) {
                assert!(row[width..].iter().all(|x| *x == Bf16::default()));
            }
            assert!(sheet.data.len() >= (rows + SLACK) * stride);
        }
    }
}
