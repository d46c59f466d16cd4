"""Steerable retrieval-augmented generation inside your process.

>>> import ragcore as rag
>>> points = [[1.0, 4.0], [2.0, 2.0], [3.0, 3.0]]
>>> rag.pareto_front(points).tolist()
[0, 1]
"""

from ._bandit import Bandit, Choice, Estimate, ValueEstimate
from ._chunking import Chunk, Chunker
from ._core import __version__
from ._dense import DenseIndex
from ._embedding import Embedder
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
from ._steering import DialChange, Effect, RetrainReport, Steering, SteeringVector, filter_feedback
from .errors import (
    AlreadyExists,
    Closed,
    Corrupt,
    DimensionMismatch,
    Error,
    Forked,
    FormatVersion,
    Interrupted,
    InvalidArgument,
    Io,
    Locked,
    ModelMismatch,
    NotFound,
    ReadOnly,
    Timeout,
    Unsupported,
    Upstream,
)


def __getattr__(name: str) -> object:
    # asyncio takes longer to import than everything else here.
    if name == "aio":
        import importlib

        return importlib.import_module("ragcore.aio")
    raise AttributeError(f"module 'ragcore' has no attribute {name!r}")
