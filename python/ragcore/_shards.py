"""One search over several collections: see :class:`ShardRequest`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from . import _core
from ._arrays import Vectors, one_or_many
from ._arrays import vectors as as_vectors
from ._calibration import Calibration
from ._embedding import Embedder
from ._hits import Hits
from ._steering import Dials, Steering, strengths
from ._texts import texts_or_vectors
from .errors import InvalidArgument


class _Wire:
    """What goes over a wire: bytes, and pickles made of them."""

    __slots__ = ("_inner",)

    _inner: Any
    _core: Any

    @classmethod
    def _wrap(cls, inner: Any) -> Self:
        made = cls.__new__(cls)
        made._inner = inner
        return made

    def to_bytes(self) -> bytes:
        """Everything as bytes."""
        data: bytes = self._inner.to_bytes()
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What :meth:`to_bytes` wrote; other bytes raise :class:`Corrupt`."""
        return cls._wrap(cls._core.from_bytes(data))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self.to_bytes(),)


class ShardStatistics(_Wire):
    """What one shard knows of the words of a request: :meth:`Collection.shard_statistics`."""

    __slots__ = ()
    _inner: _core.ShardStatistics
    _core = _core.ShardStatistics

    @property
    def sequence(self) -> int:
        """The shard's :attr:`Collection.sequence` when it was asked."""
        return self._inner.sequence()

    def __repr__(self) -> str:
        return f"ShardStatistics(sequence={self.sequence})"


class ShardResponse(_Wire):
    """What one shard has found for a request: :meth:`Collection.search_shard`."""

    __slots__ = ()
    _inner: _core.ShardResponse
    _core = _core.ShardResponse

    @property
    def sequence(self) -> int:
        """The shard's :attr:`Collection.sequence` when it answered."""
        return self._inner.sequence()

    @property
    def lens(self) -> list[int]:
        """How many hits it has found for each question, before they are merged."""
        return self._inner.lens()

    def __repr__(self) -> str:
        return f"ShardResponse(lens={self.lens})"


class ShardRequest(_Wire):
    """Questions made ready for shards: checked, embedded and steered once for all of them.

    One search over several collections takes four steps: prepare the questions, ask every shard
    what it knows of their words, ask every shard with the sums of that, merge. The hits are those
    of a single collection that holds all documents, bit for bit, where searches are exact: with
    ``exact=True``, in lexical mode, and where a shard holds too few vectors for a graph. Else each
    shard finds what its graph finds.

    ``queries`` are texts, or vectors of (n, dim); ``vectors`` the texts' own embeddings. Texts
    without one are embedded by ``embedder``; without that they are searched by their words
    alone. ``steering`` is what all shards share (:meth:`CollectionSteering.replace`). The other
    options are those of :meth:`Collection.search`. Requests and what shards say of them can be
    pickled.

    >>> import ragcore as rag
    >>> shards = [rag.open(), rag.open()]
    >>> for id, text in [("tides", "The moon makes the tides."), ("yeast", "Dough rises.")]:
    ...     _ = shards[rag.shard_of(id, 2)].add([id], [text])
    >>> request = rag.ShardRequest(["why does dough rise?"], k=1, embedder=shards[0].embedder)
    >>> request.set_statistics([shard.shard_statistics(request) for shard in shards])
    >>> [hits] = request.merge([shard.search_shard(request) for shard in shards])
    >>> hits.ids
    ['yeast']
    """

    __slots__ = ()
    _inner: _core.ShardRequest
    _core = _core.ShardRequest

    def __init__(
        self,
        queries: object,
        k: int = 10,
        *,
        vectors: object = None,
        embedder: Embedder | None = None,
        steering: Steering | None = None,
        filter: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        steer: Dials | None = None,
        user: str | None = None,
        max_loss: float | None = None,
        application: str = "additive",
        diversity: float = 0.0,
        exact: bool = False,
        effort: int | None = None,
        explain: bool = False,
        min_relevance: float | None = None,
        steer_mode: str = "vector",
    ) -> None:
        for name, given, wanted in [
            ("embedder", embedder, Embedder),
            ("steering", steering, Steering),
        ]:
            if given is not None and not isinstance(given, wanted):
                raise InvalidArgument(
                    f"{name} must be of {wanted.__name__} or None, got {type(given).__name__}"
                )
        self._inner = _core.ShardRequest.make(
            questions(queries, vectors, None if embedder is None else embedder.dim),
            filter,
            strengths(steer),
            user,
            None if embedder is None else embedder._inner,
            None if steering is None else steering._inner,
            k=k,
            mode=mode,
            bm25_weight=bm25_weight,
            fusion=fusion,
            max_loss=max_loss,
            application=application,
            diversity=diversity,
            exact=exact,
            effort=effort,
            explain=explain,
            min_relevance=min_relevance,
            steer_mode=steer_mode,
        )

    def __len__(self) -> int:
        return self._inner.len()

    @property
    def needs_statistics(self) -> bool:
        """Whether shards must be asked for their statistics before they can search."""
        return self._inner.needs_statistics()

    def set_statistics(self, shards: Iterable[ShardStatistics]) -> None:
        """Takes what every shard has said of the words: each once, in any order."""
        self._inner.set_statistics([_inner(shard, ShardStatistics) for shard in shards])

    def merge(
        self, shards: Iterable[ShardResponse], calibration: Calibration | None = None
    ) -> list[Hits]:
        """The hits of all shards for each question; shards come in any order.

        ``calibration`` is the curve from scores to relevance, learnt from searches over all shards;
        without one no hit has a relevance. A document that two shards hold raises
        :class:`InvalidArgument`. Whether those that have answered will do is for the caller to
        decide.
        """
        held = [_inner(shard, ShardResponse) for shard in shards]
        curve = None if calibration is None else calibration._inner
        return [Hits._of(found) for found in self._inner.merge(held, curve)]

    def __repr__(self) -> str:
        return f"ShardRequest({len(self)} questions, needs_statistics={self.needs_statistics})"


def shard_of(id: str, shards: int) -> int:
    """Which of so many shards (1 to 65,536) the document of this id belongs to: a hash that is the
    same in every version, on every machine and in every language.

    Number the shards once and for all, more of them than machines: what moves when machines come
    and go is a shard, never a document.

    >>> import ragcore as rag
    >>> rag.shard_of("tides", 8)
    7
    """
    return _core.shard_of(id, shards)


def questions(
    queries: object, vectors: object, dim: int | None
) -> list[tuple[str | None, Vectors | None]]:
    """Texts with their vectors, or vectors alone."""
    listed, rest = texts_or_vectors(queries, "queries")
    if listed is None:
        if vectors is not None:
            raise InvalidArgument("vectors belong to texts; the queries are vectors already")
        rows, _ = one_or_many(rest, "queries", dim or 1)
        return [(None, row) for row in rows]
    if vectors is None:
        return [(text, None) for text in listed]
    rows = as_vectors(vectors, "vectors", dim)
    if len(rows) != len(listed):
        raise InvalidArgument(f"{len(listed)} queries but {len(rows)} vectors; give one for each")
    return [(text, row) for text, row in zip(listed, rows, strict=True)]


def _inner(value: object, wanted: type[_Wire]) -> Any:
    if not isinstance(value, wanted):
        raise InvalidArgument(
            f"shards must be a list of {wanted.__name__}, got one of {type(value).__name__}"
        )
    return value._inner
