"""What an engine keeps of questions and users: its history and its memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from . import _core
from ._answers import Answer
from .errors import InvalidArgument


class History:
    """The answers that were given: see :meth:`Engine.history`."""

    __slots__ = ("_inner",)
    _inner: _core.History

    @classmethod
    def _wrap(cls, core: _core.History) -> History:
        made = cls.__new__(cls)
        made._inner = core
        return made

    def __len__(self) -> int:
        return self._inner.len()

    def get(self, id: str) -> Answer | None:
        """The answer of this id."""
        found = self._inner.get(id)
        return None if found is None else Answer(found)

    def search(
        self,
        text: str | None = None,
        *,
        user: str | None = None,
        session: str | None = None,
        scenario: str | None = None,
        generator: str | None = None,
        filter: Mapping[str, Any] | None = None,
        since: float | None = None,
        until: float | None = None,
        min_rating: float | None = None,
        cached: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Answer]:
        """The answers that are looked for: the newest first, or the best if words are given."""
        found = self._inner.search(
            text,
            user,
            session,
            scenario,
            generator,
            filter,
            since=since,
            until=until,
            min_rating=min_rating,
            cached=cached,
            limit=limit,
            offset=offset,
        )
        return [Answer(held) for held in found]

    def forget(self, user: str) -> int:
        """Forgets the answers that a user got; says how many those were."""
        return self._inner.forget(user)

    def prune(self, *, max_age_s: float | None = None, max_count: int | None = None) -> int:
        """Forgets what is older or more than that; says how many answers those were."""
        return self._inner.prune(time.time(), max_age_s, max_count)

    def compact(self) -> None:
        """Writes the files anew, so that nothing that was forgotten is left in them."""
        self._inner.compact()

    def __repr__(self) -> str:
        return f"<History of {len(self)} answers>"


class Memory:
    """Facts about users: see :meth:`Engine.memory`.

    >>> import ragcore as rag
    >>> memory = rag.Engine(rag.open()).memory()
    >>> memory.remember("ann", "language", "German")["value"]
    'German'
    >>> memory.recall("ann", "language")["value"]
    'German'
    >>> memory.recall("bob", "language") is None
    True
    """

    __slots__ = ("_inner",)
    _inner: _core.Memory

    @classmethod
    def _wrap(cls, core: _core.Memory) -> Memory:
        made = cls.__new__(cls)
        made._inner = core
        return made

    def __len__(self) -> int:
        return self._inner.len()

    def remember(
        self,
        user: str,
        key: str,
        value: Any,
        *,
        session: str | None = None,
        source: Mapping[str, Any] | None = None,
        expires_at: float | None = None,
        confidence: float | None = None,
    ) -> dict[str, Any]:
        """Keeps a fact in place of what its key had, and returns it as it is kept."""
        fact: dict[str, Any] = {"user": user, "key": key, "value": value}
        more = {
            "session": session,
            "source": source,
            "expires_at": expires_at,
            "confidence": confidence,
        }
        fact.update((name, given) for name, given in more.items() if given is not None)
        return dict(self._inner.remember(json_of(fact, "a fact")))

    def recall(self, user: str, key: str, *, session: str | None = None) -> dict[str, Any] | None:
        """The fact of a key; None where there is none or it is over."""
        found = self._inner.recall(user, session, key)
        return None if found is None else dict(found)

    def facts(self, user: str, *, session: str | None = None) -> list[dict[str, Any]]:
        """A user's facts; those of one session, or all of them."""
        return list(self._inner.facts(user, session))

    def search(
        self, user: str, text: str, k: int = 10, *, filter: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """A user's facts that have words of ``text``, best first."""
        return list(self._inner.search(user, text, filter, k))

    def forget(self, user: str, *, session: str | None = None, key: str | None = None) -> int:
        """Forgets what is known of a user, of a session, under a key; says how many facts."""
        return self._inner.forget(user, session, key)

    def sweep(self) -> int:
        """Deletes the facts that are over; says how many."""
        return self._inner.sweep()

    def compact(self) -> None:
        """Writes the files anew, so that nothing that was forgotten is left in them."""
        self._inner.compact()

    def __repr__(self) -> str:
        return f"<Memory of {len(self)} facts>"


def json_of(value: Any, what: str) -> str:
    """A plain value as JSON; ``what`` is its name in the error."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidArgument(
            f"{what} holds None, bools, finite numbers, strings, lists and dicts of those"
        ) from None
