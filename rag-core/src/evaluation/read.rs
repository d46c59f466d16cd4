//! Judgements and runs from the files of TREC and BEIR.

use super::judged::check_grade;
use super::{Qrels, Run};
use crate::error::{Error, Result};
use crate::file;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The most bytes of a file of judgements or of a run.
const MAX_BYTES: u64 = 8 << 30;

impl Qrels<'_> {
    /// Reads judgements in either layout; the first line decides:
    /// - BEIR: three columns parted by tabs, `query document grade`, with or without a header line;
    /// - TREC: four columns parted by blanks, `query iteration document grade`.
    ///
    /// `InvalidArgument` names the file and the line of what cannot be read: a line of another
    /// number of columns, a grade that is no number, a document that is judged twice.
    pub fn read(path: impl AsRef<Path>) -> Result<Qrels<'static>> {
        let path = path.as_ref();
        let text = text(path)?;
        let table = qrels(&text).map_err(|e| e.context(path.display()).with_file(path))?;
        let mut owned = Qrels::new();
        for (query, rows) in table {
            owned.add(
                query.to_owned(),
                rows.into_iter().map(|(d, g)| (d.to_owned(), g)),
            )?;
        }
        Ok(owned)
    }

    /// As [`Qrels::read`], from a text that is borrowed.
    ///
    /// ```
    /// use rag_core::evaluation::Qrels;
    /// let qrels = Qrels::parse("query-id\tcorpus-id\tscore\nq1\td7\t2\n")?;
    /// assert_eq!(qrels.judgements("q1").unwrap(), [("d7".into(), 2.0)]);
    /// let error = Qrels::parse("q1 0 d7 2\nq1 0 d7 1\n").unwrap_err();
    /// assert!(error.message().starts_with("line 2: "));
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Qrels<'_>> {
        let mut borrowed = Qrels::new();
        for (query, rows) in qrels(text)? {
            borrowed.add(query, rows)?;
        }
        Ok(borrowed)
    }
}

impl Run<'_> {
    /// Reads a run as TREC has it: six columns parted by blanks, `query Q0 document rank score
    /// tag`. Scores decide the order, whatever the ranks say; equal ones keep the file's order.
    ///
    /// `InvalidArgument` names the file and the line of what cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Run<'static>> {
        let path = path.as_ref();
        let text = text(path)?;
        let table = run(&text).map_err(|e| e.context(path.display()).with_file(path))?;
        let mut owned = Run::new();
        for (query, rows) in table {
            owned.add_scores(
                query.to_owned(),
                rows.into_iter().map(|(d, s)| (d.to_owned(), s)),
            )?;
        }
        Ok(owned)
    }

    /// As [`Run::read`], from a text that is borrowed.
    pub fn parse(text: &str) -> Result<Run<'_>> {
        let mut borrowed = Run::new();
        for (query, rows) in run(text)? {
            borrowed.add_scores(query, rows)?;
        }
        Ok(borrowed)
    }
}

/// Queries in the order of their first line, each with its documents and numbers.
type Rows<'t> = Vec<(&'t str, Vec<(&'t str, f64)>)>;

fn text(path: &Path) -> Result<String> {
    let bytes = file::read(path, MAX_BYTES)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        Error::invalid(format!("{}: line {line}: not UTF-8", path.display())).with_file(path)
    })
}

fn qrels(text: &str) -> Result<Rows<'_>> {
    let mut all = lines(text).peekable();
    let Some(&(first, line)) = all.peek() else {
        return Grouped::default().finish("judgements");
    };
    let beir = line.split('\t').count() == 3;
    if !beir && line.split_whitespace().count() != 4 {
        return Err(Error::invalid(format!(
            "line {first}: judgements have three columns parted by tabs (query, document, grade) \
             or four parted by blanks (query, iteration, document, grade), got \"{}\"",
            short(line)
        )));
    }
    if beir
        && line
            .split('\t')
            .next_back()
            .is_some_and(|g| g.trim().parse::<f64>().is_err())
    {
        all.next();
    }
    let mut rows = Grouped::default();
    for (number, line) in all {
        let (query, document, grade) = if beir {
            let [query, document, grade] = columns(line.split('\t'), line, number)?;
            (query, document, grade)
        } else {
            let [query, _, document, grade] = columns(line.split_whitespace(), line, number)?;
            (query, document, grade)
        };
        let parsed = real(grade, "a grade", number)?;
        check_grade(parsed).map_err(|e| e.context(format_args!("line {number}")))?;
        rows.push(query, document, parsed, number)?;
    }
    rows.finish("judgements")
}

fn run(text: &str) -> Result<Rows<'_>> {
    let mut rows = Grouped::default();
    for (number, line) in lines(text) {
        let [query, _, document, _, score, _] = columns(line.split_whitespace(), line, number)?;
        rows.push(query, document, real(score, "a score", number)?, number)?;
    }
    rows.finish("hits")
}

/// Lines that are not blank, with their numbers from 1; a byte order mark is no part of a name.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let numbered = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    numbered.filter(|(_, line)| !line.trim().is_empty())
}

fn columns<'t, const N: usize>(
    columns: impl Iterator<Item = &'t str> + Clone,
    line: &str,
    number: usize,
) -> Result<[&'t str; N]> {
    let mut found = [""; N];
    let count = columns.clone().count();
    if count != N {
        return Err(Error::invalid(format!(
            "line {number}: {N} columns expected, got {count} in \"{}\"",
            short(line)
        )));
    }
    for (place, column) in found.iter_mut().zip(columns) {
        *place = column.trim();
    }
    Ok(found)
}

fn real(text: &str, what: &str, number: usize) -> Result<f64> {
    let parsed = text.parse::<f64>().ok().filter(|x| !x.is_nan());
    parsed.ok_or_else(|| {
        Error::invalid(format!(
            "line {number}: {what} must be a number, got \"{}\"",
            short(text)
        ))
    })
}

/// As much of a line as a message needs.
fn short(line: &str) -> String {
    let mut shown: String = line.chars().take(60).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

/// Rows by query; a query may come back after others.
#[derive(Default)]
struct Grouped<'t> {
    rows: Rows<'t>,
    places: HashMap<&'t str, usize>,
    seen: HashSet<(&'t str, &'t str)>,
}

impl<'t> Grouped<'t> {
    fn push(&mut self, query: &'t str, document: &'t str, value: f64, number: usize) -> Result<()> {
        if !self.seen.insert((query, document)) {
            return Err(Error::invalid(format!(
                "line {number}: query \"{}\" has document \"{}\" a second time",
                short(query),
                short(document)
            )));
        }
        let next = self.rows.len();
        let at = *self.places.entry(query).or_insert(next);
        if at == next {
            self.rows.push((query, Vec::new()));
        }
        self.rows[at].1.push((document, value));
        Ok(())
    }

    fn finish(self, what: &str) -> Result<Rows<'t>> {
        match self.rows.is_empty() {
            false => Ok(self.rows),
            true => Err(Error::invalid(format!("there are no {what} in it"))),
        }
    }
}
