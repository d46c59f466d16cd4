"""The dials of a collection: see :class:`CollectionSteering`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import _core
from ._arrays import Points, Vectors, numbers
from ._arrays import vector as as_vector
from ._arrays import vectors as as_vectors
from ._attribute import AttributeModel
from ._steering import (
    CurvePoint,
    Dials,
    RetrainReport,
    Steering,
    SteeringVector,
    Taste,
    TasteAt,
    joint,
    learnt,
    points,
    report,
    strengths,
    taste_of,
)
from ._texts import texts as as_texts
from ._texts import texts_or_vectors


class CollectionSteering:
    """The dials and users of a collection: as :class:`Steering`, kept in the collection's log.

    >>> import ragcore as rag
    >>> col = rag.open(dim=2)
    >>> col.add(["north", "east"], vectors=[[0.0, 1.0], [1.0, 0.0]])
    >>> col.steering.add(rag.SteeringVector([0.0, 1.0], name="up", scale=0.5))
    >>> col.search([1.0, 0.9], steer={"up": 1.0}).ids
    ['north', 'east']
    >>> col.search([1.0, 0.9], steer={"up": 0.0}).ids
    ['east', 'north']
    """

    __slots__ = ("_inner",)
    _inner: _core.CollectionSteering

    def __init__(self) -> None:
        raise TypeError("this is made by Collection.steering")

    @classmethod
    def _of(cls, core: _core.Collection) -> CollectionSteering:
        self = cls.__new__(cls)
        self._inner = core.steering()
        return self

    def learn(
        self,
        name: str,
        positive: object,
        negative: object,
        *,
        method: str = "auto",
        ridge: float = 3.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> SteeringVector:
        """Learns a dial from texts or vectors, calibrates it on the documents here and keeps it.

        Texts are embedded by the collection's embedder. From texts on both sides an
        :class:`AttributeModel` is learnt too, for searches with ``steer_mode="rerank"``.
        """
        core = self._inner.learn(
            name,
            _examples(positive, "positive"),
            _examples(negative, "negative"),
            method=method,
            ridge=ridge,
            c=c,
            folds=folds,
            seed=seed,
        )
        return learnt(core)

    def learn_joint(
        self,
        examples: Mapping[str, object],
        *,
        method: str = "auto",
        ridge: float = 3.0,
        folds: int = 5,
        seed: int = 0,
    ) -> list[SteeringVector]:
        """Learns several dials together as :meth:`Steering.learn_joint` does, and keeps them all.

        They are calibrated on the documents here. Texts are embedded by the collection's embedder.
        """
        sets = []
        for name, positive, negative in joint(examples):
            place = f"examples[{name!r}]"
            lacking = None if negative is None else _examples(negative, place)
            sets.append((name, _examples(positive, place), lacking))
        cores = self._inner.learn_joint(sets, method=method, ridge=ridge, folds=folds, seed=seed)
        dials = []
        for core in cores:
            dials.append(learnt(core))
        return dials

    def curve(
        self,
        name: str,
        strengths: object,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> list[CurvePoint]:
        """Gain and loss of a dial at each of ``strengths`` on the documents here."""
        found = self._inner.curve(
            name,
            numbers(strengths, "strengths"),
            neighbours=neighbours,
            max_queries=max_queries,
            max_documents=max_documents,
            seed=seed,
        )
        return points(found)

    def cross_talk(
        self,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> Points:
        """How far each dial turns the others here, (k, k): see :meth:`Steering.cross_talk`."""
        return self._inner.cross_talk(
            neighbours=neighbours,
            max_queries=max_queries,
            max_documents=max_documents,
            seed=seed,
        )

    def add(self, vector: SteeringVector) -> None:
        """Keeps a dial that was learnt elsewhere, calibrated on the documents here."""
        self._inner.insert(vector._inner)

    @property
    def dials(self) -> list[str]:
        """The names of the dials, in alphabetical order."""
        return self._inner.dials()

    @property
    def users(self) -> list[str]:
        """The users of whom there are ratings, in alphabetical order."""
        return self._inner.copy().users()

    def __getitem__(self, name: str) -> SteeringVector:
        return SteeringVector._wrap(self._inner.get(name))

    def __contains__(self, name: object) -> bool:
        return name in self._inner.dials()

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner.dials())

    def __len__(self) -> int:
        return len(self._inner.dials())

    def attribute(self, name: str) -> AttributeModel | None:
        """What tells how likely a text has the quality of a dial, if that was learnt from texts."""
        core = self._inner.attribute(name)
        return None if core is None else AttributeModel._wrap(core)

    def set_attribute(self, name: str, model: AttributeModel | None) -> None:
        """Gives a dial such a model, calibrated on the documents here, or takes its own away."""
        self._inner.set_attribute(name, None if model is None else model._inner)

    def probabilities(self, name: str, ids: object) -> np.ndarray[Any, np.dtype[np.float32]]:
        """How likely documents have the quality of a dial: what reranking by it adds up."""
        return self._inner.probabilities(name, as_texts(ids, "ids"))

    def remove(self, name: str) -> None:
        """Takes a dial out."""
        self._inner.remove(name)

    def apply(
        self,
        query_vector: object,
        dials: Dials | None = None,
        user: str | None = None,
        *,
        application: str = "additive",
        max_loss: float | None = None,
    ) -> Vectors:
        """Moves a query vector as a search with these options would."""
        return self._inner.apply(
            as_vector(query_vector, "query_vector"),
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
        """Tells how well an item answered a query, as :meth:`Steering.feedback` does.

        Durable before it returns.
        """
        query = as_vector(query_vector, "query_vector")
        item = as_vector(item_vector, "item_vector")
        self._inner.feedback(query, item, rating, user, strengths(dials), at, position)

    def taste(self, user: str) -> Taste:
        """What moves the queries of ``user``: see :meth:`Steering.taste`."""
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
        """Learns the dials again from the ratings that pass the noise filter."""
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
        steering = other.copy() if isinstance(other, CollectionSteering) else other
        self._inner.merge(steering._inner)

    def replace(self, other: Steering | CollectionSteering) -> None:
        """Takes a set in the place of everything that was learnt here, to the bit: what makes all
        shards of one collection steer alike (:class:`ShardRequest`).
        """
        steering = other.copy() if isinstance(other, CollectionSteering) else other
        self._inner.replace(steering._inner)

    def copy(self) -> Steering:
        """The set as it is now, free of the collection: to merge elsewhere or to save."""
        return Steering._wrap(self._inner.copy())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the set as it is now to one file, for :meth:`Steering.load`."""
        self.copy().save(path)

    def __repr__(self) -> str:
        return f"CollectionSteering(dials={self.dials})"


def _examples(values: object, name: str) -> list[str] | Vectors:
    listed, rest = texts_or_vectors(values, name)
    return as_vectors(rest, name) if listed is None else listed
