//! Rows of float32: the one shape in which vectors travel between rooms.

use crate::error::{Error, Result};

/// Floats that a row may have when there is none: no memory stands behind such a number.
const MOST_OF_NOTHING: usize = 1 << 20;

/// Borrowed rows: `rows * dim` floats, row after row.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    dim: usize,
}

impl<'a> Rows<'a> {
    /// Views `data` as rows of `dim` floats.
    ///
    /// ```
    /// use rag_core::Rows;
    /// let rows = Rows::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    /// assert_eq!((rows.len(), rows.row(1)), (2, &[3.0, 4.0][..]));
    /// assert!(Rows::new(&[1.0, 2.0, 3.0], 2).is_err());
    /// ```
    pub fn new(data: &'a [f32], dim: usize) -> Result<Self> {
        if dim == 0 || !data.len().is_multiple_of(dim) {
            return Err(Error::invalid(format!(
                "{} floats do not make rows of {dim}",
                data.len()
            )));
        }
        if data.is_empty() && dim > MOST_OF_NOTHING {
            return Err(Error::invalid(format!(
                "no rows of {dim} floats each; where there is no row, {MOST_OF_NOTHING} are the most"
            )));
        }
        Ok(Self { data, dim })
    }

    /// One vector as one row.
    pub fn single(vector: &'a [f32]) -> Result<Self> {
        Self::new(vector, vector.len().max(1))
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Floats in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i`; panics past the end, like a slice.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'a, f32> {
        self.data.chunks_exact(self.dim)
    }

    /// All floats, row after row.
    pub fn data(&self) -> &'a [f32] {
        self.data
    }

    /// Fails on the first NaN or infinity, naming its row and column.
    pub fn check_finite(&self) -> Result<()> {
        match self.data.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::invalid(format!(
                "vector {} has {} at position {}; every number must be finite",
                at / self.dim,
                self.data[at],
                at % self.dim
            ))),
        }
    }
}

/// Owned rows of float32.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    data: Vec<f32>,
    dim: usize,
}

impl Matrix {
    /// Takes `data` as rows of `dim` floats.
    pub fn from_vec(data: Vec<f32>, dim: usize) -> Result<Self> {
        Rows::new(&data, dim)?;
        Ok(Self { data, dim })
    }

    /// `rows` rows of `dim` zeros.
    pub fn zeros(rows: usize, dim: usize) -> Self {
        Self {
            data: vec![0.0; rows * dim],
            dim,
        }
    }

    /// Borrows all rows.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            data: &self.data,
            dim: self.dim.max(1),
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows().len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Floats in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i`; panics past the end, like a slice.
    pub fn row(&self, i: usize) -> &[f32] {
        self.rows().row(i)
    }

    /// Row `i`, to change.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        &mut self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// All floats, to change.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: &[f32]) -> Result<()> {
        if row.len() != self.dim {
            return Err(Error::dimension("this matrix", self.dim, row.len()));
        }
        self.data.extend_from_slice(row);
        Ok(())
    }

    /// The floats, row after row.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing `calls`: who makes room for one row must not do so by a number out of the air.
    #[test]
    fn rows_that_are_not_there_have_no_absurd_length() {
        assert_eq!(Rows::new(&[], 384).unwrap().len(), 0);
        let error = Rows::new(&[], usize::MAX / 2).unwrap_err();
        assert!(error.message().contains("no rows of"), "{error}");
        assert!(Matrix::from_vec(Vec::new(), usize::MAX).is_err());
    }
}
