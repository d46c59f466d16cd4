"""Experiments from Python: what the core decides is tested there, what crosses the border here."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from typing import Any

import pytest
import ragcore as rag
from ragcore import aio

MEASURES = {
    "helped": rag.Measure("proportion"),
    "seconds": rag.Measure(better="lower", role="guardrail", margin=0.05),
}


def two(name: str = "ranking", **options: Any) -> rag.Experiment:
    return rag.Experiment(name, {"old": 1, "new": 1}, measures=MEASURES, **options)


def hash_of(salt: str, user: str) -> int:
    """As docs/experiments.md says it."""
    low = (1 << 64) - 1
    h = 0xCBF29CE484222325
    for byte in salt.encode() + b"\0" + user.encode():
        h = ((h ^ byte) * 0x100000001B3) & low
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = ((h ^ (h >> 33)) * factor) & low
    return h ^ (h >> 33)


def variant_of(name: str, user: str, weights: dict[str, int]) -> str:
    left = hash_of(f"variant:{name}", user) * sum(weights.values()) >> 64
    for variant, weight in weights.items():
        if left < weight:
            return variant
        left -= weight
    raise AssertionError


def test_assignment_can_be_written_down_in_another_language() -> None:
    weights = {"a": 1, "b": 5, "c": 3}
    test = rag.Experiment("wörter", weights)
    rng = random.Random(1)
    users = ["".join(chr(rng.randrange(32, 0x2FF)) for _ in range(9)) for _ in range(300)]
    assert [test.assign(u) for u in users] == [variant_of("wörter", u, weights) for u in users]
    assert all(rag.stable_hash("s", u) == hash_of("s", u) for u in users)
    layered = two(layer="search", layer_from=100, layer_to=400)
    slots = {u: hash_of("layer:search", u) * 1000 >> 64 for u in users}
    assert all((layered.assign(u) is not None) == (100 <= slots[u] < 400) for u in users)
    assert layered.overlaps(two("b")) and not layered.overlaps(two("b", layer="search", layer_to=9))


def test_a_winner_is_found_and_promoted() -> None:
    test = two()
    rng = random.Random(2)
    with pytest.raises(rag.InvalidArgument, match="no variant has won yet"):
        test.promote()
    for i in range(6000):
        variant = test.assign(f"user-{i}")
        test.record(f"user-{i}", "helped", rng.random() < (0.6 if variant == "new" else 0.5))
    status = test.status()
    assert status["winner"] == "new" and not status["sample_ratio"]["mismatch"]
    found = status["measures"][0]["comparisons"][0]
    assert found["decision"] == "better" and found["lower"] > 0 and found["p_value"] < 0.05
    assert status["measures"][1]["comparisons"][0]["lower"] is None
    json.dumps(status, allow_nan=False)
    assert test.promote() == "new" and test.assign("anybody") == "new"


def test_processes_are_merged_as_often_as_one_likes() -> None:
    parts = [two(), two()]
    for i in range(200):
        parts[i % 2].assign(f"user-{i}")
        parts[i % 2].record(f"user-{i}", "helped", i % 3 == 0)
    kept = rag.Experiment.from_json(parts[0].to_json())
    for _ in range(3):
        kept.merge(parts[1])
    kept.merge(parts[0].to_json())
    status = kept.status()
    assert sum(status["measures"][0]["counts"]) == 200
    assert sum(v["users"] for v in status["variants"]) == 200
    assert "user-1" not in kept.to_json()
    with pytest.raises(rag.InvalidArgument, match="expected"):
        kept.merge(two("another"))
    with pytest.raises(rag.Error):
        rag.Experiment.from_json("{}")


def test_wrong_things_are_refused() -> None:
    test = two()
    with pytest.raises(rag.NotFound):
        test.record("ann", "odd", 1.0)
    with pytest.raises(rag.NotFound):
        test.promote("odd")
    for value in (0.5, float("nan")):
        with pytest.raises(rag.InvalidArgument):
            test.record("ann", "helped", value)
    with pytest.raises(rag.InvalidArgument, match="2 to 64 variants"):
        rag.Experiment("x", {"a": 1})
    with pytest.raises(rag.InvalidArgument, match="kind must be one of"):
        rag.Experiment("x", {"a": 1, "b": 1}, measures={"m": rag.Measure("median")})
    with pytest.raises(rag.InvalidArgument):
        rag.interleave(["a", "a"], [])
    with pytest.raises(rag.InvalidArgument, match="alpha"):
        rag.Interleaving(alpha=0.0)


def test_rankings_are_interleaved_and_compared() -> None:
    mixed = rag.interleave(["a"], ["b", "c"], k=5, seed=3)
    assert sorted(mixed.ids) == ["a", "b", "c"] and mixed.teams[2] is None
    assert mixed.credit(["a", "c", "a"]) == (1, 0)
    tests = [rag.Interleaving(), rag.Interleaving()]
    for seed in range(200):
        shown = rag.interleave(["x", "good"], ["good", "y"], k=2, seed=seed)
        tests[seed % 2].record(shown, ["good"])
    kept = rag.Interleaving.from_json(tests[0].to_json())
    kept.merge(tests[1])
    kept.merge(tests[1])
    status = kept.status()
    assert status["better"] == "b" and status["a"] + status["b"] + status["ties"] == 200


def test_threads_and_coroutines() -> None:
    test = two()

    def work(part: int) -> None:
        for i in range(100):
            test.assign(f"user-{part}-{i}")
            test.record(f"user-{part}-{i}", "seconds", 1.0)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(test.status()["measures"][1]["counts"]) == 800

    async def main() -> tuple[Any, Any]:
        made = await aio.Experiment("x", {"a": 1, "b": 1}, measures=MEASURES)
        await made.record("ann", "helped", 1)
        mixed = await aio.interleave(["a"], ["b"], seed=1)
        return await made.assign("ann"), sorted(mixed.ids)

    assert asyncio.run(main()) == (variant_of("x", "ann", {"a": 1, "b": 1}), ["a", "b"])
