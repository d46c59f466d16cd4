"""Weights that tune themselves: see :class:`Bandit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import _core
from ._arrays import numbers
from .errors import InvalidArgument

#: What an arm is: a number, a name, or a number for each knob of a grid.
Value = float | str | dict[str, float]
#: Answers the value that it would choose, given the domain and the context.
Policy = Callable[[str, list[float] | None], Any]
#: A list of numbers, a tuple of two for anything in between, a list of names, or knobs by name.
Arms = Sequence[float] | Sequence[str] | Mapping[str, Sequence[float]]


class Choice:
    """What a bandit chose; ``id`` is what the reward refers to."""

    __slots__ = ("_core", "_propensity", "arm", "id", "value")
    _fields = ("id", "arm", "value", "propensity")

    id: int
    #: The index of the arm; for a continuous range, of the grid point.
    arm: int
    #: A float, a name, or a float for each knob.
    value: Any

    def __init__(
        self, id: int, arm: int, value: Any, propensity: float | _core.Bandit | None = None
    ) -> None:
        self.id, self.arm, self.value = id, arm, value
        self._core: _core.Bandit | None = None
        self._propensity: float | None = None
        if isinstance(propensity, _core.Bandit):
            self._core = propensity
        else:
            self._propensity = propensity

    @property
    def propensity(self) -> float:
        """The probability with which this arm was chosen, worked out when first asked for."""
        if self._propensity is None:
            if self._core is None:
                raise InvalidArgument("this choice was made without a bandit and a propensity")
            self._propensity = self._core.propensity(self.id)
        return self._propensity

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Choice):
            return NotImplemented
        return (self.id, self.arm, self.value) == (other.id, other.arm, other.value)

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return Choice, (self.id, self.arm, self.value, self.propensity)

    def __repr__(self) -> str:
        return f"Choice(id={self.id}, arm={self.arm}, value={self.value!r})"


class Estimate(NamedTuple):
    """What is believed about one arm in one domain."""

    value: Any
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


class WhatIf(NamedTuple):
    """What a policy would have earned beside what was earned, on average."""

    #: The domain, or ``None`` for all together.
    domain: str | None
    #: Entries of the log.
    count: int  # type: ignore[assignment]  # a tuple's method of that name is no loss
    earned: ValueEstimate
    value: ValueEstimate
    #: ``value`` less ``earned``, entry by entry: above 0 where the policy is better.
    difference: ValueEstimate


class Bandit:
    """Chooses values and learns from rewards, one curve for each domain.

    ``arms`` is a list of values, a tuple ``(low, high)`` for anything in between, a list of names
    without an order, or a dict of up to three knobs by name, each a list or a tuple: then every
    combination is an arm. ``priors`` maps domains to a guess of their best value. Values lie on a
    line, so neighbours share what they learn: three rewards already say something about an arm
    that was never tried.

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

    A context, numbers of about unit size around zero, moves the best value; how much is learnt,
    by all domains together:

    >>> bandit = rag.Bandit((0.0, 1.0), seed=1)
    >>> for i in range(200):
    ...     x = (i % 11) / 5 - 1
    ...     choice = bandit.choose("shop", context=[x])
    ...     bandit.reward(choice, 1.0 - (choice.value - 0.5 - 0.2 * x) ** 2)
    >>> bandit.best("shop", context=[1.0]) - bandit.best("shop", context=[-1.0]) > 0.2
    True
    """

    __slots__ = ("_index", "_inner", "_values")
    _inner: _core.Bandit

    def __init__(
        self,
        arms: Arms,
        *,
        priors: Mapping[str, Any] | None = None,
        policy: str = "thompson",
        discount: float = 1.0,
        adapt: bool = True,
        seed: int | None = None,
        exploration: float | None = None,
        safety: float | None = None,
        noise: float | None = None,
        propensity_draws: int = 256,
        log_size: int = 10_000,
    ) -> None:
        core = _core.Bandit(
            _given(arms),
            policy=policy,
            discount=discount,
            adapt=adapt,
            seed=seed,
            exploration=exploration,
            safety=safety,
            noise=noise,
            propensity_draws=propensity_draws,
            log_size=log_size,
        )
        self._take(core)
        for domain, value in (priors or {}).items():
            self.set_prior(domain, value)

    def _take(self, core: _core.Bandit) -> None:
        self._inner = core
        kind, _, names, knobs = core.arms()
        self._index: list[str] = []
        self._values: list[Any] | None = None
        if kind == "names":
            self._values = list(names)
        elif kind == "grid":
            self._index = [name for name, _, _ in knobs]
            arms = range(len(core.values()))
            self._values = [
                dict(zip(self._index, core.arm_values(arm), strict=True)) for arm in arms
            ]

    @classmethod
    def _wrap(cls, core: _core.Bandit) -> Bandit:
        self = cls.__new__(cls)
        self._take(core)
        return self

    def _value(self, number: float) -> Any:
        return number if self._values is None else self._values[int(number)]

    def _number(self, value: Any) -> float:
        """The number by which the core knows an arm."""
        if self._values is None:
            return float(value)
        if not self._index:
            return float(self._inner.arm_named(value))
        return float(self._inner.arm_at(self._point(value)))

    def _point(self, value: Any) -> list[float]:
        if not isinstance(value, Mapping) or set(value) != set(self._index):
            raise InvalidArgument(
                f"an arm of this bandit is a dict with the keys {', '.join(self._index)}, "
                f"got {value!r}"
            )
        return [float(value[name]) for name in self._index]

    def set_prior(self, domain: str, value: Any) -> None:
        """Sets the guess of the best value in a domain; what was learnt is kept."""
        point = self._point(value) if self._index else [self._number(value)]
        self._inner.set_prior(domain, point)

    def choose(self, domain: str = "general", *, context: Sequence[float] | None = None) -> Choice:
        """Chooses an arm; tell what it earned with :meth:`reward`.

        All contexts of a bandit have the same length.
        """
        core = self._inner
        id, arm, value = core.choose(domain, _context(context))
        return Choice(id, arm, value if self._values is None else self._values[arm], core)

    def choose_many(
        self, queries: Iterable[str | tuple[str, Sequence[float] | None]]
    ) -> list[Choice]:
        """Chooses for many domains, or pairs of domain and context: for all of them or none."""
        pairs = [(q, None) if isinstance(q, str) else (q[0], _context(q[1])) for q in queries]
        core, found = self._inner, self._inner.choose_many(pairs)
        return [Choice(id, arm, self._value(value), core) for id, arm, value in found]

    def reward(self, choice_or_id: Choice | int, reward: float) -> None:
        """Tells what a choice earned, about 0 to 1."""
        self._inner.reward(_id(choice_or_id), reward)

    def reward_many(self, rewards: Iterable[tuple[Choice | int, float]]) -> None:
        """Tells what many choices earned: all of them or, if one is refused, none."""
        self._inner.reward_many([(_id(choice), reward) for choice, reward in rewards])

    def reward_all(self, choice_or_id: Choice | int, rewards: Sequence[float]) -> None:
        """Tells what each arm would have earned in place of the one chosen, where that is known.

        They share the luck of one choice, so all together count as few observations.
        """
        self._inner.reward_all(_id(choice_or_id), numbers(rewards, "rewards").tolist())

    def propensity(self, choice_or_id: Choice | int) -> float:
        """The probability with which a choice was made that waits or is in the log.

        Exact, but for Thompson sampling the share of ``propensity_draws`` draws that are like it.
        """
        return self._inner.propensity(_id(choice_or_id))

    def best(self, domain: str, *, context: Sequence[float] | None = None) -> Any:
        """The value with the highest expected reward."""
        return self._value(self._inner.best(domain, _context(context)))

    @property
    def values(self) -> list[Any]:
        """The arms, in order."""
        return self._inner.values() if self._values is None else list(self._values)

    @property
    def domains(self) -> list[str]:
        """The domains seen or given a prior, in alphabetical order."""
        return self._inner.domains()

    def estimates(self, domain: str, *, context: Sequence[float] | None = None) -> list[Estimate]:
        """What is believed about every arm, in their order."""
        found = self._inner.estimates(domain, _context(context))
        return [Estimate(self._value(value), *rest) for value, *rest in found]

    @property
    def log(self) -> list[dict[str, Any]]:
        """The rewarded choices, oldest first; ``"arm"`` is the value.

        Their propensities are worked out here, which takes some microseconds each.
        """
        rows: list[dict[str, Any]] = [
            dict(zip(_LOG, row, strict=True)) for row in self._inner.log()
        ]
        for row in rows if self._values is not None else ():
            row["arm"] = self._value(row["arm"])
        return rows

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
        ask, entries = self._asked(policy, log)
        return ValueEstimate(*self._inner.evaluate(ask, entries, method=method))

    def what_if(
        self,
        policy: Policy | Bandit,
        log: Iterable[Mapping[str, Any]] | None = None,
        *,
        method: str = "switch-dr",
    ) -> list[WhatIf]:
        """What ``policy`` would have earned beside what was earned: over all, then by domain.

        Arguments as for :meth:`evaluate`.
        """
        ask, entries = self._asked(policy, log)
        found = self._inner.what_if(ask, entries, method=method)
        return [
            WhatIf(domain or None, count, *(ValueEstimate(*ends) for ends in rest))
            for domain, count, *rest in found
        ]

    def _asked(
        self, policy: Policy | Bandit, log: Iterable[Mapping[str, Any]] | None
    ) -> tuple[Callable[[str, list[float] | None], float], list[_core._Entry] | None]:
        entries = None if log is None else [self._entry(i, row) for i, row in enumerate(log)]
        if isinstance(policy, Bandit):
            other = policy
            return lambda domain, x: self._number(other.best(domain, context=x)), entries
        return lambda domain, x: self._number(policy(domain, x)), entries

    def _entry(self, i: int, row: Mapping[str, Any]) -> _core._Entry:
        try:
            domain, context, arm, reward, propensity = (row[name] for name in _LOG)
        except (KeyError, TypeError, IndexError):
            raise InvalidArgument(
                f"log[{i}] must be a dict with the keys {', '.join(_LOG)}"
            ) from None
        numeric = None if context is None else numbers(context, f'log[{i}]["context"]').tolist()
        return str(domain), numeric, self._number(arm), float(reward), float(propensity)

    def merge(self, other: Bandit) -> None:
        """Adds what another worker's bandit has learnt. The order of merging does not matter."""
        self._inner.merge(other._inner)

    def reseed(self, seed: int) -> None:
        """Starts all draws and ids anew: for workers that begin with copies of one bandit."""
        self._inner.reseed(seed)

    def copy(self) -> Bandit:
        """A copy that learns by itself, also of one that lives in a collection."""
        return _restore(self._inner.to_bytes())

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


def _context(context: Sequence[float] | None) -> list[float] | None:
    # A plain list of floats is what the core takes: no array is made of it.
    if context is None:
        return None
    if isinstance(context, list) and all(type(x) is float for x in context):
        return context
    found: list[float] = numbers(context, "context").tolist()
    return found


def _given(arms: Arms) -> _core._Arms:
    """The arms as the core takes them: which kind of value was given decides, nothing else."""
    if isinstance(arms, Mapping):
        knobs = [(str(n), _is_range(k), numbers(k, n).tolist()) for n, k in arms.items()]
        return "grid", [], [], knobs
    named = [arm for arm in arms if isinstance(arm, str)] if not hasattr(arms, "dtype") else []
    if named and len(named) == len(arms):
        return "names", [], named, []
    kind = "range" if _is_range(arms) else "values"
    return kind, numbers(arms, "arms").tolist(), [], []


def _is_range(values: object) -> bool:
    return isinstance(values, tuple) and len(values) == 2
