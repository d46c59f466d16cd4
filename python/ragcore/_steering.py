"""Dials: directions that move a query, learnt from examples and from feedback."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _core
from ._arrays import Keys, Points, Vectors, numbers, vector, vectors
from ._attribute import AttributeModel, told
from ._embedding import Embedder, is_text, text_vectors
from .errors import InvalidArgument, NoMeasurableEffect

if TYPE_CHECKING:
    from ._dials import CollectionSteering


Verdicts = np.ndarray[Any, np.dtype[np.bool_]]
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
    #: What the old direction tells apart on the ratings; None if they were too few.
    before: Effect | None
    #: What the new direction tells apart on ratings that it has not seen.
    after: Effect | None
    #: What the plain difference of liked and disliked tells apart on them, without the dial.
    heuristic: Effect | None
    #: Whether the new direction was taken over.
    changed: bool


class RetrainReport(NamedTuple):
    """What :meth:`Steering.retrain` did."""

    #: Ratings that were looked at.
    events: int
    #: Ratings that the noise filter left out.
    dropped: int
    #: Users who gave them.
    users: int
    #: Users from whom new ones take what all share; 0 if they share nothing.
    crowd: int
    #: How well what is learnt of users tells apart what they liked and disliked later: from the
    #: first four fifths of their ratings, on the last. None if there are too few.
    learnt: Effect | None
    #: The same for the plain difference of what was liked and disliked.
    heuristic: Effect | None
    dials: list[DialChange]


class CurvePoint(NamedTuple):
    """What a dial does at one strength."""

    strength: float
    #: The share of the similarity of the nearest neighbours that it costs.
    loss: float
    #: The rise of the attribute score among them, in its standard deviations.
    gain: float


class Taste(NamedTuple):
    """What is known of a user, and where it takes their queries."""

    #: Ratings taken in.
    ratings: int
    #: How far the user is followed, in [0, 1): 0 for one of whom nothing is known.
    trust: float
    #: The strengths of the dials that come nearest to what moves the user's queries.
    dials: dict[str, float]
    #: The share, in [0, 1], of the squared length of that move that no dial names.
    unnamed: float


class TasteAt(NamedTuple):
    """A user's taste after one of their ratings."""

    #: Unix seconds.
    at: float
    rating: float
    taste: Taste


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
        loss: float | None = None,
    ) -> None:
        """A direction that was learnt elsewhere; ``scale`` is the length of a strength of 1.

        ``loss`` is what a strength of 1 was measured to cost, in [0, 1], if it was.
        """
        values = _one(vector, "vector")
        self._inner = _core.SteeringVector.from_parts(name, values, scale, effect, loss)

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
        ridge: float = 3.0,
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

    @property
    def loss(self) -> float | None:
        """What a strength of 1 was measured to cost: a share of the neighbours' similarity.

        None until it was measured for this direction: a sum, or a vector from elsewhere, has none.
        """
        return self._inner.loss

    def named(self, name: str) -> SteeringVector:
        """The same vector under another name."""
        return self._wrap(self._inner.named(name))

    def calibrated(
        self,
        documents: object,
        *,
        loss: float = 0.03,
        neighbours: int = 10,
        max_queries: int = 400,
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

    def curve(
        self,
        documents: object,
        strengths: object,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> list[CurvePoint]:
        """Gain and loss at each of ``strengths`` on ``documents``, (n, dim).

        The documents play the queries, as in :meth:`calibrated`.

        >>> import numpy as np, ragcore as rag
        >>> turn = np.linspace(0, 6, 60)
        >>> dial = rag.SteeringVector([0.0, 1.0], name="up", scale=0.5)
        >>> none, some = dial.curve(np.column_stack([np.cos(turn), np.sin(turn)]), [0.0, 1.0])
        >>> none
        CurvePoint(strength=0.0, loss=0.0, gain=0.0)
        >>> some.loss > 0 and some.gain > 0
        True
        """
        found = self._inner.curve(
            vectors(documents, "documents"),
            numbers(strengths, "strengths"),
            neighbours=neighbours,
            max_queries=max_queries,
            max_documents=max_documents,
            seed=seed,
        )
        return points(found)

    def apply(
        self,
        query_vector: object,
        strength: float = 1.0,
        *,
        application: str = "additive",
        max_loss: float | None = None,
    ) -> Vectors:
        """The query moved by the vector, at length 1; a strength of 0 changes nothing.

        ``application="additive"`` adds to the unit query, ``"geodesic"`` turns it by the angle that
        an addition at a right angle would, and not beyond where the vector points. What would cost
        more of the neighbours' similarity than ``max_loss``, in [0.0001, 0.5], is shortened.

        >>> import ragcore as rag
        >>> up = rag.SteeringVector([0.0, 1.0], name="up", scale=1.0)
        >>> up.apply([0.0, 1.0], 5.0, application="geodesic").tolist()
        [0.0, 1.0]
        """
        query = _one(query_vector, "query_vector")
        return self._inner.apply(query, strength, application=application, max_loss=max_loss)

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
        parts = (inner.name, inner.vector, inner.scale, inner.effect, inner.loss)
        return _restore_vector, parts

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

    An unknown user changes nothing, since every user is unknown at first, unless :meth:`retrain`
    has found what all share; an unknown dial is an error that names those there are.

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
        ridge: float = 3.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> SteeringVector:
        """Learns a dial as :meth:`SteeringVector.learn` does, and adds it.

        From texts on both sides it learns an :class:`AttributeModel` too.
        """
        liked, disliked, fingerprint = examples(positive, negative, embedder)
        if fingerprint is not None:
            self._inner.check_model(fingerprint)
        core = self._inner.learn(
            name, liked, disliked, method=method, ridge=ridge, c=c, folds=folds, seed=seed
        )
        texts = told(positive, liked, "positive"), told(negative, disliked, "negative")
        if texts[0] is not None and texts[1] is not None:
            self._inner.learn_attribute(name, texts[0], texts[1], folds=folds, seed=seed)
        if fingerprint is not None:
            self._inner.set_model(fingerprint)
        return learnt(core)

    def learn_joint(
        self,
        examples: Mapping[str, object],
        *,
        embedder: Embedder | None = None,
        method: str = "auto",
        ridge: float = 3.0,
        folds: int = 5,
        seed: int = 0,
    ) -> list[SteeringVector]:
        """Learns several dials together, so that turning one does not turn the others.

        ``examples`` maps each name to what has the attribute, or to a tuple of that and what lacks
        it; without the latter it is told from what has the others (of two at least one needs it).
        Texts or arrays of (n, dim), as in :meth:`learn`. All dials are added, or none.
        ``method``: ``"auto"``, or ``"ridge_lda"`` with a ``ridge`` of your own.

        >>> import numpy as np, ragcore as rag
        >>> rng = np.random.default_rng(0)
        >>> warm = rng.normal(size=(60, 8)) + 2 * np.eye(8)[0]
        >>> calm = rng.normal(size=(60, 8)) + 2 * np.eye(8)[1] + np.eye(8)[0]
        >>> steering = rag.Steering()
        >>> dials = steering.learn_joint({"warm": (warm, -warm), "calm": (calm, -calm)})
        >>> [dial.name for dial in dials]
        ['warm', 'calm']
        >>> bool(abs(steering["warm"].vector @ steering["calm"].vector) < 0.2)
        True
        """
        sets, fingerprint = joint_vectors(examples, embedder)
        if fingerprint is not None:
            self._inner.check_model(fingerprint)
        cores = self._inner.learn_joint(sets, method=method, ridge=ridge, folds=folds, seed=seed)
        if fingerprint is not None:
            self._inner.set_model(fingerprint)
        dials = []
        for core in cores:
            dials.append(learnt(core))
        return dials

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
        max_queries: int = 400,
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

    def cross_talk(
        self,
        documents: object,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> Points:
        """How far each dial turns the others: (k, k) in the order of :attr:`dials`.

        Entry (i, j) is the rise of the score of dial j among the nearest neighbours when dial i
        stands at 1, in standard deviations of that score over ``documents``, (n, dim).

        >>> import numpy as np, ragcore as rag
        >>> up = rag.SteeringVector([0.0, 1.0, 0.0], name="up", scale=0.5)
        >>> out = rag.SteeringVector([0.0, 0.0, 1.0], name="out", scale=0.5)
        >>> documents = np.random.default_rng(0).normal(size=(200, 3))
        >>> talk = rag.Steering([out, up]).cross_talk(documents)
        >>> talk.shape, bool(talk[0, 0] > 3 * abs(talk[0, 1]))
        ((2, 2), True)
        """
        return self._inner.cross_talk(
            vectors(documents, "documents"),
            neighbours=neighbours,
            max_queries=max_queries,
            max_documents=max_documents,
            seed=seed,
        )

    def apply(
        self,
        query_vector: object,
        dials: Dials | None = None,
        user: str | None = None,
        *,
        application: str = "additive",
        max_loss: float | None = None,
    ) -> Vectors:
        """The query moved by the dials and by what is known of the user, at length 1.

        If nothing moves it, it comes back bit for bit. ``application`` and ``max_loss`` as in
        :meth:`SteeringVector.apply`: the bound is on what all dials and the user cost together.
        """
        return self._inner.apply(
            _one(query_vector, "query_vector"),
            strengths(dials),
            user,
            application=application,
            max_loss=max_loss,
        )

    def feedback(
        self,
        query_vector: object,
        item_vector: object,
        rating: float,
        *,
        user: str | None = None,
        dials: Dials | None = None,
        at: float | None = None,
        position: int | None = None,
    ) -> None:
        """Tells how well an item answered a query: ``rating`` in [0, 1], ``at`` in unix seconds.

        ``dials`` are those that the query was steered by. ``position`` is where the item stood
        among the hits, from 1: a like further down counts for more (up to ten times), as fewer look
        there. For a time of reading see :func:`rating_of_dwell`.
        """
        query, item = _one(query_vector, "query_vector"), _one(item_vector, "item_vector")
        self._inner.feedback(query, item, rating, user, strengths(dials), at, position)

    def taste(self, user: str) -> Taste:
        """What moves the queries of ``user``, in the words of the dials.

        >>> import ragcore as rag
        >>> steering = rag.Steering([rag.SteeringVector([0.0, 1.0, 0.0], name="calm", scale=0.2)])
        >>> for _ in range(9):
        ...     steering.feedback([1.0, 0.0, 0.0], [0.8, 0.6, 0.0], 1.0, user="ann")
        >>> taste = steering.taste("ann")
        >>> taste.ratings, taste.dials["calm"] > 0.5, taste.unnamed < 0.01
        (9, True, True)
        >>> steering.taste("bob")
        Taste(ratings=0, trust=0.0, dials={'calm': 0.0}, unnamed=0.0)
        """
        return taste_of(self._inner.taste(user))

    def drift(self, user: str) -> list[TasteAt]:
        """The taste of ``user`` after each of their ratings in the history, oldest first."""
        return [TasteAt(at, r, taste_of(taste)) for at, r, taste in self._inner.drift(user)]

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


class Filtered(tuple[Points, Verdicts]):
    """What :func:`filter_feedback` makes of ratings: ``(weights, kept)``, and more by name."""

    #: What each rating counts, (n,): 0 if it was dropped.
    weights: Points
    #: Which ratings were kept, (n,).
    kept: Verdicts
    #: The weighted mean of those kept; NaN if none was.
    mean: float
    #: How far the mean can be relied on, from 0 for no rating towards 1 for very many.
    confidence: float

    def __new__(cls, weights: Points, kept: Verdicts, mean: float, confidence: float) -> Filtered:
        self = super().__new__(cls, (weights, kept))
        self.weights, self.kept, self.mean, self.confidence = weights, kept, mean, confidence
        return self

    def __getnewargs__(self) -> tuple[Points, Verdicts, float, float]:
        return self.weights, self.kept, self.mean, self.confidence

    def __repr__(self) -> str:
        count = f"{int(self.kept.sum())} of {len(self.kept)} kept"
        return f"Filtered({count}, mean={self.mean:.3g}, confidence={self.confidence:.3g})"


def filter_feedback(
    ratings: object,
    at: object,
    *,
    half_life: float,
    users: object = None,
    sigma: float = 3.0,
    method: str = "mad",
    per_user: float = 1.0,
    threads: int | None = None,
) -> Filtered:
    """The noise filter on its own: (weights, kept) of ratings given at the times ``at``.

    Ratings further than ``sigma`` robust standard deviations from the median are dropped, the
    others weigh half after ``half_life`` seconds, counted from the newest one kept. With
    ``users``, a str or an int for each rating, no user's ratings weigh more than ``per_user``
    together. The result also has the ``mean`` of what was kept and its ``confidence``.

    >>> import ragcore as rag
    >>> ratings, at = [0.4, 0.5, 0.6, 0.5, 9.0], [0, 60, 0, 60, 600]
    >>> weights, kept = rag.filter_feedback(ratings, at, half_life=60)
    >>> weights.tolist()
    [0.5, 1.0, 0.5, 1.0, 0.0]

    One who votes three times counts as one of three:

    >>> votes, who = [0, 0, 1, 1, 1], ["ann", "bob", "eve", "eve", "eve"]
    >>> rag.filter_feedback(votes, [0] * 5, half_life=60, users=who)
    Filtered(5 of 5 kept, mean=0.333, confidence=0.522)
    """
    found = _core.filter_feedback(
        numbers(ratings, "ratings"),
        numbers(at, "at"),
        None if users is None else _told_apart(users),
        half_life,
        sigma=sigma,
        method=method,
        per_user=per_user,
        threads=threads,
    )
    return Filtered(*found)


def _told_apart(users: object) -> Keys:
    """A number for each user."""
    if isinstance(users, np.ndarray) and users.ndim == 1 and users.dtype.kind in "iu":
        wide = np.int64 if users.dtype.kind == "i" else np.uint64
        return np.require(users, wide, ["C", "A"]).view(np.uint64)
    listed = users.tolist() if hasattr(users, "tolist") else users
    if is_text(listed) or not isinstance(listed, Iterable):
        raise InvalidArgument(f"users must be a sequence of str or int, got {listed!r}")
    listed = list(listed)
    for kind in set(map(type, listed)):
        if kind is bool or not issubclass(kind, (str, int, np.integer)):
            raise InvalidArgument(f"users must be str or int, got one of {kind.__name__}")
    seen: dict[object, int] = {}
    return np.fromiter((seen.setdefault(u, len(seen)) for u in listed), np.uint64, len(listed))


def examples(
    positive: object, negative: object, embedder: Embedder | None
) -> tuple[Vectors, Vectors, str | None]:
    """Both sets as vectors, and the fingerprint of the model if it was asked."""
    liked, by_text = text_vectors(positive, "positive", embedder)
    disliked, also = text_vectors(negative, "negative", embedder)
    used = by_text or also
    return liked, disliked, None if used is None else used.fingerprint


def joint_vectors(
    examples: Mapping[str, object], embedder: Embedder | None
) -> tuple[list[tuple[str, Vectors, Vectors | None]], str | None]:
    """Name, what has it and what lacks it as vectors, and the fingerprint of the model if asked."""
    sets, asked = [], None
    for name, positive, negative in joint(examples):
        place = f"examples[{name!r}]"
        liked, used = text_vectors(positive, place, asked or embedder)
        asked = asked or used
        disliked = None
        if negative is not None:
            disliked, used = text_vectors(negative, place, asked or embedder)
            asked = asked or used
        sets.append((name, liked, disliked))
    return sets, None if asked is None else asked.fingerprint


def joint(examples: Mapping[str, object]) -> list[tuple[str, object, object]]:
    """Name, what has it, and what lacks it or None; a tuple of two is both."""
    if not isinstance(examples, Mapping):
        kind = type(examples).__name__
        raise InvalidArgument(
            f"examples must be a dict of names and what has the attribute, got {kind}"
        )
    sets: list[tuple[str, object, object]] = []
    for name, given in examples.items():
        if isinstance(given, tuple) and len(given) == 2 and not is_text(given[0]):
            sets.append((name, given[0], given[1]))
        else:
            sets.append((name, given, None))
    return sets


def points(found: list[tuple[float, float, float]]) -> list[CurvePoint]:
    """The plain values of the extension with names."""
    return [CurvePoint(*point) for point in found]


def taste_of(parts: tuple[int, float, list[tuple[str, float]], float]) -> Taste:
    """The plain values of the extension with names."""
    ratings, trust, dials, unnamed = parts
    return Taste(ratings, trust, dict(dials), unnamed)


def rating_of_dwell(seconds: float) -> float:
    """The rating in [0, 1] that a time of reading amounts to: ``1 - 2 ** (-seconds / 30)``.

    One half after thirty seconds, the dwell that satisfied clicks are told by (Fox et al., 2005).
    Negative times and what is not a number give 0.

    >>> import ragcore as rag
    >>> rag.rating_of_dwell(30), rag.rating_of_dwell(float("nan"))
    (0.5, 0.0)
    """
    return _core.rating_of_dwell(seconds)


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
        DialChange(name, liked, not_liked, _effect(old), _effect(new), _effect(plain), changed)
        for (name, liked, not_liked), old, new, plain, changed in parts["dials"]
    ]
    return RetrainReport(
        parts["events"],
        parts["dropped"],
        parts["users"],
        parts["crowd"],
        _effect(parts["learnt"]),
        _effect(parts["heuristic"]),
        dials,
    )


def _effect(parts: tuple[float, float, float] | None) -> Effect | None:
    return None if parts is None else Effect(*parts)


def _one(values: object, name: str) -> Vectors:
    if is_text(values):
        raise InvalidArgument(f"{name} must be a vector, got a text; encode it first")
    return vector(values, name)


def _restore_vector(
    name: str,
    values: Vectors,
    scale: float,
    effect: tuple[float, float, float] | None,
    loss: float | None = None,
) -> SteeringVector:
    return SteeringVector(values, name=name, scale=scale, effect=effect, loss=loss)


def _restore_set(data: bytes) -> Steering:
    return Steering._wrap(_core.Steering.from_bytes(data))
