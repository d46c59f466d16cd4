"""Adds documents with a mark before and after each call; `ordeals/syncs.py` runs it under strace.

    python torture/traced.py SUBJECT DURABILITY THREADS ADDS FOLDER

The mark is the system call getppid, which nothing else here makes.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from documents import Doc, rows
from ours import Ours
from sqlite import Sqlite
from subject import Subject


def main(name: str, durability: str, threads: int, adds: int, folder: Path) -> None:
    subject: Subject = Ours() if name == Ours.name else Sqlite()
    first = subject.open(folder, durability)

    def work(index: int) -> None:
        store = first if subject.shares_handle else subject.open(folder, durability)
        for i in range(adds):
            made = rows([Doc(index << 32 | i, 0, 0)], subject.dim)
            os.getppid()
            store.add(made)
            os.getppid()
        if store is not first:
            store.close()

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    first.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
