"""What a search over shards costs beside one collection, with whoever carries it.

    python benches/scale/run.py --texts corpus.jsonl --queries queries.jsonl [--shards 4] [--ray]

The files have a `text` in each line, as BEIR's have. Every question is asked alone, exact, of one
collection and of the same documents in shards: in threads, in processes, and with `--ray` in actors
of a cluster of this machine. The overhead of a question is its time less that of the slowest
shard's own search.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import ragcore as rag
from ragcore.sharded import LocalShards, ProcessShards, ShardedCollection, ShardSpec


def lines(path: Path) -> list[str]:
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [f"{one.get('title', '')} {one['text']}".strip() for one in read]


def milliseconds(times: list[float]) -> str:
    return " / ".join(f"{1000 * q:.2f}" for q in np.percentile(times, [50, 95]))


def alone(shards: Any, request: rag.ShardRequest) -> float:
    """The slowest shard's own time for both of its questions, in seconds."""
    slowest = 0.0
    for host in shards:
        begin = time.perf_counter()
        host.shard_statistics(request)
        host.search_shard(request)
        slowest = max(slowest, time.perf_counter() - begin)
    return slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--ray", action="store_true")
    given = parser.parse_args()
    texts, asked = lines(given.texts), lines(given.queries)[:300]
    ids = [f"d{i}" for i in range(len(texts))]
    embedder = rag.Embedder()
    vectors = np.asarray(embedder.encode(texts))
    rows = np.asarray(embedder.encode(asked, kind="query"))
    spec = ShardSpec(dim=vectors.shape[1], durability="os")
    whole = rag.open(dim=vectors.shape[1])
    whole.add(ids, texts, vectors=vectors)
    parts = [rag.open(dim=vectors.shape[1]) for _ in range(given.shards)]
    for shard, part in enumerate(parts):
        own = [i for i, id in enumerate(ids) if rag.shard_of(id, given.shards) == shard]
        part.add([ids[i] for i in own], [texts[i] for i in own], vectors=vectors[own])
    told = []
    for text, row in zip(asked, rows, strict=True):
        request = rag.ShardRequest([text], vectors=row[None], exact=True)
        request.set_statistics([part.shard_statistics(request) for part in parts])
        told.append(alone(parts, request))
    slowest = np.percentile(told, 50)

    def run(name: str, search: Any) -> None:
        times, found = [], []
        for text, row in zip(asked, rows, strict=True):
            begin = time.perf_counter()
            hits = search(text, vector=row, exact=True)
            times.append(time.perf_counter() - begin)
            found.append(hits)
        same = sum(
            list(hits) == list(whole.search(text, vector=row, exact=True))
            for text, row, hits in zip(asked, rows, found, strict=True)
        )
        over = 1000 * (np.percentile(times, 50) - slowest)
        print(f"| {name} | {milliseconds(times)} | {over:.2f} | {same} of {len(asked)} |")

    print(f"{len(texts):,} documents, {given.shards} shards")
    print(f"the slowest shard by itself: {1000 * slowest:.2f} ms (p50)")
    print("| carried by | ms, p50 / p95 | more than the slowest shard, ms | equal |")
    print("|---|---|---:|---:|")
    run("one collection", whole.search)
    with tempfile.TemporaryDirectory() as home:
        ways: dict[str, Any] = {
            "threads": lambda folders: LocalShards(folders, spec),
            "processes": lambda folders: ProcessShards(folders, spec, processes=given.shards),
        }
        if given.ray:
            ways["Ray actors"] = lambda folders: actors(folders, spec)
        for name, make in ways.items():
            folders = [Path(home, name, str(i)) for i in range(given.shards)]
            folders[0].parent.mkdir()
            with ShardedCollection(make(folders)) as col:
                col.upsert(ids, texts, vectors=vectors)
                col.search(asked[0], vector=rows[0])
                run(name, col.search)


def actors(folders: list[Path], spec: ShardSpec) -> Any:
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    import ray
    from ragcore.ray import RayShards

    packages = str(Path(rag.__file__).parents[1])
    ray.init(
        num_cpus=2,
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        object_store_memory=80 << 20,
        runtime_env={"env_vars": {"PYTHONPATH": packages}},
        logging_level="ERROR",
        log_to_driver=False,
    )
    return RayShards(folders, spec)


if __name__ == "__main__":
    main()
