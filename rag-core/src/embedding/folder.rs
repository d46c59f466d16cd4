//! A model folder as sentence-transformers and Hugging Face lay it out: the settings beside the
//! weights.
//!
//! `modules.json` lists the stages; without it the folder is a bare transformer, which
//! sentence-transformers pools by the mean. Settings that are asked for and not known are
//! refused: a vector computed some other way would be worse than none.

pub(super) use super::files::required;
use super::files::{PARTS, optional, whole, wrong};
use super::fingerprint::Fingerprint;
use super::options::TextKind;
use crate::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// How the vectors of the tokens become the vector of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    Mean,
    Cls,
    Max,
    LastToken,
}

/// What a folder says about its model, the architecture aside.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where config.json, tokenizer.json and the weights are.
    pub(super) transformer: PathBuf,
    pub(super) name: String,
    pub(super) pooling: Pooling,
    /// Folders of the linear layers behind the pooling, in order.
    pub(super) dense: Vec<PathBuf>,
    pub(super) normalizes: bool,
    pub(super) lowercase: bool,
    /// The longest text in tokens, where the folder says.
    pub(super) max_tokens: Option<usize>,
    document_prompt: String,
    query_prompt: String,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
struct SentenceSettings {
    max_seq_length: Option<Value>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
struct TokenizerSettings {
    model_max_length: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Prompts {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
    default_prompt_name: Option<String>,
}

impl Pooling {
    /// Writes the pool of the rows of a text to `out`; zeros where it has none.
    pub(super) fn pool<'a>(
        self,
        mut rows: impl DoubleEndedIterator<Item = &'a [f32]> + ExactSizeIterator,
        out: &mut [f32],
    ) {
        // A tokenizer without special tokens makes nothing of an empty text.
        if rows.len() == 0 {
            return out.fill(0.0);
        }
        match self {
            Self::Cls => rows
                .next()
                .into_iter()
                .for_each(|row| out.copy_from_slice(row)),
            Self::LastToken => {
                (rows.next_back().into_iter()).for_each(|row| out.copy_from_slice(row));
            }
            Self::Mean => {
                let scale = 1.0 / rows.len() as f32;
                out.fill(0.0);
                for row in rows {
                    out.iter_mut().zip(row).for_each(|(o, x)| *o += x);
                }
                out.iter_mut().for_each(|x| *x *= scale);
            }
            Self::Max => {
                out.fill(f32::NEG_INFINITY);
                for row in rows {
                    out.iter_mut().zip(row).for_each(|(o, x)| *o = o.max(*x));
                }
            }
        }
    }
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let root = path.canonicalize().map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                format!(
                    "there is no model folder {}; name a folder with {}",
                    path.display(),
                    PARTS.join(", ")
                ),
            )
            .with_file(path)
            .with_source(e),
            _ => Error::io("cannot open the model folder", path, e),
        })?;
        if !root.is_dir() {
            return Err(Error::invalid(format!(
                "{} is a file; a model is a folder with {}",
                path.display(),
                PARTS.join(", ")
            ))
            .with_file(path));
        }
        let mut folder = Self {
            name: name(&root),
            transformer: root.clone(),
            pooling: Pooling::Mean,
            dense: Vec::new(),
            normalizes: false,
            lowercase: false,
            max_tokens: None,
            document_prompt: String::new(),
            query_prompt: String::new(),
        };
        let list = root.join("modules.json");
        let modules: Vec<Module> = optional(&list)?.unwrap_or_default();
        for (i, module) in modules.iter().enumerate() {
            let kind = module.kind.rsplit('.').next().unwrap_or_default();
            let at = inside(&root, &module.path, &list)?;
            match kind {
                "Transformer" if i == 0 => folder.transformer = at,
                "Pooling" if i == 1 => folder.pooling = pooling(&at.join("config.json"))?,
                "Dense" if i >= 2 && !folder.normalizes => folder.dense.push(at),
                "Normalize" if i >= 2 => folder.normalizes = true,
                _ => {
                    return Err(unsupported(
                        &list,
                        format!(
                            "stage {i} is \"{kind}\"; a Transformer, then Pooling, then perhaps \
                             Dense layers and Normalize can be run"
                        ),
                    ));
                }
            }
        }
        whole(&folder.transformer)?;
        folder.read_lengths()?;
        folder.read_prompts(&root.join("config_sentence_transformers.json"))?;
        Ok(folder)
    }

    /// What is put before a text.
    pub(super) fn prompt(&self, kind: TextKind) -> &str {
        match kind {
            TextKind::Document => &self.document_prompt,
            TextKind::Query => &self.query_prompt,
        }
    }

    /// Adds everything here that decides the vectors.
    pub(super) fn fingerprint(&self, hash: &mut Fingerprint) {
        hash.word(self.pooling as u64);
        hash.word(u64::from(self.normalizes) << 1 | u64::from(self.lowercase));
        hash.bytes(self.document_prompt.as_bytes());
        hash.bytes(self.query_prompt.as_bytes());
    }

    fn read_lengths(&mut self) -> Result<()> {
        let path = self.transformer.join("sentence_bert_config.json");
        let sentence: SentenceSettings = optional(&path)?.unwrap_or_default();
        self.lowercase = sentence.do_lower_case;
        let own = match &sentence.max_seq_length {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64().filter(|n| *n > 0) {
                Some(n) => usize::try_from(n).ok(),
                None => {
                    return Err(wrong(
                        &path,
                        "max_seq_length",
                        "a whole number above 0",
                        value,
                    ));
                }
            },
        };
        let path = self.transformer.join("tokenizer_config.json");
        let tokenizer: TokenizerSettings = optional(&path)?.unwrap_or_default();
        let limit = match &tokenizer.model_max_length {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_f64() {
                // "No limit" is written as 1e30.
                Some(n) => Some(n as usize).filter(|_| (1.0..1e9).contains(&n)),
                None => return Err(wrong(&path, "model_max_length", "a number", value)),
            },
        };
        self.max_tokens = own.or(limit);
        Ok(())
    }

    /// The names that sentence-transformers looks for, in its order.
    fn read_prompts(&mut self, path: &Path) -> Result<()> {
        let settings: Prompts = optional(path)?.unwrap_or_default();
        let named = |name: &str| settings.prompts.get(name).cloned();
        let fallback = match &settings.default_prompt_name {
            None => String::new(),
            Some(name) => named(name).ok_or_else(|| {
                Error::invalid(format!(
                    "{}: default_prompt_name is \"{name}\", and no prompt is called that",
                    path.display()
                ))
                .with_file(path)
            })?,
        };
        self.query_prompt = named("query").unwrap_or_else(|| fallback.clone());
        self.document_prompt = ["document", "passage", "corpus"]
            .into_iter()
            .find_map(named)
            .unwrap_or(fallback);
        Ok(())
    }
}

/// The folder's name; in the cache of Hugging Face's client, where a folder is called by a hash
/// (`models--owner--name/snapshots/hash`), the last part of the model's id.
fn name(root: &Path) -> String {
    let called = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let cached = || {
        let snapshots = root.parent().filter(|p| p.ends_with("snapshots"))?;
        let id = called(snapshots.parent()?)?;
        let name = id.strip_prefix("models--")?.rsplit("--").next()?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    cached()
        .or_else(|| called(root))
        .unwrap_or_else(|| "model".into())
}

fn pooling(path: &Path) -> Result<Pooling> {
    let settings: BTreeMap<String, Value> = required(path)?;
    if settings.get("include_prompt") == Some(&false.into()) {
        return Err(unsupported(path, "prompts left out of pooling".into()));
    }
    let mut modes: Vec<&str> = settings
        .iter()
        .filter(|(_, value)| **value == Value::Bool(true))
        .filter_map(|(name, _)| name.strip_prefix("pooling_mode_"))
        .collect();
    if let Some(mode) = settings.get("pooling_mode").and_then(|m| m.as_str()) {
        modes.push(mode);
    }
    match modes[..] {
        ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["cls_token" | "cls"] => Ok(Pooling::Cls),
        ["max_tokens" | "max"] => Ok(Pooling::Max),
        ["lasttoken"] => Ok(Pooling::LastToken),
        _ => Err(unsupported(
            path,
            match modes[..] {
                [] => "no pooling is chosen; one of mean, cls, max and lasttoken can be run".into(),
                _ => format!(
                    "pooling by \"{}\"; one of mean, cls, max and lasttoken can be run",
                    modes.join(", ")
                ),
            },
        )),
    }
}

/// A module's folder, which must lie in the model's.
fn inside(root: &Path, relative: &str, list: &Path) -> Result<PathBuf> {
    let normal = Path::new(relative)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !normal {
        return Err(Error::invalid(format!(
            "{}: \"{relative}\" leads out of the model folder",
            list.display()
        ))
        .with_file(list));
    }
    Ok(root.join(relative))
}

pub(super) fn unsupported(path: &Path, message: String) -> Error {
    let message = format!("{}: {message}", path.display());
    Error::new(ErrorKind::Unsupported, message).with_file(path)
}
