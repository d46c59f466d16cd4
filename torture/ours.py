"""ragcore, by its public Python interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import ragcore as rag

from documents import Doc, Rows, ids, number
from subject import Damaged, Found, Hits, Store, Subject


class OursStore(Store):
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def add(self, rows: Rows) -> None:
        self._put(self.inner.add, rows)

    def upsert(self, rows: Rows) -> None:
        self._put(self.inner.upsert, rows)

    def _put(self, verb: Any, rows: Rows) -> None:
        metadata = [{"version": doc.version, "batch": doc.batch} for doc in rows.docs]
        verb(rows.ids, rows.texts, vectors=rows.vectors, metadata=metadata)

    def delete(self, numbers: list[int]) -> int:
        return self.inner.delete(ids(numbers))

    def numbers(self) -> list[int]:
        return [_number(id) for id in self.inner.ids()]

    def get(self, numbers: list[int]) -> list[Found | None]:
        return [None if found is None else _found(found) for found in self.inner.get(ids(numbers))]

    def count(self, batch: int | None = None) -> int:
        return self.inner.count(None if batch is None else {"batch": batch})

    def find(
        self, mode: str, texts: list[str], vectors: np.ndarray, k: int, exact: bool = False
    ) -> list[Hits]:
        questions = vectors if mode == "dense" else texts
        own = vectors if mode == "hybrid" else None
        found = self.inner.search_many(questions, k, vectors=own, mode=mode, exact=exact)
        return [
            [(_number(id), score) for id, score in zip(hits.ids, hits.scores.tolist(), strict=True)]
            for hits in found
        ]

    def problems(self) -> list[str]:
        return list(self.inner.verify().problems)

    def checkpoint(self) -> None:
        self.inner.checkpoint()

    def compact(self) -> None:
        self.inner.compact()

    def backup(self, folder: Path) -> None:
        self.inner.backup(folder)

    def close(self) -> None:
        self.inner.close()


class Ours(Subject):
    name = "ragcore"
    durabilities = ("sync", "os", "memory")
    names_holder = True
    shares_handle = True

    def open(self, folder: Path, durability: str = "sync", read_only: bool = False) -> Store:
        inner = rag.open(folder, dim=self.dim, durability=durability, read_only=read_only)
        return OursStore(inner)

    def open_alone(self, folder: Path) -> Store:
        return self.open(folder)

    def is_clean(self, error: BaseException) -> bool:
        return isinstance(error, Damaged) or (
            isinstance(error, rag.Error) and error.kind in rag.errors.BY_KIND
        )

    def is_forked(self, error: BaseException) -> bool:
        return isinstance(error, rag.Forked)

    def is_locked(self, error: BaseException) -> bool:
        return isinstance(error, rag.Locked)

    def holder(self, error: BaseException) -> int | None:
        return error.pid if isinstance(error, rag.Locked) else None


def _number(id: str) -> int:
    try:
        return number(id)
    except ValueError:
        raise Damaged(f"an id that was never given: {id!r}") from None


def _found(found: Any) -> Found:
    if found.text is None or found.vector is None or set(found.metadata) != {"version", "batch"}:
        raise Damaged(f"a document that was never given: {found!r}")
    doc = Doc(_number(found.id), found.metadata["version"], found.metadata["batch"])
    return Found(doc, found.text, found.vector)
