//! A bandit as bytes, placeholder.
use super::Bandit;
use crate::error::Result;
use std::path::Path;
impl Bandit {
    /// x
    pub fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }
    /// x
    pub fn from_bytes(_: &[u8]) -> Result<Self> {
        todo!()
    }
    /// x
    pub fn save(&self, _: impl AsRef<Path>) -> Result<()> {
        todo!()
    }
    /// x
    pub fn load(_: impl AsRef<Path>) -> Result<Self> {
        todo!()
    }
}
