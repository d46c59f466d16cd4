//! `include/ragcore.h`, made by cbindgen from the files of rag-ffi in reading order.

use std::fmt::Write;
use std::path::Path;

/// The sources in the order of the header.
const SOURCES: &[&str] = &[
    "status",
    "error",
    "options",
    "strings",
    "convert",
    "embedder",
    "chunker",
    "rankings",
    "dense_index",
    "lexical_index",
    "fusion",
    "steering_vector",
    "steering",
    "collection",
    "documents",
    "query",
    "hits",
    "dials",
    "joint",
    "taste",
    "attribute",
    "bandit",
    "beliefs",
    "bandits",
    "fronts",
    "archive",
    "optimize",
    "router",
    "evaluation",
    "calibration",
    "measures",
    "domain",
    "cache",
    "tuned",
    "prompting",
    "generator",
    "chat",
    "engine",
    "history",
    "memory",
    "shards",
    "sharing",
    "experiment",
];

const CONVENTIONS: &str = "\
/* ragcore: steerable retrieval-augmented generation inside your process.
 *
 * This file is written by `cargo xtask header`; change the Rust sources of rag-ffi instead.
 *
 * Arguments come in this order: the handle, inputs (pointer, then count), options, outputs
 * (buffer, capacity, count), and last `rag_error **err`.
 *
 * Errors. Every call that can fail returns a `rag_status`, RAG_STATUS_OK or what went wrong. If
 * `err` is not NULL, a failed call also *gives* an error object with a sentence; a call that
 * succeeds leaves `*err` alone, so begin with `rag_error *err = NULL;`. Outputs are written on
 * success only. There is no partial success and no state kept for \"the last error\".
 *
 * Ownership. A pointer that you *lend* is used during the call only. What a call *gives* is yours:
 * free it with the matching `_free`. What an object lends you lives until that object is freed.
 *
 * Handles (all `rag_...` objects) are never followed as pointers: one that is NULL, freed, freed
 * twice, of another type or made up is RAG_STATUS_NULL_POINTER or RAG_STATUS_INVALID_HANDLE, and
 * `_free(NULL)` does nothing. Other addresses cannot be checked: a pointer that is not NULL must
 * point to as many items as the call says.
 *
 * Threads. Every object may be used from any thread. A call that takes `const T *` may run at the
 * same time as other such calls on the object; a call that takes `T *` must be the only one, and
 * RAG_STATUS_BUSY says that it was not. Nothing is undefined then. Calls do not wait for
 * each other, except that the writers of a collection take turns.
 *
 * Text is UTF-8. Names, ids and paths are NUL-terminated. Where a text has a length
 * beside it, the length counts bytes, the text may hold NUL bytes, and RAG_NUL_TERMINATED stands
 * for \"up to the first NUL\". For arrays of texts the array of lengths may be NULL, which says
 * the same of all. Filters, metadata and reports are JSON.
 *
 * A panic inside the library (a defect) ends in RAG_STATUS_PANIC, never in your code.
 */
";

/// Writes the header, or with `check` says whether the file is what would be written.
pub fn header(root: &Path, check: bool) -> bool {
    let path = root.join("include/ragcore.h");
    let wanted = match generate(root) {
        Ok(text) => text,
        Err(why) => {
            eprintln!("header: {why}");
            return false;
        }
    };
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found == wanted {
        return true;
    }
    if check {
        eprintln!("include/ragcore.h is not up to date; run: cargo xtask header");
        return false;
    }
    let written =
        std::fs::create_dir_all(root.join("include")).and_then(|()| std::fs::write(&path, wanted));
    if let Err(error) = &written {
        eprintln!("cannot write {}: {error}", path.display());
    }
    written.is_ok()
}

fn generate(root: &Path) -> Result<String, String> {
    let sources = root.join("rag-ffi/src");
    let mut builder = cbindgen::Builder::new().with_config(config(root)?);
    for name in SOURCES {
        builder = builder.with_src(sources.join(name).with_extension("rs"));
    }
    let bindings = builder.generate().map_err(|e| e.to_string())?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).map_err(|e| e.to_string())
}

fn config(root: &Path) -> Result<cbindgen::Config, String> {
    Ok(cbindgen::Config {
        language: cbindgen::Language::C,
        cpp_compat: true,
        header: Some(CONVENTIONS.to_owned()),
        include_guard: Some("RAGCORE_H".to_owned()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"]
            .map(str::to_owned)
            .to_vec(),
        after_includes: Some(macros(root)?),
        usize_is_size_t: true,
        style: cbindgen::Style::Type,
        line_length: 100,
        ..cbindgen::Config::default()
    })
}

/// The version, the constants that C spells in its own way, and the names of the options.
fn macros(root: &Path) -> Result<String, String> {
    let version = version(root)?;
    let parts: Vec<&str> = version.split('.').collect();
    let [major, minor, patch] = parts[..] else {
        return Err(format!("the version \"{version}\" has not three parts"));
    };
    let mut text = format!(
        "\n/** The version of this header; `rag_version()` is that of the library. */\n\
         #define RAG_VERSION \"{version}\"\n#define RAG_VERSION_MAJOR {major}\n\
         #define RAG_VERSION_MINOR {minor}\n#define RAG_VERSION_PATCH {patch}\n\n\
         /** The length of a text that ends at its first NUL byte. */\n\
         #define RAG_NUL_TERMINATED SIZE_MAX\n\n/* Names of options. */\n"
    );
    let names = read(&root.join("rag-ffi/src/names.rs"))?;
    for line in names.lines() {
        let row = line
            .trim()
            .strip_suffix(';')
            .and_then(|l| l.split_once(" = "));
        if let Some((constant, name)) = row.filter(|(c, _)| c.starts_with("RAG_OPT_")) {
            writeln!(text, "#define {constant} {name}").map_err(|e| e.to_string())?;
        }
    }
    Ok(text)
}

/// The version that the workspace's manifest states.
pub fn version(root: &Path) -> Result<String, String> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let mut lines = manifest.lines();
    let line = lines.find_map(|l| l.strip_prefix("version = \""));
    let version = line.and_then(|l| l.split('"').next());
    version
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml states no version".to_owned())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// A function of the header: its name, and its parameters as (type, name).
#[derive(Clone, Debug)]
pub struct Function {
    /// What it returns.
    pub returns: String,
    /// The name.
    pub name: String,
    /// Type and name of each parameter.
    pub parameters: Vec<(String, String)>,
}

/// The functions that the header declares. It reads what cbindgen writes, not C in general.
pub fn functions(root: &Path) -> Result<Vec<Function>, String> {
    let text = read(&root.join("include/ragcore.h"))?;
    let mut functions = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let is_function = line.contains(" rag_") || line.contains("*rag_");
        let comment = line.starts_with([' ', '/', '*', '#']) || line.starts_with("typedef");
        if comment || !is_function || !line.contains('(') {
            continue;
        }
        let mut declaration = line.to_owned();
        while !declaration.ends_with(");") {
            declaration += lines
                .next()
                .ok_or("a declaration does not end")?
                .trim_start();
            declaration = declaration.replace(",", ", ").replace(",  ", ", ");
        }
        functions.push(parse(&declaration)?);
    }
    Ok(functions)
}

fn parse(declaration: &str) -> Result<Function, String> {
    let broken = || format!("cannot read the declaration: {declaration}");
    let inner = declaration.strip_suffix(");").ok_or_else(broken)?;
    let (head, parameters) = inner.split_once('(').ok_or_else(broken)?;
    let (returns, name) = typed(head).ok_or_else(broken)?;
    let list = parameters.split(',').map(str::trim);
    let list = list.filter(|p| !p.is_empty() && *p != "void");
    let parameters: Option<Vec<_>> = list.map(typed).collect();
    Ok(Function {
        returns,
        name,
        parameters: parameters.ok_or_else(broken)?,
    })
}

/// `const char *const *texts` as (`const char *const *`, `texts`).
fn typed(declared: &str) -> Option<(String, String)> {
    let at = declared.rfind([' ', '*'])? + 1;
    Some((declared[..at].trim().to_owned(), declared[at..].to_owned()))
}
