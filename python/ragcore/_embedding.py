"""Text to vectors: see :class:`Embedder`."""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

from . import _core
from ._arrays import Vectors, vectors
from ._progress import Progress, watcher
from ._texts import texts as as_texts
from ._texts import texts_or_vectors
from .errors import InvalidArgument, TruncationWarning, Unsupported, Upstream


class Embedder:
    """A model that turns texts into vectors.

    ``model=None`` is the built-in static model: nothing is downloaded, no file is read. A path is
    a folder of Hugging Face or sentence-transformers. An id of the form ``"org/name"`` that is no
    folder here is fetched with ``huggingface_hub`` when that is installed, and only then.

    >>> import ragcore as rag
    >>> embedder = rag.Embedder()
    >>> vectors = embedder.encode(["a red apple", "a green apple", "quarterly tax report"])
    >>> vectors.shape == (3, embedder.dim)
    True
    >>> bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    True

    One string gives one vector, not an array of one:

    >>> embedder.encode("a red apple").shape == (embedder.dim,)
    True

    Calls from many threads share passes: what arrives while the engine is busy is computed
    together, up to ``max_batch`` tokens. With ``max_wait_ms`` an idle engine waits that long for
    company.
    """

    __slots__ = ("_inner", "_made_by")
    _inner: _core.Embedder
    _made_by: tuple[str | None, dict[str, Any]] | None

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        precision: str = "auto",
        threads: int | None = None,
        max_tokens: int | None = None,
        max_wait_ms: int = 0,
        max_batch: int | None = None,
    ) -> None:
        path = None if model is None else _folder(model)
        options = {
            "precision": precision,
            "threads": threads,
            "max_tokens": max_tokens,
            "max_wait_ms": max_wait_ms,
            "max_batch": max_batch,
        }
        self._inner = _core.Embedder(path, **options)
        self._made_by = (path, options)

    @classmethod
    def _wrap(cls, core: _core.Embedder) -> Embedder:
        self = cls.__new__(cls)
        self._inner = core
        self._made_by = None
        return self

    def encode(
        self,
        texts: Any,
        *,
        kind: str = "document",
        normalize: bool = True,
        progress: Progress = False,
    ) -> Vectors:
        """One text to (dim,), a sequence of n texts to (n, dim), float32.

        ``kind`` is ``"document"`` or ``"query"``: some models put another prompt before each.
        With ``normalize`` the vectors have length 1. Texts longer than :attr:`max_tokens` are cut
        there, and a :class:`~ragcore.TruncationWarning` says how many were.
        """
        single = isinstance(texts, str)
        listed = [texts] if single else as_texts(texts, "texts")
        watch = watcher(progress, "encode")
        encoded, cut = self._inner.encode(listed, watch, kind=kind, normalize=normalize)
        if cut:
            warnings.warn(
                f"{cut} of {len(listed)} texts {'is' if cut == 1 else 'are'} longer than "
                f"{self.max_tokens} tokens and {'was' if cut == 1 else 'were'} cut there; split "
                "long texts with a Chunker",
                TruncationWarning,
                stacklevel=2,
            )
        return encoded[0].copy() if single else encoded

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._inner.dim

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read; the rest is left out."""
        return self._inner.max_tokens

    @property
    def precision(self) -> str:
        """The arithmetic in use: ``"f32"``, ``"bf16"`` or ``"int8"``."""
        return self._inner.precision

    @property
    def name(self) -> str:
        """The model's name."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides the vectors."""
        return self._inner.fingerprint

    def count_tokens(self, text: str) -> int:
        """Tokens in ``text``, special ones included, before any cut."""
        return self._inner.count_tokens(text)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._made_by is None:
            raise TypeError(
                "this Embedder came out of a collection; make one of its model to pickle"
            )
        return _restore, self._made_by

    def __repr__(self) -> str:
        return f"Embedder({self.name!r}, dim={self.dim}, precision={self.precision!r})"


def is_text(values: object) -> bool:
    """Whether this is one text."""
    return isinstance(values, str)


def text_vectors(
    values: object, name: str, embedder: Embedder | None
) -> tuple[Vectors, Embedder | None]:
    """Texts or vectors as vectors, (n, dim), and the embedder if it was asked.

    Texts are embedded by the built-in model if there is no embedder.
    """
    listed, rest = texts_or_vectors(values, name)
    if listed is None:
        return vectors(rest, name), None
    used = embedder if embedder is not None else Embedder()
    return used.encode(listed), used


def _restore(path: str | None, options: dict[str, Any]) -> Embedder:
    return Embedder(path, **options)


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ("*.json", "*.txt", "*.safetensors")


def _folder(model: str | os.PathLike[str]) -> str:
    """The folder of a model: where it is, or where the hub's client has put it."""
    try:
        path = os.fspath(model)
    except TypeError:
        kind = type(model).__name__
        raise InvalidArgument(f"model must be None, a path or an id, got {kind}") from None
    looks_like_id = isinstance(model, str) and _HUB_ID.fullmatch(path)
    if os.path.exists(path) or not looks_like_id:
        return path
    try:
        from huggingface_hub import snapshot_download  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise Unsupported(
            f"{path} is no folder here; to fetch it from the hub, pip install huggingface_hub"
        ) from None
    try:
        folder: str = snapshot_download(path, allow_patterns=list(_HUB_FILES))
    except Exception as error:
        raise Upstream(f"{path} could not be fetched from the hub: {error}") from error
    return folder
