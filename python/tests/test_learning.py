"""Dials, bandits and routers from Python: state that is saved, pickled, merged and evaluated."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag


def bandit(seed: int = 3) -> rag.Bandit:
    made = rag.Bandit([0.0, 0.5, 1.0], seed=seed)
    for _ in range(30):
        choice = made.choose("finance", context=[1.0, 2.0])
        made.reward(choice, 1.0 - abs(choice.value - 1.0))
    return made


def test_a_bandit_learns_and_tells() -> None:
    made = bandit()
    assert made.best("finance") == 1.0 and made.domains == ["finance"]
    assert [e.value for e in made.estimates("finance")] == [0.0, 0.5, 1.0]
    assert sum(e.count for e in made.estimates("finance")) == 30
    entry = made.log[0]
    assert set(entry) == {"domain", "context", "arm", "reward", "propensity"}
    assert entry["context"] == [1.0, 2.0] and 0 < entry["propensity"] <= 1
    choice = made.choose("finance")
    assert made.outstanding == 1
    made.reward(choice.id, 0.5)
    with pytest.raises(rag.InvalidArgument):
        made.reward(choice, 0.5)


def test_policies_are_evaluated_and_their_exceptions_arrive() -> None:
    made = bandit()
    always = made.evaluate(lambda domain, context: 1.0)
    assert always.low <= always.value <= always.high
    assert made.evaluate(made).value == always.value
    assert made.evaluate(lambda d, c: made.best(d), made.log).value == always.value

    def broken(domain: str, context: Any) -> float:
        raise LookupError(domain)

    with pytest.raises(LookupError, match="finance"):
        made.evaluate(broken)
    with pytest.raises(rag.InvalidArgument, match=r"log\[0\]"):
        made.evaluate(lambda d, c: 1.0, [{"domain": "finance"}])


def test_the_same_seed_chooses_the_same() -> None:
    assert bandit().log == bandit().log
    assert bandit(1).log != bandit(2).log
    a, b = bandit(), bandit()
    b.reseed(99)
    assert a.choose("finance").id != b.choose("finance").id


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_state_survives(way: str, tmp_path: Path) -> None:
    def again(thing: Any) -> Any:
        if way == "pickle":
            return pickle.loads(pickle.dumps(thing))
        thing.save(tmp_path / "state")
        return type(thing).load(tmp_path / "state")

    made = bandit()
    assert again(made).log == made.log
    steering = rag.Steering([rag.SteeringVector([0.0, 1.0], name="up", scale=0.5)])
    steering.feedback([1.0, 0.0], [0.0, 1.0], 1.0, user="ann", at=0.0)
    query = np.array([0.6, 0.8], np.float32)
    moved = steering.apply(query, {"up": 1.0}, user="ann")
    assert np.array_equal(again(steering).apply(query, {"up": 1.0}, user="ann"), moved)
    router = rag.Router(["cost", "quality"], seed=5)
    router.add("small", cost=1.0, quality=0.5)
    router.fit([[1.0, 0.0], [0.0, 1.0]], {"small": {"cost": [1.0, np.nan], "quality": [0.4, 0.6]}})
    copy = again(router)
    assert copy.routes == ["small"] and copy.objectives == ["cost", "quality"]
    assert copy.route([1.0, 0.0]).expected == router.route([1.0, 0.0]).expected


def test_steering_vectors_are_values() -> None:
    dial = rag.SteeringVector([3.0, 4.0], name="x", scale=0.5, effect=(1.0, 0.5, 1.5))
    other = rag.SteeringVector([0.0, 1.0], name="y", scale=0.5)
    assert (dial + other).vector.tolist() == [3.0, 5.0]
    assert (dial - other).vector.tolist() == [3.0, 3.0]
    assert (-dial).vector.tolist() == [-3.0, -4.0] and (-dial).effect == (-1.0, -1.5, -0.5)
    assert (np.float64(0.5) * dial).vector.tolist() == [1.5, 2.0]
    assert (dial * 2).vector.tolist() == [6.0, 8.0]
    copy = pickle.loads(pickle.dumps(dial))
    assert (copy.name, copy.scale, copy.effect) == ("x", 0.5, (1.0, 0.5, 1.5))
    assert "1.00 [0.50, 1.50]" in repr(dial) and "unmeasured" in repr(other)
    for bad in ("2", None, other):
        with pytest.raises(TypeError):
            dial * bad
    with pytest.raises(TypeError):
        dial + 1  # type: ignore[operator]


def test_dials_are_learnt_from_texts(embedder: rag.Embedder) -> None:
    polite = [
        f"could you please bring {x}, thank you so much" for x in ("tea", "it", "a pen", "milk")
    ]
    blunt = [f"bring {x} now" for x in ("tea", "it", "a pen", "milk")]
    by_text = rag.SteeringVector.learn(polite, blunt, name="polite")
    by_hand = rag.SteeringVector.learn(
        embedder.encode(polite), embedder.encode(blunt), name="polite"
    )
    assert np.array_equal(by_text.vector, by_hand.vector)
    steering = rag.Steering()
    steering.learn("polite", iter(polite), iter(blunt), embedder=embedder)
    assert steering.dials == ["polite"] and steering["polite"].dim == embedder.dim
    with pytest.raises(rag.AlreadyExists):
        steering.add(by_text)
    with pytest.raises(rag.NotFound):
        steering["rude"]
    steering.remove("polite")
    assert len(steering) == 0


def test_sets_merge_in_any_order_and_with_themselves() -> None:
    a, b = rag.Steering(), rag.Steering()
    for i in range(3):
        a.feedback([1.0, 0.0], [0.0, 1.0], 1.0, user="ann", at=float(i))
        b.feedback([1.0, 0.0], [0.0, -1.0], 0.0, user="bob", at=float(i))
    a.merge(b)
    b.merge(a)
    a.merge(a)
    assert a.users == b.users == ["ann", "bob"]
    query = np.array([1.0, 0.0], np.float32)
    assert np.array_equal(a.apply(query, user="bob"), b.apply(query, user="bob"))
    report = a.retrain()
    assert report.events == 6 and report.dials == []


def test_routers_learn_from_texts_and_vectors() -> None:
    router = rag.Router()
    router.add("small", cost=0.1, quality=0.5)
    router.add("large", cost=1.0, quality=0.6)
    questions = [[1.0, 0.1], [0.9, 0.0], [0.1, 1.0], [0.0, 0.9]] * 10
    good = [1.0, 1.0, 0.0, 0.0] * 10
    router.fit(questions, {"small": {"quality": good}, "large": {"quality": [0.6] * 40}})
    sums = router.route([1.0, 0.0], preference={"quality": 1.0})
    poem = router.route([0.0, 1.0], preference={"quality": 1.0})
    assert (sums.name, poem.name) == ("small", "large")
    router.observe(sums, cost=0.1)
    router.observe(sums.id, quality=1.0)
    assert router.route(exclude=["small"]).name == "large"
    assert router.route(budget=0.5).front == ["small"]
    by_text = rag.Router(["cost"])
    by_text.fit(["what is 2 + 2?", "a poem"], {"small": {"cost": [0.1, 0.2]}})
    assert by_text.route("a song").name == "small"
    other = rag.Router()
    other.merge(router)
    assert other.routes == ["large", "small"]
    with pytest.raises(rag.InvalidArgument):
        router.fit(questions, {"small": [1.0]})  # type: ignore[dict-item]


def test_a_dial_without_a_measurable_effect_is_learnt_with_a_warning() -> None:
    noise = np.random.default_rng(5).normal(size=(12, 8)).astype(np.float32)
    col = rag.open(dim=8)
    for learn in (
        lambda: rag.SteeringVector.learn(noise[:6], noise[6:]),
        lambda: rag.Steering().learn("noise", noise[:6], noise[6:]),
        lambda: col.steering.learn("noise", noise[:6], noise[6:]),
    ):
        with pytest.warns(rag.NoMeasurableEffect, match="no measurable effect"):
            dial = learn()
        assert dial.effect is not None and dial.effect.low <= 0


USERS: list[Any] = [
    ["ann", "bob", "eve", "eve", "eve"],
    ("ann", "bob", "eve", "eve", "eve"),
    [1, 2, -3, -3, -3],
    [1, "1", 2**80, 2**80, 2**80],
    np.array([1, 2, -3, -3, -3]),
    np.array([1, 2, 2**64 - 1, 2**64 - 1, 2**64 - 1], np.uint64),
    np.array([1, 9, 2, 9, 3, 9, 3, 9, 3], np.int32)[::2],
    np.array(["ann", "bob", "eve", "eve", "eve"]),
    np.array(["ann", "bob", "eve", "eve", "eve"], object),
]


@pytest.mark.parametrize("users", USERS)
def test_the_filter_counts_a_user_once(users: Any) -> None:
    votes, at = [0, 0, 1, 1, 1], [0] * 5
    found = rag.filter_feedback(votes, at, half_life=1, users=users)
    assert found.mean == pytest.approx(1 / 3)
    assert found.confidence < rag.filter_feedback(votes, at, half_life=1).confidence
    uncapped = rag.filter_feedback(votes, at, half_life=1, users=users, per_user=float("inf"))
    assert uncapped.mean == pytest.approx(0.6)
    iterated = rag.filter_feedback(votes, at, half_life=1, users=iter(list(users)))
    assert iterated.mean == found.mean


def test_the_filter_answers_a_pair_with_names() -> None:
    found = rag.filter_feedback([0.4, 0.5, 0.6, 9.0], [0, 1, 2, 3], half_life=1, threads=2)
    weights, kept = found
    assert weights is found.weights is found[0] and kept is found.kept is found[1]
    assert isinstance(found, tuple) and len(found) == 2
    assert found.mean == pytest.approx(float(weights @ [0.4, 0.5, 0.6, 9.0] / weights.sum()))
    assert 0 < found.confidence < 1
    again = pickle.loads(pickle.dumps(found))
    assert (again.mean, again.confidence) == (found.mean, found.confidence)
    assert (again.weights == weights).all() and (again[1] == kept).all()
    nothing = rag.filter_feedback([], [], half_life=1, users=[])
    assert np.isnan(nothing.mean) and nothing.confidence == 0.0


@pytest.mark.parametrize(
    ("users", "told"),
    [
        ("ann", "users must be a sequence"),
        (7, "users must be a sequence"),
        ([1.0, 2.0], "users must be str or int, got one of float"),
        ([None, "ann"], "users must be str or int, got one of NoneType"),
        ([True, False], "users must be str or int, got one of bool"),
        (np.zeros(2), "users must be str or int, got one of float"),
        (np.zeros((2, 2), int), "users must be str or int, got one of list"),
        (["ann"], "2 ratings need as many users, got 1"),
        (["ann"] * 3, "2 ratings need as many users, got 3"),
    ],
)
def test_the_filter_refuses_what_are_no_users(users: Any, told: str) -> None:
    with pytest.raises(rag.InvalidArgument, match=told):
        rag.filter_feedback([0, 1], [0, 0], half_life=1, users=users)


@pytest.mark.parametrize("per_user", [0, -1, float("nan"), "many"])
def test_the_filter_refuses_what_is_no_cap(per_user: Any) -> None:
    with pytest.raises(rag.InvalidArgument, match="per_user"):
        rag.filter_feedback([0, 1], [0, 0], half_life=1, users=[1, 2], per_user=per_user)
