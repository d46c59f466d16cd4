"""Documents a second that are on disk when the call returns, beside other embedded stores.

    python benches/store/adds.py --texts FILE.jsonl --vectors FILE.npy [--seconds 2] [--rounds 3]

FILE.jsonl has a `text` a line and FILE.npy their float32 rows. Each store takes documents with an
id, a text that can be searched by words, a vector and a number: one a call, a thousand a call, and
one a call by eight threads. A turn lasts about `--seconds` of wall time; in a round each store has
one turn of each kind, in shuffled order, in a fresh folder. Durability is what a store offers:

- ragcore: `durability="sync"`, one fdatasync or more before a call returns;
- SQLite: WAL, `synchronous=FULL`, an FTS5 table beside the rows, one transaction a call;
- LanceDB: writes files and renames them, without a sync; its index of words is made later;
- zvec: no sync that can be asked for;
- Chroma: its own files over SQLite; no durability that can be asked for.

Every row is counted after opening again.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

BATCH = 1000
THREADS = 8


class Ragcore:
    """ragcore"""

    threads = True

    def __init__(self, folder: str, dim: int) -> None:
        import ragcore

        self.open = lambda: ragcore.open(f"{folder}/store", dim=dim)
        self.store = self.open()

    def add(self, ids: list[str], texts: list[str], rows: np.ndarray) -> None:
        self.store.add(ids, texts, vectors=rows, metadata=[{"n": 1}] * len(ids))

    def count(self) -> int:
        self.store.close()
        with self.open() as store:
            return len(store)


class Sqlite:
    """SQLite with FTS5"""

    threads = True

    def __init__(self, folder: str, dim: int) -> None:
        self.path, self.own = f"{folder}/store.db", threading.local()
        self.connection().executescript(
            "CREATE TABLE d (id TEXT PRIMARY KEY, text TEXT, vector BLOB, n INTEGER);"
            "CREATE VIRTUAL TABLE w USING fts5(text, content='d', tokenize='porter');"
        )

    def connection(self) -> sqlite3.Connection:
        if not hasattr(self.own, "connection"):
            self.own.connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            self.own.connection.execute("PRAGMA journal_mode=WAL")
            self.own.connection.execute("PRAGMA synchronous=FULL")
        return self.own.connection

    def add(self, ids: list[str], texts: list[str], rows: np.ndarray) -> None:
        on = self.connection()
        on.execute("BEGIN IMMEDIATE")
        for name, text, row in zip(ids, texts, rows, strict=True):
            done = on.execute("INSERT INTO d VALUES (?, ?, ?, 1)", (name, text, row.tobytes()))
            on.execute("INSERT INTO w (rowid, text) VALUES (?, ?)", (done.lastrowid, text))
        on.execute("COMMIT")

    def count(self) -> int:
        return sqlite3.connect(self.path).execute("SELECT COUNT(*) FROM d").fetchone()[0]


class Lance:
    """LanceDB, no sync"""

    threads = False

    def __init__(self, folder: str, dim: int) -> None:
        import lancedb
        import pyarrow as pa

        self.arrow, self.folder = pa, folder
        vector = pa.list_(pa.float32(), dim)
        fields = [("id", pa.string()), ("text", pa.string()), ("vector", vector), ("n", pa.int64())]
        self.schema = pa.schema(fields)
        self.table = lancedb.connect(folder).create_table("d", schema=self.schema)

    def add(self, ids: list[str], texts: list[str], rows: np.ndarray) -> None:
        pa = self.arrow
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        columns = [pa.array(ids), pa.array(texts), vectors, pa.array([1] * len(ids))]
        self.table.add(pa.Table.from_arrays(columns, schema=self.schema))

    def count(self) -> int:
        import lancedb

        return lancedb.connect(self.folder).open_table("d").count_rows()


class Zvec:
    """zvec, no sync"""

    threads = False

    def __init__(self, folder: str, dim: int) -> None:
        import zvec

        self.zvec, self.path = zvec, f"{folder}/store"
        words = zvec.FtsIndexParam(filters=["lowercase", "stemmer"])
        graph = zvec.HnswIndexParam(zvec.MetricType.IP, 32, 128)
        schema = zvec.CollectionSchema(
            "d",
            zvec.FieldSchema("text", zvec.DataType.STRING, index_param=words),
            zvec.VectorSchema("vector", zvec.DataType.VECTOR_FP32, dim, graph),
        )
        self.index = zvec.create_and_open(self.path, schema)

    def add(self, ids: list[str], texts: list[str], rows: np.ndarray) -> None:
        zvec = self.zvec
        whole = zip(ids, texts, rows, strict=True)
        docs = [
            zvec.Doc(name, vectors={"vector": row.tolist()}, fields={"text": text})
            for name, text, row in whole
        ]
        for at in range(0, len(docs), 500):
            self.index.insert(docs[at : at + 500])

    def count(self) -> int:
        self.index.flush()
        return int(self.index.stats.doc_count)


class Chroma:
    """Chroma"""

    threads = True

    def __init__(self, folder: str, dim: int) -> None:
        import chromadb

        self.folder = folder
        client = chromadb.PersistentClient(folder)
        self.store = client.create_collection("documents", embedding_function=None)

    def add(self, ids: list[str], texts: list[str], rows: np.ndarray) -> None:
        numbers: Any = [{"n": 1}] * len(ids)
        self.store.add(ids, embeddings=rows, metadatas=numbers, documents=texts)

    def count(self) -> int:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient

        SharedSystemClient.clear_system_cache()
        return chromadb.PersistentClient(self.folder).get_collection("documents").count()


STORES: list[Any] = [Ragcore, Sqlite, Chroma, Lance, Zvec]


def turn(make: Any, documents: Any, seconds: float, batch: int, threads: int) -> tuple[float, int]:
    """Documents a second, and how many are missing when all is opened again."""
    texts, rows = documents
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = make(folder, rows.shape[1])
        begun, added = time.perf_counter(), [0] * threads

        def work(number: int) -> None:
            at = 0
            while time.perf_counter() - begun < seconds:
                ids = [f"{number}-{at + i}" for i in range(batch)]
                picked = [(number * 977 + at + i) % len(texts) for i in range(batch)]
                store.add(ids, [texts[i] for i in picked], rows[picked])
                at += batch
                added[number] = at

        each = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for thread in each:
            thread.start()
        for thread in each:
            thread.join()
        took = time.perf_counter() - begun
        return sum(added) / took, sum(added) - store.count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stores", help="only those whose names begin so, with commas between")
    asked = parser.parse_args()
    begin = tuple((asked.stores or "").split(","))
    stores = [make for make in STORES if make.__doc__.startswith(begin)]
    with asked.texts.open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    rows = np.load(asked.vectors, mmap_mode="r")
    documents = texts, np.array(rows, np.float32)
    kinds = {"one a call": (1, 1), f"{BATCH} a call": (BATCH, 1), "8 threads": (1, THREADS)}
    rates: dict[tuple[str, str], list[float]] = {}
    missing: dict[str, int] = {}
    turns: list[tuple[Any, str]] = [
        (make, kind) for make in stores for kind in kinds if make.threads or kind != "8 threads"
    ]
    rng = random.Random(3)
    run: Callable[..., tuple[float, int]] = turn
    for _ in range(asked.rounds):
        rng.shuffle(turns)
        for make, kind in turns:
            rate, lost = run(make, documents, asked.seconds, *kinds[kind])
            rates.setdefault((make.__doc__, kind), []).append(rate)
            missing[make.__doc__] = missing.get(make.__doc__, 0) + lost
    print(f"| documents a second | {' | '.join(kinds)} | missing |")
    print("|---" * (len(kinds) + 2) + "|")
    for make in stores:
        name = make.__doc__
        found = [rates.get((name, kind)) for kind in kinds]
        cells = [f"{median(rate):,.0f}" if rate else "-" for rate in found]
        print(f"| {name} | {' | '.join(cells)} | {missing[name]} |")


if __name__ == "__main__":
    main()
