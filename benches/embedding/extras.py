"""What is measured once a run: neighbours against f32's, and cold starts."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time

import numpy as np
import texts
from report import Quality
from rounds import Run
from workers import Worker

COMPARED_BUDGET = 1024


def neighbours(vectors: np.ndarray) -> np.ndarray:
    """The ten nearest other rows of every row; all others, where they are fewer."""
    count, out = min(10, len(vectors) - 1), []
    for at in range(0, len(vectors), 1000):
        scores = vectors[at : at + 1000] @ vectors.T
        scores[np.arange(len(scores)), at + np.arange(len(scores))] = -2
        out.append(np.argpartition(-scores, count, axis=1)[:, :count])
    return np.concatenate(out)


def qualities(run: Run) -> dict[str, Quality]:
    """Vectors of every engine on the same passages, against those of the first f32 peer."""
    of = run.texts.passages
    rows = np.arange(min(run.args.overlap, len(of.texts)))
    batches = [of.pick(b) for b in texts.budget_batches(of.lengths, rows, COMPARED_BUDGET)]
    names = [name for name in run.alive() if run.runs(name, "passages")]
    names.sort(key=lambda name: (not name.endswith("f32"), name.startswith("ours")))
    if not names or not names[0].endswith("f32"):
        print("no f32 engine to compare with: neighbours are not compared", flush=True)
        return {}
    found: dict[str, Quality] = {}
    reference, near = None, None
    for name in names:
        worker = run.workers[name, run.threads[-1]]
        whole = [[text for batch in batches for text in batch]]
        vectors = worker.vectors(whole if worker.ours else batches)
        if reference is None or near is None:
            reference, near = vectors, neighbours(vectors)
        cosines = (vectors * reference).sum(1)
        pairs = zip(near, neighbours(vectors), strict=True)
        shared = [len(np.intersect1d(one, other)) for one, other in pairs]
        found[name] = Quality(
            float(cosines.mean()),
            float(cosines.min()),
            float(np.mean(shared)) / max(1, near.shape[1]),
        )
    return found


Starts = dict[str, list[tuple[float, float]]]


def cold_starts(run: Run) -> Starts:
    """Wall and processor seconds of fresh processes up to the first vector, in shuffled order.

    Peers pay for Python and NumPy, as ours does through Python; the `first_vector` rows are ours
    in a process without them.
    """
    bare = {"python, numpy": [sys.executable, "-c", "import numpy"]}
    if run.setting.amx:
        program = str(run.bins / "first_vector")
        for name in run.alive():
            if name.startswith("ours") and name != "ours_static":
                precision = name.removeprefix("ours_")
                bare[f"first_vector {precision}"] = [program, str(run.setting.model), precision]
    found: Starts = {}
    rng = random.Random(run.args.seed)
    for _ in range(run.args.cold):
        names = [*run.alive(), *bare]
        rng.shuffle(names)
        for name in names:
            start = _bare_start(run, name, bare[name]) if name in bare else _start(run, name)
            if start is not None:
                found.setdefault(name, []).append(start)
    return found


def _start(run: Run, name: str) -> tuple[float, float] | None:
    worker = Worker(name, 1, run.setting)
    if worker.reason is not None:
        return None
    worker.end()
    return worker.start_wall, worker.start_cpu


def _bare_start(run: Run, name: str, command: list[str]) -> tuple[float, float] | None:
    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, start = children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    wall = time.perf_counter() - start
    if done.returncode:
        return None
    run.memory[name] = json.loads(done.stdout or "{}")
    return wall, children() - before
