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
from ._attribute import AttributeModel
from ._bandit import Bandit, Choice, Estimate, ValueEstimate, WhatIf
from ._calibration import Calibration, CalibrationBin, CalibrationReport
from ._chunking import Chunk, Chunker
from ._collection import Collection, Report, open
from ._core import __version__
from ._dense import DenseIndex
from ._dials import CollectionSteering
from ._embedding import Embedder
from ._evaluation import (
    Comparison,
    Evaluation,
    QueryCounts,
    compare_runs,
    evaluate,
    read_qrels,
    read_run,
)
from ._hits import Document, Hit, Hits
from ._lexical import LexicalIndex
from ._ranking import fuse, mmr
from ._routing import (
    Decision,
    Router,
    crowding_distance,
    hypervolume,
    nondominated_sort,
    pareto_front,
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
    "AlreadyExists",
    "AttributeModel",
    "Bandit",
    "Calibration",
    "CalibrationBin",
    "CalibrationReport",
    "Choice",
    "Chunk",
    "Chunker",
    "Closed",
    "Collection",
    "CollectionSteering",
    "Comparison",
    "Corrupt",
    "CurvePoint",
    "Decision",
    "DenseIndex",
    "DialChange",
    "DimensionMismatch",
    "DiskFull",
    "Document",
    "Effect",
    "Embedder",
    "Error",
    "Estimate",
    "Evaluation",
    "Filtered",
    "Forked",
    "FormatVersion",
    "Hit",
    "Hits",
    "Interrupted",
    "InvalidArgument",
    "Io",
    "LexicalIndex",
    "Locked",
    "ModelMismatch",
    "NoMeasurableEffect",
    "NotFound",
    "QueryCounts",
    "ReadOnly",
    "Report",
    "RetrainReport",
    "Router",
    "Steering",
    "SteeringVector",
    "Taste",
    "TasteAt",
    "Timeout",
    "TruncationWarning",
    "Unsupported",
    "Upstream",
    "ValueEstimate",
    "WhatIf",
    "__version__",
    "compare_runs",
    "crowding_distance",
    "errors",
    "evaluate",
    "filter_feedback",
    "fuse",
    "hypervolume",
    "mmr",
    "nondominated_sort",
    "open",
    "pareto_front",
    "rating_of_dwell",
    "read_qrels",
    "read_run",
]


def __getattr__(name: str) -> object:
    # asyncio takes longer to import than everything else here.
    if name == "aio":
        import importlib

        return importlib.import_module("ragcore.aio")
    raise AttributeError(f"module 'ragcore' has no attribute {name!r}")
