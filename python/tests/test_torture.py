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
