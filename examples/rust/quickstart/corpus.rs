//! Reading a folder: text and Markdown files, split into passages that know their place.

use rag_core::chunking::{ChunkMode, Chunker, ChunkerOptions};
use rag_core::collection::{Batch, Metadata};
use rag_core::embedding::Embedder;
use rag_core::{Error, Result};
use std::path::{Path, PathBuf};

/// Tokens a passage has at most: enough for a thought, small enough for a page of hits.
const PASSAGE_TOKENS: usize = 128;
/// Files larger than this are data, not reading.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Folders that hold no documentation.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__"];

/// Files that were read and files that were not, each with its reason.
#[derive(Default)]
pub struct Corpus {
    pub passages: Vec<Passage>,
    pub files: usize,
    pub skipped: Vec<String>,
}

/// A piece of a file.
pub struct Passage {
    pub file: String,
    pub line: usize,
    pub start: usize,
    pub text: String,
}

impl Passage {
    /// `docs/search.md:12`, with the byte where it begins, so that no two are the same.
    pub fn id(&self) -> String {
        format!("{}:{}@{}", self.file, self.line, self.start)
    }
}

/// Reads every file below `paths` whose ending is one of `endings`, in the order of their names.
pub fn read(paths: &[PathBuf], endings: &[String], embedder: &Embedder) -> Result<Corpus> {
    let mut files = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(Error::new(
                rag_core::ErrorKind::NotFound,
                format!("{} does not exist; name a file or a folder", path.display()),
            ));
        }
        walk(path, endings, &mut files, path.is_file());
    }
    files.sort();
    files.dedup();
    let mut corpus = Corpus::default();
    for file in files {
        match read_file(&file, embedder) {
            Ok(passages) => {
                corpus.files += 1;
                corpus.passages.extend(passages);
            }
            Err(why) => corpus.skipped.push(format!("{}: {why}", file.display())),
        }
    }
    Ok(corpus)
}

fn walk(path: &Path, endings: &[String], files: &mut Vec<PathBuf>, named: bool) {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    let hidden = name.starts_with('.') && name != "." && name != "..";
    if !named && (hidden || SKIPPED.contains(&name)) {
        return;
    }
    if path.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries.filter(|e| e.file_type().is_ok_and(|t| !t.is_symlink())) {
            walk(&entry.path(), endings, files, false);
        }
        return;
    }
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    if named || endings.iter().any(|e| e.eq_ignore_ascii_case(ending)) {
        files.push(path.to_path_buf());
    }
}

fn read_file(path: &Path, embedder: &Embedder) -> Result<Vec<Passage>> {
    let bytes = rag_core::file::read(path, MAX_FILE_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::invalid("it is not UTF-8 text"))?;
    let markdown = path
        .extension()
        .is_some_and(|e| e == "md" || e == "markdown");
    let mode = match markdown {
        true => ChunkMode::Markdown,
        false => ChunkMode::Sentence,
    };
    let chunker = Chunker::new(
        &ChunkerOptions::default()
            .mode(mode)
            .max_tokens(PASSAGE_TOKENS),
    )?;
    let count = |text: &str| embedder.count_tokens(text).unwrap_or(text.len());
    let chunks = chunker.split(&text, &count)?;
    let file = path
        .strip_prefix("./")
        .unwrap_or(path)
        .display()
        .to_string();
    let mut line = 1;
    let mut counted = 0;
    let passages = chunks.iter().map(|chunk| {
        line += text[counted..chunk.start].matches('\n').count();
        counted = chunk.start;
        Passage {
            file: file.clone(),
            line,
            start: chunk.start,
            text: text[chunk.start..chunk.end].to_owned(),
        }
    });
    Ok(passages.collect())
}

/// The passages as one batch of documents.
pub fn batch(passages: &[Passage]) -> Batch {
    let metadata = passages.iter().map(|passage| {
        let mut fields = Metadata::new();
        fields.insert("file".into(), passage.file.clone().into());
        fields.insert("line".into(), passage.line.into());
        fields.insert("start".into(), passage.start.into());
        fields
    });
    Batch::new(passages.iter().map(Passage::id))
        .texts(passages.iter().map(|p| p.text.clone()))
        .metadata(metadata.collect())
}
