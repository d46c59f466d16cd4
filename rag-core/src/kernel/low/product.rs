//! What an instruction set offers for products of small numbers.
#![allow(unsafe_code)]

use crate::kernel::bf16::Bf16;
use crate::kernel::lanes::Lanes;

/// Columns of a panel: a register of sixteen 32-bit sums, a row of a matrix tile.
pub(in crate::kernel) const PANEL: usize = 16;
/// Bytes of the inner dimension that one step of a sum takes from a row: four bytes, or two brain
/// floats.
pub(in crate::kernel) const GROUP: usize = 4;
/// Bytes of the inner dimension are padded to this with zeros: a row of a matrix tile.
pub(in crate::kernel) const DEPTH: usize = 64;
/// Most rows of a block.
pub(in crate::kernel) const MOST_ROWS: usize = 32;
/// Most panels of a block.
pub(in crate::kernel) const MOST_PANELS: usize = 4;

/// A block of a product: `rows` rows of `a` times `panels` panels of `b`.
///
/// `b` is packed: a panel is `depth / GROUP` lines of 64 bytes, each line `GROUP` bytes of each
/// of the panel's sixteen columns. Sum `(i, j)` goes to `sums[i * ld + j]`.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Block {
    pub a: *const u8,
    /// Bytes from one row of `a` to the next.
    pub lda: usize,
    pub rows: usize,
    pub b: *const u8,
    pub panels: usize,
    /// Bytes from one panel to the next.
    pub panel_bytes: usize,
    /// Bytes of the inner dimension, a multiple of `DEPTH`.
    pub depth: usize,
    /// 32-bit numbers: f32 or i32.
    pub sums: *mut u32,
    pub ld: usize,
}

/// Products of blocks.
///
/// # Safety
/// The processor has the instruction set; `open` has been called on this thread and `close` not
/// yet; `rows` is in `1..=ROWS`, `panels` in `1..=PANELS`, or
/// `1..=FLAT_PANELS` for at most sixteen rows; `a` has `ROWS` readable rows of
/// `depth` bytes, `b` its panels, and `sums` `ROWS` writable rows of `panels * PANEL` numbers.
/// Rows behind `rows` may be read and written; what they hold decides nothing else.
pub(in crate::kernel) trait Product {
    /// The set's registers.
    type Wide: Lanes;
    /// Rows of a full block.
    const ROWS: usize;
    /// Panels of a full block.
    const PANELS: usize;
    /// Panels of a block of at most sixteen rows.
    const FLAT_PANELS: usize = Self::PANELS;

    /// Whether bytes of `a` are signed; else they are 128 more than they mean, because the
    /// instruction wants them so.
    const SIGNED: bool = false;

    /// Before a series of blocks.
    unsafe fn open() {}
    /// After a series of blocks.
    unsafe fn close() {}
    /// `a` and `b` hold brain floats; sums in f32, in the order of the inner dimension.
    unsafe fn bf16(block: Block);
    /// `b` holds signed bytes, `a` bytes as `SIGNED` says; sums in i32, exactly.
    unsafe fn int8(block: Block);
}

/// Reads a brain float at any alignment.
///
/// # Safety
/// Two readable bytes at `p`.
#[inline(always)]
pub(super) unsafe fn read_bf16(p: *const u8) -> f32 {
    // SAFETY: the caller's promise.
    unsafe { p.cast::<Bf16>().read_unaligned() }.to_f32()
}

/// A kind of number for sets that hold a row's sixteen sums in a few registers.
pub(super) trait Dot {
    /// The sums of a row's sixteen columns.
    type Sums: Copy;
    unsafe fn zero() -> Self::Sums;
    /// Adds the products of four bytes of a row with a line of a panel.
    unsafe fn add(sums: &mut Self::Sums, a: *const u8, line: *const u8);
    unsafe fn store(sums: Self::Sums, to: *mut u32);
}

/// The block panel by panel, `R` rows at a time and one by one at the end.
///
/// # Safety
/// As for [`Product`].
#[inline(always)]
pub(super) unsafe fn by_rows<D: Dot, const R: usize>(block: Block) {
    for panel in 0..block.panels {
        let mut row = 0;
        while row < block.rows {
            // SAFETY: the caller's promise for the panel, and for `R` or one of the rows left.
            unsafe {
                let a = block.a.add(row * block.lda);
                let b = block.b.add(panel * block.panel_bytes);
                let to = block.sums.add(row * block.ld + panel * PANEL);
                if row + R <= block.rows {
                    tile::<D, R>(&block, a, b, to);
                    row += R;
                } else {
                    tile::<D, 1>(&block, a, b, to);
                    row += 1;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn tile<D: Dot, const R: usize>(block: &Block, a: *const u8, b: *const u8, to: *mut u32) {
    // SAFETY: the caller promises `R` rows at `a` and `to`, and a panel at `b`.
    unsafe {
        let mut sums = [D::zero(); R];
        for group in 0..block.depth / GROUP {
            for (i, sums) in sums.iter_mut().enumerate() {
                D::add(
                    sums,
                    a.add(i * block.lda + group * GROUP),
                    b.add(group * 64),
                );
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            D::store(sums, to.add(i * block.ld));
        }
    }
}
