"""Documents to passages: see :class:`Chunker`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import _core
from ._embedding import Embedder
from .errors import InvalidArgument


class Chunk(NamedTuple):
    """A passage: ``text[start:end]`` of the document, in characters."""

    start: int
    end: int
    text: str


class Chunker:
    """Cuts documents into passages of at most ``max_tokens``.

    Tokens are those of ``embedder``, or what ``counter`` (a function of a text) says; without
    either they are estimated. ``mode``: ``"sentence"``, ``"markdown"``, ``"tokens"``, or
    ``"semantic"``, which cuts where the embedder's vectors of neighbouring sentences part, rather
    between paragraphs than inside one; ``max_tokens`` is then a bound, and most chunks are shorter.

    >>> import ragcore as rag
    >>> text = "# Cats\\n\\nThey purr. They sleep.\\n\\n# Dogs\\n\\nThey bark."
    >>> for chunk in rag.Chunker(mode="markdown", max_tokens=50).split(text):
    ...     print(chunk.start, repr(chunk.text))
    0 '# Cats\\n\\nThey purr. They sleep.'
    32 '# Dogs\\n\\nThey bark.'

    Offsets count characters as Python does, whatever they take in memory:

    >>> text = "\\U0001f642 First. Second one."
    >>> [text[c.start : c.end] == c.text for c in rag.Chunker(max_tokens=3).split(text)]
    [True, True]
    """

    __slots__ = ("_counter", "_embedder", "_inner", "_options")

    def __init__(
        self,
        embedder: Embedder | None = None,
        *,
        max_tokens: int = 256,
        overlap: int = 0,
        mode: str = "sentence",
        counter: Callable[[str], int] | None = None,
    ) -> None:
        if embedder is not None and not isinstance(embedder, Embedder):
            kind = type(embedder).__name__
            raise InvalidArgument(f"embedder must be an Embedder or None, got {kind}")
        self._options = {"max_tokens": max_tokens, "overlap": overlap, "mode": mode}
        self._inner = _core.Chunker(**self._options)
        self._embedder = embedder
        self._counter = counter

    def split(self, text: str) -> list[Chunk]:
        """The passages in order; ``text[start:end] == chunk.text``, always."""
        if self._counter is not None:
            inner = None if self._embedder is None else self._embedder._inner
            starts, ends = self._inner.split_by(text, self._counter, inner)
        elif self._embedder is not None:
            starts, ends = self._inner.split_for(text, self._embedder._inner)
        else:
            starts, ends = self._inner.split(text)
        return [Chunk(a, b, text[a:b]) for a, b in zip(starts, ends, strict=True)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._embedder, self._options, self._counter)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._options.items())
        return f"Chunker({options})"


def _restore(
    embedder: Embedder | None, options: dict[str, Any], counter: Callable[[str], int] | None
) -> Chunker:
    return Chunker(embedder, counter=counter, **options)
