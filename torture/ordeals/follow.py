"""Readers in other processes while a writer changes the store, keeps it up, and is killed.

Two readers open the store once and ask, again and again, for everything by `get`, by `count` and
by a word that all documents have. Each answer must be one whole state of the writer's life, and
no reader ever goes back in time. When the writer is gone the readers see what it acknowledged;
after another process has opened the store for writing and added a document, they see that.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from children import Child, call, describe
from documents import Doc, Model, rows, vectors
from life import change_model, changes, perform
from subject import Store, Subject
from table import Plan, Score

FULL, QUICK = 300, 8
CHANGES = 25
READERS = 2
LAST = Doc(1 << 50, 0, 0)


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("follow", subject.name)
    answers = 0
    for cycle in plan.each(score, FULL, QUICK):
        rng = random.Random(f"{plan.seed}/follow/{cycle}")
        home = plan.folder / "follow"
        home.mkdir()
        troubles, asked = _Lives(subject, home, rng).run()
        answers += asked
        for column, text in troubles:
            score.problem(column, f"seed {plan.seed} cycle {cycle}: {text}")
        shutil.rmtree(home)
    score.notes.append(f"{answers:,} answers of {READERS} readers a cycle")
    yield score.done()


class _Lives:
    """One writer and its readers."""

    def __init__(self, subject: Subject, home: Path, rng: random.Random) -> None:
        self.subject, self.home, self.rng = subject, home, rng
        # Searches answer ten thousand hits at most, and every state is to fit.
        self.changes = list(islice(changes(rng, {}, 1, 0.2, most=300), CHANGES))
        model: Model = {}
        self.states: list[Model] = [{}]
        for change in self.changes:
            change_model(model, change)
            self.states.append(dict(model))
        self.all = sorted({number for state in self.states for number in state} | {LAST.number})

    def run(self) -> tuple[list[tuple[str, str]], int]:
        path = self.home / "store"
        made = call(lambda: self.subject.open(path).close(), 30)
        if made.trouble:
            return [made.trouble], 0
        signs = [os.pipe() for _ in range(READERS)]
        readers = [Child(partial(self._read, path, sign)) for sign, _ in signs]
        for reader in readers:
            reader.read(30)
        writer = Child(lambda pipe: self._write(path, pipe))
        told, wanted = b"", self.rng.randrange(CHANGES // 2, CHANGES + 1)
        while told.count(b"+") < wanted and (part := writer.read(60)):
            told += part
        time.sleep(10 ** self.rng.uniform(-5, -2.5))
        writer.kill()
        told += writer.read_all(10)[0]
        status = writer.wait()
        troubles: list[tuple[str, str]] = []
        if status != -9:
            troubles.append(("other", f"the writer ended with {status}: {told[-200:]!r}"))
        acknowledged = told.count(b"+")
        # From now on they look for the last state.
        for _, sign in signs:
            os.write(sign, bytes([acknowledged + 1]))
        answers = [json.loads(line) for reader in readers if (line := _line(reader))]
        added = call(lambda: self._add_last(path), 30)
        troubles += [added.trouble] if added.trouble else []
        for _, sign in signs:
            os.write(sign, b"!")
        answers += [json.loads(line) for reader in readers if (line := _line(reader))]
        for end in (end for ends in signs for end in ends):
            os.close(end)
        if len(answers) != 2 * READERS:
            troubles.append(("hangs", "a reader did not answer"))
        for reader in readers:
            reader.kill()
            reader.wait()
        for answer in answers:
            troubles += [(column, text) for column, text in answer["troubles"]]
        return troubles, sum(answer["asked"] for answer in answers)

    def _write(self, path: Path, pipe: int) -> None:
        store = self.subject.open(path, self.rng.choice(("sync", "os")))
        for i, change in enumerate(self.changes):
            made = rows(change.docs, self.subject.dim)
            if change.verb == "reopen":
                store.close()
                store = self.subject.open(path)
            else:
                perform(store, change, made, self.home / f"backup-{i}")
            os.write(pipe, b"+")
        time.sleep(600)

    def _add_last(self, path: Path) -> None:
        store = self.subject.open(path)
        store.add(rows([LAST], self.subject.dim))
        store.close()

    def _read(self, path: Path, done: int, pipe: int) -> None:
        """Tells what went wrong until the writer was gone, then until the last document."""
        os.set_blocking(done, False)
        store = self.subject.open(path, read_only=True)
        os.write(pipe, b"r\n")
        seen = _Seen(self.states)
        told = None
        while told is None and not seen.troubles:
            seen.ask(store, self.subject.dim, self.all)
            told = _try_read(done)
        told = told or _wait(done)
        # The change in flight may be there or not; all that was acknowledged must be.
        if not seen.troubles:
            seen.least = max(seen.least, told[0] - 1)
            seen.ask(store, self.subject.dim, self.all)
        os.write(
            pipe, json.dumps({"asked": seen.asked, "troubles": seen.troubles}).encode() + b"\n"
        )
        _wait(done)
        last = [] if seen.troubles else _last(store)
        os.write(pipe, json.dumps({"asked": 1, "troubles": last}).encode() + b"\n")
        time.sleep(600)


class _Seen:
    """What a reader has seen: a state of the life, never an earlier one than before."""

    def __init__(self, states: list[Model]) -> None:
        self.states = states
        self.least = self.asked = 0
        self.troubles: list[tuple[str, str]] = []

    def ask(self, store: Store, dim: int, numbers: list[int]) -> None:
        try:
            found = [entry.doc for entry in store.get(numbers) if entry is not None]
            self._is("get", {doc.number: doc[1:] for doc in found}, lambda state: state)
            self._is("count", store.count(), len)
            [hits] = store.find("lexical", ["common"], vectors([], dim), 10_000)
            self._is("search", {number for number, _ in hits}, set)
        except Exception as error:
            self.troubles.append(("other", f"a reader: {describe(error)}"))

    def _is(self, verb: str, got: Any, of: Any) -> None:
        self.asked += 1
        for i in range(self.least, len(self.states)):
            if of(self.states[i]) == got:
                self.least = i
                return
        size = got if isinstance(got, int) else len(got)
        past = any(of(state) == got for state in self.states[: self.least])
        what = "an earlier state than before" if past else "no state"
        told = f"{verb} of a reader answers {size} documents, {what} from {self.least}"
        self.troubles.append(("lost" if past else "torn", told))


def _last(store: Store) -> list[tuple[str, str]]:
    try:
        [found] = store.get([LAST.number])
    except Exception as error:
        return [("other", f"a reader at the end: {describe(error)}")]
    return [] if found else [("lost", "a reader does not see what another writer added")]


def _try_read(done: int) -> bytes | None:
    try:
        return os.read(done, 1)
    except BlockingIOError:
        return None


def _wait(done: int) -> bytes:
    while (sign := _try_read(done)) is None:
        time.sleep(0.001)
    return sign


def _line(reader: Child) -> bytes:
    data = b""
    while not data.endswith(b"\n") and (part := reader.read(60)):
        data += part
    return data
