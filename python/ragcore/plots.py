"""Pictures of what dials do, of where users go and of what bandits believe.

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

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ._bandit import Bandit
from ._charts import Grid, Line, Lines, Svg, draw
from ._dials import CollectionSteering
from ._steering import Steering
from .errors import InvalidArgument

__all__ = ["Svg", "cross_talk", "drift", "gain", "plot_bandit"]

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


def plot_bandit(
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
        lines.append(Line(name, [e.value for e in found], middle, (below, above)))
    return draw(Lines("What the bandit believes", label, "expected reward", lines), backend)


def _on_a_line(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise InvalidArgument(
            f"a picture needs arms that are numbers on a line, got {value!r}; look at "
            "bandit.estimates instead"
        )
    return value


def _names(steering: Steering | CollectionSteering) -> list[str]:
    return list(steering.dials)


def _needed(documents: object) -> object:
    if documents is None:
        raise InvalidArgument(
            "a free steering set needs documents to be measured on: give an array of (n, dim)"
        )
    return documents
