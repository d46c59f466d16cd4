"""The rounds of a run: workers started, tuned, and asked in shuffled order."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import time
from pathlib import Path

import numpy as np
import texts
from engines import BY_NAME, ENGINES, padded
from models import Weights, prepare
from report import Record
from texts import Set
from workers import Setting, Worker

BUDGETS = {1: (512, 1024, 2048), 2: (512, 1024, 2048, 4096)}
NAIVE = 2000
NAIVE_BATCH = 32
QUERIES_A_ROUND = 60


class Run:
    """Workers, texts and records of one run."""

    def __init__(self, args: argparse.Namespace, bins: Path) -> None:
        self.args = args
        self.bins = bins
        self.began = time.monotonic()
        self.rng = random.Random(args.seed)
        self.threads = [int(t) for t in args.threads.split(",")]
        self.items: list[str] = args.items.split(",")
        self.names = named(args.engines)
        count = max(NAIVE, args.overlap, args.passages)
        self.texts = texts.read(args.data, args.model, args.seed, count)
        self.reasons = self._prepare()
        ragcore = args.ragcore_python and args.ragcore_python.resolve()
        self.setting = Setting(args.model, args.work, texts.LONGEST, not args.no_amx, bins, ragcore)
        self.flops = Weights(args.model).flops_per_token
        self.workers: dict[tuple[str, int], Worker] = {}
        self.budgets: dict[str, int] = {}
        self.peaks: dict[int, dict[str, float]] = {}
        self.memory: dict[str, dict[str, float]] = {}
        self.records: list[Record] = []
        # Every round has the same texts, so that what a peer compiles for a shape, it compiles
        # once.
        self.rows = {
            "passages": np.arange(args.passages),
            "short": np.arange(min(2 * args.passages, len(self.texts.short.texts))),
            "naive": np.arange(NAIVE),
            "static": np.arange(len(self.texts.short.texts)),
        }

    def _prepare(self) -> dict[str, str]:
        """Makes the peers' models; answers which engines that leaves out, and why."""
        for name in ("passages", "short", "queries"):
            own: Set = getattr(self.texts, name)
            shape = f"{own.lengths.mean():.1f} tokens ({own.lengths.min()}-{own.lengths.max()})"
            print(f"{name}: {len(own.texts)} texts of {shape}", flush=True)

        def samples() -> list[dict[str, np.ndarray]]:
            pairs = (padded([ids]) for ids in self.texts.calibration)
            return [{"ids": ids, "mask": mask} for ids, mask in pairs]

        files = {BY_NAME[name].file for name in self.names} - {""}
        failed = prepare(self.args.model, self.args.work, files, samples)
        files_of = {name: BY_NAME[name].file for name in self.names}
        return {n: f"{file}: {failed[file]}" for n, file in files_of.items() if file in failed}

    def alive(self) -> list[str]:
        return [name for name in self.names if name not in self.reasons]

    def over(self) -> bool:
        return time.monotonic() - self.began > self.args.seconds

    def start(self) -> None:
        """Opens every engine once for each number of threads; notes those that cannot start."""
        for threads in self.threads:
            for name in self.alive():
                worker = Worker(name, threads, self.setting)
                if worker.reason is not None:
                    self.reasons[name] = worker.reason
                    print(f"without {name}: {worker.reason}", flush=True)
                    continue
                if threads == self.threads[0]:
                    self.memory[name] = dict(worker.memory_loaded)
                worker.ask(do="forget")
                self.workers[name, threads] = worker

    def runs(self, name: str, item: str) -> bool:
        return (item == "static") == (name == "ours_static")

    def set_of(self, item: str) -> Set:
        kinds = {"passages": "passages", "naive": "passages", "query": "queries"}
        return getattr(self.texts, kinds.get(item, "short"))

    def batches(self, worker: Worker, item: str, rows: np.ndarray) -> list[list[str]]:
        of = self.set_of(item)
        if worker.ours:
            return [of.pick(rows)]
        if item == "naive":
            return [of.pick(rows[i : i + NAIVE_BATCH]) for i in range(0, len(rows), NAIVE_BATCH)]
        budget = self.budgets.get(worker.key, 1024)
        return [of.pick(batch) for batch in texts.budget_batches(of.lengths, rows, budget)]

    def tune(self) -> None:
        """Warms every engine up, and finds the batch size that suits each peer."""
        queries = self.texts.queries.texts[:QUERIES_A_ROUND]
        for (name, threads), worker in self.workers.items():
            worker.ask(do="each", texts=queries)
            item = "short" if self.runs(name, "short") else "static"
            worker.encode(self.batches(worker, item, self.rows[item]))
            if item == "static":
                continue
            seconds = {}
            for budget in (0,) if worker.ours else BUDGETS[threads]:
                self.budgets[worker.key] = budget
                batches = self.batches(worker, "passages", self.rows["passages"])
                worker.encode(batches)
                seconds[budget] = worker.encode(batches)["cpu" if threads == 1 else "wall"]
            self.budgets[worker.key] = min(seconds, key=lambda budget: seconds[budget])
            tokens = self.set_of("passages").tokens(self.rows["passages"])
            rates = {budget: round(tokens / s) for budget, s in seconds.items()}
            print(f"warm: {worker.key}, tokens/s by batch budget {rates}", flush=True)

    def round(self, number: int) -> None:
        """Every workload on every engine, once; after the first round it stops when time is up."""
        command = [str(self.bins / "peak"), "--json", "--arithmetic", "--seconds", "0.03"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.peaks[number] = json.loads(done.stdout)
        turns = [(item, threads) for item in self.items for threads in self.threads]
        # The naive call is the longest by far, and tells nothing more with two threads.
        turns = [t for t in turns if t[0] != "naive" or t[1] == self.threads[0]]
        self.rng.shuffle(turns)
        for item, threads in turns:
            if number and self.over():
                return
            workers = [w for w in self.workers.values() if w.threads == threads]
            workers = [w for w in workers if self.runs(w.name, item)]
            self.rng.shuffle(workers)
            queries = range(len(self.texts.queries.texts))
            sample = self.rng.sample(queries, min(QUERIES_A_ROUND, len(queries)))
            for worker in workers:
                self.turn(number, item, worker, sample)

    def turn(self, number: int, item: str, worker: Worker, sample: list[int]) -> None:
        of, each = self.set_of(item), []
        if item == "query":
            rows = np.array(sample)
            each = [tuple(pair) for pair in worker.ask(do="each", texts=of.pick(rows))["seconds"]]
            wall, cpu = (sum(pair[i] for pair in each) for i in (0, 1))
        else:
            rows = self.rows[item]
            if item == "naive" and not worker.ours:
                rows = rows[: self.args.naive]
            done = worker.encode(self.batches(worker, item, rows))
            wall, cpu = done["wall"], done["cpu"]
        lengths = of.lengths[rows]
        flops = float(sum(n * self.flops(n) for n in lengths))
        counts = len(rows), int(lengths.sum()), flops
        of_turn = number, item, worker.threads, worker.name
        self.records.append(Record(*of_turn, *counts, cpu, wall, each))

    def remember(self) -> None:
        """The memory of each worker at its fullest since it was loaded."""
        for (name, threads), worker in self.workers.items():
            if threads == self.threads[0]:
                self.memory[name]["load"] = worker.ask(do="memory")["peak"]

    def end(self) -> None:
        for worker in self.workers.values():
            worker.end()


def named(wanted: str) -> list[str]:
    """The engines of a comma-separated list, in the tables' order; all, where it is empty."""
    names = [engine.name for engine in ENGINES]
    chosen = set(wanted.split(",")) if wanted else set(names)
    if unknown := chosen - set(names):
        there = ", ".join(names)
        raise SystemExit(f"no engine is called {', '.join(sorted(unknown))}; there are {there}")
    return [name for name in names if name in chosen]
