//! Numeric kernels. `linalg` is the small dense algebra that learning needs, in f64.

pub mod linalg;
