"""The coroutines: real ones, which leave the event loop running and stop when cancelled."""

from __future__ import annotations

import ast
import asyncio
import time
from pathlib import Path
from typing import Any

import aio_stub
import numpy as np
import pytest
import ragcore as rag
from ragcore import aio


def run(main: Any) -> Any:
    return asyncio.run(main)


def test_the_main_job(tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with await aio.open(tmp_path / "store") as col:
            await col.add(["a", "b"], ["The kettle is boiling.", "Rates rose again."])
            assert len(col) == 2 and "a" in col
            hits = await col.search("tea water", k=1)
            assert isinstance(hits, rag.Hits)
            dial = await aio.SteeringVector.learn(np.eye(4)[:2], -np.eye(4)[:2], name="up")
            assert isinstance(dial, rag.SteeringVector)
            assert isinstance(col.steering, aio.CollectionSteering)
            await col.steering.add(rag.SteeringVector(np.ones(col.dim), name="one"))
            assert "one" in col.steering
            return [*hits.ids, *await col.ids()]

    assert run(main()) == ["a", "a", "b"]
    with rag.open(tmp_path / "store") as again:
        assert len(again) == 2


def test_objects_go_in_and_come_out_wrapped(tmp_path: Path) -> None:
    async def main() -> None:
        embedder = await aio.Embedder()
        assert embedder.dim > 0 and "aio.Embedder" in repr(embedder)
        vectors = await embedder.encode(["x", "y"])
        assert vectors.shape == (2, embedder.dim)
        col = await aio.open(embedder=embedder)
        await col.add(["x"], ["x"])
        assert isinstance(col.embedder, aio.Embedder)
        index = await aio.DenseIndex(2)
        await index.add([1], [[1.0, 0.0]])
        await index.save(tmp_path / "index")
        assert isinstance(await aio.DenseIndex.open(tmp_path / "index"), aio.DenseIndex)
        a, b = await aio.Bandit([0.0, 1.0], seed=1), await aio.Bandit([0.0, 1.0], seed=2)
        await b.reward(await b.choose("d"), 1.0)
        await a.merge(b)
        assert a.domains == ["d"]
        assert (await aio.pareto_front([[1.0], [2.0]])).tolist() == [0]
        with pytest.raises(rag.NotFound):
            await aio.Bandit.load(tmp_path / "none")
        await col.close()
        with pytest.raises(rag.Closed):
            await col.ids()

    run(main())


def test_the_stub_is_up_to_date() -> None:
    written = ast.parse(aio_stub.STUB.read_text(encoding="utf-8"))
    mend = "run python python/tests/aio_stub.py && ruff format python/ragcore/aio.pyi"
    assert ast.dump(written) == ast.dump(ast.parse(aio_stub.stub())), mend


def test_the_loop_goes_on_and_cancelling_stops_the_work() -> None:
    async def main() -> None:
        embedder = await aio.Embedder()
        texts = ["a long text with many words in it " * 40] * 200_000
        told: list[int] = []
        call = embedder.encode(texts, progress=lambda done, total: told.append(done))
        task = asyncio.create_task(call)
        ticks = 0
        while not told:
            await asyncio.sleep(0.001)
            ticks += 1
        assert ticks > 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The worker thread ends too: what it tells stands still.
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            before = len(told)
            await asyncio.sleep(0.3)
            if len(told) == before:
                break
        assert told[-1] < len(texts)

    run(main())
