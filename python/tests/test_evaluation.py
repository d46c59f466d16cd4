"""Evaluation and calibration: the shapes that Python takes, and what people read."""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag

QRELS = {"q1": {"a": 2, "b": 1}, "q2": {"c": 1}, "q3": {"d": 0}}
DOCS = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"


def test_a_search_of_many_goes_straight_in() -> None:
    col = rag.open()
    col.add(["a", "b", "c"], ["red apples", "green pears", "the sea and its tides"])
    found = col.search_many(["red apples", "tides of the sea"], k=3, mode="lexical")
    qrels = {"q1": ["a"], "q2": {"c": 1}}
    ev = rag.evaluate(found, qrels)
    assert ev.mean == dict.fromkeys(["ndcg@10", "recall@10", "mrr@10", "map@10"], 1.0)
    by_name = dict(zip(qrels, found, strict=True))
    assert rag.evaluate(by_name, qrels).mean == ev.mean
    assert rag.evaluate({q: list(hits) for q, hits in by_name.items()}, qrels).mean == ev.mean
    with pytest.raises(rag.InvalidArgument, match="a list of 1 rankings for 2 queries of qrels"):
        rag.evaluate(found[:1], qrels)
    with pytest.raises(rag.InvalidArgument, match=r"got one; write \[run\]"):
        rag.evaluate(found[0], qrels)


def test_keys_of_an_index_are_ids() -> None:
    index = rag.DenseIndex(2)
    index.add([7, 8], [[1, 0], [0, 1]])
    keys, _ = index.search([[1, 0], [1, 0.1]], 2)
    ev = rag.evaluate(keys, [{7: 1}, {8: 3}], ["mrr@10"])
    assert ev.per_query == {"mrr@10": {0: 1.0, 1: 0.5}}


def test_what_is_found_is_read_in_many_ways() -> None:
    run = {"q1": {"b": 0.9, "a": 0.5}, "q2": ("x", "c"), "other": []}
    ev = rag.evaluate(run, QRELS, ["ndcg@10", "mrr"], interval="t")
    assert list(ev) == ["ndcg@10", "mrr"] and len(ev) == 2 and "mrr" in ev
    assert ev.counts == (2, 1, 0, 1) and ev.queries == ["q1", "q2"]
    assert ev.per_query["mrr"] == {"q1": 1.0, "q2": 0.5}
    want = (1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3))
    assert ev.per_query["ndcg@10"]["q1"] == pytest.approx(want, abs=1e-12)
    assert isinstance(ev["mrr"], rag.ValueEstimate) and ev["mrr"].value == ev.mean["mrr"] == 0.75
    assert "mrr" in repr(ev) and "1 not judged" in repr(ev)
    assert "<td>mrr</td><td>0.7500</td>" in ev._repr_html_()
    with pytest.raises(rag.NotFound, match=r"map was not measured; there are ndcg@10, mrr"):
        ev["map"]
    table = ev.to_pandas()
    assert table.loc["q2", "mrr"] == 0.5 and table.index.name == "query"
    assert rag.evaluate(run, QRELS, ()).keys() == rag.evaluate(run, QRELS).keys()
    assert rag.evaluate(run, QRELS, "mrr").keys() == {"mrr"}
    exponential = rag.evaluate(run, QRELS, ["ndcg@10"], gain="exponential")
    assert exponential.mean["ndcg@10"] < ev.mean["ndcg@10"]


def test_a_comparison_says_it_all() -> None:
    qrels = {i: ["x"] for i in range(10)}
    a = {i: ["x", "y"] for i in range(10)}
    b = {i: ["y", "x"] if i < 8 else ["x"] for i in range(10)}
    found = rag.compare_runs(a, b, qrels, "mrr@10")
    assert (found.wins, found.ties, found.losses, found.queries) == (8, 2, 0, 10)
    assert found.p_value == 2 / 2**8
    assert found.difference.low < found.difference.value == pytest.approx(0.4)
    assert repr(found).startswith("mrr@10: 1.0000 - 0.6000 = +0.4000 (95%: +")
    assert "8 / 2 / 0" in found._repr_html_()
    assert rag.compare_runs(a, b, qrels, "mrr@10") == found
    assert rag.compare_runs(a, b, qrels, "mrr@10", test="t").p_value < 0.01


@pytest.mark.parametrize(
    ("run", "qrels", "message"),
    [
        ({"q1": "abc"}, QRELS, r"run\['q1'\] must be a list of ids, got str"),
        ({"q1": {"a", "b"}}, QRELS, r"run\['q1'\] is a set, which has no order"),
        ({"q1": [1.5]}, QRELS, r"run\['q1'\] must hold ids, strings or whole numbers, got float"),
        ({"q1": {"a": "high"}}, QRELS, r"a score of run\['q1'\] must be a number, got 'high'"),
        ({"q1": {"a": math.nan}}, QRELS, "a score must be a number, got NaN"),
        ({"q1": ["a", "a"]}, QRELS, 'found document "a" twice, at ranks 1 and 2'),
        ({"q1": ["a\ud800"]}, QRELS, "lone surrogate"),
        ({None: ["a"]}, QRELS, "run must hold ids"),
        ("run.txt", QRELS, "run must be a dict by query or a list, got str"),
        (7, QRELS, "run must be a dict by query or a list, got int"),
        ({"q1": ["a"]}, {"q1": {"a": None}}, r"a grade of qrels\['q1'\] must be a number"),
        ({"q1": ["a"]}, {"q1": {"a": 1e9}}, "a grade must be in"),
        ({"q1": ["a"]}, {"q1": {"a": 0}}, "no query can be measured"),
        ({"q1": ["a"]}, {}, "no query can be measured: 0 are judged"),
        ({"1": ["a"], 1: ["b"]}, {"1": ["a"]}, 'the run has query "1" already'),
        ({"7": ["a"]}, QRELS, "no query in common"),
    ],
)
def test_what_cannot_be_read_is_named(run: Any, qrels: Any, message: str) -> None:
    with pytest.raises(rag.InvalidArgument, match=message):
        rag.evaluate(run, qrels)


def test_files_go_in_and_come_out(tmp_path: Path) -> None:
    qrels, run = tmp_path / "qrels.tsv", tmp_path / "run.txt"
    qrels.write_text("query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0.5\nq2\tc\t1\n")
    run.write_text("q1 Q0 b 1 0.5 me\nq1 Q0 a 2 0.75 me\nq2 Q0 c 1 3 me\n")
    judged, found = rag.read_qrels(qrels), rag.read_run(str(run))
    assert judged == {"q1": {"a": 2, "b": 0.5}, "q2": {"c": 1}}
    assert isinstance(judged["q1"]["a"], int)
    assert found == {"q1": {"a": 0.75, "b": 0.5}, "q2": {"c": 3.0}}
    assert list(found["q1"]) == ["a", "b"]
    assert rag.evaluate(found, judged).mean["ndcg@10"] == 1.0
    qrels.write_text("q1 0 a 1\nq1 0 b\n")
    with pytest.raises(rag.InvalidArgument, match=r"qrels\.tsv: line 2: 4 columns expected") as e:
        rag.read_qrels(qrels)
    assert e.value.file == str(qrels)
    with pytest.raises(rag.NotFound):
        rag.read_run(tmp_path / "none")


def test_probabilities_of_one_score_and_of_many() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random(600)
    relevant = rng.random(600) < scores**2
    fitted = rag.Calibration.fit(scores, relevant)
    one, many = fitted.predict(0.9), fitted.predict(np.array([0.1, 0.5, 0.9], np.float32))
    assert isinstance(one, float) and abs(one - 0.81) < 0.1
    assert fitted.predict(np.float32(0.5)) == fitted.predict(0.5)
    assert many.shape == (3,) and (np.diff(many) >= 0).all()
    report = fitted.report
    assert report.pairs == 600 and report.folds == 5 and report.positives == relevant.sum()
    assert report.ece is not None and report.ece < 0.08 and report.bins[0].low == 0.0
    assert sum(b.weight for b in report.bins) == pytest.approx(600)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict(0.4) == fitted.predict(0.4) and again.report == report
    assert len(fitted.to_bytes()) < 8192
    assert repr(fitted).startswith(f"Calibration({report.method}, pairs=600, log_loss=0.")
    assert fitted.updated([0.5], [1]).report.pairs == 601
    assert fitted.merged(again).report.pairs == 1200
    few = rag.Calibration.fit([0, 1], [0, 1])
    assert few.report.brier is None and repr(few) == "Calibration(platt, pairs=2)"


def test_calibrations_are_saved(tmp_path: Path) -> None:
    fitted = rag.Calibration.fit([0.1, 0.2, 0.8, 0.9], [0, 1, 0, 1], [1, 2, 2, 1])
    fitted.save(tmp_path / "c")
    assert rag.Calibration.load(tmp_path / "c").to_bytes() == fitted.to_bytes()
    (tmp_path / "c").write_bytes(b"RAGCORE")
    with pytest.raises(rag.Corrupt):
        rag.Calibration.load(tmp_path / "c")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f([0.1, 0.2], [1, 1]), "got 2 without an irrelevant one; judge some more"),
        (lambda f: f([0.1], [0]), "without a relevant one"),
        (lambda f: f([], []), "got 0 without any weight"),
        (lambda f: f([0.1, math.nan], [0, 1]), r"scores\[1\] must be in -1e100..=1e100, got NaN"),
        (lambda f: f([0.1, 0.2], [0, 2]), r"relevant\[1\] must be in 0.0..=1.0, got 2"),
        (lambda f: f([0.1, 0.2], [0]), "got 2 scores, 1 relevances"),
        (lambda f: f([0.1, 0.2], [0, 1], [1]), "2 relevances and 1 weights"),
        (lambda f: f([0.1, 0.2], [0, 1], method="beta"), "method must be one of"),
        (lambda f: f([[0.1]], [0]), r"scores must have the shape \(n,\)"),
        (lambda f: f([0.1, 0.2], [0, 1]).predict(math.inf), "a score must be finite, got inf"),
        (lambda f: f([0.1, 0.2], [0, 1]).predict("x"), "scores"),
    ],
)
def test_what_cannot_be_calibrated_is_named(call: Any, message: str) -> None:
    with pytest.raises(rag.InvalidArgument, match=message):
        call(rag.Calibration.fit)


def test_the_examples_of_the_docs_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    said = capsys.readouterr().out
    assert "3 queries" in said and "ties" in said
    assert 0.7 < names["fitted"].predict(0.9) < 0.9
