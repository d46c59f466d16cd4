"""What an engine answers: evidence, answers, and answers as they are written."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from . import _core
from ._prompting import Passage

#: What hides where a document's passages are from.
_PASSAGE = "_passage"


def _passage(held: Mapping[str, Any]) -> Passage:
    metadata = {key: value for key, value in held["metadata"].items() if key != _PASSAGE}
    origin = held["metadata"].get(_PASSAGE)
    # The core counts bytes; a passage knows from its document where it begins in characters.
    start = held["start"] if origin is None or held["start"] == 0 else origin["characters"]
    return Passage(
        held["id"],
        held["document"],
        start,
        start + len(held["text"]),
        held["text"],
        metadata,
        held["score"],
        held["tokens"],
        held["merged"],
        held.get("relevance"),
    )


class Evidence(Sequence[Passage]):
    """The passages for a question, in the order in which a prompt shows them."""

    __slots__ = ("_inner", "_passages")

    def __init__(self, core: _core.Evidence) -> None:
        self._inner = core
        self._passages: list[Passage] | None = None

    @property
    def passages(self) -> list[Passage]:
        """The passages."""
        if self._passages is None:
            self._passages = [_passage(held) for held in self._inner.passages()]
        return self._passages

    @property
    def strategy(self) -> str:
        """How they were chosen."""
        return self._inner.about()[0]

    @property
    def tokens(self) -> int:
        """Tokens of all of them."""
        return self._inner.about()[1]

    @property
    def cached(self) -> bool:
        """Whether they come from a cache."""
        return self._inner.about()[2]

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of each part."""
        return dict(self._inner.timings())

    def to_json(self) -> str:
        """Everything as JSON; offsets count bytes."""
        return self._inner.json()

    @overload
    def __getitem__(self, index: int) -> Passage: ...
    @overload
    def __getitem__(self, index: slice) -> list[Passage]: ...
    def __getitem__(self, index: int | slice) -> Passage | list[Passage]:
        return self.passages[index]

    def __len__(self) -> int:
        return len(self.passages)

    def __repr__(self) -> str:
        return f"<Evidence of {len(self)} passages, {self.tokens} tokens>"


class Citation(NamedTuple):
    """Where a stretch of an answer comes from; offsets are characters."""

    passage: str
    document: str
    #: ``answer.text[start:end]`` is what is supported.
    start: int
    end: int
    #: ``passage.text[source_start:source_end]`` is what supports it.
    source_start: int
    source_end: int
    #: How well the two agree, in 0 to 1.
    support: float


class Marker(NamedTuple):
    """Something marked in an answer, such as ``[PRO TIP: ...]``."""

    kind: str
    text: str
    #: Where it stood in the answer's text.
    at: int


class Answer:
    """A question's answer, with all that is known about it."""

    __slots__ = ("_held",)

    def __init__(self, held: Mapping[str, Any]) -> None:
        self._held = held

    @property
    def id(self) -> str:
        """What :meth:`Engine.feedback` takes."""
        return str(self._held["id"])

    @property
    def question(self) -> str:
        """What was asked."""
        return str(self._held["question"])

    @property
    def text(self) -> str:
        """The answer, markers taken out."""
        return str(self._held["text"])

    @property
    def citations(self) -> list[Citation]:
        """Where it comes from."""
        return [
            Citation(
                c["passage"],
                c["document"],
                c["answer"][0],
                c["answer"][1],
                c["source"][0],
                c["source"][1],
                c["support"],
            )
            for c in self._held["citations"]
        ]

    @property
    def markers(self) -> list[Marker]:
        """What was marked in it."""
        return [Marker(m["kind"], m["text"], m["at"]) for m in self._held["markers"]]

    @property
    def passages(self) -> list[Passage]:
        """The passages that it was written from."""
        return [_passage(held) for held in self._held["passages"]]

    @property
    def decision(self) -> dict[str, Any]:
        """Which generator and strategy were taken, and what was expected of them."""
        return dict(self._held["decision"])

    @property
    def model(self) -> str:
        """The model that wrote it."""
        return str(self._held["model"])

    @property
    def finish(self) -> str:
        """Why the text ended: stop, length, cancelled or unknown."""
        return str(self._held["finish"])

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens that it took."""
        return dict(self._held["usage"])

    @property
    def cost(self) -> float:
        """What those cost."""
        return float(self._held["cost"])

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of each part."""
        return {timing["name"]: timing["seconds"] for timing in self._held["timings"]}

    @property
    def cached(self) -> bool:
        """Whether it comes from a cache."""
        return bool(self._held["cached"])

    @property
    def at(self) -> float:
        """When it was asked, in seconds since 1970."""
        return float(self._held["at"])

    @property
    def scenario(self) -> str:
        """The scenario whose template was used."""
        return str(self._held["scenario"])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return dict(self._held)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return f"<Answer {text!r}, {len(self._held['citations'])} citations>"


class AnswerStream(Iterator["str | Marker"]):
    """An answer as it is written: pieces of text, and markers.

    All pieces together are the answer's text. :attr:`answer` waits for the end. Closing it, or
    leaving its ``with`` block, stops the generator.
    """

    def __init__(
        self, run: Callable[[Callable[[Any], bool]], Mapping[str, Any]], stop: Callable[[], None]
    ) -> None:
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stop = stop
        self._closed = False
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(run,), daemon=True)
        self._thread.start()

    def _work(self, run: Callable[[Callable[[Any], bool]], Mapping[str, Any]]) -> None:
        try:
            self._answer = Answer(run(self._hear))
        except BaseException as error:  # raised again by whoever reads
            self._error = error
        self._events.put(None)

    def _hear(self, event: Any) -> bool:
        if not self._closed:
            self._events.put(event)
        return not self._closed

    def __iter__(self) -> AnswerStream:
        return self

    def __next__(self) -> str | Marker:
        event = None if self._closed else self._events.get()
        if event is None:
            self._closed = True
            self._thread.join()
            if self._error is not None:
                raise self._error
            raise StopIteration
        return event if isinstance(event, str) else Marker(event[0], event[1], event[2])

    def __aiter__(self) -> AnswerStream:
        return self

    async def __anext__(self) -> str | Marker:
        import asyncio

        event = await asyncio.to_thread(next, self, None)
        if event is None:
            raise StopAsyncIteration
        return event

    @property
    def answer(self) -> Answer:
        """The whole answer, once it is written."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    def close(self) -> None:
        """Stops it: what was written so far is the answer."""
        self._closed = True
        self._stop()
        self._thread.join()

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
