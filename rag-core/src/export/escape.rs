//! How a text becomes a part of each syntax. Every function is linear in its text and takes any text.

/// What stands in place of a character that a format cannot hold or nobody can see.
const REPLACEMENT: char = '\u{fffd}';

/// Whether a character turns the direction of what follows: embeddings, overrides and isolates (UAX #9).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text as people are shown it: line ends are `\n`, control characters are replaced, direction stays as it is.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\n' if before == '\r' => {}
            '\r' => out.push('\n'),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push(REPLACEMENT),
            c if turns(c) => {}
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// The same in one line, white space made one space.
pub(super) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // White space before anything is replaced: vertical tabs and U+2028 end lines for some readers.
    for word in text.split_whitespace() {
        let word = clean(word);
        if !out.is_empty() && !word.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

/// The paragraphs of a text, and the lines of each, without blank ones.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = vec![Vec::new()];
    for each in clean(text).split('\n') {
        let each = line(each);
        let Some(last) = found.last_mut() else {
            continue;
        };
        match each.is_empty() {
            true if last.is_empty() => {}
            true => found.push(Vec::new()),
            false => last.push(each),
        }
    }
    found.retain(|lines| !lines.is_empty());
    found
}

/// One line of CommonMark, which shows as the text that it is given.
pub(super) fn markdown(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    // What begins a list or underlines a heading does so at the start of a line only, a number behind digits.
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    for (at, c) in text.char_indices() {
        let special = matches!(
            c,
            '\\' | '`'
                | '*'
                | '_'
                | '{'
                | '}'
                | '['
                | ']'
                | '<'
                | '>'
                | '#'
                | '|'
                | '~'
                | '&'
                | '$'
                | '^'
        );
        let begins = at == 0 && matches!(c, '+' | '-' | '=' | ':');
        let numbers = digits > 0 && at == digits && matches!(c, '.' | ')');
        let numbers = numbers && !text[at + 1..].starts_with(|c| c != ' ');
        if special || begins || numbers {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// HTML, in elements and in quoted attributes.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in clean(text).chars() {
        push_entity(&mut out, c);
    }
    out
}

fn push_entity(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

/// XML 1.0, in elements and in quoted attributes; what the standard forbids is replaced. Line ends and tabs are
/// written as numbers, which no reader normalises.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(REPLACEMENT),
            c => push_entity(&mut out, c),
        }
    }
    out
}

/// One line of LaTeX text.
pub(super) fn latex(text: &str) -> String {
    tex(text, ["\\{", "\\}"])
}

/// The value of a BibTeX field between braces, in one line. BibTeX counts braces, escaped or not.
pub(super) fn bibtex(text: &str) -> String {
    tex(text, ["\\textbraceleft{}", "\\textbraceright{}"])
}

fn tex(text: &str, braces: [&str; 2]) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' => out.push_str(braces[0]),
            '}' => out.push_str(braces[1]),
            '$' | '&' | '#' | '_' | '%' => {
                out.push('\\');
                out.push(c);
            }
            // In braces they begin and end no argument.
            '[' => out.push_str("{[}"),
            ']' => out.push_str("{]}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("\\textquotedbl{}"),
            '`' => out.push_str("\\textasciigrave{}"),
            // Two of these would become one dash, quotation mark or letter.
            '-' | '\'' | ',' if before == c => {
                out.push_str("{}");
                out.push(c);
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// A field of CSV (RFC 4180), in quotes where they are needed. Control characters are replaced, line ends kept.
pub(super) fn csv(text: &str, guard: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let formula = text.trim_start().starts_with([
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    if guard && (formula || text.starts_with(['\t', '\r'])) {
        out.push('\'');
    }
    let mut quoted = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\"\""),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() => out.push(REPLACEMENT),
            c => out.push(c),
        }
        quoted |= matches!(c, '"' | ',' | ';' | '\t' | '\n' | '\r');
    }
    match quoted {
        true => format!("\"{out}\""),
        false => out,
    }
}

/// The inside of a JSON string.
pub(super) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// JSON that stands in an element of HTML: nothing in it can end the element or begin a comment.
pub(super) fn json_in_html(json: &str) -> String {
    numbered(json, |c| matches!(c, '<' | '>' | '&'))
}

/// JSON in one line, for readers that take any line end of Unicode for one.
pub(super) fn json_line(json: &str) -> String {
    numbered(json, |_| false)
}

/// JSON with some characters as numbers: those, control characters and line ends. Outside of strings JSON has none of
/// them but `\n`, which stays.
fn numbered(json: &str, also: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        let ends = matches!(c, '\u{2028}' | '\u{2029}');
        match ends || also(c) || c.is_control() && c != '\n' {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

/// An address for a field that is taken word for word: what could end it is percent-encoded.
pub(super) fn address(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in line(text).chars() {
        match c {
            '{' | '}' | '\\' | '"' | '<' | '>' | '^' | '`' | '|' => {
                out.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c if c.is_whitespace() => out.push_str("%20"),
            c => out.push(c),
        }
    }
    out
}
