"""A dense index with more vectors than are all looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import ragcore as rag


def texts(n: int, dim: int) -> np.ndarray:
    """Vectors around a few centres, which is how texts lie."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(n // 50, dim))
    rows = centres[np.arange(n) % len(centres)] + rng.normal(size=(n, dim)) * 0.6
    return rows.astype(np.float32)


def recall(index: rag.DenseIndex, rows: np.ndarray, queries: np.ndarray, held: np.ndarray) -> float:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores = queries @ unit.T
    scores[:, ~held] = -np.inf
    truth = np.argsort(-scores, axis=1)[:, :10]
    found, _ = index.search(queries, k=10)
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)]))


@pytest.mark.parametrize("precision", ["auto", "f32"])
def test_many_vectors_are_found_saved_and_removed(precision: str, tmp_path: Path) -> None:
    rows = texts(5000, 64)
    queries = rows[:100] + 0.2
    index = rag.DenseIndex(64, precision=precision)
    index.add(np.arange(5000), rows)
    held = np.ones(5000, dtype=bool)
    assert recall(index, rows, queries, held) > 0.95
    assert index.nbytes < 5000 * (600 if precision == "auto" else 900)

    index.remove(np.arange(0, 5000, 2))
    held[::2] = False
    assert recall(index, rows, queries, held) > 0.93
    index.save(tmp_path / "index")
    again = rag.DenseIndex.open(tmp_path / "index")
    assert all(
        np.array_equal(a, b)
        for a, b in zip(again.search(queries), index.search(queries), strict=True)
    )
    unit = rows[1] / np.linalg.norm(rows[1])
    assert np.abs(again[1] - unit).max() < 0.01


def test_effort_looks_further_and_exact_looks_at_everything() -> None:
    rows = texts(6000, 32)
    index = rag.DenseIndex(32, precision="f32")
    index.add(np.arange(6000), rows)
    truth, scores = index.search(rows[:200] + 0.3, k=10, exact=True)

    def share(effort: int) -> float:
        found, close = index.search(rows[:200] + 0.3, k=10, effort=effort)
        assert np.all(close[:, 0] <= scores[:, 0])
        return float(np.mean([len(set(a) & set(b)) for a, b in zip(found, truth, strict=True)]))

    assert share(10) <= share(200)
    assert share(200) > 9.9


def test_a_filter_among_many_never_costs_hits() -> None:
    rows = texts(9000, 16)
    index = rag.DenseIndex(16)
    index.add(np.arange(9000), rows)
    for allowed in (np.arange(3), np.arange(0, 9000, 100), np.arange(4000, 9000)):
        keys, _ = index.search(rows[:20], k=10, filter=allowed)
        found = [[k for k in row if k != 2**64 - 1] for row in keys.tolist()]
        assert all(len(row) == min(10, len(allowed)) for row in found)
        assert all(set(row) <= set(allowed.tolist()) for row in found)


def test_the_asynchronous_twin_has_it_too() -> None:
    async def run() -> int:
        index = await rag.aio.DenseIndex(8)
        await index.add(np.arange(10), texts(50, 8)[:10])
        return int(index.nbytes)

    assert asyncio.run(run()) > 0


def test_a_mask_is_not_a_list_of_keys() -> None:
    index = rag.DenseIndex(2)
    index.add([1, 2], np.eye(2, dtype=np.float32))
    with pytest.raises(rag.InvalidArgument, match=r"flatnonzero"):
        index.search([1.0, 0.0], filter=np.array([True, False]))


def test_a_query_is_read_the_same_in_every_form() -> None:
    index = rag.DenseIndex(3)
    rows = np.array([[1, 2, 3], [3, 2, 1]], np.float32)
    index.add([1, 2], rows)
    frozen = rows[0].copy()
    frozen.flags.writeable = False
    strided = np.repeat(rows[0], 2)[::2]
    forms = [rows[0], frozen, strided, rows[0].tolist(), rows[0].astype(np.float64)]
    found = [index.search(form)[0].tolist() for form in forms]
    assert all(one == found[0] for one in found) and found[0][0] == 1
    assert index.search(rows)[0].shape == (2, 10)
    with pytest.raises(rag.DimensionMismatch):
        index.search(rows[0][:2])
