"""A short torture run: the store's promises are kept; `cargo xtask torture` has the long one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "torture" / "run.py"
#: Ordeals and how many cycles of each; together well below a minute.
ORDEALS = {
    "kill": 8,
    "follow": 4,
    "corrupt": 120,
    "flip": 3000,
    "churn": 5000,
    "fork": 10,
    "threads": 2,
    "lock": 10,
    "full": 4,
    "syncs": 40,
    "reopen": 1,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the torture run needs fork and kill")
@pytest.mark.parametrize("ordeal", ORDEALS)
def test_a_short_torture_breaks_no_promise(ordeal: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--quick", "--subject", "ours", "--cycles", str(ORDEALS[ordeal])]
    options += ["--documents", "2500", "--folder", str(tmp_path), "--json", str(report)]
    command = [sys.executable, str(RUN), ordeal, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert report.exists(), done.stdout + done.stderr
    scores = json.loads(report.read_text())
    assert scores and all(score["violations"] == 0 for score in scores), done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.listdir(tmp_path) == [report.name], "something was left behind"
    if skipped := [score["skipped"] for score in scores if score["skipped"]]:
        pytest.skip(skipped[0])
    assert all(score["cycles"] for score in scores), done.stdout


LIAR = """
import sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ordeals import corrupt, kill
from ours import Ours
from sqlite import Sqlite
from table import Plan

class Liar(Ours):
    durabilities = ("sync",)
    def open(self, folder, durability="sync", read_only=False):
        return super().open(folder, "memory", read_only)

plan = Plan(Path(sys.argv[2]), Path(sys.argv[2]), quick=True, cycles=10)
print(sum(score.found["lost"] for score in kill.run(Liar(), plan)))
plan.cycles = 60
print(sum(score.found["silent"] for score in corrupt.run(Sqlite(), plan)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the torture run needs fork and kill")
def test_a_store_that_breaks_promises_is_found_out(tmp_path: Path) -> None:
    """One that acknowledges what it only has in memory, and one that has no checksums."""
    command = [sys.executable, "-c", LIAR, str(RUN.parent), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lost, silent = map(int, done.stdout.split())
    assert lost > 0 and silent > 0, done.stdout
