//! Files as memory.
//!
//! Only what is never cut off or written over in place is mapped: reading a page that the file has
//! lost meanwhile ends the process.
#![allow(unsafe_code)]

use super::Bytes;
use std::fs::File;
use std::io;

/// The bytes of a file, read by the system as they are looked at.
#[derive(Debug)]
pub(super) struct Mapping {
    start: *const u8,
    len: usize,
}

// SAFETY: the pages are only ever read.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The first `len` bytes of a file, of which there is at least one.
    pub(super) fn new(file: &File, len: usize) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        // SAFETY: the system chooses a place of its own for the pages, so that no memory of the
        // process is touched; it keeps the file for as long as they are mapped.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        match start == libc::MAP_FAILED {
            true => Err(io::Error::last_os_error()),
            false => Ok(Self {
                start: start.cast_const().cast(),
                len,
            }),
        }
    }
}

impl Bytes for Mapping {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the pages are mapped until this is dropped, and nobody changes what was written
        // of such a file.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: they were mapped by `new`, and no borrow of them is left.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.len) };
    }
}
