"""Children that use the handle of their parent, while threads of the parent write and search.

A child reads what is true or gets the error for forked handles, at once; what it is told was
written is there in the end; whichever way it ends, the parent loses nothing and goes on.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import checks
from children import Child, call, describe
from documents import Doc, Model, rows, vectors, word
from subject import Store, Subject
from table import Plan, Score

#: Forks of four children each.
FULL, QUICK = 1000, 15
CHILDREN = 4
CHILD_S = 5.0
#: So many hangs say enough.
ENOUGH = 12
STABLE = [Doc(number, 0, 0) for number in range(200)]
TASKS = ("get", "count", "lexical", "dense", "add", "delete", "checkpoint", "close", "leave")


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("fork", subject.name)
    outcome = call(lambda: _parent(subject, plan, score), plan.limit_s)
    if outcome.trouble:
        score.problem(*outcome.trouble)
    else:
        score = outcome.value
    yield score.done()


def _parent(subject: Subject, plan: Plan, score: Score) -> Score:
    path = plan.folder / "fork"
    store = subject.open(path)
    store.add(rows(STABLE, subject.dim))
    kept: Model = {doc.number: (0, 0) for doc in STABLE}
    told: Counter[str] = Counter()
    for cycle in plan.each(score, FULL, QUICK):
        rng = random.Random(f"{plan.seed}/fork/{cycle}")
        threads, stop = [], threading.Event()
        written: list[list[Doc]] = []
        failures: list[str] = []
        for i in range(rng.randrange(3)):
            worker = threading.Thread(
                target=_busy,
                args=(
                    subject,
                    store,
                    path,
                    i,
                    (cycle + 1 << 20) + (i << 16),
                    stop,
                    written,
                    failures,
                ),
            )
            worker.start()
            threads.append(worker)
        for task, code, why in _children(subject, store, cycle, rng, kept):
            told[f"{task} {('answered', 'refused')[code]}" if code in (0, 1) else task] += 1
            if why:
                score.problem(why[0], f"seed {plan.seed} cycle {cycle}, {task}: {why[1]}")
        stop.set()
        for worker in threads:
            worker.join(60)
            if worker.is_alive():
                score.problem("hangs", f"seed {plan.seed} cycle {cycle}: a thread of the parent")
                return score
        for failure in failures:
            score.problem("other", f"seed {plan.seed} cycle {cycle}: the parent: {failure}")
        for docs in written:
            kept.update({doc.number: (0, doc.batch) for doc in docs})
        doc = Doc((cycle + 1 << 20) + (9 << 16), 0, 1)
        store.add(rows([doc], subject.dim))
        kept[doc.number] = (0, 1)
        if score.found["hangs"] >= ENOUGH:
            score.notes.append(f"ended after {ENOUGH} hangs")
            break
        if len(kept) > 3000:
            gone = sorted(set(kept) - {d.number for d in STABLE})
            store.delete(gone)
            for number in gone:
                del kept[number]
    for way in ("the parent at the end", "after opening again"):
        _, _, troubles = checks.judge(store, subject.dim, [kept], rng)
        for column, text in troubles:
            score.problem(column, f"{way}: {text}")
        store.close()
        store = subject.open(path)
    store.close()
    score.notes.append(", ".join(f"{name} {n:,}" for name, n in sorted(told.items())))
    return score


def _busy(
    subject: Subject,
    store: Store,
    path: Path,
    index: int,
    first: int,
    stop: threading.Event,
    written: list[list[Doc]],
    failures: list[str],
) -> None:
    """A thread of the parent: one writes, the other one searches."""
    try:
        own = store if subject.shares_handle else subject.open(path)
        while not stop.is_set():
            docs = [Doc(first + i, 0, 1) for i in range(3)]
            first += 3
            if index == 0:
                own.add(rows(docs, subject.dim))
                written.append(docs)
            else:
                own.find("lexical", [word(STABLE[7])], vectors([], subject.dim), 1)
            stop.wait(0.0005)
        if own is not store:
            own.close()
    except Exception as error:
        failures.append(describe(error))


def _children(
    subject: Subject, store: Store, cycle: int, rng: random.Random, kept: Model
) -> Iterator[tuple[str, int | None, tuple[str, str] | None]]:
    started = []
    for i in range(CHILDREN):
        task, doc = rng.choice(TASKS), rng.choice(STABLE)
        new = Doc((cycle + 1 << 20) + (10 << 16) + i, 0, 2)
        child = Child(lambda pipe, t=task, d=doc, n=new: _child(subject, store, t, d, n, pipe))
        started.append((child, task, new))
    for child, task, new in started:
        data, in_time = child.read_all(CHILD_S)
        code = child.end(CHILD_S if in_time else 0)
        if code is None:
            yield task, code, ("hangs", f"a child gave no answer within {CHILD_S:.0f} s")
        elif code < 0:
            yield task, code, ("crashes", f"a child died of signal {-code}")
        elif code > 1:
            yield task, code, ("silent" if code == 3 else "other", data.decode())
        else:
            if task == "add" and code == 0:
                kept[new.number] = (0, 2)
            yield task, code, None


def _child(subject: Subject, store: Store, task: str, doc: Doc, new: Doc, pipe: int) -> None:
    """Exits with 0 for a right answer, 1 for the error of forked handles, 3 for a wrong answer."""
    try:
        right = _do(subject, store, task, doc, new)
        code, why = (0, "") if right else (3, "a wrong answer in a child")
    except Exception as error:
        code, why = (1, "") if subject.is_forked(error) else (4, describe(error))
    os.write(pipe, why.encode())
    if task == "leave":
        # The handle is dropped as an interpreter drops it, not left behind.
        vars(store).clear()
    os._exit(code)


def _do(subject: Subject, store: Store, task: str, doc: Doc, new: Doc) -> bool:
    none = vectors([], subject.dim)
    if task == "get":
        [found] = store.get([doc.number])
        return found is not None and found.doc == doc
    if task == "count":
        return store.count(0) == len(STABLE)
    if task == "lexical":
        return [n for n, _ in store.find(task, [word(doc)], none, 1)[0]] == [doc.number]
    if task == "dense":
        return store.find(task, [], vectors([doc], subject.dim), 1)[0][0][0] == doc.number
    if task == "add":
        store.add(rows([new], subject.dim))
    elif task == "delete":
        # Of nothing, so that a store that allows it is not changed.
        return store.delete([new.number]) == 0
    elif task == "checkpoint":
        store.checkpoint()
    elif task == "close":
        store.close()
    return True
