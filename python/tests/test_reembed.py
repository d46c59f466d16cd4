"""Another model takes over a collection."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import ragcore as rag

TEXTS = ["The moon makes the tides.", "Yeast makes the dough rise.", "Banks lend money."]
IDS = ["tides", "yeast", "loans"]


def filled(path: Path | None) -> rag.Collection:
    col = rag.open(path, dim=2) if path else rag.open(dim=2)
    col.add(IDS, TEXTS, vectors=[[1, 0], [0, 1], [1, 1]])
    return col


def test_all_vectors_are_of_the_new_model_and_stay_so(tmp_path: Path) -> None:
    col = filled(tmp_path / "col")
    seen: list[tuple[int, int]] = []
    model = rag.Embedder()
    assert col.reembed(model, progress=lambda done, total: seen.append((done, total))) == 3
    assert seen == [(3, 3)]
    assert (col.dim, col.embedder.fingerprint) == (256, model.fingerprint)
    assert col.search("how does bread rise?", k=1).ids == ["yeast"]
    col.add(["new"], ["Rain falls from clouds."])
    col.close()
    assert not (tmp_path / "col" / "reembed").exists()
    again = rag.open(tmp_path / "col")
    assert again.search("what do banks do?", k=1).ids == ["loans"]
    np.testing.assert_array_equal(
        again.get(["new"])[0].vector, model.encode(["Rain falls from clouds."])[0]
    )


def test_what_was_learnt_and_what_has_no_text_are_not_given_up_unasked() -> None:
    col = filled(None)
    col.steering.feedback([1, 0], [1, 0], 1.0, user="ann")
    with pytest.raises(rag.InvalidArgument, match="forget_learnt"):
        col.reembed(rag.Embedder())
    assert col.reembed(rag.Embedder(), forget_learnt=True) == 3
    col.add(["bare"], vectors=np.ones((1, 256), np.float32))
    with pytest.raises(rag.InvalidArgument, match='"bare" has a vector but no text'):
        col.reembed(rag.Embedder())
    with pytest.raises(rag.InvalidArgument, match="must be an Embedder, got str"):
        col.reembed("all-MiniLM-L6-v2")  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_full_disk_is_its_own_error_and_deletions_go_on(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    resource = pytest.importorskip("resource")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            col = rag.open(tmp_path / "col", dim=2)
            count = 0
            try:
                while count < 10_000:
                    col.add([f"d{count}"], ["x" * 40_000], vectors=[[1, 0]])
                    count += 1
            except rag.DiskFull as full:
                code = 0 if isinstance(full, OSError) and full.kind == "disk_full" else 2
                assert "make room" in str(full)
            assert len(col) == count > 5
            assert col.search("x", vector=[1, 0], k=3).ids
        except BaseException:
            code = 3
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    col = rag.open(tmp_path / "col", dim=2)
    assert col.verify().ok and len(col) > 5
