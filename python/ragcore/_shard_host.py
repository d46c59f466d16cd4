"""What runs beside the documents of a shard: one open collection, and the verbs that it is asked.

Whatever carries the verbs (threads, processes, a cluster) calls :meth:`ShardHost.run`; arguments
and answers can be pickled. A verb that writes may be carried out twice with the same outcome, so
that one whose answer was lost is sent again.
"""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple

import numpy as np

from ._collection import Collection
from ._collection import open as open_collection
from ._embedding import Embedder
from ._shards import ShardRequest
from ._steering import Steering
from .errors import NotFound

#: Verbs that change a shard; of these, each shard carries out one at a time, in the order of
#: asking.
WRITES = frozenset(("put", "delete", "delete_where", "attach", "steer", "checkpoint", "compact"))


class ShardSpec(NamedTuple):
    """How shards are opened: a model's folder (None for the built-in one), or a dimension."""

    model: str | None = None
    dim: int | None = None
    durability: str = "sync"
    read_only: bool = False

    def embedder(self) -> Embedder | None:
        """The model of the vectors; None where the caller brings them."""
        if self.dim is not None:
            return None
        return Embedder() if self.model is None else Embedder(self.model)


class Documents(NamedTuple):
    """Documents on their way to a shard."""

    ids: list[str]
    texts: list[str] | None
    vectors: np.ndarray[Any, Any] | None
    metadata: list[Any] | None


class ShardHost:
    """One shard, opened when it is asked for the first time."""

    def __init__(self, folder: str | os.PathLike[str] | None, spec: ShardSpec) -> None:
        self._folder = None if folder is None else os.fspath(folder)
        self._spec = spec
        self._lock = threading.Lock()
        self._opened: Collection | None = None

    @property
    def col(self) -> Collection:
        """The collection. A host that was started again must find its folder, or it is not
        there.
        """
        return self._open(create=False)

    def _open(self, create: bool) -> Collection:
        with self._lock:
            if self._opened is None:
                folder, spec = self._folder, self._spec
                if not create and folder is not None and not os.path.isdir(folder):
                    raise NotFound(
                        f"there is no shard in {folder}; was this process started on another "
                        "machine?"
                    )
                self._opened = open_collection(
                    folder,
                    embedder=spec.embedder(),
                    dim=spec.dim,
                    durability=spec.durability,
                    read_only=spec.read_only,
                )
            return self._opened

    def run(self, verb: str, args: tuple[Any, ...]) -> Any:
        """Carries out a verb."""
        return getattr(self, f"_{verb}")(*args)

    def _hello(self) -> tuple[int, int | None, int]:
        """Documents, dimension and sequence; makes the shard if it is not there."""
        col = self._open(create=not self._spec.read_only)
        return len(col), col.dim, col.sequence

    def _put(self, documents: Documents) -> tuple[int, int]:
        ids, texts, vectors, metadata = documents
        self.col.upsert(ids, texts, vectors=vectors, metadata=metadata)
        return len(ids), self.col.sequence

    def _delete(self, ids: list[str]) -> tuple[int, int]:
        return self.col.delete(ids), self.col.sequence

    def _delete_where(self, filter: Any) -> tuple[int, int]:
        return self.col.delete(filter=filter), self.col.sequence

    def _attach(self, folder: str) -> tuple[int, int]:
        return self.col.attach(folder), self.col.sequence

    def _present(self, ids: list[str]) -> list[str]:
        return [id for id in ids if id in self.col]

    def _get(self, ids: list[str]) -> list[Any]:
        return self.col.get(ids)

    def _ids(self) -> list[str]:
        return self.col.ids()

    def _count(self, filter: Any) -> int:
        return self.col.count(filter)

    def _sample(self, most: int) -> list[np.ndarray[Any, Any]]:
        ids = self.col.ids()
        chosen = ids[:: max(1, len(ids) // most)][:most]
        found = self.col.get(chosen)
        return [doc.vector for doc in found if doc is not None and doc.vector is not None]

    def _steer(self, set: Steering) -> tuple[None, int]:
        self.col.steering.replace(set)
        return None, self.col.sequence

    def _statistics(self, request: bytes) -> bytes:
        return self.col.shard_statistics(ShardRequest.from_bytes(request)).to_bytes()

    def _search(self, request: bytes) -> bytes:
        return self.col.search_shard(ShardRequest.from_bytes(request)).to_bytes()

    def _verify(self) -> Any:
        return self.col.verify()

    def _checkpoint(self) -> tuple[None, int]:
        self.col.checkpoint()
        return None, self.col.sequence

    def _compact(self) -> tuple[None, int]:
        self.col.compact()
        return None, self.col.sequence

    def _backup(self, folder: str) -> None:
        self.col.backup(folder)

    def _close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
