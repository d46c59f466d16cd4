//! One error type for the whole library: a kind to branch on, a sentence that helps.
//!
//! Kinds carry a frozen number (what C returns) and a name (what Python looks up). The match
//! from kind to number is exhaustive here, so that no binding needs a wildcard arm.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything in this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $code:literal, $name:literal;)+) => {
        /// What sort of failure this is. Numbers and names are frozen: they are never reused.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[doc = $doc])+ $kind,)+ }

        impl ErrorKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind),+];

            /// The frozen number: the status that C functions return.
            pub const fn code(self) -> i32 {
                match self { $(ErrorKind::$kind => $code),+ }
            }

            /// The frozen name, such as `"not_found"`.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => $name),+ }
            }

            /// One line on what the kind means.
            pub const fn doc(self) -> &'static str {
                match self { $(ErrorKind::$kind => concat!($($doc),+)),+ }
            }
        }
    };
}

error_kinds! {
    /// A value is outside what the operation accepts.
    InvalidArgument = 1, "invalid_argument";
    /// Vectors of another dimension than the one held.
    DimensionMismatch = 2, "dimension_mismatch";
    /// An id or name is already taken.
    AlreadyExists = 3, "already_exists";
    /// No such id, name, choice or file.
    NotFound = 4, "not_found";
    /// Another writer holds the store.
    Locked = 5, "locked";
    /// A file is damaged; the message names it and the offset.
    Corrupt = 6, "corrupt";
    /// A file was written by a version that this one does not read.
    FormatVersion = 7, "format_version";
    /// Vectors or settings made by another embedding model.
    ModelMismatch = 8, "model_mismatch";
    /// The handle was made before a fork and cannot be used in the child.
    Forked = 9, "forked";
    /// A write to something opened for reading.
    ReadOnly = 10, "read_only";
    /// The handle was closed.
    Closed = 11, "closed";
    /// The operating system refused a file operation.
    Io = 12, "io";
    /// A deadline passed.
    Timeout = 13, "timeout";
    /// A language model or cache server failed.
    Upstream = 14, "upstream";
    /// A valid request that this build or model cannot do.
    Unsupported = 15, "unsupported";
    /// The caller's progress function asked to stop; nothing was kept.
    Interrupted = 16, "interrupted";
    /// The disk, or the caller's share of it, is full; nothing was kept.
    DiskFull = 17, "disk_full";
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error: what was found, what was expected, what to do.
///
/// ```
/// use rag_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::NotFound, "no dial is called \"trust\"; learn it first");
/// assert_eq!(error.kind().name(), "not_found");
/// assert_eq!(error.kind().code(), 4);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    file: Option<PathBuf>,
    offset: Option<u64>,
    pid: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a message: lower case, no full stop, no `Debug` output.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            file: None,
            offset: None,
            pid: None,
            source: None,
        }))
    }

    /// `InvalidArgument`, the most frequent kind.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// `DimensionMismatch` with the one sentence that every room uses.
    pub fn dimension(holder: &str, want: usize, got: usize) -> Self {
        Self::new(
            ErrorKind::DimensionMismatch,
            format!(
                "{holder} holds {want}-dimensional vectors, got {got}; embed with the same model"
            ),
        )
    }

    /// A failed file operation: `what` says what was being done, as in `"cannot read"`.
    ///
    /// A missing file becomes `NotFound`, no room `DiskFull`, everything else `Io`.
    pub fn io(what: &str, path: &Path, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let (kind, help) = match error.kind() {
            Kind::NotFound => (ErrorKind::NotFound, ""),
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
                (ErrorKind::DiskFull, "; make room and try again")
            }
            _ => (ErrorKind::Io, ""),
        };
        let message = format!("{what} {}: {error}{help}", path.display());
        Self::new(kind, message).with_file(path).with_source(error)
    }

    /// A damaged file, with the byte offset where that was noticed.
    pub fn corrupt(path: &Path, offset: u64, found: impl fmt::Display) -> Self {
        let message = format!("{} is damaged at byte {offset}: {found}", path.display());
        let mut error = Self::new(ErrorKind::Corrupt, message).with_file(path);
        error.0.offset = Some(offset);
        error
    }

    /// Names the file that the error is about.
    pub fn with_file(mut self, path: &Path) -> Self {
        self.0.file = Some(path.to_path_buf());
        self
    }

    /// Names the process that holds a lock.
    pub fn with_pid(mut self, pid: u32) -> Self {
        self.0.pid = Some(pid);
        self
    }

    /// Keeps the error underneath, for [`std::error::Error::source`].
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error for another who must hear of it, without what lies underneath.
    pub(crate) fn again(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            message: self.0.message.clone(),
            file: self.0.file.clone(),
            offset: self.0.offset,
            pid: self.0.pid,
            source: None,
        }))
    }

    /// Puts where it happened in front of the message, as in `"vector 3: ..."`.
    pub fn context(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence, the same as `Display`.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file that the error is about, if one is.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The byte offset in [`Error::file`] at which damage was noticed.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The process that holds the lock, for `Locked`.
    pub fn pid(&self) -> Option<u32> {
        self.0.pid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.name(), self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_ascend() {
        for pair in ErrorKind::ALL.windows(2) {
            assert!(pair[0].code() < pair[1].code());
        }
        let names: std::collections::HashSet<_> = ErrorKind::ALL.iter().map(|k| k.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn a_missing_file_is_not_found_and_keeps_its_path() {
        let path = Path::new("no/such/file");
        let error = Error::io("cannot read", path, std::fs::read(path).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.file(), Some(path));
        assert!(error.to_string().starts_with("cannot read no/such/file: "));
    }
}
