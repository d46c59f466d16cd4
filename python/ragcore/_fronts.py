"""Fronts of several objectives: who is on them, in what order, and how much they cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _core
from ._arrays import Keys, Points, keys, numbers
from ._arrays import points as table
from .errors import InvalidArgument


def pareto_front(points: object, *, maximize: bool | Sequence[bool] = False) -> Keys:
    """The indices, ascending, of the points that no other point dominates.

    ``points`` is (n, d); ``maximize`` is one bool, or one for each column. Equal points all stay.

    >>> import ragcore as rag
    >>> cost_and_quality = [[1.0, 0.2], [5.0, 0.9], [6.0, 0.9], [2.0, 0.5], [2.0, 0.5]]
    >>> rag.pareto_front(cost_and_quality, maximize=[False, True]).tolist()
    [0, 1, 3, 4]
    """
    return _core.pareto_front(table(points, "points"), _flags(maximize))


def nondominated_sort(points: object, *, maximize: bool | Sequence[bool] = False) -> Keys:
    """For each point the front it is on: 0 for the Pareto front, 1 for the front of the rest...

    >>> import ragcore as rag
    >>> rag.nondominated_sort([[1, 4], [2, 2], [3, 3], [2, 2]]).tolist()
    [0, 0, 1, 0]
    """
    return _core.nondominated_sort(table(points, "points"), _flags(maximize))


def crowding_distance(points: object) -> Points:
    """How much room each point of a front has, (n,); infinite at the ends of every column.

    >>> import ragcore as rag
    >>> rag.crowding_distance([[0, 4], [1, 2], [4, 0]]).tolist()
    [inf, 2.0, inf]
    """
    return _core.crowding_distance(table(points, "points"))


def hypervolume(
    points: object, reference: object, *, maximize: bool | Sequence[bool] = False
) -> float:
    """The volume that the points dominate, up to the reference point of shape (d,).

    >>> import ragcore as rag
    >>> rag.hypervolume([[1, 2], [2, 1], [9, 0]], [3, 3])
    3.0
    """
    return _core.hypervolume(
        table(points, "points"), numbers(reference, "reference"), _flags(maximize)
    )


def hypervolume_contributions(
    points: object, reference: object, *, maximize: bool | Sequence[bool] = False
) -> Points:
    """The volume that each point alone dominates, (n,): what :func:`hypervolume` loses without it.

    >>> import ragcore as rag
    >>> rag.hypervolume_contributions([[1, 2], [2, 1], [2.5, 2.5]], [3, 3]).tolist()
    [1.0, 1.0, 0.0]
    """
    return _core.hypervolume_contributions(
        table(points, "points"), numbers(reference, "reference"), _flags(maximize)
    )


def epsilon_front(
    points: object,
    epsilon: object,
    *,
    kind: str = "additive",
    maximize: bool | Sequence[bool] = False,
) -> Keys:
    """The indices, ascending, of a part of the front that stands for all of it.

    Every point is, up to ``epsilon`` in each column, covered by one of them (Laumanns et al.,
    2002). ``epsilon`` is one number above 0, or one for each column; ``kind="multiplicative"``
    makes it a ratio, 0.1 being a tenth more, and needs positive numbers.

    >>> import ragcore as rag
    >>> rag.epsilon_front([[0, 1], [0.01, 0.99], [0.5, 0.5], [1, 0]], 0.1).tolist()
    [1, 2, 3]
    """
    widths = _each(epsilon, "epsilon")
    return _core.epsilon_front(table(points, "points"), widths, _flags(maximize), kind=kind)


def knee(points: object, *, maximize: bool | Sequence[bool] = False) -> int:
    """The index of the point of the front that bulges farthest towards the ideal.

    It has the least sum of columns, each scaled to its range on the front; in two columns it is
    the point farthest from the line through the ends of the front (Das, 1999).

    >>> import ragcore as rag
    >>> rag.knee([[0, 9], [1, 2], [5, 1], [9, 0]])
    1
    """
    return _core.knee(table(points, "points"), _flags(maximize))


def distance_to_ideal(
    points: object, *, weights: object = None, maximize: bool | Sequence[bool] = False
) -> Points:
    """How far each point is from the best of each column, (n,); the least is a good compromise.

    The Euclidean distance, columns scaled to their range on the front and times ``weights``.

    >>> import ragcore as rag
    >>> rag.distance_to_ideal([[0, 4], [1, 2], [4, 0]]).round(3).tolist()
    [1.0, 0.559, 1.0]
    """
    return _core.distance_to_ideal(
        table(points, "points"), _each(weights, "weights"), _flags(maximize)
    )


def chebyshev(
    points: object,
    *,
    weights: object = None,
    reference: object = None,
    rho: float = 0.001,
    maximize: bool | Sequence[bool] = False,
) -> Points:
    """The augmented Chebyshev score of each point, (n,); the least is the best.

    ``max(w x) + rho sum(w x)`` (Steuer and Choo, 1983), where ``x`` is what a point is worse than
    ``reference``, columns scaled to their range on the front. The reference is what is wished for,
    the ideal if None. Unlike a weighted sum it finds points in dents of the front:

    >>> import ragcore as rag
    >>> rag.chebyshev([[0, 4], [2.4, 2.4], [4, 0]], rho=0.0).tolist()
    [1.0, 0.6, 1.0]
    """
    return _core.chebyshev(
        table(points, "points"),
        _each(weights, "weights"),
        _each(reference, "reference"),
        _flags(maximize),
        rho=rho,
    )


class ParetoArchive:
    """A front that is kept while points come, each with a number of yours.

    At most ``capacity`` points stay: beyond that the most crowded one goes, or with
    ``keep="volume"`` the one that alone dominates the least volume up to ``reference``.

    >>> import ragcore as rag
    >>> archive = rag.ParetoArchive(2, maximize=[False, True])
    >>> archive.add([[1.0, 0.2], [5.0, 0.9], [6.0, 0.8]], ids=[7, 8, 9]).tolist()
    [True, True, False]
    >>> archive.ids.tolist()
    [7, 8]
    """

    __slots__ = ("_inner", "_made")
    _inner: _core.ParetoArchive
    _made: tuple[Any, ...]

    def __init__(
        self,
        objectives: int,
        *,
        maximize: bool | Sequence[bool] = False,
        reference: object = None,
        capacity: int = 100,
        keep: str = "crowding",
    ) -> None:
        flags, behind = _flags(maximize), _each(reference, "reference")
        self._inner = _core.ParetoArchive(objectives, flags, behind, capacity=capacity, keep=keep)
        self._made = (objectives, flags, behind, capacity, keep)

    def add(self, points: object, ids: object) -> Any:
        """Offers points, (n, d), with their numbers, (n,); all or none.

        Whether each was kept when it came, (n,). One that is here already under the same number
        is not; other equal points are.
        """
        return self._inner.extend(table(points, "points"), keys(ids, "ids"))

    def merge(self, other: ParetoArchive) -> None:
        """Offers what another archive of the same objectives holds."""
        self._inner.merge(other._inner)

    @property
    def points(self) -> Points:
        """The points, (n, d), those that came first first."""
        return self._inner.points()

    @property
    def ids(self) -> Keys:
        """Their numbers, (n,)."""
        return self._inner.ids()

    def __len__(self) -> int:
        return self._inner.len()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._made, self.points, self.ids)

    def __repr__(self) -> str:
        return f"ParetoArchive({len(self)} points of {self._made[0]} objectives)"


def _restored(made: tuple[Any, ...], points: Points, ids: Keys) -> ParetoArchive:
    objectives, flags, behind, capacity, keep = made
    self = ParetoArchive(objectives, maximize=flags, reference=behind, capacity=capacity, keep=keep)
    self._inner.extend(points, ids)
    return self


def _each(values: object, name: str) -> Points:
    """Numbers for all columns; a single one for all of them, None for none."""
    if values is None:
        return numbers([], name)
    return numbers([values] if isinstance(values, (int, float)) else values, name)


def _flags(maximize: bool | Sequence[bool]) -> list[bool]:
    flags = (
        [maximize] if isinstance(maximize, bool) or not hasattr(maximize, "__iter__") else maximize
    )
    try:
        return [_flag(flag) for flag in flags]
    except ValueError:
        raise InvalidArgument(
            f"maximize must be a bool, or one for each column, got {maximize!r}"
        ) from None


def _flag(flag: object) -> bool:
    if isinstance(flag, bool) or type(flag).__name__ == "bool":
        return bool(flag)
    raise ValueError
