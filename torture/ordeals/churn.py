"""Documents that come and go: nothing grows, and those that stay are found.

A cycle deletes one document of a live set and adds another; batches are of random size and nobody
asks for upkeep. The most memory of the last tenth of the run is compared with that of the first
one (it rises and falls in between, as empty places are swept), the files with the bytes that are
live, and 200 documents that are never deleted are looked for by id, by word and by vector.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import checks
import documents
from children import call
from documents import Doc, rows, word
from subject import Store, Subject
from table import Plan, Score

FULL, QUICK = 1_000_000, 15_000
LIVE_FULL, LIVE_QUICK = 10_000, 1000
SURVIVORS = 200
DIM = 32
#: What is allowed: memory against that of the first tenth, files against live bytes, and what a
#: log may have besides before it is worth to be shortened.
MEMORY, DISK, LOG = 1.1, 3.0, 5 << 20
#: In a shorter run a tenth of it ends before memory has found its level, and it is only told.
SHORT = 800_000


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("churn", subject.name)
    small = type(subject)(dim=DIM)
    path = plan.folder / "churn"
    outcome = call(lambda: _live(small, plan, path, score), plan.limit_s)
    if outcome.trouble:
        score.problem(*outcome.trouble)
    else:
        score = outcome.value
    shutil.rmtree(path, ignore_errors=True)
    yield score.done()


def _live(subject: Subject, plan: Plan, path: Path, score: Score) -> Score:
    rng = random.Random(f"{plan.seed}/churn")
    cycles, live = plan.count(FULL, QUICK), LIVE_QUICK if plan.quick else LIVE_FULL
    store = subject.open(path, "os")
    staying = [Doc(number, 0, 0) for number in range(SURVIVORS)]
    store.add(rows(staying, subject.dim))
    numbers = list(range(SURVIVORS, live))
    store.add(rows([Doc(number, 0, 1) for number in numbers], subject.dim))
    fresh, disk = live, 0.0
    memory: list[float] = []
    tenth = max(cycles // 10, 1)
    marks = list(range(tenth, cycles + 1, tenth))
    while score.cycles < cycles:
        size = min(rng.randrange(1, 201), cycles - score.cycles)
        # A random place is filled by the last one, so that taking many costs no copies.
        gone = []
        for _ in range(size):
            at = rng.randrange(len(numbers))
            numbers[at], numbers[-1] = numbers[-1], numbers[at]
            gone.append(numbers.pop())
        store.delete(gone)
        new = [Doc(fresh + i, 0, 1) for i in range(size)]
        fresh += size
        store.add(rows(new, subject.dim))
        numbers += [doc.number for doc in new]
        score.cycles += size
        if score.cycles > len(memory) * tenth / 50:
            memory.append(_resident())
        if marks and score.cycles >= marks[0]:
            marks.pop(0)
            used, live_now = _bytes(path), _live_bytes(subject, staying, numbers)
            disk = max(disk, used / live_now)
            if used > DISK * live_now + LOG:
                told = f"{used / 1e6:.1f} MB for {live_now / 1e6:.1f} MB that are live"
                score.problem("other", f"after {score.cycles:,}: the files have {told}")
            _look(store, subject, staying, live, score, f"after {score.cycles:,}")
    first, last = max(memory[: len(memory) // 10 or 1]), max(memory[-len(memory) // 10 :])
    growth = last / first
    if growth > MEMORY and cycles >= SHORT:
        score.problem("other", f"memory grew to {growth:.2f} times that of the first tenth")
    before = _bytes(path)
    store.compact()
    compact = _bytes(path) / _live_bytes(subject, staying, numbers)
    store.close()
    store = subject.open(path, "os")
    _look(store, subject, staying, live, score, "after opening again")
    score.notes += [
        f"memory {first / 1e6:.0f} MB in the first tenth, {last / 1e6:.0f} MB in the last "
        f"({growth:.2f}x)",
        f"files {disk:.2f}x live at most, {compact:.2f}x compacted, {before / 1e6:.1f} MB before",
    ]
    return score


def _look(
    store: Store, subject: Subject, staying: list[Doc], live: int, score: Score, when: str
) -> None:
    if store.count() != live:
        score.problem("lost", f"{when}: {store.count()} documents, not {live}")
    found = store.get([doc.number for doc in staying])
    missed = sum(
        entry is None or entry.doc != doc for entry, doc in zip(found, staying, strict=True)
    )
    words = store.find("lexical", [word(doc) for doc in staying], documents.vectors([], 1), 1)
    wordless = sum(
        [number for number, _ in hits] != [doc.number]
        for hits, doc in zip(words, staying, strict=True)
    )
    blind = len(checks.unseen(store, subject.dim, staying))
    if missed or wordless or blind:
        told = f"{missed} by id, {wordless} by word, {blind} by vector"
        score.problem("lost", f"{when}: of {SURVIVORS} that stayed are missed {told}")


def _live_bytes(subject: Subject, staying: list[Doc], numbers: list[int]) -> int:
    return documents.live_bytes(staying + [Doc(n, 0, 1) for n in numbers], subject.dim)


def _bytes(path: Path) -> int:
    return sum(entry.stat().st_size for entry in path.iterdir())


def _resident() -> float:
    """Bytes of memory in use now, or at most so far where that cannot be had."""
    try:
        with open("/proc/self/statm") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except OSError:
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
