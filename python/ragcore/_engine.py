"""From documents to answers: see :class:`Engine`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

from . import _core
from ._answers import Answer, AnswerStream, Evidence
from ._arrays import vector as as_vector
from ._bandit import Bandit
from ._caching import Cache
from ._collection import Collection
from ._domain import DomainDetector
from ._metrics import MetricsFiles
from ._progress import Progress, watcher
from ._prompting import Prompts
from ._remembered import History, Memory, json_of
from ._routing import Router
from ._texts import records
from ._texts import texts as as_texts
from .errors import InvalidArgument, NotFound


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
        schema = None if memory_schema is None else json_of(memory_schema, "memory_schema")
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
            memory_schema=schema,
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
