"""Settings of which no other is better in all objectives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._arrays import Points, numbers
from ._arrays import points as table
from ._fronts import _flags, chebyshev, knee
from ._progress import Progress, watcher
from ._texts import column
from .errors import InvalidArgument


class _Knob:
    """What a setting's number means to the objective: a value of a range or of a list."""

    __slots__ = ("core", "values")
    #: What the extension is given: name, kind, bounds and the names of choices.
    core: tuple[str, str, float, float, list[str]]

    def __init__(self, name: str, given: object) -> None:
        #: What stands for the numbers of a setting, or None if they stand for themselves.
        self.values: Sequence[Any] | None = None
        if isinstance(given, range):
            self.values = given
            self.core = (name, "whole", 0.0, float(len(given) - 1), [])
        elif isinstance(given, tuple) and len(given) == 2 and all(map(_is_number, given)):
            self.core = (name, "real", float(given[0]), float(given[1]), [])
        elif isinstance(given, (list, np.ndarray)):
            self.values = list(given)
            self.core = (name, "choice", 0.0, 0.0, [repr(value) for value in self.values])
        else:
            raise InvalidArgument(
                f"the knob {name!r} must be (low, high), a range of whole numbers or a list of "
                f"choices, got {given!r}"
            )

    def value(self, x: float) -> Any:
        return x if self.values is None else self.values[int(x)]

    def number(self, value: object, name: str) -> float:
        if self.values is None:
            return float(numbers([value], name)[0])
        try:
            return float(self.values.index(value))
        except ValueError:
            raise InvalidArgument(
                f"{name} must be one of {self.values!r} in initial settings, got {value!r}"
            ) from None


class Front:
    """What :func:`optimize` found: the settings of which no other is better in all objectives."""

    __slots__ = ("evaluations", "maximize", "objectives", "parameters", "points")
    #: The settings: a dict for each point.
    parameters: list[dict[str, Any]]
    #: The values of the objectives, (n, objectives).
    points: Points
    #: The names of the objectives.
    objectives: list[str]
    #: Their directions.
    maximize: list[bool]
    #: How many settings were evaluated.
    evaluations: int

    def __init__(
        self,
        parameters: list[dict[str, Any]],
        points: Points,
        objectives: list[str],
        maximize: list[bool],
        evaluations: int,
    ) -> None:
        self.parameters = parameters
        self.points = points
        self.objectives = objectives
        self.evaluations = evaluations
        self.maximize = maximize

    @property
    def knee(self) -> dict[str, Any]:
        """The setting of the point that bulges farthest towards the ideal (:func:`knee`)."""
        return self.parameters[knee(self.points, maximize=self.maximize)]

    def best(self, preference: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The setting that suits a preference: weights of objectives by name, all alike if None.

        By the augmented Chebyshev score (:func:`chebyshev`). What is left out weighs nothing.
        """
        weights = None if preference is None else self._weights(preference)
        scores = chebyshev(self.points, weights=weights, maximize=self.maximize)
        return self.parameters[int(scores.argmin())]

    def _weights(self, preference: Mapping[str, float]) -> list[float]:
        for name in preference:
            if name not in self.objectives:
                known = ", ".join(self.objectives)
                raise InvalidArgument(f"there is no objective {name!r}; there are {known}")
        return [float(preference.get(name, 0.0)) for name in self.objectives]

    def to_pandas(self) -> Any:
        """A row for each point: its setting, then its objectives."""
        import pandas as pd

        rows = zip(self.parameters, self.points.tolist(), strict=True)
        names = self.objectives
        return pd.DataFrame([{**p, **dict(zip(names, v, strict=True))} for p, v in rows])

    def plot(self, **options: Any) -> Any:
        """Two objectives against each other: :func:`ragcore.plots.front`."""
        from . import plots

        return plots.front(self, **options)

    def __len__(self) -> int:
        return len(self.parameters)

    def __repr__(self) -> str:
        names = ", ".join(self.objectives)
        return f"Front({len(self)} settings for {names}, of {self.evaluations} evaluated)"

    def _repr_html_(self) -> str:
        from html import escape

        heads = [*(self.parameters[0] if self.parameters else []), *self.objectives]
        cells = "".join(f"<th>{escape(str(head))}</th>" for head in heads)
        rows = []
        order = np.argsort(self.points[:, 0], kind="stable").tolist() if len(self) else []
        for i in order[:50]:
            values = [*self.parameters[i].values(), *self.points[i].tolist()]
            shown = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in values)
            rows.append("<tr>" + "".join(f"<td>{escape(v)}</td>" for v in shown) + "</tr>")
        more = f"<p>and {len(self) - 50} more</p>" if len(self) > 50 else ""
        return f"<table><tr>{cells}</tr>{''.join(rows)}</table>{more}"


def optimize(
    objective: Callable[..., Any],
    parameters: Mapping[str, object],
    *,
    objectives: Sequence[str],
    maximize: bool | Sequence[bool] = False,
    population: int = 32,
    generations: int = 25,
    seed: int = 0,
    crossover: float = 0.9,
    crossover_index: float = 15.0,
    mutation: float | None = None,
    mutation_index: float = 20.0,
    initial: Iterable[Mapping[str, object]] = (),
    batch: bool = False,
    progress: Progress = False,
) -> Front:
    """Searches settings of which no other is better in all objectives, by NSGA-II.

    ``parameters`` are the knobs: ``(low, high)`` is any number between, a ``range`` any of its
    whole numbers, a list one of its values without an order. ``objective`` is given a setting as a
    dict and answers a number for each of ``objectives``, or with ``batch`` a list of settings and
    answers an (n, objectives) array. No setting is evaluated twice, at most ``population *
    generations`` are, those of ``initial`` first; the answer is the front of all of them. What
    the objective raises comes through, NaN is refused by name (Deb et al., 2002).

    >>> import ragcore as rag
    >>> def judge(s):
    ...     return s["weight"] + s["k"] / 20, (1 - s["weight"]) * s["k"]
    >>> front = rag.optimize(
    ...     judge, {"weight": (0.0, 1.0), "k": [5, 10, 20]},
    ...     objectives=("cost", "quality"), maximize=[False, True], generations=10)
    >>> front.best({"quality": 1.0})["k"], front.evaluations
    (20, 320)
    """
    knobs = {name: _Knob(name, given) for name, given in parameters.items()}
    names = column(objectives, "objectives", "strings")

    def setting(row: Sequence[float]) -> dict[str, Any]:
        return {n: knob.value(x) for (n, knob), x in zip(knobs.items(), row, strict=True)}

    def evaluate(rows: Points) -> Points:
        settings = [setting(row) for row in rows.tolist()]
        answers = objective(settings) if batch else [objective(one) for one in settings]
        if len(names) == 1:
            answers = np.reshape(np.asarray(answers), (-1, 1))
        outcomes = table(answers, "what the objective answers")
        if outcomes.shape != (len(settings), len(names)):
            raise InvalidArgument(
                f"the objective must answer {len(names)} numbers for each of {len(settings)} "
                f"settings, got an array of {outcomes.shape}"
            )
        return np.array(outcomes)

    flags = _flags(maximize)
    settings, points, evaluations = _core.optimize(
        evaluate,
        [knob.core for knob in knobs.values()],
        names,
        flags,
        numbers(_initial(initial, knobs), "initial"),
        watcher(progress, "optimize"),
        population=population,
        generations=generations,
        seed=seed,
        crossover=crossover,
        crossover_index=crossover_index,
        mutation=mutation,
        mutation_index=mutation_index,
    )
    found = [setting(row) for row in settings.tolist()]
    flags = flags * len(names) if len(flags) == 1 else flags
    return Front(found, points, list(names), flags, evaluations)


def _initial(given: Iterable[Mapping[str, object]], knobs: Mapping[str, _Knob]) -> list[float]:
    rows: list[float] = []
    for i, setting in enumerate(given):
        if set(setting) != set(knobs):
            raise InvalidArgument(
                f"initial[{i}] must have the knobs {', '.join(knobs)}, got {', '.join(setting)}"
            )
        rows.extend(
            knob.number(setting[name], f"initial[{i}][{name!r}]") for name, knob in knobs.items()
        )
    return rows


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
