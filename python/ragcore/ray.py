"""Shards as actors of a Ray cluster, and a corpus embedded by all of it: ``pip install
ragcore[ray]``.

:class:`RayShards` runs the shards of a :class:`ragcore.sharded.ShardedCollection`;
:func:`index_corpus` embeds a Ray dataset with a model in each worker and writes it to them. Ray
schedules, restarts and carries bytes; what is scored and merged is the core's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._coordinator import Call, LostShard, ShardedCollection, answered
from ._shard_host import WRITES, Documents, ShardHost, ShardSpec
from ._shards import shard_of
from .errors import InvalidArgument, Unsupported

try:
    import ray
    from ray.exceptions import RayActorError, RayError, RayTaskError
except ImportError as error:
    raise Unsupported("ragcore.ray needs Ray; install ragcore[ray]") from error

__all__ = ["RayShards", "index_corpus"]


class _Actor(ShardHost):
    """A shard in a process of the cluster."""

    def run(self, verb: str, args: tuple[Any, ...]) -> Any:
        """Carries out a verb; what it raises is an answer, so that only Ray's own errors mean a
        loss.
        """
        try:
            return super().run(verb, args)
        except Exception as error:
            return error


class RayShards:
    """Shards as actors of the cluster that ``ray.init`` has joined.

    ``folders`` names the folder of each shard: on a disk of the node that runs it, or one that all
    nodes see. ``replicas`` more actors read each shard, which needs the latter. ``options`` are
    those of Ray's ``.options()`` for every actor, or a list with some for each shard: a dict with
    ``resources`` keeps a shard on the node that has its disk. An actor that is lost is started
    again by Ray and asked again until the deadline; started where its folder is not, it says so.
    """

    def __init__(
        self,
        folders: Sequence[str | os.PathLike[str]],
        spec: ShardSpec = ShardSpec(),
        *,
        replicas: int = 0,
        options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        if not folders:
            raise InvalidArgument("folders must name one folder or more, got none")
        if replicas < 0:
            raise InvalidArgument(f"replicas must be 0 or more, got {replicas}")
        if not ray.is_initialized():
            raise InvalidArgument("there is no cluster; call ray.init first")
        shared = options is None or isinstance(options, Mapping)
        each: Sequence[Any] = [options or {}] * len(folders) if shared else list(options or ())
        if len(each) != len(folders):
            raise InvalidArgument(
                f"{len(folders)} folders but {len(each)} options; give one for each"
            )
        self.spec = spec
        self._options: list[dict[str, Any]] = [dict(some) for some in each]
        self._actors = [self._start(shard, folder, spec) for shard, folder in enumerate(folders)]
        reading = spec._replace(read_only=True)
        # Readers open what a writer has made.
        ray.get([actor.run.remote("hello", ()) for actor in self._actors])
        self._replicas = [
            [self._start(shard, folder, reading) for _ in range(replicas)]
            for shard, folder in enumerate(folders)
        ]
        self._staged: dict[int, Any] = {}
        self._turn = itertools.count()

    def _start(self, shard: int, folder: str | os.PathLike[str], spec: ShardSpec) -> Any:
        always = {"max_restarts": -1, "max_task_retries": 0, "num_cpus": 0, "max_concurrency": 1}
        made = ray.remote(_Actor).options(**always | self._options[shard])
        return made.remote(os.fspath(folder), spec)

    def __len__(self) -> int:
        return len(self._actors)

    @property
    def actors(self) -> list[Any]:
        """The actors that write, by shard."""
        return list(self._actors)

    def ask(self, calls: Mapping[int, Call], timeout_s: float) -> dict[int, Any]:
        """See :class:`ragcore.sharded.Shards`."""
        asked = {}
        for shard, call in calls.items():
            try:
                asked[self._for(shard, call).run.remote(*call)] = shard
            except RayError as error:
                asked[ray.put(LostShard(f"the actor of shard {shard} is gone: {error}"))] = shard
        done, _ = ray.wait(list(asked), num_returns=len(asked), timeout=timeout_s)
        return {asked[ref]: _answer(ref, asked[ref]) for ref in done}

    def _for(self, shard: int, call: Call) -> Any:
        readers = [self._actors[shard], *self._replicas[shard]]
        return readers[0 if call[0] in WRITES else next(self._turn) % len(readers)]

    def stage(self, shard: int, folder: str) -> None:
        """See :class:`ragcore.sharded.Shards`."""
        self._staged[shard] = self._start(shard, folder, self.spec)

    def ask_staged(self, shard: int, call: Call, timeout_s: float) -> Any:
        """See :class:`ragcore.sharded.Shards`."""
        ref = self._staged[shard].run.remote(*call)
        done, _ = ray.wait([ref], timeout=timeout_s)
        return _answer(ref, shard) if done else None

    def switch(self, shard: int, take: bool) -> None:
        """See :class:`ragcore.sharded.Shards`; replicas of the old folder end."""
        gone = self._staged.pop(shard)
        if take:
            gone, self._actors[shard] = self._actors[shard], gone
            for replica in self._replicas[shard]:
                ray.kill(replica)
            self._replicas[shard] = []
        _end(gone)

    def close(self) -> None:
        """Lets every actor close its collection, and ends it."""
        for actor in [*itertools.chain(*self._replicas), *self._actors]:
            _end(actor)


def _answer(ref: Any, shard: int) -> Any:
    try:
        return ray.get(ref)
    except RayActorError as error:
        return LostShard(f"the actor of shard {shard} is gone: {error}")
    except RayTaskError as error:
        return error.cause
    except RayError as error:
        return LostShard(f"shard {shard} could not be asked: {error}")


def _end(actor: Any) -> None:
    with contextlib.suppress(RayError):
        ray.get(actor.run.remote("close", ()), timeout=10.0)
    ray.kill(actor)


class _Writer:
    """One worker of the dataset: a model, and the way to all shards."""

    def __init__(self, actors: list[Any], spec: ShardSpec, deadline_s: float) -> None:
        self._shards = _Given(actors, spec)
        self._deadline_s = deadline_s
        self._embedder = spec.embedder()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        ids = [str(id) for id in batch["id"]]
        count = len(self._shards)
        places: dict[int, list[int]] = {}
        for row, id in enumerate(ids):
            places.setdefault(shard_of(id, count), []).append(row)
        # What is there already was written before it stopped.
        calls = {s: ("present", ([ids[row] for row in rows],)) for s, rows in places.items()}
        here = {id for found in self._shards.all(calls, self._deadline_s).values() for id in found}
        rows = [row for row, id in enumerate(ids) if id not in here]
        if rows:
            self._put(
                [ids[row] for row in rows], {k: [v[row] for row in rows] for k, v in batch.items()}
            )
        return {"id": [ids[row] for row in rows]}

    def _put(self, ids: list[str], columns: dict[str, list[Any]]) -> None:
        texts = [str(text) for text in columns["text"]]
        vectors: Any = columns.get("vector")
        if vectors is None and self._embedder is not None:
            vectors = self._embedder.encode(texts)
        metadata = columns.get("metadata")
        places: dict[int, list[int]] = {}
        for row, id in enumerate(ids):
            places.setdefault(shard_of(id, len(self._shards)), []).append(row)
        rows = None if vectors is None else np.asarray(list(vectors), np.float32)
        calls = {
            shard: (
                "put",
                (
                    Documents(
                        [ids[row] for row in some],
                        [texts[row] for row in some],
                        None if rows is None else rows[some],
                        None if metadata is None else [dict(metadata[row]) for row in some],
                    ),
                ),
            )
            for shard, some in places.items()
        }
        self._shards.all(calls, self._deadline_s)


class _Given:
    """Shards whose actors somebody else has started."""

    def __init__(self, actors: list[Any], spec: ShardSpec) -> None:
        self.actors, self.spec = actors, spec

    def __len__(self) -> int:
        return len(self.actors)

    def all(self, calls: Mapping[int, Call], deadline_s: float) -> dict[int, Any]:
        """What each answers; lost ones are asked again."""

        def ask(left: Mapping[int, Call], timeout_s: float) -> dict[int, Any]:
            asked = {self.actors[shard].run.remote(*call): shard for shard, call in left.items()}
            done, _ = ray.wait(list(asked), num_returns=len(asked), timeout=timeout_s)
            return {asked[ref]: _answer(ref, asked[ref]) for ref in done}

        return answered(ask, calls, deadline_s)


def index_corpus(
    dataset: Any,
    col: ShardedCollection,
    *,
    concurrency: int = 2,
    batch_size: int = 256,
    num_cpus: float = 1.0,
) -> int:
    """Embeds a Ray dataset and writes it to the shards of ``col``; answers how many documents were
    new.

    The dataset has columns ``id`` and ``text``, and may have ``metadata`` (dicts) and ``vector``.
    Each of ``concurrency`` workers opens the model once and takes ``batch_size`` documents at a
    time, which it embeds in batches of like lengths. What is in the shards already is passed over,
    so that a run that broke off is started again with the same call. Ray shows the progress.
    """
    shards = col.shards
    if not isinstance(shards, RayShards):
        raise InvalidArgument(f"col must have RayShards, got {type(shards).__name__}")
    missing = {"id", "text"} - set(dataset.columns())
    if missing:
        raise InvalidArgument(
            f"the dataset must have the columns id and text; {sorted(missing)} missing"
        )
    with col.written_elsewhere():
        written = dataset.map_batches(
            _Writer,
            fn_constructor_args=(shards.actors, shards.spec, col.deadline_s),
            concurrency=concurrency,
            batch_size=batch_size,
            num_cpus=num_cpus,
        )
        new: int = written.count()
        return new
