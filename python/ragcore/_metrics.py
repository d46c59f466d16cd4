"""Metrics that outlive the process: :class:`MetricsFiles`."""

from __future__ import annotations

import os
from typing import Any

from . import _core


class MetricsFiles:
    """A folder in which an engine keeps what it counts: a JSON file for each hour or day.

    Several processes may have the same folder: each writes its own files, and reading adds them up.
    A file is written every ``save_minutes`` by whoever asks a question then, and by
    :meth:`Engine.checkpoint` and :meth:`Engine.close`; it is removed after ``keep_days``. One
    object belongs to one engine.

    >>> import ragcore as rag, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> files = rag.MetricsFiles(folder.name, keep_days=30)
    >>> with rag.Engine(rag.open(), metrics=files) as app:
    ...     _ = app.add_documents(["Yeast eats sugar. Its gas makes the dough rise."])
    ...     _ = app.ask("what makes the dough rise?")
    >>> kept = files.read()
    >>> kept["stretches"][0]["figures"]["queries"], kept["files"], kept["skipped"]
    (1, 1, 0)
    >>> folder.cleanup()
    """

    __slots__ = ("_inner",)
    _inner: _core.MetricsFiles

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep_days: int = 30,
        every: str = "hour",
        save_minutes: int = 5,
    ) -> None:
        self._inner = _core.MetricsFiles(
            os.fspath(folder), keep_days=keep_days, every=every, save_minutes=save_minutes
        )

    def read(self, since: float = 0.0, until: float = 1e12) -> dict[str, Any]:
        """What the files of all processes tell of the time from ``since`` to before ``until``, in
        Unix seconds: ``stretches``, ascending, each with ``from``, ``to`` and ``figures`` as in
        :meth:`Engine.metrics`; ``files`` that were read; ``skipped`` that are damaged or somebody
        else's.
        """
        return self._inner.read(since, until)

    def __repr__(self) -> str:
        return "MetricsFiles()"
