"""Documents that can be told from their numbers, so that nothing about them has to be kept.

A document is (number, version, batch); its id, text, vector and metadata follow from these. The
text begins with a word that no other document and no other version has, and the vector is unlike
all others, so that one search by words and one by vector tell whether exactly this version is
found. A *model*, what a store should hold, is a dict from number to (version, batch).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

VOCABULARY = 400


class Doc(NamedTuple):
    number: int
    version: int
    #: Which change wrote it: what is torn shows by this.
    batch: int


class Rows(NamedTuple):
    """Documents as they are written: made beforehand, so that a moment of writing is only that."""

    docs: list[Doc]
    ids: list[str]
    texts: list[str]
    vectors: np.ndarray


Model = dict[int, tuple[int, int]]


def rows(docs: list[Doc], dim: int) -> Rows:
    return Rows(docs, ids(doc.number for doc in docs), texts(docs), vectors(docs, dim))


def of_model(model: Model) -> list[Doc]:
    return [Doc(number, *rest) for number, rest in model.items()]


def ids(numbers: Iterable[int]) -> list[str]:
    return [f"d{number}" for number in numbers]


def number(id: str) -> int:
    return int(id[1:])


def word(doc: Doc) -> str:
    """The word that only this version of this document has."""
    return f"d{doc.number}v{doc.version}"


def texts(docs: list[Doc]) -> list[str]:
    if not docs:
        return []
    draws = _mix(_seeds(docs)[:, None] + np.arange(25, dtype=np.uint64))
    lengths = 4 + draws[:, 0] % 20
    rows = (draws[:, 1:] % VOCABULARY).tolist()
    return [
        " ".join([word(doc), "common", *(f"word{n}" for n in row[:length])])
        for doc, length, row in zip(docs, lengths.tolist(), rows, strict=True)
    ]


def vectors(docs: list[Doc], dim: int) -> np.ndarray:
    """Their vectors as float32, of unit length, around a thousand centres."""
    if not docs:
        return np.empty((0, dim), np.float32)
    seeds = _seeds(docs)
    rows = _uniform(seeds, dim) + 2 * _uniform(seeds % np.uint64(1000) + np.uint64(7), dim)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def live_bytes(docs: list[Doc], dim: int) -> int:
    """What a store cannot do without: ids, texts, vectors, and sixteen bytes of metadata."""
    return sum(map(len, texts(docs))) + len(docs) * (4 * dim + 8 + 16)


def _seeds(docs: list[Doc]) -> np.ndarray:
    numbers = np.array([doc.number for doc in docs], np.uint64)
    versions = np.array([doc.version for doc in docs], np.uint64)
    return _mix(numbers * np.uint64(1_000_003) + versions)


def _uniform(seeds: np.ndarray, dim: int) -> np.ndarray:
    draws = _mix(seeds[:, None] * np.uint64(2654435761) + np.arange(dim, dtype=np.uint64))
    return (draws >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele, Lea and Flood 2014), on whole arrays."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
