"""Shards on a real Ray cluster of this machine: a head and two nodes, of which some are killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from ragcore.sharded import ShardedCollection, ShardSpec

# Read when Ray is imported. Nodes on loopback would not be believed to be of one machine.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
}
pytest.importorskip("ray", reason="ray is not installed")
pytestmark = [
    pytest.mark.loopback,
    # Ray's own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SHARDS = 4
NODE = {"num_cpus": 2, "node_ip_address": "127.0.0.1", "object_store_memory": 80 << 20}
RNG = np.random.default_rng(11)
WORDS = [f"word{i}" for i in range(80)]
OFTEN = 1 / np.arange(1, 81) / (1 / np.arange(1, 81)).sum()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray
    from ray.cluster_utils import Cluster

    head = NODE | {"include_dashboard": False, "num_cpus": 1}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.worker_nodes_by_name = {
        name: cluster.add_node(**NODE, resources={name: 100}) for name in ("left", "right")
    }
    packages = str(Path(rag.__file__).parents[1])
    ray.init(
        address=cluster.address,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": {"PYTHONPATH": packages}},
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def documents(n: int, start: int = 0) -> tuple[list[str], list[str]]:
    ids = [f"d{start + i}" for i in range(n)]
    return ids, [" ".join(RNG.choice(WORDS, size=12, p=OFTEN)) for _ in ids]


def questions(n: int) -> list[str]:
    return [" ".join(RNG.choice(WORDS, size=4, p=OFTEN)) for _ in range(n)]


def same(col: ShardedCollection, whole: rag.Collection) -> None:
    asked = questions(40)
    for way in (
        {"mode": "lexical"},
        {"mode": "dense", "exact": True},
        {"exact": True, "filter": {"n": {"$lt": 2}}},
    ):
        found = col.search_many(asked, 10, **way)
        expected = whole.search_many(asked, 10, **way)
        assert all(hits.shards_answered == SHARDS for hits in found)
        assert [list(hits) for hits in found] == [list(hits) for hits in expected]


def test_a_cluster_answers_as_one_collection_whatever_is_killed(
    cluster: Any, tmp_path: Path
) -> None:
    import ray
    from ragcore.ray import RayShards, index_corpus

    folders = [tmp_path / f"shard-{i}" for i in range(SHARDS)]
    places = [{"resources": {name: 1}} for name in ("left", "right", "left", "right")]
    shards = RayShards(folders, ShardSpec(durability="os"), options=places)
    whole = rag.open()
    with ShardedCollection(shards, deadline_s=90.0) as col:
        # A corpus, embedded by two workers; then again, as after a break.
        ids, texts = documents(400)
        named = zip(ids, texts, strict=True)
        rows = [{"id": i, "text": t, "metadata": {"n": n % 5}} for n, (i, t) in enumerate(named)]
        first = ray.data.from_items(rows[:250])
        assert index_corpus(first, col, concurrency=2, batch_size=64, num_cpus=0.5) == 250
        assert index_corpus(ray.data.from_items(rows), col, batch_size=64, num_cpus=0.5) == 150
        whole.add(ids, texts, metadata=[row["metadata"] for row in rows])
        assert sorted(col.ids()) == sorted(ids)
        same(col, whole)

        # An actor is killed while it writes; Ray starts it again, and nothing acknowledged is lost.
        ray.kill(shards.actors[1], no_restart=False)
        for start in range(400, 520, 20):
            more = documents(20, start)
            for one in (col, whole):
                one.upsert(*more)
        same(col, whole)

        # A node goes with its shards; until another comes some do not answer, and are told of.
        cluster.remove_node(cluster.worker_nodes_by_name["right"], allow_graceful=False)
        col.deadline_s = 3.0
        ends = time.monotonic() + 60
        # Its processes go on until they see that it is gone.
        while (hits := col.search("word0 word1", mode="lexical", partial=True)).shards_answered > 2:
            assert time.monotonic() < ends
        assert (hits.shards_answered, hits.shards_total) == (2, SHARDS)
        assert {rag.shard_of(id, SHARDS) for id in hits.ids} <= {0, 2}
        with pytest.raises(rag.Timeout, match=r"2 of 4 shards did not answer .*\(1, 3\)"):
            col.search("word0 word1", mode="lexical")
        cluster.add_node(**NODE, resources={"right": 100})
        col.deadline_s = 90.0
        begin = time.monotonic()
        same(col, whole)
        print(f"exact again after {time.monotonic() - begin:.1f} s")
        more = documents(20, 520)
        for one in (col, whole):
            one.upsert(*more)
        same(col, whole)
        assert all(report.ok for report in col.verify().values())


def test_what_cannot_be_is_refused(cluster: Any, tmp_path: Path) -> None:
    import ray
    from ragcore.ray import RayShards, index_corpus

    with pytest.raises(rag.InvalidArgument, match="one folder or more"):
        RayShards([])
    with pytest.raises(rag.InvalidArgument, match="2 folders but 1 options"):
        RayShards([tmp_path / "0", tmp_path / "1"], options=[{}])
    with pytest.raises(rag.InvalidArgument, match="0 or more"):
        RayShards([tmp_path / "0"], replicas=-1)
    with ShardedCollection(RayShards([tmp_path / "0"], replicas=1)) as col:
        col.add(["a"], ["some words"])
        assert col.search("words", mode="lexical").ids == ["a"]
        assert col.search("words", mode="lexical").ids == ["a"]
        with pytest.raises(rag.InvalidArgument, match="text"):
            index_corpus(ray.data.from_items([{"id": "x"}]), col)
        col.move(0, str(tmp_path / "moved"))
        assert col.ids() == ["a"]
