"""Steerable retrieval-augmented generation inside your process.

Text becomes vectors (:class:`Embedder`), documents become passages (:class:`Chunker`), learnt
dials move the query (:class:`Steering`), a store finds the passages (:func:`open`), bandits tune
the weights (:class:`Bandit`), and a Pareto front chooses between models (:class:`Router`).
``ragcore.aio`` has the same names as coroutines, ``ragcore.errors`` every way to fail.

>>> import ragcore as rag
>>> col = rag.open()
>>> col.add(["a", "b"], ["The kettle is boiling.", "Interest rates rose again."])
>>> col.search("tea water", k=1).ids
['a']
"""

from . import errors
from ._answers import Answer, AnswerStream, Citation, Evidence, Marker
from ._attribute import AttributeModel
from ._bandit import Bandit, Choice, Estimate, ValueEstimate, WhatIf
from ._bandits import CollectionBandits
from ._caching import Cache, question_difference
from ._calibration import Calibration, CalibrationBin, CalibrationReport
from ._chat import ChatModel
from ._chunking import Chunk, Chunker
from ._collection import Collection, Report, open
from ._core import __version__
from ._dense import DenseIndex
from ._dials import CollectionSteering
from ._domain import Detection, DomainDetector
from ._embedding import Embedder
from ._engine import Added, Engine, Extractive
from ._evaluation import (
    Comparison,
    Evaluation,
    QueryCounts,
    compare_runs,
    evaluate,
    read_qrels,
    read_run,
)
from ._experiment import (
    Experiment,
    Interleaved,
    Interleaving,
    Measure,
    interleave,
    stable_hash,
)
from ._fronts import (
    ParetoArchive,
    chebyshev,
    crowding_distance,
    distance_to_ideal,
    epsilon_front,
    hypervolume,
    hypervolume_contributions,
    knee,
    nondominated_sort,
    pareto_front,
)
from ._hits import Document, Hit, Hits
from ._lexical import LexicalIndex
from ._measures import (
    Groundedness,
    Readability,
    SentenceSupport,
    alpha_ndcg,
    groundedness,
    intra_list_distance,
    readability,
)
from ._metrics import MetricsFiles
from ._optimize import Front, optimize
from ._prompting import Passage, Prompt, Prompts, pack, sanitize
from ._ranking import fuse, mmr
from ._remembered import History, Memory
from ._reward import Reward
from ._routing import (
    Considered,
    Decision,
    RouteHealth,
    Router,
    Spoken,
    Why,
    aiq,
    apgr,
    cpt,
    pgr,
    routing_curve,
)
from ._shards import ShardRequest, ShardResponse, ShardStatistics, shard_of
from ._sharing import (
    AnswerComparison,
    Contradiction,
    Said,
    TextMeasures,
    Theme,
    compare,
    export,
    import_json,
)
from ._steering import (
    CurvePoint,
    DialChange,
    Effect,
    Filtered,
    RetrainReport,
    Steering,
    SteeringVector,
    Taste,
    TasteAt,
    filter_feedback,
    rating_of_dwell,
)
from .errors import (
    AlreadyExists,
    Closed,
    Corrupt,
    DimensionMismatch,
    DiskFull,
    Error,
    Forked,
    FormatVersion,
    Interrupted,
    InvalidArgument,
    Io,
    Locked,
    ModelMismatch,
    NoMeasurableEffect,
    NotFound,
    ReadOnly,
    Timeout,
    TruncationWarning,
    Unsupported,
    Upstream,
)

__all__ = [
    "Added",
    "AlreadyExists",
    "Answer",
    "AnswerComparison",
    "AnswerStream",
    "AttributeModel",
    "Bandit",
    "Cache",
    "Calibration",
    "CalibrationBin",
    "CalibrationReport",
    "ChatModel",
    "Choice",
    "Chunk",
    "Chunker",
    "Citation",
    "Closed",
    "Collection",
    "CollectionBandits",
    "CollectionSteering",
    "Comparison",
    "Considered",
    "Contradiction",
    "Corrupt",
    "CurvePoint",
    "Decision",
    "DenseIndex",
    "Detection",
    "DialChange",
    "DimensionMismatch",
    "DiskFull",
    "Document",
    "DomainDetector",
    "Effect",
    "Embedder",
    "Engine",
    "Error",
    "Estimate",
    "Evaluation",
    "Evidence",
    "Experiment",
    "Extractive",
    "Filtered",
    "Forked",
    "FormatVersion",
    "Front",
    "Groundedness",
    "History",
    "Hit",
    "Hits",
    "Interleaved",
    "Interleaving",
    "Interrupted",
    "InvalidArgument",
    "Io",
    "LexicalIndex",
    "Locked",
    "Marker",
    "Measure",
    "Memory",
    "MetricsFiles",
    "ModelMismatch",
    "NoMeasurableEffect",
    "NotFound",
    "ParetoArchive",
    "Passage",
    "Prompt",
    "Prompts",
    "QueryCounts",
    "ReadOnly",
    "Readability",
    "Report",
    "RetrainReport",
    "Reward",
    "RouteHealth",
    "Router",
    "Said",
    "SentenceSupport",
    "ShardRequest",
    "ShardResponse",
    "ShardStatistics",
    "Spoken",
    "Steering",
    "SteeringVector",
    "Taste",
    "TasteAt",
    "TextMeasures",
    "Theme",
    "Timeout",
    "TruncationWarning",
    "Unsupported",
    "Upstream",
    "ValueEstimate",
    "WhatIf",
    "Why",
    "__version__",
    "aiq",
    "alpha_ndcg",
    "apgr",
    "chebyshev",
    "compare",
    "compare_runs",
    "cpt",
    "crowding_distance",
    "distance_to_ideal",
    "epsilon_front",
    "errors",
    "evaluate",
    "export",
    "filter_feedback",
    "fuse",
    "groundedness",
    "hypervolume",
    "hypervolume_contributions",
    "import_json",
    "interleave",
    "intra_list_distance",
    "knee",
    "mmr",
    "nondominated_sort",
    "open",
    "optimize",
    "pack",
    "pareto_front",
    "pgr",
    "question_difference",
    "rating_of_dwell",
    "read_qrels",
    "read_run",
    "readability",
    "routing_curve",
    "sanitize",
    "shard_of",
    "stable_hash",
]


def __getattr__(name: str) -> object:
    # asyncio takes longer to import than everything else here.
    if name == "aio":
        import importlib

        return importlib.import_module("ragcore.aio")
    raise AttributeError(f"module 'ragcore' has no attribute {name!r}")
