"""Experiments: :class:`Experiment`, :func:`interleave` and :class:`Interleaving`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from . import _core
from ._texts import texts as as_texts


@dataclass(frozen=True)
class Measure:
    """What is measured in an :class:`Experiment`."""

    #: ``"mean"`` of any numbers, or ``"proportion"`` of ones among zeros and ones.
    kind: str = "mean"
    #: ``"higher"`` or ``"lower"``.
    better: str = "higher"
    #: ``"goal"`` decides who wins, a ``"guardrail"`` must not get worse, the rest is ``"watched"``.
    role: str = "goal"
    #: By how much a guardrail may get worse, in the values' own unit.
    margin: float = 0.0


class Experiment:
    """Variants that users are divided into, and what is measured of them.

    ``variants`` maps names to whole weights; the first is the control. A user's variant depends on
    a hash that is the same in every process, version and language (:func:`stable_hash`). One may
    look at :meth:`status` as often as one likes: ``alpha`` holds over all looks. See
    docs/experiments.md.

    >>> import ragcore as rag
    >>> test = rag.Experiment(
    ...     "ranking", {"old": 50, "new": 50},
    ...     measures={"helped": rag.Measure("proportion"),
    ...               "seconds": rag.Measure(better="lower", role="guardrail", margin=0.1)})
    >>> test.assign("ann") == test.assign("ann")
    True
    >>> test.record("ann", "helped", 1)
    >>> test.status()["winner"] is None
    True
    >>> test.promote("new")
    'new'
    >>> test.assign("bob")
    'new'
    """

    __slots__ = ("_inner",)
    _inner: _core.Experiment

    def __init__(
        self,
        name: str,
        variants: Mapping[str, int],
        *,
        measures: Mapping[str, Measure] | None = None,
        salt: str = "",
        layer: str = "",
        layer_from: int = 0,
        layer_to: int = 1000,
        alpha: float = 0.05,
        min_count: int = 100,
        expected_count: float = 10000.0,
        max_users: int = 100000,
    ) -> None:
        self._inner = _core.Experiment(
            name,
            list(variants.items()),
            [(measure, asdict(given)) for measure, given in (measures or {}).items()],
            salt=salt,
            layer=layer,
            layer_from=layer_from,
            layer_to=layer_to,
            alpha=alpha,
            min_count=min_count,
            expected_count=expected_count,
            max_users=max_users,
        )

    @property
    def name(self) -> str:
        """The name."""
        return self._inner.name()

    def assign(self, user: str) -> str | None:
        """The variant of a user; None for one who is not in the experiment. Who has a variant that
        was stopped gets the control; once one is promoted, everybody gets that.
        """
        return self._inner.assign(user)

    def record(self, user: str, measure: str, value: float) -> None:
        """Counts a value of the user's variant. The statistics take values for independent: record
        one of a user and measure.
        """
        self._inner.record(user, measure, float(value))

    def status(self) -> dict[str, Any]:
        """How it stands: ``winner``, ``promoted``, ``variants`` (``users``, ``stopped``),
        ``measures`` (``means``, ``counts``, and ``comparisons`` with the control: ``difference``,
        ``lower``, ``upper``, ``p_value``, ``decision``), ``sample_ratio`` (``mismatch``).
        """
        return self._inner.status()

    def promote(self, variant: str | None = None) -> str:
        """Gives everybody a variant from now on: by default the one that has won. Returns it."""
        if variant is None:
            return self._inner.promote_winner()
        self._inner.promote(variant)
        return variant

    def overlaps(self, other: Experiment) -> bool:
        """Whether another experiment may have users in common with this one."""
        return self._inner.overlaps(other._inner)

    def to_json(self) -> str:
        """The state; it holds hashes of users, not their names."""
        return self._inner.to_json()

    @classmethod
    def from_json(cls, json: str) -> Experiment:
        """Goes on from a state."""
        made = cls.__new__(cls)
        made._inner = _core.Experiment.from_json(json)
        return made

    def merge(self, other: Experiment | str) -> None:
        """Takes in what another process has counted of the same experiment, from its
        :meth:`to_json`. The same state may come again, and states may come in any order.
        """
        self._inner.merge(other if isinstance(other, str) else other.to_json())

    def __repr__(self) -> str:
        return f"Experiment({self.name!r})"


Team = Literal["a", "b"]


@dataclass(frozen=True)
class Interleaved:
    """A list made of two rankings."""

    #: The results, best first.
    ids: list[str]
    #: Whose each is: ``"a"``, ``"b"``, or None where only one ranking had any left.
    teams: list[str | None]

    def credit(self, clicked: Iterable[str]) -> tuple[int, int]:
        """Clicks of the first and of the second ranking's results."""
        return _core.interleaving_credit(self.ids, self.teams, as_texts(clicked, "clicked"))


def interleave(
    a: Iterable[str], b: Iterable[str], k: int = 10, *, seed: int | None = None
) -> Interleaved:
    """Interleaves two rankings of ids by team draft (Radlinski, Kurup and Joachims, 2008).

    The same seed gives the same list; ``stable_hash(question, user)`` makes one that a user's next
    page has too.

    >>> import ragcore as rag
    >>> mixed = rag.interleave(["x", "y", "z"], ["y", "w", "x"], k=3, seed=1)
    >>> sorted(mixed.teams[:2])
    ['a', 'b']
    """
    ids, teams = _core.interleave(as_texts(a, "a"), as_texts(b, "b"), k, seed)
    return Interleaved(ids, list(teams))


class Interleaving:
    """Which of two rankings is clicked more, over many interleaved lists.

    >>> import ragcore as rag
    >>> test = rag.Interleaving()
    >>> for seed in range(200):
    ...     mixed = rag.interleave(["good", "x"], ["y", "good"], k=2, seed=seed)
    ...     test.record(mixed, ["good"])
    >>> test.status()["better"]
    'a'
    """

    __slots__ = ("_inner",)
    _inner: _core.Interleaving

    def __init__(self, *, alpha: float = 0.05) -> None:
        self._inner = _core.Interleaving(alpha)

    def record(self, shown: Interleaved, clicked: Iterable[str]) -> None:
        """Counts a list that was shown and what was clicked of it."""
        self._inner.record(shown.ids, shown.teams, as_texts(clicked, "clicked"))

    def status(self) -> dict[str, Any]:
        """How it stands: ``a``, ``b`` and ``ties`` (lists that each won), ``share_a``, ``p_value``,
        true whenever it is looked at, and ``better``: None, ``"a"`` or ``"b"``.
        """
        return self._inner.status()

    def to_json(self) -> str:
        """The state."""
        return self._inner.to_json()

    @classmethod
    def from_json(cls, json: str) -> Interleaving:
        """Goes on from a state."""
        made = cls.__new__(cls)
        made._inner = _core.Interleaving.from_json(json)
        return made

    def merge(self, other: Interleaving | str) -> None:
        """Takes in what another process has counted; the same state may come again."""
        self._inner.merge(other if isinstance(other, str) else other.to_json())

    def __repr__(self) -> str:
        return "Interleaving()"


def stable_hash(salt: str, user: str) -> int:
    """The hash by which users are assigned: 64 bits, the same for ever.

    >>> import ragcore as rag
    >>> hex(rag.stable_hash("ranking", "ann"))
    '0x14cfb60d645efc44'
    """
    return _core.stable_hash(salt, user)
