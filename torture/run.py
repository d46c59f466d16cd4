"""The torture run: what a store promises, tried on ragcore and, as control, on SQLite.

    python torture/run.py [ORDEAL ...] [--quick] [--subject ours|sqlite] ...

Exits with 1 if ragcore broke a promise. See README.md for the ordeals and their rules.
"""

from __future__ import annotations

import os

# Threads of a numerical library would be lost in every fork.
os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")

import argparse
import json
import platform
import shutil
import signal
import sqlite3
import sys
import tempfile
from dataclasses import asdict
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from ours import Ours
from sqlite import Sqlite
from table import Plan, Score, markdown, remarks, table, together

SUBJECTS = {"ours": Ours, "sqlite": Sqlite}
ORDEALS = [
    "kill",
    "follow",
    "corrupt",
    "flip",
    "churn",
    "fork",
    "threads",
    "lock",
    "full",
    "syncs",
]
#: Only when asked for by name.
LONG = ["reopen"]


def main() -> int:
    asked = _arguments()
    if asked.of:
        scores = together(Path(name) for name in asked.of)
        _tell(asked, scores)
        return 1 if _broken(scores) else 0
    if not hasattr(os, "fork"):
        print("the torture run needs fork and kill; there is none here")
        return 2
    # What was made is removed also when the run is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="torture-", dir=asked.folder))
    scores: list[Score] = []
    try:
        with tempfile.TemporaryDirectory(prefix="torture-", dir=_memory(folder)) as fast:
            plan = Plan(folder, Path(fast), asked.seed, asked.quick, asked.cycles, asked.first)
            plan.documents, plan.limit_s = asked.documents, asked.limit
            for name in asked.ordeals or ORDEALS:
                for key in asked.subject or SUBJECTS:
                    _one(name, key, plan, scores)
                    if asked.json:
                        rows = [asdict(s) | {"violations": s.violations} for s in scores]
                        Path(asked.json).write_text(json.dumps(rows, indent=1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _tell(asked, scores)
    return 1 if _broken(scores) else 0


def _broken(scores: list[Score]) -> int:
    return sum(score.violations for score in scores if score.subject == Ours.name)


def _tell(asked: argparse.Namespace, scores: list[Score]) -> None:
    print("\n" + table(scores))
    if asked.markdown:
        Path(asked.markdown).write_text(f"{_heading(asked)}\n{markdown(scores)}")
    print(f"{_broken(scores)} violations of {Ours.name}")


def _one(name: str, key: str, plan: Plan, scores: list[Score]) -> None:
    for score in import_module(f"ordeals.{name}").run(SUBJECTS[key](), plan):
        # The folder has another name in every run.
        score.problems = [told.replace(str(plan.folder), "FOLDER") for told in score.problems]
        scores.append(score)
        found = score.skipped or f"{score.cycles:,} cycles, {score.violations} violations"
        print(f"{score.ordeal}, {score.subject}: {found}, {score.seconds:.1f} s", flush=True)
        for line in remarks(score):
            print(f"    {line}", flush=True)


def _heading(asked: argparse.Namespace) -> str:
    system = platform.uname()
    kernel = system.release.split("-")[0]
    return f"""# What the torture run found
{date.today()}: ragcore {version("ragcore")}, SQLite {sqlite3.sqlite_version}, Python \
{platform.python_version()}, {system.system} {kernel} on {os.cpu_count()} processors \
({system.machine}), seed {asked.seed}. [README.md](README.md) tells what is done and what counts.
"""


def _memory(folder: Path) -> Path:
    """Where files are in memory; corruptions need no disk and are many."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("ordeals", nargs="*", metavar="ORDEAL", help=", ".join(ORDEALS + LONG))
    parser.add_argument("--quick", action="store_true", help="a small part of each")
    parser.add_argument("--subject", action="append", choices=SUBJECTS, help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cycles", type=int, help="how many, instead of the usual number")
    parser.add_argument("--first", type=int, default=0, help="the number of the first cycle")
    parser.add_argument("--documents", type=int, default=10_000, help="for reopen")
    parser.add_argument("--limit", type=float, default=7200.0, help="seconds for one ordeal")
    parser.add_argument("--folder", help="where to work; a folder in it is made and removed")
    parser.add_argument("--markdown", metavar="FILE", help="the table goes here too")
    parser.add_argument("--json", metavar="FILE", help="every figure")
    told = "run nothing; one table of what --json kept of earlier runs"
    parser.add_argument("--of", nargs="+", metavar="FILE", help=told)
    asked = parser.parse_args()
    for name in asked.ordeals:
        if name not in ORDEALS + LONG:
            parser.error(f"there is no ordeal {name!r}; they are {', '.join(ORDEALS + LONG)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
