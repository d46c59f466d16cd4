//! A right-hand matrix packed for one row of kernels, behind a checked door.

use super::aligned::Aligned;
use super::gemm::{Epilogue, Gemm, pack, pack_transposed, packed_len};
use super::{Kernels, active};
use crate::error::{Error, Result};

/// A `k` by `n` matrix laid out for the inner loop of a product: packed once, used many times.
///
/// ```
/// use rag_core::kernel::{Epilogue, PackedB};
/// // A linear layer with two inputs and three outputs, weights as PyTorch keeps them: 3 by 2.
/// let layer = PackedB::from_transposed(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2, 3).unwrap();
/// let mut out = [0.0; 3];
/// layer.multiply(&[5.0, 7.0], 1, Some(&[0.5, 0.5, 0.5]), &mut out, Epilogue::Store).unwrap();
/// assert_eq!(out, [5.5, 7.5, 12.5]);
/// assert!(layer.multiply(&[5.0], 1, None, &mut out, Epilogue::Store).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct PackedB {
    data: Aligned,
    k: usize,
    n: usize,
    row: &'static Kernels,
}

impl PackedB {
    /// Packs `k` rows of `n` floats.
    pub fn from_rows(b: &[f32], k: usize, n: usize) -> Result<Self> {
        Self::with(active(), b, k, n, false)
    }

    /// Packs the transpose of `n` rows of `k` floats.
    pub fn from_transposed(b: &[f32], k: usize, n: usize) -> Result<Self> {
        Self::with(active(), b, k, n, true)
    }

    /// Packs for a row of one's choice; with `transposed`, `b` is `n` rows of `k` floats.
    pub fn with(
        row: &'static Kernels,
        b: &[f32],
        k: usize,
        n: usize,
        transposed: bool,
    ) -> Result<Self> {
        if k.checked_mul(n) != Some(b.len()) {
            return Err(Error::invalid(format!(
                "a {k} by {n} matrix was announced, {} floats given",
                b.len()
            )));
        }
        let mut data = Aligned::zeros(packed_len(k, n, row.panel));
        if transposed {
            pack_transposed(b, k, k, n, row.panel, &mut data);
        } else {
            pack(b, n, k, n, row.panel, &mut data);
        }
        Ok(Self { data, k, n, row })
    }

    /// The inner dimension: rows of the packed matrix.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns of the packed matrix.
    pub fn n(&self) -> usize {
        self.n
    }

    /// `out = a * b + bias`, or what the epilogue says: `a` is `m` rows of `k` floats, `out` is
    /// `m` rows of `n` floats, `bias` has `n`.
    ///
    /// A row of the result depends on its row of `a` alone, to the bit.
    pub fn multiply(
        &self,
        a: &[f32],
        m: usize,
        bias: Option<&[f32]>,
        out: &mut [f32],
        epilogue: Epilogue,
    ) -> Result<()> {
        let fits = m.checked_mul(self.k) == Some(a.len())
            && m.checked_mul(self.n) == Some(out.len())
            && bias.is_none_or(|bias| bias.len() == self.n);
        if !fits {
            return Err(Error::invalid(format!(
                "{m} rows times a {} by {} matrix do not fit {} floats in, {} out",
                self.k,
                self.n,
                a.len(),
                out.len()
            )));
        }
        self.multiply_strided(a, self.k, m, bias, out, self.n, epilogue);
        Ok(())
    }

    /// [`PackedB::multiply`] with rows of `a` and `out` that lie `lda` and `ldc` apart; panics
    /// where they do not fit.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a GEMM")]
    pub(crate) fn multiply_strided(
        &self,
        a: &[f32],
        lda: usize,
        m: usize,
        bias: Option<&[f32]>,
        out: &mut [f32],
        ldc: usize,
        epilogue: Epilogue,
    ) {
        (self.row.gemm)(&mut Gemm {
            a,
            lda,
            m,
            b: &self.data,
            k: self.k,
            n: self.n,
            bias,
            out,
            ldc,
            epilogue,
        });
    }
}
