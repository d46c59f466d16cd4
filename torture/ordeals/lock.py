"""Races of two processes for a store. One of them wins; the other is told at once who did.

The winner adds a document, holds the lock until the other has its answer, and is killed. The next
race opens the store again, and all documents are there in the end.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import checks
from children import Child, call, describe
from documents import Doc, rows
from subject import Subject
from table import Plan, Score

FULL, QUICK = 1000, 25
#: Within which the loser must have its answer; a quick run may be beside many others.
AT_ONCE_S, AT_ONCE_QUICK_S = 0.1, 2.0


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("lock", subject.name)
    path = plan.folder / "lock"
    slowest, at_once = 0.0, AT_ONCE_QUICK_S if plan.quick else AT_ONCE_S
    for cycle in plan.each(score, FULL, QUICK):
        where = f"cycle {cycle}"
        go_read, go_write = os.pipe()
        race = partial(_race, subject, path, cycle, go_read)
        racers = [Child(race), Child(race)]
        for racer in racers:
            racer.read(10)
        os.write(go_write, b"go")
        answers = [_answer(racer) for racer in racers]
        for racer in racers:
            racer.kill()
            racer.wait()
        os.close(go_read)
        os.close(go_write)
        won = [i for i, answer in enumerate(answers) if answer.get("won")]
        if None in [answer.get("won") for answer in answers]:
            score.problem("other", f"{where}: {answers}")
        elif len(won) != 1:
            score.problem("other" if won else "unopened", f"{where}: {len(won)} winners: {answers}")
        else:
            lost = answers[1 - won[0]]
            slowest = max(slowest, lost["seconds"])
            if lost["seconds"] > at_once:
                score.problem("hangs", f"{where}: the loser was told after {lost['seconds']:.3f} s")
            if subject.names_holder and lost["holder"] != racers[won[0]].pid:
                wrong = f"{lost['holder']}, not {racers[won[0]].pid}"
                score.problem("other", f"{where}: the loser was told that the holder is {wrong}")
    model = dict.fromkeys(range(plan.first, plan.first + score.cycles), (0, 0))
    outcome = call(lambda: _held(subject, path), 60)
    if outcome.trouble or outcome.value != model:
        held = outcome.trouble or f"{len(outcome.value)} documents of {len(model)}"
        score.problem("lost", f"at the end: {held}")
    shutil.rmtree(path, ignore_errors=True)
    score.notes.append(f"the slowest loser was told after {1000 * slowest:.1f} ms")
    yield score.done()


def _answer(racer: Child) -> dict[str, Any]:
    data, until = b"", time.monotonic() + 10
    while not data.endswith(b"\n"):
        part = racer.read(until - time.monotonic())
        if not part:
            return {"won": None, "why": f"no answer: {data!r}"}
        data += part
    return json.loads(data)


def _race(subject: Subject, path: Path, cycle: int, go: int, pipe: int) -> None:
    os.write(pipe, b"r")
    os.read(go, 1)
    began = time.monotonic()
    answer: dict[str, Any] = {"won": False}
    try:
        store = subject.open_alone(path)
        store.add(rows([Doc(cycle, 0, 0)], subject.dim))
        answer["won"] = True
    except Exception as error:
        if not subject.is_locked(error):
            answer = {"won": None, "why": describe(error)}
        answer["holder"] = subject.holder(error)
    answer["seconds"] = time.monotonic() - began
    os.write(pipe, json.dumps(answer).encode() + b"\n")
    # Nothing is let go of: the driver has both answers before it kills.
    time.sleep(600)


def _held(subject: Subject, path: Path) -> dict[int, tuple[int, int]]:
    store = subject.open(path)
    held, troubles = checks.read(store, subject.dim)
    assert not troubles, troubles
    store.close()
    return held
