"""Documents with their vectors, postings and dials: see :func:`open` and :class:`Collection`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import _core
from ._arrays import Vectors
from ._arrays import vector as as_vector
from ._arrays import vectors as as_vectors
from ._bandit import Bandit
from ._bandits import CollectionBandits
from ._calibration import Calibration
from ._dials import CollectionSteering
from ._domain import DomainDetector
from ._embedding import Embedder, warn_of_cut
from ._evaluation import judgements, query_id, query_items
from ._hits import Document, Hits
from ._progress import Progress, watcher
from ._shards import ShardRequest, ShardResponse, ShardStatistics, questions
from ._steering import Dials, strengths
from ._texts import records
from ._texts import texts as as_texts
from .errors import InvalidArgument


class Report(NamedTuple):
    """What :meth:`Collection.verify` found."""

    ok: bool
    #: Documents checked.
    documents: int
    #: Records whose checksums were read again; 0 in memory.
    records: int
    bytes: int
    #: Everything that is wrong, one sentence each.
    problems: list[str]


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    embedder: Embedder | None = None,
    dim: int | None = None,
    read_only: bool = False,
    durability: str = "sync",
) -> Collection:
    """Opens the collection in the folder ``path``, or makes it there; in memory if None.

    Texts are embedded by ``embedder``, by the built-in model if it is None. With ``dim`` the
    vectors are the caller's own. ``durability``: ``"sync"`` (acknowledged is on disk), ``"os"``
    (survives the process) or ``"memory"``. One writer at a time: a second one gets ``Locked``.
    Any number of others may open it with ``read_only``: they see every change once its call has
    returned.
    """
    if embedder is not None and not isinstance(embedder, Embedder):
        kind = type(embedder).__name__
        raise InvalidArgument(f"embedder must be an Embedder or None, got {kind}")
    if path is None and read_only:
        raise InvalidArgument("a collection in memory cannot be read_only; name a path")
    return Collection._wrap(
        _core.Collection.open(
            None if path is None else os.fspath(path),
            None if embedder is None else embedder._inner,
            dim=dim,
            read_only=read_only,
            durability=durability,
        )
    )


class Collection:
    """Documents with their vectors, postings and dials in one store. Made by :func:`open`.

    >>> import ragcore as rag
    >>> col = rag.open()
    >>> col.add(["tides", "yeast"], [
    ...     "The moon pulls the sea and makes the tides.",
    ...     "Yeast eats sugar and makes the dough rise.",
    ... ], metadata=[{"year": 2019}, {"year": 2021}])
    >>> col.search("why does bread rise?", k=1).ids
    ['yeast']

    A filter never costs hits, and a refused batch changes nothing:

    >>> col.search("why does bread rise?", k=1, filter={"year": {"$lt": 2020}}).ids
    ['tides']
    >>> col.add(["new", "tides"], ["first", "second"])
    Traceback (most recent call last):
    ragcore.errors.AlreadyExists: the id "tides" is already here; use upsert to replace it
    >>> "new" in col
    False
    """

    __slots__ = ("_inner",)
    _inner: _core.Collection

    def __init__(self) -> None:
        raise TypeError("collections are made by ragcore.open(...)")

    @classmethod
    def _wrap(cls, core: _core.Collection) -> Collection:
        self = cls.__new__(cls)
        self._inner = core
        return self

    def add(
        self,
        ids: object,
        texts: object = None,
        *,
        vectors: object = None,
        metadata: object = None,
        progress: Progress = False,
    ) -> None:
        """Adds documents, all or nothing; ``AlreadyExists`` if any id is here already.

        ``texts``, ``vectors`` of (n, dim) and ``metadata`` (dicts) have one entry for each id.
        Without vectors the texts are embedded. Lists, pandas, Polars and Arrow columns will do.
        Texts longer than the embedder reads are kept and found by their words as a whole, but
        their vectors are of the beginning: a :class:`~ragcore.TruncationWarning` says how many.
        """
        self._put(ids, texts, vectors, metadata, progress, replace=False)

    def upsert(
        self,
        ids: object,
        texts: object = None,
        *,
        vectors: object = None,
        metadata: object = None,
        progress: Progress = False,
    ) -> None:
        """As :meth:`add`, but documents of the same id are replaced as a whole."""
        self._put(ids, texts, vectors, metadata, progress, replace=True)

    def replace(
        self,
        ids: object,
        texts: object = None,
        *,
        removed: object = None,
        filter: Mapping[str, Any] | None = None,
        vectors: object = None,
        metadata: object = None,
        progress: Progress = False,
    ) -> int:
        """Removes documents and adds others in one change, and answers how many were removed.

        ``removed`` are ids, unknown ones being no error, or ``filter`` says which. A crash leaves
        the ones or the others, and no search sees both or neither: for passages of a document
        that is written anew, however many there were.

        >>> import ragcore as rag
        >>> col = rag.open()
        >>> col.add(["m1", "m2", "m3"], ["a", "b", "c"], metadata=[{"of": "manual"}] * 3)
        >>> col.replace(["m1", "m2"], ["d", "e"], filter={"of": "manual"})
        3
        >>> col.ids()
        ['m1', 'm2']
        """
        if (removed is None) == (filter is None):
            raise InvalidArgument("replace takes removed ids or a filter, one of them")
        gone = None if removed is None else as_texts(removed, "removed")
        listed, parts = self._batch(ids, texts, vectors, metadata)
        watch = watcher(progress, "replace")
        count, cut = self._inner.replace(gone, filter, *parts, watch)
        self._warn_of(cut, listed, stacklevel=3)
        return count

    def _put(
        self,
        ids: object,
        texts: object,
        vectors: object,
        metadata: object,
        progress: Progress,
        *,
        replace: bool,
    ) -> None:
        listed, parts = self._batch(ids, texts, vectors, metadata)
        watch = watcher(progress, "upsert" if replace else "add")
        self._warn_of(self._inner.put(*parts, watch, replace), listed, stacklevel=4)

    def _batch(
        self, ids: object, texts: object, vectors: object, metadata: object
    ) -> tuple[list[str] | None, tuple[Any, Any, Any, Any]]:
        """The texts, and all parts as the core takes them."""
        listed = None if texts is None else as_texts(texts, "texts")
        return listed, (
            as_texts(ids, "ids"),
            listed,
            None if vectors is None else as_vectors(vectors, "vectors", self.dim),
            None if metadata is None else records(metadata, "metadata"),
        )

    def _warn_of(self, cut: int, listed: list[str] | None, *, stacklevel: int) -> None:
        if cut and listed is not None:
            limit = self._inner.embedder().max_tokens
            warn_of_cut(cut, len(listed), limit, stacklevel=stacklevel)

    def reembed(
        self, embedder: Embedder, *, forget_learnt: bool = False, progress: Progress = False
    ) -> int:
        """Embeds every text anew by another model and changes over to it, all or nothing.

        Until then searches and writes go on with the old vectors. Answers how many texts were
        embedded now: what was done before the process ended or was interrupted is kept, and the
        next call with the same model goes on from there. Dials, users and a calibration mean
        nothing for other vectors: with some here it is refused without ``forget_learnt``.
        """
        if not isinstance(embedder, Embedder):
            raise InvalidArgument(f"embedder must be an Embedder, got {type(embedder).__name__}")
        watch = watcher(progress, "reembed")
        return self._inner.reembed(embedder._inner, watch, forget_learnt=forget_learnt)

    def delete(self, ids: object = None, *, filter: Mapping[str, Any] | None = None) -> int:
        """Deletes documents by id or by filter, and answers how many were here."""
        if (ids is None) == (filter is None):
            raise InvalidArgument("delete takes ids or a filter, one of them")
        if filter is not None:
            return self._inner.delete_where(filter)
        return self._inner.delete(as_texts(ids, "ids"))

    def get(self, ids: object) -> list[Document | None]:
        """The documents of these ids in their order, None for one that is not here."""
        found = self._inner.get(as_texts(ids, "ids"))
        return [None if parts is None else Document(*parts) for parts in found]

    def ids(self) -> list[str]:
        """All ids, in the order in which their documents were last written."""
        return self._inner.ids()

    def count(self, filter: Mapping[str, Any] | None = None) -> int:
        """The number of documents that a filter keeps."""
        return self._inner.len() if filter is None else self._inner.count(filter)

    def __len__(self) -> int:
        return self._inner.len()

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self._inner.contains(id)

    def search(
        self,
        query: object,
        k: int = 10,
        *,
        vector: object = None,
        filter: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        steer: Dials | None = None,
        user: str | None = None,
        max_loss: float | None = None,
        application: str = "additive",
        diversity: float = 0.0,
        exact: bool = False,
        effort: int | None = None,
        explain: bool = False,
        min_relevance: float | None = None,
        steer_mode: str = "vector",
        tune: Bandit | str | None = None,
        domain: str | DomainDetector | None = None,
    ) -> Hits:
        """Finds the documents that answer a question best, best first.

        ``query`` is a text or a vector; ``vector`` is a text's own embedding, if the caller has
        one. ``mode``: ``"hybrid"``, ``"dense"`` or ``"lexical"``. ``fusion="convex"`` scores
        ``bm25_weight * lexical + (1 - bm25_weight) * dense``, each in [0, 1]; ``"rrf"`` fuses
        ranks. ``steer`` turns dials, ``user`` brings a user's taste; what would cost more of the
        similarity than ``max_loss`` is shortened, and ``application`` is their way (see
        :meth:`SteeringVector.apply`). ``diversity`` in [0, 1] trades score for variety. With
        ``explain`` each hit carries the split of its score.
        After :meth:`calibrate` hits that are less likely to be relevant than ``min_relevance`` are
        left out, so that fewer than ``k`` may come back. ``steer_mode="rerank"`` ranks by how
        likely documents have the quality of a dial instead of moving the query's vector; such
        dials must have been learnt from texts.
        With ``tune`` a bandit, or the one of that name in :attr:`bandits`, chooses ``bm25_weight``
        in the ``domain`` of the question: a name, or a detector that is asked with the question's
        vector; ``"general"`` otherwise. Tell what
        the hits were worth with :meth:`reward`. The arms are weights in 0 to 1, or a grid with
        ``weight``, ``k`` and ``diversity``.
        """
        text = query if isinstance(query, str) else None
        given = vector if text is not None else query
        if text is None and vector is not None:
            raise InvalidArgument("vector belongs to a text; the query is a vector already")
        question = (text, None if given is None else as_vector(given, "vector"))
        [hits] = self._search(
            [question],
            (filter, strengths(steer), user),
            tune,
            domain,
            k=k,
            mode=mode,
            bm25_weight=bm25_weight,
            fusion=fusion,
            max_loss=max_loss,
            application=application,
            diversity=diversity,
            exact=exact,
            effort=effort,
            explain=explain,
            min_relevance=min_relevance,
            steer_mode=steer_mode,
        )
        return hits

    def search_many(
        self,
        queries: object,
        k: int = 10,
        *,
        vectors: object = None,
        filter: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        steer: Dials | None = None,
        user: str | None = None,
        max_loss: float | None = None,
        application: str = "additive",
        diversity: float = 0.0,
        exact: bool = False,
        effort: int | None = None,
        explain: bool = False,
        min_relevance: float | None = None,
        steer_mode: str = "vector",
        tune: Bandit | str | None = None,
        domain: str | DomainDetector | None = None,
    ) -> list[Hits]:
        """As :meth:`search` for many questions: texts, or vectors of (n, dim).

        The texts are embedded together and all threads search. ``vectors`` are the texts' own
        embeddings.
        """
        return self._search(
            questions(queries, vectors, self.dim),
            (filter, strengths(steer), user),
            tune,
            domain,
            k=k,
            mode=mode,
            bm25_weight=bm25_weight,
            fusion=fusion,
            max_loss=max_loss,
            application=application,
            diversity=diversity,
            exact=exact,
            effort=effort,
            explain=explain,
            min_relevance=min_relevance,
            steer_mode=steer_mode,
        )

    def _search(
        self,
        questions: list[tuple[str | None, Vectors | None]],
        shared: tuple[Any, list[tuple[str, float]], str | None],
        tune: Bandit | str | None,
        domain: str | DomainDetector | None,
        **options: Any,
    ) -> list[Hits]:
        if tune is None:
            if domain is not None:
                raise InvalidArgument("domain says where a bandit chooses; give one with tune")
            return [Hits._of(found) for found in self._inner.search(questions, *shared, **options)]
        if isinstance(tune, str):
            tune = self.bandits[tune]
        if not isinstance(tune, Bandit):
            raise InvalidArgument(
                f"tune must be a Bandit, the name of one in bandits, or None, got "
                f"{type(tune).__name__}"
            )
        detector = domain._inner if isinstance(domain, DomainDetector) else None
        name = None if isinstance(domain, DomainDetector) else domain
        found = self._inner.search_tuned(questions, *shared, tune._inner, name, detector, **options)
        return [Hits._of(hits, (tuned, tune)) for hits, tuned in found]

    def reward(self, hits: Hits, reward: float | None = None, *, relevant: object = None) -> float:
        """Tells the bandit that tuned a search what its hits were worth, and answers that.

        ``reward`` is about 0 to 1, as a :class:`Reward` makes it. Or say which documents are
        ``relevant``, ids or a dict of grades: then it is the nDCG of the hits, and the bandit is
        told what every other arm would have earned as well, so that it learns from few questions.

        >>> import ragcore as rag
        >>> col = rag.open()
        >>> col.add(["tides", "yeast"], [
        ...     "The moon pulls the sea and makes the tides.",
        ...     "Yeast eats sugar and makes the dough rise.",
        ... ])
        >>> bandit = rag.Bandit((0.0, 1.0), seed=1)
        >>> hits = col.search("why does bread rise?", tune=bandit, domain="baking")
        >>> hits.domain, 0.0 <= hits.choice.value <= 1.0
        ('baking', True)
        >>> col.reward(hits, relevant=["yeast"])
        1.0
        >>> col.reward(hits, 0.5)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ragcore.errors.InvalidArgument: choice ... was already rewarded, or forgotten...
        """
        if not isinstance(hits, Hits) or hits._tuned is None:
            raise InvalidArgument(
                "only hits of a search with tune can be paid for, as that search gave them"
            )
        tuned, bandit = hits._tuned
        if (reward is None) == (relevant is None):
            raise InvalidArgument("reward takes a number or relevant documents, one of them")
        if reward is not None:
            self._inner.reward(tuned, bandit._inner, reward)
            return reward
        [(_, ids, grades)], _ = judgements({"relevant": relevant})
        return self._inner.reward_relevant(tuned, bandit._inner, ids, grades)[tuned.arm()]

    def calibrate(
        self,
        queries: object,
        qrels: object,
        *,
        method: str = "auto",
        folds: int = 5,
        seed: int = 0,
        k: int = 10,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        effort: int | None = None,
    ) -> Calibration:
        """Learns from judged queries how likely a hit is to be relevant, and keeps the curve.

        From then on searches with the same ``mode``, ``bm25_weight`` and ``fusion`` have
        ``hit.relevance``, a probability, and take ``min_relevance``: one threshold for all
        questions. ``queries`` maps ids to texts, vectors or (text, vector); ``qrels`` is as in
        :func:`evaluate` and has the same ids. Each query is searched for ``k`` hits; those that
        nobody judged count as not relevant. ``method``, ``folds`` and ``seed`` are those of
        :meth:`Calibration.fit`. The last calibration counts.

        >>> import ragcore as rag
        >>> col = rag.open()
        >>> col.add(["tides", "yeast", "loans"], [
        ...     "The moon pulls the sea and makes the tides.",
        ...     "Yeast eats sugar and makes the dough rise.",
        ...     "The bank lends money at a yearly interest rate.",
        ... ])
        >>> queries = {
        ...     "q1": "why does the sea rise and fall?",
        ...     "q2": "what makes dough rise?",
        ...     "q3": "what does the bank lend?",
        ... }
        >>> qrels = {"q1": ["tides"], "q2": ["yeast"], "q3": ["loans"]}
        >>> col.calibrate(queries, qrels).report.pairs
        9
        >>> col.search("how does yeast make the dough rise?", min_relevance=0.5).ids
        ['yeast']
        >>> col.search("who won the football match?", min_relevance=0.5).ids
        []
        """
        items, _ = query_items(queries, "queries")
        judged, _ = judgements(qrels)
        return Calibration._wrap(
            self._inner.calibrate(
                [query_id(id, "queries") for id, _ in items],
                [_question(query, f"queries[{id!r}]") for id, query in items],
                judged,
                {
                    "k": k,
                    "mode": mode,
                    "bm25_weight": bm25_weight,
                    "fusion": fusion,
                    "effort": effort,
                },
                method=method,
                folds=folds,
                seed=seed,
            )
        )

    @property
    def calibration(self) -> Calibration | None:
        """The curve that :meth:`calibrate` has made last, None without one."""
        found = self._inner.calibration()
        return None if found is None else Calibration._wrap(found)

    def clear_calibration(self) -> bool:
        """Forgets the calibration, and answers whether there was one."""
        return self._inner.clear_calibration()

    @property
    def steering(self) -> CollectionSteering:
        """The collection's dials and users, saved with it."""
        return CollectionSteering._of(self._inner)

    @property
    def bandits(self) -> CollectionBandits:
        """The collection's bandits by name, saved with it."""
        return CollectionBandits._of(self._inner)

    def versions(self, ids: object) -> list[int | None]:
        """For each id a number that changes whenever a document of it is written, None without one.

        Equal numbers mean the same document, in every process that reads the store. They also
        change when the log is written anew, see :meth:`compact`.
        """
        return self._inner.versions(as_texts(ids, "ids"))

    @property
    def sequence(self) -> int:
        """A number that changes with everything that is written here, as :meth:`versions` do."""
        return self._inner.sequence()

    def attach(self, path: str | os.PathLike[str]) -> int:
        """Takes in all documents of the collection in another folder, with their texts, metadata
        and vectors, in one change; answers how many. Nothing is embedded again, and that folder
        stays as it is. So workers build parts side by side. Dials, users and bandits are not taken:
        merge those.
        """
        return self._inner.attach(os.fspath(path))

    def shard_statistics(self, request: ShardRequest) -> ShardStatistics:
        """What this collection, as one of several shards, knows of the words of a request."""
        return ShardStatistics._wrap(self._inner.shard_statistics(request._inner))

    def search_shard(self, request: ShardRequest) -> ShardResponse:
        """What this collection, as one of several shards, finds for a request."""
        return ShardResponse._wrap(self._inner.search_shard(request._inner))

    @property
    def dim(self) -> int | None:
        """Numbers in a vector, once known."""
        return self._inner.dim()

    @property
    def embedder(self) -> Embedder:
        """The embedder in use."""
        return Embedder._wrap(self._inner.embedder())

    @property
    def path(self) -> str | None:
        """The folder, None in memory."""
        path = self._inner.path()
        return None if path is None else os.fspath(path)

    def checkpoint(self) -> None:
        """Makes every change durable, and the next opening quick.

        Bytes of what was deleted or replaced are given back where they are more than half.
        """
        self._inner.checkpoint()

    def compact(self) -> None:
        """Gives back disk and memory of what was deleted or replaced: it is gone from the files."""
        self._inner.compact()

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Writes the collection as it is now into an empty folder; it opens like any other."""
        self._inner.backup(os.fspath(path))

    def verify(self) -> Report:
        """Reads every checksum again and checks that the parts agree."""
        found = self._inner.verify()
        return Report(*(found[name] for name in Report._fields))

    def stats(self) -> dict[str, Any]:
        """Figures: documents, vectors, dim, embedder, fingerprint, dials, calibrated_for (which
        searches, in words; None without a calibration), text_bytes, log_bytes,
        image_bytes.
        """
        return self._inner.stats()

    def close(self) -> None:
        """Makes every change durable and lets go of the lock; using it afterwards is ``Closed``."""
        self._inner.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a Collection cannot be pickled; open its path in the other process")

    def __repr__(self) -> str:
        try:
            where = self.path
            return f"Collection({len(self)} documents, {'in memory' if where is None else where})"
        except Exception as error:
            return f"Collection({error})"


def _question(query: object, place: str) -> tuple[str | None, Vectors | None]:
    """A text, a vector, or both as a pair."""
    if isinstance(query, str):
        return query, None
    if isinstance(query, tuple) and len(query) == 2 and isinstance(query[0], str):
        return query[0], as_vector(query[1], place)
    return None, as_vector(query, place)
