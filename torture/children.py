"""Forked children with a deadline: what they answer, how they died, whether they hung.

Nothing here opens a store in the driver itself, so every child starts from a process without one.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

_LIBC = ctypes.CDLL(None)
_DIE_WITH_PARENT = 1
#: More than this late is no longer the scheduler's ordinary doing.
LATE_S = 0.5


class Child:
    """A forked child that runs `work(pipe)` and then exits; `pipe` is for `os.write`."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self.status: int | None = None
        self.read_end, write_end = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 0
            try:
                if hasattr(_LIBC, "prctl"):
                    _LIBC.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
                os.close(self.read_end)
                work(write_end)
            except BaseException:
                traceback.print_exc()
                code = 70
            os._exit(code)
        os.close(write_end)

    def read(self, seconds: float) -> bytes | None:
        """Some bytes, none at the end of the pipe, None when the time is over.

        Where the driver itself is woken much too late, the machine stood still and the child with
        it: the time begins again.
        """
        seconds = max(seconds, 0)
        while True:
            began = time.monotonic()
            ready, _, _ = select.select([self.read_end], [], [], seconds)
            if ready:
                return os.read(self.read_end, 1 << 16)
            if time.monotonic() - began < seconds + LATE_S:
                return None

    def read_all(self, seconds: float) -> tuple[bytes, bool]:
        """Everything until the end of the pipe, and whether that came in time."""
        until, parts = time.monotonic() + seconds, []
        while True:
            part = self.read(max(until - time.monotonic(), LATE_S))
            if not part:
                return b"".join(parts), part is not None
            parts.append(part)

    def kill(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit status, minus the signal if one killed it. Closes the pipe."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
            os.close(self.read_end)
        return self.status

    def end(self, seconds: float) -> int | None:
        """As `wait`, but after `seconds` the child is killed, and the answer is None."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                os.close(self.read_end)
                return self.status
            time.sleep(0.0002)
        self.kill()
        self.wait()
        return None


class Outcome(NamedTuple):
    """How a call in a child went: a value, or what hindered it."""

    value: Any = None
    #: A column of the table (see `table.py`) and a sentence.
    trouble: tuple[str, str] | None = None


def call(work: Callable[[], Any], seconds: float) -> Outcome:
    """What `work()` answers in a child of its own."""

    def answer(pipe: int) -> None:
        try:
            data = pickle.dumps(Outcome(work()))
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{describe(error)} at {where.name}:{where.lineno}"
            column = "crashes" if getattr(error, "kind", "") == "panic" else "other"
            data = pickle.dumps(Outcome(trouble=(column, told)))
        with os.fdopen(pipe, "wb") as out:
            out.write(data)

    child = Child(answer)
    data, in_time = child.read_all(seconds)
    if not in_time:
        child.kill()
    status = child.wait()
    if not in_time:
        return Outcome(trouble=("hangs", f"no answer within {seconds:.0f} s"))
    if status or not data:
        return Outcome(trouble=("crashes", f"ended with status {status}"))
    return pickle.loads(data)


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
