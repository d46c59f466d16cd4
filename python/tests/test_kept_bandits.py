"""Bandits that live in a collection: as any other, and as durable as its documents."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from pathlib import Path

import pytest
import ragcore as rag
from ragcore import aio

TEXTS = ["The moon pulls the sea and makes the tides.", "Yeast eats sugar and makes dough rise."]


def test_what_is_learnt_is_there_after_opening(tmp_path: Path) -> None:
    with rag.open(tmp_path / "c") as col:
        col.bandits["weights"] = rag.Bandit([0.0, 0.5, 1.0], priors={"baking": 0.5}, seed=1)
        kept = col.bandits["weights"]
        choices = kept.choose_many(["baking", "baking", "sea"])
        kept.reward_many([(choice, 0.5) for choice in choices])
        late = kept.choose("sea")
        assert late.propensity > 0.0
        assert kept.outstanding == 1
        told = kept.estimates("baking")
    again = rag.open(tmp_path / "c", read_only=True).bandits["weights"]
    assert again.estimates("baking") == told
    assert again.domains == ["baking", "sea"]
    assert len(again.log) == 3
    assert again.outstanding == 0
    with pytest.raises(rag.ReadOnly):
        again.choose("baking")


def test_they_are_a_dict_by_name() -> None:
    col = rag.open()
    assert list(col.bandits) == []
    col.bandits["b"] = rag.Bandit(["short", "long"], seed=1)
    col.bandits["a"] = rag.Bandit({"weight": [0.0, 1.0], "k": [5, 10]}, seed=1)
    assert list(col.bandits) == ["a", "b"]
    assert len(col.bandits) == 2
    assert "a" in col.bandits
    assert col.bandits["b"].choose("x").value in {"short", "long"}
    assert set(col.bandits["a"].choose("x").value) == {"weight", "k"}
    del col.bandits["a"]
    with pytest.raises(KeyError, match='no bandit is called "a" here'):
        del col.bandits["a"]
    with pytest.raises(rag.NotFound, match="there are b"):
        col.bandits["a"]
    with pytest.raises(rag.InvalidArgument, match="1 to 256 bytes"):
        col.bandits[""] = rag.Bandit([0.0, 1.0])
    with pytest.raises(rag.InvalidArgument, match="must be a Bandit, got str"):
        col.bandits["a"] = "b"  # type: ignore[assignment]


def test_copies_learn_by_themselves() -> None:
    col = rag.open()
    col.bandits["w"] = rag.Bandit([0.0, 1.0], seed=1)
    kept = col.bandits["w"]
    copies = [kept.copy(), pickle.loads(pickle.dumps(kept))]
    for copy in copies:
        copy.reseed(2)
        copy.reward(copy.choose("x"), 1.0)
    assert kept.domains == []
    kept.merge(copies[0])
    kept.set_prior("y", 1.0)
    assert col.bandits["w"].domains == ["x", "y"]
    assert len(col.bandits["w"].estimates("x")) == 2


def test_rewards_are_paid_together_or_not_at_all() -> None:
    col = rag.open()
    col.bandits["w"] = rag.Bandit([0.0, 1.0], seed=1)
    kept = col.bandits["w"]
    choices = kept.choose_many(["x", "x"])
    for wrong in ([(choices[0], 1.0)] * 2, [(choices[0], 1.0), (choices[1], float("nan"))]):
        with pytest.raises(rag.InvalidArgument):
            kept.reward_many(wrong)
    assert kept.outstanding == 2
    kept.reward_all(choices[0], [0.0, 1.0])
    assert kept.outstanding == 1


def test_a_search_is_tuned_by_name() -> None:
    col = rag.open()
    col.add(["tides", "yeast"], TEXTS)
    col.bandits["w"] = rag.Bandit((0.0, 1.0), seed=1)
    hits = col.search("why does bread rise?", tune="w", domain="baking")
    assert col.reward(hits, relevant=["yeast"]) == 1.0
    assert col.bandits["w"].domains == ["baking"]
    with pytest.raises(rag.InvalidArgument, match="already rewarded"):
        col.reward(hits, 1.0)
    with pytest.raises(rag.NotFound):
        col.search("why does bread rise?", tune="v")
    with pytest.raises(rag.InvalidArgument, match="the name of one in bandits"):
        col.search("why does bread rise?", tune=3)  # type: ignore[arg-type]


def test_a_policy_may_ask_the_bandit_that_it_is_judged_by() -> None:
    col = rag.open()
    col.bandits["w"] = rag.Bandit([0.0, 1.0], seed=1)
    kept = col.bandits["w"]
    for _ in range(20):
        kept.reward(kept.choose("x"), 0.5)
    assert 0.0 < kept.evaluate(lambda domain, _: kept.best(domain)).value < 1.0


def _reader(path: str, pipe: multiprocessing.connection.Connection) -> None:
    col = rag.open(path, read_only=True)
    while pipe.recv():
        pipe.send(len(col.bandits["w"].log))


def test_a_reader_in_another_process_sees_what_was_paid(tmp_path: Path) -> None:
    col = rag.open(tmp_path / "c")
    col.bandits["w"] = rag.Bandit([0.0, 1.0], seed=1)
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_reader, args=(str(tmp_path / "c"), there))
    process.start()
    for paid in range(3):
        here.send(True)
        assert here.recv() == paid
        col.bandits["w"].reward(col.bandits["w"].choose("x"), 1.0)
    here.send(False)
    process.join()


def test_documents_take_the_place_of_others() -> None:
    col = rag.open()
    col.add(["m1", "m2", "x"], ["a", "b", "c"], metadata=[{"of": "m"}, {"of": "m"}, {}])
    before, sequence = col.versions(["m1", "x", "none"]), col.sequence
    assert col.replace(["m1"], ["d"], filter={"of": "m"}) == 2
    after = col.versions(["m1", "x", "none"])
    assert after[0] != before[0]
    assert after[1:] == before[1:]
    assert after[2] is None
    assert col.sequence != sequence
    assert col.replace([], removed=["x", "y"]) == 1
    assert col.ids() == ["m1"]
    for removed, filter in ((None, None), (["m1"], {"of": "m"})):
        with pytest.raises(rag.InvalidArgument, match="one of them"):
            col.replace(["z"], ["z"], removed=removed, filter=filter)
    with pytest.raises(rag.AlreadyExists):
        col.replace(["m1"], ["z"], removed=["x"])


def test_coroutines() -> None:
    async def main() -> None:
        col = await aio.open()
        await col.bandits.add("w", await aio.Bandit([0.0, 1.0], seed=1))
        kept = await col.bandits.get("w")
        await kept.reward(await kept.choose("x"), 1.0)
        assert isinstance(col.bandits["w"], aio.Bandit)
        assert await col.bandits.names() == ["w"]
        assert await col.replace(["a"], ["b"], removed=["c"]) == 0
        assert await col.bandits.remove("w")

    asyncio.run(main())
