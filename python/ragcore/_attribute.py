"""How likely a text has a quality: see :class:`AttributeModel`."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._arrays import Vectors, vector, vectors
from ._embedding import Embedder, text_vectors
from ._texts import texts as as_texts
from ._texts import texts_or_vectors
from .errors import InvalidArgument

#: Texts with their vectors.
Told = tuple[list[str], Vectors]


class AttributeModel:
    """How likely a text has a quality: from its words, its letters and its vector.

    A dial that was learnt from texts has one (``steering.attribute(name)``); searches with
    ``steer_mode="rerank"`` add its probability to the similarity. It can be learnt alone, here
    from vectors that know nothing of manners:

    >>> import numpy as np, ragcore as rag
    >>> polite = ["could you please wait", "please help me", "would you please come"]
    >>> blunt = ["wait", "help me now", "come here now"]
    >>> same = np.tile([1.0, 0.0], (3, 1))
    >>> model = rag.AttributeModel.learn(polite, blunt, vectors=(same, same))
    >>> likely = model.probability(["please open it", "open it now"])
    >>> bool(likely[0] > 0.5 > likely[1])
    True
    """

    __slots__ = ("_inner",)
    _inner: _core.AttributeModel

    def __init__(self) -> None:
        raise TypeError("this is made by AttributeModel.learn or steering.attribute")

    @classmethod
    def _wrap(cls, core: _core.AttributeModel) -> AttributeModel:
        self = cls.__new__(cls)
        self._inner = core
        return self

    @classmethod
    def learn(
        cls,
        positive: object,
        negative: object,
        *,
        vectors: tuple[object, object] | None = None,
        embedder: Embedder | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> AttributeModel:
        """Learns to tell ``positive`` from ``negative`` texts.

        ``vectors`` are those of both, if the caller has them; else ``embedder`` (the built-in one
        if None) makes them.
        """
        given = (None, None) if vectors is None else vectors
        liked = _told(positive, "positive", given[0], embedder)
        disliked = _told(negative, "negative", given[1], embedder)
        return cls._wrap(_core.AttributeModel.learn(liked, disliked, folds=folds, seed=seed))

    def probability(self, text: object, vector: object = None) -> Any:
        """How likely ``text`` has the quality, in [0, 1]; of a list of texts, an array.

        ``vector`` is its embedding, or theirs as (n, dim); without it that of the mean of the
        examples stands for it.
        """
        if isinstance(text, str):
            row = None if vector is None else _row(vector)
            return float(self._inner.probabilities([text], row)[0])
        listed = as_texts(text, "texts")
        rows = None if vector is None else vectors(vector, "vector")
        return self._inner.probabilities(listed, rows)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._inner.dim

    @property
    def scale(self) -> float:
        """What a dial of 1 adds to the similarity of a text whose probability is 1."""
        return self._inner.scale

    @property
    def effect(self) -> Any:
        """The held-out gain on the logarithm of the odds, an :class:`Effect`."""
        from ._steering import Effect

        return Effect(*self._inner.effect)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._inner.to_bytes(),)

    def __repr__(self) -> str:
        value, low, high = self._inner.effect
        return f"AttributeModel(dim={self.dim}, effect={value:.2f} [{low:.2f}, {high:.2f}])"


def told(values: object, rows: Vectors, name: str) -> Told | None:
    """Texts with their vectors; None if the values are no texts."""
    listed, _ = texts_or_vectors(values, name)
    return None if listed is None else (listed, rows)


def _told(values: object, name: str, given: object, embedder: Embedder | None) -> Told:
    listed, _ = texts_or_vectors(values, name)
    if listed is None:
        raise InvalidArgument(f"{name} must be a list of texts, got vectors")
    if given is not None:
        return listed, vectors(given, "vectors")
    return listed, text_vectors(listed, name, embedder)[0]


def _row(values: object) -> Vectors:
    return np.ascontiguousarray(vector(values, "vector")[None, :])


def _restore(data: bytes) -> AttributeModel:
    return AttributeModel._wrap(_core.AttributeModel.from_bytes(data))
