"""How long a store takes to open after its process was killed, and to answer for the first time.

    python benches/store/reopen.py --texts FILE.jsonl --vectors FILE.npy
        [--documents 10000] [--stores ragcore,SQLite,...] [--rounds 5] [--keep FOLDER]

FILE.jsonl has a `text` a line and FILE.npy their float32 rows; beyond their number, documents are
mixed of two each. A process of its own adds them a thousand a call and is killed by SIGKILL when
the last call has returned. Then, in each round, the folder is copied, so that what one opening
mends is not there for the next, and brought to the disk; a fresh process opens it and asks one
question. Its files are in the system's memory, as they are after a process has died. Printed are
the medians and the greatest. With `--keep` what was built stays there, and is not built again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from adds import STORES

BATCH = 1000

OPEN = """
import sqlite3, sys, time
import numpy as np
kind, folder, dim = sys.argv[1], sys.argv[2], int(sys.argv[3])
row = np.load(f"{folder}/../question.npy")
text = "how do the tides of the sea follow the moon"
if kind == "ragcore":
    import ragcore
elif kind == "LanceDB":
    import lancedb
elif kind == "zvec":
    import zvec
elif kind == "Chroma":
    import chromadb
begun, used = time.perf_counter(), time.process_time()
if kind == "ragcore":
    store = ragcore.open(f"{folder}/store", dim=dim)
    count = len(store)
    opened = time.perf_counter()
    found = len(store.search(text, vector=row, k=10))
elif kind == "SQLite":
    store = sqlite3.connect(f"{folder}/store.db")
    (count,) = store.execute("SELECT COUNT(*) FROM d").fetchone()
    opened = time.perf_counter()
    words = " OR ".join(text.split())
    asked = "SELECT rowid FROM w WHERE w MATCH ? ORDER BY rank LIMIT 10"
    found = len(store.execute(asked, (words,)).fetchall())
elif kind == "LanceDB":
    store = lancedb.connect(folder).open_table("d")
    count = store.count_rows()
    opened = time.perf_counter()
    found = len(store.search(row).limit(10).to_list())
elif kind == "Chroma":
    store = chromadb.PersistentClient(folder).get_collection("documents")
    count = store.count()
    opened = time.perf_counter()
    found = len(store.query(query_embeddings=[row], n_results=10)["ids"][0])
else:
    store = zvec.open(f"{folder}/store")
    count = store.stats.doc_count
    opened = time.perf_counter()
    found = len(store.query(zvec.VectorQuery("vector", vector=row.tolist()), topk=10))
done = time.perf_counter()
used = time.process_time() - used
print((opened - begun) * 1e3, (done - begun) * 1e3, used * 1e3, count, found)
"""


def mixed(texts: list[str], rows: np.ndarray, ids: range) -> tuple[list[str], np.ndarray]:
    """Documents that are the given ones as far as these go, and mixtures of two of them beyond."""
    found, vectors = [], np.empty((len(ids), rows.shape[1]), np.float32)
    for i, n in enumerate(ids):
        one = n % len(texts)
        if n < len(texts):
            found.append(texts[one])
            vectors[i] = rows[one]
            continue
        rng = np.random.default_rng(n)
        other, share = int(rng.integers(len(texts))), rng.uniform(0.2, 0.8)
        first, second = texts[one].split(), texts[other].split()
        found.append(" ".join(first[: len(first) // 2] + second[len(second) // 2 :]))
        noise = 0.02 * rng.standard_normal(rows.shape[1])
        vectors[i] = share * rows[one] + (1 - share) * rows[other] + noise
    return found, vectors


def build(make: Any, folder: Path, asked: argparse.Namespace) -> None:
    """Fills a store in a child that is killed right after its last call."""
    child = os.fork()
    if child == 0:
        with asked.texts.open(encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
        rows = np.array(np.load(asked.vectors, mmap_mode="r"), np.float32)
        store = make(str(folder), rows.shape[1])
        for at in range(0, asked.documents, BATCH):
            ids = range(at, min(at + BATCH, asked.documents))
            store.add([f"doc-{n}" for n in ids], *mixed(texts, rows, ids))
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        sys.exit(f"{make.__doc__} could not be filled")


def measure(kind: str, folder: Path, dim: int) -> list[float]:
    with tempfile.TemporaryDirectory(dir=folder.parent.parent) as copy:
        shutil.copytree(folder, Path(copy) / "copy")
        shutil.copy(folder.parent / "question.npy", copy)
        os.sync()
        words = [sys.executable, "-c", OPEN, kind, f"{copy}/copy", str(dim)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--stores", default="ragcore,SQLite,LanceDB,zvec")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    rows = np.load(asked.vectors, mmap_mode="r")
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        root = asked.keep or Path(scratch) / "built"
        root.mkdir(parents=True, exist_ok=True)
        np.save(root / "question.npy", np.array(rows[-1], np.float32))
        print("| store | opening, ms | with the first answer, ms | processor, ms | documents |")
        print("|---|---|---|---|---|")
        for make in STORES:
            kind = make.__doc__.split(",")[0].split()[0]
            if kind not in asked.stores.split(","):
                continue
            folder = root / f"{kind}-{asked.documents}"
            if not folder.exists():
                folder.mkdir()
                build(make, folder, asked)
            found = np.array([measure(kind, folder, rows.shape[1]) for _ in range(asked.rounds)])
            cells = [f"{median(column):,.0f} (most {max(column):,.0f})" for column in found.T[:3]]
            print(f"| {make.__doc__} | {' | '.join(cells)} | {int(found[0, 3]):,} |", flush=True)


if __name__ == "__main__":
    main()
