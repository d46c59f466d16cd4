"""The example scripts run, and say what they should."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import ragcore as rag

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "python"


def run(script: str, *arguments: str, cwd: Path = ROOT, warnings: str = "error") -> str:
    command = [sys.executable, "-W", warnings, str(EXAMPLES / script), *arguments]
    places = os.pathsep.join([str(Path(rag.__file__).parents[1]), *sys.path])
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": places, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_script_has_a_test() -> None:
    tested = set(re.findall(r'run\(\s*"(\w+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_ten_lines() -> None:
    shown = run("ten_lines.py").splitlines()
    assert len(shown) == 2 and shown[0].split()[1] == "yeast"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = (EXAMPLES / "ten_lines.py").read_text(encoding="utf-8")
    for line in code.split("import ragcore as rag", 1)[1].splitlines():
        wanted = line.split("  #")[0].strip()
        assert wanted in readme, f"README.md lacks the line {wanted!r}"


def test_the_quickstart_reads_this_project(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    first = run("quickstart.py", "--store", store)
    for heading in ("Question: ", "The same, with the dial", "Three rounds", "Routing: "):
        assert heading in first
    hits = re.findall(r"^ +\d\. (\d\.\d{4}) .* (\S+:\d+)$", first, re.MULTILINE)
    assert len(hits) == 10
    scores = [float(score) for score, _ in hits]
    assert scores[:5] == sorted(scores[:5], reverse=True)
    assert "docs/store.md" in first.split("The same, with")[0]
    again = run("quickstart.py", "--store", store)
    assert "opened: " in again
    assert re.findall(r"^ +\d\. .*$", again, re.MULTILINE) == re.findall(
        r"^ +\d\. .*$", first, re.MULTILINE
    )


def test_the_quickstart_does_what_the_one_in_rust_does() -> None:
    rust = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "examples" / "rust" / "quickstart").glob("*.rs"))
    )
    python = (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")
    for there, here in (
        (r"STRENGTH: f64 = ([\d.]+);", r"STRENGTH = ([\d.]+)"),
        (r"PASSAGE_TOKENS: usize = (\d+);", r"max_tokens=(\d+)"),
        (r'QUESTION: &str = "([^"]+)";', r'default="([^"]+\?)"'),
        (r"PROBES: usize = (\d+);", r"probes\((\d+), seed=23\)"),
    ):
        assert re.findall(there, rust) == re.findall(here, python), there


def test_the_quickstart_reads_other_folders(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("The boiler 🙂 is serviced in May.\n", "utf-8")
    (tmp_path / "notes" / ".hidden.txt").write_text("nothing")
    shown = run("quickstart.py", "notes", "--ask", "when is the boiler serviced?", cwd=tmp_path)
    assert "notes/a.txt:1" in shown.replace("\\", "/") and ".hidden" not in shown


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_a_corpus_is_embedded_by_a_cluster(tmp_path: Path) -> None:
    texts = ["Yeast makes dough rise.", "The moon makes the tides.", "Rates rose again."]
    rows = (json.dumps({"_id": str(i), "text": text}) for i, text in enumerate(texts))
    (tmp_path / "corpus.jsonl").write_text("\n".join(rows), encoding="utf-8")
    asked = ["--shards", "2", "--workers", "1", "--ask", "why does dough rise?"]
    asked = [str(tmp_path / "corpus.jsonl"), "--store", str(tmp_path / "store"), *asked]
    first = run("ray_corpus.py", *asked, warnings="ignore").splitlines()
    assert first[0].startswith("3 documents were new")
    assert first[1].endswith("(2 of 2 shards)") and first[2].split()[1] == "0"
    again = run("ray_corpus.py", *asked, warnings="ignore")
    assert again.startswith("0 documents were new") and "3 in 2 shards" in again


@pytest.mark.parametrize("script", ["quickstart.py", "ten_lines.py"])
def test_scripts_read_like_notebooks_or_pages(script: str) -> None:
    lines = (EXAMPLES / script).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200 and max(map(len, lines)) <= 100
