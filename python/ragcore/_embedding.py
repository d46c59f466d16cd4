"""Text to vectors: see :class:`Embedder`."""

from __future__ import annotations

import os
import warnings
from typing import Any

from . import _core
from ._arrays import Vectors, vectors
from ._hub import model_folder
from ._progress import Progress, watcher
from ._texts import texts as as_texts
from ._texts import texts_or_vectors
from .errors import TruncationWarning


class Embedder:
    """A model that turns texts into vectors.

    ``model=None`` is the built-in static model: nothing is downloaded, no file is read. A path is
    a folder of Hugging Face or sentence-transformers. An id of the form ``"owner/name"`` that is
    no path here is looked up with ``huggingface_hub`` when that is installed (``ragcore[hub]``):
    in its cache first, then, unless ``HF_HUB_OFFLINE`` is set, on the network.

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

    ``device="cuda"`` computes a model folder on a GPU where the package was built with that
    feature; see docs/embedding.md.
    """

    __slots__ = ("_inner", "_made_by")
    _inner: _core.Embedder
    _made_by: tuple[str | None, dict[str, Any]] | None

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        device: str = "cpu",
        precision: str = "auto",
        threads: int | None = None,
        max_tokens: int | None = None,
        max_wait_ms: int = 0,
        max_batch: int | None = None,
    ) -> None:
        path = None if model is None else model_folder(model)
        options = {
            "device": device,
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
            warn_of_cut(cut, len(listed), self.max_tokens, stacklevel=2)
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
        """The folder's name; of a model of the hub, the last part of its id."""
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


def warn_of_cut(cut: int, texts: int, limit: int, *, stacklevel: int) -> None:
    """Says that ``cut`` of so many texts had more than ``limit`` tokens."""
    is_, was = ("is", "was") if cut == 1 else ("are", "were")
    warnings.warn(
        f"{cut} of {texts} texts {is_} longer than {limit} tokens and {was} cut there; split "
        "long texts with a Chunker",
        TruncationWarning,
        stacklevel=stacklevel + 1,
    )


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
