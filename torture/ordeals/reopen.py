"""Time to open and to give a first answer, after a kill in the middle of an addition.

A process adds all documents, begins one batch more and is killed. Then processes open the store,
ask one question by word and vector, and end without closing. Files are in the system's cache.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from children import Child, call
from documents import Doc, rows, texts, vectors
from subject import Subject
from table import Plan, Score

DIM, BATCH = 384, 1000
OPENINGS = 5
#: Milliseconds to be reached, by number of documents.
GOALS = ((10_000, 50.0), (1_000_000, 300.0))


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    count = plan.documents
    score = Score(f"reopen, {count:,} documents", subject.name)
    large = type(subject)(dim=DIM)
    path = plan.folder / "reopen"
    began = time.monotonic()
    child = Child(lambda pipe: _fill(large, path, count, pipe))
    told, ended = b"", False
    while not told.endswith(b"!"):
        part = child.read(plan.limit_s - (time.monotonic() - began))
        if not part:
            ended = True
            break
        told += part
    built = time.monotonic() - began
    time.sleep(0.002)
    child.kill()
    child.wait()
    if ended:
        score.problem("other" if part == b"" else "hangs", "the store could not be filled")
        yield score.done()
        return
    sizes = {entry.name: entry.stat().st_size for entry in sorted(path.iterdir())}
    score.notes.append(f"filled in {built:.0f} s; " + _sizes(sizes))
    opened, answered = [], []
    for cycle in range(OPENINGS):
        outcome = call(lambda: _first(large, path), 600)
        if outcome.trouble:
            score.problem(*outcome.trouble)
            break
        opening, answer, documents, hit, memory = outcome.value
        opened.append(1000 * opening)
        answered.append(1000 * answer)
        if documents not in (count, count + BATCH):
            score.problem("lost", f"opening {cycle}: {documents} documents")
        if hit != 7:
            score.problem("silent", f"opening {cycle}: the answer is {hit}")
        score.cycles += 1
    if opened:
        total = [a + b for a, b in zip(opened, answered, strict=True)]
        score.notes.append(
            f"open {median(opened):.1f} ms, first answer {median(answered):.1f} ms later, together "
            f"{median(total):.1f} ms, the first time {total[0]:.1f} ms; {memory / 1e6:.0f} MB"
        )
        goal = next((goal for most, goal in GOALS if count <= most), None)
        if goal is not None:
            met = "reached" if median(total) <= goal else "missed"
            score.notes.append(f"the goal of {goal:.0f} ms is {met}")
    shutil.rmtree(path, ignore_errors=True)
    yield score.done()


def _fill(subject: Subject, path: Path, count: int, pipe: int) -> None:
    store = subject.open(path)
    for first in range(0, count, BATCH):
        store.add(rows([Doc(n, 0, 0) for n in range(first, min(first + BATCH, count))], DIM))
    last = rows([Doc(n, 0, 0) for n in range(count, count + BATCH)], DIM)
    os.write(pipe, b"!")
    store.add(last)
    time.sleep(600)


def _first(subject: Subject, path: Path) -> tuple[float, float, int, int, int]:
    doc = [Doc(7, 0, 0)]
    text, vector = texts(doc), vectors(doc, DIM)
    began = time.perf_counter()
    store = subject.open(path)
    opened = time.perf_counter()
    [hits] = store.find("hybrid", text, vector, 10)
    answered = time.perf_counter()
    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return opened - began, answered - opened, store.count(), hits[0][0], memory


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {size:,}" for name, size in sizes.items()) + " bytes"
