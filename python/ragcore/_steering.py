"""Dials: directions that move a query, learnt from examples and from feedback."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _core
from ._arrays import Points, Vectors, numbers, vector, vectors
from ._attribute import AttributeModel, told
from ._embedding import Embedder, is_text, text_vectors
from .errors import InvalidArgument, NoMeasurableEffect

if TYPE_CHECKING:
    from ._dials import CollectionSteering


#: Names and strengths, as a dict or as pairs.
Dials = Mapping[str, float] | Iterable[tuple[str, float]]


class Effect(NamedTuple):
    """A held-out gain with its 95 % interval, in standard deviations of the attribute score.

    An interval that holds 0 means that the examples do not tell the two kinds apart.
    """

    value: float
    low: float
    high: float


class DialChange(NamedTuple):
    """What :meth:`Steering.retrain` did to one dial."""

    name: str
    liked: int
    disliked: int
    before: Effect | None
    after: Effect | None
    changed: bool


class RetrainReport(NamedTuple):
    """What :meth:`Steering.retrain` did."""

    #: Ratings that were looked at.
    events: int
    #: Ratings that the noise filter left out.
    dropped: int
    #: Users who gave them.
    users: int
    dials: list[DialChange]


class SteeringVector:
    """A direction that raises a quality, with its calibrated strength and its measured effect.

    Arithmetic is that of the vectors. Half a vector steers half as far:

    >>> import numpy as np, ragcore as rag
    >>> rng = np.random.default_rng(0)
    >>> liked = rng.normal(size=(50, 8)) + np.eye(8)[0]
    >>> disliked = rng.normal(size=(50, 8)) - np.eye(8)[0]
    >>> dial = rag.SteeringVector.learn(liked, disliked, name="bold")
    >>> dial.effect.low > 0
    True
    >>> query = np.eye(8, dtype=np.float32)[1]
    >>> np.array_equal((0.5 * dial).apply(query), dial.apply(query, 0.5))
    True
    >>> np.array_equal(dial.apply(query, 0.0), query)
    True
    """

    __slots__ = ("_inner",)
    _inner: _core.SteeringVector

    def __init__(
        self,
        vector: object,
        *,
        name: str = "",
        scale: float = 1.0,
        effect: tuple[float, float, float] | None = None,
    ) -> None:
        """A direction that was learnt elsewhere; ``scale`` is the length of a strength of 1."""
        self._inner = _core.SteeringVector.from_parts(name, _one(vector, "vector"), scale, effect)

    @classmethod
    def _wrap(cls, core: _core.SteeringVector) -> SteeringVector:
        self = cls.__new__(cls)
        self._inner = core
        return self

    @classmethod
    def learn(
        cls,
        positive: object,
        negative: object,
        *,
        embedder: Embedder | None = None,
        name: str = "",
        method: str = "auto",
        ridge: float = 1.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> SteeringVector:
        """Learns the direction from ``negative`` to ``positive`` examples.

        Both are lists of texts, embedded by ``embedder`` (the built-in one if None), or arrays of
        shape (n, dim). ``method``: ``"auto"``, ``"ridge_lda"``, ``"logistic"``,
        ``"mean_difference"`` or ``"pca"``.
        """
        liked, disliked, _ = examples(positive, negative, embedder)
        core = _core.SteeringVector.learn(
            liked, disliked, name=name, method=method, ridge=ridge, c=c, folds=folds, seed=seed
        )
        return learnt(core)

    @property
    def vector(self) -> Vectors:
        """The direction, (dim,): of length 1 as learnt."""
        return self._inner.vector

    @property
    def name(self) -> str:
        """The name, also of what arithmetic made."""
        return self._inner.name

    @property
    def dim(self) -> int:
        """Numbers in the vector."""
        return self._inner.dim

    @property
    def scale(self) -> float:
        """How much of the vector a strength of 1 adds to a unit query."""
        return self._inner.scale

    @property
    def effect(self) -> Effect | None:
        """The held-out gain; None for a direction that was not measured, such as a sum."""
        return _effect(self._inner.effect)

    def named(self, name: str) -> SteeringVector:
        """The same vector under another name."""
        return self._wrap(self._inner.named(name))

    def calibrated(
        self,
        documents: object,
        *,
        loss: float = 0.03,
        neighbours: int = 10,
        max_queries: int = 100,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> SteeringVector:
        """The same direction with its strength measured on ``documents``, (n, dim)."""
        core = self._inner.calibrated(
            vectors(documents, "documents"),
            loss=loss,
            neighbours=neighbours,
            max_queries=max_queries,
            max_documents=max_documents,
            seed=seed,
        )
        return self._wrap(core)

    def orthogonal_to(self, other: SteeringVector) -> SteeringVector:
        """What is left when the part along ``other`` is taken away."""
        return self._wrap(self._inner.orthogonal_to(other._inner))

    def apply(self, query_vector: object, strength: float = 1.0) -> Vectors:
        """The query moved by the vector, at length 1; a strength of 0 changes nothing."""
        return self._inner.apply(_one(query_vector, "query_vector"), strength)

    def __add__(self, other: SteeringVector) -> SteeringVector:
        if not isinstance(other, SteeringVector):
            return NotImplemented
        return self._wrap(self._inner.plus(other._inner))

    def __sub__(self, other: SteeringVector) -> SteeringVector:
        if not isinstance(other, SteeringVector):
            return NotImplemented
        return self._wrap(self._inner.minus(other._inner))

    def __neg__(self) -> SteeringVector:
        return self._wrap(self._inner.negated())

    def __mul__(self, factor: float) -> SteeringVector:
        if not isinstance(factor, (int, float, np.number)):
            return NotImplemented
        return self._wrap(self._inner.times(float(factor)))

    __rmul__ = __mul__
    # Or a NumPy scalar on the left would make an array of vectors.
    __array_ufunc__ = None

    def __reduce__(self) -> tuple[Any, ...]:
        inner = self._inner
        return _restore_vector, (inner.name, inner.vector, inner.scale, inner.effect)

    def __repr__(self) -> str:
        effect = self.effect
        told = "unmeasured"
        if effect is not None:
            told = f"{effect.value:.2f} [{effect.low:.2f}, {effect.high:.2f}]"
        return f"SteeringVector({self.name!r}, dim={self.dim}, effect={told})"


def learnt(core: _core.SteeringVector) -> SteeringVector:
    """The vector of a public ``learn``, with a warning where it shows no effect."""
    made = SteeringVector._wrap(core)
    if not core.measurable:
        effect = made.effect
        told = f"{effect.value:.2f} [{effect.low:.2f}, {effect.high:.2f}]" if effect else "none"
        warnings.warn(
            f"the examples show no measurable effect: {told} standard deviations; give more, or "
            "clearer ones",
            NoMeasurableEffect,
            stacklevel=3,
        )
    return made


class Steering:
    """A named set of dials, and what users liked.

    >>> import ragcore as rag
    >>> steering = rag.Steering([rag.SteeringVector([0.0, 1.0], name="trust", scale=0.5)])
    >>> x, y = steering.apply([1.0, 0.0], dials={"trust": 1.0})
    >>> print(round(y / x, 3))
    0.5

    An unknown user changes nothing, since every user is unknown at first; an unknown dial is an
    error that names those there are.

    >>> steering.apply([1.0, 0.0], user="nobody").tolist()
    [1.0, 0.0]
    >>> steering.apply([1.0, 0.0], dials={"thrust": 1.0})
    Traceback (most recent call last):
    ragcore.errors.NotFound: no dial is called "thrust"; there are trust
    """

    __slots__ = ("_inner",)
    _inner: _core.Steering

    def __init__(self, vectors: Iterable[SteeringVector] = ()) -> None:
        self._inner = _core.Steering()
        for dial in vectors:
            self.add(dial)

    @classmethod
    def _wrap(cls, core: _core.Steering) -> Steering:
        self = cls.__new__(cls)
        self._inner = core
        return self

    def add(self, vector: SteeringVector) -> None:
        """Adds a dial under its own name."""
        self._inner.insert(vector._inner)

    def learn(
        self,
        name: str,
        positive: object,
        negative: object,
        *,
        embedder: Embedder | None = None,
        method: str = "auto",
        ridge: float = 1.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> SteeringVector:
        """Learns a dial as :meth:`SteeringVector.learn` does, and adds it.

        From texts on both sides it learns an :class:`AttributeModel` too.
        """
        liked, disliked, fingerprint = examples(positive, negative, embedder)
        if fingerprint is not None:
            self._inner.set_model(fingerprint)
        core = self._inner.learn(
            name, liked, disliked, method=method, ridge=ridge, c=c, folds=folds, seed=seed
        )
        texts = told(positive, liked, "positive"), told(negative, disliked, "negative")
        if texts[0] is not None and texts[1] is not None:
            self._inner.learn_attribute(name, texts[0], texts[1], folds=folds, seed=seed)
        return learnt(core)

    def attribute(self, name: str) -> AttributeModel | None:
        """What tells how likely a text has the quality of a dial, if that was learnt from texts."""
        core = self._inner.attribute(name)
        return None if core is None else AttributeModel._wrap(core)

    def set_attribute(self, name: str, model: AttributeModel | None) -> None:
        """Gives a dial such a model, or takes its own away."""
        self._inner.set_attribute(name, None if model is None else model._inner)

    @property
    def dials(self) -> list[str]:
        """The names of the dials, in alphabetical order."""
        return self._inner.dials()

    @property
    def users(self) -> list[str]:
        """The users of whom there are ratings, in alphabetical order."""
        return self._inner.users()

    def __getitem__(self, name: str) -> SteeringVector:
        return SteeringVector._wrap(self._inner.get(name))

    def __contains__(self, name: object) -> bool:
        return name in self._inner.dials()

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner.dials())

    def __len__(self) -> int:
        return len(self._inner.dials())

    def remove(self, name: str) -> None:
        """Takes a dial out."""
        self._inner.remove(name)

    def calibrate(
        self,
        documents: object,
        *,
        loss: float = 0.03,
        neighbours: int = 10,
        max_queries: int = 100,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> None:
        """Measures the strength of every dial on ``documents``, (n, dim)."""
        self._inner.calibrate(
            vectors(documents, "documents"),
            loss=loss,
            neighbours=neighbours,
            max_queries=max_queries,
            max_documents=max_documents,
            seed=seed,
        )

    def orthogonalize(self) -> None:
        """Turns all dials as little as possible so that none moves another."""
        self._inner.orthogonalize()

    def apply(
        self,
        query_vector: object,
        dials: Dials | None = None,
        user: str | None = None,
    ) -> Vectors:
        """The query moved by the dials and by what is known of the user, at length 1.

        If nothing moves it, it comes back bit for bit.
        """
        return self._inner.apply(_one(query_vector, "query_vector"), strengths(dials), user)

    def feedback(
        self,
        query_vector: object,
        item_vector: object,
        rating: float,
        *,
        user: str | None = None,
        dials: Dials | None = None,
        at: float | None = None,
    ) -> None:
        """Tells how well an item answered a query: ``rating`` in [0, 1], ``at`` in unix seconds.

        ``dials`` are those that the query was steered by.
        """
        query, item = _one(query_vector, "query_vector"), _one(item_vector, "item_vector")
        self._inner.feedback(query, item, rating, user, strengths(dials), at)

    def retrain(
        self,
        *,
        half_life: float = 2_592_000.0,
        sigma: float = 3.0,
        per_user: int = 50,
        min_examples: int = 10,
        folds: int = 5,
        seed: int = 0,
    ) -> RetrainReport:
        """Learns the dials again from the ratings that pass the noise filter.

        A dial changes only if its held-out effect does not get worse.
        """
        return report(
            self._inner.retrain(
                half_life=half_life,
                sigma=sigma,
                per_user=per_user,
                min_examples=min_examples,
                folds=folds,
                seed=seed,
            )
        )

    def forget(self, user: str) -> bool:
        """Removes everything about a user; whether there was anything."""
        return self._inner.forget(user)

    def merge(self, other: Steering | CollectionSteering) -> None:
        """Takes in the dials and ratings of another set; the order does not matter."""
        steering = other if isinstance(other, Steering) else other.copy()
        self._inner.merge(steering._inner)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to one file; a reader sees the old file or the new one."""
        self._inner.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Steering:
        """Reads what :meth:`save` wrote."""
        return cls._wrap(_core.Steering.load(os.fspath(path)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_set, (self._inner.to_bytes(),)

    def __repr__(self) -> str:
        return f"Steering(dials={self.dials}, users={len(self.users)})"


def filter_feedback(
    ratings: object, at: object, *, half_life: float, sigma: float = 3.0, method: str = "mad"
) -> tuple[Points, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The noise filter on its own: (weights, kept) of ratings given at the times ``at``.

    Ratings further than ``sigma`` robust standard deviations from the median are dropped, the
    others weigh half after ``half_life`` seconds, counted from the newest one kept.

    >>> import ragcore as rag
    >>> ratings, at = [0.4, 0.5, 0.6, 0.5, 9.0], [0, 60, 0, 60, 600]
    >>> weights, kept = rag.filter_feedback(ratings, at, half_life=60)
    >>> weights.tolist()
    [0.5, 1.0, 0.5, 1.0, 0.0]
    """
    return _core.filter_feedback(
        numbers(ratings, "ratings"), numbers(at, "at"), half_life, sigma=sigma, method=method
    )


def examples(
    positive: object, negative: object, embedder: Embedder | None
) -> tuple[Vectors, Vectors, str | None]:
    """Both sets as vectors, and the fingerprint of the model if it was asked."""
    liked, by_text = text_vectors(positive, "positive", embedder)
    disliked, also = text_vectors(negative, "negative", embedder)
    used = by_text or also
    return liked, disliked, None if used is None else used.fingerprint


def strengths(dials: Dials | None) -> list[tuple[str, float]]:
    """Dials as pairs of name and strength."""
    pairs = dials.items() if isinstance(dials, Mapping) else dials or ()
    try:
        return [(name, float(strength)) for name, strength in pairs]
    except (TypeError, ValueError):
        raise InvalidArgument(f"dials must be a dict of name and strength, got {dials!r}") from None


def report(parts: dict[str, Any]) -> RetrainReport:
    """The plain values of the extension with names."""
    dials = [
        DialChange(name, liked, disliked, _effect(before), _effect(after), changed)
        for name, liked, disliked, before, after, changed in parts["dials"]
    ]
    return RetrainReport(parts["events"], parts["dropped"], parts["users"], dials)


def _effect(parts: tuple[float, float, float] | None) -> Effect | None:
    return None if parts is None else Effect(*parts)


def _one(values: object, name: str) -> Vectors:
    if is_text(values):
        raise InvalidArgument(f"{name} must be a vector, got a text; encode it first")
    return vector(values, name)


def _restore_vector(
    name: str, values: Vectors, scale: float, effect: tuple[float, float, float] | None
) -> SteeringVector:
    return SteeringVector(values, name=name, scale=scale, effect=effect)


def _restore_set(data: bytes) -> Steering:
    return Steering._wrap(_core.Steering.from_bytes(data))
