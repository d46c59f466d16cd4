"""How hits look, and how they leave for other libraries."""

from __future__ import annotations

import builtins
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import ragcore as rag

EVIL = "<script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;"
HITS = rag.Hits(
    [
        rag.Hit("a", 0.75, "first", {"n": 1}, 1.5, 0.5, 0.9375),
        rag.Hit(EVIL, 0.5, EVIL * 50, {EVIL: EVIL}, None, 0.25),
        rag.Hit("c", 0.25, None, {}, 0.5, None),
    ]
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[Any] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_shows_markup_as_text() -> None:
    page = Tags()
    page.feed(HITS._repr_html_())
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"} and page.attributes == []
    assert EVIL in page.text and "0.7500" in page.text
    assert "relevance" in page.text and "0.94" in page.text
    assert "relevance" not in rag.Hits(HITS[1:])._repr_html_()


def test_a_sequence_of_hits() -> None:
    assert HITS.ids[0] == "a" and HITS.texts[2] is None
    assert HITS.scores.dtype == np.float32 and HITS.scores.tolist() == [0.75, 0.5, 0.25]
    assert len(HITS) == 3 and HITS[-1].id == "c" and [h.id for h in HITS[:2]] == HITS.ids[:2]
    assert isinstance(HITS[1:], rag.Hits) and HITS[1:] == HITS[1:] and HITS[1:] != HITS
    assert HITS[0] in HITS and HITS.index(HITS[2]) == 2
    assert repr(HITS).startswith("Hits([\n  Hit('a', score=0.7500, text='first'),")
    assert repr(rag.Hits()) == "Hits([])"
    with pytest.raises(IndexError):
        HITS[3]


def test_pandas() -> None:
    pytest.importorskip("pandas")
    frame = HITS.to_pandas()
    assert list(frame.columns) == list(rag.Hit._fields[:7])
    assert frame["score"].tolist() == [0.75, 0.5, 0.25] and frame["metadata"][0] == {"n": 1}
    assert list(rag.Hits().to_pandas().columns) == list(rag.Hit._fields[:7])


def test_arrow() -> None:
    pytest.importorskip("pyarrow")
    table = HITS.to_arrow()
    assert table.column_names == list(rag.Hit._fields[:7])
    assert table["dense_score"].to_pylist() == [0.5, 0.25, None]
    assert table["relevance"].to_pylist() == [0.9375, None, None]
    assert json.loads(table["metadata"].to_pylist()[1]) == {EVIL: EVIL}
    assert rag.Hits().to_arrow().schema == table.schema


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_without_the_library_the_error_says_what_to_install(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == library:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(rag.Unsupported, match=f"pip install {library}"):
        HITS.to_pandas() if library == "pandas" else HITS.to_arrow()
