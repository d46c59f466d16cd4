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


class Considered(NamedTuple):
    """One route in one decision."""

    name: str
    #: chosen, on_front, dominated, over_budget, excluded, failing, limited or passed.
    standing: str
    #: When a route that was left out for now is tried again, in seconds since 1970.
    until: float | None
    #: What it was expected to bring, by objective; empty if nobody asked.
    expected: dict[str, float]
    #: The standard deviations of those expectations.
    sd: dict[str, float]
    #: With ``explore``: the draws that decided.
    drawn: dict[str, float]
    #: On the front: what was smallest for the chosen one.
    loss: float | None


class Spoken(NamedTuple):
    """What each part said of one outcome of the chosen route."""

    objective: str
    #: What each head expects, by its name; empty without examples.
    heads: dict[str, float]
    #: What is believed from examples and priors.
    believed: float
    #: What the outcomes of earlier choices add to that.
    residual: float


class Why:
    """Why a route was chosen: printed a few plain lines, and the same as data."""

    __slots__ = ("_inner",)
    _inner: _core.Why

    def __init__(self, core: _core.Why) -> None:
        self._inner = core

    @property
    def policy(self) -> str:
        """Who chose."""
        return self._inner.choice()[0]

    @property
    def trade(self) -> str:
        """How weights became a choice."""
        return self._inner.choice()[1]

    @property
    def weights(self) -> dict[str, float]:
        """The objectives that something is known about, and what each weighed."""
        return dict(self._inner.choice()[2])

    @property
    def budget(self) -> float | None:
        """The most that the choice might cost."""
        return self._inner.choice()[3]

    @property
    def explored(self) -> bool:
        """Whether draws decided."""
        return self._inner.choice()[4]

    @property
    def routes(self) -> list[Considered]:
        """Every route, in alphabetical order."""
        names = list(self.weights)

        def named(values: list[float]) -> dict[str, float]:
            return dict(zip(names, values, strict=False))

        return [
            Considered(name, standing, until, named(expected), named(sd), named(drawn), loss)
            for name, standing, until, expected, sd, drawn, loss in self._inner.routes()
        ]

    @property
    def spoken(self) -> list[Spoken]:
        """What the heads said of the chosen route, for each objective."""
        return [
            Spoken(objective, dict(heads), believed, residual)
            for objective, heads, believed, residual in self._inner.spoken()
        ]

    @property
    def neighbours(self) -> int:
        """How many examples near the query spoke."""
        return self._inner.neighbours()[0]

    @property
    def examples(self) -> int:
        """The examples that the query was compared with."""
        return self._inner.neighbours()[1]

    @property
    def nearest(self) -> float | None:
        """The cosine of the nearest of them."""
        return self._inner.neighbours()[2]

    def __str__(self) -> str:
        return str(self._inner)

    def __repr__(self) -> str:
        return f"<Why\n{self}>"


class Decision(NamedTuple):
    """Which route was chosen; ``id`` is what outcomes refer to."""

    id: int
    name: str
    #: The outcomes expected of it, by objective.
    expected: dict[str, float]
    #: The allowed, affordable routes that no other one dominates, in alphabetical order.
    front: list[str]
    #: How it came to this; ``print(decision.why)``.
    why: Why


class RouteHealth(NamedTuple):
    """How a route is, as told by those who ask it."""

    #: Failures in a row.
    failures: int
    #: When a failing route is tried next, in seconds since 1970.
    tried_next: float | None
    #: Requests a minute that are allowed.
    per_minute: int | None
    #: Mean seconds until an answer, over the latest 256, and their 95th percentile.
    latency_mean_s: float | None
    latency_p95_s: float | None


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
        log_size: int = 10_000,
        first_backoff_s: float = 1.0,
        longest_backoff_s: float = 300.0,
    ) -> None:
        self._inner = _core.Router(
            column(objectives, "objectives", "strings"),
            seed,
            log_size=log_size,
            first_backoff_s=first_backoff_s,
            longest_backoff_s=longest_backoff_s,
        )
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
        policy: str = "learned",
        always: str | None = None,
        threshold: float = 0.5,
        trade: str = "chebyshev",
        at: float | None = None,
    ) -> Decision:
        """Chooses a route for a query, or for no query in particular.

        ``preference`` weighs the objectives, all alike if None: more weight on cost never raises
        the expected cost. ``trade`` says in which units: ``"chebyshev"`` in those of the front,
        ``"linear"`` in their own, so that with a cost weighing 1 the weight of quality is what one
        unit of it may cost. ``budget`` bounds the expected cost. A route in ``exclude`` is never
        chosen, nor one that fails or is at its limit. ``explore`` draws from what is believed, to
        learn from what is chosen. ``policy`` asks for a baseline instead: ``"always"`` (the route
        ``always``), ``"random"``, or ``"cascade"`` (the cheapest whose quality is expected to reach
        ``threshold``). ``at`` is the time in seconds since 1970, now if None.
        """
        vector = None
        if isinstance(query_or_vector, str):
            used = self._embedder if self._embedder is not None else Embedder()
            vector = used.encode(query_or_vector, kind="query")
        elif query_or_vector is not None:
            vector = as_vector(query_or_vector, "query")
        number, name, expected, front, why = self._inner.route(
            vector,
            _given(preference or {}),
            column(exclude, "exclude", "names"),
            budget=budget,
            explore=explore,
            policy=policy,
            always=always,
            threshold=threshold,
            trade=trade,
            at=at,
        )
        return Decision(number, name, expected, front, Why(why))

    def observe(
        self,
        decision_or_id: Decision | int,
        *,
        latency_s: float | None = None,
        **outcomes: float | None,
    ) -> None:
        """Tells outcomes of a decision, at once or one after another, each objective once.

        ``latency_s`` are the seconds that the answer took. An answer heals a route that failed
        before the decision.
        """
        self._inner.observe(_number(decision_or_id), _given(outcomes), latency_s)

    def fail(self, decision_or_id: Decision | int, *, at: float | None = None) -> None:
        """Tells that the route of a decision failed to answer.

        It is left out, and tried again after a wait that doubles with each failure in a row.
        """
        self._inner.fail(_number(decision_or_id), at)

    def limit(self, name: str, per_minute: int | None) -> None:
        """Bounds the decisions for a route within a minute; None lifts the bound."""
        self._inner.limit(name, per_minute)

    def health(self, name: str) -> RouteHealth:
        """Failures, limit and latency of a route."""
        return RouteHealth(*self._inner.health(name))

    @property
    def log(self) -> list[dict[str, Any]]:
        """The decisions of which something was observed, by time.

        With the ``propensity`` of each choice and its standard error: what another policy can be
        judged by. ``vector`` is the query at unit length, as exact as bytes are.
        """
        names = (
            "id", "seed", "at", "name", "vector", "preference", "outcomes", "propensity",
            "propensity_error",
        )  # fmt: skip
        return [dict(zip(names, entry, strict=True)) for entry in self._inner.log()]

    def propensity(self, decision_or_id: Decision | int) -> tuple[float, float]:
        """How likely the choice of a decision that waits was, and the standard error of that."""
        return self._inner.propensity(_number(decision_or_id))

    def reseed(self, seed: int) -> None:
        """Starts the draws anew: workers that begin with copies of one router each need a seed."""
        self._inner.reseed(seed)

    def merge(self, other: Router) -> None:
        """Adds what another worker's router has learnt, in any order and any number of times."""
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


def _number(decision_or_id: Decision | int) -> int:
    number = decision_or_id.id if isinstance(decision_or_id, Decision) else decision_or_id
    return int(keys([number], "decision")[0])


def _given(values: Mapping[str, float | None]) -> list[tuple[str, float]]:
    """The values that are there, as pairs."""
    return [(name, value) for name, value in values.items() if value is not None]


def routing_curve(costs: object, qualities: object) -> list[tuple[float, float]]:
    """The non-decreasing concave hull of what a router reaches, by cost (Hu et al., 2024).

    ``costs`` and ``qualities``, (n,): one point a setting, means over the same queries.

    >>> import ragcore as rag
    >>> rag.routing_curve([4.0, 1.0, 2.0, 9.0], [0.9, 0.5, 0.6, 0.8])
    [(1.0, 0.5), (4.0, 0.9)]
    """
    return _core.routing_curve(numbers(costs, "costs"), numbers(qualities, "qualities"))


def aiq(costs: object, qualities: object, *, range: tuple[float, float] | None = None) -> float:
    """The average improvement in quality: the mean height of the hull (Hu et al., 2024).

    ``range`` is the lowest and the highest cost of what is compared, that of the points if None.
    Below its cheapest point a router counts as 0, above its best it goes on at that height.

    >>> import ragcore as rag
    >>> rag.aiq([0.0, 2.0], [0.5, 0.9], range=(0.0, 4.0))
    0.8
    """
    return _core.aiq(numbers(costs, "costs"), numbers(qualities, "qualities"), range)


def pgr(quality: float, *, weak: float, strong: float) -> float:
    """The performance gap recovered: 0 at the weak route, 1 at the strong (Ong et al., 2024).

    >>> import ragcore as rag
    >>> rag.pgr(0.75, weak=0.5, strong=1.0)
    0.5
    """
    return _core.pgr(quality, weak, strong)


def apgr(shares: object, qualities: object, *, weak: float, strong: float) -> float:
    """The mean gap recovered over all shares of queries for the strong route (Ong et al., 2024).

    ``shares``, in [0, 1], and ``qualities`` are one router's points; drawing lots has .5.

    >>> import ragcore as rag
    >>> rag.apgr([0.5], [1.0], weak=0.5, strong=1.0)
    0.75
    """
    return _core.apgr(numbers(shares, "shares"), numbers(qualities, "qualities"), weak, strong)


def cpt(
    shares: object, qualities: object, *, weak: float, strong: float, gap: float | None = None
) -> float:
    """The smallest share for the strong route that recovers a gap (Ong et al., 2024).

    ``gap`` is the share of the whole gap that is asked for, half of it if None: CPT(50%).

    >>> import ragcore as rag
    >>> rag.cpt([0.25], [0.75], weak=0.5, strong=1.0)
    0.25
    """
    return _core.cpt(numbers(shares, "shares"), numbers(qualities, "qualities"), weak, strong, gap)
