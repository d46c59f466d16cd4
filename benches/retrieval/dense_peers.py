"""The dense index beside the vector indexes of PyPI, in one run on one file of vectors.

    python benches/retrieval/dense_peers.py --vectors FILE.npy [--queries 1000] [--plot FILE.png]

Every engine runs in a process of its own, its searches pinned to one core. In a round every engine
answers the same queries at every effort, in shuffled order; ratios are taken within a round, and
processor time stands beside the wall's. No round begins after `--seconds`.

`README.md` beside this file explains the options and the columns.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dense_engines import ENGINES, SHARES, environment

HERE = Path(__file__).resolve().parent
ADDED = 10_000
FILTERED = 300
SCANNED = 50
ENOUGH = 0.9985


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--vectors", type=Path, required=True, help="float32 rows; the last ones are the queries")
    add("--queries", type=int, default=1000)
    add("--limit", type=int, default=0, help="at most so many rows are searched; 0: all")
    add("--engines", default="", help="names, comma between; none means all")
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=420, help="no round begins later")
    add("--changes", type=int, default=10_000, help="rows of the index that is changed; 0: none")
    add("--live", type=int, default=30_000, help="rows built by one thread and added to; 0: none")
    add("--cores", default="", help="two cores for builds, comma between; none: the first two")
    add("--core", type=int, default=-1, help="the core of the searches; none: the last allowed")
    add("--seed", type=int, default=7)
    add("--plot", type=Path, help="where the curves go, as PNG")
    add("--out", type=Path, help="where every record goes, as JSON")
    return parser.parse_args()


class Worker:
    """An engine in its own process."""

    def __init__(self, name: str, args: argparse.Namespace, cores: list[int], rows: int) -> None:
        self.name, self.rows = name, rows
        program = [sys.executable, str(HERE / "dense_worker.py"), name, str(args.vectors)]
        numbers = [str(args.queries), str(rows), ",".join(map(str, cores))]
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - end() closes it
        self._process = subprocess.Popen(
            program + numbers,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(),
        )

    def ask(self, do: str, **command: Any) -> dict:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **command}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return json.loads(line)
        self._log.seek(0)
        said = (self._log.read().strip().splitlines() or ["no words"])[-1]
        return {"error": f"{do}: the process ended with {self._process.wait()}: {said[:160]}"}

    def end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Run:
    """Workers and records of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.began = time.monotonic()
        self.rng = random.Random(args.seed)
        given = [int(core) for core in args.cores.split(",") if core]
        self.cores = given or list(range(min(2, os.cpu_count() or 1)))
        self.core = args.core if args.core >= 0 else max(os.sched_getaffinity(0))
        self.names = named(args.engines)
        self.workers: dict[str, Worker] = {}
        self.facts: dict[str, dict[str, Any]] = {name: {} for name in self.names}
        self.records: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.done: set[tuple[str, int]] = set()
        import numpy as np

        shape = np.load(args.vectors, mmap_mode="r").shape
        self.rows = min(args.limit or shape[0], shape[0] - args.queries)
        self.dim = shape[1]

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:4.0f} s: {text}", flush=True)

    def answered(self, worker: Worker, do: str, **command: Any) -> dict | None:
        answer = worker.ask(do, **command)
        if "error" not in answer:
            return answer
        self.problems.append(f"{worker.name}: {answer['error']}")
        self.say(self.problems[-1])
        return None

    def live(self) -> None:
        """Builds with one thread, late additions, changes: one engine a core at a time."""
        free: queue.Queue[int] = queue.Queue()
        for core in self.cores:
            free.put(core)

        def task(name: str) -> None:
            core = free.get()
            worker = Worker(name, self.args, [core], min(self.args.live, self.rows))
            try:
                self._live(worker)
            finally:
                worker.end()
                free.put(core)

        # The longest first, so that no core waits long at the end.
        slow = sorted(self.names, key=lambda name: not name.startswith(("svs", "ours")))
        with concurrent.futures.ThreadPoolExecutor(len(self.cores)) as pool:
            list(pool.map(task, slow))

    def _live(self, worker: Worker) -> None:
        own, facts = ENGINES[worker.name](), self.facts[worker.name]
        count = max(worker.rows - ADDED, worker.rows // 2)
        built = self.answered(worker, "build", count=count, threads=1)
        if built is None:
            return
        facts["build_1"] = {**built, "rows": count}
        if hasattr(own, "add"):
            added = self.answered(worker, "adds", first=count)
            facts["adds"] = added and {**added, "rows": worker.rows - count}
        if self.args.changes and hasattr(own, "remove"):
            rows = min(self.args.changes, worker.rows // 2)
            facts["changes"] = self.answered(worker, "changes", count=rows)
        self.say(f"{worker.name}: changed")

    def start(self) -> None:
        """Builds with all cores; these are the indexes that are searched."""
        for name in self.names:
            if not ENGINES[name]().curve:
                continue
            worker = Worker(name, self.args, self.cores, self.rows)
            built = self.answered(worker, "build", count=self.rows, threads=len(self.cores))
            if built is None:
                worker.end()
                continue
            worker.ask("pin", core=self.core)
            self.workers[name] = worker
            self.facts[name]["build_2"] = {**built, "rows": self.rows}
            size = self.answered(worker, "size")
            self.facts[name]["bytes"] = size and size["bytes"]
            self.say(f"{name}: built in {built['cpu']:.1f} CPU s, {built['wall']:.1f} s")

    def round(self, number: int) -> None:
        """Every engine at every effort, once a way, in shuffled order."""
        turns = []
        for name in self.workers:
            own = ENGINES[name]()
            count = self.args.queries if number == 0 else max(1, self.args.queries // 2)
            for effort in own.efforts:
                for batch in (False, True):
                    command = {"effort": effort, "batch": batch, "count": count}
                    turns.append((name, "time", command))
            if getattr(own, "filter", None) and number < 2:
                for share in SHARES.values():
                    for effort in own.filter_efforts:
                        command = {"share": share, "effort": effort, "count": FILTERED}
                        turns.append((name, "filter", command))
        self.rng.shuffle(turns)
        if number == 0:
            # Ascending efforts: those beyond the one that finds all but everything are left out.
            turns.sort(key=lambda turn: turn[2]["effort"])
        for name, do, command in turns:
            effort = command["effort"]
            passed = any(n == name and effort > e for n, e in self.done)
            if do == "time" and passed:
                continue
            answer = self.answered(self.workers[name], do, **command)
            if answer is not None:
                record = {"round": number, "engine": name, "do": do, **command, **answer}
                self.records.append(record)
                if do == "time" and number == 0 and answer["recall"] > ENOUGH:
                    self.done.add((name, effort))

    def scans(self) -> None:
        """The exact scan, last: some engines give their graph up for it."""
        names = [name for name in self.workers if getattr(ENGINES[name](), "exact", None)]
        for number in range(2):
            self.rng.shuffle(names)
            for name in names:
                for batch in (False, True):
                    command = {"batch": batch, "count": SCANNED}
                    answer = self.answered(self.workers[name], "exact", **command)
                    if answer is not None:
                        record = {"round": number, "engine": name, "do": "exact"}
                        self.records.append({**record, **command, **answer})

    def end(self) -> None:
        for worker in self.workers.values():
            worker.end()


def named(wanted: str) -> list[str]:
    """The engines of a comma-separated list, in the tables' order; all, where it is empty."""
    chosen = set(wanted.split(",")) if wanted else set(ENGINES)
    if unknown := chosen - set(ENGINES):
        there = ", ".join(ENGINES)
        raise SystemExit(f"no engine is called {', '.join(sorted(unknown))}; there are {there}")
    return [name for name in ENGINES if name in chosen]


def main() -> None:
    args = arguments()
    from dense_report import plot, whole

    # Asked to end, the run still tells what it has measured so far.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    run = Run(args)
    run.say(f"{run.rows} rows of {run.dim} floats, {args.queries} queries; search core {run.core}")
    try:
        if args.live:
            run.live()
        run.start()
        for number in range(args.rounds):
            if number and time.monotonic() - run.began > args.seconds:
                run.say(f"stopped after {number} rounds: {args.seconds:.0f} s are over")
                break
            run.round(number)
            run.say(f"round {number} done")
        run.scans()
    finally:
        run.end()
        run.say("all done")
        result = {"rows": run.rows, "dim": run.dim, "facts": run.facts, "records": run.records}
        if args.out is not None:
            args.out.write_text(json.dumps({**result, "problems": run.problems}))
        print(whole(result, run.problems), flush=True)
        if args.plot is not None and run.records:
            plot(result, args.plot)


if __name__ == "__main__":
    main()
