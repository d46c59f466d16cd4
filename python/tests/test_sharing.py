"""Answers as files, read by readers that others wrote; answers compared."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import html.parser
import io
import json
import pathlib
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import ragcore as rag
from ragcore import aio

FORMATS = [
    "markdown",
    "json",
    "jsonl",
    "csv",
    "html",
    "xml",
    "bibtex",
    "ris",
    "latex",
    "text",
    "template",
]

#: Texts that end what they stand in, in one syntax or another.
HOSTILE = [
    "plain",
    "</script><script>alert(1)</script><!-- ]]> &amp; &#x41;",
    "\"><img src=x onerror=alert(1)>' `x` <b>",
    '=HYPERLINK("http://x") , "quoted"\r\nnext; line',
    "}\n@book{evil, title={x}}\n{ \\end{document} $%#_^~",
    "x\r\nER  - \r\nTY  - JOUR\u2028AU  - z\x85N1  - y",
    "\x00\x01\x0b\x0c\x1f\x7f\ufffe\uffff\t\r",
    "\u202eabc\u2066def\u2069 \u05e9\u05dc\u05d5\u05dd e\u0301 \U0001f642",
    "[l](javascript:x) # h\n- i\n1. n\n> q\n***",
    "{text} {{",
    "wide " * 200_000,
]


def answer(text: str) -> rag.Answer:
    """An answer that has ``text`` wherever a text can stand."""

    def passage(id: str, text: str, metadata: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": id,
            "document": id,
            "start": 0,
            "end": len(text.encode()),
            "text": text,
            "metadata": metadata,
            "score": 0.5,
            "tokens": 3,
            "merged": [id],
        }

    metadata = {"title": text, "author": [text, "Doe, Jane"], "year": 1999, "url": text, text: text}
    return rag.Answer(
        {
            "id": text,
            "question": text,
            "text": text,
            "citations": [
                {
                    "passage": text,
                    "document": text,
                    "answer": [0, len(text)],
                    "source": [0, len(text)],
                    "support": 0.5,
                }
            ],
            "markers": [{"kind": "pro_tip", "text": text, "at": len(text)}],
            "passages": [passage(text, text, metadata), passage("other", "Not cited.", {})],
            "decision": {"generator": text, "strategy": text},
            "model": text,
            "finish": "stop",
            "usage": {"input_tokens": 3, "output_tokens": 4, "estimated": True},
            "cost": 0.1,
            "timings": [{"name": text, "seconds": 0.1}],
            "cached": False,
            "at": 1.5,
            "user": text,
            "scenario": text,
        }
    )


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text[:16]))
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def visible(text: str) -> str:
    """A text as formats for people have it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text)
    return re.sub("[\u202a-\u202e\u2066-\u2069]", "", text)


def line(text: str) -> str:
    # Python also splits at \x1c to \x1f, which Unicode does not call white space.
    words = re.split("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+", text)
    return " ".join(filter(None, map(visible, words)))


def test_json_and_its_lines_come_back(text: str) -> None:
    for name in ("json", "jsonl"):
        file = rag.export([answer(text), answer(text)], name)
        again = rag.import_json(file)
        assert [a.text for a in again] == [text, text]
        assert again[0].citations == answer(text).citations
        assert again[0].markers == answer(text).markers
    first = json.loads(rag.export(answer(text), "jsonl").splitlines()[0])
    assert first["citations"][0]["answer"] == [0, len(text.encode())], "bytes in files"


def test_csv_is_read_by_the_csv_module(text: str) -> None:
    csv.field_size_limit(1 << 24)
    file = rag.export(answer(text), "csv", guard_formulas=False)
    rows = list(csv.reader(io.StringIO(file, newline=""), strict=True))
    assert len(rows) == 2 and len(rows[0]) == len(rows[1])
    got = dict(zip(*rows, strict=True))
    assert got["question"] == re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "\ufffd", text)
    guarded = csv.reader(io.StringIO(rag.export(answer(text), "csv"), newline=""))
    cells = [cell for row in list(guarded)[1:] for cell in row]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


def test_xml_is_read_by_a_parser(text: str) -> None:
    root = ET.fromstring(rag.export(answer(text), "xml"))
    want = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)
    found = root.find("answer")
    assert found is not None
    assert (found.get("id"), found.findtext("question")) == (want, want)
    assert found.findtext("citation/quote") == want
    names = [field.get("name") for field in found.iter("field")]
    assert want in names


class Page(html.parser.HTMLParser):
    """What a page shows, and what it would load or run."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.scripts: list[dict[str, str | None]] = []
        self.held: dict[str, str] = {}
        self.attributes: set[str] = set()
        self.tags: set[str] = set()
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs))
        if tag not in self.VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.texts[tag][-1] += data


def test_html_is_read_by_a_parser_and_runs_nothing_of_others(text: str) -> None:
    file = rag.export(answer(text), "html")
    page, plain = Page(file), Page(rag.export(answer("plain"), "html"))
    assert page.tags - {"a"} == plain.tags - {"a"}
    assert page.attributes - {"href", "rel"} == plain.attributes
    assert page.texts["span"][1] == visible(text)
    assert page.texts["mark"][0] == visible(text)
    data, script = page.texts["script"]
    assert [a.text for a in rag.import_json(data)] == [text]
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}';" in file
    assert "default-src 'none'" in file and "src" not in page.attributes


def fields_of_bibtex(file: str) -> list[tuple[str, str, dict[str, str]]]:
    """Entries by the definition of the format: a value is what balanced braces hold."""
    entries = []
    at = 0
    while match := re.compile(r"\s*@(\w+)\{([^\s,{}]+),").match(file, at):
        at, fields = match.end(), {}
        while field := re.compile(r"\s*(\w+)\s*=\s*\{").match(file, at):
            at = start = field.end()
            depth = 1
            while depth:
                depth += {"{": 1, "}": -1}.get(file[at], 0)
                at += 1
            fields[field[1]] = file[start : at - 1]
            at += file[at] == ","
        closing = re.compile(r"\s*\}").match(file, at)
        assert closing, file[at : at + 40]
        at = closing.end()
        entries.append((match[1], match[2], fields))
    assert not file[at:].strip()
    return entries


def test_bibtex_is_read_by_its_definition(text: str) -> None:
    entries = fields_of_bibtex(rag.export([answer(text), answer(text), answer("plain")], "bibtex"))
    assert len(entries) == len({text, "plain"})
    assert len({key.lower() for _, key, _ in entries}) == len(entries)
    assert all(fields["year"] == "1999" for *_, fields in entries)
    assert all(len(re.split(r"\sand\s", fields["author"])) == 2 for *_, fields in entries)


def test_ris_is_read_by_its_definition(text: str) -> None:
    file = rag.export([answer(text), answer("plain")], "ris")
    records: list[list[tuple[str, str]]] = []
    for each in file.splitlines():
        if not each:
            continue
        match = re.fullmatch(r"([A-Z][A-Z0-9])  - (.*)", each)
        assert match, each
        if match[1] == "TY":
            records.append([])
        records[-1].append((match[1], match[2]))
    assert len(records) == len({text, "plain"})
    for record in records:
        tags = [tag for tag, _ in record]
        assert tags[0] == "TY" and tags[-1] == "ER" and tags.count("AU") in (1, 2)
    assert dict(records[0])["TI"] == line(text)


def test_every_format_is_written_from_every_text(text: str) -> None:
    for name in FORMATS:
        file = rag.export(answer(text), name, template="{question} {citations} {sources}")
        file.encode()
        assert "Not cited." not in file or name in ("json", "jsonl", "html")


@pytest.fixture(scope="module")
def app() -> rag.Engine:
    engine = rag.Engine(rag.open())
    metadata = [{"title": "On Bread", "author": "Doe, Jane", "year": 2001, "type": "book"}]
    engine.add_documents(
        ["Yeast eats sugar. Its gas makes the dough rise. Das ist sch\u00f6n."],
        ids=["bread"],
        metadata=metadata,
    )
    return engine


def test_an_answer_evidence_and_a_history_are_exported(
    app: rag.Engine, tmp_path: pathlib.Path
) -> None:
    one = app.ask("what makes the dough rise?", user="ann")
    path = tmp_path / "a.bib"
    file = rag.export(one, "bibtex", path)
    assert path.read_bytes().decode() == file
    kind, key, fields = fields_of_bibtex(file)[0]
    assert (kind, key, fields["title"], fields["author"]) == (
        "book",
        "bread",
        "On Bread",
        "Doe, Jane",
    )
    assert "ann" not in rag.export(one, "markdown")
    assert rag.import_json(rag.export(one, "json"))[0].to_dict() == one.to_dict()
    found = app.history().search(user="ann")
    assert "what makes the dough rise?" in rag.export(found, "text")
    evidence = app.retrieve("dough")
    assert "Yeast eats sugar." in rag.export(evidence, "markdown")
    assert rag.export([evidence, evidence], "csv").count("\r\n") == 1 + 2 * len(evidence)


def test_what_cannot_be_exported_is_told(app: rag.Engine) -> None:
    one = answer("x")
    for given in (1, "x", {"id": 1}, None):
        with pytest.raises(rag.InvalidArgument, match="an answer, evidence or a list"):
            rag.export(given, "text")  # type: ignore[arg-type]
    with pytest.raises(rag.InvalidArgument, match="answers only or evidence only, got Answer, Ev"):
        rag.export([one, app.retrieve("x")], "text")  # type: ignore[list-item]
    with pytest.raises(rag.InvalidArgument, match=r'"markdown", "json".*got "docx"'):
        rag.export(one, "docx")
    with pytest.raises(rag.InvalidArgument, match=r"unknown field \{txt\}"):
        rag.export(one, "template", template="{txt}")
    held = {
        **one.to_dict(),
        "text": "\u00e9",
        "citations": [{**one.to_dict()["citations"][0], "answer": [0, 2]}],
    }
    with pytest.raises(rag.InvalidArgument, match="offset 2 is beyond a text of 1 characters"):
        rag.export(rag.Answer(held), "text")
    with pytest.raises(rag.InvalidArgument, match="cannot be read"):
        rag.import_json("no JSON")


ONE = "\u00c4 bridge. The bridge opened in 1932. It is painted grey. Trams cross it every day."
TWO = "Trams cross the bridge every day. The bridge opened in 1923. Tickets are sold at the gate."


def test_texts_are_compared_with_offsets_in_characters() -> None:
    found = rag.compare([ONE, TWO])
    (contradiction,) = found.contradictions
    assert contradiction.kind == "numbers"
    first, second = contradiction.first, contradiction.second
    assert ONE[first.start : first.end] == "The bridge opened in 1932."
    assert TWO[second.start : second.end] == "The bridge opened in 1923."
    assert found.pairs == {(0, 1): found.agreement} and 0 < found.agreement < 1
    assert found.texts[0].groundedness is None and not found.by_vectors
    html_of = Page(found._repr_html_())
    assert "numbers" in html_of.texts["td"] and "2 texts agree" in repr(found)
    hostile = rag.compare(["<script>alert</script> said so.", "Something else entirely <b>."])
    assert Page(hostile._repr_html_()).tags <= {"p", "table", "thead", "tbody", "tr", "th", "td"}


def test_answers_are_compared_whatever_their_order(app: rag.Engine) -> None:
    embedder = rag.Embedder()
    one, two = app.ask("what makes the dough rise?"), app.ask("what does yeast eat?")
    found = rag.compare([one, two, app.retrieve("dough")], embedder=embedder)
    assert found.by_vectors and found.texts[0].groundedness == 1.0
    moved = rag.compare([two, one, app.retrieve("dough")], embedder=embedder)
    assert moved.agreement == pytest.approx(found.agreement)
    assert moved.texts == [found.texts[1], found.texts[0], found.texts[2]]
    same = rag.compare([one, one], embedder=embedder)
    assert same.agreement == 1.0 and same.unique == []


def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(rag.InvalidArgument, match="a list of texts"):
        rag.compare("text")
    with pytest.raises(rag.InvalidArgument, match="item 1 is int"):
        rag.compare(["text", 1])  # type: ignore[list-item]
    with pytest.raises(rag.InvalidArgument, match="there are 1 texts"):
        rag.compare(["text"])
    with pytest.raises(rag.InvalidArgument, match="text 1 has no words"):
        rag.compare(["text", " "])
    with pytest.raises(rag.InvalidArgument, match="more than 1 sentences"):
        rag.compare(["One.", "Two."], max_sentences=1)


def test_all_of_it_is_awaited_too() -> None:
    async def main() -> None:
        file = await aio.export(answer("x"), "json")
        assert (await aio.import_json(file))[0].text == "x"
        assert (await aio.compare([ONE, ONE])).agreement == 1.0

    asyncio.run(main())
