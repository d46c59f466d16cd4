"""How good a search is: see :func:`evaluate` and :func:`compare_runs`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _core
from ._bandit import ValueEstimate
from ._hits import Hit, Hits
from .errors import InvalidArgument, NotFound, Unsupported

_Found = list[tuple[str, list[str], list[float] | None]]
_Judged = list[tuple[str, list[str], list[float]]]


class QueryCounts(NamedTuple):
    """What became of the queries of a run and its judgements."""

    #: Measured: judged, with a relevant document.
    queries: int
    #: Judged without a relevant document: left out.
    without_relevant: int
    #: Measured but absent from the run: they count as nothing found.
    missing: int
    #: In the run but not judged: left out.
    unjudged: int


class Evaluation(Mapping[str, ValueEstimate]):
    """Metrics of a run: ``ev["ndcg@10"]`` is the mean over the queries with its interval."""

    __slots__ = ("_columns", "_text", "counts", "queries")

    _columns: dict[str, tuple[ValueEstimate, list[float]]]
    _text: str
    #: What became of the queries.
    counts: QueryCounts
    #: The ids of the measured queries.
    queries: list[Any]

    def __init__(self) -> None:
        raise TypeError("evaluate() makes one")

    @classmethod
    def _of(cls, found: tuple[Any, ...], names: Mapping[str, Any]) -> Evaluation:
        self = cls.__new__(cls)
        queries, columns, counts, self._text = found
        self.queries = [names.get(query, query) for query in queries]
        self._columns = {name: (ValueEstimate(*mean), row) for name, mean, row in columns}
        self.counts = QueryCounts(*counts)
        return self

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each metric."""
        return {name: mean.value for name, (mean, _) in self._columns.items()}

    @property
    def per_query(self) -> dict[str, dict[Any, float]]:
        """For each metric its value by query."""
        return {
            name: dict(zip(self.queries, row, strict=True))
            for name, (_, row) in self._columns.items()
        }

    def __getitem__(self, metric: str) -> ValueEstimate:
        if metric not in self._columns:
            found = ", ".join(self._columns)
            raise NotFound(f"{metric} was not measured; there are {found}")
        return self._columns[metric][0]

    def __contains__(self, metric: object) -> bool:
        return metric in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{mean.value:.4f}</td>"
            f"<td>{mean.low:.4f} to {mean.high:.4f}</td></tr>"
            for name, (mean, _) in self._columns.items()
        )
        head = "<tr><th>metric</th><th>mean</th><th>interval</th></tr>"
        foot = escape(self._text.rsplit("\n", 1)[-1])
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table><p>{foot}</p>"

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with a row for each query and a column for each metric."""
        try:
            import pandas
        except ImportError:
            raise Unsupported("to_pandas needs pandas: pip install pandas") from None
        columns = {name: row for name, (_, row) in self._columns.items()}
        return pandas.DataFrame(columns, index=pandas.Index(self.queries, name="query"))


class Comparison(NamedTuple):
    """How run ``a`` compares with run ``b``, query by query."""

    metric: str
    #: The means of both runs.
    a: float
    b: float
    #: The mean of ``a - b`` over the queries, with its interval.
    difference: ValueEstimate
    #: How likely so large a difference, of either sign, is between equally good runs.
    p_value: float
    queries: int
    #: Queries at which ``a`` is better, both are the same, ``b`` is better.
    wins: int
    ties: int
    losses: int
    #: All of it in a line.
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from html import escape

        low, high = f"{self.difference.low:+.4f}", f"{self.difference.high:+.4f}"
        cells = {
            "metric": self.metric,
            "a": f"{self.a:.4f}",
            "b": f"{self.b:.4f}",
            "a - b": f"{self.difference.value:+.4f}",
            "interval": f"{low} to {high}",
            "p": f"{self.p_value:.4f}",
            "queries": self.queries,
            "wins / ties / losses": f"{self.wins} / {self.ties} / {self.losses}",
        }
        head = "".join(f"<th>{escape(name)}</th>" for name in cells)
        row = "".join(f"<td>{escape(str(value))}</td>" for value in cells.values())
        return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"


def evaluate(
    run: object,
    qrels: object,
    metrics: Iterable[str] = ("ndcg@10", "recall@10", "mrr@10", "map@10"),
    *,
    gain: str = "linear",
    min_grade: float | None = None,
    ignore_identical_ids: bool = False,
    interval: str = "bootstrap",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Evaluation:
    """Measures what was found against what is relevant, as trec_eval and BEIR do.

    ``run`` maps query ids to rankings: ids best first, :class:`Hits`, or ids with scores (a dict).
    ``qrels`` maps them to grades by document id, or to relevant ids. A list, such as
    ``Collection.search_many`` answers, belongs to the queries of ``qrels`` in their order.
    Metrics are ``ndcg``, ``recall``, ``mrr``, ``map``, ``precision``, ``success`` and ``judged``
    with a cutoff. ``gain`` is ``"linear"`` or ``"exponential"``, ``interval`` ``"bootstrap"`` or
    ``"t"``.

    >>> import ragcore as rag
    >>> qrels = {"q1": {"a": 2, "b": 1}, "q2": {"c": 1}}
    >>> ev = rag.evaluate({"q1": ["b", "a"], "q2": ["x", "c"]}, qrels, ["mrr@10"], interval="t")
    >>> ev.mean, ev.per_query["mrr@10"]
    ({'mrr@10': 0.75}, {'q1': 1.0, 'q2': 0.5})

    A judged query that the run lacks counts as nothing found.

    >>> rag.evaluate({"q1": ["b", "a"]}, qrels)["recall@10"].value
    0.5
    """
    judged, names = judgements(qrels)
    found = _core.evaluate(
        _rankings(run, judged, "run"),
        judged,
        [metrics] if isinstance(metrics, str) else list(metrics),
        gain=gain,
        min_grade=min_grade,
        ignore_identical_ids=ignore_identical_ids,
        interval=interval,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    return Evaluation._of(found, names)


def compare_runs(
    a: object,
    b: object,
    qrels: object,
    metric: str = "ndcg@10",
    *,
    test: str = "randomization",
    gain: str = "linear",
    min_grade: float | None = None,
    ignore_identical_ids: bool = False,
    interval: str = "bootstrap",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Whether run ``a`` is better than run ``b``: the paired difference ``a - b`` and a test.

    ``test``: ``"randomization"``, ``"bootstrap"`` or ``"t"``. The rest is as in :func:`evaluate`.

    >>> import ragcore as rag
    >>> qrels = {i: ["x"] for i in range(8)}
    >>> a = {i: ["x", "y"] for i in range(8)}
    >>> b = {i: ["y", "x"] for i in range(8)}
    >>> found = rag.compare_runs(a, b, qrels, "mrr@10")
    >>> found.difference.value, found.p_value, found.wins
    (0.5, 0.0078125, 8)
    """
    judged, _ = judgements(qrels)
    name, mean_a, mean_b, difference, p_value, counts, text = _core.compare_runs(
        _rankings(a, judged, "a"),
        _rankings(b, judged, "b"),
        judged,
        metric,
        test=test,
        gain=gain,
        min_grade=min_grade,
        ignore_identical_ids=ignore_identical_ids,
        interval=interval,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    return Comparison(name, mean_a, mean_b, ValueEstimate(*difference), p_value, *counts, text)


def read_qrels(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Grades by document by query from a file in BEIR's three columns or TREC's four."""
    table = _core.read_qrels(os.fspath(path))
    return {query: {d: int(g) if g.is_integer() else g for d, g in rows} for query, rows in table}


def read_run(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Scores by document by query, best first, from a file in TREC's six columns."""
    return {query: dict(rows) for query, rows in _core.read_run(os.fspath(path))}


def query_id(value: object, place: str) -> str:
    """Ids are strings; whole numbers, such as the keys of an index, are written out."""
    if isinstance(value, str):
        return value
    if isinstance(value, Hit):
        return value.id
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    raise InvalidArgument(
        f"{place} must hold ids, strings or whole numbers, got {type(value).__name__}"
    )


def _number(value: object, place: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidArgument(f"{place} must be a number, got {value!r}") from None


def query_items(values: object, name: str) -> tuple[list[tuple[object, object]], bool]:
    """Pairs of query and list, and whether the queries were named."""
    if isinstance(values, Mapping):
        return list(values.items()), True
    if isinstance(values, Hits):
        raise InvalidArgument(f"{name} must hold a ranking for each query, got one; write [{name}]")
    if isinstance(values, str) or not isinstance(values, Iterable):
        kind = type(values).__name__
        raise InvalidArgument(f"{name} must be a dict by query or a list, got {kind}")
    return list(enumerate(values)), False


def ids_of(values: object, place: str) -> list[str]:
    if isinstance(values, Hits):
        return values.ids
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidArgument(f"{place} must be a list of ids, got {type(values).__name__}")
    return [query_id(value, place) for value in values]


def judgements(qrels: object) -> tuple[_Judged, dict[str, object]]:
    items, _ = query_items(qrels, "qrels")
    judged: _Judged = []
    names = {}
    for query, given in items:
        place = f"qrels[{query!r}]"
        name = query_id(query, "qrels")
        names[name] = query
        documents = ids_of(given, place)
        if isinstance(given, Mapping):
            grades = [_number(grade, f"a grade of {place}") for grade in given.values()]
        else:
            # A set has no order of its own, and messages should not depend on its chance.
            documents = sorted(documents) if isinstance(given, (set, frozenset)) else documents
            grades = [1.0] * len(documents)
        judged.append((name, documents, grades))
    return judged, names


def _rankings(run: object, judged: Sequence[tuple[str, Any, Any]], name: str) -> _Found:
    items, named = query_items(run, name)
    if not named and len(items) != len(judged):
        raise InvalidArgument(
            f"{name} is a list of {len(items)} rankings for {len(judged)} queries of qrels; "
            "give one for each, in their order, or a dict by query"
        )
    found: _Found = []
    for i, (query, given) in enumerate(items):
        place = f"{name}[{query!r}]"
        scores = None
        if isinstance(given, Mapping):
            scores = [_number(score, f"a score of {place}") for score in given.values()]
        elif isinstance(given, (set, frozenset)):
            raise InvalidArgument(f"{place} is a set, which has no order; give a list")
        found.append(
            (query_id(query, name) if named else judged[i][0], ids_of(given, place), scores)
        )
    return found
