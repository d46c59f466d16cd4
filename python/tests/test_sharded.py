"""A collection in several shards against one that holds everything."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from ragcore.sharded import LocalShards, LostShard, ProcessShards, ShardedCollection, ShardSpec

DIM = 8
RNG = np.random.default_rng(7)
WORDS = [f"w{i}" for i in range(60)]
#: Words as in a language: a few are nearly everywhere.
OFTEN = 1 / np.arange(1, 61) / (1 / np.arange(1, 61)).sum()


def documents(n: int, start: int = 0) -> dict[str, Any]:
    ids = [f"d{start + i}" for i in range(n)]
    texts = [" ".join(RNG.choice(WORDS, size=RNG.integers(1, 25), p=OFTEN)) for _ in ids]
    vectors = RNG.normal(size=(n, DIM)).astype(np.float32)
    metadata = [{"n": i % 7} for i in range(n)]
    return {"ids": ids, "texts": texts, "vectors": vectors, "metadata": metadata}


def questions(n: int) -> tuple[list[str], np.ndarray[Any, Any]]:
    texts = [" ".join(RNG.choice(WORDS, size=4, p=OFTEN)) for _ in range(n)]
    return texts, RNG.normal(size=(n, DIM)).astype(np.float32)


@pytest.fixture(params=["local", "spawn", "fork"])
def sharded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ShardedCollection]:
    spec = ShardSpec(dim=DIM, durability="os")
    folders = [tmp_path / f"shard-{i}" for i in range(4)]
    if request.param == "local":
        col = ShardedCollection(LocalShards(folders, spec))
    else:
        if request.param == "fork" and not hasattr(os, "fork"):
            pytest.skip("no fork here")
        col = ShardedCollection(ProcessShards(folders, spec, processes=2, method=request.param))
    with col:
        yield col


def test_hits_are_those_of_one_collection(sharded: ShardedCollection) -> None:
    whole = rag.open(dim=DIM)
    batch = documents(300)
    gone = []
    for col in (whole, sharded):
        col.add(**batch)
        col.upsert(["d5", "new"], ["w1 w2", "w3"], vectors=batch["vectors"][:2])
        assert col.delete([f"d{i}" for i in range(0, 300, 9)]) == 34
        gone.append(col.delete(filter={"n": 6}))
    assert gone[0] == gone[1] > 20
    assert sharded.count() == len(sharded) == len(whole)
    assert sorted(sharded.ids()) == sorted(whole.ids())
    assert sharded.count({"n": {"$lt": 3}}) == whole.count({"n": {"$lt": 3}})
    named = ["d1", "no such", "new", "d9"]
    for one, other in zip(sharded.get(named), whole.get(named), strict=True):
        assert (one is None) == (other is None)
        assert one is None or (one.text, one.metadata) == (other.text, other.metadata)
    assert "d1" in sharded and "no such" not in sharded
    dial = RNG.normal(size=DIM).astype(np.float32)
    sharded.steering.add(rag.SteeringVector(dial, name="up", scale=0.3))
    whole.steering.replace(sharded.steering)
    texts, vectors = questions(25)
    ways: list[dict[str, Any]] = [
        {"mode": "lexical"},
        {"mode": "dense", "exact": True, "k": 20},
        {"exact": True, "explain": True},
        {"exact": True, "fusion": "rrf", "diversity": 0.3},
        {"exact": True, "filter": {"n": {"$in": [1, 2]}}, "steer": {"up": 1.5}},
    ]
    for way in ways:
        found = sharded.search_many(texts, vectors=vectors, **way)
        expected = whole.search_many(texts, vectors=vectors, **way)
        for hits, wanted in zip(found, expected, strict=True):
            assert (hits.shards_answered, hits.shards_total) == (4, 4)
            assert list(hits) == list(wanted)
    [one] = [sharded.search(vectors[0], 3, exact=True)]
    assert list(one) == list(whole.search(vectors[0], 3, exact=True))
    assert all(report.ok for report in sharded.verify().values())
    sharded.checkpoint()
    sharded.compact()
    assert list(sharded.search(texts[0], mode="lexical")) == list(
        whole.search(texts[0], mode="lexical")
    )


def test_what_cannot_be_is_refused_and_nothing_is_stored(sharded: ShardedCollection) -> None:
    batch = documents(20)
    sharded.add(**batch)
    with pytest.raises(rag.AlreadyExists, match='"d7" is already here'):
        sharded.add(["x", "d7"], ["a", "b"], vectors=batch["vectors"][:2])
    with pytest.raises(rag.AlreadyExists, match="twice in the batch"):
        sharded.upsert(["x", "x"], ["a", "b"], vectors=batch["vectors"][:2])
    with pytest.raises(rag.InvalidArgument, match="2 ids but 1 texts"):
        sharded.add(["x", "y"], ["a"], vectors=batch["vectors"][:2])
    with pytest.raises(rag.DimensionMismatch):
        sharded.add(["x"], ["a"], vectors=np.ones((1, DIM + 1), np.float32))
    with pytest.raises(rag.InvalidArgument, match="one of them"):
        sharded.delete()
    with pytest.raises(rag.NotFound, match="nodial"):
        sharded.search(batch["vectors"][0], steer={"nodial": 1.0})
    with pytest.raises(rag.InvalidArgument, match=r"calibrat"):
        sharded.search("w1", mode="lexical", min_relevance=0.5)
    assert len(sharded) == 20


class _Odd(LocalShards):
    """Shards of which some answer late, twice, never, or as if they were gone."""

    def __init__(self, folders: list[Any], spec: ShardSpec) -> None:
        super().__init__(folders, spec)
        self.late: dict[int, threading.Event] = {}
        self.lose: dict[int, int] = {}
        self.carried_out = 0

    def ask(self, calls: Mapping[int, Any], timeout_s: float) -> dict[int, Any]:
        told = {}
        for shard, (verb, args) in calls.items():
            if shard in self.late:
                continue
            told |= super().ask({shard: (verb, args)}, timeout_s)
            if self.lose.get(shard, 0) > 0:
                # It was carried out, and nobody heard of it.
                self.lose[shard] -= 1
                self.carried_out += 1
                told[shard] = LostShard("the answer was lost")
        if self.late.keys() & calls.keys():
            next(iter(self.late.values())).wait(timeout_s)
        return told


def test_late_shards_are_named_and_left_out_only_when_asked_to() -> None:
    shards = _Odd([None] * 3, ShardSpec(dim=DIM))
    with ShardedCollection(shards, deadline_s=0.3) as col:
        batch = documents(60)
        col.add(**batch)
        shards.late[1] = threading.Event()
        begin = time.monotonic()
        with pytest.raises(rag.Timeout, match=r"1 of 3 shards did not answer within 0\.3 s \(1\)"):
            col.search("w0", mode="lexical")
        assert time.monotonic() - begin < 5
        hits = col.search("w0", 60, mode="lexical", partial=True)
        assert (hits.shards_answered, hits.shards_total) == (2, 3)
        assert hits.ids and all(rag.shard_of(id, 3) != 1 for id in hits.ids)
        del shards.late[1]
        assert col.search("w0", mode="lexical").shards_answered == 3


def test_what_was_lost_is_asked_again() -> None:
    shards = _Odd([None] * 3, ShardSpec(dim=DIM))
    with ShardedCollection(shards) as col:
        shards.lose = {0: 2, 2: 1}
        batch = documents(60)
        col.add(**batch)
        assert (shards.carried_out, len(col)) == (3, 60)
        shards.lose = {1: 1}
        whole = rag.open(dim=DIM)
        whole.add(**batch)
        assert list(col.search("w0 w1", mode="lexical")) == list(
            whole.search("w0 w1", mode="lexical")
        )


def test_an_older_copy_of_a_shard_is_noticed(tmp_path: Path) -> None:
    spec = ShardSpec(dim=DIM)
    folders = [tmp_path / "0", tmp_path / "1"]
    shards = LocalShards(folders, spec)
    with ShardedCollection(shards) as col:
        col.add(**documents(30))
        shards._hosts[0].run("backup", (str(tmp_path / "old"),))
        col.add(**documents(30, start=30))
        new, shards._hosts[0] = shards._hosts[0], LocalShards([tmp_path / "old"], spec)._hosts[0]
        with pytest.raises(rag.Corrupt, match="shard 0 is not as the last write left it"):
            col.search("w0", mode="lexical")
        shards._hosts[0] = new
        assert col.search("w0", mode="lexical").ids


def test_searches_go_on_while_others_write(tmp_path: Path) -> None:
    with ShardedCollection(LocalShards.in_memory(2, ShardSpec(dim=DIM))) as col:
        col.add(**documents(40))
        ends = threading.Event()
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                while not ends.is_set():
                    assert len(col.search("w0 w1", 5, mode="lexical")) == 5
            except BaseException as error:
                failed.append(error)

        readers = [threading.Thread(target=ask) for _ in range(3)]
        for reader in readers:
            reader.start()
        vectors = np.ones((1, DIM), np.float32)
        for turn in range(300):
            col.upsert([f"more{turn % 7}"], ["w0 w1 w2"], vectors=vectors)
        ends.set()
        for reader in readers:
            reader.join()
        assert not failed


def test_shards_of_another_dimension_are_refused(tmp_path: Path) -> None:
    rag.open(tmp_path / "1", dim=3).add(["x"], vectors=np.ones((1, 3), np.float32))
    with pytest.raises(rag.DimensionMismatch):
        ShardedCollection(LocalShards([tmp_path / "0", tmp_path / "1"], ShardSpec(dim=DIM)))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals here")
def test_a_killed_process_costs_no_acknowledged_write(tmp_path: Path) -> None:
    spec = ShardSpec(dim=DIM)
    whole = rag.open(dim=DIM)
    shards = ProcessShards([tmp_path / str(i) for i in range(3)], spec, processes=3)
    with ShardedCollection(shards) as col:
        for turn in range(6):
            batch = documents(20, start=20 * turn)
            before = shards.pids
            assert len(before) == 3
            os.kill(before[turn % 3], signal.SIGKILL)
            col.add(**batch)
            whole.add(**batch)
            texts, vectors = questions(5)
            found = col.search_many(texts, vectors=vectors, exact=True)
            expected = whole.search_many(texts, vectors=vectors, exact=True)
            assert [list(hits) for hits in found] == [list(hits) for hits in expected]
        # In the middle of many writes.
        ends = threading.Event()

        def kill() -> None:
            while not ends.wait(0.05):
                for pid in shards.pids[:1]:
                    os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            for turn in range(6, 14):
                batch = documents(10, start=20 * turn)
                col.upsert(**batch)
                whole.upsert(**batch)
        finally:
            ends.set()
            killer.join()
        assert sorted(col.ids()) == sorted(whole.ids())
        assert all(report.ok for report in col.verify().values())
    assert shards.pids == []


def test_many_readers_share_the_folders(tmp_path: Path) -> None:
    folders = [tmp_path / str(i) for i in range(3)]
    with ShardedCollection(LocalShards(folders, ShardSpec(dim=DIM))) as col:
        col.add(**documents(90))
        readers = ProcessShards(folders, ShardSpec(dim=DIM, read_only=True), processes=3)
        with ShardedCollection(readers, exclusive=False) as reader:
            for turn in range(3):
                assert list(reader.search("w0 w1", mode="lexical")) == list(
                    col.search("w0 w1", mode="lexical")
                )
                col.upsert([f"more{turn}"], ["w0 w0 w1"], vectors=np.ones((1, DIM), np.float32))
            with pytest.raises(rag.ReadOnly):
                reader.upsert(["x"], ["y"], vectors=np.ones((1, DIM), np.float32))


def test_dials_learnt_from_texts_rerank_in_all_shards() -> None:
    texts = [f"{kind} text about subject {i}" for i in range(60) for kind in ("plain", "legal")]
    ids = [f"t{i}" for i in range(len(texts))]
    whole = rag.open()
    whole.add(ids, texts)
    liked = [f"plain words {i}" for i in range(12)]
    disliked = [f"legal words {i}" for i in range(12)]
    with ShardedCollection(LocalShards.in_memory(3)) as col:
        col.add(ids, texts)
        col.learn("plain", liked, disliked)
        whole.steering.replace(col.steering)
        for mode in ("vector", "rerank"):
            way: dict[str, Any] = {"steer": {"plain": 2.0}, "steer_mode": mode, "exact": True}
            assert list(col.search("a subject", **way)) == list(whole.search("a subject", **way))
        col.feedback("a subject", "t4", 1.0, user="ann")
        assert "ann" in col.steering.users
        with pytest.raises(rag.InvalidArgument, match="is not here"):
            col.feedback("a subject", "nobody", 1.0)


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_a_shard_is_moved_while_writes_go_on(tmp_path: Path, processes: int) -> None:
    spec = ShardSpec(dim=DIM, durability="os")
    folders = [tmp_path / str(i) for i in range(2)]
    local = processes == 0
    shards = (
        LocalShards(folders, spec) if local else ProcessShards(folders, spec, processes=processes)
    )
    whole = rag.open(dim=DIM)
    with ShardedCollection(shards) as col:
        first = documents(60)
        for one in (whole, col):
            one.add(**first)
        ends = threading.Event()
        failed: list[BaseException] = []

        def write() -> None:
            number = 100
            try:
                while not ends.is_set():
                    batch = documents(3, start=number)
                    for one in (whole, col):
                        one.upsert(**batch)
                        one.delete([f"d{number}"])
                    assert col.search("w0", mode="lexical").shards_answered == 2
                    number += 3
            except BaseException as error:
                failed.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for turn in range(3):
                col.move(0, str(tmp_path / f"moved-{turn}"))
        finally:
            ends.set()
            writer.join()
        assert not failed
        col.move(1, str(tmp_path / "other"))
        assert sorted(col.ids()) == sorted(whole.ids())
        texts, vectors = questions(5)
        found = col.search_many(texts, vectors=vectors, exact=True)
        expected = whole.search_many(texts, vectors=vectors, exact=True)
        assert [list(hits) for hits in found] == [list(hits) for hits in expected]
        with pytest.raises(rag.Error):
            col.move(0, str(tmp_path / "moved-0"))
        with pytest.raises(rag.InvalidArgument, match=r"0\.\.=1"):
            col.move(2, str(tmp_path / "x"))
        assert sorted(col.ids()) == sorted(whole.ids())


def test_parts_that_others_built_are_attached(tmp_path: Path) -> None:
    batch = documents(40)
    parts = [rag.open(tmp_path / f"part-{shard}", dim=DIM) for shard in range(2)]
    for row, id in enumerate(batch["ids"]):
        shard = rag.shard_of(id, 2)
        part = parts[shard]
        part.add([id], [batch["texts"][row]], vectors=batch["vectors"][row : row + 1])
    with ShardedCollection(LocalShards.in_memory(2, ShardSpec(dim=DIM))) as col:
        for shard in range(2):
            col.attach(str(tmp_path / f"part-{shard}"), shard)
        assert sorted(col.ids()) == sorted(batch["ids"])
        with pytest.raises(rag.AlreadyExists):
            col.attach(str(tmp_path / "part-0"), 0)
