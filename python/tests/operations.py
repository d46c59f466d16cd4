"""For each operation of the shared cases, how it is done in Python.

A runner takes the inputs, options and seed of a case and answers what the case may want.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import ragcore as rag
from ragcore import _core

Runner = Callable[[dict[str, Any], dict[str, Any], int], dict[str, Any]]
RUNNERS: dict[str, Runner] = {}


def runner(function: Runner) -> Runner:
    RUNNERS[function.__name__] = function
    return function


def numbers(value: Any) -> Any:
    """Lists in which NaN and the infinities are written as strings."""
    if isinstance(value, list):
        return [numbers(v) for v in value]
    return float(value) if isinstance(value, str) else value


def unpadded(keys: Any, scores: Any) -> dict[str, Any]:
    """Rows without the padding, which the cases leave out."""
    rows = [row[row != np.uint64(2**64 - 1)].tolist() for row in keys]
    for row, values in zip(rows, scores, strict=True):
        assert (values[len(row) :] == -np.inf).all()
    found = [values[: len(row)].tolist() for row, values in zip(rows, scores, strict=True)]
    return {"keys": rows, "scores": found}


def dial(name: str, vector: Any, scale: float) -> rag.SteeringVector:
    return rag.SteeringVector(numbers(vector), name=name, scale=numbers(scale))


def steering(vectors: Any, scales: Any, names: Any = None) -> rag.Steering:
    names = names or [f"dial {i}" for i in range(len(vectors))]
    return rag.Steering(map(dial, names, vectors, scales))


def condition(inputs: dict[str, Any]) -> Any:
    """The filter; what is no JSON stays a text, which is no filter here either."""
    text = inputs.get("filter")
    try:
        return text and json.loads(text)
    except (ValueError, RecursionError):
        return text


@runner
def chunking(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    counters: dict[str, Callable[[str], int]] = {
        "words": lambda t: len(t.split()),
        "characters": len,
    }
    chunker = rag.Chunker(counter=counters[inputs["counter"]], **options)
    chunks = chunker.split(inputs["text"])
    for chunk in chunks:
        assert inputs["text"][chunk.start : chunk.end] == chunk.text
    return {"starts": [c.start for c in chunks], "ends": [c.end for c in chunks]}


@runner
def terms(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    return {"terms": _core.terms(inputs["text"], **options)}


@runner
def lexical(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    index = rag.LexicalIndex(**options)
    index.add(inputs["keys"], inputs["texts"])
    index.remove(inputs["remove"])
    index.add(inputs["add_keys"], inputs["add_texts"])
    keys, scores = index.search(inputs["queries"], inputs["k"], filter=inputs.get("filter"))
    return {"len": len(index), **unpadded(keys, scores)}


@runner
def filter_feedback(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    found = rag.filter_feedback(
        numbers(inputs["ratings"]),
        numbers(inputs["at"]),
        half_life=numbers(inputs["half_life"]),
        users=inputs.get("users"),
        **options,
    )
    weights, kept = found
    return {
        "weights": weights,
        "kept": kept,
        "mean": found.mean,
        "confidence": found.confidence,
    }


@runner
def steering_learn(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    positive, negative = numbers(inputs["positive"]), numbers(inputs["negative"])
    learnt = rag.SteeringVector.learn(positive, negative, seed=seed, **options)
    return {"vector": learnt.vector, "effect": learnt.effect, "scale": learnt.scale}


@runner
def steering_apply(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    dials = steering(inputs["vectors"], inputs["scales"], inputs["names"])
    strengths = list(zip(inputs["dials"], numbers(inputs["strengths"]), strict=True))
    return {"vector": dials.apply(numbers(inputs["query"]), strengths, **options)}


@runner
def steering_joint(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    sets = zip(inputs["names"], inputs["positive"], inputs["negative"], strict=True)
    examples = {
        name: (numbers(positive), numbers(negative)) if negative else numbers(positive)
        for name, positive, negative in sets
    }
    dials = rag.Steering()
    try:
        learnt = dials.learn_joint(examples, seed=seed, **options)
    except rag.Error:
        assert dials.dials == []
        raise
    assert dials.dials == sorted(inputs["names"])
    return {
        "vectors": [dial.vector.tolist() for dial in learnt],
        "effects": [dial.effect for dial in learnt],
        "scales": [dial.scale for dial in learnt],
    }


@runner
def steering_curve(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    vector = dial("v", inputs["vector"], inputs["scale"])
    documents, strengths = numbers(inputs["documents"]), numbers(inputs["strengths"])
    points = vector.curve(documents, strengths, seed=seed, **options)
    assert [point.strength for point in points] == strengths
    return {"losses": [p.loss for p in points], "gains": [p.gain for p in points]}


@runner
def steering_arithmetic(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    a = dial("a", inputs["a"], inputs["scale_a"])
    b = dial("b", inputs["b"], inputs["scale_b"])
    factor = numbers(inputs["factor"])
    results: dict[str, Callable[[], rag.SteeringVector]] = {
        "plus": lambda: a + b,
        "minus": lambda: a - b,
        "negated": lambda: -a,
        "times": lambda: factor * a,
        "orthogonal_to": lambda: a.orthogonal_to(b),
    }
    made = results[inputs["operator"]]()
    return {"vector": made.vector, "scale": made.scale}


@runner
def steering_orthogonalize(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    dials = steering(inputs["vectors"], [1.0] * len(inputs["vectors"]))
    dials.orthogonalize()
    return {"vectors": [dials[name].vector.tolist() for name in dials]}


@runner
def steering_calibrate(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    vector = dial("v", inputs["vector"], 1.0)
    return {"scale": vector.calibrated(numbers(inputs["documents"]), seed=seed, **options).scale}


@runner
def steering_feedback(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    dials = steering(inputs["vectors"], inputs["scales"])
    on = {"dial 0": inputs["first_dial"]} if inputs["first_dial"] else None
    rows = zip(inputs["queries"], inputs["items"], inputs["ratings"], inputs["times"], strict=True)
    for query, item, rating, at in rows:
        dials.feedback(
            numbers(query), numbers(item), numbers(rating), user="ann", dials=on, at=numbers(at)
        )
    query = numbers(inputs["query"])
    assert dials.apply(query, user="bob").tolist() == np.asarray(query, np.float32).tolist()
    return {"vector": dials.apply(query, user="ann")}


@runner
def dense_search(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    vectors = numbers(inputs["vectors"])
    index = rag.DenseIndex(len(vectors[0]) if vectors else 1, **options)
    index.add(inputs["keys"], vectors)
    index.remove(inputs.get("remove", []))
    keys, scores = index.search(
        numbers(inputs["queries"]), inputs["k"], filter=inputs.get("filter")
    )
    return {"keys": keys, "scores": scores}


@runner
def filter_match(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    documents = [json.loads(text) for text in inputs["documents"]]
    found = _core.filter_match(condition(inputs), documents)
    return {"matches": [i for i, yes in enumerate(found) if yes]}


@runner
def rrf_fuse(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    ids, scores = rag.fuse(inputs["rankings"], **{k: numbers(v) for k, v in options.items()})
    return {"ids": ids, "scores": scores}


@runner
def mmr(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    options = {name: numbers(value) for name, value in options.items()}
    relevance, vectors = numbers(inputs["relevance"]), numbers(inputs["vectors"])
    return {"order": rag.mmr(relevance, vectors, inputs["k"], **options)}


def random_bandit(arms: Any, prior: Any, options: dict[str, Any]) -> rag.Bandit:
    """One that chooses at random, so that any arm can be rewarded."""
    return rag.Bandit(
        arms,
        priors=None if prior is None else {"d": prior},
        policy="epsilon_greedy",
        exploration=1.0,
        seed=0,
        **{name: numbers(value) for name, value in options.items()},
    )


def believed(bandit: rag.Bandit) -> dict[str, Any]:
    found = bandit.estimates("d")
    return {"mean": [e.mean for e in found], "sd": [e.sd for e in found]}


def taught(bandit: rag.Bandit, inputs: dict[str, Any]) -> dict[str, Any]:
    for arm, reward in zip(inputs["chosen"], numbers(inputs["rewards"]), strict=True):
        while (choice := bandit.choose("d")).arm != arm:
            pass
        bandit.reward(choice, reward)
    if not inputs["chosen"]:
        bandit.choose("d")
    return believed(bandit)


def prior_of(inputs: dict[str, Any]) -> float | None:
    prior = numbers(inputs["prior"])
    return None if math.isnan(prior) else prior


@runner
def bandit_estimates(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    return taught(random_bandit(numbers(inputs["arms"]), prior_of(inputs), options), inputs)


@runner
def bandit_arms(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    names, values, prior = inputs["names"], numbers(inputs["values"]), inputs["prior"]
    if values:
        knobs = dict(zip(names, values, strict=True))
        guess = dict(zip(names, prior, strict=True)) if prior else None
        return taught(random_bandit(knobs, guess, options), inputs)
    guess = names[int(prior[0])] if prior else None
    return taught(random_bandit(names, guess, options), inputs)


@runner
def bandit_reward_all(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    bandit = random_bandit(numbers(inputs["arms"]), prior_of(inputs), options)
    for rewards in inputs["rewards"]:
        bandit.reward_all(bandit.choose("d"), numbers(rewards))
    return believed(bandit)


def logged(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    arms = numbers(inputs["arms"])
    rows = zip(
        inputs["logged"], numbers(inputs["rewards"]), numbers(inputs["propensities"]), strict=True
    )
    return [
        {"domain": "d", "context": None, "arm": arms[arm], "reward": r, "propensity": p}
        for arm, r, p in rows
    ]


@runner
def bandit_evaluate(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    bandit, value = rag.Bandit(numbers(inputs["arms"])), numbers(inputs["policy"])
    return bandit.evaluate(lambda d, c: value, logged(inputs), method=inputs["method"])._asdict()


@runner
def bandit_what_if(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    bandit, value = rag.Bandit(numbers(inputs["arms"])), numbers(inputs["policy"])
    found = bandit.what_if(lambda d, c: value, logged(inputs), method=inputs["method"])
    assert [w.domain for w in found] == [None, "d"]
    return {name: getattr(found[1], name) for name in ("count", "earned", "value", "difference")}


@runner
def pareto_front(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    points, maximize = numbers(inputs["points"]), inputs["maximize"]
    return {"indices": rag.pareto_front(points, maximize=maximize)}


@runner
def nondominated_sort(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    points, maximize = numbers(inputs["points"]), inputs["maximize"]
    return {"ranks": rag.nondominated_sort(points, maximize=maximize)}


@runner
def crowding_distance(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    return {"distances": rag.crowding_distance(numbers(inputs["points"]))}


@runner
def hypervolume(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    points, reference = numbers(inputs["points"]), numbers(inputs["reference"])
    return {"volume": rag.hypervolume(points, reference, maximize=inputs["maximize"])}


@runner
def hypervolume_contributions(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    points, reference = numbers(inputs["points"]), numbers(inputs["reference"])
    maximize = inputs["maximize"]
    return {"contributions": rag.hypervolume_contributions(points, reference, maximize=maximize)}


@runner
def epsilon_front(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    points, epsilon = numbers(inputs["points"]), numbers(inputs["epsilon"])
    how = {"kind": inputs["kind"], "maximize": inputs["maximize"]}
    return {"indices": rag.epsilon_front(points, epsilon, **how)}


@runner
def knee(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    return {"index": rag.knee(numbers(inputs["points"]), maximize=inputs["maximize"])}


@runner
def distance_to_ideal(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    points, weights = numbers(inputs["points"]), numbers(inputs["weights"])
    maximize = inputs["maximize"]
    return {"distances": rag.distance_to_ideal(points, weights=weights, maximize=maximize)}


@runner
def chebyshev(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    scores = rag.chebyshev(
        numbers(inputs["points"]),
        weights=numbers(inputs["weights"]),
        reference=numbers(inputs["reference"]),
        rho=inputs["rho"],
        maximize=inputs["maximize"],
    )
    return {"scores": scores}


@runner
def pareto_archive(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    points = numbers(inputs["points"])
    archive = rag.ParetoArchive(
        len(points[0]),
        maximize=inputs["maximize"],
        reference=numbers(inputs["reference"]),
        capacity=inputs["capacity"],
        keep=inputs["keep"],
    )
    kept = archive.add(points, inputs["ids"])
    return {"ids": archive.ids, "kept": kept.astype(int)}


@runner
def optimize(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    def knob(given: dict[str, Any]) -> Any:
        if given["kind"] == "choice":
            return given["choices"]
        return range(int(given["low"]), int(given["high"]) + 1)

    knobs = {given["name"]: knob(given) for given in inputs["knobs"]}

    def setting(row: list[float]) -> dict[str, Any]:
        pairs = zip(inputs["knobs"], row, strict=True)
        named = ((given, int(x)) for given, x in pairs)
        return {g["name"]: g["choices"][x] if g["kind"] == "choice" else x for g, x in named}

    settings = [setting(row) for row in numbers(inputs["settings"])]
    outcomes = numbers(inputs["outcomes"])
    found = rag.optimize(
        lambda asked: outcomes[settings.index(asked)],
        knobs,
        objectives=inputs["objectives"],
        maximize=inputs["maximize"],
        initial=[setting(row) for row in numbers(inputs["initial"])],
        population=inputs["population"],
        generations=inputs["generations"],
    )
    return {"points": sorted(found.points.tolist()), "evaluations": found.evaluations}


@runner
def route(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    objectives = inputs["objectives"]
    router = rag.Router(objectives)
    for name, row in zip(inputs["names"], numbers(inputs["priors"]), strict=True):
        router.add(name, **dict(zip(objectives, row, strict=True)))
    preference = dict(zip(objectives, numbers(inputs["weights"]), strict=True))
    decision = router.route(preference=preference, budget=numbers(inputs["budget"]))
    expected = [decision.expected[objective] for objective in objectives]
    return {"name": decision.name, "front": decision.front, "expected": expected}


@runner
def route_policy(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    objectives = inputs["objectives"]
    router = rag.Router(objectives)
    for name, row in zip(inputs["names"], numbers(inputs["priors"]), strict=True):
        router.add(name, **dict(zip(objectives, row, strict=True)))
    preference = dict(zip(objectives, numbers(inputs["weights"]), strict=True))
    decision = router.route(preference=preference, exclude=inputs["exclude"], **options)
    expected = [decision.expected[objective] for objective in objectives]
    return {"name": decision.name, "expected": expected}


@runner
def route_health(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    router = rag.Router(["cost"], **options)
    for name, cost, limit in zip(inputs["names"], inputs["costs"], inputs["limits"], strict=True):
        router.add(name, cost=cost)
        router.limit(name, limit or None)
    made: list[tuple[rag.Decision, float]] = []
    names = []
    for kind, value in zip(inputs["kinds"], inputs["values"], strict=True):
        if kind == 0:
            try:
                made.append((router.route(at=value), value))
                names.append(made[-1][0].name)
            except rag.Upstream:
                names.append("")
            continue
        decision, at = made[int(value)]
        if kind == 1:
            router.fail(decision, at=at)
        else:
            router.observe(decision, latency_s=0.1)
    return {"names": names}


@runner
def routing_curve(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    hull = rag.routing_curve(numbers(inputs["costs"]), numbers(inputs["qualities"]))
    return {"costs": [cost for cost, _ in hull], "qualities": [quality for _, quality in hull]}


@runner
def aiq(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    span = numbers(inputs["range"])
    costs, qualities = numbers(inputs["costs"]), numbers(inputs["qualities"])
    return {"aiq": rag.aiq(costs, qualities, range=(span[0], span[1]) if span else None)}


@runner
def gap_recovered(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    shares, qualities = numbers(inputs["shares"]), numbers(inputs["qualities"])
    ends = {"weak": inputs["weak"], "strong": inputs["strong"]}
    return {
        "apgr": rag.apgr(shares, qualities, **ends),
        "cpt": rag.cpt(shares, qualities, **ends, gap=inputs["gap"]),
        "pgr": rag.pgr(numbers(inputs["quality"]), **ends),
    }


def batch(inputs: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The documents that the inputs with this prefix describe."""
    metadata = inputs.get(prefix + "metadata")
    vectors = numbers(inputs[prefix + "vectors"])
    return {
        "ids": inputs[prefix + "ids"],
        "texts": inputs.get(prefix + "texts"),
        "vectors": vectors or None,
        "metadata": metadata and [json.loads(entry) for entry in metadata],
    }


def collection(inputs: dict[str, Any]) -> rag.Collection:
    col = rag.open(dim=len(inputs["vectors"][0]))
    col.add(**batch(inputs))
    return col


@runner
def collection_search(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    text, vector = inputs.get("query"), numbers(inputs.get("vector"))
    question = {"query": vector} if text is None else {"query": text, "vector": vector}
    hits = collection(inputs).search(**question, filter=condition(inputs), **options)
    own = None if text is None or vector is None else [vector]
    asked = {"queries": [vector if text is None else text], "vectors": own}
    request = rag.ShardRequest(**asked, filter=condition(inputs), **options)
    shards = [collection(inputs) for _ in range(3)]
    for i, shard in enumerate(shards):
        shard.delete([id for id in shard.ids() if rag.shard_of(id, 3) != i])
    request.set_statistics([shard.shard_statistics(request) for shard in shards])
    [merged] = request.merge([shard.search_shard(request) for shard in shards])
    assert list(merged) == list(hits)
    return {"ids": hits.ids, "scores": hits.scores}


@runner
def collection_calibrate(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    col = collection(inputs)
    pairs = zip(inputs["query_texts"], inputs["query_vectors"], strict=True)
    queries = dict(zip(inputs["query_ids"], pairs, strict=True))
    col.calibrate(queries, judged(inputs), **inputs["search"], **options)
    hits = col.search(inputs["query"], vector=inputs["vector"], **inputs["ask"])
    return {"ids": hits.ids, "scores": hits.scores, "relevance": [hit.relevance for hit in hits]}


@runner
def collection_write(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    col = collection(inputs)
    verbs: dict[str, Callable[[], Any]] = {
        "add": lambda: col.add(**batch(inputs, "more_")),
        "upsert": lambda: col.upsert(**batch(inputs, "more_")),
        "delete": lambda: col.delete(inputs["more_ids"]),
        "delete_where": lambda: col.delete(filter=condition(inputs)),
        "replace": lambda: col.replace(
            removed=inputs.get("removed"), filter=condition(inputs), **batch(inputs, "more_")
        ),
    }
    try:
        verbs[inputs["verb"]]()
    except rag.Error:
        assert col.ids() == ["a", "b"]
        raise
    return {"ids": col.ids()}


def judged(inputs: dict[str, Any]) -> dict[Any, Any]:
    """A dict by query cannot hold one twice: then the last judgement goes under a fresh id."""
    rows = zip(inputs["documents"], inputs["grades"], strict=True)
    return twice_refused(inputs["queries"], [(d, numbers(g)) for d, g in rows])


def ranked(inputs: dict[str, Any], queries: str, rankings: str) -> dict[Any, Any]:
    scores = inputs.get("scores") or [None] * len(inputs[rankings])
    rows = zip(inputs[rankings], scores, strict=True)
    return twice_refused(inputs[queries], [(d, s and numbers(s)) for d, s in rows])


def twice_refused(queries: list[str], rows: list[tuple[list[str], Any]]) -> dict[Any, Any]:
    """What a dict would lose without a word, a repeated id, is refused as the core does."""
    found: dict[Any, Any] = {}
    for query, (documents, values) in zip(queries, rows, strict=True):
        whole = values is None or len(set(documents)) < len(documents)
        if query in found or (values is not None and whole):
            raise rag.InvalidArgument("a dict cannot say this")
        found[query] = documents if whole else dict(zip(documents, values, strict=True))
    return found


@runner
def evaluate(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    options = {name: value if value != "nan" else math.nan for name, value in options.items()}
    found = rag.evaluate(
        ranked(inputs, "run_queries", "rankings"), judged(inputs), inputs["metrics"], **options
    )
    means = list(found.values())
    return {
        "per_query": [list(row.values()) for row in found.per_query.values()],
        "value": [mean.value for mean in means],
        "low": [mean.low for mean in means],
        "high": [mean.high for mean in means],
        **found.counts._asdict(),
        "queries": found.queries,
    }


@runner
def compare_runs(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    found = rag.compare_runs(
        ranked(inputs, "run_queries", "rankings"),
        ranked(inputs, "other_queries", "other_rankings"),
        judged(inputs),
        inputs["metric"],
        **options,
    )
    difference = found.difference
    return found._asdict() | {
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
    }


@runner
def calibrate(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    weights = inputs.get("weights")
    fitted = rag.Calibration.fit(
        numbers(inputs["scores"]),
        numbers(inputs["relevant"]),
        weights and numbers(weights),
        **options,
    )
    return fitted.report._asdict() | {"probabilities": fitted.predict(numbers(inputs["at"]))}


@runner
def groundedness(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    found = rag.groundedness(inputs["answer"], inputs["passages"], **options)
    rows = found.sentences
    assert all(inputs["answer"][row.start : row.end] == row.text for row in rows)
    return {
        "score": found.score,
        "coverage": found.coverage,
        "k_precision": found.k_precision,
        "starts": [row.start for row in rows],
        "ends": [row.end for row in rows],
        "passages": [-1 if row.passage is None else row.passage for row in rows],
        "rouge_l": [row.rouge_l for row in rows],
        "differs": [int(row.differs) for row in rows],
        "scores": [row.score for row in rows],
    }


@runner
def question_difference(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    return {"difference": rag.question_difference(inputs["a"], inputs["b"]) or "none"}


@runner
def experiment_assign(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    variants = dict(zip(inputs["variants"], inputs["weights"], strict=True))
    variant = rag.Experiment(inputs["name"], variants, **options).assign(inputs["user"])
    hashed = rag.stable_hash(inputs["name"], inputs["user"])
    return {"variant": variant or "none", "hash": f"{hashed:016x}"}


@runner
def readability(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    return rag.readability(inputs["text"], **options)._asdict()


@runner
def alpha_ndcg(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    about = dict(zip(inputs["documents"], inputs["subtopics"], strict=True))
    return {"value": rag.alpha_ndcg(inputs["ranking"], about, **numbers_of(options))}


@runner
def intra_list_distance(
    inputs: dict[str, Any], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    return {"value": rag.intra_list_distance(numbers(inputs["vectors"]))}


@runner
def reward(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    def pairs(names: str, values: str) -> dict[str, float]:
        return dict(zip(inputs[names], numbers(inputs[values]), strict=True))

    made = rag.Reward(limits=pairs("limited", "limits"), **pairs("parts", "weights"))
    return {"value": made(**pairs("measured", "values"))}


@runner
def detect_domain(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    detector = rag.DomainDetector(**options)
    detector.learn(dict(zip(inputs["names"], numbers(inputs["examples"]), strict=True)))
    found = detector.detect_many(numbers(inputs["at"]))
    return {
        "domains": [d.domain or "" for d in found],
        "probabilities": [list(d.probabilities.values()) for d in found],
        "none": [d.none for d in found],
    }


def numbers_of(options: dict[str, Any]) -> dict[str, Any]:
    return {name: numbers([value])[0] for name, value in options.items()}


@runner
def collection_tune(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    col, bandit = collection(inputs), rag.Bandit(inputs["arms"], seed=1)
    filter = condition(inputs)
    col.bandits["kept"] = bandit
    ids, grades = inputs["relevant"], numbers(inputs["grades"])

    def paid(tune: rag.Bandit | str) -> list[float]:
        hits = col.search(
            inputs["query"], vector=inputs["vector"], filter=filter, tune=tune, **options
        )
        tuned, by = hits._tuned  # type: ignore[misc]
        rewards = col._inner.reward_relevant(tuned, by._inner, ids, grades)
        assert by.outstanding == 0
        return rewards

    rewards = paid(bandit)
    assert paid("kept") == rewards
    return {"rewards": rewards}


@runner
def sanitize(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    return {"text": rag.sanitize(inputs["text"], **options)}


@runner
def pack(inputs: dict[str, Any], options: dict[str, Any], seed: int) -> dict[str, Any]:
    found = rag.pack(
        inputs["passages"],
        inputs["budget_tokens"],
        documents=inputs["documents"],
        counter=lambda text: len(text.split()),
        **options,
    )
    return {
        "ids": [p.id for p in found],
        "texts": [p.text for p in found],
        "starts": [p.start for p in found],
        "ends": [p.end for p in found],
        "scores": [p.score for p in found],
        "tokens": [p.tokens for p in found],
        "merged": [" ".join(p.merged) for p in found],
    }
