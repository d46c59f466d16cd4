"""Syncs, as the kernel sees them: strace around a process that adds documents one by one.

With one thread at the durability "sync" a call that returns has synced; with eight threads a sync
may be shared, but one that began after a call began has ended before that call returns. At "os"
no call syncs, only upkeep does now and then. What only begins to write (sync_file_range) is none.
A cycle is one call. Needs strace (`apt-get install strace`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from subject import Subject
from table import Plan, Score

FULL, QUICK = 2000, 100
#: Durability and threads of each process.
RUNS = (("sync", 1), ("sync", 8), ("os", 1), ("os", 8))
#: Calls for each sync that upkeep may make where none is asked for.
UPKEEP = 100
CALLS = "getppid,fdatasync,fsync,msync,sync,syncfs"
LINE = re.compile(
    r"(?P<pid>\d+) +(?:<\.\.\. (?P<ended>\w+) resumed>.*|(?P<name>\w+)\((?P<rest>.*))$"
)


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    for durability, threads in RUNS:
        score = Score(f"syncs, {durability}, threads {threads}", subject.name)
        if shutil.which("strace") is None:
            score.skipped = "no strace here"
        else:
            _run(subject, plan, durability, threads, score)
        yield score.done()


def _run(subject: Subject, plan: Plan, durability: str, threads: int, score: Score) -> None:
    store, trace = plan.folder / "syncs", plan.folder / "trace"
    adds = max(plan.count(FULL, QUICK) // threads, 1)
    script = Path(__file__).parents[1] / "traced.py"
    work = [sys.executable, str(script), subject.name, durability, str(threads), str(adds)]
    command = ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(trace), *work, str(store)]
    limit = min(plan.limit_s, 60 + 0.2 * threads * adds)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        score.problem("hangs", f"no end after {limit:.0f} s")
        return
    finally:
        shutil.rmtree(store, ignore_errors=True)
    if "ptrace" in done.stderr:
        score.skipped = "strace is not allowed to trace here"
        return
    if done.returncode:
        score.problem("other", f"ended with {done.returncode}: {done.stderr[-300:]}")
        return
    _count(trace, durability, threads * adds, score)
    trace.unlink()


def _count(trace: Path, durability: str, wanted: int, score: Score) -> None:
    #: Of each thread the line on which its call began, and of those in a sync where that began.
    calls: dict[str, int] = {}
    started: dict[str, int] = {}
    #: The beginning of the latest sync that has ended.
    latest, syncs, bare = -1, 0, 0
    with trace.open() as lines:
        for at, line in enumerate(lines):
            match = LINE.match(line.rstrip())
            if match is None:
                continue
            pid, name = match["pid"], match["ended"] or match["name"]
            if name == "getppid":
                if match["ended"] or "unfinished" not in line:
                    began = calls.pop(pid, None)
                    if began is None:
                        calls[pid] = at
                        continue
                    score.cycles += 1
                    bare += durability == "sync" and latest <= began
                continue
            began = started.pop(pid, at) if match["ended"] else at
            if "unfinished" in line:
                started[pid] = at
            elif line.rstrip().endswith("= 0"):
                latest = max(latest, began)
                syncs += bool(calls)
            else:
                score.problem("other", f"a sync failed: {line.strip()}")
    if score.cycles != wanted:
        score.problem("lost", f"{score.cycles} calls were seen, not {wanted}")
    if bare:
        score.problem("lost", f"{bare} of {wanted} calls returned without a sync of their own time")
    # Upkeep syncs what it writes beside.
    if durability == "os" and syncs * UPKEEP > wanted:
        score.problem("other", f"{syncs} syncs, though none was asked for")
    score.notes.append(f"{syncs:,} syncs during {wanted:,} calls, {syncs / wanted:.2f} a call")
