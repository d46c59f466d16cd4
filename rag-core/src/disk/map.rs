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
    file: File,
}

/// Has the system bring in bytes that are about to be read from end to end, in one go instead of at
/// every few pages. Changes nothing but time.
pub(crate) fn expect(bytes: &[u8]) {
    // What Linux calls `MADV_POPULATE_READ`; systems that do not know it refuse.
    #[cfg(target_os = "linux")]
    {
        const POPULATE_READ: libc::c_int = 22;
        const PAGE: usize = 4096;
        let skew = bytes.as_ptr().addr() % PAGE;
        let start = bytes.as_ptr().wrapping_sub(skew);
        // SAFETY: the advice changes no byte, and all pages have bytes of a borrow that is alive.
        unsafe { libc::madvise(start.cast_mut().cast(), skew + bytes.len(), POPULATE_READ) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}

/// A part of a file that may be changed and added to in memory: the file stays as it is.
#[derive(Debug)]
pub(crate) struct Pages {
    base: *mut libc::c_void,
    span: usize,
    /// Where the part begins behind `base`, and the room from there on.
    skew: usize,
    room: usize,
}

// SAFETY: the pages are the owner's alone.
unsafe impl Send for Pages {}
// SAFETY: they are changed through a mutable borrow of the owner only.
unsafe impl Sync for Pages {}

impl Pages {
    /// `len` bytes from `at` on, which the file has, with room for so many in all.
    fn new(file: &File, at: usize, len: usize, room: usize) -> Option<Self> {
        use std::os::fd::AsRawFd;
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
        let skew = at % page;
        // What is mapped over the reserved pages must never reach beyond them.
        if len > room {
            return None;
        }
        let span = skew.checked_add(room)?.checked_next_multiple_of(page)?;
        let offset = libc::off_t::try_from(at - skew).ok()?;
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let fresh = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the system chooses a place of its own for the pages.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), span, both, fresh, -1, 0) };
        if base == libc::MAP_FAILED {
            return None;
        }
        let pages = Self {
            base,
            span,
            skew,
            room,
        };
        let private = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: the first of the pages that were just mapped, which nobody uses yet, are replaced.
        let mapped =
            unsafe { libc::mmap(base, skew + len, both, private, file.as_raw_fd(), offset) };
        (mapped != libc::MAP_FAILED).then_some(pages)
    }

    pub(crate) fn start(&self) -> *mut u8 {
        self.base.cast::<u8>().wrapping_add(self.skew)
    }

    /// Bytes from `start` on.
    pub(crate) fn room(&self) -> usize {
        self.room
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: they were mapped by `new`, and no borrow of them is left.
        unsafe { libc::munmap(self.base, self.span) };
    }
}

// SAFETY: the pages are only ever read.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The first `len` bytes of a file, of which there is at least one.
    pub(super) fn new(file: File, len: usize) -> io::Result<Self> {
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
                file,
            }),
        }
    }
}

impl Bytes for Mapping {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the pages are mapped until this is dropped, and nobody changes what was written
        // of such a file. Behind that may be zeros over which a writer writes: whoever looks there
        // believes nothing without its checksum, and only while looking for the end.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    fn pages(&self, at: usize, len: usize, room: usize) -> Option<Pages> {
        let inside = at.checked_add(len).is_some_and(|end| end <= self.len);
        inside.then(|| Pages::new(&self.file, at, len, room))?
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: they were mapped by `new`, and no borrow of them is left.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.len) };
    }
}
