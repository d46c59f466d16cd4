"""The same names as coroutines, for programs built on asyncio.

Everything that computes or touches a file is awaited, making an object included; names, sizes and
membership are plain. The work runs in asyncio's thread pool and holds no interpreter lock, so the
event loop goes on. Cancelling a call that takes ``progress`` stops the work as well and nothing of
it is kept; any other call runs to its end unseen.

``aio.pyi`` has the signatures.

>>> import asyncio
>>> from ragcore import aio
>>> async def main():
...     bandit = await aio.Bandit([0.0, 0.5, 1.0], seed=1)
...     choice = await bandit.choose("finance")
...     await bandit.reward(choice, 1.0)
...     return len(await bandit.estimates("finance")), bandit.domains
>>> asyncio.run(main())
(3, ['finance'])
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import ragcore as _plain

from ._progress import watcher

__all__ = [
    "AttributeModel",
    "Bandit",
    "Cache",
    "ChatModel",
    "Chunker",
    "Collection",
    "CollectionBandits",
    "CollectionSteering",
    "DenseIndex",
    "DomainDetector",
    "Embedder",
    "Engine",
    "Experiment",
    "Extractive",
    "History",
    "Interleaving",
    "LexicalIndex",
    "Memory",
    "MetricsFiles",
    "ParetoArchive",
    "Prompts",
    "Router",
    "Steering",
    "SteeringVector",
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


class _Stopped(Exception):
    """Raised in the worker thread when the task was cancelled; nobody sees it."""


async def _run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    stop = threading.Event()
    if "progress" in (getattr(function, "__kwdefaults__", None) or {}):
        told = watcher(kwargs.get("progress", False), function.__name__)

        def watch(done: int, total: int) -> None:
            if stop.is_set():
                raise _Stopped
            if told is not None:
                told(done, total)

        kwargs["progress"] = watch
    plain_args = [_unwrapped(a) for a in args]
    plain_kwargs = {name: _unwrapped(a) for name, a in kwargs.items()}
    try:
        return _wrapped(await asyncio.to_thread(function, *plain_args, **plain_kwargs))
    except asyncio.CancelledError:
        stop.set()
        raise


class _Maker(type):
    """Calling the class is a coroutine, because making an object may read a model."""

    _plain: type

    async def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return await _run(cls._plain, *args, **kwargs)


class _Handle(metaclass=_Maker):
    """Stands for an object of the plain interface."""

    __slots__ = ("_object",)
    _object: Any

    def __repr__(self) -> str:
        return f"aio.{self._object!r}"


_MIRRORS: dict[type, type] = {}


def _wrapped(value: Any) -> Any:
    mirror = _MIRRORS.get(type(value))
    if mirror is None:
        return value
    handle: Any = object.__new__(mirror)
    handle._object = value
    return handle


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict):
        # Generators come by name.
        return {key: _unwrapped(item) for key, item in value.items()}
    return value._object if isinstance(value, _Handle) else value


def _mirror(plain: type) -> Any:
    doc = f"As :class:`ragcore.{plain.__name__}`: making one and its methods are coroutines."
    members: dict[str, Any] = {"__slots__": (), "__doc__": doc, "_plain": plain}
    for name in dir(plain):
        member = inspect.getattr_static(plain, name)
        if isinstance(member, property):
            members[name] = _property(name, member)
        elif isinstance(member, classmethod) and not name.startswith("_"):
            members[name] = _class_method(plain, name)
        elif inspect.isfunction(member) and not name.startswith("_"):
            members[name] = _method(member)
        elif inspect.isfunction(member) and name in _PLAIN:
            members[name] = _through(member)
    if hasattr(plain, "__enter__"):
        members["__aenter__"] = _enter
        members["__aexit__"] = _exit
    made = _Maker(plain.__name__, (_Handle,), members)
    made.__module__ = __name__
    _MIRRORS[plain] = made
    return made


#: What neither computes nor touches a file.
_PLAIN = ("__len__", "__contains__", "__iter__", "__getitem__")


def _property(name: str, member: property) -> property:
    def read(self: Any) -> Any:
        return _wrapped(getattr(self._object, name))

    return property(read, doc=member.__doc__)


def _class_method(plain: type, name: str) -> Any:
    function = getattr(plain, name)

    @functools.wraps(function)
    async def method(cls: type, *args: Any, **kwargs: Any) -> Any:
        return await _run(function, *args, **kwargs)

    return classmethod(method)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await _run(function, self._object, *args, **kwargs)

    return method


def _through(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def method(self: Any, *args: Any) -> Any:
        return _wrapped(function(self._object, *args))

    return method


async def _enter(self: Any) -> Any:
    return self


async def _exit(self: Any, *exception: object) -> None:
    await _run(self._object.close)


def _function(plain: Callable[..., Any]) -> Any:
    @functools.wraps(plain)
    async def function(*args: Any, **kwargs: Any) -> Any:
        return await _run(plain, *args, **kwargs)

    function.__module__ = __name__
    return function


class AttributeModel:
    """A model is a plain value; only learning one takes time."""

    @staticmethod
    @functools.wraps(_plain.AttributeModel.learn)
    async def learn(*args: Any, **kwargs: Any) -> Any:
        """Learns a model and answers a plain :class:`ragcore.AttributeModel`."""
        return await _run(_plain.AttributeModel.learn, *args, **kwargs)


class SteeringVector:
    """A dial is a plain value; only learning one takes time."""

    @staticmethod
    @functools.wraps(_plain.SteeringVector.learn)
    async def learn(*args: Any, **kwargs: Any) -> Any:
        """Learns a dial and answers a plain :class:`ragcore.SteeringVector`."""
        return await _run(_plain.SteeringVector.learn, *args, **kwargs)


Embedder: Any = _mirror(_plain.Embedder)
Chunker: Any = _mirror(_plain.Chunker)
DenseIndex: Any = _mirror(_plain.DenseIndex)
LexicalIndex: Any = _mirror(_plain.LexicalIndex)
Collection: Any = _mirror(_plain.Collection)
CollectionBandits: Any = _mirror(_plain.CollectionBandits)
CollectionSteering: Any = _mirror(_plain.CollectionSteering)
Steering: Any = _mirror(_plain.Steering)
Bandit: Any = _mirror(_plain.Bandit)
Router: Any = _mirror(_plain.Router)
ParetoArchive: Any = _mirror(_plain.ParetoArchive)
DomainDetector: Any = _mirror(_plain.DomainDetector)
Cache: Any = _mirror(_plain.Cache)
Prompts: Any = _mirror(_plain.Prompts)
Engine: Any = _mirror(_plain.Engine)
Experiment: Any = _mirror(_plain.Experiment)
Interleaving: Any = _mirror(_plain.Interleaving)
Extractive: Any = _mirror(_plain.Extractive)
ChatModel: Any = _mirror(_plain.ChatModel)
History: Any = _mirror(_plain.History)
Memory: Any = _mirror(_plain.Memory)
MetricsFiles: Any = _mirror(_plain.MetricsFiles)
open: Any = _function(_plain.open)
interleave: Any = _function(_plain.interleave)
fuse: Any = _function(_plain.fuse)
mmr: Any = _function(_plain.mmr)
filter_feedback: Any = _function(_plain.filter_feedback)
rating_of_dwell: Any = _function(_plain.rating_of_dwell)
pareto_front: Any = _function(_plain.pareto_front)
nondominated_sort: Any = _function(_plain.nondominated_sort)
crowding_distance: Any = _function(_plain.crowding_distance)
hypervolume: Any = _function(_plain.hypervolume)
routing_curve: Any = _function(_plain.routing_curve)
aiq: Any = _function(_plain.aiq)
pgr: Any = _function(_plain.pgr)
apgr: Any = _function(_plain.apgr)
cpt: Any = _function(_plain.cpt)
hypervolume_contributions: Any = _function(_plain.hypervolume_contributions)
epsilon_front: Any = _function(_plain.epsilon_front)
knee: Any = _function(_plain.knee)
distance_to_ideal: Any = _function(_plain.distance_to_ideal)
chebyshev: Any = _function(_plain.chebyshev)
optimize: Any = _function(_plain.optimize)
pack: Any = _function(_plain.pack)
export: Any = _function(_plain.export)
import_json: Any = _function(_plain.import_json)
compare: Any = _function(_plain.compare)
sanitize: Any = _function(_plain.sanitize)
shard_of: Any = _function(_plain.shard_of)
stable_hash: Any = _function(_plain.stable_hash)
groundedness: Any = _function(_plain.groundedness)
question_difference: Any = _function(_plain.question_difference)
readability: Any = _function(_plain.readability)
alpha_ndcg: Any = _function(_plain.alpha_ndcg)
intra_list_distance: Any = _function(_plain.intra_list_distance)
evaluate: Any = _function(_plain.evaluate)
compare_runs: Any = _function(_plain.compare_runs)
read_qrels: Any = _function(_plain.read_qrels)
read_run: Any = _function(_plain.read_run)
