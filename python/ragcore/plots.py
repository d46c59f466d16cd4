"""Pictures of what dials do, of where users go, of what bandits believe, of fronts, and of what
routers reach.

Each function gives a Matplotlib figure if Matplotlib is installed, else one of Plotly, else an
:class:`Svg` that notebooks show and that can be saved; ``backend`` asks for one of them.

>>> import ragcore as rag
>>> from ragcore import plots
>>> steering = rag.Steering([rag.SteeringVector([0.0, 1.0], name="up", scale=0.3)])
>>> turns = [i / 10 for i in range(60)]
>>> import numpy as np
>>> documents = np.stack([np.cos(turns), np.sin(turns)], axis=1)
>>> plots.gain(steering, documents, backend="svg")._repr_svg_()[:4]
'<svg'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ._arrays import points as table
from ._bandit import Bandit
from ._charts import Grid, Line, Lines, Svg, draw
from ._dials import CollectionSteering
from ._fronts import knee, pareto_front
from ._optimize import Front
from ._routing import routing_curve
from ._steering import Steering
from .errors import InvalidArgument

__all__ = ["Svg", "bandit", "cross_talk", "drift", "front", "gain", "routing"]

#: Strengths at which a dial is measured.
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


def gain(
    steering: Steering | CollectionSteering,
    documents: object = None,
    *,
    dials: Iterable[str] | None = None,
    strengths: Sequence[float] = STRENGTHS,
    backend: str = "auto",
) -> Any:
    """What each dial gains of its attribute for what it costs: a line a dial, a point a strength.

    ``documents``, (n, dim), play the queries; a collection has its own. Gain is the rise of the
    attribute score in the top ten, in standard deviations of the score; loss the share of the
    similarity of the top ten. The dashed line stands where a dial of 1 should be.
    """
    lines = []
    names = list(_names(steering) if dials is None else dials)
    for name in names:
        if isinstance(steering, CollectionSteering):
            curve = steering.curve(name, strengths)
        else:
            curve = steering[name].curve(_needed(documents), strengths)
        points = sorted((100 * point.loss, point.gain) for point in curve)
        lines.append(Line(name, [x for x, _ in points], [y for _, y in points]))
    label = "attribute gained, standard deviations"
    chart = Lines(
        "What dials gain and cost", "similarity lost, %", label, lines, (3.0, "dial at 1")
    )
    return draw(chart, backend)


def cross_talk(
    steering: Steering | CollectionSteering, documents: object = None, *, backend: str = "auto"
) -> Any:
    """How far turning one dial (row) to 1 turns the others (columns).

    In standard deviations of each dial's score over ``documents``, which a collection has itself.
    Off the diagonal stands what is not meant: learn dials together to have less of it.
    """
    if isinstance(steering, CollectionSteering):
        talk = steering.cross_talk()
    else:
        talk = steering.cross_talk(_needed(documents))
    names = list(_names(steering))
    chart = Grid(
        "Cross-talk between dials", "is moved", "is turned", names, np.asarray(talk).tolist()
    )
    return draw(chart, backend)


def drift(
    steering: Steering | CollectionSteering,
    user: str,
    *,
    dials: Iterable[str] | None = None,
    backend: str = "auto",
) -> Any:
    """Where a user's ratings have taken their queries, rating by rating, told in dials.

    The strengths of the dials that come nearest to what moves the user's queries, and the share of
    it that no dial names. ``dials`` are those that are shown: by default the seven that moved most.
    """
    steps = steering.drift(user)
    if not steps:
        raise InvalidArgument(f"no ratings of the user {user!r} are held; give feedback first")
    known = list(_names(steering))
    most = {name: max(abs(step.taste.dials.get(name, 0.0)) for step in steps) for name in known}
    chosen = sorted(known, key=lambda name: -most[name])[:7] if dials is None else list(dials)
    count = range(1, len(steps) + 1)
    lines = [
        Line(name, list(count), [step.taste.dials.get(name, 0.0) for step in steps])
        for name in chosen
    ]
    lines.append(Line("unnamed share", list(count), [step.taste.unnamed for step in steps]))
    chart = Lines(f"What moves the queries of {user}", "ratings", "strength of dial", lines)
    return draw(chart, backend)


def routing(
    routers: Mapping[str, tuple[object, object]],
    *,
    routes: Mapping[str, tuple[float, float]] | None = None,
    backend: str = "auto",
) -> Any:
    """What routers reach for what they cost: the hull of each one's points, a line a router.

    ``routers`` maps names to costs and qualities, (n,) each: one point a setting, means over the
    same queries. ``routes`` maps the routes to what each costs and earns when it gets everything;
    they are dots, and a router is worth something above the line through the best of them.
    """
    lines = []
    for name, (costs, qualities) in routers.items():
        hull = routing_curve(costs, qualities)
        lines.append(Line(name, [cost for cost, _ in hull], [quality for _, quality in hull]))
    if routes:
        alone = list(routes.values())
        hull = routing_curve([cost for cost, _ in alone], [quality for _, quality in alone])
        lines.append(Line("lots, at best", [c for c, _ in hull], [q for _, q in hull]))
        dots = Line("one route", [c for c, _ in alone], [q for _, q in alone], joined=False)
        lines.append(dots)
    return draw(Lines("What routers reach", "mean cost", "mean quality", lines), backend)


def bandit(
    bandit: Bandit,
    domains: Iterable[str] | None = None,
    *,
    label: str = "value",
    backend: str = "auto",
) -> Any:
    """What a bandit believes that each value earns: a line for each domain.

    The band is two standard deviations of that belief to either side. It is narrow where rewards
    have come in and wide where the bandit would still have to look. ``domains`` are those that are
    shown, by default the first eight; ``label`` says what the values are. The arms must lie on a
    line.
    """
    chosen = bandit.domains[:8] if domains is None else list(domains)
    lines = []
    for name in chosen:
        found = sorted(bandit.estimates(name), key=lambda estimate: _on_a_line(estimate.value))
        middle = [estimate.mean for estimate in found]
        below = [estimate.mean - 2 * estimate.sd for estimate in found]
        above = [estimate.mean + 2 * estimate.sd for estimate in found]
        lines.append(Line(name, [e.value for e in found], middle, band=(below, above)))
    return draw(Lines("What the bandit believes", label, "expected reward", lines), backend)


def _on_a_line(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise InvalidArgument(
            f"a picture needs arms that are numbers on a line, got {value!r}; look at "
            "bandit.estimates instead"
        )
    return value


def front(
    front: Front | object,
    *,
    x: str | int = 0,
    y: str | int = 1,
    maximize: bool | Sequence[bool] = False,
    names: Sequence[str] | None = None,
    backend: str = "auto",
) -> Any:
    """Two objectives of a front against each other: its steps, the points behind it, the knee.

    ``front`` is what :func:`ragcore.optimize` answers, or points of shape (n, d) with ``maximize``
    and the ``names`` of their columns; ``x`` and ``y`` are columns by name or number. The steps
    are the trade between the two alone: what each amount of one buys of the other at best.
    """
    if isinstance(front, Front):
        points, flags, names = front.points, front.maximize, front.objectives
    else:
        points = table(front, "points")
        flags = [maximize] if isinstance(maximize, bool) else list(maximize)
        names = [f"objective {j}" for j in range(points.shape[1])] if names is None else names
    flags = list(flags) * points.shape[1] if len(flags) == 1 else flags
    i, j = (_column(which, list(names)) for which in (x, y))
    pair = points[:, [i, j]]
    on = pareto_front(pair, maximize=[flags[i], flags[j]]).astype(np.intp)
    steps = pair[on][np.lexsort((pair[on][:, 1], pair[on][:, 0]))].tolist()
    path = _staircase(steps, flags[i], flags[j])
    behind = np.delete(pair, on, axis=0).tolist()
    lines = [Line("front", [p[0] for p in path], [p[1] for p in path], dots=False)]
    if behind:
        lines.append(Line("others", [p[0] for p in behind], [p[1] for p in behind], joined=False))
    lines.append(Line("on it", [p[0] for p in steps], [p[1] for p in steps], joined=False))
    if len(pair):
        bulge = pair[knee(pair, maximize=[flags[i], flags[j]])].tolist()
        lines.append(Line("knee", bulge[:1], bulge[1:], joined=False))
    ways = ["more is better" if flags[k] else "less is better" for k in (i, j)]
    labels = [f"{names[k]} ({way})" for k, way in zip((i, j), ways, strict=True)]
    chart = Lines(f"{names[j]} against {names[i]}", labels[0], labels[1], lines)
    return draw(chart, backend)


def _column(which: str | int, names: list[str]) -> int:
    if which in names:
        return names.index(str(which))
    if isinstance(which, int) and 0 <= which < len(names):
        return which
    raise InvalidArgument(f"there is no objective {which!r}; there are {', '.join(names)}")


def _staircase(steps: list[list[float]], up_x: bool, up_y: bool) -> list[list[float]]:
    """The corners between neighbours: what is reached, up to where the next point reaches more."""
    path = steps[:1]
    for (x0, y0), (x1, y1) in pairwise(steps):
        # The worse of both in each column.
        path.append([min(x0, x1) if up_x else max(x0, x1), min(y0, y1) if up_y else max(y0, y1)])
        path.append([x1, y1])
    return path


def _names(steering: Steering | CollectionSteering) -> list[str]:
    return list(steering.dials)


def _needed(documents: object) -> object:
    if documents is None:
        raise InvalidArgument(
            "a free steering set needs documents to be measured on: give an array of (n, dim)"
        )
    return documents
