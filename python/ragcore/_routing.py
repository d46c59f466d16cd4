"""Which model to ask: a router that learns what routes cost and give, and chooses on a front."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import _core
from ._arrays import keys, numbers
from ._arrays import vector as as_vector
from ._embedding import Embedder, text_vectors
from ._texts import column
from .errors import InvalidArgument


class Decision(NamedTuple):
    """Which route was chosen; ``id`` is what outcomes refer to."""

    id: int
    name: str
    #: The outcomes expected of it, by objective.
    expected: dict[str, float]
    #: The allowed, affordable routes that no other one dominates, in alphabetical order.
    front: list[str]


class Router:
    """Chooses between routes (models, prompts, providers) by what is believed about them.

    Less of the objective ``"cost"`` is better, more of every other. A middle route that lies in a
    dent of the front, which no weighted sum would choose:

    >>> import ragcore as rag
    >>> router = rag.Router(("cost", "quality"))
    >>> router.add("small", cost=1.0, quality=0.5)
    >>> router.add("middle", cost=4.0, quality=0.68)
    >>> router.add("large", cost=9.0, quality=0.9)
    >>> router.route().name
    'middle'
    >>> router.route(preference={"quality": 1.0}).name
    'large'
    >>> router.route(budget=2.0).name
    'small'
    """

    __slots__ = ("_embedder", "_inner")
    _inner: _core.Router
    _embedder: Embedder | None

    def __init__(
        self,
        objectives: Sequence[str] = ("cost", "quality", "diversity"),
        *,
        embedder: Embedder | None = None,
        seed: int = 0,
    ) -> None:
        self._inner = _core.Router(column(objectives, "objectives", "strings"), seed)
        self._embedder = embedder

    @classmethod
    def _wrap(cls, core: _core.Router, embedder: Embedder | None = None) -> Router:
        self = cls.__new__(cls)
        self._inner = core
        self._embedder = embedder
        return self

    def add(self, name: str, **priors: float | None) -> None:
        """Adds a route with a guess of each outcome by the name of the objective.

        ``cost`` is required where it is an objective; what is left out is taken for the average
        of the others.
        """
        self._inner.add(name, _given(priors))

    def remove(self, name: str) -> None:
        """Forgets a route and what was learnt about it."""
        self._inner.remove(name)

    @property
    def routes(self) -> list[str]:
        """The routes in alphabetical order."""
        return self._inner.names()

    @property
    def objectives(self) -> list[str]:
        """The objectives as given."""
        return self._inner.objectives()

    def fit(self, queries_or_vectors: object, outcomes: Mapping[str, Mapping[str, object]]) -> None:
        """Learns from outcomes: ``{name: {objective: (n,)}}``, NaN where not observed.

        All or nothing. Queries are n texts, or vectors of shape (n, dim).
        """
        rows, _ = text_vectors(queries_or_vectors, "queries", self._embedder)
        try:
            listed = [
                (name, [(o, numbers(v, f"outcomes[{name!r}][{o!r}]")) for o, v in values.items()])
                for name, values in outcomes.items()
            ]
        except AttributeError:
            raise InvalidArgument("outcomes must be {name: {objective: numbers}}") from None
        self._inner.fit(rows, listed)

    def route(
        self,
        query_or_vector: object = None,
        *,
        preference: Mapping[str, float] | None = None,
        budget: float | None = None,
        exclude: Iterable[str] = (),
        explore: bool = False,
    ) -> Decision:
        """Chooses a route for a query, or for no query in particular.

        ``preference`` weighs the objectives, all alike if None: more weight on cost never raises
        the expected cost. ``budget`` bounds the expected cost. A route in ``exclude`` is never
        chosen. ``explore`` draws from what is believed, to learn from what is chosen.
        """
        vector = None
        if isinstance(query_or_vector, str):
            used = self._embedder if self._embedder is not None else Embedder()
            vector = used.encode(query_or_vector, kind="query")
        elif query_or_vector is not None:
            vector = as_vector(query_or_vector, "query")
        without = column(exclude, "exclude", "names")
        weights = _given(preference or {})
        return Decision(*self._inner.route(vector, weights, budget, without, explore))

    def observe(self, decision_or_id: Decision | int, **outcomes: float | None) -> None:
        """Tells outcomes of a decision, at once or one after another, each objective once."""
        number = decision_or_id.id if isinstance(decision_or_id, Decision) else decision_or_id
        self._inner.observe(int(keys([number], "decision")[0]), _given(outcomes))

    def merge(self, other: Router) -> None:
        """Adds what another worker's router has learnt. The order does not matter."""
        self._inner.merge(other._inner)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything but the embedder to one file."""
        self._inner.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, embedder: Embedder | None = None) -> Router:
        """Reads what :meth:`save` wrote."""
        return cls._wrap(_core.Router.load(os.fspath(path)), embedder)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._inner.to_bytes(), self._embedder)

    def __repr__(self) -> str:
        return f"Router({self.objectives}, routes={self.routes})"


def _restore(data: bytes, embedder: Embedder | None) -> Router:
    return Router._wrap(_core.Router.from_bytes(data), embedder)


def _given(values: Mapping[str, float | None]) -> list[tuple[str, float]]:
    """The values that are there, as pairs."""
    return [(name, value) for name, value in values.items() if value is not None]
