//! Arrows between the rooms of rag-core point down only, and rooms on one floor never import each
//! other. The floors stand here; the sources are read as text, test modules included.

use std::path::{Path, PathBuf};

/// From the ground up. A module may use its own room and any room on a floor below.
const FLOORS: &[&[&str]] = &[
    &[
        "error", "options", "matrix", "rng", "clock", "threads", "progress", "bytes", "plain",
        "disk", "file", "image",
    ],
    &["text", "kernel"],
    &[
        "bandit",
        "caching",
        "calibration",
        "chunking",
        "domain",
        "embedding",
        "evaluation",
        "experiment",
        "metrics",
        "prompting",
        "retrieval",
        "steering",
        "store",
    ],
    &["collection", "generation", "routing"],
    &["answer"],
    &["comparison", "export", "history", "memory"],
    &["engine"],
];

/// Names that `lib.rs` re-exports, with the room that they come from.
const RE_EXPORTS: &[(&str, &str)] = &[
    ("Error", "error"),
    ("ErrorKind", "error"),
    ("Result", "error"),
    ("Matrix", "matrix"),
    ("Rows", "matrix"),
    ("Progress", "progress"),
    ("Rng", "rng"),
    ("option_enum", "options"),
];

/// Checks every source file below `rag-core/src` and returns the violations.
pub fn violations(root: &Path) -> Vec<String> {
    let source = root.join("rag-core/src");
    let mut found = Vec::new();
    for path in rust_files(&source) {
        let relative = path.strip_prefix(&source).unwrap_or(&path);
        let Some(room) = room_of(relative) else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for (line, target) in uses(&text) {
            if let Some(why) = refusal(&room, &target) {
                found.push(format!("rag-core/src/{}:{line}: {why}", relative.display()));
            }
        }
    }
    found
}

fn refusal(room: &str, target: &str) -> Option<String> {
    if room == target {
        return None;
    }
    let (Some(from), Some(to)) = (floor(room), floor(target)) else {
        return Some(format!("{room} uses {target}, which stands on no floor"));
    };
    match from {
        // The ground is one room: its files may use each other.
        0 if to == 0 => None,
        _ if to < from => None,
        _ if to == from => Some(format!("{room} uses {target}, a room on its own floor")),
        _ => Some(format!("{room} uses {target}, a room on a floor above")),
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The first folder, or the file's name without its ending; `lib.rs` sees everything.
fn room_of(relative: &Path) -> Option<String> {
    let first = relative.components().next()?.as_os_str().to_str()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (room != "lib").then(|| room.to_owned())
}

/// Every `crate::name` with its line, `crate::{a, b::c}` included; comments do not count.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect();
    let joined = code.join("\n");
    for (at, _) in joined.match_indices("crate::") {
        let before = joined[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = joined[..at].matches('\n').count() + 1;
        let rest = &joined[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => top_level_names(list),
            None => vec![identifier(rest)],
        };
        found.extend(names.into_iter().map(|name| (line, resolve(&name))));
    }
    found
}

fn top_level_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                names.push(identifier(list[start..i].trim()));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn identifier(text: &str) -> String {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    text[..end.unwrap_or(text.len())].to_owned()
}

fn resolve(name: &str) -> String {
    let known = RE_EXPORTS.iter().find(|(exported, _)| *exported == name);
    known.map_or(name, |(_, room)| room).to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|e| e.path()) {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ending) if ending == "rs" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_down_pass_and_others_are_named() {
        assert_eq!(refusal("collection", "steering"), None);
        assert_eq!(refusal("error", "options"), None);
        assert_eq!(refusal("text", "error"), None);
        assert!(
            refusal("steering", "embedding")
                .unwrap()
                .contains("own floor")
        );
        assert!(
            refusal("kernel", "retrieval")
                .unwrap()
                .contains("floor above")
        );
        assert!(refusal("error", "kernel").unwrap().contains("floor above"));
        assert!(refusal("kernel", "attic").unwrap().contains("no floor"));
    }

    #[test]
    fn every_form_of_use_is_seen() {
        let text = "use crate::{kernel::{dot, linalg}, Rows};\n// crate::nothing\n\
                    fn f() -> crate::Result<()> { crate::store::open() }";
        let names: Vec<String> = uses(text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["kernel", "matrix", "error", "store"]);
        assert_eq!(uses(text)[3].0, 3);
    }

    #[test]
    fn the_house_itself_is_in_order() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(violations(root), Vec::<String>::new());
    }
}
