"""Random corruptions of stores of three sizes; the classes are those of `damage.py`."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from damage import Case, Files, Truth, build, run_cases
from subject import Subject
from table import Plan, Score

FULL, QUICK = 10_000, 150
#: The last one is large enough for search by vector to use a graph.
SIZES = (20, 400, 3000)
KINDS = (
    "bit",
    "bits",
    "byte 00",
    "byte FF",
    "zeroed block",
    "truncated",
    "appended",
    "swapped blocks",
    "misplaced block",
    "stale block",
    "older file",
    "foreign file",
    "deleted file",
)
COLUMN = {"SILENT": "silent", "crash": "crashes", "hang": "hangs"}


class _Store(NamedTuple):
    true: Truth
    files: Files
    older: list[Files]
    other: Files


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("corrupt", subject.name)
    home = plan.fast / "corrupt"
    stores = [_make(subject, home, size) for size in SIZES[: 2 if plan.quick else 3]]

    def make(number: int) -> Case:
        rng = random.Random(f"{plan.seed}/corrupt/{number}")
        store = stores[number % len(stores)]
        name, damaged = _damage(rng, store)
        return Case(f"seed {plan.seed} cycle {number}, {name}", store.true, damaged)

    numbers = range(plan.first, plan.first + plan.count(FULL, QUICK))
    results = run_cases(subject, home, make, numbers)
    classes: Counter[str] = Counter()
    for _ in plan.each(score, FULL, QUICK):
        result = next(results)
        classes[result.kind] += 1
        if result.kind in COLUMN:
            score.problem(COLUMN[result.kind], result.why)
    results.close()
    shutil.rmtree(home, ignore_errors=True)
    score.notes.append(", ".join(f"{kind} {n:,}" for kind, n in sorted(classes.items())))
    yield score.done()


def _make(subject: Subject, home: Path, size: int) -> _Store:
    shutil.rmtree(home, ignore_errors=True)
    seen, true = build(subject, home, size)
    shutil.rmtree(home)
    other, _ = build(subject, home, size, first=size // 2)
    shutil.rmtree(home)
    return _Store(true, seen[-1], seen[:-1], other[-1])


def _damage(rng: random.Random, store: _Store) -> tuple[str, Files]:
    """One corruption and what it is called. Where a kind does not fit, another one is drawn."""
    while True:
        kind = rng.choice(KINDS)
        name = rng.choice(sorted(store.files))
        data = bytearray(store.files[name])
        at = _place(rng, len(data))
        told = f"{kind} in {name} of {len(data)} at {at}"
        if kind == "deleted file":
            return f"deleted {name}", {n: d for n, d in store.files.items() if n != name}
        if kind in ("older file", "foreign file"):
            source = rng.choice(store.older) if kind == "older file" else store.other
            # Under its own name if it has one there, or in the place of the only one of its kind.
            twin = name if name in source else _alike(name, source)
            if twin is None or source[twin] == store.files[name]:
                continue
            return f"{kind} {twin} as {name}", store.files | {name: source[twin]}
        if kind == "appended":
            data += rng.randbytes(rng.choice((1, 8, 512, 4096)))
        elif not data:
            continue
        elif kind == "bit":
            data[at] ^= 1 << rng.randrange(8)
        elif kind == "bits":
            for _ in range(rng.randrange(2, 64)):
                data[_place(rng, len(data))] ^= 1 << rng.randrange(8)
        elif kind in ("byte 00", "byte FF"):
            data[at] = 0 if kind == "byte 00" else 255
        elif kind == "zeroed block":
            start = at // 512 * 512
            length = min(512, len(data) - start)
            data[start : start + length] = bytes(length)
        elif kind == "truncated":
            del data[at:]
        elif kind == "stale block":
            # A write that never came to the disk: what was there before is there still.
            start, size = _block(rng, at)
            before = rng.choice(store.older).get(name, b"")[start : start + size]
            before += bytes(len(data[start : start + size]) - len(before))
            if before == data[start : start + size]:
                continue
            data[start : start + size] = before
        elif kind == "misplaced block":
            # A write that came to another place: sound by itself, and in the way there.
            start, size = _block(rng, at)
            source = _block(rng, _place(rng, len(data)))[0]
            moved = data[source : source + size]
            if moved == data[start : start + len(moved)] or start + len(moved) > len(data):
                continue
            data[start : start + len(moved)] = moved
        else:
            size = rng.choice((64, 128, 512, 4096))
            blocks = len(data) // size
            if blocks < 2:
                continue
            one, two = (i * size for i in rng.sample(range(blocks), 2))
            first, second = data[one : one + size], data[two : two + size]
            data[one : one + size], data[two : two + size] = second, first
        return told, store.files | {name: bytes(data)}


def _block(rng: random.Random, at: int) -> tuple[int, int]:
    """Where the block around a place begins, and how long it is: lines, sectors or pages."""
    size = rng.choice((64, 128, 192, 512, 4096))
    return at // 64 * 64 if size < 512 else at // size * size, size


def _place(rng: random.Random, size: int) -> int:
    """Anywhere, or near the beginning or the end, where files keep what tells what they are."""
    if size < 2:
        return 0
    near = rng.randrange(min(256, size))
    return rng.choice((rng.randrange(size), rng.randrange(size), near, size - 1 - near))


def _alike(name: str, source: Files) -> str | None:
    """The file whose name differs in digits only."""
    bare = name.rstrip("0123456789")
    found = [other for other in source if other.rstrip("0123456789") == bare]
    return found[0] if len(found) == 1 else None
