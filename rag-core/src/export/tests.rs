use super::*;
use crate::answer::Passage;
use proptest::prelude::*;
use serde_json::json;

/// Texts that end what they stand in, in one syntax or another.
const HOSTILE: [&str; 14] = [
    "</script><script>alert(1)</script><!--",
    "\"><img src=x onerror=alert(1)>' & <b>",
    "# heading\n- item\n1. one\n> quote\n```\ncode\n***",
    "[link](javascript:x) ![i](y) <a@b.c> `code` | cell | ~~no~~",
    "=cmd|' /C calc'!A0",
    "\"quoted\", and\r\nnext; line",
    "}\n@book{evil, title={x}}\n{",
    "\\input{/etc/passwd} $x$ % comment\n\\end{document} ~^_&#",
    "x\r\nER  - \r\nTY  - JOUR",
    "]]> <?pi?> <!DOCTYPE x> &amp; \u{0}\u{b}\u{1f}\u{7f}\u{85}\u{fffe}\u{ffff}",
    "\u{202e}abc\u{2066}def\u{2069}",
    "a\u{2028}b\u{2029}c\u{c}d",
    "{text} {{x}} {",
    "é\u{301} \u{1f642} \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
];

fn passage(id: &str, text: &str, metadata: serde_json::Value) -> Passage {
    serde_json::from_value(json!({
        "id": id, "document": id, "start": 0, "end": text.len(), "text": text, "metadata": metadata,
        "score": 0.1f32, "tokens": 3, "merged": [id],
    }))
    .unwrap()
}

/// An answer that has `hostile` wherever a text can stand.
fn answer(hostile: &str) -> Answer {
    let fields = json!({
        "title": hostile, "author": [hostile, "Doe, Jane"], "year": "1999", "url": hostile, "doi": hostile,
        "journal": hostile, "type": hostile, "pages": "1-9", format!("k{hostile}"): hostile, "_passage": {"index": 0},
    });
    serde_json::from_value(json!({
        "id": hostile, "question": hostile, "text": hostile,
        "citations": [
            {"passage": hostile, "document": hostile, "answer": [0, hostile.len()], "source": [0, hostile.len()],
             "support": 0.5},
            {"passage": "gone", "document": "gone", "answer": [0, 0], "source": [3, 9], "support": 0.0},
        ],
        "markers": [{"kind": "pro_tip", "text": hostile, "at": 0}],
        "passages": [passage(hostile, hostile, fields), passage("uncited", "Not cited.", json!({}))],
        "decision": {"generator": hostile, "strategy": hostile, "expected": {"cost": 0.25}},
        "model": hostile, "finish": "stop",
        "usage": {"input_tokens": 3, "output_tokens": 4, "estimated": true}, "cost": 0.1,
        "timings": [{"name": hostile, "seconds": 0.1}], "cached": false, "at": 1.5, "user": hostile,
        "scenario": hostile, "dials": {"trust": -0.3},
    }))
    .unwrap()
}

fn written(answer: &Answer, format: Format) -> String {
    export(
        std::slice::from_ref(answer),
        format,
        &ExportOptions::default(),
    )
    .unwrap()
}

fn with_template() -> ExportOptions {
    ExportOptions::default().template(Some("{question}|{citations}|{sources}".into()))
}

#[test]
fn json_and_its_lines_are_read_as_they_were() {
    let answers: Vec<Answer> = HOSTILE.iter().map(|text| answer(text)).collect();
    for format in [Format::Json, Format::Jsonl] {
        let file = export(&answers, format, &ExportOptions::default()).unwrap();
        assert_eq!(import_json(&file).unwrap(), answers);
    }
    let lines = export(&answers, Format::Jsonl, &ExportOptions::default()).unwrap();
    assert!(
        !lines.contains(&LINE_ENDS[2..]),
        "a line ends where an answer does"
    );
    let list = serde_json::to_string(&answers).unwrap();
    assert_eq!(import_json(&list).unwrap(), answers);
    assert_eq!(import_json(" ").unwrap(), []);
}

#[test]
fn offsets_in_code_points_become_bytes() {
    for text in HOSTILE {
        let mut one = answer(text);
        one.citations.truncate(1);
        let counted = one.in_code_points().unwrap();
        assert_eq!(counted.in_bytes().unwrap(), one);
        let json = counted.to_json().to_string();
        let options = ExportOptions::default();
        let file = export_json(
            &json,
            Format::Json,
            &options,
            crate::answer::Offsets::CodePoints,
        );
        assert_eq!(import_json(&file.unwrap()).unwrap(), [one]);
    }
    let mut beyond = answer("é");
    beyond.citations[0].answer = [0, 2];
    assert!(beyond.in_bytes().is_err());
}

#[test]
fn what_cannot_be_read_is_told_without_showing_it() {
    let mut broken = answer("canary");
    broken.citations[0].answer = [3, 99];
    let beyond = serde_json::to_string(&broken).unwrap();
    for (text, want) in [
        (
            "{\"id\": \"canary\"}",
            "answer 0 cannot be read: missing field `question`",
        ),
        (
            "[[\"canary\"]]",
            "answer 0 cannot be read: a value of another type",
        ),
        ("\"canary\"", "answer 0 cannot be read"),
        ("{\"id\": canary", "no JSON, at line 1"),
        ("{\"format\": \"canary\"}", "not of version 1 of its format"),
        (
            "{\"format\": \"ragcore.answers\", \"version\": 1, \"answers\": 7}",
            "has no list \"answers\"",
        ),
        (
            &beyond,
            "answer 0: a citation is from 3 to 99 of an answer of 6 bytes",
        ),
    ] {
        let said = import_json(text).unwrap_err().to_string();
        assert!(said.contains(want) && !said.contains("canary"), "{said}");
    }
}

#[test]
fn every_format_takes_every_text_everywhere() {
    for text in HOSTILE {
        for format in Format::ALL {
            let file = export(&[answer(text)], *format, &with_template()).unwrap();
            assert!(!file.is_empty());
        }
    }
}

#[test]
fn a_million_bytes_and_a_thousand_citations_of_them_are_no_trouble() {
    let text = HOSTILE
        .concat()
        .repeat(1 + 1_000_000 / HOSTILE.concat().len());
    let mut large = answer("x");
    large.text = text.clone();
    large.passages[0] = passage("x", &text, json!({"title": text}));
    large.citations = vec![large.citations[0].clone(); 1000];
    for (i, citation) in large.citations.iter_mut().enumerate() {
        citation.answer = [i, i + 1];
        citation.source = [0, 8];
    }
    large
        .citations
        .retain(|c| text.get(c.answer[0]..c.answer[1]).is_some());
    for format in Format::ALL {
        let file = export(&[large.clone()], *format, &with_template()).unwrap();
        assert!(file.len() < 60 << 20, "{}", format.name());
    }
}

#[test]
fn an_answer_that_does_not_fit_itself_is_refused() {
    type Spoil = fn(&mut Answer);
    let cases: [(Spoil, &str); 5] = [
        (
            |a| a.citations[0].answer = [1, 0],
            "answer 0: a citation is from 1 to 0",
        ),
        (
            |a| a.citations[0].source = [0, 5],
            "of a passage of 4 bytes",
        ),
        (
            |a| a.citations[0].answer = [0, 1],
            "give bytes on character boundaries",
        ),
        (|a| a.cost = f64::NAN, "one of its numbers is NaN"),
        (
            |a| a.passages[1].score = f32::INFINITY,
            "one of its numbers is inf",
        ),
    ];
    for (spoil, want) in cases {
        let mut spoilt = answer("éé");
        spoil(&mut spoilt);
        for format in Format::ALL {
            let said = export(&[spoilt.clone()], *format, &with_template()).unwrap_err();
            assert!(said.to_string().contains(want), "{said}");
        }
    }
}

#[test]
fn a_history_may_have_dropped_the_texts() {
    let mut short = answer("a text");
    short.passages[0].text = "".into();
    for format in Format::ALL {
        assert!(export(&[short.clone()], *format, &with_template()).is_ok());
    }
}

#[test]
fn formats_and_fields_that_there_are_not_are_named_with_those_that_there_are() {
    let said = Format::parse("format", "docx").unwrap_err().to_string();
    assert!(
        said.contains("\"markdown\", \"json\"") && said.contains("\"docx\""),
        "{said}"
    );
    let ask = |options: ExportOptions| {
        let answers = [answer("x")];
        export(&answers, Format::Template, &options)
            .unwrap_err()
            .to_string()
    };
    assert!(ask(ExportOptions::default()).contains("give the option template"));
    let said = ask(ExportOptions::default().template(Some("a\n{quesion}".into())));
    assert!(
        said.contains("{quesion} at line 2, column 1; there are number, id, question"),
        "{said}"
    );
    let said = ask(with_template().source_template("{title}".into()));
    assert!(
        said.contains("the source template") && said.contains("meta_NAME"),
        "{said}"
    );
}

#[test]
fn templates_are_filled_once_and_escaped_for_what_is_wanted() {
    let options = ExportOptions::default()
        .template(Some(
            "Q: {question}\n\n{citations}\n\n{sources}\n\n{date}".into(),
        ))
        .citation_template("{stretch}<-{passage} {quote}".into())
        .source_template("{number}:{meta_title}/{meta_none}".into());
    let mut one = answer("{text} <x>");
    one.citations.truncate(1);
    let got = export(
        &[one.clone(), one.clone()],
        Format::Template,
        &options.clone().separator("\n--\n".into()),
    );
    let part = "Q: {text} <x>\n\n{text} <x><-{text} <x> {text} <x>\n\n1:{text} <x>/\n\n1970-01-01T00:00:01Z";
    assert_eq!(got.unwrap(), format!("{part}\n--\n{part}"));
    let escaped = |escape: Escape| {
        let options = ExportOptions::default()
            .template(Some("{question}".into()))
            .escape(escape);
        export(&[answer("a_\"<,\n")], Format::Template, &options).unwrap()
    };
    assert_eq!(escaped(Escape::Html), "a_&quot;&lt;,\n");
    assert_eq!(escaped(Escape::Markdown), "a\\_\"\\<,");
    assert_eq!(escaped(Escape::Csv), "\"a_\"\"<,\n\"");
    assert_eq!(escaped(Escape::Json), "a_\\\"<,\\n");
    assert_eq!(escaped(Escape::Latex), "a\\_\\textquotedbl{}\\textless{},");
}

#[test]
fn only_what_is_cited_is_shown_unless_all_is_asked_for() {
    let all = ExportOptions::default().sources(Sources::All);
    let one = answer("x");
    for format in [
        Format::Markdown,
        Format::Text,
        Format::Html,
        Format::Xml,
        Format::Latex,
    ] {
        let without = ExportOptions::default().embed_json(false);
        assert!(
            !export(std::slice::from_ref(&one), format, &without)
                .unwrap()
                .contains("uncited")
        );
        assert!(
            export(std::slice::from_ref(&one), format, &all)
                .unwrap()
                .contains("uncited")
        );
    }
    // A document that is cited is in a bibliography even if its passage is gone.
    let keys = |options: &ExportOptions| {
        let file = export(std::slice::from_ref(&one), Format::Bibtex, options).unwrap();
        let lines = file.lines().filter(|line| line.starts_with('@'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(keys(&ExportOptions::default()), ["@misc{x,", "@misc{gone,"]);
    assert_eq!(keys(&all), ["@misc{x,", "@misc{gone,", "@misc{uncited,"]);
}

#[test]
fn a_bibliography_has_what_the_metadata_says() {
    let mut one = answer("x");
    one.citations.truncate(1);
    one.passages[0] = passage(
        "x",
        "Some text of it.",
        json!({
            "title": "On {Bread} & Salt", "authors": "Doe, Jane; Roe, Richard and Ann Lee", "date": "May 2001",
            "type": "Article", "journal": "J. of Dough", "volume": 7, "pages": "10-12", "doi": "10.1/a_b",
            "url": "https://x.org/a b?c={d}&e=%20",
        }),
    );
    one.citations[0].source = [0, 4];
    assert_eq!(
        written(&one, Format::Bibtex),
        "@article{x,\n  title = {On \\textbraceleft{}Bread\\textbraceright{} \\& Salt},\n  \
         author = {Doe, Jane and Roe, Richard and Ann Lee},\n  year = {2001},\n  journal = {J. of Dough},\n  \
         volume = {7},\n  pages = {10--12},\n  doi = {10.1/a_b},\n  \
         url = {https://x.org/a%20b?c=%7Bd%7D&e=%20},\n  note = {document x}\n}\n"
    );
    assert_eq!(
        written(&one, Format::Ris),
        "TY  - JOUR\r\nID  - x\r\nTI  - On {Bread} & Salt\r\nAU  - Doe, Jane\r\nAU  - Roe, Richard\r\nAU  - Ann Lee\r\n\
         PY  - 2001\r\nT2  - J. of Dough\r\nVL  - 7\r\nSP  - 10\r\nEP  - 12\r\nDO  - 10.1/a_b\r\n\
         UR  - https://x.org/a b?c={d}&e=%20\r\nN1  - document x\r\nER  - \r\n\r\n"
    );
}

#[test]
fn evidence_is_exported_as_its_passages() {
    let evidence: Evidence = serde_json::from_value(json!({
        "passages": [passage("a", "First. Passage.", json!({})), passage("b", "Second.", json!({}))],
        "strategy": "passages", "tokens": 6, "timings": [], "cached": false,
    }))
    .unwrap();
    for format in Format::ALL {
        let options = with_template().rows(Rows::Citations);
        let file = export_evidence(std::slice::from_ref(&evidence), *format, &options).unwrap();
        assert!(file.contains('b'), "{}", format.name());
    }
    let text = export_evidence(
        std::slice::from_ref(&evidence),
        Format::Text,
        &Default::default(),
    )
    .unwrap();
    assert!(
        text.contains("Evidence 1") && text.contains("First. Passage."),
        "{text}"
    );
    let json = export_evidence(&[evidence], Format::Json, &Default::default()).unwrap();
    assert!(import_json(&json).is_err());
}

#[test]
fn nothing_at_all_is_a_file_too() {
    for format in Format::ALL {
        assert!(export(&[], *format, &with_template()).is_ok());
    }
    assert_eq!(
        import_json(&export(&[], Format::Json, &with_template()).unwrap()).unwrap(),
        []
    );
}

/// The fields of the rows of CSV, by RFC 4180.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut at) = (false, text.chars().peekable());
    while let Some(c) = at.next() {
        match (c, quoted) {
            ('"', true) if at.peek() == Some(&'"') => field.extend(at.next()),
            ('"', true) => quoted = false,
            ('"', false) => {
                assert!(field.is_empty(), "a quote inside of a field");
                quoted = true;
            }
            (',', false) => row.push(std::mem::take(&mut field)),
            ('\r', false) => {
                assert_eq!(at.next(), Some('\n'));
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => field.push(c),
        }
    }
    assert!(row.is_empty() && field.is_empty() && !quoted);
    rows
}

/// What a reader of CommonMark shows of one line: backslashes before punctuation are gone.
fn shown(markdown: &str) -> String {
    let mut out = String::new();
    let mut chars = markdown.chars().peekable();
    while let Some(c) = chars.next() {
        let punctuation = chars.peek().is_some_and(char::is_ascii_punctuation);
        match c == '\\' && punctuation {
            true => out.extend(chars.next()),
            false => out.push(c),
        }
    }
    out
}

/// What readers take for the end of a line.
const LINE_ENDS: [char; 7] = [
    '\r', '\n', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
];

/// Whether XML 1.0 allows a character.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn any_text() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned);
    let marks = "[\\[\\]{}()<>#*_`|~&$%^\"'=+@.,;:!?\\\\/ \n\r\t0-9a-z-]{0,30}";
    prop_oneof![hostile, marks, "\\PC{0,30}", any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn csv_gives_every_text_back_in_its_field(text in any_text()) {
        let options = ExportOptions::default().guard_formulas(false);
        for kind in Rows::ALL {
            let file = export(&[answer(&text)], Format::Csv, &options.clone().rows(*kind)).unwrap();
            let rows = rows(&file);
            prop_assert!(rows.iter().all(|row| row.len() == rows[0].len()));
            let column = rows[0].iter().position(|name| name == "question").unwrap();
            let want: String = text
                .chars()
                .map(|c| if c.is_control() && !"\t\n\r".contains(c) { '\u{fffd}' } else { c })
                .collect();
            prop_assert_eq!(&rows[1][column], &want);
        }
    }

    #[test]
    fn no_cell_begins_a_formula(text in any_text()) {
        let file = written(&answer(&text), Format::Csv);
        for field in rows(&file).iter().skip(1).flatten() {
            prop_assert!(!field.trim_start().starts_with(['=', '@', '+', '-']), "{:?}", field);
        }
    }

    #[test]
    fn markdown_shows_a_line_as_it_is(text in any_text()) {
        let escaped = escape::markdown(&text);
        prop_assert_eq!(shown(&escaped), escape::line(&text));
        prop_assert!(!escaped.contains('\n'));
        // No mark stands alone.
        let bare = escaped.replace("\\\\", "");
        for (at, _) in bare.match_indices(['*', '_', '[', ']', '<', '`', '#', '|', '&', '>']) {
            prop_assert!(bare[..at].ends_with('\\'));
        }
    }

    #[test]
    fn html_has_no_other_elements_than_its_own(text in any_text()) {
        let page = written(&answer(&text), Format::Html);
        let plain = written(&answer("x"), Format::Html);
        let count = |page: &str, what: &str| page.matches(what).count();
        for what in ["<script", "</script", "<img", "<style", "onerror=", "<!--", "<b>"] {
            let allowed = if what == "onerror=" { count(&page, what) } else { count(&plain, what) };
            prop_assert_eq!(count(&page, what), allowed, "{}", what);
        }
        prop_assert!(!page.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    }

    #[test]
    fn xml_holds_what_the_standard_allows(text in any_text()) {
        let file = written(&answer(&text), Format::Xml);
        prop_assert_eq!(file.chars().find(|c| !is_xml(*c)), None);
        let plain = written(&answer("x"), Format::Xml);
        // As many tags, and entities only that are known.
        prop_assert_eq!(file.matches('<').count(), plain.matches('<').count());
        for (at, _) in file.match_indices('&') {
            let end = file[at..].find(';').unwrap();
            prop_assert!(["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#9;", "&#10;", "&#13;"]
                .contains(&&file[at..=at + end]));
        }
    }

    #[test]
    fn braces_of_bibtex_are_balanced_and_its_keys_differ(texts in prop::collection::vec(any_text(), 1..6)) {
        let answers: Vec<Answer> = texts.iter().map(|text| answer(text)).collect();
        let file = export(&answers, Format::Bibtex, &ExportOptions::default()).unwrap();
        let (mut depth, mut keys) = (0i64, std::collections::HashSet::new());
        for line in file.lines() {
            if depth == 0 && !line.is_empty() {
                prop_assert!(line.starts_with('@'), "{}", line);
                let key = line.split('{').nth(1).unwrap().trim_end_matches(',');
                prop_assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c)));
                prop_assert!(keys.insert(key.to_lowercase()), "{}", key);
            }
            for c in line.chars() {
                depth += i64::from(c == '{') - i64::from(c == '}');
                prop_assert!(depth >= 0);
            }
        }
        prop_assert_eq!(depth, 0);
    }

    #[test]
    fn ris_is_lines_of_tags_from_ty_to_er(text in any_text()) {
        let file = written(&answer(&text), Format::Ris);
        let mut open = false;
        for line in file.split("\r\n").filter(|line| !line.is_empty()) {
            prop_assert!(!line.contains(LINE_ENDS));
            let tag = &line[..2];
            prop_assert_eq!(&line[2..6], "  - ");
            prop_assert_eq!(open, tag != "TY");
            open = tag != "ER";
        }
        prop_assert!(!open);
    }

    #[test]
    fn latex_has_no_command_of_others(text in any_text()) {
        let file = written(&answer(&text), Format::Latex);
        // Only commands that are written here, and braces that close.
        let known = [
            "documentclass", "usepackage", "ifPDFTeX", "else", "fi", "begin", "end", "section", "subsection",
            "subsubsection", "item", "textbf", "emph", "newline", "textquotedbl", "textbackslash",
            "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textasciigrave",
        ];
        for (at, _) in file.match_indices('\\') {
            let rest = &file[at + 1..];
            let name: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
            prop_assert!(
                known.contains(&name.as_str()) || name.is_empty() && rest.starts_with(['{', '}', '$', '&', '#', '_', '%']),
                "{}", name
            );
        }
        let bare = file.replace("\\{", "").replace("\\}", "");
        let mut depth = 0i64;
        for c in bare.chars() {
            depth += i64::from(c == '{') - i64::from(c == '}');
            prop_assert!(depth >= 0);
        }
        prop_assert_eq!(depth, 0);
        prop_assert!(!bare.replace("\\%", "").contains('%'));
        prop_assert_eq!(file.matches("\\end{document}").count(), 1);
    }

    #[test]
    fn json_of_a_page_cannot_leave_its_element(text in any_text()) {
        let page = written(&answer(&text), Format::Html);
        let begin = page.find("id=\"data\">").unwrap() + "id=\"data\">".len();
        let end = begin + page[begin..].find('<').unwrap();
        prop_assert!(page[end..].starts_with("</script>"));
        prop_assert_eq!(import_json(&page[begin..end]).unwrap(), [answer(&text)]);
    }
}
