"""Fronts of several objectives: who is on them, in what order, and how much they cover."""

from __future__ import annotations

from collections.abc import Sequence

from . import _core
from ._arrays import Keys, Points, numbers
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
