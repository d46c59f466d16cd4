//! Templates: text with fields in braces, filled in one pass.
//!
//! A template is cut into paragraphs and pieces once, when it is added. What is filled in is never looked at
//! again, so that nothing in a passage or a question can name a field.

use crate::error::{Error, ErrorKind, Result};

/// Bytes that a template may have: 1 MiB.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Characters that a field's name may have.
const MAX_FIELD: usize = 64;

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// A field, and where its brace stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Text between blank lines, with the blank lines behind it.
#[derive(Clone, Debug, PartialEq, Default)]
struct Paragraph {
    pieces: Vec<Piece>,
    gap: String,
}

/// A template, ready to be filled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    paragraphs: Vec<Paragraph>,
}

/// A stretch of a filled template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Filled<'a> {
    Text(&'a str),
    /// The value of the field of that name.
    Value(&'a str, &'a str),
}

impl Template {
    /// Reads a template; `what` names it in messages.
    pub(crate) fn parse(text: &str, what: &str) -> Result<Self> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(Error::invalid(format!(
                "{what} has {} bytes, at most {MAX_TEMPLATE_BYTES} are accepted; give long texts as passages",
                text.len()
            )));
        }
        let mut reader = Reader::new(text, what);
        while reader.step()? {}
        Ok(Self {
            paragraphs: reader.finish(),
        })
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let pieces = self.paragraphs.iter().flat_map(|p| &p.pieces);
        pieces.filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Text(_) => None,
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields().any(|field| field.name == name)
    }

    /// Hands out the filled template piece by piece, without what is blank at its ends. A paragraph that has
    /// fields, all of them empty, is left out.
    ///
    /// `value` gives each field's value; it may fail.
    pub(crate) fn fill<'a>(
        &'a self,
        value: impl Fn(&'a Field) -> Result<&'a str>,
        mut each: impl FnMut(Filled<'a>),
    ) -> Result<()> {
        let mut gap = "";
        for paragraph in &self.paragraphs {
            let (mut fields, mut full) = (0, 0);
            let mut filled = Vec::with_capacity(paragraph.pieces.len());
            for piece in &paragraph.pieces {
                filled.push(match piece {
                    Piece::Text(text) => Filled::Text(text),
                    Piece::Field(field) => {
                        let value = value(field)?;
                        fields += 1;
                        full += usize::from(!value.is_empty());
                        Filled::Value(&field.name, value)
                    }
                });
            }
            if fields > 0 && full == 0 || filled.is_empty() {
                continue;
            }
            if !gap.is_empty() {
                each(Filled::Text(gap));
            }
            filled.into_iter().for_each(&mut each);
            gap = &paragraph.gap;
        }
        Ok(())
    }
}

struct Reader<'a> {
    text: &'a str,
    what: &'a str,
    at: usize,
    line: usize,
    /// Where the line begins, in bytes.
    begins: usize,
    open: Paragraph,
    literal: String,
    done: Vec<Paragraph>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, what: &'a str) -> Self {
        Self {
            text: text.trim_matches(['\n', '\r']),
            what,
            at: 0,
            line: 1,
            begins: 0,
            open: Paragraph::default(),
            literal: String::new(),
            done: Vec::new(),
        }
    }

    /// Reads one piece; false at the end.
    fn step(&mut self) -> Result<bool> {
        let rest = &self.text[self.at..];
        let Some(next) = rest.find(['{', '}', '\n']) else {
            self.literal.push_str(rest);
            return Ok(false);
        };
        self.literal.push_str(&rest[..next]);
        self.at += next;
        let rest = &rest[next..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            self.literal.push_str(&rest[..1]);
            self.at += 2;
        } else if rest.starts_with('{') {
            self.field()?;
        } else if rest.starts_with('}') {
            return Err(self.wrong("has a \"}\" that closes nothing", "write }} for a brace"));
        } else {
            self.lines();
        }
        Ok(true)
    }

    fn field(&mut self) -> Result<()> {
        let inside = &self.text[self.at + 1..];
        let end = inside.find(['{', '}', '\n']);
        let Some(name) = end
            .filter(|end| inside[*end..].starts_with('}'))
            .map(|end| &inside[..end])
        else {
            return Err(self.wrong(
                "has a \"{\" that is not closed in its line",
                "close the field with }, or write {{ for a brace",
            ));
        };
        if !is_name(name) {
            let shown: String = name.chars().take(MAX_FIELD).collect();
            return Err(self.wrong(
                &format!("has the field {{{shown}}}, which is no name"),
                "name a field by letters, digits and _, beginning with a letter, or write {{ and }} for braces",
            ));
        }
        let column = self.text[self.begins..self.at].chars().count() + 1;
        self.close_literal();
        self.open.pieces.push(Piece::Field(Field {
            name: name.to_owned(),
            line: self.line,
            column,
        }));
        self.at += name.len() + 2;
        Ok(())
    }

    /// At a line end: takes it and all blank lines behind it.
    fn lines(&mut self) {
        let rest = &self.text[self.at..];
        // Blank lines may hold spaces; the indentation of the line after them is its own.
        let blank = &rest[..rest.len() - rest.trim_start().len()];
        let blank = &blank[..=blank.rfind('\n').unwrap_or(0)];
        let ends = blank.matches('\n').count();
        self.at += blank.len();
        self.line += ends;
        self.begins = self.at;
        if ends < 2 {
            self.literal.push_str(blank);
            return;
        }
        self.close_literal();
        let mut paragraph = std::mem::take(&mut self.open);
        paragraph.gap = blank.to_owned();
        self.done.push(paragraph);
    }

    fn close_literal(&mut self) {
        if !self.literal.is_empty() {
            let text = std::mem::take(&mut self.literal);
            self.open.pieces.push(Piece::Text(text));
        }
    }

    fn finish(mut self) -> Vec<Paragraph> {
        self.close_literal();
        self.done.push(self.open);
        self.done
    }

    fn wrong(&self, found: &str, advice: &str) -> Error {
        let column = self.text[self.begins..self.at].chars().count() + 1;
        Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "{} {found}, at line {}, column {column}; {advice}",
                self.what, self.line
            ),
        )
    }
}

/// Whether a field may have that name.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= MAX_FIELD
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, values: &[(&str, &str)]) -> String {
        let template = Template::parse(template, "the template").unwrap();
        let mut out = String::new();
        let value = |field: &Field| {
            let found = values.iter().find(|(name, _)| *name == field.name);
            Ok(found.map_or("", |(_, value)| *value))
        };
        template
            .fill(value, |piece| match piece {
                Filled::Text(text) | Filled::Value(_, text) => out.push_str(text),
            })
            .unwrap();
        out
    }

    #[test]
    fn one_pass_and_no_more() {
        let got = filled(
            "{a} and {{a}} and {b}.",
            &[("a", "{b} {{b}} }"), ("b", "{a}")],
        );
        assert_eq!(got, "{b} {{b}} } and {a} and {a}.");
    }

    #[test]
    fn paragraphs_without_a_value_are_left_out() {
        let text = "Head\n\nKnown:\n{a}\n \n\nBoth {a} {b}\n\n{a}\n\nTail: {c}";
        assert_eq!(
            filled(text, &[("b", "B"), ("c", "C")]),
            "Head\n\nBoth  B\n\nTail: C"
        );
        assert_eq!(filled("{a}\n\nx\n\n{b}", &[]), "x");
        assert_eq!(filled("\n\n  x\ny\n", &[]), "  x\ny");
        assert_eq!(filled("", &[]), "");
    }

    #[test]
    fn what_is_wrong_is_named_and_placed() {
        for (text, want) in [
            (
                "a\n b {c",
                "the template has a \"{\" that is not closed in its line, at line 2, column 4; close \
                the field with }, or write {{ for a brace",
            ),
            (
                "{a\n}",
                "the template has a \"{\" that is not closed in its line, at line 1, column 1; close \
                the field with }, or write {{ for a brace",
            ),
            (
                "é }",
                "the template has a \"}\" that closes nothing, at line 1, column 3; write }} for a brace",
            ),
            (
                "{}",
                "the template has the field {}, which is no name, at line 1, column 1; name a field by \
                letters, digits and _, beginning with a letter, or write {{ and }} for braces",
            ),
        ] {
            assert_eq!(
                Template::parse(text, "the template")
                    .unwrap_err()
                    .to_string(),
                want
            );
        }
        for bad in ["{a b}", "{1}", "{a.b}", "{{a}", "{a{b}}", "{é}"] {
            assert!(Template::parse(bad, "the template").is_err(), "{bad}");
        }
        assert!(Template::parse(&"x".repeat(MAX_TEMPLATE_BYTES + 1), "it").is_err());
    }
}
