"""The bandits of a collection: see :class:`CollectionBandits`."""

from __future__ import annotations

from collections.abc import Iterator

from . import _core
from ._bandit import Bandit
from .errors import InvalidArgument, NotFound


class CollectionBandits:
    """The bandits of a collection, by name: what they learn is logged and durable like documents.

    A dict of :class:`Bandit`. What is put in is a copy; what comes out is the collection's own, so
    that every reward is on disk when its call returns, and a reader's is there to look at.

    >>> import ragcore as rag
    >>> col = rag.open()
    >>> col.bandits["weights"] = rag.Bandit([0.0, 0.5, 1.0], seed=1)
    >>> choice = col.bandits["weights"].choose("baking")
    >>> col.bandits["weights"].reward(choice, 1.0)
    >>> sum(e.count for e in col.bandits["weights"].estimates("baking"))
    1.0
    >>> list(col.bandits), "prompts" in col.bandits
    (['weights'], False)

    A search is tuned by name, ``col.search(question, tune="weights")``. Choices that wait for their
    reward end with the process.
    """

    __slots__ = ("_inner",)
    _inner: _core.Collection

    def __init__(self) -> None:
        raise TypeError("this is made by Collection.bandits")

    @classmethod
    def _of(cls, core: _core.Collection) -> CollectionBandits:
        self = cls.__new__(cls)
        self._inner = core
        return self

    def get(self, name: str) -> Bandit:
        """The bandit of a name; ``NotFound``, a ``KeyError`` too, if there is none."""
        return Bandit._wrap(self._inner.bandit(name))

    def add(self, name: str, bandit: Bandit) -> None:
        """Puts a copy of a bandit here, in the place of one of the name.

        Choices of it that wait are not among what is copied.
        """
        if not isinstance(bandit, Bandit):
            raise InvalidArgument(f"bandit must be a Bandit, got {type(bandit).__name__}")
        self._inner.set_bandit(name, bandit._inner)

    def remove(self, name: str) -> bool:
        """Removes a bandit, and answers whether there was one."""
        return self._inner.remove_bandit(name)

    def names(self) -> list[str]:
        """The names, in alphabetical order."""
        return self._inner.bandits()

    def __getitem__(self, name: str) -> Bandit:
        return self.get(name)

    def __setitem__(self, name: str, bandit: Bandit) -> None:
        self.add(name, bandit)

    def __delitem__(self, name: str) -> None:
        if not self.remove(name):
            raise NotFound(f'no bandit is called "{name}" here')

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.names()

    def __repr__(self) -> str:
        return f"CollectionBandits({self.names()})"
