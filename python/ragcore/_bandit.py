"""Weights that tune themselves: see :class:`Bandit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import _core
from ._arrays import numbers
from .errors import InvalidArgument

#: Answers the value that it would choose, given the domain and the context.
Policy = Callable[[str, list[float] | None], float]


class Choice(NamedTuple):
    """What a bandit chose; ``id`` is what the reward refers to."""

    id: int
    #: The index of the arm; for a continuous range, of the grid point.
    arm: int
    value: float
    #: The probability with which this arm was chosen.
    propensity: float


class Estimate(NamedTuple):
    """What is believed about one arm in one domain."""

    value: float
    mean: float
    #: Standard deviation of ``mean``, the noise of a single reward excluded.
    sd: float
    #: Rewards seen for this very arm, each weighing what the discount left of it.
    count: float  # type: ignore[assignment]  # a tuple's method of that name is no loss


class ValueEstimate(NamedTuple):
    """A mean, estimated from some of what there is, with its interval."""

    value: float
    low: float
    high: float


class Bandit:
    """Chooses values and learns from rewards, one curve for each domain.

    ``arms`` is a list of values, or a tuple ``(low, high)`` for anything in between. ``priors``
    maps domains to a guess of their best value. The arms lie on a line, so neighbours share what
    they learn: three rewards already say something about an arm that was never tried.

    >>> import ragcore as rag
    >>> bandit = rag.Bandit((0.0, 1.0), priors={"healthcare": 0.7}, seed=1)
    >>> bandit.best("healthcare")
    0.7
    >>> for _ in range(100):
    ...     choice = bandit.choose("healthcare")
    ...     bandit.reward(choice, 1.0 - (choice.value - 0.3) ** 2)
    >>> abs(bandit.best("healthcare") - 0.3) < 0.15
    True

    Rewards may come late, in any order, or never; a second one for the same choice is an error.

    >>> bandit.reward(choice, 1.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ragcore.errors.InvalidArgument: choice ... was already rewarded, or forgotten...
    """

    __slots__ = ("_inner",)
    _inner: _core.Bandit

    def __init__(
        self,
        arms: Sequence[float] | tuple[float, float],
        *,
        priors: Mapping[str, float] | None = None,
        policy: str = "thompson",
        discount: float = 1.0,
        seed: int | None = None,
        exploration: float | None = None,
        noise: float | None = None,
        propensity_draws: int = 128,
        log_size: int = 10_000,
    ) -> None:
        is_range = isinstance(arms, tuple) and len(arms) == 2
        self._inner = _core.Bandit(
            numbers(arms, "arms").tolist(),
            is_range,
            [(str(domain), float(value)) for domain, value in (priors or {}).items()],
            policy=policy,
            discount=discount,
            seed=seed,
            exploration=exploration,
            noise=noise,
            propensity_draws=propensity_draws,
            log_size=log_size,
        )

    @classmethod
    def _wrap(cls, core: _core.Bandit) -> Bandit:
        self = cls.__new__(cls)
        self._inner = core
        return self

    def choose(self, domain: str = "general", *, context: Sequence[float] | None = None) -> Choice:
        """Chooses an arm; tell what it earned with :meth:`reward`.

        ``context`` is kept in the log for :meth:`evaluate`.
        """
        numeric = None if context is None else numbers(context, "context").tolist()
        return Choice(*self._inner.choose(domain, numeric))

    def reward(self, choice_or_id: Choice | int, reward: float) -> None:
        """Tells what a choice earned, about 0 to 1."""
        self._inner.reward(_id(choice_or_id), reward)

    def best(self, domain: str) -> float:
        """The value with the highest expected reward."""
        return self._inner.best(domain)

    def _greedy(self, domain: str, context: list[float] | None) -> float:
        return self.best(domain)

    @property
    def domains(self) -> list[str]:
        """The domains seen or given a prior, in alphabetical order."""
        return self._inner.domains()

    def estimates(self, domain: str) -> list[Estimate]:
        """What is believed about every arm, in their order."""
        return [Estimate(*row) for row in self._inner.estimates(domain)]

    @property
    def log(self) -> list[dict[str, Any]]:
        """The rewarded choices, oldest first; ``"arm"`` is the value."""
        return [dict(zip(_LOG, row, strict=True)) for row in self._inner.log()]

    @property
    def outstanding(self) -> int:
        """Choices that wait for their reward."""
        return self._inner.outstanding()

    def evaluate(
        self,
        policy: Policy | Bandit,
        log: Iterable[Mapping[str, Any]] | None = None,
        *,
        method: str = "switch-dr",
    ) -> ValueEstimate:
        """What ``policy`` would have earned on average over the choices of ``log``.

        ``policy`` is a function of (domain, context) that answers a value, or a bandit, whose
        best values are taken. ``log`` is in the form of :attr:`log`, which is the default.
        ``method``: ``"switch-dr"``, ``"dr"``, ``"snips"`` or ``"ips"``.
        """
        ask = policy._greedy if isinstance(policy, Bandit) else policy
        entries = None if log is None else [_entry(i, row) for i, row in enumerate(log)]
        return ValueEstimate(*self._inner.evaluate(ask, entries, method=method))

    def merge(self, other: Bandit) -> None:
        """Adds what another worker's bandit has learnt. The order of merging does not matter."""
        self._inner.merge(other._inner)

    def reseed(self, seed: int) -> None:
        """Starts all draws and ids anew: for workers that begin with copies of one bandit."""
        self._inner.reseed(seed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to one file; a reader sees the old file or the new one."""
        self._inner.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Bandit:
        """Reads what :meth:`save` wrote."""
        return cls._wrap(_core.Bandit.load(os.fspath(path)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._inner.to_bytes(),)

    def __repr__(self) -> str:
        return f"Bandit(domains={self.domains}, outstanding={self.outstanding})"


_LOG = ("domain", "context", "arm", "reward", "propensity")


def _restore(data: bytes) -> Bandit:
    return Bandit._wrap(_core.Bandit.from_bytes(data))


def _id(choice: Choice | int) -> int:
    number = choice.id if isinstance(choice, Choice) else choice
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**64:
        raise InvalidArgument(f"a choice is what choose() answered, or its id, got {choice!r}")
    return number


def _entry(i: int, row: Mapping[str, Any]) -> tuple[str, list[float] | None, float, float, float]:
    try:
        domain, context, arm, reward, propensity = (row[name] for name in _LOG)
    except (KeyError, TypeError, IndexError):
        raise InvalidArgument(f"log[{i}] must be a dict with the keys {', '.join(_LOG)}") from None
    numeric = None if context is None else numbers(context, f'log[{i}]["context"]').tolist()
    return str(domain), numeric, float(arm), float(reward), float(propensity)
