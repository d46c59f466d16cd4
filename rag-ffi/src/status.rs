//! Status codes: the core's frozen numbers, and those that only C needs, from 100.

/// What a call came to: `RAG_STATUS_OK` or the kind of its error. Numbers are never reused.
pub type rag_status = i32;

/// The call did what was asked.
pub const RAG_STATUS_OK: rag_status = 0;
/// A value is outside what the operation accepts.
pub const RAG_STATUS_INVALID_ARGUMENT: rag_status = 1;
/// Vectors of another dimension than the one held.
pub const RAG_STATUS_DIMENSION_MISMATCH: rag_status = 2;
/// An id or name is already taken.
pub const RAG_STATUS_ALREADY_EXISTS: rag_status = 3;
/// No such id, name, choice or file.
pub const RAG_STATUS_NOT_FOUND: rag_status = 4;
/// Another writer holds the store; `rag_error_pid` says which process.
pub const RAG_STATUS_LOCKED: rag_status = 5;
/// A file is damaged; `rag_error_file` and `rag_error_offset` say where.
pub const RAG_STATUS_CORRUPT: rag_status = 6;
/// A file was written by a version that this one does not read.
pub const RAG_STATUS_FORMAT_VERSION: rag_status = 7;
/// Vectors or settings made by another embedding model.
pub const RAG_STATUS_MODEL_MISMATCH: rag_status = 8;
/// The handle was made before a fork and cannot be used in the child.
pub const RAG_STATUS_FORKED: rag_status = 9;
/// A write to something opened for reading.
pub const RAG_STATUS_READ_ONLY: rag_status = 10;
/// The handle was closed.
pub const RAG_STATUS_CLOSED: rag_status = 11;
/// The operating system refused a file operation.
pub const RAG_STATUS_IO: rag_status = 12;
/// A deadline passed.
pub const RAG_STATUS_TIMEOUT: rag_status = 13;
/// A language model or cache server failed.
pub const RAG_STATUS_UPSTREAM: rag_status = 14;
/// A valid request that this build or model cannot do.
pub const RAG_STATUS_UNSUPPORTED: rag_status = 15;
/// The caller's progress function asked to stop; nothing was kept.
pub const RAG_STATUS_INTERRUPTED: rag_status = 16;
/// The disk, or the caller's share of it, is full; nothing was kept.
pub const RAG_STATUS_DISK_FULL: rag_status = 17;

/// A pointer that must not be NULL was; the message names it.
pub const RAG_STATUS_NULL_POINTER: rag_status = 100;
/// A defect in the library: it stopped inside this call. Please report the message.
pub const RAG_STATUS_PANIC: rag_status = 101;
/// The handle was freed before, is of another type, or never was one.
pub const RAG_STATUS_INVALID_HANDLE: rag_status = 102;
/// The buffer is too small; the count says how much room is needed. Nothing else was written.
pub const RAG_STATUS_BUFFER_TOO_SMALL: rag_status = 103;
/// Another call is using the handle, and one of the two needs it for itself.
pub const RAG_STATUS_BUSY: rag_status = 104;
/// An earlier call that was changing this handle ended in `RAG_STATUS_PANIC`: free it.
pub const RAG_STATUS_POISONED: rag_status = 105;

/// The frozen names of the codes that only C has.
pub(crate) fn own_name(status: rag_status) -> Option<&'static str> {
    Some(match status {
        RAG_STATUS_OK => "ok",
        RAG_STATUS_NULL_POINTER => "null_pointer",
        RAG_STATUS_PANIC => "panic",
        RAG_STATUS_INVALID_HANDLE => "invalid_handle",
        RAG_STATUS_BUFFER_TOO_SMALL => "buffer_too_small",
        RAG_STATUS_BUSY => "busy",
        RAG_STATUS_POISONED => "poisoned",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rag_core::ErrorKind;

    /// The numbers above are typed by hand for the header; here they meet the core's table.
    #[test]
    fn every_kind_of_the_core_has_its_constant_and_number() {
        let source = include_str!("status.rs");
        for kind in ErrorKind::ALL {
            let name = kind.name().to_uppercase();
            let line = format!("pub const RAG_STATUS_{name}: rag_status = {};", kind.code());
            assert!(source.contains(&line), "missing or wrong: {line}");
        }
        let constants = source
            .lines()
            .filter(|l| l.starts_with("pub const RAG_STATUS_"));
        assert_eq!(constants.count(), ErrorKind::ALL.len() + 7);
    }
}
