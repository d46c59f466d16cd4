"""Exact BM25 over keys: see :class:`LexicalIndex`."""

from __future__ import annotations

import os
from typing import Any

from . import _core
from ._arrays import Keys, Vectors
from ._arrays import keys as as_keys
from ._texts import texts as as_texts


class LexicalIndex:
    """An exact BM25 index whose statistics are right after every change. Texts are not kept.

    >>> import ragcore as rag
    >>> index = rag.LexicalIndex()
    >>> index.add([10, 20], ["the quick brown fox", "lazy dogs sleep"])
    >>> keys, scores = index.search("dog", k=2)
    >>> keys.tolist() == [20, 2**64 - 1], float(scores[1])
    (True, -inf)

    A refused batch adds nothing, and words that every text has find nothing:

    >>> index.add([30, 20], ["new", "taken"])
    Traceback (most recent call last):
    ragcore.errors.AlreadyExists: key 20 is already in the index; remove it first or use another
    >>> 30 in index
    False
    """

    __slots__ = ("_inner",)

    def __init__(self, *, k1: float = 1.2, b: float = 0.75, language: str = "english") -> None:
        self._inner = _core.LexicalIndex(k1=k1, b=b, language=language)

    def add(self, keys: object, texts: object) -> None:
        """Indexes one text under each key: all or nothing."""
        self._inner.add(as_keys(keys), as_texts(texts, "texts"))

    def remove(self, keys: object) -> None:
        """Removes keys: all or nothing."""
        self._inner.remove(as_keys(keys))

    def search(self, queries: Any, k: int = 10, filter: object = None) -> tuple[Keys, Vectors]:
        """The best ``k`` keys and scores for each query, (n, k) each; (k,) for one string.

        ``filter`` holds the allowed keys. Short rows are padded with key ``2**64 - 1`` and score
        ``-inf``.
        """
        single = isinstance(queries, str)
        listed = [queries] if single else as_texts(queries, "queries")
        allowed = None if filter is None else as_keys(filter, "filter")
        keys, scores = self._inner.search(listed, k, allowed)
        return (keys[0].copy(), scores[0].copy()) if single else (keys, scores)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the index to one file; a reader sees the old file or the new one."""
        self._inner.save(os.fspath(path))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> LexicalIndex:
        """Reads what :meth:`save` wrote, options included; no text is analysed again."""
        self = cls.__new__(cls)
        self._inner = _core.LexicalIndex.open(os.fspath(path))
        return self

    def __len__(self) -> int:
        return self._inner.len()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < 2**64 and self._inner.contains(key)

    def __reduce__(self) -> Any:
        raise TypeError("a LexicalIndex cannot be pickled; save(path) it and open(path) it there")

    def __repr__(self) -> str:
        return f"LexicalIndex({len(self)} keys)"
