"""One number made of several that matter: see :class:`Reward`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _core
from .errors import InvalidArgument


class Reward:
    """Weighs named parts into one reward in 0 to 1.

    A part is in 0 to 1, the more the better, unless it has a limit: such a part is spent, as money
    and time are, and counts as ``1 - spent / limit``, nothing from the limit on. ``cost`` always
    has one, a cent in dollars unless ``limits`` names another. Without weights they are
    ``groundedness=0.5, recall=0.4, cost=0.1``. A part that is missing or None is left out and the
    others share its weight.

    >>> import ragcore as rag
    >>> reward = rag.Reward(groundedness=0.5, recall=0.4, cost=0.1)
    >>> round(reward(groundedness=0.8, recall=0.5, cost=0.002), 3)
    0.68
    >>> round(reward(groundedness=0.8, recall=0.5), 3)
    0.667

    Parts may be the caller's own, and so may a whole reward: a number is all that is paid.

    >>> quick = rag.Reward(clicked=0.7, latency=0.3, limits={"latency": 2.0})
    >>> round(quick(clicked=1.0, latency=0.5), 3)
    0.925
    """

    __slots__ = ("_inner",)
    _inner: _core.Reward

    def __init__(self, *, limits: Mapping[str, float] | None = None, **weights: float) -> None:
        self._inner = _core.Reward(_pairs(weights), _pairs(limits or {}))

    def __call__(self, **measured: float | None) -> float:
        """The reward of what was measured."""
        known = {name: value for name, value in measured.items() if value is not None}
        return self._inner.of(_pairs(known))

    @property
    def weights(self) -> dict[str, float]:
        """The parts with their weights."""
        return dict(self._inner.weights())

    @property
    def limits(self) -> dict[str, float]:
        """The parts that are spent, with their limits."""
        return dict(self._inner.limits())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.weights, self.limits)

    def __repr__(self) -> str:
        parts = [f"{name}={weight:g}" for name, weight in self.weights.items()]
        return f"Reward({', '.join(parts)}, limits={self.limits})"


def _restore(weights: dict[str, float], limits: dict[str, float]) -> Reward:
    return Reward(limits=limits, **weights)


def _pairs(values: Mapping[str, float]) -> list[tuple[str, float]]:
    try:
        return [(name, float(value)) for name, value in values.items()]
    except (TypeError, ValueError, AttributeError):
        raise InvalidArgument(f"a reward is made of names and numbers, got {values!r}") from None
