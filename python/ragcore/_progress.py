"""What ``progress=`` means: nothing, a bar on a terminal, or the caller's function."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from .errors import InvalidArgument

#: ``progress=`` takes a bool or a function of (done, total).
Progress = bool | Callable[[int, int], object]


def watcher(progress: Progress, label: str) -> Callable[[int, int], object] | None:
    """The function that the extension calls, or None."""
    if progress is False or progress is None:
        return None
    if progress is True:
        # A bar in a file is a heap of control characters.
        return _Bar(label) if sys.stderr is not None and sys.stderr.isatty() else None
    if callable(progress):
        return progress
    kind = type(progress).__name__
    raise InvalidArgument(
        f"progress must be False, True or a function of (done, total), got {kind}"
    )


class _Bar:
    """One line on standard error, redrawn ten times a second."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._start = time.monotonic()
        self._drawn = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._drawn < 0.1:
            return
        self._drawn = now
        share = done / total if total else 1.0
        filled = int(30 * share)
        rate = done / max(now - self._start, 1e-9)
        end = "\n" if done >= total else ""
        line = f"\r{self._label} {'#' * filled}{'.' * (30 - filled)} {done}/{total} {rate:.0f}/s"
        sys.stderr.write(line + end)
        sys.stderr.flush()
