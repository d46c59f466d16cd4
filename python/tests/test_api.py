"""The names and signatures of the public surface, and that defaults are those of the core."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import ragcore as rag
from ragcore import _core, aio

TABLES = {
    name: {option: (default, doc) for option, _, default, _, doc in rows}
    for name, rows in _core.option_tables()
}

#: Verbs and the core's tables of options that their keywords come from.
VERBS: list[tuple[Any, list[str]]] = [
    (rag.Embedder.__init__, ["EmbedderOptions"]),
    (rag.Embedder.encode, ["EncodeOptions"]),
    (rag.Chunker.__init__, ["ChunkerOptions"]),
    (rag.DenseIndex.__init__, ["DenseOptions"]),
    (rag.DenseIndex.search, ["DenseSearchOptions"]),
    (rag.LexicalIndex.__init__, ["LexicalOptions"]),
    (rag.open, ["OpenOptions"]),
    (rag.Collection.search, ["SearchOptions"]),
    (rag.Collection.search_many, ["SearchOptions"]),
    (rag.SteeringVector.learn, ["LearnOptions"]),
    (rag.SteeringVector.calibrated, ["CalibrateOptions"]),
    (rag.Steering.calibrate, ["CalibrateOptions"]),
    (rag.SteeringVector.apply, ["ApplyOptions"]),
    (rag.Steering.learn, ["LearnOptions"]),
    (rag.Steering.apply, ["ApplyOptions"]),
    (rag.CollectionSteering.apply, ["ApplyOptions"]),
    (rag.Steering.retrain, ["RetrainOptions"]),
    (rag.CollectionSteering.learn, ["LearnOptions"]),
    (rag.CollectionSteering.retrain, ["RetrainOptions"]),
    (rag.filter_feedback, ["FilterOptions"]),
    (rag.Bandit.__init__, ["BanditOptions"]),
    (rag.Router.__init__, ["RouterOptions"]),
    (rag.Router.route, ["RouteSettings"]),
    (rag.DomainDetector.__init__, ["DomainOptions"]),
    (rag.Cache.__init__, ["CacheOptions"]),
    (rag.ChatModel.__init__, ["ChatOptions"]),
    (rag.Experiment.__init__, ["ExperimentOptions"]),
    (rag.Measure.__init__, ["MeasureOptions"]),
    (rag.MetricsFiles.__init__, ["MetricsFilesOptions"]),
    (rag.Engine.watch, ["AlertOptions"]),
    (rag.alpha_ndcg, ["AlphaNdcgOptions"]),
    (rag.fuse, ["FuseOptions"]),
    (rag.mmr, ["MmrOptions"]),
    (rag.evaluate, ["EvaluateOptions"]),
    (rag.compare_runs, ["CompareOptions"]),
    (rag.Calibration.fit, ["CalibrationOptions"]),
    (rag.Collection.calibrate, ["CalibrationOptions"]),
    (rag.ParetoArchive.__init__, ["ArchiveOptions"]),
    (rag.chebyshev, ["ChebyshevOptions"]),
    (rag.optimize, ["OptimizeOptions"]),
    (rag.pack, ["PackOptions"]),
    (rag.Prompts.build, ["PromptOptions"]),
    (rag.export, ["ExportOptions"]),
    (rag.compare, ["ComparisonOptions"]),
]


def as_core_says(default: object) -> str:
    """A Python default as the core's tables write it."""
    if default is None:
        return "none"
    if isinstance(default, str):
        return f'"{default}"'
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) and abs(default) < 1e5 else f"{default:.0f}"


@pytest.mark.parametrize(("verb", "tables"), VERBS, ids=lambda v: getattr(v, "__qualname__", ""))
def test_every_option_is_a_keyword_with_the_default_of_the_core(
    verb: Any, tables: list[str]
) -> None:
    parameters = inspect.signature(verb).parameters
    options = {name: row for table in tables for name, row in TABLES[table].items()}
    for name, (default, _) in options.items():
        if name == "name" and parameters["name"].default is inspect.Parameter.empty:
            continue  # an argument here
        assert name in parameters, f"{verb.__qualname__} lacks the option {name}"
        assert as_core_says(parameters[name].default) == default, name


def test_every_table_belongs_to_a_verb() -> None:
    assert set(TABLES) == {table for _, tables in VERBS for table in tables}


#: The contract: parameters in order, then keywords.
SIGNATURES = {
    "Embedder": (
        "model=None, *, device='cpu', precision='auto', threads=None, max_tokens=None, "
        "max_wait_ms=0, max_batch=None"
    ),
    "Embedder.encode": "texts, *, kind='document', normalize=True, progress=False",
    "Embedder.count_tokens": "text",
    "Chunker": "embedder=None, *, max_tokens=256, overlap=0",
    "Chunker.split": "text",
    "DenseIndex": "dim, *, metric='cosine', precision='auto', seed=0",
    "DenseIndex.add": "keys, vectors",
    "DenseIndex.remove": "keys",
    "DenseIndex.search": "queries, k=10, *, effort=None, exact=False, filter=None",
    "DenseIndex.save": "path",
    "DenseIndex.open": "path, mmap=True",
    "LexicalIndex": "*, k1=1.2, b=0.75, language='english'",
    "LexicalIndex.add": "keys, texts",
    "LexicalIndex.remove": "keys",
    "LexicalIndex.search": "queries, k=10, filter=None",
    "LexicalIndex.save": "path",
    "LexicalIndex.open": "path",
    "open": "path=None, *, embedder=None, dim=None, read_only=False, durability='sync'",
    "Collection.add": "ids, texts=None, *, vectors=None, metadata=None, progress=False",
    "Collection.upsert": "ids, texts=None, *, vectors=None, metadata=None, progress=False",
    "Collection.delete": "ids=None, *, filter=None",
    "Collection.get": "ids",
    "Collection.count": "filter=None",
    "Collection.ids": "",
    "Collection.search": "query, k=10, *, vector=None, filter=None, mode='hybrid', "
    "bm25_weight=None, fusion='convex', steer=None, user=None, max_loss=None, "
    "application='additive', diversity=0.0, exact=False, effort=None, explain=False, "
    "min_relevance=None, steer_mode='vector'",
    "Collection.search_many": "queries, k=10, *, filter=None, mode='hybrid', bm25_weight=None, "
    "fusion='convex', steer=None, user=None, max_loss=None, application='additive', "
    "diversity=0.0, exact=False, effort=None, explain=False, min_relevance=None, "
    "steer_mode='vector'",
    "Collection.calibrate": "queries, qrels, *, method='auto', folds=5, seed=0, k=10, "
    "mode='hybrid', bm25_weight=None, fusion='convex', effort=None",
    "Collection.clear_calibration": "",
    "Collection.checkpoint": "",
    "Collection.compact": "",
    "Collection.backup": "path",
    "Collection.verify": "",
    "Collection.stats": "",
    "Collection.close": "",
    "SteeringVector.learn": "positive, negative, *, embedder=None, name='', method='auto', seed=0",
    "SteeringVector.orthogonal_to": "other",
    "SteeringVector.apply": "query_vector, strength=1.0, *, application='additive', max_loss=None",
    "SteeringVector.curve": "documents, strengths, *, neighbours=10, max_queries=400, "
    "max_documents=5000, seed=0",
    "Steering": "vectors=()",
    "Steering.learn": "name, positive, negative, *, embedder=None, method='auto', seed=0",
    "Steering.remove": "name",
    "Steering.learn_joint": "examples, *, embedder=None, method='auto', ridge=3.0, folds=5, seed=0",
    "Steering.cross_talk": "documents, *, neighbours=10, max_queries=400, max_documents=5000, "
    "seed=0",
    "Steering.apply": "query_vector, dials=None, user=None, *, application='additive', "
    "max_loss=None",
    "Steering.feedback": "query_vector, item_vector, rating, *, user=None, dials=None, at=None, "
    "position=None",
    "Steering.taste": "user",
    "Steering.drift": "user",
    "Steering.retrain": "",
    "Steering.forget": "user",
    "Steering.merge": "other",
    "Steering.save": "path",
    "Steering.load": "path",
    "CollectionSteering.learn_joint": "examples, *, method='auto', ridge=3.0, folds=5, seed=0",
    "CollectionSteering.curve": "name, strengths, *, neighbours=10, max_queries=400, "
    "max_documents=5000, seed=0",
    "CollectionSteering.cross_talk": "*, neighbours=10, max_queries=400, max_documents=5000, "
    "seed=0",
    "CollectionSteering.taste": "user",
    "CollectionSteering.drift": "user",
    "rating_of_dwell": "seconds",
    "filter_feedback": "ratings, at, *, half_life, users=None, sigma=3.0",
    "Bandit": "arms, *, priors=None, policy='thompson', discount=1.0, seed=None",
    "Bandit.choose": "domain='general', *, context=None",
    "Bandit.reward": "choice_or_id, reward",
    "Bandit.best": "domain",
    "Bandit.estimates": "domain",
    "Bandit.set_prior": "domain, value",
    "Bandit.choose_many": "queries",
    "Bandit.reward_many": "rewards",
    "Bandit.reward_all": "choice_or_id, rewards",
    "Bandit.propensity": "choice_or_id",
    "Bandit.evaluate": "policy, log=None, *, method='switch-dr'",
    "Bandit.what_if": "policy, log=None, *, method='switch-dr'",
    "Bandit.merge": "other",
    "Bandit.save": "path",
    "Bandit.load": "path",
    "evaluate": "run, qrels, metrics=('ndcg@10', 'recall@10', 'mrr@10', 'map@10'), *, seed=0",
    "compare_runs": "a, b, qrels, metric='ndcg@10', *, test='randomization', seed=0",
    "read_qrels": "path",
    "read_run": "path",
    "Calibration.fit": "scores, relevant, weights=None, *, method='auto', seed=0",
    "Calibration.predict": "scores",
    "Calibration.updated": "scores, relevant, weights=None",
    "Calibration.merged": "other",
    "Calibration.save": "path",
    "Calibration.load": "path",
    "pareto_front": "points, *, maximize=False",
    "nondominated_sort": "points, *, maximize=False",
    "crowding_distance": "points",
    "hypervolume": "points, reference, *, maximize=False",
    "hypervolume_contributions": "points, reference, *, maximize=False",
    "epsilon_front": "points, epsilon, *, kind='additive', maximize=False",
    "knee": "points, *, maximize=False",
    "distance_to_ideal": "points, *, weights=None, maximize=False",
    "chebyshev": "points, *, weights=None, reference=None, rho=0.001, maximize=False",
    "ParetoArchive": "objectives, *, maximize=False, reference=None, capacity=100, keep='crowding'",
    "ParetoArchive.add": "points, ids",
    "ParetoArchive.merge": "other",
    "optimize": "objective, parameters, *, objectives, maximize=False, population=32, "
    "generations=25, seed=0, initial=(), batch=False, progress=False",
    "Front.best": "preference=None",
    "Router": "objectives=('cost', 'quality', 'diversity'), *, embedder=None, seed=0",
    "Router.add": "name",
    "Router.fit": "queries_or_vectors, outcomes",
    "Router.route": "query_or_vector=None, *, preference=None, budget=None, exclude=(), "
    "explore=False",
    "Router.observe": "decision_or_id",
    "Router.fail": "decision_or_id, *, at=None",
    "Router.limit": "name, per_minute",
    "Router.health": "name",
    "Router.reseed": "seed",
    "Router.propensity": "decision_or_id",
    "routing_curve": "costs, qualities",
    "aiq": "costs, qualities, *, range=None",
    "pgr": "quality, *, weak, strong",
    "apgr": "shares, qualities, *, weak, strong",
    "cpt": "shares, qualities, *, weak, strong, gap=None",
    "Router.merge": "other",
    "Router.save": "path",
    "Router.load": "path",
}
PROPERTIES = {
    "Embedder": "dim max_tokens precision name fingerprint",
    "SteeringVector": "vector name dim effect loss",
    "Steering": "dials",
    "Bandit": "domains log values",
    "Router": "routes objectives log",
    "Calibration": "report",
    "Evaluation": "mean per_query",
    "Collection": "steering",
    "Hits": "ids scores",
}
TUPLES = {
    "Chunk": "start end text",
    "Hit": "id score text metadata lexical_score dense_score",
    "Document": "id text metadata vector",
    "Choice": "id arm value propensity",
    "Estimate": "value mean sd count",
    "Decision": "id name expected front why",
    "RouteHealth": "failures tried_next per_minute latency_mean_s latency_p95_s",
    "Considered": "name standing until expected sd drawn loss",
    "Spoken": "objective heads believed residual",
    "Effect": "value low high",
    "CurvePoint": "strength loss gain",
    "Taste": "ratings trust dials unnamed",
    "TasteAt": "at rating taste",
    "ValueEstimate": "value low high",
    "WhatIf": "domain count earned value difference",
    "Comparison": "metric a b difference p_value queries wins ties losses",
    "CalibrationReport": "method pairs positives negatives folds brier log_loss ece bins",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_surface_keeps_its_signatures(name: str) -> None:
    owner, _, method = name.partition(".")
    member = getattr(rag, owner)
    found = inspect.signature(getattr(member, method) if method else member)
    parameters = {p.name: p for p in found.parameters.values() if p.name != "self"}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    wanted = re.findall(r"(\*|\w+)(?:=('[^']*'|\([^)]*\)|[^,]+))?", SIGNATURES[name])
    positional = []
    for parameter, default in wanted:
        if parameter == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        assert parameter in parameters, f"{name} lacks {parameter}"
        has = parameters[parameter]
        assert repr(has.default) == default or (
            default == "" and has.default is inspect.Parameter.empty
        ), f"{name}: {parameter}={has.default!r}"
        if kind is inspect.Parameter.KEYWORD_ONLY:
            assert has.kind in (kind, inspect.Parameter.POSITIONAL_OR_KEYWORD), parameter
        else:
            assert has.kind is kind, parameter
            positional.append(parameter)
    assert list(parameters)[: len(positional)] == positional
    if name in AIO:
        assert inspect.iscoroutinefunction(getattr(getattr(aio, owner), method))


AIO = {
    name
    for name in SIGNATURES
    if "." in name and not name.startswith("SteeringVector.") and hasattr(aio, name.split(".")[0])
}


def test_the_surface_keeps_its_properties_and_tuples() -> None:
    for owner, names in PROPERTIES.items():
        for name in names.split():
            assert isinstance(inspect.getattr_static(getattr(rag, owner), name), property), name
    for owner, names in TUPLES.items():
        fields = getattr(rag, owner)._fields
        assert list(fields[: len(names.split())]) == names.split(), owner


def test_everything_public_is_listed_and_documented() -> None:
    for name in rag.__all__:
        member = getattr(rag, name)
        if name.startswith("__") or inspect.ismodule(member):
            continue
        assert inspect.getdoc(member), name
        if inspect.isclass(member) and not issubclass(member, Exception):
            for attribute, value in vars(member).items():
                function = value.__func__ if isinstance(value, classmethod) else value
                documented = inspect.isfunction(function) or isinstance(value, property)
                if documented and not attribute.startswith("_"):
                    assert inspect.getdoc(value), f"{name}.{attribute}"


def test_asyncio_has_the_same_names() -> None:
    plain = {
        name
        for name in rag.__all__
        if callable(getattr(rag, name)) and not isinstance(getattr(rag, name), type)
    }
    assert plain < set(aio.__all__)
    for name in plain:
        assert inspect.iscoroutinefunction(getattr(aio, name))
