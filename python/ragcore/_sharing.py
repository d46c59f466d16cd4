"""Answers as files for others, and several of them held against each other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from . import _core
from ._answers import Answer, Evidence
from ._embedding import Embedder
from .errors import InvalidArgument

#: Themes and contradictions that a comparison shows of itself.
_SHOWN = 8


def export(
    given: Answer | Evidence | Iterable[Answer] | Iterable[Evidence],
    format: str,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "Answers",
    sources: str = "cited",
    full_passages: bool = False,
    details: bool = True,
    keep_markdown: bool = False,
    standalone: bool = True,
    embed_json: bool = True,
    rows: str = "answers",
    guard_formulas: bool = True,
    template: str | None = None,
    citation_template: str = '"{stretch}" [{number}]: "{quote}"',
    source_template: str = "[{number}] {document}: {text}",
    separator: str = "\n\n",
    escape: str = "none",
) -> str:
    """Writes answers, or evidence, as the text of a file.

    ``format``: ``"markdown"``, ``"json"``, ``"jsonl"``, ``"csv"``, ``"html"``, ``"xml"``,
    ``"bibtex"``, ``"ris"``, ``"latex"``, ``"text"`` or ``"template"``. With ``path`` the text is
    written there as well, in UTF-8. Every text is escaped for the format, whatever is in it. Who
    asked stands in JSON and JSONL only, which :func:`import_json` reads again. Offsets in files are
    bytes of UTF-8.

    ``sources``: ``"cited"`` or ``"all"`` passages. ``rows`` of CSV: ``"answers"``, ``"passages"``
    or ``"citations"``; ``guard_formulas`` puts a ``'`` before what a spreadsheet would run.
    ``keep_markdown`` takes the answer's text for Markdown; leave it out for answers that you do not
    trust. ``template`` has fields in braces (``{question}``, ``{text}``, ``{citations}``,
    ``{sources}``, ``{date}``, ...), ``source_template`` also ``{meta_NAME}``; ``escape`` is
    ``"none"``, ``"markdown"``, ``"html"``, ``"latex"``, ``"csv"`` or ``"json"``.

    >>> import ragcore as rag
    >>> app = rag.Engine(rag.open())
    >>> _ = app.add_documents(["Yeast eats sugar. Its gas makes the dough rise."], ids=["bread"])
    >>> answer = app.ask("what makes the dough rise?")
    >>> print(rag.export(answer, "template", template="{question}\\n{text}"))
    what makes the dough rise?
    Its gas makes the dough rise. [1]
    >>> rag.import_json(rag.export([answer, answer], "jsonl"))[1].text == answer.text
    True
    """
    written = _core.export(
        _held(given),
        format,
        title=title,
        sources=sources,
        full_passages=full_passages,
        details=details,
        keep_markdown=keep_markdown,
        standalone=standalone,
        embed_json=embed_json,
        rows=rows,
        guard_formulas=guard_formulas,
        template=template,
        citation_template=citation_template,
        source_template=source_template,
        separator=separator,
        escape=escape,
    )
    if path is not None:
        # Line ends are the format's own.
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(written)
    return written


def import_json(text: str) -> list[Answer]:
    """Answers from what :func:`export` wrote as JSON or JSONL."""
    return [Answer(held) for held in _core.import_json(text)]


def _held(given: object) -> str:
    """Answers or evidence as a list of JSON."""
    one = isinstance(given, (Answer, Evidence))
    if not one and (isinstance(given, (str, Mapping)) or not isinstance(given, Iterable)):
        raise InvalidArgument(
            f"an answer, evidence or a list of them is wanted, got {_kind(given)}"
        )
    listed = [given] if one else list(given)  # type: ignore[call-overload]
    kinds = {type(item) for item in listed}
    if len(kinds) > 1 or not kinds <= {Answer, Evidence}:
        names = ", ".join(sorted({_kind(item) for item in listed}))
        raise InvalidArgument(f"a list holds answers only or evidence only, got {names}")
    return "[" + ",".join(map(_json, listed)) + "]"


def _json(item: Answer | Evidence) -> str:
    if isinstance(item, Evidence):
        return item._inner.json()
    return json.dumps(item.to_dict(), allow_nan=False)


def _kind(item: object) -> str:
    return type(item).__name__


class Said(NamedTuple):
    """A sentence of one of the texts that were compared."""

    #: Which text, from 0.
    text: int
    #: Where it stands in its text, in characters.
    start: int
    end: int
    #: In one line, without citations.
    sentence: str


class Theme(NamedTuple):
    """Sentences that say about the same."""

    #: Its distinguishing words, the most telling first.
    terms: list[str]
    #: Which texts have a sentence in it.
    texts: list[int]
    sentences: list[Said]
    #: The mean cosine of its sentences with each other.
    cohesion: float


class Contradiction(NamedTuple):
    """Two sentences of two texts that cannot both be true, as far as words say."""

    #: ``"negation"``, ``"opposites"`` or ``"numbers"``.
    kind: str
    first: Said
    second: Said
    likeness: float


class TextMeasures(NamedTuple):
    """What one text is like by itself."""

    sentences: int
    words: int
    #: How far its passages bear it out, in 0 to 1; ``None`` without passages.
    groundedness: float | None
    coverage: float | None
    reading_ease: float
    grade: float
    #: Different words, and different pairs of words, as a share of all.
    distinct_1: float
    distinct_2: float
    #: The mean of 1 - cosine over all pairs of sentences.
    distance: float


class AnswerComparison(NamedTuple):
    """What several texts have in common, and what not: see :func:`compare`."""

    #: How far they agree, in 0 to 1.
    agreement: float
    #: The same of each pair.
    pairs: dict[tuple[int, int], float]
    #: Themes of all texts, of several and of one.
    common: list[Theme]
    shared: list[Theme]
    unique: list[Theme]
    contradictions: list[Contradiction]
    #: How many there are, those that are not listed included.
    contradiction_count: int
    texts: list[TextMeasures]
    #: Whether sentences were compared by vectors; if not, by their words.
    by_vectors: bool

    def __repr__(self) -> str:
        lines = [
            f"{len(self.texts)} texts agree by {self.agreement:.2f}; themes: {len(self.common)} "
            f"common, {len(self.shared)} shared, {len(self.unique)} unique; "
            f"{self.contradiction_count} contradictions"
        ]
        for name, themes in self._themes():
            lines += [f"  {name:<8} {who}: {terms}" for who, terms in themes]
        lines += [
            f"  {c.kind:<10} {c.first.text}: {_short(c.first.sentence)!r} / "
            f"{c.second.text}: {_short(c.second.sentence)!r}"
            for c in self.contradictions[:_SHOWN]
        ]
        return "\n".join(lines)

    def _themes(self) -> list[tuple[str, list[tuple[str, str]]]]:
        groups = (("common", self.common), ("shared", self.shared), ("unique", self.unique))
        return [
            (name, [(_listed(t.texts), _listed(t.terms)) for t in themes[:_SHOWN]])
            for name, themes in groups
        ]

    def _repr_html_(self) -> str:
        from html import escape

        def table(heads: list[str], rows: Iterable[Iterable[object]]) -> str:
            head = "".join(f"<th>{escape(name)}</th>" for name in heads)
            cells = ("".join(f"<td>{escape(_figure(value))}</td>" for value in row) for row in rows)
            body = "".join(f"<tr>{row}</tr>" for row in cells)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

        themes = [[name, *row] for name, rows in self._themes() for row in rows]
        found = [
            [c.kind, c.first.text, c.first.sentence, c.second.text, c.second.sentence]
            for c in self.contradictions[:_SHOWN]
        ]
        measures = [[i, *measured] for i, measured in enumerate(self.texts)]
        parts = [
            f"<p>{escape(repr(self).splitlines()[0])}</p>",
            table(["", "texts", "theme"], themes),
            table(["contradiction", "text", "", "text", ""], found) if found else "",
            table(["text", *TextMeasures._fields], measures),
        ]
        return "".join(parts)


def _figure(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def compare(
    texts: Iterable[Answer | Evidence | str],
    *,
    embedder: Embedder | None = None,
    threshold: float | None = None,
    terms: int = 3,
    min_overlap: float = 0.5,
    min_likeness: float = 0.3,
    max_contradictions: int = 100,
    max_sentences: int = 1000,
    language: str = "english",
) -> AnswerComparison:
    """Compares 2 to 100 answers, texts, or sets of evidence: what they share and where they differ.

    Sentences are clustered into themes: by the cosine of the ``embedder``'s vectors, or without one
    by that of their words. ``threshold`` is the mean cosine from which on two groups are one theme
    (0.6 with vectors, 0.25 without). A text agrees with a sentence if it says the same, or
    something in its theme and nothing against it. Contradictions are told by negations, opposites
    and numbers in sentences that have ``min_overlap`` of their words in common: take them for
    places to look at. An answer's groundedness is measured on its passages.

    >>> import ragcore as rag
    >>> one = "The bridge opened in 1932. It is painted grey."
    >>> other = "The bridge opened in 1923. Trams cross it every day."
    >>> rag.compare([one, other])
    2 texts agree by 0.00; themes: 1 common, 0 shared, 2 unique; 1 contradictions
      common   0, 1: bridge, opened, 1923
      unique   1: cross, every, trams
      unique   0: painted, grey
      numbers    0: 'The bridge opened in 1932.' / 1: 'The bridge opened in 1923.'
    """
    if isinstance(texts, (str, Answer, Evidence)) or not isinstance(texts, Iterable):
        raise InvalidArgument(f"a list of texts, answers or evidence is wanted, got {_kind(texts)}")
    held = []
    for i, item in enumerate(texts):
        if isinstance(item, str):
            held.append(json.dumps(item))
        elif isinstance(item, (Answer, Evidence)):
            held.append(_json(item))
        else:
            raise InvalidArgument(
                f"item {i} is {_kind(item)}; give texts, answers or evidence to compare"
            )
    found = _core.compare(
        "[" + ",".join(held) + "]",
        None if embedder is None else embedder._inner,
        threshold=threshold,
        terms=terms,
        min_overlap=min_overlap,
        min_likeness=min_likeness,
        max_contradictions=max_contradictions,
        max_sentences=max_sentences,
        language=language,
    )
    themes = {
        name: [
            Theme(t["terms"], t["texts"], [Said(**s) for s in t["sentences"]], t["cohesion"])
            for t in found[name]
        ]
        for name in ("common", "shared", "unique")
    }
    contradictions = [
        Contradiction(c["kind"], Said(**c["first"]), Said(**c["second"]), c["likeness"])
        for c in found["contradictions"]
    ]
    return AnswerComparison(
        agreement=found["agreement"],
        pairs={(p["first"], p["second"]): p["value"] for p in found["pairs"]},
        **themes,
        contradictions=contradictions,
        contradiction_count=found["contradiction_count"],
        texts=[TextMeasures(**measured) for measured in found["texts"]],
        by_vectors=found["by_vectors"],
    )
