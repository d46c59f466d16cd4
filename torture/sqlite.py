"""SQLite as control: a write-ahead log, rows with their vectors as blobs, FTS5 for the words.

It has no search by vector; all rows are read and multiplied. `"sync"` is `synchronous=FULL`,
`"os"` is `synchronous=OFF`; `"memory"` it does not offer.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy as np

from documents import Doc, Rows, ids
from subject import Damaged, Found, Hits, Store, Subject

SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS docs(number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL,
    version INTEGER NOT NULL, batch INTEGER NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text);
COMMIT;
"""


class SqliteStore(Store):
    def __init__(self, inner: sqlite3.Connection, dim: int, read_only: bool = False) -> None:
        self.inner, self.dim, self.read_only = inner, dim, read_only

    def add(self, rows: Rows) -> None:
        self._change([], rows)

    def upsert(self, rows: Rows) -> None:
        self._change([doc.number for doc in rows.docs], rows)

    def delete(self, numbers: list[int]) -> int:
        return self._change(numbers, None)

    def _change(self, gone: list[int], new: Rows | None) -> int:
        self.inner.execute("BEGIN IMMEDIATE")
        try:
            removed = 0
            for number in gone:
                done = self.inner.execute("DELETE FROM docs WHERE number = ?", (number,))
                removed += done.rowcount
                if done.rowcount:
                    self.inner.execute("DELETE FROM words WHERE rowid = ?", (number,))
            for doc, id, text, row in zip(*new, strict=True) if new else ():
                values = (doc.number, id, doc.version, doc.batch, text, row.tobytes())
                self.inner.execute("INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?)", values)
                words = "INSERT INTO words(rowid, text) VALUES (?, ?)"
                self.inner.execute(words, (doc.number, text))
            self.inner.execute("COMMIT")
            return removed
        except BaseException:
            if self.inner.in_transaction:
                self.inner.execute("ROLLBACK")
            raise

    def numbers(self) -> list[int]:
        return [_integer(row[0]) for row in self.inner.execute("SELECT number FROM docs")]

    def get(self, numbers: list[int]) -> list[Found | None]:
        ask = "SELECT number, version, batch, text, vector FROM docs WHERE id = ?"
        self.inner.execute("BEGIN")
        try:
            rows = [self.inner.execute(ask, (id,)).fetchone() for id in ids(numbers)]
        finally:
            self.inner.execute("COMMIT")
        return [None if row is None else self._found(row) for row in rows]

    def _found(self, row: tuple[object, ...]) -> Found:
        *numbers, text, blob = row
        if not isinstance(text, str):
            raise Damaged(f"a text that is none: {text!r}")
        return Found(Doc(*map(_integer, numbers)), text, self._vector(blob))

    def _vector(self, blob: object) -> np.ndarray:
        if not isinstance(blob, bytes) or len(blob) != 4 * self.dim:
            raise Damaged("a vector of the wrong length")
        return np.frombuffer(blob, np.float32)

    def count(self, batch: int | None = None) -> int:
        if batch is None:
            return self.inner.execute("SELECT count(*) FROM docs").fetchone()[0]
        ask = "SELECT count(*) FROM docs WHERE batch = ?"
        return self.inner.execute(ask, (batch,)).fetchone()[0]

    def find(
        self, mode: str, texts: list[str], vectors: np.ndarray, k: int, exact: bool = False
    ) -> list[Hits]:
        if mode == "lexical":
            return [self._lexical(text, k) for text in texts]
        read = self.inner.execute("SELECT number, vector FROM docs").fetchall()
        if not read:
            return [[] for _ in vectors]
        numbers = [_integer(number) for number, _ in read]
        grid = np.stack([self._vector(blob) for _, blob in read])
        found = []
        for i, row in enumerate(vectors):
            scores = dict(zip(numbers, (grid @ row).tolist(), strict=True))
            if mode == "hybrid":
                scores = {number: 0.75 * score for number, score in scores.items()}
                for number, score in self._lexical(texts[i], len(read)):
                    scores[number] = scores.get(number, 0) + 0.25 * score
            found.append(sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))[:k])
        return found

    def _lexical(self, text: str, k: int) -> Hits:
        match = " OR ".join(f'"{word}"' for word in text.split())
        ask = "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ? ORDER BY 2 DESC, 1 LIMIT ?"
        return list(self.inner.execute(ask, (match, k)))

    def problems(self) -> list[str]:
        found = [row[0] for row in self.inner.execute("PRAGMA integrity_check")]
        if not self.read_only:
            self.inner.execute("INSERT INTO words(words) VALUES ('integrity-check')")
        return [problem for problem in found if problem != "ok"]

    def checkpoint(self) -> None:
        self.inner.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def compact(self) -> None:
        self.inner.execute("VACUUM")
        self.checkpoint()

    def backup(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        other = sqlite3.connect(folder / "store.db")
        try:
            self.inner.backup(other)
        finally:
            other.close()

    def close(self) -> None:
        self.inner.close()


class Sqlite(Subject):
    name = "SQLite"
    durabilities = ("sync", "os")
    names_holder = False
    shares_handle = False

    def open(self, folder: Path, durability: str = "sync", read_only: bool = False) -> Store:
        inner = self._connect(folder, durability, read_only, 60)
        return SqliteStore(inner, self.dim, read_only)

    def open_alone(self, folder: Path) -> Store:
        inner = self._connect(folder, "sync", False, 0.05, exclusive=True)
        return SqliteStore(inner, self.dim)

    def _connect(
        self, folder: Path, durability: str, read_only: bool, wait: float, exclusive: bool = False
    ) -> sqlite3.Connection:
        if not read_only:
            os.makedirs(folder, exist_ok=True)
        at = f"file:{folder}/store.db?mode={'ro' if read_only else 'rwc'}"
        inner = sqlite3.connect(
            at, uri=True, timeout=wait, isolation_level=None, check_same_thread=False
        )
        try:
            if not read_only:
                if exclusive:
                    inner.execute("PRAGMA locking_mode=EXCLUSIVE")
                inner.execute("PRAGMA journal_mode=WAL")
                inner.execute(f"PRAGMA synchronous={'FULL' if durability == 'sync' else 'OFF'}")
                made = "SELECT count(*) FROM sqlite_master WHERE name IN ('docs', 'words')"
                if exclusive or inner.execute(made).fetchone() != (2,):
                    inner.executescript(SCHEMA)
            return inner
        except BaseException:
            inner.close()
            raise

    def is_clean(self, error: BaseException) -> bool:
        # Messages that quote damaged bytes cannot always be decoded.
        return isinstance(error, sqlite3.Error | Damaged | UnicodeDecodeError)

    def is_forked(self, error: BaseException) -> bool:
        return False

    def is_locked(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)

    def holder(self, error: BaseException) -> int | None:
        return None


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise Damaged(f"a number that is none: {value!r}")
    return value
