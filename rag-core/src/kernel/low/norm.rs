//! Layer normalisation on the way from f32 to brain floats.

use super::product::Product;
use crate::kernel::bf16::Bf16;
use crate::kernel::lanes::Lanes;
use crate::kernel::sheet::{Activation, Sheet};

/// A normalisation (Ba, Kiros and Hinton, 2016) and where its result goes.
#[derive(Debug)]
pub(crate) struct NormTo<'a, T: Activation> {
    pub gain: &'a [f32],
    pub shift: &'a [f32],
    pub eps: f32,
    /// Whether the row itself becomes the result, too.
    pub replace: bool,
    pub to: &'a mut Sheet<T>,
}

impl<T: Activation> NormTo<'_, T> {
    /// Panics unless this fits the rows of `from`.
    pub(crate) fn check(&self, from: &Sheet<f32>) {
        let width = from.width();
        assert_eq!((self.gain.len(), self.shift.len()), (width, width), "norm");
        assert_eq!(
            (self.to.rows(), self.to.width()),
            (from.rows(), width),
            "normed rows"
        );
    }
}

/// The normalisation of every row.
#[derive(Debug)]
pub(crate) struct LowNorm<'a> {
    pub rows: &'a mut Sheet<f32>,
    pub norm: NormTo<'a, Bf16>,
}

/// # Safety
/// The processor has the instruction set of `P`.
#[inline(always)]
pub(super) unsafe fn run<P: Product>(call: &mut LowNorm<'_>) {
    call.norm.check(call.rows);
    for i in 0..call.rows.rows() {
        // SAFETY: the set is the caller's promise, the shapes have been checked.
        unsafe { norm_row::<P::Wide>(&mut call.norm, call.rows.row_mut(i), i) };
    }
}

/// Normalises row `i`, which is `row`.
///
/// # Safety
/// The processor has the instruction set of `V`; the norm fits the row, which belongs to a sheet.
#[inline(always)]
pub(super) unsafe fn norm_row<V: Lanes>(norm: &mut NormTo<'_, Bf16>, row: &mut [f32], i: usize) {
    let n = row.len();
    let (whole, rest) = (n - n % V::N, n % V::N);
    let to = norm.to.row_mut(i).as_mut_ptr();
    let p = row.as_mut_ptr();
    let (gain, shift) = (norm.gain.as_ptr(), norm.shift.as_ptr());
    // SAFETY: reads and writes are at `i + V::N <= whole`, or the `rest < V::N` numbers behind;
    // the last store of brain floats may reach into the row's padding, with zeros.
    unsafe {
        let zero = V::splat(0.0);
        let mut sum = V::load_part(p.add(whole), rest, zero);
        let mut squares = sum.mul(sum);
        for i in (0..whole).step_by(V::N) {
            let x = V::load(p.add(i));
            sum = sum.add(x);
            squares = x.mul_add(x, squares);
        }
        let scale = 1.0 / n as f32;
        let mean = sum.sum() * scale;
        // Rows of activations are of one size and their mean is small beside them, so that one
        // pass loses nothing that brain floats would keep.
        let variance = (squares.sum() * scale - mean * mean).max(0.0);
        let inverse = V::splat(1.0 / (variance + norm.eps).sqrt());
        let mean = V::splat(mean);
        for i in (0..whole).step_by(V::N) {
            let x = V::load(p.add(i)).sub(mean).mul(inverse);
            let x = x.mul_add(V::load(gain.add(i)), V::load(shift.add(i)));
            if norm.replace {
                x.store(p.add(i));
            }
            x.store_bf16(to.add(i));
        }
        if rest > 0 {
            let x = V::load_part(p.add(whole), rest, mean)
                .sub(mean)
                .mul(inverse);
            let gain = V::load_part(gain.add(whole), rest, zero);
            let shift = V::load_part(shift.add(whole), rest, zero);
            let x = x.mul_add(gain, shift);
            if norm.replace {
                x.store_part(p.add(whole), rest);
            }
            x.store_bf16(to.add(whole));
        }
    }
}
