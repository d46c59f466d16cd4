"""A full disk: a small one in memory where one can be mounted, and a limit on the size of files.

The store is filled until it refuses. The error is a clean one, the refused batch is absent, all
that was acknowledged is there, searching goes on, and documents can still be deleted. Upkeep may
be refused, but leaves nothing broken behind. Once there is room, writing works again, and all is
there after opening again, whether the store was closed or its process ended. Where only the size
of a file is limited, deletions may be refused too: there a log has nowhere to go.
"""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import checks
from children import call, describe
from documents import Doc, Model, rows
from subject import Store, Subject
from table import Plan, Score

FULL, QUICK = 100, 8
SMALLEST, LARGEST, LARGEST_QUICK = 200_000, 8_000_000, 800_000
#: Documents that are deleted one by one on the full disk; their records fill more than a page.
DELETED = 150
NEW_USERS, NEW_MOUNTS = 0x10000000, 0x00020000
RECURSIVE, PRIVATE = 0x4000, 1 << 18

Troubles = list[checks.Trouble]


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("full disk", subject.name)
    path = plan.folder / "full"
    mounts = call(lambda: _mount(path, 1 << 20), 30).value is True
    if not mounts:
        score.notes.append("no file system can be mounted here: limits on the size of files only")
    seen: Counter[str] = Counter()
    for cycle in plan.each(score, FULL, QUICK):
        rng = random.Random(f"{plan.seed}/full/{cycle}")
        largest = LARGEST_QUICK if plan.quick else LARGEST
        size = int(SMALLEST * (largest / SMALLEST) ** rng.random())
        mounted = mounts and cycle % 2 == 0
        ordeal = _Full(subject, path, size, mounted, rng)
        outcome = call(ordeal.run, 120)
        troubles = [outcome.trouble] if outcome.trouble else outcome.value[0]
        seen.update(outcome.value[1] if outcome.value else [])
        what = "disk" if mounted else "limit"
        for column, text in troubles:
            score.problem(column, f"seed {plan.seed} cycle {cycle}, {what} of {size:,}: {text}")
        shutil.rmtree(path, ignore_errors=True)
    score.notes.append(", ".join(f"{told} {n:,}" for told, n in sorted(seen.items())))
    yield score.done()


def _mount(path: Path, size: int) -> bool:
    """A file system of this process and its children alone; it goes away with them."""
    path.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or not hasattr(libc, "mount"):
        return False
    spaces = NEW_MOUNTS if os.geteuid() == 0 else NEW_USERS | NEW_MOUNTS
    if libc.unshare(spaces) or libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None):
        return False
    options = f"size={size}".encode()
    return not libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, options)


class _Full:
    """One filling, in a child of its own."""

    def __init__(
        self, subject: Subject, path: Path, size: int, mounted: bool, rng: random.Random
    ) -> None:
        self.subject, self.path, self.size, self.mounted, self.rng = (
            subject,
            path,
            size,
            mounted,
            rng,
        )
        self.model: Model = {}
        self.troubles: Troubles = []
        self.seen: list[str] = []

    def run(self) -> tuple[Troubles, list[str]]:
        if self.mounted and not _mount(self.path, self.size):
            raise OSError("the file system could not be mounted")
        self.path.mkdir(parents=True, exist_ok=True)
        ended = call(self._fill, 60)
        if ended.trouble:
            return [ended.trouble], []
        self.model, self.troubles, self.seen = ended.value
        if self.troubles or "too small to open" in self.seen:
            return self.troubles, self.seen
        try:
            store = self.subject.open(self.path / "store")
        except Exception as error:
            return [("unopened", describe(error))], self.seen
        self._judge(store, "after opening again")
        store.close()
        return self.troubles, self.seen

    def _fill(self) -> tuple[Model, Troubles, list[str]]:
        if self.mounted:
            (self.path / "ballast").write_bytes(bytes(self.size // 4))
        else:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, hard))
        done = (self.model, self.troubles, self.seen)
        try:
            store = self.subject.open(self.path / "store")
        except Exception as error:
            self._clean(error, "opening")
            self.seen.append("too small to open")
            return done
        self._write_until_refused(store)
        if self.mounted:
            self._fill_the_rest()
        self._judge(store, "on the full disk")
        self._delete(store)
        self._upkeep(store)
        self._judge(store, "after upkeep on the full disk")
        again = self._open_again(store)
        if self.mounted:
            for name in ("ballast", "rest"):
                (self.path / name).unlink()
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        try:
            store = again or self.subject.open(self.path / "store")
        except Exception as error:
            self.troubles.append(("unopened", f"there is room again, but: {describe(error)}"))
            return done
        docs = [Doc(900_000 + i, 0, 3) for i in range(50)]
        try:
            store.add(rows(docs, self.subject.dim))
            self.model.update({doc.number: (0, 3) for doc in docs})
        except Exception as error:
            self.troubles.append(("other", f"there is room again, but: {describe(error)}"))
        self._judge(store, "with room again")
        if self.rng.random() < 0.5:
            store.close()
        return done

    def _write_until_refused(self, store: Store) -> None:
        """Ever smaller batches, until a single document is refused twice."""
        fresh, most, refused = 0, 200, 0
        while refused < 2:
            docs = [Doc(fresh + i, 0, 1) for i in range(self.rng.randrange(1, most + 1))]
            fresh += len(docs)
            try:
                store.add(rows(docs, self.subject.dim))
                self.model.update({doc.number: (0, 1) for doc in docs})
            except Exception as error:
                self._clean(error, "add")
                refused += most == 1
                most = max(1, most // 5)

    def _fill_the_rest(self) -> None:
        """Somebody else takes what is left."""
        with open(self.path / "rest", "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def _delete(self, store: Store) -> None:
        gone = self.rng.sample(sorted(self.model), min(DELETED, len(self.model) // 2))
        for i, number in enumerate(gone):
            try:
                store.delete([number])
            except Exception as error:
                self._clean(error, "delete")
                self.seen.append("delete refused")
                if self.mounted:
                    told = f"delete {i + 1} was refused: {describe(error)}"
                    self.troubles.append(("other", told))
                break
            del self.model[number]
        self._judge(store, "after deleting on the full disk")

    def _upkeep(self, store: Store) -> None:
        for verb in ("checkpoint", "compact"):
            try:
                getattr(store, verb)()
                self.seen.append(f"{verb} done")
            except Exception as error:
                self._clean(error, verb)
                self.seen.append(f"{verb} refused")
        copy = self.path / "copy"
        try:
            store.backup(copy)
            self.seen.append("backup done")
        except Exception as error:
            self._clean(error, "backup")
            self.seen.append("backup refused")
            self._half(copy)
        shutil.rmtree(copy, ignore_errors=True)

    def _open_again(self, store: Store) -> Store | None:
        """A reader must open it on the full disk; a writer may have to wait for room."""
        opened = None
        try:
            store.close()
            opened = self.subject.open(self.path / "store")
            self.seen.append("opened for writing when full")
        except Exception as error:
            self._clean(error, "opening when full")
            self.seen.append("not opened for writing when full")
        try:
            reader = self.subject.open(self.path / "store", read_only=True)
            self._judge(reader, "read on the full disk")
            reader.close()
        except Exception as error:
            self.troubles.append(("unopened", f"for reading when full: {describe(error)}"))
        return opened

    def _half(self, copy: Path) -> None:
        """A backup that was refused is not opened as something else than the store."""
        try:
            store = self.subject.open(copy, read_only=True)
            held, _ = checks.read(store, self.subject.dim)
            store.close()
        except Exception as error:
            self._clean(error, "opening a refused backup")
            return
        if held != self.model:
            told = f"a refused backup opens with {len(held)} of {len(self.model)} documents"
            self.troubles.append(("silent", told))

    def _clean(self, error: Exception, what: str) -> None:
        if not self.subject.is_clean(error):
            self.troubles.append(("crashes", f"{what}: no error for a caller: {describe(error)}"))

    def _judge(self, store: Store, when: str) -> None:
        try:
            _, _, troubles = checks.judge(store, self.subject.dim, [self.model], self.rng)
        except Exception as error:
            troubles = [("other", describe(error))]
        self.troubles += [(column, f"{when}: {text}") for column, text in troubles]
