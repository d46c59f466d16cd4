"""Random lives of a store: changes that follow from a seed, and what a model of it then holds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from documents import Doc, Model, Rows
from subject import Store


class Change(NamedTuple):
    #: "add", "upsert", "delete", "checkpoint", "compact", "backup" or "reopen".
    verb: str
    docs: list[Doc]
    numbers: list[int]

    def __str__(self) -> str:
        return f"{self.verb} of {len(self.docs) or len(self.numbers)}"


def changes(
    rng: random.Random, model: Model, batch: int, upkeep: float, most: int = 2000
) -> Iterator[Change]:
    """Changes of a store that holds `model`, without an end; `batch` numbers the first.

    `upkeep` is the share of checkpoints, compactions and backups, `most` the size of a batch.
    """
    model = dict(model)
    fresh = batch << 16
    while True:
        sizes = (1, 1, 1, 2, 5, 20, 20, rng.randrange(20, 200), rng.randrange(20, 2000))
        size = min(rng.choice(sizes), most)
        draw = rng.random()
        if draw < upkeep:
            verbs = ("checkpoint", "checkpoint", "compact", "backup", "reopen")
            change = Change(rng.choice(verbs), [], [])
        elif len(model) > 4000 or (draw > 0.8 and model):
            size = size if len(model) <= 4000 else 3000
            change = Change("delete", [], rng.sample(sorted(model), min(size, len(model))))
        elif draw > 0.6 and model:
            old = rng.sample(sorted(model), min(size, len(model)))
            docs = [Doc(number, model[number][0] + 1, batch) for number in old]
            new = [Doc(fresh + i, 0, batch) for i in range(size // 4)]
            change = Change("upsert", docs + new, [])
        else:
            change = Change("add", [Doc(fresh + i, 0, batch) for i in range(size)], [])
        fresh += len(change.docs)
        batch += 1
        change_model(model, change)
        yield change


def change_model(model: Model, change: Change) -> None:
    """Does to a model what `perform` does to a store."""
    for number in change.numbers:
        model.pop(number, None)
    for doc in change.docs:
        model[doc.number] = (doc.version, doc.batch)


def perform(store: Store, change: Change, rows: Rows, backup: Path) -> None:
    """Makes a change, of whose documents `rows` were made. To open again is the caller's."""
    if change.verb == "add":
        store.add(rows)
    elif change.verb == "upsert":
        store.upsert(rows)
    elif change.verb == "delete":
        if store.delete(change.numbers) != len(change.numbers):
            raise AssertionError("delete did not find what it should")
    elif change.verb == "checkpoint":
        store.checkpoint()
    elif change.verb == "compact":
        store.compact()
    elif change.verb == "backup":
        store.backup(backup)
