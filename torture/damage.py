"""Damaged stores: what was true before, what a damaged copy answers, and which class that is.

- same: everything is answered as before;
- error: the store, or a question, is refused with an error that a caller can handle;
- SILENT: an answer differs from the truth and nothing was said;
- crash: the process died, or the library panicked;
- hang: no answer within ten seconds.

The stores were closed in order, so there is no tail that might rightly be missing. Each case is
opened for reading; then, from a fresh copy, twice for writing, because what was refused once must
not be served as something else the second time; and what is served must take a document and keep
it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import checks
from children import Child, call, describe
from documents import Doc, Model, rows, texts, vectors
from subject import Hits, Store, Subject

#: A store as bytes, by the names of its files.
Files = dict[str, bytes]
#: Two documents of the store, and one that is not.
QUESTIONS = [Doc(5, 0, 0), Doc(11, 0, 0), Doc(1_000_003, 7, 0)]
MODES = ("dense", "lexical", "hybrid")
CASE_S = 10.0
#: Address space that a child may take besides what it has: ten times what the stores need, and
#: what each processor's thread reserves. A length that was believed without a check is beyond it.
MEMORY = (1 << 30) + (160 << 20) * (os.cpu_count() or 1)
CLASSES = ("same", "error", "SILENT", "crash", "hang")
NEW = Doc(2_000_003, 0, 0)


class Truth(NamedTuple):
    model: Model
    #: Of each mode and question the score of every document that has one.
    scores: dict[tuple[str, int], dict[int, float]]


class Case(NamedTuple):
    """A damaged store."""

    name: str
    true: Truth
    files: Files


class Result(NamedTuple):
    number: int
    kind: str
    why: str


def build(subject: Subject, folder: Path, count: int, first: int = 0) -> tuple[list[Files], Truth]:
    """A store that has lived a little: its files as they were at each closing, and its truth."""

    def live() -> tuple[list[Files], Truth]:
        docs = [Doc(first + i, 0, i // max(count // 5, 1)) for i in range(count)]
        old = [doc._replace(version=1, batch=90) for doc in docs[12 : count // 2 : 7]]
        gone = [doc.number for doc in docs[count // 2 :: 9]]
        extra = [Doc(first + count + i, 0, 91) for i in range(max(count // 20, 1))]
        chunk = max(count // 5, 1)
        batches = [docs[i : i + chunk] for i in range(0, count, chunk)]
        steps: list[list[Callable[[Store], object]]] = [
            [lambda store, b=b: store.add(rows(b, subject.dim)) for b in batches[:3]],
            [lambda store, b=b: store.add(rows(b, subject.dim)) for b in batches[3:]],
            [lambda store: store.checkpoint(), lambda store: store.upsert(rows(old, subject.dim))],
            [lambda store: store.delete(gone), lambda store: store.add(rows(extra, subject.dim))],
        ]
        seen = []
        for step in steps:
            store = subject.open(folder)
            for change in step:
                change(store)
            store.close()
            seen.append(read_files(folder))
        return seen, _truth(subject, folder)

    outcome = call(live, 300)
    if outcome.trouble:
        raise RuntimeError(f"the store could not be made: {outcome.trouble[1]}")
    return outcome.value


def read_files(folder: Path) -> Files:
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir())}


def _write_files(folder: Path, content: Files) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)


def _truth(subject: Subject, folder: Path) -> Truth:
    store = subject.open(folder, read_only=True)
    model, troubles = checks.read(store, subject.dim)
    assert not troubles, troubles
    scores = {}
    for mode in MODES:
        found = _ask(store, subject, mode, 10_000, exact=True)
        scores |= {(mode, i): dict(hits) for i, hits in enumerate(found)}
    store.close()
    return Truth(model, scores)


def _ask(store: Store, subject: Subject, mode: str, k: int, exact: bool) -> list[Hits]:
    return store.find(mode, texts(QUESTIONS), vectors(QUESTIONS, subject.dim), k, exact)


def run_cases(
    subject: Subject, home: Path, make: Callable[[int], Case], numbers: range
) -> Iterator[Result]:
    """The class of each case. Children do them in series; one that dies or hangs is followed by
    another that goes on behind the case at fault.
    """
    start = numbers.start
    while start < numbers.stop:
        todo = range(start, numbers.stop)

        def work(pipe: int, todo: range = todo) -> None:
            limit = _address_space() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for number in todo:
                result = Result(number, *_examine(subject, home, make(number)))
                os.write(pipe, json.dumps(result).encode() + b"\n")

        child = Child(work)
        rest = b""
        while part := child.read(CASE_S):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                result = Result(*json.loads(line))
                start = result.number + 1
                yield result
        child.kill()
        status = child.wait()
        if start < numbers.stop:
            kind = "hang" if part is None else "crash"
            how = signal.Signals(-status).name if status < 0 else f"status {status}"
            yield Result(start, kind, f"{make(start).name}: {how}")
            start += 1


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 1 << 34


def _examine(subject: Subject, home: Path, case: Case) -> tuple[str, str]:
    found = []
    for read_only in (True, False):
        _write_files(home, case.files)
        for again in range(1 if read_only else 2):
            kind, why = _open(subject, home, case.true, read_only)
            how = "for reading" if read_only else f"for writing, time {again + 1}"
            found.append((kind, f"{case.name}: opened {how}: {why}"))
    if found[-1][0] == "same":
        kind, why = _goes_on(subject, home, case.true)
        found.append((kind, f"{case.name}: a document was added: {why}"))
    return max(found, key=lambda each: CLASSES.index(each[0]))


def _guarded(subject: Subject, look: Callable[[], str]) -> tuple[str, str]:
    try:
        wrong = look()
    except Exception as error:
        if subject.is_clean(error):
            return "error", describe(error)
        return "crash", f"no error for a caller: {describe(error)}"
    return ("SILENT", wrong) if wrong else ("same", "")


def _open(subject: Subject, folder: Path, true: Truth, read_only: bool) -> tuple[str, str]:
    def look() -> str:
        store = subject.open(folder, read_only=read_only)
        try:
            return _difference(store, subject, true)
        finally:
            store.close()

    return _guarded(subject, look)


def _goes_on(subject: Subject, folder: Path, true: Truth) -> tuple[str, str]:
    def look() -> str:
        store = subject.open(folder)
        store.add(rows([NEW], subject.dim))
        store.close()
        store = subject.open(folder, read_only=True)
        held, troubles = checks.read(store, subject.dim)
        store.close()
        if troubles or held != true.model | {NEW.number: (0, 0)}:
            return f"{len(held)} documents after it, {troubles}"
        return ""

    return _guarded(subject, look)


def _difference(store: Store, subject: Subject, true: Truth) -> str:
    held, troubles = checks.read(store, subject.dim)
    if troubles:
        return troubles[0][1]
    if held != true.model:
        return f"{len(held)} documents, not those {len(true.model)}"
    if store.count() != len(held):
        return f"count is {store.count()}, not {len(held)}"
    for exact in (False, True):
        for mode in MODES:
            for i, hits in enumerate(_ask(store, subject, mode, 10, exact)):
                allowed = 0 if exact or mode == "lexical" else 3
                if wrong := _wrong_hits(hits, true.scores[mode, i], allowed):
                    return f"{mode}, exact={exact}, question {i}: {wrong}"
    return ""


def _wrong_hits(hits: Hits, scores: dict[int, float], overlooked: int) -> str:
    """Every score is the true one and they fall; at most `overlooked` of the best are missing: a
    walk may overlook some, and one along a graph that was built anew others than before.
    """
    best = sorted(scores.values(), reverse=True)[:10]
    got = [score for _, score in hits]
    if len(hits) != len(best) or len(dict(hits)) != len(best):
        return f"{len(hits)} hits, not {len(best)}"
    for number, score in hits:
        if number not in scores or not abs(score - scores[number]) < 1e-4:
            return f"{number} has {score}, not {scores.get(number)}"
    if got != sorted(got, reverse=True):
        return f"the scores do not fall: {got}"
    if best and sum(score < best[-1] - 1e-4 for score in got) > overlooked:
        return f"the best scores are {best}, found were {got}"
    return ""
