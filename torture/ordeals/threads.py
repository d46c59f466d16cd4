"""Eight threads of mixed operations, each with a model of the documents that are its own.

What a thread has written it reads, counts and finds; in between one of them checks, compacts or
makes a backup. In the end the store is the sum of the models, also after opening it again. A
cycle is one operation.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import checks
from children import call, describe
from documents import Doc, Model, rows, vectors, word
from subject import Store, Subject
from table import Plan, Score

FULL_S, QUICK_S = 600.0, 4.0
THREADS = 8
#: A thread that ends no operation for this long hangs.
STILL_S = 60.0
#: Documents that a thread holds at most.
MOST = 300


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("threads", subject.name)
    seconds = float(plan.count(int(FULL_S), int(QUICK_S)))
    path = plan.folder / "threads"
    outcome = call(lambda: _process(subject, plan, path, seconds, score), seconds + 3 * STILL_S)
    if outcome.trouble:
        score.problem(*outcome.trouble)
    else:
        score = outcome.value
    shutil.rmtree(path, ignore_errors=True)
    yield score.done()


class _Worker(threading.Thread):
    def __init__(self, subject: Subject, store: Store, path: Path, index: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.subject, self.store, self.path, self.index = subject, store, path, index
        self.rng = random.Random(f"{seed}/threads/{index}")
        self.model: Model = {}
        self.done, self.last = 0, time.monotonic()
        self.doing = ""
        self.wrong: list[tuple[str, str]] = []
        self.stop = threading.Event()

    def run(self) -> None:
        try:
            while not self.stop.is_set() and len(self.wrong) < 3:
                self._step()
                self.done, self.last = self.done + 1, time.monotonic()
        except Exception as error:
            self.wrong.append(("other", f"{self.doing}: {describe(error)}"))

    def _step(self) -> None:
        draw, dim = self.rng.random(), self.subject.dim
        size = self.rng.choice((1, 1, 3, 20))
        held = sorted(self.model)
        if draw < 0.25 and len(held) < MOST:
            self.doing = "add"
            first = self.index << 40 | self.done << 8
            docs = [Doc(first + i, 0, self.index) for i in range(size)]
            self.store.add(rows(docs, dim))
            self.model |= {doc.number: (0, self.index) for doc in docs}
        elif draw < 0.4 and held:
            self.doing = "upsert"
            chosen = self.rng.sample(held, min(size, len(held)))
            docs = [Doc(number, self.model[number][0] + 1, self.index) for number in chosen]
            self.store.upsert(rows(docs, dim))
            self.model |= {doc.number: (doc.version, self.index) for doc in docs}
        elif draw < 0.55 and held:
            self.doing = "delete"
            chosen = self.rng.sample(held, min(2 * size, len(held)))
            self._same(self.store.delete(chosen), len(chosen))
            for number in chosen:
                del self.model[number]
        elif draw < 0.7 and held:
            self.doing = "get"
            number = self.rng.choice(held)
            [found] = self.store.get([number])
            self._same(found and found.doc[1:], self.model[number])
        elif draw < 0.8:
            self.doing = "count"
            self._same(self.store.count(self.index), len(self.model))
        elif draw < 0.99 and held:
            number = self.rng.choice(held)
            doc = Doc(number, *self.model[number])
            self.doing = self.rng.choice(("lexical", "dense"))
            ask = vectors([doc], dim)
            [hits] = self.store.find(self.doing, [word(doc)], ask, 1)
            self._same([number for number, _ in hits], [number])
        elif self.index == 0:
            self.doing = self.rng.choice(("checkpoint", "compact", "verify", "backup"))
            self._upkeep()

    def _upkeep(self) -> None:
        if self.doing == "verify":
            # It looks at one moment of the store, whatever the others do.
            self._same(self.store.problems(), [])
        elif self.doing == "backup":
            self.store.backup(folder := self.path.parent / "threads-backup")
            copy = self.subject.open(folder, read_only=True)
            held, troubles = checks.read(copy, self.subject.dim)
            self.wrong += troubles
            mine = {number: entry for number, entry in held.items() if entry[1] == self.index}
            self._same(mine, self.model)
            copy.close()
            shutil.rmtree(folder)
        else:
            getattr(self.store, self.doing)()

    def _same(self, got: object, want: object) -> None:
        if got != want:
            self.wrong.append(("silent", f"{self.doing}: {str(got)[:200]}, not {str(want)[:200]}"))


def _process(subject: Subject, plan: Plan, path: Path, seconds: float, score: Score) -> Score:
    store = subject.open(path)
    workers = []
    for i in range(THREADS):
        own = store if subject.shares_handle else subject.open(path)
        workers.append(_Worker(subject, own, path, i, plan.seed))
    for worker in workers:
        worker.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until and not any(worker.wrong for worker in workers):
        time.sleep(0.05)
    for worker in workers:
        worker.stop.set()
    for worker in workers:
        while worker.is_alive() and time.monotonic() - worker.last < STILL_S:
            worker.join(0.2)
        if worker.is_alive():
            score.problem("hangs", f"thread {worker.index} stands still in {worker.doing}")
        for column, text in worker.wrong:
            score.problem(column, f"thread {worker.index}: {text}")
    score.cycles = sum(worker.done for worker in workers)
    if score.violations:
        return score
    model = {number: entry for worker in workers for number, entry in worker.model.items()}
    rng = random.Random(plan.seed)
    for way in ("at the end", "after opening again"):
        _, _, troubles = checks.judge(store, subject.dim, [model], rng, 100)
        for column, text in troubles:
            score.problem(column, f"{way}: {text}")
        store.close()
        store = subject.open(path)
    score.notes.append(
        f"{len(model):,} documents in the end, {score.cycles / seconds:,.0f} operations a second"
    )
    return score
