"""From what a caller names a model by to its folder: a path, or an id of the Hugging Face hub.

A path that exists is always taken as it is. Only an id of the form ``owner/name`` that is no path
here goes to the package ``huggingface_hub``: to its cache first, which needs no network, and to the
network only if the model is not there and ``HF_HUB_OFFLINE`` does not forbid it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import InvalidArgument, NotFound, Unsupported, Upstream

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_WEIGHTS = "model.safetensors"
_PARTS = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "sentence_bert_config.json",
    _WEIGHTS,
)
#: What the engine reads, and no more: many models come in five other formats as well.
FILES = (
    *_PARTS,
    "modules.json",
    "config_sentence_transformers.json",
    "*/config.json",
    f"*_Dense/{_WEIGHTS}",
    *(f"0_Transformer/{part}" for part in _PARTS[1:]),
)


def model_folder(model: object) -> str:
    """The folder of a model: where it is, or where the hub's client keeps it."""
    path = _path(model)
    if os.path.exists(path) or not isinstance(model, str) or not _ID.fullmatch(path):
        return path
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise NotFound(
            f'there is no folder "{path}" here; to take it as an id of the hub, '
            "pip install huggingface_hub"
        ) from error
    folder, cause = _cached(snapshot_download, path)
    if folder is not None:
        return folder
    if _offline():
        raise NotFound(
            f'there is no folder "{path}" here, the hub\'s cache does not hold it as a whole, and '
            "HF_HUB_OFFLINE forbids fetching it"
        ) from cause
    return _fetched(snapshot_download, path)


def _path(model: object) -> str:
    try:
        path = os.fsdecode(model)  # type: ignore[arg-type]
    except TypeError:
        kind = type(model).__name__
        raise InvalidArgument(f"model must be None, a path or an id, got {kind}") from None
    if not path:
        raise InvalidArgument("model must be None, a path or an id, got an empty string")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"model holds a lone surrogate, which no path has: {path!r}"
        ) from None
    if "\0" in path:
        raise InvalidArgument(f"model holds a NUL character, which no path has: {path!r}")
    return path


def _cached(download: Callable[..., Any], model: str) -> tuple[str | None, Exception | None]:
    """The model's folder in the cache, if the whole model is there; else why not."""
    try:
        folder = str(download(model, allow_patterns=list(FILES), local_files_only=True))
    # The client's class for this derives from it; everything else is a failure of its own.
    except FileNotFoundError as error:
        return None, error
    except Exception as error:
        raise _upstream(model, error) from error
    # A snapshot of which something else has read a single file is in the cache as well.
    return (folder if _whole(folder) else None), None


def _fetched(download: Callable[..., Any], model: str) -> str:
    try:
        folder = str(download(model, allow_patterns=list(FILES)))
    except Exception as error:
        raise _upstream(model, error) from error
    if not _whole(folder):
        raise Unsupported(
            f'"{model}" on the hub lacks one of config.json, tokenizer.json and {_WEIGHTS}, and no '
            "other formats are read; save it with save_pretrained(..., safe_serialization=True)"
        )
    return folder


def _whole(folder: str) -> bool:
    needed = ("config.json", "tokenizer.json", _WEIGHTS)
    places = (Path(folder), Path(folder, "0_Transformer"))
    layers = Path(folder).glob("*_Dense/config.json")
    return all((layer.parent / _WEIGHTS).is_file() for layer in layers) and any(
        all((place / name).is_file() for name in needed) for place in places
    )


def _upstream(model: str, error: Exception) -> Upstream:
    said = str(error).strip() or type(error).__name__
    return Upstream(f'"{model}" could not be fetched from the hub: {said}')


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
