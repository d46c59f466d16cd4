"""Dials that rerank, and the models that they rerank by."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import numpy as np
import pytest
import ragcore as rag
from ragcore import aio

POLITE = [
    "could you please help me",
    "would you kindly wait, please",
    "thank you, please come in",
    "could you kindly open it",
]
BLUNT = ["help me now", "wait there", "come in quick", "open it now"]
TEXTS = {
    "asked": "could you please send me the report",
    "told": "send me the report now",
    "tide": "the moon pulls the sea",
    "begged": "please send the report, would you kindly",
}


def collection() -> rag.Collection:
    col = rag.open()
    col.add(list(TEXTS), list(TEXTS.values()))
    col.steering.learn("polite", POLITE, BLUNT)
    return col


def test_reranking_adds_the_probability_to_the_cosine() -> None:
    col = collection()
    model = col.steering.attribute("polite")
    assert model is not None
    likely = dict(zip(TEXTS, col.steering.probabilities("polite", list(TEXTS)), strict=True))
    assert likely["asked"] > 0.5 > likely["told"]
    for strength in (1.0, -2.0):
        hits = col.search(
            "the report",
            mode="dense",
            exact=True,
            steer={"polite": strength},
            steer_mode="rerank",
            explain=True,
        )
        for hit in hits:
            added = strength * model.scale * likely[hit.id]
            assert hit.score == pytest.approx(hit.dense_score + added, abs=1e-6)
            assert hit.explanation["dials"]["polite"] == pytest.approx(added, abs=1e-6)
    plain = col.search_many(["the report"])[0]
    zero = col.search_many(["the report"], steer={"polite": 0.0}, steer_mode="rerank")[0]
    assert [(h.id, h.score) for h in plain] == [(h.id, h.score) for h in zero]


def test_a_model_alone() -> None:
    same = np.tile([1.0, 0.0], (4, 1))
    model = rag.AttributeModel.learn(POLITE, BLUNT, vectors=(same, same))
    likely = model.probability(["please help", "help now"])
    assert likely[0] > 0.5 > likely[1]
    assert model.probability("please help") == pytest.approx(likely[0])
    assert model.probability("please help", [2.0, 0.0]) == pytest.approx(
        model.probability(["please help"], [[1.0, 0.0]])[0]
    )
    again = pickle.loads(pickle.dumps(model))
    assert again.probability("please help") == model.probability("please help")
    assert again.effect == model.effect
    assert "AttributeModel(dim=2" in repr(again)
    with pytest.raises(rag.InvalidArgument, match="got vectors"):
        rag.AttributeModel.learn(same, BLUNT)
    with pytest.raises(rag.DimensionMismatch):
        model.probability("please", [1.0])
    with pytest.raises(TypeError, match=r"AttributeModel\.learn"):
        rag.AttributeModel()


def test_a_set_learns_saves_and_hands_it_on(tmp_path: Path) -> None:
    steering = rag.Steering()
    steering.learn("polite", POLITE, BLUNT)
    model = steering.attribute("polite")
    assert model is not None
    steering.save(tmp_path / "dials")
    again = rag.Steering.load(tmp_path / "dials").attribute("polite")
    assert again is not None
    assert again.probability("please") == model.probability("please")
    steering.set_attribute("polite", None)
    assert steering.attribute("polite") is None
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(10, model.dim))
    steering.learn("numbers", rows + 0.5, rows - 0.5)
    assert steering.attribute("numbers") is None
    with pytest.raises(rag.NotFound):
        steering.attribute("none")


def test_a_dial_without_a_model_is_named() -> None:
    col = rag.open(dim=2)
    col.add(["north", "east"], vectors=[[0.0, 1.0], [1.0, 0.0]])
    col.steering.add(rag.SteeringVector([0.0, 1.0], name="up", scale=0.5))
    with pytest.raises(rag.InvalidArgument, match='"up" has no attribute model'):
        col.search([1.0, 0.9], steer={"up": 1.0}, steer_mode="rerank")
    with pytest.raises(rag.InvalidArgument, match='"up" has no attribute model'):
        col.steering.probabilities("up", ["north"])
    with pytest.raises(rag.InvalidArgument, match="steer_mode"):
        col.search([1.0, 0.9], steer_mode="sideways")


def test_it_comes_back_with_the_collection(tmp_path: Path) -> None:
    with rag.open(tmp_path / "store") as col:
        col.add(list(TEXTS), list(TEXTS.values()))
        col.steering.learn("polite", POLITE, BLUNT)
        want = col.steering.probabilities("polite", list(TEXTS))
        col.search("report", steer={"polite": 1.0}, steer_mode="rerank")
        col.checkpoint()
    with rag.open(tmp_path / "store") as col:
        assert np.array_equal(col.steering.probabilities("polite", list(TEXTS)), want)


def test_asynchronously() -> None:
    async def ask() -> list[str]:
        col = await aio.open()
        await col.add(list(TEXTS), list(TEXTS.values()))
        await col.steering.learn("polite", POLITE, BLUNT)
        hits = await col.search("report", steer={"polite": 3.0}, steer_mode="rerank")
        return hits.ids

    assert asyncio.run(ask())[0] in ("asked", "begged")
