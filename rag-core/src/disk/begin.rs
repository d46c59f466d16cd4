//! Bytes on their way to the disk before anybody waits for them.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

/// Has the system begin to write the bytes between two places of a file.
pub(super) fn begin_sync(file: &File, from: u64, to: u64) {
    let (Ok(from), Ok(len)) = (from.try_into(), to.saturating_sub(from).try_into()) else {
        return;
    };
    let write = libc::SYNC_FILE_RANGE_WRITE;
    // SAFETY: takes numbers only. What it answers is of no interest: the sync that follows tells.
    unsafe { libc::sync_file_range(file.as_raw_fd(), from, len, write) };
}
