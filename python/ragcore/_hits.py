"""What a search finds: see :class:`Hits`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from ._arrays import Vectors
from ._bandit import Bandit, Choice
from ._core import Found, Tuned
from ._domain import Detection, detection
from .errors import Unsupported

#: The most characters of a text in a table on the screen.
_SHOWN = 200


class Document(NamedTuple):
    """A document as a collection gives it back."""

    id: str
    text: str | None
    metadata: dict[str, Any]
    #: The vector as stored, of unit length; None in a collection without vectors.
    vector: Vectors | None


class Hit(NamedTuple):
    """One document found."""

    id: str
    #: What the hits are ordered by, larger first.
    score: float
    text: str | None
    metadata: dict[str, Any]
    #: The BM25 score; None in dense mode.
    lexical_score: float | None
    #: The cosine with the steered query; None in lexical mode or without a vector.
    dense_score: float | None
    #: The probability of relevance; None unless the collection was calibrated for such searches.
    relevance: float | None = None
    #: With ``explain=True`` the split of the score: ``lexical``, ``dense``, ``dials`` and ``user``
    #: add up to it; ``terms`` splits ``lexical_score`` by word.
    explanation: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Hit({self.id!r}, score={self.score:.4f}, text={_short(self.text, 60)!r})"


class Hits(Sequence[Hit]):
    """The hits of one query, best first; shown as a table in a notebook."""

    # What the core found, and the hits made of it once one of them is read.
    __slots__ = ("_found", "_made", "_tuned")
    _found: Found | None
    _made: tuple[Hit, ...] | None
    # What a bandit chose, and the bandit, until it is paid.
    _tuned: tuple[Tuned, Bandit] | None

    def __init__(self, hits: Iterable[Hit] = ()) -> None:
        self._found, self._made, self._tuned = None, tuple(hits), None

    @classmethod
    def _of(cls, found: Found, tuned: tuple[Tuned, Bandit] | None = None) -> Hits:
        hits = cls.__new__(cls)
        hits._found, hits._made, hits._tuned = found, None, tuned
        return hits

    @property
    def _hits(self) -> tuple[Hit, ...]:
        if self._made is None:
            assert self._found is not None
            self._made = tuple(map(Hit._make, self._found.parts()))
        return self._made

    @property
    def ids(self) -> list[str]:
        """The ids, best first."""
        return self._found.ids() if self._found is not None else [hit.id for hit in self._hits]

    @property
    def scores(self) -> Vectors:
        """The scores, (n,) float32."""
        if self._found is not None:
            return self._found.scores()
        return np.array([hit.score for hit in self._hits], np.float32)

    @property
    def texts(self) -> list[str | None]:
        """The texts, best first."""
        found = self._found
        return [hit.text for hit in self._hits] if found is None else found.texts()

    @property
    def choice(self) -> Choice | None:
        """What a bandit chose for the search, None without one."""
        if self._tuned is None:
            return None
        tuned, bandit = self._tuned
        id, arm, number = tuned.choice()
        return Choice(id, arm, bandit._value(number), bandit._inner)

    @property
    def domain(self) -> str | None:
        """The domain in which it was chosen, None without one."""
        return None if self._tuned is None else self._tuned[0].domain()

    @property
    def detection(self) -> Detection | None:
        """What a detector found of the question, None if none was asked."""
        found = None if self._tuned is None else self._tuned[0].detection()
        return None if found is None else detection(found)

    @property
    def setting(self) -> dict[str, float]:
        """What was set by what was chosen: ``bm25_weight``, ``k``, ``diversity``."""
        return {} if self._tuned is None else self._tuned[0].setting()

    @overload
    def __getitem__(self, index: int) -> Hit: ...

    @overload
    def __getitem__(self, index: slice) -> Hits: ...

    def __getitem__(self, index: int | slice) -> Hit | Hits:
        if isinstance(index, slice):
            return Hits(self._hits[index])
        return self._hits[index]

    def __len__(self) -> int:
        return len(self._hits) if self._found is None else self._found.len()

    def __reduce__(self) -> tuple[type[Hits], tuple[tuple[Hit, ...]]]:
        return (Hits, (self._hits,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hits) and self._hits == other._hits

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rows = "".join(f"  {hit!r},\n" for hit in self._hits)
        return f"Hits([\n{rows}])" if rows else "Hits([])"

    def _repr_html_(self) -> str:
        from html import escape

        def cell(value: object) -> str:
            return f"<td>{escape(str(value))}</td>"

        judged = any(hit.relevance is not None for hit in self._hits)

        def likely(hit: Hit) -> str:
            return cell("" if hit.relevance is None else f"{hit.relevance:.2f}") if judged else ""

        rows = "".join(
            f"<tr>{cell(hit.id)}{cell(f'{hit.score:.4f}')}{likely(hit)}"
            f"{cell(_short(hit.text, _SHOWN))}{cell(hit.metadata)}</tr>"
            for hit in self._hits
        )
        named = "<th>relevance</th>" if judged else ""
        head = f"<tr><th>id</th><th>score</th>{named}<th>text</th><th>metadata</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with a column for each field of a hit but the explanation."""
        try:
            import pandas
        except ImportError:
            raise Unsupported("to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(self._columns(), columns=list(_COLUMNS))

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table`` with the same columns; metadata is JSON text."""
        try:
            import pyarrow
        except ImportError:
            raise Unsupported("to_arrow needs pyarrow: pip install pyarrow") from None
        import json

        columns = self._columns()
        columns["metadata"] = [json.dumps(entry) for entry in columns["metadata"]]
        text, real = pyarrow.string(), pyarrow.float32()
        types = dict(zip(_COLUMNS, (text, real, text, text, *[real] * 3), strict=True))
        return pyarrow.table(columns, schema=pyarrow.schema(list(types.items())))

    def _columns(self) -> dict[str, list[Any]]:
        return {name: [getattr(hit, name) for hit in self._hits] for name in _COLUMNS}


_COLUMNS = ("id", "score", "text", "metadata", "lexical_score", "dense_score", "relevance")


def _short(text: str | None, length: int) -> str:
    if text is None:
        return ""
    return text if len(text) <= length else text[: length - 1] + "…"
