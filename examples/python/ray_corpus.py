"""A corpus embedded by a Ray cluster, in shards that its actors hold: pip install "ragcore[ray]".

    python examples/python/ray_corpus.py corpus.jsonl --store FOLDER [--ask "..."] [--address auto]

Each line of the file has an `_id` (or `id`) and a `text`. Run again after it broke off, it goes on
where it stopped. Without `--address` the cluster is this machine.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

#: What Ray is told of a cluster on this machine alone.
ALONE: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "include_dashboard": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("corpus")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ask", default="what is known about it?")
    parser.add_argument("--address")
    given = parser.parse_args()
    # Read when Ray is imported.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ragcore.ray import RayShards, index_corpus
    from ragcore.sharded import ShardedCollection, ShardSpec

    cluster = {"address": given.address} if given.address else ALONE
    ray.init(logging_level="ERROR", **cluster)

    given.store.mkdir(parents=True, exist_ok=True)
    folders = [given.store / f"shard-{i:03}" for i in range(given.shards)]
    with ShardedCollection(RayShards(folders, ShardSpec()), deadline_s=120) as col:
        rows = ray.data.read_json(given.corpus, lines=True)

        def documents(batch: dict) -> dict:
            ids = batch["_id"] if "_id" in batch else batch["id"]
            return {"id": [str(id) for id in ids], "text": [str(text) for text in batch["text"]]}

        begin = time.perf_counter()
        new = index_corpus(rows.map_batches(documents), col, concurrency=given.workers)
        took = time.perf_counter() - begin
        print(f"{new:,} documents were new ({took:.1f} s), {len(col):,} in {given.shards} shards")
        hits = col.search(given.ask, k=5)
        print(f"{given.ask} ({hits.shards_answered} of {hits.shards_total} shards)")
        for hit in hits:
            print(f"  {hit.score:.4f}  {hit.id}  {(hit.text or '')[:80]}")


if __name__ == "__main__":
    main()
