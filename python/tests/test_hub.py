"""A model by its id on the hub: which folder it comes to, and what is never asked."""

from __future__ import annotations

import builtins
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import ragcore as rag
from ragcore._hub import FILES


class Hub(types.ModuleType):
    """A client that has ``cached`` and can fetch ``online``, and writes down what is asked."""

    def __init__(self, cached: dict[str, Any], online: dict[str, Any]) -> None:
        super().__init__("huggingface_hub")
        self.cached, self.online = cached, online
        self.asked: list[tuple[str, bool]] = []

    def snapshot_download(
        self, repo: str, *, allow_patterns: list[str], local_files_only: bool = False
    ) -> str:
        assert allow_patterns == list(FILES)
        self.asked.append((repo, local_files_only))
        found = (self.cached if local_files_only else self.online).get(repo)
        if found is None:
            raise FileNotFoundError(repo) if local_files_only else ConnectionError("no such model")
        if isinstance(found, Exception):
            raise found
        return str(found)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub({}, {})
    monkeypatch.setitem(sys.modules, "huggingface_hub", made)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return made


def test_a_model_in_the_cache_needs_no_network(hub: Hub, model_folder: Path) -> None:
    hub.cached["owner/name"] = model_folder
    assert rag.Embedder("owner/name").dim == 384
    assert hub.asked == [("owner/name", True)]


def test_the_network_comes_after_the_cache(hub: Hub, model_folder: Path, tmp_path: Path) -> None:
    hub.online["owner/name"] = model_folder
    assert rag.Embedder("owner/name").dim == 384
    assert hub.asked == [("owner/name", True), ("owner/name", False)]
    # Of a model in the cache of which a part is missing, the rest is fetched.
    (tmp_path / "config.json").write_text("{}")
    hub.cached["owner/name"] = tmp_path
    assert rag.Embedder("owner/name").dim == 384
    assert hub.asked[2:] == [("owner/name", True), ("owner/name", False)]
    # So is the linear layer behind the pooling.
    part = tmp_path / "part"
    (part / "2_Dense").mkdir(parents=True)
    for file in model_folder.iterdir():
        (part / file.name).symlink_to(file)
    (part / "2_Dense" / "config.json").write_text("{}")
    hub.cached["owner/name"] = part
    assert rag.Embedder("owner/name").dim == 384
    assert hub.asked[4:] == [("owner/name", True), ("owner/name", False)]


def test_offline_means_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(rag.NotFound, match="HF_HUB_OFFLINE") as caught:
        rag.Embedder("owner/name")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert hub.asked == [("owner/name", True)]


def test_failures_of_the_hub_keep_their_cause(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(rag.Upstream, match="no such model") as caught:
        rag.Embedder("owner/name")
    assert isinstance(caught.value.__cause__, ConnectionError)
    hub.cached["owner/name"] = ValueError("a bad id")
    with pytest.raises(rag.Upstream, match="a bad id"):
        rag.Embedder("owner/name")
    hub.cached.clear()
    hub.online["owner/name"] = tmp_path
    with pytest.raises(rag.Unsupported, match=r"lacks one of config\.json"):
        rag.Embedder("owner/name")


def test_a_path_that_is_there_wins(
    hub: Hub, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model_folder, tmp_path / "owner" / "name")
    assert rag.Embedder("owner/name").name == "name"
    assert rag.Embedder(b"owner/name").name == "name"  # type: ignore[arg-type]
    assert hub.asked == []


@pytest.mark.parametrize(
    "path",
    ["no/such/folder/here", Path("owner/none"), "./none", "../none", "none", "/none", "a/ b"],
)
def test_what_is_no_id_is_a_path(hub: Hub, path: Any) -> None:
    with pytest.raises(rag.NotFound, match="there is no model folder"):
        rag.Embedder(path)
    assert hub.asked == []


def test_without_the_client_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "huggingface_hub":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(rag.NotFound, match=r"no folder .*pip install huggingface_hub$"):
        rag.Embedder("owner/name")


@pytest.mark.parametrize("path", ["", "a\0b", "a\ud800", 3, ["owner/name"]])
def test_what_can_be_no_path_is_refused(path: Any) -> None:
    with pytest.raises(rag.InvalidArgument, match=r"^model "):
        rag.Embedder(path)


def cache_of(home: Path, model_folder: Path) -> Path:
    """``owner/name`` as the client lays it out: links by name to files by hash."""
    snapshot = home / "models--owner--name" / "snapshots" / ("0" * 40)
    blobs = home / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    for i, file in enumerate(f for f in sorted(model_folder.rglob("*")) if f.is_file()):
        (blobs / f"{i:040x}").symlink_to(file.resolve())
        link = snapshot / file.relative_to(model_folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blobs / f"{i:040x}")
    refs = home / "models--owner--name" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    return snapshot


def test_the_name_in_a_cache_is_the_models(model_folder: Path, tmp_path: Path) -> None:
    model = rag.Embedder(cache_of(tmp_path, model_folder))
    assert model.name == "name"
    assert model.fingerprint == rag.Embedder(model_folder).fingerprint


def test_the_real_client_finds_its_cache(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    from huggingface_hub import constants

    cache_of(tmp_path, model_folder)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert rag.Embedder("owner/name").name == "name"
    with pytest.raises(rag.NotFound, match="HF_HUB_OFFLINE"):
        rag.Embedder("owner/other")
