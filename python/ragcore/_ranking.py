"""Rankings without an index: fusion and diversity."""

from __future__ import annotations

from collections.abc import Iterable

from . import _core
from ._arrays import Keys, Vectors, vector
from ._arrays import keys as as_keys
from ._arrays import vectors as as_vectors


def fuse(rankings: Iterable[object], *, k: float = 60.0) -> tuple[Keys, Vectors]:
    """Reciprocal rank fusion of lists of keys, best first: (keys, scores).

    >>> import ragcore as rag
    >>> keys, scores = rag.fuse([[7, 8, 9], [9, 8]])
    >>> keys.tolist()  # third and first beats second and second
    [9, 8, 7]
    """
    lists = [as_keys(ranking, f"rankings[{i}]") for i, ranking in enumerate(rankings)]
    return _core.fuse(lists, k=k)


def mmr(relevance: object, vectors: object, k: int = 10, *, diversity: float = 0.3) -> Keys:
    """Maximal marginal relevance: the positions to take, in the order of taking.

    ``relevance`` is (n,), ``vectors`` (n, dim); ``diversity`` 0 orders by relevance alone.

    >>> import ragcore as rag
    >>> rag.mmr([0.9, 0.8, 0.7], [[1, 0], [1, 0.1], [0, 1]], k=2, diversity=0.5).tolist()
    [0, 2]
    """
    scores = vector(relevance, "relevance")
    return _core.mmr(scores, as_vectors(vectors, "vectors", 1), k, diversity=diversity)
