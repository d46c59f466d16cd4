"""Tuned searches and what pays them: domains, rewards, measures of answers."""

from __future__ import annotations

import pickle
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import ragcore as rag

DOCS = Path(__file__).resolve().parents[2] / "docs" / "loop.md"
WEIGHTS = [i / 10 for i in range(11)]


@pytest.fixture
def col() -> rag.Collection:
    made = rag.open()
    made.add(
        ["tides", "yeast", "rust"],
        [
            "The moon pulls the sea and makes the tides.",
            "Yeast eats sugar and makes the dough rise.",
            "Iron and water make rust.",
        ],
    )
    return made


def test_the_examples_of_the_docs_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    scope: dict[str, object] = {}
    for block in blocks:
        exec(block, scope)
    assert "the sea" in capsys.readouterr().out


def test_hits_carry_what_was_chosen_and_are_paid_once(col: rag.Collection) -> None:
    bandit = rag.Bandit(WEIGHTS, seed=3)
    hits = col.search("why does dough rise?", 2, tune=bandit, domain="baking")
    choice = hits.choice
    assert choice is not None and choice.value in WEIGHTS
    assert hits.domain == "baking" and hits.detection is None
    assert hits.setting == {"bm25_weight": pytest.approx(choice.value)}
    alone = col.search("why does dough rise?", 2, bm25_weight=choice.value)
    assert alone.ids == hits.ids and (alone.scores == hits.scores).all()
    assert alone.choice is None and alone.domain is None and alone.setting == {}
    assert bandit.outstanding == 1
    assert col.reward(hits, 0.25) == 0.25
    assert bandit.outstanding == 0 and bandit.log[-1]["reward"] == 0.25
    with pytest.raises(rag.InvalidArgument, match="already rewarded"):
        col.reward(hits, 0.25)


def test_judged_relevance_pays_every_arm(col: rag.Collection) -> None:
    bandit = rag.Bandit(WEIGHTS, seed=3)
    hits = col.search("why does dough rise?", 1, tune=bandit)
    earned = col.reward(hits, relevant={"yeast": 2, "nothing here": 1})
    assert hits.domain == "general"
    assert earned == pytest.approx(2 / 2)
    # One question has told of arms that were never tried.
    spread = [e.sd for e in bandit.estimates("general")]
    fresh = rag.Bandit(WEIGHTS, seed=3)
    fresh.reward(fresh.choose("general"), earned)
    assert max(spread) < max(e.sd for e in fresh.estimates("general"))


def test_many_questions_have_choices_of_their_own(col: rag.Collection) -> None:
    bandit = rag.Bandit((0.0, 1.0), seed=5)
    found = col.search_many(["dough", "iron", "moon", "sugar"] * 5, 1, tune=bandit)
    ids = {hits.choice.id for hits in found if hits.choice}
    assert len(ids) == 20 == bandit.outstanding
    for hits in reversed(found):
        col.reward(hits, 1.0)
    assert bandit.outstanding == 0


def test_what_cannot_be_tuned_or_paid_is_said(col: rag.Collection) -> None:
    bandit = rag.Bandit(WEIGHTS, seed=1)
    refused = [
        ({"mode": "dense"}, "convex"),
        ({"fusion": "rrf"}, "convex"),
        ({"bm25_weight": 0.3}, "0.3"),
        ({"domain": "x" * 300}, "256"),
    ]
    for options, what in refused:
        with pytest.raises(rag.InvalidArgument, match=what):
            col.search("dough", tune=bandit, **options)
    with pytest.raises(rag.InvalidArgument, match="tune must be a Bandit"):
        col.search("dough", tune=0.5)  # type: ignore[arg-type]
    with pytest.raises(rag.InvalidArgument, match="give one with tune"):
        col.search("dough", domain="baking")
    with pytest.raises(rag.InvalidArgument, match=r"0\.\.=1"):
        col.search("dough", tune=rag.Bandit([0.0, 2.0]))
    assert bandit.outstanding == 0
    plain = col.search("dough")
    hits = col.search("dough", tune=bandit)
    for bad in (plain, rag.Hits(hits), ["yeast"]):
        with pytest.raises(rag.InvalidArgument, match="search with tune"):
            col.reward(bad, 1.0)  # type: ignore[arg-type]
    with pytest.raises(rag.InvalidArgument, match="one of them"):
        col.reward(hits)
    with pytest.raises(rag.InvalidArgument, match="one of them"):
        col.reward(hits, 1.0, relevant=["yeast"])
    with pytest.raises(rag.InvalidArgument, match="reward"):
        col.reward(hits, float("nan"))
    with pytest.raises(rag.InvalidArgument, match="relevant"):
        col.reward(hits, relevant={"yeast": 0})
    with pytest.raises(rag.InvalidArgument, match="another collection"):
        rag.open().reward(hits, 1.0)
    assert bandit.outstanding == 1
    col.reward(hits, 1.0)


def test_a_pickled_hit_list_is_no_longer_tuned(col: rag.Collection) -> None:
    hits = col.search("dough", 1, tune=rag.Bandit(WEIGHTS, seed=1))
    again = pickle.loads(pickle.dumps(hits))
    assert again == hits and again.choice is None


def test_many_threads_tune_by_one_bandit(col: rag.Collection) -> None:
    bandit = rag.Bandit(WEIGHTS, seed=1)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(20):
                hits = col.search("why does dough rise?", 1, tune=bandit, domain="baking")
                col.reward(hits, relevant=["yeast"])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and bandit.outstanding == 0 and len(bandit.log) == 80


@pytest.fixture
def detector() -> rag.DomainDetector:
    made = rag.DomainDetector()
    made.learn(
        {
            "baking": [
                "how long should dough rest?",
                "what makes bread rise?",
                "which flour is best for cake?",
                "how hot is the oven for rolls?",
            ],
            "sea": ["when is high tide?", "how does the moon move the sea?", "how high are waves?"],
        }
    )
    return made


def test_domains_are_detected(col: rag.Collection, detector: rag.DomainDetector) -> None:
    found = detector.detect("how much yeast for the bread dough?")
    assert found.domain == "baking"
    assert sum(found.probabilities.values()) + found.none == pytest.approx(1)
    assert found.probability == max(*found.probabilities.values(), found.none)
    assert detector.detect_many(["bread", "tides of the sea"])[1].probabilities["sea"] > 0.3
    assert detector.detect("who shot the sheriff").domain is None
    row = rag.Embedder().encode(["how much yeast for the bread dough?"], kind="query")
    assert detector.detect(row[0]).none == pytest.approx(found.none)
    bandit = rag.Bandit(WEIGHTS, seed=1)
    hits = col.search("what flour makes bread dough rise?", tune=bandit, domain=detector)
    assert hits.domain == "baking" and hits.detection is not None
    assert bandit.domains == ["baking"]


def test_detectors_merge_and_are_saved(detector: rag.DomainDetector, tmp_path: Path) -> None:
    other = rag.DomainDetector()
    other.learn({"sea": "ships and harbours", "law": ["who may sue whom?"]})
    detector.merge(other)
    assert detector.domains == {"baking": 4, "law": 1, "sea": 4}
    detector.save(tmp_path / "domains")
    for again in (
        rag.DomainDetector.load(tmp_path / "domains"),
        pickle.loads(pickle.dumps(detector)),
    ):
        assert again.domains == detector.domains
        assert again.detect("bread dough") == detector.detect("bread dough")


def test_what_a_detector_refuses(detector: rag.DomainDetector) -> None:
    with pytest.raises(rag.InvalidArgument, match="dict of domains"):
        detector.learn(["baking"])  # type: ignore[arg-type]
    with pytest.raises(rag.InvalidArgument, match="no example"):
        detector.learn({"law": []})
    with pytest.raises(rag.DimensionMismatch):
        detector.detect(np.ones(3))
    with pytest.raises(rag.InvalidArgument, match="learn"):
        rag.DomainDetector().detect("anything")
    with pytest.raises(rag.InvalidArgument, match="background"):
        rag.DomainDetector(background=2.0)
    own = rag.open(dim=3)
    own.add(["a"], ["text"], vectors=[[1.0, 0.0, 0.0]])
    with pytest.raises(rag.DimensionMismatch):
        own.search("text", vector=[1.0, 0.0, 0.0], tune=rag.Bandit(WEIGHTS), domain=detector)


def test_groundedness_of_hits_and_with_an_embedder(col: rag.Collection) -> None:
    hits = col.search("why does dough rise?", 2)
    found = rag.groundedness("Yeast makes the dough rise. 🙂 Salt stops it.", hits)
    assert found.sentences[0].text == "Yeast makes the dough rise."
    assert found.sentences[0].score == 1.0 and found.sentences[0].passage == 0
    assert found.coverage < 1.0
    warm = rag.groundedness("Salt stops it.", ["Salt slows dough."], embedder=rag.Embedder())
    assert warm.sentences[0].cosine is not None
    assert warm.score >= rag.groundedness("Salt stops it.", ["Salt slows dough."]).score


def test_rewards_are_numbers_of_parts() -> None:
    reward = rag.Reward(groundedness=0.5, recall=0.4, cost=0.1)
    assert reward(groundedness=0.8, recall=0.5, cost=0.002) == pytest.approx(0.68)
    assert reward(groundedness=0.8, recall=None) == pytest.approx(0.8)
    assert rag.Reward().weights == reward.weights and reward.limits == {"cost": 0.01}
    again = pickle.loads(pickle.dumps(rag.Reward(a=1, limits={"a": 2.0})))
    assert again(a=1.0) == 0.5
    with pytest.raises(rag.InvalidArgument, match="the parts are"):
        reward(speed=1.0)
    with pytest.raises(rag.InvalidArgument, match="names and numbers"):
        rag.Reward(a="much")  # type: ignore[arg-type]
