//! Documents from files of text.

use super::documents::NewDocument;
use crate::collection::MAX_TEXT_BYTES;
use crate::error::{Error, ErrorKind, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Endings of the files that are read as text.
pub const TEXT_FILES: &[&str] = &["md", "markdown", "txt", "text", "rst"];
/// Files that one call reads.
const MAX_FILES: usize = 1_000_000;
/// Folders in folders.
const MAX_DEPTH: usize = 64;

/// Reads a text file, or every text file in a folder and below, in the order of their names.
///
/// A document's id is its path, relative to the folder and with `/` between names, or the file's name; the
/// metadata say `path`, and `title` if a Markdown heading or the first line gives one. Hidden files and links to folders
/// are left out, and so are files whose ending is none of [`TEXT_FILES`] unless they are named themselves.
///
/// Errors: `NotFound`; `InvalidArgument` for a file that is no UTF-8 or too long; `Io`.
///
/// ```
/// use rag_core::engine::read_documents;
/// let folder = std::env::temp_dir().join(format!("ragcore-doc-read-{}", std::process::id()));
/// std::fs::create_dir_all(folder.join("guides")).unwrap();
/// std::fs::write(folder.join("guides/tides.md"), "# Tides\n\nThe moon pulls the sea.").unwrap();
/// std::fs::write(folder.join("photo.jpg"), [0xff, 0xd8]).unwrap();
/// let documents = read_documents(&folder)?;
/// assert_eq!(documents.len(), 1);
/// assert_eq!(documents[0].id.as_deref(), Some("guides/tides.md"));
/// assert_eq!(documents[0].metadata["title"], "Tides");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn read_documents(path: impl AsRef<Path>) -> Result<Vec<NewDocument>> {
    let path = path.as_ref();
    let about = std::fs::metadata(path).map_err(|e| Error::io("cannot read", path, e))?;
    if !about.is_dir() {
        let name = path.file_name().unwrap_or(path.as_os_str());
        return Ok(vec![read(path, &name.to_string_lossy())?]);
    }
    let mut files = Vec::new();
    collect(path, &mut files, 0)?;
    files
        .iter()
        .map(|file| {
            let inside = file.strip_prefix(path).unwrap_or(file);
            let names = inside
                .components()
                .map(|part| part.as_os_str().to_string_lossy());
            read(file, &names.collect::<Vec<_>>().join("/"))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<()> {
    let io = |e| Error::io("cannot read", folder, e);
    if depth > MAX_DEPTH {
        return Err(Error::invalid(format!(
            "{} lies more than {MAX_DEPTH} folders deep; name a folder further down",
            folder.display()
        )));
    }
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(io)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() {
            collect(&path, files, depth + 1)?;
        } else if is_text(&path) && path.is_file() {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(Error::invalid(format!(
                "there are more than {MAX_FILES} text files; name a folder further down"
            )));
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|ending| TEXT_FILES.iter().any(|t| t.eq_ignore_ascii_case(ending)))
}

fn read(path: &Path, id: &str) -> Result<NewDocument> {
    let length = std::fs::metadata(path).map_or(0, |about| about.len());
    if length > MAX_TEXT_BYTES as u64 {
        return Err(Error::invalid(format!(
            "{} has {length} bytes; a document has at most {MAX_TEXT_BYTES}: divide it",
            path.display()
        )));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::io("cannot read", path, e))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let message = format!(
            "{} is not text in UTF-8 (byte {at}); convert it first, or leave it out",
            path.display()
        );
        Error::new(ErrorKind::InvalidArgument, message)
    })?;
    let text = text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned);
    let mut document = NewDocument::new(text).id(id);
    document.metadata.insert("path".into(), Value::from(id));
    if let Some(title) = title(&document.text) {
        document.metadata.insert("title".into(), Value::from(title));
    }
    let markdown = ["md", "markdown"];
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    document.markdown = markdown.iter().any(|m| m.eq_ignore_ascii_case(ending));
    Ok(document)
}

/// The first heading, or the first line if it is short.
fn title(text: &str) -> Option<String> {
    const LONG: usize = 120;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let title = line.trim_start_matches('#').trim();
    (!title.is_empty() && title.chars().count() <= LONG).then(|| title.to_owned())
}
