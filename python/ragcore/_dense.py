"""Nearest vectors by key: see :class:`DenseIndex`."""

from __future__ import annotations

import os
from typing import Any

from . import _core
from ._arrays import Keys, Vectors, one_or_many
from ._arrays import keys as as_keys
from ._arrays import vectors as as_vectors
from ._progress import Progress, watcher
from .errors import NotFound


class DenseIndex:
    """Vectors under 64-bit keys, searched by likeness.

    ``metric``: ``"cosine"``, ``"dot"`` or ``"l2"`` (scores are then negative squared distances).
    ``precision``: ``"auto"`` keeps codes of twelve bits a number once there are 2,048 vectors, and
    ``"f32"`` the vectors themselves beside them. Vectors come and go at any time, from any thread,
    while searches go on; few are all looked at, many are found by a graph that is never to be
    built.

    >>> import ragcore as rag
    >>> index = rag.DenseIndex(2)
    >>> index.add([7, 8], [[1.0, 0.0], [0.0, 2.0]])
    >>> keys, scores = index.search([[3.0, 0.1]], k=3)
    >>> keys.tolist() == [[7, 8, 2**64 - 1]]  # short rows are padded
    True

    A filter never costs hits: the best of the allowed keys come back.

    >>> index.search([3.0, 0.1], k=1, filter=[8])[0].tolist()
    [8]
    """

    __slots__ = ("_inner",)
    _inner: _core.DenseIndex

    def __init__(
        self, dim: int, *, metric: str = "cosine", precision: str = "auto", seed: int = 0
    ) -> None:
        self._inner = _core.DenseIndex(dim, metric=metric, precision=precision, seed=seed)

    def add(self, keys: object, vectors: object) -> None:
        """Adds one vector of (n, dim) under each key: all or nothing.

        A contiguous float32 array is read where it is; do not change it during the call.
        """
        self._inner.add(as_keys(keys), as_vectors(vectors, "vectors", self.dim))

    def remove(self, keys: object) -> None:
        """Removes keys: all or nothing."""
        self._inner.remove(as_keys(keys))

    def search(
        self,
        queries: object,
        k: int = 10,
        *,
        effort: int | None = None,
        exact: bool = False,
        filter: object = None,
        threads: int | None = None,
        progress: Progress = False,
    ) -> tuple[Keys, Vectors]:
        """The best ``k`` keys and scores, (n, k) each; (k,) each for one (dim,) query.

        ``effort`` trades speed for recall: the candidates that a walk keeps, 40 unless said, and
        slowly more beyond 65,536 vectors. ``exact`` looks at every vector. ``filter`` holds the
        allowed keys; the last few filters are remembered while nothing changes, the same keys again
        cost little. Short rows are padded with key ``2**64 - 1`` and score ``-inf``.
        """
        rows, single = one_or_many(queries, "queries", self.dim)
        # A query is small, and another thread may write to it.
        rows = rows.copy() if len(rows) <= 16 else rows
        allowed = None if filter is None else as_keys(filter, "filter")
        keys, scores = self._inner.search(
            rows,
            k,
            allowed,
            watcher(progress, "search"),
            effort=effort,
            exact=exact,
            threads=threads,
        )
        return (keys[0].copy(), scores[0].copy()) if single else (keys, scores)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._inner.dim()

    @property
    def metric(self) -> str:
        """What makes two vectors alike."""
        return self._inner.options()[0]

    @property
    def precision(self) -> str:
        """What is kept of a vector."""
        return self._inner.options()[1]

    @property
    def nbytes(self) -> int:
        """Bytes of memory for vectors, codes, links, keys and their table."""
        return self._inner.bytes()

    @property
    def keys(self) -> Keys:
        """The keys, ascending."""
        return self._inner.keys()

    def __getitem__(self, key: int) -> Vectors:
        """The vector of a key as it is kept: of unit length under cosine, to twelve bits a number
        where codes are all that is kept."""
        found = self._inner.vector(int(as_keys([key], "key")[0]))
        if found is None:
            raise NotFound(f"key {key} is not in the index")
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the index to one file; a reader sees the old file or the new one."""
        self._inner.save(os.fspath(path))

    @classmethod
    def open(cls, path: str | os.PathLike[str], mmap: bool = True) -> DenseIndex:
        """Reads what :meth:`save` wrote; mapped into memory where that is possible."""
        self = cls.__new__(cls)
        self._inner = _core.DenseIndex.open(os.fspath(path), mmap)
        return self

    def __len__(self) -> int:
        return self._inner.len()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < 2**64 and self._inner.contains(key)

    def __reduce__(self) -> Any:
        raise TypeError("a DenseIndex cannot be pickled; save(path) it and open(path) it there")

    def __repr__(self) -> str:
        return f"DenseIndex({len(self)} vectors of {self.dim}, metric={self.metric!r})"
