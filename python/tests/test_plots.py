"""Pictures of dials and users, and the notebook that shows them."""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from ragcore import _charts, plots

NOTEBOOKS = Path(__file__).resolve().parents[2] / "examples" / "python"


def played(notebook: str) -> tuple[dict[str, Any], list[Any]]:
    """The names that a notebook leaves and what its cells show; it is kept without outputs."""
    cells = json.loads((NOTEBOOKS / notebook).read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    shown = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == [] and cell["execution_count"] is None
        tree = ast.parse("".join(cell["source"]), filename=f"cell {number}")
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names))
    return names, shown


@pytest.fixture
def steering() -> rag.Steering:
    rng = np.random.default_rng(3)
    axes = np.eye(8)
    dials = [
        rag.SteeringVector(axes[0], name="calm & quiet", scale=0.2),
        rag.SteeringVector(
            axes[1] + 0.5 * axes[0], name="a name that is longer than its place", scale=0.3
        ),
    ]
    made = rag.Steering(dials)
    for i in range(12):
        made.feedback(axes[2], axes[i % 2] + 0.1 * rng.normal(size=8), i % 2, user="ann", at=i)
    return made


@pytest.fixture
def documents() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(120, 8)) + 0.5


def parsed(chart: Any) -> ET.Element:
    assert isinstance(chart, plots.Svg)
    return ET.fromstring(chart.text)


def count(root: ET.Element, tag: str) -> int:
    return sum(1 for _ in root.iter(f"{{http://www.w3.org/2000/svg}}{tag}"))


def test_gain_has_a_line_for_each_dial_and_a_point_for_each_strength(steering, documents) -> None:
    root = parsed(plots.gain(steering, documents, strengths=[0, 1, 2], backend="svg"))
    assert (count(root, "polyline"), count(root, "circle")) == (2, 6)
    told = " ".join(root.itertext())
    assert "calm & quiet" in told and "dial at 1" in told


def test_a_bandit_has_a_line_and_a_band_for_each_domain() -> None:
    bandit = rag.Bandit([0.5, 0.0, 1.0], priors={"a": 0.5, "b & c": 1.0}, seed=1)
    bandit.reward(bandit.choose("a"), 0.5)
    root = parsed(plots.bandit(bandit, label="weight", backend="svg"))
    assert (count(root, "polyline"), count(root, "polygon"), count(root, "circle")) == (2, 2, 6)
    told = " ".join(root.itertext())
    assert "b & c" in told and "weight" in told
    root = parsed(plots.bandit(bandit, ["a"], backend="svg"))
    assert count(root, "polygon") == 1
    with pytest.raises(rag.NotFound):
        plots.bandit(bandit, ["nowhere"], backend="svg")


def test_cross_talk_has_a_cell_for_each_pair(steering, documents) -> None:
    root = parsed(plots.cross_talk(steering, documents, backend="svg"))
    # One more for the ground.
    assert count(root, "rect") == 5


def test_drift_has_a_point_for_each_rating(steering) -> None:
    root = parsed(plots.drift(steering, "ann", backend="svg"))
    assert (count(root, "polyline"), count(root, "circle")) == (3, 36)
    with pytest.raises(rag.InvalidArgument, match="no ratings of the user 'bob'"):
        plots.drift(steering, "bob", backend="svg")


def test_routing_has_a_hull_for_each_router_and_a_dot_for_each_route() -> None:
    routers = {"ours": ([1.0, 2.0, 4.0], [0.5, 0.8, 0.9]), "theirs": ([1.0, 4.0], [0.5, 0.8])}
    routes = {"small": (1.0, 0.5), "middle": (3.0, 0.6), "large": (4.0, 0.85)}
    root = parsed(plots.routing(routers, routes=routes, backend="svg"))
    # Hulls of 3 and 2 points, that of the routes of 2, and 3 dots with one in the legend.
    assert (count(root, "polyline"), count(root, "circle")) == (3, 3 + 2 + 2 + 3 + 1)
    assert "one route" in " ".join(root.itertext())
    for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(circle.get("cx", "")) <= _charts.WIDTH
        assert 0 <= float(circle.get("cy", "")) <= _charts.HEIGHT
    with pytest.raises(rag.InvalidArgument):
        plots.routing({"none": ([], [])}, backend="svg")


def test_everything_stays_within_the_picture(steering, documents, tmp_path: Path) -> None:
    for chart in (
        plots.gain(steering, documents, backend="svg"),
        plots.cross_talk(steering, documents, backend="svg"),
        plots.drift(steering, "ann", backend="svg"),
    ):
        for circle in parsed(chart).iter("{http://www.w3.org/2000/svg}circle"):
            assert 0 <= float(circle.get("cx", "")) <= _charts.WIDTH
            assert 0 <= float(circle.get("cy", "")) <= _charts.HEIGHT
        chart.save(tmp_path / "chart.svg")
        assert (tmp_path / "chart.svg").read_text(encoding="utf-8") == chart._repr_svg_()


@pytest.mark.parametrize("backend", ["matplotlib", "plotly"])
def test_other_backends_draw_the_same(backend: str, steering, documents) -> None:
    pytest.importorskip(backend)
    for chart in (
        plots.gain(steering, documents, backend=backend),
        plots.cross_talk(steering, documents, backend=backend),
        plots.drift(steering, "ann", backend=backend),
    ):
        assert type(chart).__name__ == "Figure"


def test_what_cannot_be_drawn_is_told(steering, documents) -> None:
    with pytest.raises(rag.InvalidArgument, match="backend must be one of"):
        plots.gain(steering, documents, backend="ascii")
    with pytest.raises(rag.InvalidArgument, match="needs documents"):
        plots.gain(steering)
    with pytest.raises(rag.DimensionMismatch):
        plots.cross_talk(steering, documents[:, :3], backend="svg")
    with pytest.raises(rag.NotFound, match="there are"):
        plots.gain(steering, documents, dials=["nothing"], backend="svg")


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([0.0, 1.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([3.0, 3.0], [2.5, 2.7, 2.9, 3.1, 3.3, 3.5]),
        ([], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([-7.0, 12.0], [-10.0, -5.0, 0.0, 5.0, 10.0, 15.0]),
    ],
)
def test_ticks_are_round_and_hold_everything(values: list[float], want: list[float]) -> None:
    ticks = _charts._ticks(values)
    assert ticks[0] <= min(values, default=0.0) and ticks[-1] >= max(values, default=1.0)
    assert len(ticks) <= 8
    if values != [3.0, 3.0]:
        assert ticks == want


def test_the_notebook_runs_from_pairs_to_a_personal_search() -> None:
    names, shown = played("steering.ipynb")
    assert names["dial"].effect.low > 0
    friendly = names["col"].search(
        "how do I reset my password", k=1, mode="dense", steer={"friendly": 3}
    )
    assert friendly.ids == ["reset your password, friendly"]
    assert [hit.metadata["topic"] in {"space", "chess"} for hit in names["hits"]][:4] == [True] * 4
    assert shown[-1] == (True, 0)


def test_the_notebook_runs_from_logs_to_a_routed_service() -> None:
    names, shown = played("routing.ipynb")
    span = names["span"]
    reached = {name: rag.aiq(*points, range=span) for name, points in names["routers"].items()}
    assert reached["learned"] > rag.aiq(*names["alone"], range=span) + 0.02
    third = names["third"]
    assert names["chosen"][-third:].count("coder") < names["chosen"][:third].count("coder")
    assert names["probe"].name == names["first"].name
    assert shown[-1] == 242


def test_the_notebook_of_tuning_runs() -> None:
    names, shown = played("tuning.ipynb")
    assert names["tuned"]["advice"] < names["tuned"]["catalogue"]
    assert names["table"]["tuned"] >= max(names["table"].values()) - 0.01
    assert isinstance(names["front"], rag.Front) and len(names["front"].points) > 3
    assert sum(isinstance(value, plots.Svg) or hasattr(value, "savefig") for value in shown) >= 2


def test_the_notebook_runs_from_a_folder_to_a_measured_answer() -> None:
    names, _ = played("answers.ipynb")
    assert names["answer"].citations[0].document == "dough.md"
    assert names["again"].cached and not names["after"].cached
    assert "gas of the yeast" in names["after"].text
    assert max(names["told"], key=names["told"].get) == "hello.txt"
    assert not names["total"]["errors"]
    assert names["old"].to_dict()["question"] == "what makes the dough rise?"
