"""How likely a score is to be relevant: see :class:`Calibration`."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, overload

import numpy as np

from . import _core
from ._arrays import Points, numbers


class CalibrationBin(NamedTuple):
    """Pairs whose held-out probability fell into one tenth."""

    low: float
    high: float
    #: The weight of the pairs in it: their number where every pair weighs 1.
    weight: float
    #: The mean probability that was predicted for them.
    predicted: float
    #: The share of them that is relevant.
    observed: float


class CalibrationReport(NamedTuple):
    """What a curve was fitted to, and how well such a curve does on pairs held out."""

    #: ``"platt"`` or ``"isotonic"``.
    method: str
    #: Pairs seen so far, earlier fits included.
    pairs: int
    #: The weight of the relevant ones, and of the irrelevant ones.
    positives: float
    negatives: float
    #: Folds that were held out; 0 if there were too few pairs, and then the measures are None.
    folds: int
    #: The mean squared error; always predicting the share r of relevant pairs has r * (1 - r).
    brier: float | None
    log_loss: float | None
    #: The expected calibration error over ten bins.
    ece: float | None
    bins: list[CalibrationBin]


class Calibration:
    """A curve from scores to probabilities of relevance. It never falls.

    >>> import ragcore as rag
    >>> scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    >>> relevant = [0, 0, 1, 0, 1, 0, 1, 1]
    >>> fitted = rag.Calibration.fit(scores, relevant)
    >>> fitted.predict(0.75) > 0.6
    True
    >>> fitted.report.method, fitted.report.pairs
    ('platt', 8)

    Both sides are needed: what is relevant cannot be told from what is not by one of them.

    >>> rag.Calibration.fit([0.5, 0.6], [1, 1])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ragcore.errors.InvalidArgument: a calibration needs relevant and irrelevant pairs, ...
    """

    __slots__ = ("_inner",)
    _inner: _core.Calibration

    def __init__(self) -> None:
        raise TypeError("make one with Calibration.fit, Calibration.load or Calibration.from_bytes")

    @classmethod
    def _wrap(cls, core: _core.Calibration) -> Calibration:
        self = cls.__new__(cls)
        self._inner = core
        return self

    @classmethod
    def fit(
        cls,
        scores: object,
        relevant: object,
        weights: object = None,
        *,
        method: str = "auto",
        folds: int = 5,
        seed: int = 0,
    ) -> Calibration:
        """Fits a curve to pairs of a score and a relevance: 0, 1 or a share between.

        A pair counts ``weights[i]`` times. ``method``: ``"platt"`` (a sigmoid), ``"isotonic"``
        (steps) or ``"auto"``: the sigmoid below 200 pairs, else whichever predicts held-out pairs
        better. The pairs are dealt to ``folds`` for that and for :attr:`report`.
        """
        pairs = _pairs(scores, relevant, weights)
        return cls._wrap(_core.Calibration.fit(*pairs, method=method, folds=folds, seed=seed))

    @overload
    def predict(self, scores: float) -> float: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, scores: object) -> Points: ...

    def predict(self, scores: object) -> float | Points:
        """The probability of relevance at one score, or an array of them at many."""
        if isinstance(scores, (int, float, np.number)):
            return float(self._inner.predict(numbers([scores], "scores"))[0])
        return self._inner.predict(numbers(scores, "scores"))

    @property
    def report(self) -> CalibrationReport:
        """What the curve was fitted to and how well it does on pairs held out."""
        found = self._inner.report()
        return CalibrationReport(*found[:-1], [CalibrationBin(*row) for row in found[-1]])

    def updated(self, scores: object, relevant: object, weights: object = None) -> Calibration:
        """A calibration of more pairs besides those of this one, of which a sketch was kept.

        The new pairs may all be of one side.
        """
        return self._wrap(self._inner.updated(*_pairs(scores, relevant, weights)))

    def merged(self, other: Calibration) -> Calibration:
        """A calibration of the pairs of both, of which sketches were kept."""
        return self._wrap(self._inner.merged(other._inner))

    def to_bytes(self) -> bytes:
        """Everything in some kilobytes."""
        return self._inner.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Calibration:
        """What :meth:`to_bytes` wrote."""
        return cls._wrap(_core.Calibration.from_bytes(data))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to one file; a reader sees the old file or the new one."""
        self._inner.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Calibration:
        """Reads what :meth:`save` wrote."""
        return cls._wrap(_core.Calibration.load(os.fspath(path)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Calibration.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        r = self.report
        held_out = "" if r.ece is None else f", log_loss={r.log_loss:.4f}, ece={r.ece:.4f}"
        return f"Calibration({r.method}, pairs={r.pairs}{held_out})"


def _pairs(scores: object, relevant: object, weights: object) -> tuple[Points, Points, Any]:
    weighed = None if weights is None else numbers(weights, "weights")
    return numbers(scores, "scores"), numbers(relevant, "relevant"), weighed
