"""The embedder and the chunker from Python."""

from __future__ import annotations

import builtins
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag


def test_one_text_is_one_vector_and_several_are_rows(embedder: rag.Embedder) -> None:
    one = embedder.encode("a red apple")
    many = embedder.encode(["a red apple", "", "tax law"])
    assert one.shape == (embedder.dim,) and many.shape == (3, embedder.dim)
    assert one.dtype == many.dtype == np.float32
    assert np.array_equal(many[0], one)
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert embedder.encode([]).shape == (0, embedder.dim)
    assert one.flags.writeable and many.flags.writeable


def test_it_tells_what_it_is(embedder: rag.Embedder) -> None:
    assert embedder.dim > 0 and embedder.max_tokens > 0 and embedder.precision == "f32"
    assert embedder.name in repr(embedder) and len(embedder.fingerprint) == 16
    assert embedder.count_tokens("a red apple") >= 3
    assert rag.Embedder().fingerprint == embedder.fingerprint


def test_a_model_folder(model_folder: Path) -> None:
    model = rag.Embedder(model_folder, threads=1)
    assert (model.dim, model.max_tokens) == (384, 256)
    cat, dog, tax = model.encode(["a cat", "a dog", "income tax"])
    assert cat @ dog > cat @ tax
    copy = pickle.loads(pickle.dumps(model))
    assert copy.fingerprint == model.fingerprint
    assert rag.Embedder(str(model_folder), max_tokens=16).max_tokens == 16
    chunks = rag.Chunker(model, max_tokens=12).split("One two three. " * 20)
    assert len(chunks) > 3 and all(model.count_tokens(c.text) <= 14 for c in chunks)


def test_the_hub_is_asked_only_for_an_id_and_only_when_its_client_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__
    asked = []

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "huggingface_hub":
            asked.append(name)
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(rag.Unsupported, match="huggingface_hub"):
        rag.Embedder("org/name")
    assert asked == ["huggingface_hub"]
    for path in (tmp_path, "no/such/folder/here", Path("org/name")):
        with pytest.raises(rag.NotFound):
            rag.Embedder(path)
    assert asked == ["huggingface_hub"]


def test_an_id_is_fetched_by_the_client_of_the_hub(
    monkeypatch: pytest.MonkeyPatch, model_folder: Path
) -> None:
    fetched = []

    def snapshot_download(repo: str, *, allow_patterns: list[str]) -> str:
        if repo != "org/name":
            raise ConnectionError("no such model")
        fetched.append((repo, allow_patterns))
        return str(model_folder)

    hub = types.ModuleType("huggingface_hub")
    hub.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert rag.Embedder("org/name").dim == 384
    assert fetched == [("org/name", ["*.json", "*.txt", "*.safetensors"])]
    with pytest.raises(rag.Upstream, match="no such model"):
        rag.Embedder("org/other")


def test_chunks_count_by_what_they_are_told() -> None:
    text = "One two three. Four five six. Seven."
    counted = []

    def words(piece: str) -> int:
        counted.append(piece)
        return len(piece.split())

    chunks = rag.Chunker(max_tokens=4, counter=words).split(text)
    assert [c.text for c in chunks] == ["One two three.", "Four five six. Seven."]
    assert counted
    assert rag.Chunker().split("  \n ") == []

    def broken(piece: str) -> int:
        raise LookupError("no such token")

    with pytest.raises(LookupError, match="no such token"):
        rag.Chunker(counter=broken).split(text)
    with pytest.raises(rag.Unsupported):
        rag.Chunker(mode="semantic")
    with pytest.raises(rag.InvalidArgument):
        rag.Chunker("model")  # type: ignore[arg-type]
