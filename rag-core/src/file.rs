//! Whole files: read with a limit, written so that a reader sees the old or the new, and wrapped
//! in an envelope that says what they are.
//!
//! The envelope: magic `RAGCORE\0`, kind (8 bytes, ASCII, zero-padded), version `u32`, CRC-32 of
//! the payload `u32`, payload length `u64`, payload. All numbers are little-endian.

use crate::disk::{Disk, Output, System};
use crate::error::{Error, ErrorKind, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const MAGIC: &[u8; 8] = b"RAGCORE\0";
const HEADER: usize = 32;

/// Reads a whole file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    System.read(path, limit)
}

/// Replaces `path` by `bytes`: a new file beside it, synced, renamed over it, directory synced.
///
/// After a crash the path holds the old bytes or the new ones, never a part.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_on(&System, path, bytes)
}

/// [`replace`] on another file system.
pub(crate) fn replace_on(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    replace_with(disk, path, &mut |file| file.write(bytes))
}

/// [`replace`] by what `fill` writes.
pub(crate) fn replace_with(
    disk: &dyn Disk,
    path: &Path,
    fill: &mut dyn FnMut(&mut dyn Output) -> io::Result<()>,
) -> Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let parent = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let Some(name) = path.file_name() else {
        return Err(Error::invalid(format!(
            "{} is not the name of a file",
            path.display()
        )));
    };
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}-{unique}.tmp", std::process::id()));
    let temporary = parent.join(temporary);
    let written = write_and_sync(disk, &temporary, fill)
        .and_then(|()| disk.rename(&temporary, path))
        .and_then(|()| disk.sync_directory(&parent));
    written.map_err(|e| {
        // Best effort: the error that stopped the write is the one to report.
        let _ = disk.remove(&temporary);
        Error::io("cannot write", path, e)
    })
}

fn write_and_sync(
    disk: &dyn Disk,
    path: &Path,
    fill: &mut dyn FnMut(&mut dyn Output) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = disk.create(path)?;
    fill(&mut *file)?;
    file.sync()
}

/// Writes `payload` in an envelope, as [`replace`] does.
pub fn save(path: &Path, kind: &str, version: u32, payload: &[u8]) -> Result<()> {
    replace(path, &wrap(kind, version, payload))
}

/// Reads the payload of an envelope of `kind` whose version is at most `newest`, with its version.
pub fn load(path: &Path, kind: &str, newest: u32, limit: u64) -> Result<(u32, Vec<u8>)> {
    load_from(&System, path, kind, newest, limit)
}

/// [`load`] from another file system.
pub(crate) fn load_from(
    disk: &dyn Disk,
    path: &Path,
    kind: &str,
    newest: u32,
    limit: u64,
) -> Result<(u32, Vec<u8>)> {
    let mut bytes = disk.read(path, limit.saturating_add(HEADER as u64))?;
    let version = unwrap_header(&bytes, kind, newest, path)?;
    bytes.drain(..HEADER);
    Ok((version, bytes))
}

/// The bytes of an envelope, for callers that keep them elsewhere than in a file.
pub fn wrap(kind: &str, version: u32, payload: &[u8]) -> Vec<u8> {
    let mut tag = [0u8; 8];
    tag[..kind.len()].copy_from_slice(kind.as_bytes());
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&tag);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The payload of an envelope that lies in memory, with its version; `what` names it in errors.
pub(crate) fn unwrap<'a>(
    bytes: &'a [u8],
    kind: &str,
    newest: u32,
    what: &str,
) -> Result<(u32, &'a [u8])> {
    let version = unwrap_header(bytes, kind, newest, Path::new(what));
    // It lies in no file.
    let version = version.map_err(|e| Error::new(e.kind(), e.message()))?;
    Ok((version, &bytes[HEADER..]))
}

fn unwrap_header(bytes: &[u8], kind: &str, newest: u32, path: &Path) -> Result<u32> {
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        let found = format!("{} bytes, fewer than the header's {HEADER}", bytes.len());
        return Err(Error::corrupt(path, bytes.len() as u64, found));
    };
    if &header[..8] != MAGIC {
        return Err(Error::corrupt(
            path,
            0,
            "it does not begin like a ragcore file",
        ));
    }
    let tag = String::from_utf8_lossy(&header[8..16]);
    let tag = tag.trim_end_matches('\0');
    if tag != kind {
        return Err(Error::invalid(format!(
            "{} holds a {tag}, expected a {kind}",
            path.display()
        ))
        .with_file(path));
    }
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let version = word(16);
    if version == 0 || version > newest {
        return Err(Error::new(
            ErrorKind::FormatVersion,
            format!(
                "{} is a {kind} of format {version}, this release reads up to {newest}; update ragcore",
                path.display()
            ),
        )
        .with_file(path));
    }
    let length = u64::from_le_bytes(header[24..32].try_into().expect("eight bytes"));
    if length != payload.len() as u64 {
        let found = format!("{length} bytes announced, {} present", payload.len());
        return Err(Error::corrupt(path, 24, found));
    }
    if crc32fast::hash(payload) != word(20) {
        return Err(Error::corrupt(
            path,
            HEADER as u64,
            "the checksum does not match",
        ));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_an_envelope_is_noticed() {
        let path = Path::new("memory");
        let good = wrap("bandit", 1, b"payload");
        assert_eq!(unwrap_header(&good, "bandit", 1, path).unwrap(), 1);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap_header(&bad, "bandit", 1, path).is_err(), "bit {bit}");
        }
        for cut in 0..good.len() {
            let error = unwrap_header(&good[..cut], "bandit", 1, path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {cut}");
        }
    }

    #[test]
    fn a_newer_format_names_both_versions() {
        let error =
            unwrap_header(&wrap("bandit", 9, b""), "bandit", 1, Path::new("f")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FormatVersion);
        assert!(error.message().contains("format 9") && error.message().contains("up to 1"));
    }

    #[test]
    fn replace_leaves_no_temporary_file_behind() {
        let dir = std::env::temp_dir().join(format!("ragcore-file-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("a");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"two");
        assert_eq!(
            read(&path, 2).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
        assert!(replace(&dir.join("no/such/folder/a"), b"").is_err());
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
