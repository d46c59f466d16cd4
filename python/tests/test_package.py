"""The package as a whole: the examples in its docs, what importing it costs, its wheel."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import ragcore as rag
from ragcore import _core

ROOT = Path(__file__).resolve().parents[2]
MODULES = ["ragcore"] + [
    f"ragcore.{module.name}"
    for module in pkgutil.iter_modules(rag.__path__)
    if module.name != "_core" and (module.name != "ray" or importlib.util.find_spec("ray"))
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docs_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples_for_the_main_types() -> None:
    finder = doctest.DocTestFinder()
    for cls in (
        rag.Bandit,
        rag.Chunker,
        rag.Collection,
        rag.DenseIndex,
        rag.Embedder,
        rag.LexicalIndex,
        rag.Router,
        rag.Steering,
        rag.SteeringVector,
    ):
        assert any(test.examples for test in finder.find(cls)), cls


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_asks_for_nothing_but_numpy() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import ragcore\n"
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    loaded = set(python(code).split())
    assert not loaded & {"asyncio", "pandas", "pyarrow", "huggingface_hub", "html", "inspect"}
    assert loaded - set(sys.stdlib_module_names) <= {"ragcore", "numpy"}


def test_importing_is_quick(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = (
        "import numpy, time; start = time.process_time(); import ragcore\n"
        "print(1000 * (time.process_time() - start))"
    )
    # The first run writes the bytecode that an installed package has.
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    spent = min(float(python(code, **compiled)) for _ in range(4))
    with capsys.disabled():
        print(f"\nimport ragcore: {spent:.1f} ms of processor time beyond NumPy's")


def test_the_version_is_that_of_the_workspace() -> None:
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    assert f'version = "{rag.__version__}"' in manifest


def test_the_types_are_marked_and_the_extension_is_for_every_later_python() -> None:
    folder = Path(rag.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_core.pyi").exists()
    assert _core.__file__ is not None
    if os.name == "posix":
        assert ".abi3." in Path(_core.__file__).name


def test_the_size_of_the_extension_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert _core.__file__ is not None
    size = Path(_core.__file__).stat().st_size
    with capsys.disabled():
        print(f"\nthe extension as built for the tests: {size / 1e6:.1f} MB")


def test_unknown_attributes_are_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rag.nothing  # type: ignore[attr-defined]
    assert rag.aio is sys.modules["ragcore.aio"]  # type: ignore[attr-defined]
