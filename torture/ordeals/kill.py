"""Kill -9 at any moment: of writing, upkeep, opening, and of the recovery after a kill.

A child changes the store and tells each acknowledgement through a pipe. What is then allowed is
the state after all that was acknowledged, or that and the whole of the change in flight. At the
durability "memory" only a checkpoint, a compaction or closing acknowledges: allowed is the state
after any whole number of changes since the last of these. A backup that was acknowledged opens
and is complete; one in flight is complete or is not opened.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import checks
from children import Child, Outcome, call, describe
from documents import Doc, Model, rows
from life import change_model, changes, perform
from subject import Subject
from table import Plan, Score

FULL, QUICK = 1000, 40
#: Kills that one store goes through before a new one is made.
LIVES = 20
#: Changes a child may make before it waits to be killed.
MOST = 40
#: Between the sign that something begins and the kill, as powers of ten of a second: changes take
#: from some microseconds to tens of milliseconds.
DELAYS = (-5.0, -1.5)


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    for durability in ("sync", "os", "memory"):
        score = Score(f"kill, {durability}", subject.name)
        if durability not in subject.durabilities:
            score.skipped = "not offered"
        else:
            _run(subject, plan, durability, score)
        yield score.done()


def _run(subject: Subject, plan: Plan, durability: str, score: Score) -> None:
    home = plan.folder / f"kill-{durability}"
    model: Model = {}
    moments: dict[str, int] = {}
    for cycle in plan.each(score, FULL, QUICK):
        if cycle % LIVES == 0 or not home.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            model = {}
        rng = random.Random(f"{plan.seed}/{durability}/{cycle}")
        life = _Life(subject, durability, home, model, cycle, rng)
        moment = life.live()
        moments[moment] = moments.get(moment, 0) + 1
        outcome = life.examine()
        troubles = [outcome.trouble] if outcome.trouble else outcome.value[1]
        for column, text in troubles + life.troubles:
            score.problem(column, f"seed {plan.seed} cycle {cycle}, killed in {moment}: {text}")
        if troubles or life.troubles:
            shutil.rmtree(home)
        else:
            model = outcome.value[0]
    shutil.rmtree(home, ignore_errors=True)
    told = ", ".join(f"{name} {count}" for name, count in sorted(moments.items()))
    score.notes.append(f"killed in: {told}")


class _Life:
    """One kill and what is found after it."""

    def __init__(
        self,
        subject: Subject,
        durability: str,
        home: Path,
        model: Model,
        cycle: int,
        rng: random.Random,
    ) -> None:
        self.subject, self.durability, self.home = subject, durability, home
        self.model, self.cycle, self.rng = model, cycle, rng
        upkeep = rng.choice((0.1, 0.1, 0.5))
        self.changes = list(islice(changes(rng, model, (cycle + 1) * 100, upkeep), MOST))
        self.troubles: list[checks.Trouble] = []
        self.acknowledged = 0

    @property
    def path(self) -> Path:
        return self.home / "store"

    def backup_of(self, index: int) -> Path:
        return self.home / f"backup-{self.cycle}-{index}"

    def live(self) -> str:
        """Runs the child and kills it; answers what it was doing."""
        opening = self.rng.random() < 0.15
        acks = int(self.rng.expovariate(1 / 8))
        delay = 10 ** self.rng.uniform(*DELAYS)
        child = Child(self._write)
        told, until = b"", time.monotonic() + 60
        # A sign when it begins, one when it has opened, one at the start and end of each change.
        wanted = 1 if opening else 2 * min(acks, MOST) + 3
        while len(told) < min(wanted, 2 * MOST + 2):
            part = child.read(until - time.monotonic())
            if not part:
                break
            told += part
        time.sleep(delay)
        hung = part is None
        child.kill()
        told += child.read_all(10)[0]
        status = child.wait()
        if hung:
            self.troubles.append(("hangs", f"the writer stood still after {told[-80:]!r}"))
        elif status != -9:
            column = "crashes" if status < 0 else "other"
            self.troubles.append((column, f"the writer ended with {status}: {told[-200:]!r}"))
        self.acknowledged = max(0, told.count(b"+"))
        if self.rng.random() < 0.3:
            self._kill_recovery()
        if told.count(b"(") == self.acknowledged:
            return "opening" if told == b"r" else "between"
        return self.changes[self.acknowledged].verb

    def _write(self, pipe: int) -> None:
        try:
            os.write(pipe, b"r")
            store = self.subject.open(self.path, self.durability)
            os.write(pipe, b"o")
            for i, change in enumerate(self.changes):
                made = rows(change.docs, self.subject.dim)
                os.write(pipe, b"(")
                if change.verb == "reopen":
                    store.close()
                    store = self.subject.open(self.path, self.durability)
                else:
                    perform(store, change, made, self.backup_of(i))
                os.write(pipe, b"+")
            time.sleep(600)
        except BaseException as error:
            os.write(pipe, describe(error).replace("+", " ").encode())
            os._exit(1)

    def _kill_recovery(self) -> None:
        def recover(pipe: int) -> None:
            os.write(pipe, b"r")
            self.subject.open(self.path, self.durability)
            os.write(pipe, b"o")
            time.sleep(600)

        for _ in range(self.rng.randrange(1, 4)):
            child = Child(recover)
            child.read(10)
            time.sleep(10 ** self.rng.uniform(*DELAYS))
            child.kill()
            child.wait()

    def examine(self) -> Outcome:
        return call(self._examine, 60)

    def _examine(self) -> tuple[Model, list[checks.Trouble]]:
        states = self._allowed()
        readers = [True, False] if self.rng.random() < 0.5 and self._made() else [False]
        seen: set[int | None] = set()
        for read_only in readers:
            try:
                store = self.subject.open(self.path, self.durability, read_only)
            except Exception as error:
                return {}, [("unopened", f"read_only={read_only}: {describe(error)}")]
            state, held, troubles = checks.judge(store, self.subject.dim, states, self.rng)
            if troubles:
                return {}, troubles
            seen.add(state)
            if read_only:
                store.close()
        if len(seen) > 1:
            return {}, [("torn", "a reader saw another state than the writer after it")]
        troubles = self._backups()
        number = (self.cycle << 40) + 1
        store.add(rows([Doc(number, 0, 0)], self.subject.dim))
        held[number] = (0, 0)
        if self.durability == "memory" or self.rng.random() < 0.5:
            store.close()
        return held, troubles

    def _made(self) -> bool:
        """Whether a reader has anything to open: a kill may come before the store was made."""
        return bool(self.acknowledged or self.model)

    def _allowed(self) -> list[Model]:
        model = dict(self.model)
        states = [dict(model)]
        for i, change in enumerate(self.changes[: self.acknowledged + 1]):
            change_model(model, change)
            safe = self.durability != "memory" or change.verb in ("checkpoint", "compact", "reopen")
            if i < self.acknowledged and safe:
                states = []
            states.append(dict(model))
        return states

    def _backups(self) -> list[checks.Trouble]:
        troubles: list[checks.Trouble] = []
        model = dict(self.model)
        for i, change in enumerate(self.changes[: self.acknowledged + 1]):
            change_model(model, change)
            folder = self.backup_of(i)
            if change.verb != "backup":
                continue
            done = i < self.acknowledged
            try:
                copy = self.subject.open(folder, read_only=True)
                held, wrong = checks.read(copy, self.subject.dim)
                copy.close()
                troubles += wrong
                if held != model:
                    column = "lost" if done else "silent"
                    troubles.append((column, f"a backup holds {len(held)} of {len(model)}"))
            except Exception as error:
                if done or not self.subject.is_clean(error):
                    troubles.append(("unopened", f"a backup: {describe(error)}"))
            shutil.rmtree(folder, ignore_errors=True)
        return troubles
