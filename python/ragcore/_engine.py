"""From documents to answers: see :class:`Engine`."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

from . import _core
from ._arrays import vector as as_vector
from ._bandit import Bandit
from ._caching import Cache
from ._collection import Collection
from ._domain import DomainDetector
from ._metrics import MetricsFiles
from ._progress import Progress, watcher
from ._prompting import Passage, Prompts
from ._routing import Router
from ._texts import records
from ._texts import texts as as_texts
from .errors import InvalidArgument, NotFound

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
        return dict(self._inner.remember(_json(fact, "a fact")))

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


class Extractive:
    """The generator that needs no model: the best sentences of the passages, with citations."""

    __slots__ = ("_inner",)
    _inner: _core.Extractive

    def __init__(
        self,
        *,
        max_sentences: int | None = None,
        max_tokens: int | None = None,
        min_share: float | None = None,
        relevance_weight: float | None = None,
        language: str | None = None,
    ) -> None:
        self._inner = _core.Extractive(
            max_sentences=max_sentences,
            max_tokens=max_tokens,
            min_share=min_share,
            relevance_weight=relevance_weight,
            language=language,
        )

    def __repr__(self) -> str:
        return "Extractive()"


class Added(NamedTuple):
    """What became of documents."""

    #: The ids of the documents, in the order in which they were given.
    ids: list[str]
    #: Passages that they were divided into.
    passages: int
    #: Passages of earlier versions that they replaced.
    replaced: int


class Engine:
    """Documents in, answers out, with citations, caches and memory.

    >>> import ragcore as rag
    >>> app = rag.Engine(rag.open())
    >>> app.add_documents(
    ...     ["The moon pulls the sea. That makes the tides.",
    ...      "Yeast eats sugar. Its gas makes the dough rise."], ids=["tides", "bread"]).passages
    2
    >>> a = app.ask("what makes the dough rise?", k=1)
    >>> a.text
    'Its gas makes the dough rise. [1]'
    >>> a.citations[0].document
    'bread'
    >>> app.ask("what makes the dough rise?", k=1).cached
    True

    ``generators`` maps names to generators: :class:`Extractive`, :class:`ChatModel`, or any
    function of a prompt (a dict with ``messages``, ``question``, ``passages``) that returns text or
    an iterator of pieces.
    The first is asked unless a router or the question names another. ``bandit`` is the name of one
    of the collection's bandits: it chooses the share of BM25. ``memory_schema`` is a JSON Schema of
    the facts that :meth:`memory` takes, an object whose properties are the keys. ``metrics`` keeps
    what is counted in files (:class:`MetricsFiles`).
    """

    __slots__ = ("_inner",)
    _inner: _core.Engine

    def __init__(
        self,
        collection: Collection,
        *,
        generators: Mapping[str, Any] | None = None,
        router: Router | None = None,
        bandit: str | None = None,
        domains: DomainDetector | None = None,
        cache: Cache | None = None,
        prompts: Prompts | None = None,
        metrics: MetricsFiles | None = None,
        scenario: str | None = None,
        history: bool | None = None,
        memory: bool | None = None,
        memory_schema: Mapping[str, Any] | None = None,
        memory_junk: bool | None = None,
        memory_max_chars: int | None = None,
        memory_previous: bool | None = None,
        threads: int | None = None,
    ) -> None:
        if not isinstance(collection, Collection):
            kind = type(collection).__name__
            raise InvalidArgument(
                f"collection must be a Collection, got {kind}; make one with open"
            )
        if isinstance(bandit, Bandit):
            raise InvalidArgument(
                "bandit must be the name of one of the collection's bandits; keep it there with "
                "collection.bandits[name] = bandit"
            )
        self._inner = _core.Engine.build(
            collection._inner,
            [(name, getattr(g, "_inner", g)) for name, g in (generators or {}).items()],
            None if router is None else router._inner,
            bandit,
            None if domains is None else domains._inner,
            None if cache is None else cache._inner,
            None if prompts is None else prompts._inner,
            None if metrics is None else metrics._inner,
            scenario=scenario,
            history=history,
            memory=memory,
            memory_schema=None if memory_schema is None else _json(memory_schema, "memory_schema"),
            memory_junk=memory_junk,
            memory_max_chars=memory_max_chars,
            memory_previous=memory_previous,
            threads=threads,
        )

    def add_documents(
        self,
        texts_or_paths: Any,
        ids: Any = None,
        metadata: Any = None,
        *,
        tenant: str | None = None,
        max_tokens: int | None = None,
        overlap: int | None = None,
        mode: str | None = None,
        whole: bool | None = None,
        progress: Progress = False,
    ) -> Added:
        """Divides documents into passages, embeds them, and stores each in one atomic change.

        ``texts_or_paths`` is a list of texts; or a path (:class:`os.PathLike`), or a list of those:
        of text files, or of folders of them. What had a document's id before is replaced.
        """
        documents = _documents(texts_or_paths, ids, metadata)
        added = self._inner.add_documents(
            tenant,
            documents,
            watcher(progress, "documents"),
            max_tokens=max_tokens,
            overlap=overlap,
            mode=mode,
            whole=whole,
        )
        return Added(*added[:3])

    def remove_documents(self, ids: Any, *, tenant: str | None = None) -> int:
        """Removes documents; returns how many passages they had."""
        return self._inner.remove_documents(tenant, as_texts(ids, "ids"))

    def document(self, id: str, *, tenant: str | None = None) -> str | None:
        """A document's text as it was added; None if there is none of this id."""
        found = self._inner.document(tenant, id)
        return None if found is None else found[0]

    def documents(self, *, tenant: str | None = None) -> list[str]:
        """The ids of all documents, sorted."""
        return self._inner.documents(tenant)

    def collection(self, *, tenant: str | None = None) -> Collection:
        """The collection of the passages."""
        return Collection._wrap(self._inner.collection(tenant))

    def router(self, *, tenant: str | None = None) -> Router | None:
        """A copy of the router with what it has learnt."""
        found = self._inner.router(tenant)
        return None if found is None else Router._wrap(found)

    def metrics(self) -> dict[str, Any]:
        """What was counted and timed so far, and in the last minutes."""
        return dict(json.loads(self._inner.metrics()[0]))

    def prometheus(self) -> str:
        """The same in the text format of Prometheus."""
        return self._inner.metrics()[1]

    def report(
        self, path: str | os.PathLike[str] | None = None, *, title: str = "Questions and answers"
    ) -> str:
        """A page of charts of the last day, and of all days that are kept in files: HTML that needs
        nothing beside it. Also writes it to ``path``, if one is given.
        """
        page = self._inner.report(title)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def alerts(self) -> list[dict[str, Any]]:
        """The figures that have left their baselines, and those that came back within the last day.

        Each has ``figure`` (``error_rate``, ``latency_p95``, ``hit_rate``, ``cost_per_query``,
        ``tokens_per_query``), ``side`` (``above``, ``below``), ``since`` and ``until`` in Unix
        seconds (None while it lasts), ``baseline``, ``value`` and ``score``.
        """
        return self._inner.alerts()

    def accept_alert(self, figure: str) -> None:
        """Takes what a figure is from now on for its baseline."""
        self._inner.accept(figure)

    def watch(
        self,
        *,
        window_minutes: int = 5,
        min_queries: int = 30,
        baseline_windows: int = 288,
        min_windows: int = 24,
        smoothing: float = 0.2,
        limit: float = 4.5,
        min_change: float = 0.1,
    ) -> None:
        """Watches the figures by other options, from nothing: see docs/metrics.md."""
        self._inner.watch(
            window_minutes=window_minutes,
            min_queries=min_queries,
            baseline_windows=baseline_windows,
            min_windows=min_windows,
            smoothing=smoothing,
            limit=limit,
            min_change=min_change,
        )

    def on_query(self, tell: Callable[[dict[str, Any]], object]) -> int:
        """Calls ``tell`` after every question with its figures, on the thread that asked, which
        waits meanwhile. No text of anybody's is among them. What ``tell`` raises goes to
        :func:`sys.unraisablehook`. Returns a number for :meth:`unsubscribe`; until then the engine
        holds ``tell``, with the engine itself if that does.
        """
        return self._inner.on_query(tell)

    def on_alert(self, tell: Callable[[dict[str, Any]], object]) -> int:
        """Calls ``tell`` with every alert that begins and again with its end, as :meth:`on_query`
        does.
        """
        return self._inner.on_alert(tell)

    def unsubscribe(self, number: int) -> None:
        """Ends what :meth:`on_query` or :meth:`on_alert` began."""
        self._inner.unsubscribe(number)

    @property
    def cache(self) -> Cache:
        """The caches."""
        cache = Cache.__new__(Cache)
        cache._inner = self._inner.cache()
        return cache

    def history(self, *, tenant: str | None = None) -> History:
        """The answers that were given."""
        found = self._inner.history(tenant)
        if found is None:
            raise NotFound("no answers are kept here; make the engine with history=True")
        return History._wrap(found)

    def memory(self, *, tenant: str | None = None) -> Memory:
        """What is remembered of users."""
        found = self._inner.memory(tenant)
        if found is None:
            raise NotFound("nothing is remembered here; make the engine with memory=True")
        return Memory._wrap(found)

    @property
    def generators(self) -> list[str]:
        """The names of the generators."""
        return self._inner.generators()

    @property
    def tenants(self) -> list[str]:
        """The names of the tenants, sorted."""
        return self._inner.tenants()

    def remove_tenant(self, tenant: str) -> bool:
        """Removes a tenant with everything that is stored, learnt and cached of it."""
        return self._inner.remove_tenant(tenant)

    def retrieve(self, question: str, k: int | None = None, **options: Any) -> Evidence:
        """The passages for a question.

        Options: ``dials``, ``user``, ``filter``, ``tenant``, ``vector``, ``budget_tokens`` (2048),
        ``strategy`` (``"passages"`` or ``"documents"``), ``mode``, ``bm25_weight``, ``diversity``,
        ``min_relevance``, ``order`` (``"rank"``, ``"document"``, ``"edges"``), ``cache``.
        """
        return Evidence(self._inner.retrieve(_asked(question, k=k, **options)))

    @overload
    def ask(self, question: str, *, stream: Literal[False] = False, **options: Any) -> Answer: ...
    @overload
    def ask(self, question: str, *, stream: Literal[True], **options: Any) -> AnswerStream: ...
    def ask(self, question: str, *, stream: bool = False, **options: Any) -> Answer | AnswerStream:
        """Answers a question; with ``stream`` piece by piece.

        Options are those of :meth:`retrieve`, and ``session``, ``scenario``, ``generator``,
        ``preference``, ``budget``, ``explore``, ``max_tokens``, ``temperature``, ``timeout_s``,
        ``turns`` (4), ``keep``, ``fields``.
        """
        if not stream:
            return Answer(self._inner.ask(_asked(question, **options)))
        cancel = _core.Cancel()
        asked = _asked(question, cancel=cancel, **options)
        return AnswerStream(lambda hear: self._inner.ask_streaming(asked, hear), cancel.cancel)

    def ask_many(
        self, questions: Iterable[str], *, progress: Progress = False, **options: Any
    ) -> list[Answer | Exception]:
        """Answers many questions at a time; the error of one stands in its place."""
        asked = [_asked(question, **options) for question in as_texts(questions, "questions")]
        answers = self._inner.ask_many(asked, watcher(progress, "questions"))
        return [a if isinstance(a, Exception) else Answer(a) for a in answers]

    def feedback(self, answer: Answer | str, rating: float, *, tenant: str | None = None) -> None:
        """Says what an answer was worth, in 0 to 1: router, bandit and taste learn from it."""
        if isinstance(answer, Answer):
            tenant = answer._held.get("tenant") if tenant is None else tenant
            answer = answer.id
        self._inner.feedback(tenant, answer, rating)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copies everything into the empty folder ``path``."""
        self._inner.backup(os.fspath(path))

    def checkpoint(self) -> None:
        """Makes durable what the router learnt last."""
        self._inner.checkpoint()

    def close(self) -> None:
        """Ends the engine; the collection that it was made on stays open."""
        self._inner.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Engine of {', '.join(self.generators)}>"


def _json(value: Any, what: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidArgument(
            f"{what} holds None, bools, finite numbers, strings, lists and dicts of those"
        ) from None


def _asked(
    question: str,
    *,
    vector: Any = None,
    user: str | None = None,
    session: str | None = None,
    tenant: str | None = None,
    dials: Mapping[str, float] | None = None,
    filter: Mapping[str, Any] | None = None,
    preference: Mapping[str, float] | None = None,
    fields: Mapping[str, str] | None = None,
    cancel: _core.Cancel | None = None,
    **options: Any,
) -> _core.Asked:
    return _core.Asked(
        question,
        None if vector is None else as_vector(vector, "vector"),
        user,
        session,
        tenant,
        list((dials or {}).items()),
        filter,
        list((preference or {}).items()),
        list((fields or {}).items()),
        cancel,
        **options,
    )


def _documents(given: Any, ids: Any, metadata: Any) -> list[tuple[Any, str, Any, bool]]:
    paths = [given] if isinstance(given, os.PathLike) else given
    if isinstance(paths, (list, tuple)) and paths and isinstance(paths[0], os.PathLike):
        if ids is not None:
            raise InvalidArgument("ids are made of paths; leave them out, or give texts")
        read: list[tuple[Any, str, Any, bool]] = []
        for path in paths:
            read.extend(_core.read_documents(os.fspath(path)))
        if metadata is not None:
            raise InvalidArgument(
                "metadata of files are their paths and titles; give texts for others"
            )
        return read
    texts = as_texts(given, "texts_or_paths")
    named = [None] * len(texts) if ids is None else as_texts(ids, "ids")
    held = [None] * len(texts) if metadata is None else records(metadata, "metadata")
    for what, values in (("ids", named), ("metadata", held)):
        if len(values) != len(texts):
            raise InvalidArgument(f"{len(texts)} texts but {len(values)} {what}; give one for each")
    return [(id, text, data, False) for id, text, data in zip(named, texts, held, strict=True)]
