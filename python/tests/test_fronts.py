"""Archives, searches and their pictures, as Python sees them."""

from __future__ import annotations

import asyncio
import pickle
import signal
import threading
import time
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from ragcore import aio, plots

KNOBS: dict[str, Any] = {"weight": (0, 1), "k": range(5, 51, 5), "model": ["small", "large"]}


def judge(setting: dict[str, Any]) -> tuple[float, float]:
    size = 2.0 if setting["model"] == "large" else 1.0
    return size * setting["k"] / 10, setting["weight"] * (1 - setting["weight"]) + size + setting[
        "k"
    ] / 50


def search(objective: Any = judge, **options: Any) -> rag.Front:
    how = {"objectives": ("cost", "quality"), "maximize": [False, True], "generations": 8}
    return rag.optimize(objective, KNOBS, **(how | options))


def test_a_front_has_settings_and_points() -> None:
    front = search()
    assert front.evaluations == 8 * 32 and len(front) == len(front.points) > 3
    for setting, point in zip(front.parameters, front.points.tolist(), strict=True):
        assert tuple(point) == judge(setting)
        assert setting["k"] in KNOBS["k"] and 0 <= setting["weight"] <= 1
    on = rag.pareto_front(front.points, maximize=[False, True])
    assert on.tolist() == list(range(len(front)))
    assert front.best({"cost": 1.0})["k"] == 5
    assert front.best({"quality": 1.0})["model"] == "large"
    assert front.knee in front.parameters and front.best() in front.parameters
    table = front.to_pandas()
    assert list(table.columns) == ["weight", "k", "model", "cost", "quality"]
    assert "<th>quality</th>" in front._repr_html_() and "256 evaluated" in repr(front)
    with pytest.raises(rag.InvalidArgument, match="no objective 'speed'"):
        front.best({"speed": 1.0})


def test_batches_and_single_settings_find_the_same() -> None:
    sizes: list[int] = []

    def all_of(settings: list[dict[str, Any]]) -> list[tuple[float, float]]:
        sizes.append(len(settings))
        return [judge(setting) for setting in settings]

    one, many = search(), search(all_of, batch=True)
    assert np.array_equal(one.points, many.points) and one.parameters == many.parameters
    assert sizes == [32] * 8


def test_initial_settings_come_first() -> None:
    asked: list[dict[str, Any]] = []
    first = [
        {"weight": 0.25, "k": 15, "model": "large"},
        {"weight": 1.0, "k": 50, "model": "small"},
    ]
    search(lambda s: asked.append(s) or judge(s), initial=first)
    assert asked[:2] == first
    for bad in ({"weight": 0.5}, first[0] | {"k": 7}, first[0] | {"weight": 2.0}):
        with pytest.raises(rag.InvalidArgument, match="initial"):
            search(initial=[bad])


def test_what_the_objective_raises_comes_through() -> None:
    calls: list[int] = []

    def fail(setting: dict[str, Any]) -> tuple[float, float]:
        calls.append(1)
        if len(calls) == 40:
            raise KeyError("mine")
        return judge(setting)

    with pytest.raises(KeyError, match="mine"):
        search(fail)
    assert len(calls) == 40


def test_nan_and_other_answers_are_refused_by_name() -> None:
    with pytest.raises(
        rag.InvalidArgument, match=r'"quality" is NaN at weight=.*model=.(small|large)'
    ):
        search(lambda s: (1.0, float("nan")))
    with pytest.raises(rag.InvalidArgument, match="2 numbers"):
        search(lambda s: (1.0, 2.0, 3.0))
    with pytest.raises(rag.InvalidArgument):
        search(lambda s: "much")
    for knobs in (
        {"x": 3},
        {"x": (1.0,)},
        {"x": (2.0, 1.0)},
        {"x": []},
        {"x": "ab"},
        {},
        {"x": (0, np.inf)},
    ):
        with pytest.raises(rag.InvalidArgument):
            rag.optimize(judge, knobs, objectives=["cost", "quality"])


def test_progress_is_told_and_ctrl_c_answered() -> None:
    told: list[tuple[int, int]] = []
    search(progress=lambda done, total: told.append((done, total)))
    assert told[0] == (32, 256) and told[-1] == (256, 256)

    def slow(setting: dict[str, Any]) -> tuple[float, float]:
        time.sleep(0.01)
        return judge(setting)

    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        search(slow, generations=500)


def test_the_coroutine_searches_too() -> None:
    async def main() -> rag.Front:
        return await aio.optimize(
            judge, KNOBS, objectives=["cost", "quality"], maximize=[False, True], generations=8
        )

    assert np.array_equal(asyncio.run(main()).points, search().points)


def test_archives_merge_and_pickle() -> None:
    points = np.random.default_rng(1).random((200, 3))
    parts = [rag.ParetoArchive(3, maximize=True) for _ in range(2)]
    for part, ids in zip(parts, (range(100), range(100, 200)), strict=True):
        part.add(points[list(ids)], list(ids))
    parts[0].merge(parts[1])
    assert sorted(parts[0].ids.tolist()) == rag.pareto_front(points, maximize=True).tolist()
    again = pickle.loads(pickle.dumps(parts[0]))
    assert np.array_equal(again.points, parts[0].points) and np.array_equal(again.ids, parts[0].ids)
    assert "of 3 objectives" in repr(again)
    small = rag.ParetoArchive(3, maximize=True, capacity=5, keep="volume", reference=[0, 0, 0])
    small.add(points, np.arange(200))
    assert len(small) == 5


def test_large_tables_in_any_layout() -> None:
    points = np.random.default_rng(2).random((20_000, 3))
    want = rag.pareto_front(points).tolist()
    assert rag.pareto_front(np.asfortranarray(points)).tolist() == want
    assert rag.pareto_front(points[::-1]).tolist() == [19_999 - i for i in reversed(want)]
    assert rag.pareto_front(points.astype(np.float32).astype(np.float64)).size > 0
    assert (
        rag.pareto_front(np.zeros((0, 4))).size == 0
        and rag.hypervolume_contributions([], [1.0]).size == 0
    )


def test_a_front_is_drawn() -> None:
    picture = search().plot(backend="svg")
    text = "".join(ET.fromstring(picture.text).itertext())
    assert "quality against cost" in text and "knee" in text and "more is better" in text
    rows = np.random.default_rng(3).random((30, 3))
    other = plots.front(rows, x=1, y="b", names=["a", "c", "b"], maximize=True, backend="svg")
    assert "others" in other.text and ET.fromstring(other.text) is not None
    assert plots.front(np.zeros((0, 2)), backend="svg").text
    with pytest.raises(rag.InvalidArgument, match="no objective"):
        plots.front(rows, x="speed", backend="svg")
