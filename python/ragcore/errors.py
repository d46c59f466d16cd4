"""Every way in which this library fails: one class for each kind of the core.

Each class derives from :class:`Error` first and from Python's nearest kin second, so that both
``except ragcore.Error`` and ``except KeyError`` do what they say. ``error.kind`` is the name that
the Rust and C interfaces use as well; :data:`BY_KIND` goes from the name to the class.

>>> import ragcore as rag
>>> try:
...     rag.hypervolume([[1.0, 2.0]], [3.0])
... except ValueError as error:
...     print(error.kind, isinstance(error, rag.Error))
invalid_argument True
"""

from __future__ import annotations

__all__ = [
    "BY_KIND",
    "AlreadyExists",
    "Closed",
    "Corrupt",
    "DimensionMismatch",
    "DiskFull",
    "Error",
    "Forked",
    "FormatVersion",
    "Interrupted",
    "InvalidArgument",
    "Io",
    "Locked",
    "ModelMismatch",
    "NoMeasurableEffect",
    "NotFound",
    "ReadOnly",
    "Timeout",
    "TruncationWarning",
    "Unsupported",
    "Upstream",
]


class Error(Exception):
    """What every failure of this library is.

    ``kind`` names the sort of failure; it is ``"panic"`` for a mistake inside the library, which
    has no class of its own. ``file`` is the path that the failure is about, if there is one.
    """

    kind: str = "error"
    file: str | None = None

    def __str__(self) -> str:
        # KeyError would show the message in quotes.
        return str(self.args[0]) if len(self.args) == 1 else Exception.__str__(self)


class InvalidArgument(Error, ValueError):
    """A value is outside what the operation accepts."""

    kind = "invalid_argument"


class DimensionMismatch(InvalidArgument):
    """Vectors of another dimension than the one held."""

    kind = "dimension_mismatch"


class AlreadyExists(Error, ValueError):
    """An id or name is already taken."""

    kind = "already_exists"


class NotFound(Error, KeyError):
    """No such id, name, choice or file."""

    kind = "not_found"


class Locked(Error):
    """Another writer holds the store; ``pid`` is its process, where that is known."""

    kind = "locked"
    pid: int | None = None


class Corrupt(Error):
    """A file is damaged: ``file`` and ``offset`` say where."""

    kind = "corrupt"
    offset: int | None = None


class FormatVersion(Error):
    """A file was written by a version that this one does not read."""

    kind = "format_version"


class ModelMismatch(Error):
    """Vectors or settings made by another embedding model."""

    kind = "model_mismatch"


class Forked(Error):
    """The object was made before a fork and cannot be used in the child."""

    kind = "forked"


class ReadOnly(Error):
    """A write to something opened for reading."""

    kind = "read_only"


class Closed(Error):
    """The object was closed."""

    kind = "closed"


class Io(Error, OSError):
    """The operating system refused a file operation."""

    kind = "io"


class DiskFull(Io):
    """The disk, or the caller's share of it, is full; nothing was kept."""

    kind = "disk_full"


class Timeout(Error, TimeoutError):
    """A deadline passed."""

    kind = "timeout"


class Upstream(Error):
    """A language model or cache server failed."""

    kind = "upstream"


class Unsupported(Error):
    """A valid request that this build or model cannot do."""

    kind = "unsupported"


class Interrupted(Error):
    """The work was stopped before its end; nothing was kept.

    A Ctrl-C is raised as ``KeyboardInterrupt`` and an exception of a progress function as itself,
    so this is seen only where neither exists.
    """

    kind = "interrupted"


#: From the name of a kind to its class.
BY_KIND: dict[str, type[Error]] = {
    cls.kind: cls
    for cls in (
        InvalidArgument,
        DimensionMismatch,
        AlreadyExists,
        NotFound,
        Locked,
        Corrupt,
        FormatVersion,
        ModelMismatch,
        Forked,
        ReadOnly,
        Closed,
        Io,
        Timeout,
        Upstream,
        Unsupported,
        Interrupted,
        DiskFull,
    )
}


def _make(kind: str, message: str, file: str | None, offset: int | None, pid: int | None) -> Error:
    """The exception for an error of the core; called by the extension."""
    error = BY_KIND.get(kind, Error)(message)
    if type(error).kind != kind:
        error.kind = kind
    for name, value in (("file", file), ("offset", offset), ("pid", pid)):
        if value is not None:
            setattr(error, name, value)
    return error


class NoMeasurableEffect(UserWarning):
    """A dial was learnt, but held-out examples do not show that it does anything.

    Its ``effect`` has an interval that reaches 0: give more examples, or clearer ones.
    """


class TruncationWarning(UserWarning):
    """Texts were longer than the model reads, and what is beyond has no part in their vectors.

    The message says how many of how many texts, and at how many tokens they were cut.
    """
