"""Results that are kept for a while: :class:`Cache`, and :func:`question_difference`."""

from __future__ import annotations

from typing import Any

from . import _core


class Cache:
    """What an engine keeps results in: vectors of questions, passages, answers, texts of documents.

    Each layer has a lifetime in seconds (``..._s``) and a size in bytes (``..._bytes``); 0 of
    either turns it off. ``redis`` is the address of a server that several processes share, such as
    ``redis://:password@host:6379/0`` or ``unix:///run/redis.sock``: memory stays in front of it,
    and goes on alone while it is gone or full. Nothing is connected before it is needed.

    ``near_duplicates`` lets a question have the answer of another one whose vector has at least
    that cosine, if nothing in their words tells them apart (:func:`question_difference`).
    ``shadow_rate`` of those are answered anew all the same, and the cosine is raised until no more
    than ``false_hit_budget`` were wrong.

    >>> import ragcore as rag
    >>> cache = rag.Cache(answers_s=300)
    >>> cache.stats()["remote"] is None
    True
    >>> rag.Cache(answers_s=-1)
    Traceback (most recent call last):
    ragcore.errors.InvalidArgument: answers_s must be in 0..=31536000, got -1
    """

    __slots__ = ("_inner",)
    _inner: _core.Cache

    def __init__(
        self,
        *,
        embeddings_s: float = 3600.0,
        evidence_s: float = 1800.0,
        answers_s: float = 900.0,
        texts_s: float = 3600.0,
        embeddings_bytes: int = 67108864,
        evidence_bytes: int = 67108864,
        answers_bytes: int = 67108864,
        texts_bytes: int = 134217728,
        entries: int = 1000000,
        wait_s: float = 60.0,
        near_duplicates: float | None = None,
        near_entries: int = 1000,
        near_bytes: int = 67108864,
        shadow_rate: float = 0.05,
        false_hit_budget: float = 0.005,
        redis: str | None = None,
        remote_prefix: str = "ragcore",
        remote_copy_s: float = 60.0,
        remote_entry_bytes: int = 8388608,
        remote_timeout_ms: int = 100,
        remote_pause_s: float = 16.0,
    ) -> None:
        self._inner = _core.Cache(
            redis,
            embeddings_s=embeddings_s,
            evidence_s=evidence_s,
            answers_s=answers_s,
            texts_s=texts_s,
            embeddings_bytes=embeddings_bytes,
            evidence_bytes=evidence_bytes,
            answers_bytes=answers_bytes,
            texts_bytes=texts_bytes,
            entries=entries,
            wait_s=wait_s,
            near_duplicates=near_duplicates,
            near_entries=near_entries,
            near_bytes=near_bytes,
            shadow_rate=shadow_rate,
            false_hit_budget=false_hit_budget,
            remote_prefix=remote_prefix,
            remote_copy_s=remote_copy_s,
            remote_entry_bytes=remote_entry_bytes,
            remote_timeout_ms=remote_timeout_ms,
            remote_pause_s=remote_pause_s,
        )

    def __repr__(self) -> str:
        return "Cache()"

    def stats(self) -> dict[str, Any]:
        """What happened so far: ``layers`` by name, with ``hits``, ``misses``, ``hit_rate``,
        ``entries``, ``bytes`` and more; ``nearby``, None unless near questions share answers;
        ``remote``, None without a server, else whether it is ``up`` or ``full``, its ``errors`` and
        the last ``warning``.
        """
        return self._inner.stats()

    def clear(self) -> None:
        """Drops everything, here and on the server. Raises :class:`Upstream` if that cannot be
        reached; memory is empty all the same.
        """
        self._inner.clear()

    def clear_tenant(self, tenant: str | None) -> None:
        """Drops everything of one tenant; None is what belongs to nobody."""
        self._inner.clear_tenant(tenant)


def question_difference(a: str, b: str) -> str | None:
    """What tells two questions apart: ``"polarity"``, ``"numbers"``, ``"entities"``,
    ``"question"``, ``"order"``, ``"words"`` or ``"length"``; None if they ask the same, as far as
    their words say. In doubt they differ.

    >>> import ragcore as rag
    >>> rag.question_difference("How do I sort a list?", "how to sort lists") is None
    True
    >>> rag.question_difference("Does it work with sugar?", "Does it work without sugar?")
    'polarity'
    """
    return _core.question_difference(a, b)
