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


def test_arms_are_names_or_knobs() -> None:
    named = rag.Bandit(["short", "long"], priors={"d": "long"}, seed=1, safety=0.5)
    choice = named.choose("d")
    assert choice.value in named.values == ["short", "long"]
    assert 0 < choice.propensity <= 1 and pickle.loads(pickle.dumps(choice)) == choice
    named.reward(choice, 0.5)
    assert named.log[0]["arm"] == choice.value and named.best("d") in named.values
    with pytest.raises(rag.NotFound, match="huge"):
        named.set_prior("d", "huge")
    grid = rag.Bandit({"weight": (0.0, 1.0), "k": [5, 10]}, priors={"d": {"weight": 0.5, "k": 10}})
    assert len(grid.values) == 42 and set(grid.best("d")) == {"weight", "k"}
    copy = pickle.loads(pickle.dumps(grid))
    assert copy.values == grid.values and copy.best("d") == grid.best("d") == {
        "weight": 0.5,
        "k": 10,
    }
    with pytest.raises(rag.InvalidArgument, match="keys weight, k"):
        grid.set_prior("d", {"weight": 0.5})
    assert grid.estimates("d")[0].value == {"weight": 0.0, "k": 5.0}


def test_batches_contexts_and_full_information() -> None:
    made = rag.Bandit([0.0, 0.5, 1.0], seed=2)
    choices = made.choose_many(["a", ("b", [1.0, 0.5])])
    with pytest.raises(rag.InvalidArgument, match="2 numbers"):
        made.choose("a", context=[1.0])
    with pytest.raises(rag.InvalidArgument, match="twice"):
        made.reward_many([(choices[0], 0.5), (choices[0].id, 0.5)])
    assert made.outstanding == 2
    made.reward_many([(choices[1], 0.5), (choices[0].id, 0.5)])
    made.reward_all(made.choose("b", context=[0.0, 0.0]), [0.1, 0.2, 0.9])
    assert made.best("b", context=[0.1, 0.1]) in (0.0, 0.5, 1.0)
    found = made.what_if(lambda domain, context: 1.0)
    assert [w.domain for w in found] == [None, "a", "b"] and found[0].count == 3
    assert found[1].difference.value == pytest.approx(found[1].value.value - found[1].earned.value)
    assert made.what_if(made)[0].count == 3


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


def test_a_router_says_why_and_is_told_of_failures() -> None:
    router = rag.Router(("cost", "quality"), first_backoff_s=2.0)
    router.add("small", cost=1.0, quality=0.5)
    router.add("large", cost=9.0, quality=0.9)
    best = {"quality": 1.0}
    decision = router.route(preference=best, at=100.0)
    assert decision.name == "large" and "large: expected cost 9" in str(decision.why)
    assert {r.name: r.standing for r in decision.why.routes} == {
        "large": "chosen",
        "small": "on_front",
    }
    assert decision.why.spoken[0].objective == "cost" and decision.why.weights["quality"] == 1.0
    router.fail(decision, at=100.0)
    assert router.health("large").tried_next == 102.0
    second = router.route(preference=best, at=101.0)
    assert second.name == "small" and second.why.routes[0].until == 102.0
    router.limit("small", 1)
    router.limit("small", None)
    router.fail(second, at=101.0)
    with pytest.raises(rag.Upstream, match=r'"large" fails and is tried again in 1\.0 s'):
        router.route(at=101.0)
    probe = router.route(preference=best, at=102.0, explore=True)
    propensity, error = router.propensity(probe)
    assert 0 < propensity <= 1 and error < 0.05
    router.observe(probe, quality=0.8, latency_s=0.5)
    assert router.health(probe.name).latency_mean_s == 0.5
    [entry] = router.log
    assert entry["name"] == probe.name and entry["outcomes"] == {"quality": 0.8}
    assert router.route(policy="random", at=200.0).name in router.routes
    assert router.route(policy="cascade", threshold=0.4, at=300.0).name == "small"
    with pytest.raises(rag.InvalidArgument, match="policy must be one of"):
        router.route(policy="best")


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


Sets = dict[str, np.ndarray[Any, Any]]


def overlapping(sign: float, seed: int = 0) -> Sets:
    """Rows that have (or lack) three attributes, each of which has some of the one before."""
    rng = np.random.default_rng(seed)
    axes = np.eye(12)
    towards = {"able": axes[0], "bold": axes[1] + 0.7 * axes[0], "calm": axes[2] + 0.7 * axes[1]}
    return {name: rng.normal(size=(60, 12)) + 3 * sign * axis for name, axis in towards.items()}


def overlap(steering: rag.Steering) -> float:
    rows = np.stack([steering[name].vector for name in steering])
    return float(np.abs(rows @ rows.T - np.eye(len(rows))).max())


def test_dials_learnt_together_leave_each_other_alone() -> None:
    sets, lacking = overlapping(1.0), overlapping(-1.0, seed=1)
    both = {name: (rows, lacking[name]) for name, rows in sets.items()}
    alone, together, turned = rag.Steering(), rag.Steering(), rag.Steering()
    for name, (rows, others) in both.items():
        alone.learn(name, rows, others)
    learnt = together.learn_joint(both)
    turned.learn_joint(dict(reversed(both.items())))
    assert [dial.name for dial in learnt] == list(sets)
    assert overlap(together) < 0.5 * overlap(alone)
    for name in sets:
        assert together[name].vector @ turned[name].vector > 0.9999
        dial = together[name]
        assert dial.effect is not None and dial.effect.low > 0 and dial.loss is not None
    documents = np.concatenate([*sets.values(), *lacking.values()])
    talk = together.cross_talk(documents)
    assert talk.shape == (3, 3) and talk.dtype == np.float64
    assert talk.diagonal().min() > 3 * np.abs(talk - np.diag(talk.diagonal())).max()
    assert rag.Steering().cross_talk(documents).shape == (0, 0)
    # Of three that are told from each other one follows from the others, and no more.
    others = rag.Steering()
    others.learn_joint(sets)
    assert overlap(others) < 0.9
    with pytest.raises(rag.InvalidArgument, match="only from each other"):
        rag.Steering().learn_joint({"able": sets["able"], "bold": sets["bold"]})
    for bad in (
        {},
        {"able": sets["able"]},
        {"able": sets["able"], "bold": (sets["bold"], sets["bold"][:3])},
        {"able": sets["able"], "bold": sets["bold"][:, :5]},
        {"able": sets["able"], "": sets["bold"]},
        {"able": sets["able"], "bold": sets["bold"][:1]},
        [("able", sets["able"])],
    ):
        made = rag.Steering()
        with pytest.raises((rag.InvalidArgument, rag.DimensionMismatch)):
            made.learn_joint(bad)  # type: ignore[arg-type]
        assert made.dials == []
    with pytest.raises(rag.AlreadyExists):
        together.learn_joint({"new": both["bold"], "able": both["able"]})
    assert together.dials == ["able", "bold", "calm"]
    for method in ("pca", "magic"):
        with pytest.raises(rag.InvalidArgument):
            rag.Steering().learn_joint(sets, method=method)


def test_a_set_that_learnt_nothing_belongs_to_no_model(embedder: rag.Embedder) -> None:
    steering = rag.Steering()
    with pytest.raises(rag.InvalidArgument):
        steering.learn("polite", ["please wait"], ["wait"], embedder=embedder)
    with pytest.raises(rag.InvalidArgument):
        steering.learn_joint({"polite": ["please wait", "thank you"]}, embedder=embedder)
    assert steering.dials == [] and steering._inner.model() is None
    steering.learn("polite", ["please wait", "thank you"], ["wait", "go"], embedder=embedder)
    assert steering._inner.model() == embedder.fingerprint


def test_dials_are_learnt_together_from_texts(embedder: rag.Embedder) -> None:
    things = ("tea", "a pen", "milk", "the book", "some bread")
    polite = [f"could you please bring {x}, thank you so much" for x in things]
    blunt = [f"bring {x} now" for x in things]
    glad = [f"how wonderful, {x} is here, I am so happy" for x in things]
    steering = rag.Steering()
    learnt = steering.learn_joint({"polite": (polite, blunt), "glad": iter(glad)})
    by_hand = rag.Steering().learn_joint(
        {
            "polite": (embedder.encode(polite), embedder.encode(blunt)),
            "glad": embedder.encode(glad),
        }
    )
    for a, b in zip(learnt, by_hand, strict=True):
        assert np.array_equal(a.vector, b.vector)
    col = rag.open()
    col.add([str(i) for i in range(15)], polite + blunt + glad)
    kept = col.steering.learn_joint({"polite": (polite, blunt), "glad": glad})
    assert [dial.name for dial in kept] == ["polite", "glad"]
    assert col.steering.dials == ["glad", "polite"]
    assert np.array_equal(kept[0].vector, learnt[0].vector)
    with pytest.raises(rag.AlreadyExists):
        col.steering.learn_joint({"new": (polite, blunt), "glad": glad})
    assert "new" not in col.steering
    two = col.steering.curve("glad", [0.0, 2.0])
    assert two[0] == (0.0, 0.0, 0.0) and two[1].loss > 0
    assert col.steering.cross_talk().shape == (2, 2)
    with pytest.raises(rag.NotFound):
        col.steering.curve("sad", [1.0])
    plain = col.search("bring it", steer={"glad": 50.0}).scores
    held = col.search("bring it", steer={"glad": 50.0}, max_loss=0.0001).scores
    turned = col.search_many(["bring it"], steer={"glad": 50.0}, application="geodesic")[0].scores
    assert not np.array_equal(plain, held) and not np.array_equal(plain, turned)
    same = col.search("bring it", steer={"glad": 0.0}).scores
    assert np.allclose(held, same, atol=0.02)
    with pytest.raises(rag.InvalidArgument, match="max_loss"):
        col.search("bring it", max_loss=0.9)
    with pytest.raises(rag.InvalidArgument, match="application"):
        col.search("bring it", application="slerp")


def test_what_a_dial_costs_is_measured_kept_and_bounded() -> None:
    documents = np.random.default_rng(4).normal(size=(200, 6)).astype(np.float32)
    plain = rag.SteeringVector(np.eye(6)[0], name="x", scale=0.3)
    assert plain.loss is None
    dial = plain.calibrated(documents, loss=0.05)
    assert dial.loss == pytest.approx(0.05, abs=0.005)
    assert (dial * 2.0).loss is None and dial.named("y").loss == dial.loss
    again = pickle.loads(pickle.dumps(dial))
    assert (again.loss, again.scale) == (dial.loss, dial.scale)
    assert rag.SteeringVector([1.0], loss=0.25).loss == 0.25
    assert rag.SteeringVector([1.0], loss=1.5).loss is None
    set_of = pickle.loads(pickle.dumps(rag.Steering([dial])))
    assert set_of["x"].loss == dial.loss
    curve = dial.curve(documents, [-1.0, 0.0, 1.0, 2.0])
    assert [point.strength for point in curve] == [-1.0, 0.0, 1.0, 2.0]
    assert curve[2].loss == pytest.approx(dial.loss, rel=1e-3)
    assert curve[0].gain < curve[1].gain == 0.0 < curve[2].gain < curve[3].gain
    assert dial.curve(documents, []) == []
    query = np.eye(6, dtype=np.float32)[1]
    held = dial.apply(query, 3.0, max_loss=dial.loss)
    assert np.allclose(held, dial.apply(query), atol=1e-6)
    assert np.array_equal(dial.apply(query, 0.5, max_loss=0.5), dial.apply(query, 0.5))
    turned = dial.apply(query, 1.0, application="geodesic")
    assert np.allclose(turned, dial.apply(query), atol=1e-6)
    far = dial.apply(dial.vector, 9.0, application="geodesic")
    assert np.allclose(far, dial.vector, atol=1e-6)
    steering = rag.Steering([dial])
    assert np.array_equal(steering.apply(query, {"x": 3.0}, max_loss=dial.loss), held)
    for fails in (
        lambda: dial.apply(query, 1.0, max_loss=0.9),
        lambda: dial.apply(query, 1.0, max_loss=0.0),
        lambda: steering.apply(query, {"x": 1.0}, max_loss=float("nan")),
        lambda: steering.apply(query, {"x": 1.0}, application="slerp"),
        lambda: dial.curve(documents, [101.0]),
        lambda: dial.curve(documents, ["a"]),
        lambda: dial.curve(documents[:2], [1.0]),
        lambda: dial.curve(documents, [0.0] * 1001),
    ):
        with pytest.raises(rag.InvalidArgument):
            fails()
    for fails in (
        lambda: dial.curve(documents[:, :3], [1.0]),
        lambda: steering.cross_talk(documents[:, :3]),
    ):
        with pytest.raises(rag.DimensionMismatch):
            fails()


@pytest.mark.parametrize("where", ["set", "collection"])
def test_a_taste_is_told_in_the_words_of_the_dials(where: str, tmp_path: Path) -> None:
    calm = rag.SteeringVector([0.0, 1.0, 0.0], name="calm", scale=0.2)
    steering: Any = rag.Steering([calm])
    if where == "collection":
        col = rag.open(tmp_path / "store", dim=3)
        col.steering.add(calm)
        steering = col.steering
    query, item = [1.0, 0.0, 0.0], [0.8, 0.6, 0.0]
    assert steering.taste("ann") == rag.Taste(0, 0.0, {"calm": 0.0}, 0.0)
    assert steering.drift("ann") == []
    for i in range(9):
        steering.feedback(query, item, 1.0, user="ann", at=float(i))
    steering.feedback(query, item, 1.0, user="bob", at=0.0)
    steering.feedback(query, item, 1.0, user="cid", at=0.0, position=5)
    steering.feedback(query, item, 1.0, user="dan", at=0.0, position=np.int64(1))
    taste = steering.taste("ann")
    assert taste.ratings == 9 and taste.dials["calm"] > 0.5 and taste.unnamed < 0.01
    drift = steering.drift("ann")
    assert [step.at for step in drift] == list(range(9)) and drift[-1].taste == taste
    assert drift[0].taste.dials["calm"] < taste.dials["calm"] and drift[0].rating == 1.0
    # A like of what stood fifth is followed further than one of what stood first.
    assert steering.taste("cid").trust > steering.taste("bob").trust
    assert steering.taste("dan") == steering.taste("bob")
    before = steering.users
    for position in (0, -1, 1.5, "first", True):
        with pytest.raises(rag.InvalidArgument, match="position"):
            steering.feedback(query, item, 1.0, user="new", position=position)
    assert steering.users == before
    report = steering.retrain()
    assert (report.crowd, report.learnt, report.heuristic) == (0, None, None)
    assert report.dials[0].heuristic is None
    assert steering.forget("ann") and steering.taste("ann").ratings == 0
    assert steering.drift("ann") == []


def test_a_crowd_leads_who_comes_new() -> None:
    steering = rag.Steering()
    rng = np.random.default_rng(1)
    for user in range(12):
        for i in range(20):
            item = rng.normal(size=6)
            liked = float(item[1] > 0)
            steering.feedback(np.eye(6)[0], item, liked, user=f"user {user}", at=float(i))
    query = np.eye(6, dtype=np.float32)[0]
    assert steering.apply(query, user="new")[1] == 0.0
    report = steering.retrain()
    assert report.crowd == 12 and report.learnt is not None and report.learnt.low > 0
    assert report.heuristic is not None
    assert steering.apply(query, user="new")[1] > 0.01
    assert steering.taste("new").ratings == 0 and steering.taste("new").trust > 0
    copy = pickle.loads(pickle.dumps(steering))
    assert np.array_equal(copy.apply(query, user="new"), steering.apply(query, user="new"))


def test_reading_for_half_a_minute_is_half_a_like() -> None:
    assert rag.rating_of_dwell(30.0) == 0.5 and rag.rating_of_dwell(0) == 0.0
    assert rag.rating_of_dwell(-3.0) == rag.rating_of_dwell(float("nan")) == 0.0
    assert rag.rating_of_dwell(float("inf")) == 1.0 > rag.rating_of_dwell(300.0) > 0.99
