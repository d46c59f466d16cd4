"""What a store must offer to be put through the ordeals; `ours.py` and `sqlite.py` do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from documents import Doc, Rows

#: Ranked hits: number of the document and score.
Hits = list[tuple[int, float]]


class Found(NamedTuple):
    """A document as a store gives it back."""

    doc: Doc
    text: str
    vector: np.ndarray


class Damaged(Exception):
    """What was read cannot be a document: an error as good as one of the store's own."""


class Store(ABC):
    """An open store."""

    @abstractmethod
    def add(self, rows: Rows) -> None: ...
    @abstractmethod
    def upsert(self, rows: Rows) -> None: ...
    @abstractmethod
    def delete(self, numbers: list[int]) -> int: ...
    @abstractmethod
    def numbers(self) -> list[int]: ...
    @abstractmethod
    def get(self, numbers: list[int]) -> list[Found | None]: ...
    @abstractmethod
    def count(self, batch: int | None = None) -> int:
        """All documents, or those that one change wrote."""

    @abstractmethod
    def find(
        self, mode: str, texts: list[str], vectors: np.ndarray, k: int, exact: bool = False
    ) -> list[Hits]:
        """Hits of many questions; `mode` is "lexical", "dense" or "hybrid"."""

    @abstractmethod
    def problems(self) -> list[str]:
        """What the store's own examination of itself finds."""

    @abstractmethod
    def checkpoint(self) -> None: ...
    @abstractmethod
    def compact(self) -> None: ...
    @abstractmethod
    def backup(self, folder: Path) -> None: ...
    @abstractmethod
    def close(self) -> None: ...


class Subject(ABC):
    """A kind of store: how it is opened and what its errors mean."""

    name: ClassVar[str]
    #: Which of "sync", "os" and "memory" it offers.
    durabilities: ClassVar[tuple[str, ...]]
    #: Its answer to a second writer names the process that holds the lock.
    names_holder: ClassVar[bool]
    #: One handle may be used by many threads; if not, each opens its own.
    shares_handle: ClassVar[bool]

    def __init__(self, dim: int = 16) -> None:
        self.dim = dim

    @abstractmethod
    def open(self, folder: Path, durability: str = "sync", read_only: bool = False) -> Store: ...
    @abstractmethod
    def open_alone(self, folder: Path) -> Store:
        """Opens for writing and holds the lock from now on."""

    @abstractmethod
    def is_clean(self, error: BaseException) -> bool:
        """Whether this is an error that a caller can expect and handle."""

    @abstractmethod
    def is_forked(self, error: BaseException) -> bool: ...
    @abstractmethod
    def is_locked(self, error: BaseException) -> bool: ...
    @abstractmethod
    def holder(self, error: BaseException) -> int | None: ...
