"""Calibrated collections: scores that become probabilities, and one threshold for all questions."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from ragcore import aio

TEXTS = {
    "tides": "The moon pulls the sea and makes the tides.",
    "yeast": "Yeast eats sugar and makes the dough rise.",
    "loans": "The bank lends money at a yearly interest rate.",
    "glass": "Glass is made of sand in a hot furnace.",
}
QUERIES = {
    "q1": "why does the sea rise and fall?",
    "q2": "what makes dough rise?",
    "q3": "what does the bank lend?",
    "q4": "what is glass made of?",
}
QRELS: dict[str, Any] = {
    "q1": ["tides"],
    "q2": {"yeast": 2, "loans": 0},
    "q3": {"loans"},
    "q4": ["glass"],
}
DOCS = Path(__file__).resolve().parents[2] / "docs" / "search.md"


def filled(path: Path | None = None) -> rag.Collection:
    col = rag.open(path)
    col.add(list(TEXTS), list(TEXTS.values()))
    return col


def test_relevance_is_the_curve_at_the_score() -> None:
    col = filled()
    assert col.calibration is None and not col.clear_calibration()
    assert col.stats()["calibrated_for"] is None
    assert col.search("moon")[0].relevance is None
    curve = col.calibrate(QUERIES, QRELS)
    assert curve.report.pairs == 16 and curve.report.positives == 4
    kept = col.calibration
    assert kept is not None and kept.to_bytes() == curve.to_bytes()
    assert col.stats()["calibrated_for"].startswith("hybrid searches with a bm25_weight of 0.")
    for hit in col.search("moon"):
        assert hit.relevance == np.float32(curve.predict(hit.score))
    assert col.search("moon", mode="dense")[0].relevance is None
    assert col.search("moon", bm25_weight=0.5)[0].relevance is None
    assert col.clear_calibration() and col.calibration is None


def test_one_threshold_serves_all_questions() -> None:
    col = filled()
    with pytest.raises(rag.InvalidArgument, match="call calibrate"):
        col.search("moon", min_relevance=0.5)
    col.calibrate(QUERIES, QRELS, mode="dense", k=3, method="isotonic", folds=2, seed=3)
    queries = [*QUERIES.values(), "who won the football match?"]
    everything = col.search_many(queries, mode="dense")
    found = col.search_many(queries, mode="dense", min_relevance=0.4)
    for hits, few in zip(everything, found, strict=True):
        relevances = [hit.relevance for hit in hits]
        assert relevances == sorted(relevances, reverse=True)  # type: ignore[type-var]
        assert list(few) == [h for h in hits if h.relevance is not None and h.relevance >= 0.4]
    assert found[0].ids == ["tides"] and found[-1].ids == []
    with pytest.raises(rag.InvalidArgument, match="for hybrid searches"):
        col.search("moon", min_relevance=0.5)
    with pytest.raises(rag.InvalidArgument, match=r"min_relevance must be in 0\.\.=1, got 2"):
        col.search("moon", mode="dense", min_relevance=2)


def test_queries_are_texts_vectors_or_both() -> None:
    col = filled()
    vectors = {id: col.embedder.encode(text, kind="query") for id, text in QUERIES.items()}
    by_text = col.calibrate(QUERIES, QRELS)
    by_both = col.calibrate({id: (QUERIES[id], vectors[id]) for id in QUERIES}, QRELS)
    assert by_both.predict(0.5) == pytest.approx(by_text.predict(0.5))
    by_vector = col.calibrate(vectors, QRELS, fusion="rrf")  # without words a dense search
    assert by_vector.predict(0.5) != by_text.predict(0.5)
    assert col.search("moon", mode="dense")[0].relevance is not None
    listed = col.calibrate(list(QUERIES.values()), list(QRELS.values()))
    assert listed.to_bytes() == by_text.to_bytes()
    numbered = col.calibrate(dict(enumerate(QUERIES.values())), dict(enumerate(QRELS.values())))
    assert numbered.to_bytes() == by_text.to_bytes()


def test_it_is_saved_with_the_collection(tmp_path: Path) -> None:
    with filled(tmp_path / "col") as col:
        curve = col.calibrate(QUERIES, QRELS)
        want = col.search("moon")
        col.backup(tmp_path / "copy")
    for name in ["col", "copy"]:
        with rag.open(tmp_path / name) as col:
            kept = col.calibration
            assert kept is not None and kept.to_bytes() == curve.to_bytes()
            assert col.search("moon") == want
    with rag.open(tmp_path / "col", read_only=True) as col:
        assert col.search("moon") == want
        with pytest.raises(rag.ReadOnly):
            col.calibrate(QUERIES, QRELS)
        with pytest.raises(rag.ReadOnly):
            col.clear_calibration()
    with pytest.raises(rag.Closed):
        col.calibrate(QUERIES, QRELS)


@pytest.mark.parametrize(
    ("queries", "qrels", "options", "told"),
    [
        ({}, {}, {}, "none"),
        (QUERIES, {"q1": ["tides"]}, {}, "was not judged"),
        ({"q1": "sea"}, QRELS, {}, "not among the queries"),
        (QUERIES, {id: list(TEXTS) for id in QUERIES}, {}, "irrelevant"),
        (QUERIES, {id: {"tides": 0} for id in QUERIES}, {}, "relevant"),
        (QUERIES, QRELS, {"mode": "sparse"}, "mode"),
        (QUERIES, QRELS, {"folds": 1}, "folds"),
        (QUERIES, QRELS, {"k": 0}, "k must be"),
        ("q1", QRELS, {}, "queries must be a dict"),
        ({"q1": 7}, {"q1": ["tides"]}, {}, "q1"),
        ({None: "sea"}, QRELS, {}, "ids"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(
    queries: Any, qrels: Any, options: dict[str, Any], told: str
) -> None:
    col = filled()
    with pytest.raises(rag.InvalidArgument, match=told):
        col.calibrate(queries, qrels, **options)
    assert col.calibration is None


def test_the_same_as_coroutines() -> None:
    async def main() -> None:
        col = await aio.open()
        await col.add(list(TEXTS), list(TEXTS.values()))
        curve = await col.calibrate(QUERIES, QRELS)
        assert isinstance(curve, rag.Calibration) and isinstance(col.calibration, rag.Calibration)
        hits = await col.search("how does yeast make dough rise?", min_relevance=0.5)
        assert hits.ids == ["yeast"]
        [hits] = await col.search_many(["who won the football match?"], min_relevance=0.5)
        assert hits.ids == [] and await col.clear_calibration()

    asyncio.run(main())


def test_the_example_of_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    [block] = [block for block in blocks if "col.calibrate(" in block]
    exec(block, {})
    first, *_, found, nothing, report = capsys.readouterr().out.splitlines()
    assert first.startswith("yeast 0.") and float(first.split()[1]) > 0.5
    assert (found, nothing) == ("['yeast']", "[]") and report.startswith("CalibrationReport(")
