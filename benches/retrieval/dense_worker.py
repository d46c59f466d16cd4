"""One vector index in a process of its own: commands as JSON lines on stdin, answers on stdout.

    dense_worker.py ENGINE VECTORS.npy QUERIES LIMIT CORES

The process, and each thread that it starts, keeps to CORES until `settle` names the one of the
searches. `time` runs queries and answers wall and processor seconds and the recall against exact.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import sys
import time
from typing import Any

import numpy as np


def load(path: str, queries: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to be searched, and the last ones, the queries: all of unit length."""
    rows = np.load(path, mmap_mode="r")
    if rows.ndim != 2 or len(rows) <= queries:
        raise SystemExit(f"{path} has the shape {rows.shape}; more than {queries} rows are needed")
    count = min(limit, len(rows) - queries) if limit else len(rows) - queries

    def unit(part: np.ndarray) -> np.ndarray:
        part = np.array(part, dtype=np.float32)
        part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        return part

    return unit(rows[:count]), unit(rows[len(rows) - queries :])


class Truth:
    """Recall against the exact answers among some of the rows."""

    def __init__(self, rows: np.ndarray, queries: np.ndarray, allowed: np.ndarray | None) -> None:
        from dense_engines import K

        self.rows, self.queries, self.allowed = rows, queries, allowed
        kept = rows if allowed is None else rows[allowed]
        parts = [queries[i : i + 100] @ kept.T for i in range(0, len(queries), 100)]
        self.worst = np.concatenate([np.partition(part, -K, 1)[:, -K] for part in parts])

    def recall(self, found: list[Any]) -> float:
        from dense_engines import K

        right = 0
        for i, keys in enumerate(found):
            # What pads a short row is no key; an exact tie is as good as what it ties with.
            own = np.unique(np.asarray(keys, dtype=np.uint64))
            own = own[own < len(self.rows)].astype(np.int64)
            if self.allowed is not None:
                own = own[self.allowed[own]]
            right += int((self.rows[own] @ self.queries[i] >= self.worst[i] - 1e-6).sum())
        return right / (K * len(found))


@contextlib.contextmanager
def timed(into: dict[str, float]):
    gc.collect()
    start = time.perf_counter(), time.process_time()
    yield
    into["wall"] = time.perf_counter() - start[0]
    into["cpu"] = time.process_time() - start[1]


class Work:
    def __init__(self, name: str, rows: np.ndarray, queries: np.ndarray) -> None:
        from dense_engines import ENGINES

        self.engine = ENGINES[name]()
        self.rows, self.queries = rows, queries
        self.truths: dict[Any, Truth] = {}

    def truth(self, key: Any, allowed: np.ndarray | None = None) -> Truth:
        if key not in self.truths:
            self.truths[key] = Truth(self.rows, self.queries, allowed)
        return self.truths[key]

    def build(self, count: int, threads: int) -> dict:
        answer: dict[str, float] = {}
        with timed(answer):
            self.engine.build(self.rows[:count], threads, len(self.rows))
        return answer

    def size(self) -> dict:
        return {"bytes": self.engine.size() / len(self.rows)}

    def pin(self, core: int) -> dict:
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread), {core})
        return {}

    def searched(self, batch: bool, count: int, truth: Truth) -> dict:
        engine, rows = self.engine, self.queries[:count]
        answer: dict[str, float] = {}
        if batch:
            engine.batch(rows[:20])
            with timed(answer):
                whole = engine.batch(rows)
            found = list(engine.keys(whole))
        else:
            calls = engine.queries(rows)
            one = engine.one
            for query in calls[:50]:
                one(query)
            with timed(answer):
                each = [one(query) for query in calls]
            found = [engine.keys(own)[0] for own in each]
        answer["queries"] = count
        answer["recall"] = truth.recall(found)
        return answer

    def time(self, effort: int, batch: bool, count: int) -> dict:
        self.engine.prepare(effort)
        return self.searched(batch, count, self.truth("all"))

    def exact(self, batch: bool, count: int) -> dict:
        self.engine.exact()
        return self.searched(batch, count, self.truth("all"))

    def filter(self, share: int, effort: int, count: int) -> dict:
        from dense_engines import draws

        self.engine.prepare(effort)
        self.engine.filter(share, len(self.rows))
        truth = self.truth(("filter", share), draws(len(self.rows)) < share)
        return self.searched(False, count, truth)

    def adds(self, first: int) -> dict:
        """The rows from `first` on, one a call."""
        answer: dict[str, float] = {}
        with timed(answer):
            for key in range(first, len(self.rows)):
                self.engine.add(key, self.rows[key : key + 1])
        settled: dict[str, float] = {}
        with timed(settled):
            self.engine.settle()
        self.engine.prepare(self.engine.usual)
        found = self.searched(False, len(self.queries), self.truth("all"))
        return {**answer, "settled": settled["cpu"], "recall": found["recall"]}

    def changes(self, count: int) -> dict:
        """Recall of `count` rows, of half of them, and after a fifth was replaced five times."""
        engine = self.engine
        engine.build(self.rows[:count], 1, 2 * count)
        live = np.zeros(len(self.rows), dtype=bool)
        live[:count] = True
        recalls = [self._among(live)]
        half = np.random.default_rng(5).permutation(count)[: count // 2]
        engine.remove(half)
        engine.settle()
        live[half] = False
        recalls.append(self._among(live))
        engine.build(self.rows[:count], 1, 2 * count)
        live[half] = True
        # Other rows take the place: after five rounds nothing is left of the first ones.
        answer: dict[str, float] = {}
        with timed(answer):
            for start in range(5):
                old = np.arange(start, count, 5)
                engine.remove(old)
                for key in (old + count).tolist():
                    engine.add(key, self.rows[key : key + 1])
                engine.settle()
                live[old], live[old + count] = False, True
        recalls.append(self._among(live))
        return {"recalls": recalls, "rows": count, **answer}

    def _among(self, live: np.ndarray) -> float:
        self.engine.prepare(self.engine.usual)
        truth = Truth(self.rows, self.queries, live.copy())
        return self.searched(False, len(self.queries), truth)["recall"]


def main() -> None:
    name, path, queries, limit, cores = sys.argv[1:6]
    # Before anything starts a thread.
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    # Libraries print: what they say goes to the log, never between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = None
    try:
        work = Work(name, *load(path, int(queries), int(limit)))
        for line in sys.stdin:
            command = json.loads(line)
            do = command.pop("do")
            try:
                answer = getattr(work, do)(**command)
            except Exception as error:
                said = (str(error).strip().splitlines() or ["no words"])[0]
                answer = {"error": f"{do}: {type(error).__name__}: {said[:160]}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
    finally:
        if work is not None and "folder" in vars(work.engine):
            shutil.rmtree(work.engine.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
