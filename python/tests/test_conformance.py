"""The cases that Rust, C and Python share: the same files, nothing overridden.

A file whose operation has no runner here fails.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from operations import RUNNERS

FOLDER = Path(__file__).resolve().parents[2] / "conformance"
FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
}
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}")
    for name, file in FILES.items()
    for case in file.get("cases", [])
]


def test_every_operation_has_a_runner_and_every_runner_cases() -> None:
    operations = {name for name, file in FILES.items() if "cases" in file}
    assert operations == set(RUNNERS)
    for name in operations:
        assert FILES[name]["operation"] == name


@pytest.mark.parametrize(("operation", "case"), CASES)
def test_case(operation: str, case: dict[str, Any]) -> None:
    def run() -> dict[str, Any]:
        return RUNNERS[operation](case["inputs"], case["options"], case.get("seed", 0))

    if "error" in case:
        with pytest.raises(rag.Error) as caught:
            run()
        assert caught.value.kind == case["error"], str(caught.value)
        return
    got = run()
    for name, want in case["want"].items():
        assert name in got, f"the runner does not answer {name}"
        compare(got[name], want, case.get("tolerance", 0.0), name)


def compare(got: Any, want: Any, tolerance: float, place: str, single: bool = False) -> None:
    """Numbers by tolerance, everything else exactly. What comes as float32 is expected as such."""
    if isinstance(got, np.ndarray):
        single, got = got.dtype == np.float32, got.tolist()
    if isinstance(want, list):
        assert len(got) == len(want), f"{place}: {len(got)} entries, expected {len(want)}"
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            compare(a, b, tolerance, f"{place}[{i}]", single)
    elif isinstance(want, dict):
        assert set(got) == set(want), place
        for name in want:
            compare(got[name], want[name], tolerance, f"{place}.{name}")
    elif isinstance(got, float):
        number = float(np.float32(want)) if single else float(want)
        if math.isnan(number) or math.isinf(number):
            assert str(got) == str(number), f"{place}: {got}, expected {want}"
        else:
            near = abs(got - number) <= tolerance * max(1.0, abs(number)) or got == number
            assert near, f"{place}: {got}, expected {want}"
    else:
        assert got == want, f"{place}: {got!r}, expected {want!r}"
