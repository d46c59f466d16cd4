"""Who asks the shards: see :class:`ShardedCollection`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from ._arrays import vectors as as_vectors
from ._calibration import Calibration
from ._collection import Report
from ._embedding import Embedder
from ._hits import Document, Hits
from ._shard_host import Documents, ShardSpec
from ._shards import ShardRequest, ShardResponse, ShardStatistics, shard_of
from ._steering import Steering
from ._texts import records
from ._texts import texts as as_texts
from .errors import AlreadyExists, Corrupt, Error, InvalidArgument, Timeout

#: One verb with its arguments.
Call = tuple[str, tuple[Any, ...]]

#: Between two tries of a verb whose shard was lost: seconds, doubled up to the last.
_PAUSES = (0.05, 2.0)
#: Writes of a shard whose outcome is remembered for searches that began before them.
_REMEMBERED = 1000
#: How often a search is asked again because a write came between its two questions.
_AGAIN = 2


class LostShard(Error):
    """Whoever held a shard is gone, so that it is not known whether the verb was carried out.

    Transports answer it in the place of a result; verbs are sent again until the deadline.
    """

    kind = "io"


class Shards(Protocol):
    """Where shards live, and how they are asked."""

    #: How all of them were opened.
    spec: ShardSpec

    def __len__(self) -> int: ...

    def ask(self, calls: Mapping[int, Call], timeout_s: float) -> dict[int, Any]:
        """Sends each shard its verb, and answers what has come back in time; what a shard raised
        is a value, and one that is gone is :class:`LostShard`.
        """
        ...

    def stage(self, shard: int, folder: str) -> None:
        """Opens another folder for a shard, beside the one that is asked."""
        ...

    def ask_staged(self, shard: int, call: Call, timeout_s: float) -> Any:
        """As ``ask``, of the folder beside; a result or what was raised, None if it is late."""
        ...

    def switch(self, shard: int, take: bool) -> None:
        """Asks the folder beside from now on, or lets go of it."""
        ...

    def close(self) -> None:
        """Ends everything; no verb is under way."""
        ...


class ShardedHits(Hits):
    """Hits of several shards, and how many of them have answered."""

    __slots__ = ("shards_answered", "shards_total")
    shards_answered: int
    shards_total: int


class ShardedCollection:
    """Documents in several shards, with the surface of :class:`Collection`.

    A call waits ``deadline_s`` for all shards and then raises :class:`Timeout`, which names those
    that are late; a shard whose process is gone is asked again until then. With ``partial=True`` a
    search answers with what there is: ``hits.shards_answered`` of ``hits.shards_total``, never
    less without being asked to.

    A batch is atomic in each shard, not across them. ``add`` and ``upsert`` may be tried again
    after an error: what was stored is replaced by itself. ``steering`` holds dials and users, here;
    :meth:`share_steering` gives them to the shards, which reranking needs. One coordinator writes
    at a time; with ``exclusive`` (the default) a shard that is not as the last write left it, such
    as an old copy, raises :class:`Corrupt`.
    """

    def __init__(
        self,
        shards: Shards,
        *,
        steering: Steering | None = None,
        calibration: Calibration | None = None,
        deadline_s: float = 30.0,
        exclusive: bool = True,
    ) -> None:
        if not deadline_s > 0:
            raise InvalidArgument(f"deadline_s must be above 0, got {deadline_s}")
        self.shards = shards
        self.steering = Steering() if steering is None else steering
        self.calibration = calibration
        self.deadline_s = deadline_s
        self._embedder = shards.spec.embedder()
        self._exclusive = exclusive
        self._lock = threading.Lock()
        # By shard: what its sequence was after the last writes, each with its number, and which
        # shards may be otherwise, because a write is under way or has failed.
        self._acks: dict[int, tuple[tuple[int, int], ...]] = {}
        self._unsure: set[int] = set()
        # What was written to shards since they are being moved.
        self._tails: dict[int, list[Call]] = {}
        self._dim: int | None = shards.spec.dim
        self._meet()

    def _meet(self) -> None:
        """Takes all shards as they are."""
        for shard, (_, dim, sequence) in self._all("hello").items():
            self._acknowledge(shard, sequence)
            self._dim = self._dim if dim is None else dim

    def _acknowledge(self, shard: int, sequence: int) -> None:
        acks = self._acks.get(shard, ())
        number = acks[-1][0] + 1 if acks else 0
        self._acks[shard] = (*acks[-_REMEMBERED:], (number, sequence))
        self._unsure.discard(shard)

    @property
    def embedder(self) -> Embedder | None:
        """The model of questions and texts; None where the caller brings vectors."""
        return self._embedder

    @property
    def dim(self) -> int | None:
        """Numbers in a vector, once known."""
        return self._dim

    # Writing

    def add(
        self,
        ids: object,
        texts: object = None,
        *,
        vectors: object = None,
        metadata: object = None,
    ) -> None:
        """Adds documents; :class:`AlreadyExists` if any id is here already, and then none is
        added.
        """
        documents = self._documents(ids, texts, vectors, metadata)
        here = self._each({s: ("present", (part.ids,)) for s, part in documents.items()})
        for shard, found in here.items():
            if found:
                raise AlreadyExists(
                    f'the id "{found[0]}" is already here, in shard {shard}; use upsert to '
                    "replace it"
                )
        self._put(documents)

    def upsert(
        self,
        ids: object,
        texts: object = None,
        *,
        vectors: object = None,
        metadata: object = None,
    ) -> None:
        """As :meth:`add`, but documents of the same id are replaced as a whole."""
        self._put(self._documents(ids, texts, vectors, metadata))

    def delete(self, ids: object = None, *, filter: Mapping[str, Any] | None = None) -> int:
        """Deletes documents by id or by filter, and answers how many were here.

        Where a shard was lost meanwhile and asked again, those of the first time are not counted.
        """
        if (ids is None) == (filter is None):
            raise InvalidArgument("delete takes ids or a filter, one of them")
        if filter is not None:
            return sum(self._write(self._for_all("delete_where", filter)).values())
        parts: dict[int, list[str]] = {}
        for id in as_texts(ids, "ids"):
            parts.setdefault(self.shard_of(id), []).append(id)
        return sum(self._write({s: ("delete", (part,)) for s, part in parts.items()}).values())

    def attach(self, folder: str, shard: int) -> int:
        """Takes the documents of a collection in another folder, all of which must belong to
        ``shard``, into that shard without embedding them; see :meth:`Collection.attach`.
        """
        taken: int = self._write({shard: ("attach", (folder,))})[shard]
        return taken

    def _documents(
        self, ids: object, texts: object, vectors: object, metadata: object
    ) -> dict[int, Documents]:
        named = as_texts(ids, "ids")
        columns: dict[str, Any] = {
            "texts": None if texts is None else as_texts(texts, "texts"),
            "vectors": None if vectors is None else as_vectors(vectors, "vectors", self._dim),
            "metadata": None if metadata is None else records(metadata, "metadata"),
        }
        for name, column in columns.items():
            if column is not None and len(column) != len(named):
                raise InvalidArgument(
                    f"{len(named)} ids but {len(column)} {name}; give one for each"
                )
        seen: set[str] = set()
        for id in named:
            if id in seen:
                raise AlreadyExists(f'the id "{id}" is twice in the batch; give it once')
            seen.add(id)
        places: dict[int, list[int]] = {}
        for row, id in enumerate(named):
            places.setdefault(self.shard_of(id), []).append(row)

        def part(rows: list[int]) -> Documents:
            def of(column: Any) -> Any:
                if column is None or isinstance(column, np.ndarray):
                    return None if column is None else column[rows]
                return [column[row] for row in rows]

            return Documents([named[row] for row in rows], *map(of, columns.values()))

        return {shard: part(rows) for shard, rows in places.items()}

    def _put(self, documents: Mapping[int, Documents]) -> None:
        self._write({shard: ("put", (part,)) for shard, part in documents.items()})

    # Reading

    def search(
        self, query: object, k: int = 10, *, partial: bool = False, **options: Any
    ) -> ShardedHits:
        """Finds the documents that answer a question best; the options are those of
        :meth:`Collection.search`, bandits aside.
        """
        if isinstance(query, str):
            vector = options.pop("vector", None)
            vectors = None if vector is None else np.asarray(vector, np.float32)[None]
            found = self.search_many([query], k, vectors=vectors, partial=partial, **options)
        else:
            found = self.search_many(
                np.asarray(query, np.float32)[None], k, partial=partial, **options
            )
        return found[0]

    def search_many(
        self, queries: object, k: int = 10, *, partial: bool = False, **options: Any
    ) -> list[ShardedHits]:
        """As :meth:`search` for many questions: texts, or vectors of (n, dim)."""
        request = ShardRequest(
            queries, k, embedder=self._embedder, steering=self.steering, **options
        )
        plain = request.to_bytes()
        for again in range(_AGAIN + 1):
            begins = time.monotonic()
            ends = begins + self.deadline_s
            shards: Iterable[int] = range(len(self.shards))
            told: dict[int, ShardStatistics] = {}
            request = ShardRequest.from_bytes(plain)
            if request.needs_statistics:
                # Who is late now must leave the others time for the second question.
                first = begins + self.deadline_s / 2 if partial else ends
                told = self._ask_known(shards, "statistics", plain, ShardStatistics, first, partial)
                request.set_statistics(told.values())
                shards = told
            asked = request.to_bytes()
            found = self._ask_known(shards, "search", asked, ShardResponse, ends, partial)
            between = [s for s in found if s in told and told[s].sequence != found[s].sequence]
            if not between or again == _AGAIN:
                break
        merged = request.merge(found.values(), self.calibration)
        return [self._told(hits, len(found)) for hits in merged]

    def _told(self, hits: Hits, answered: int) -> ShardedHits:
        told = ShardedHits.__new__(ShardedHits)
        told._found, told._made, told._tuned = hits._found, hits._made, hits._tuned
        told.shards_answered, told.shards_total = answered, len(self.shards)
        return told

    def _ask_known(
        self,
        shards: Iterable[int],
        verb: str,
        asked: bytes,
        wanted: type[Any],
        ends: float,
        partial: bool,
    ) -> dict[int, Any]:
        """What shards say that are as the last write left them."""
        before = dict(self._acks)
        unsure = set(self._unsure)
        calls = dict.fromkeys(shards, (verb, (asked,)))
        told = self._each(calls, ends=ends, partial=partial)
        read = {shard: wanted.from_bytes(data) for shard, data in told.items()}
        unsure |= self._unsure
        for shard, said in read.items() if self._exclusive else ():
            # What was written meanwhile may have been seen or not.
            first = before[shard][-1][0]
            since = (sequence for number, sequence in self._acks[shard] if number >= first)
            if shard not in unsure and said.sequence not in since:
                raise Corrupt(
                    f"shard {shard} is not as the last write left it: an older copy, or written by "
                    "somebody else; bring it up to date, or open with exclusive=False"
                )
        return read

    def get(self, ids: object) -> list[Document | None]:
        """The documents of these ids in their order, None for one that is not here."""
        named = as_texts(ids, "ids")
        parts: dict[int, list[int]] = {}
        for row, id in enumerate(named):
            parts.setdefault(self.shard_of(id), []).append(row)
        calls = {s: ("get", ([named[row] for row in rows],)) for s, rows in parts.items()}
        found: list[Document | None] = [None] * len(named)
        for shard, documents in self._each(calls).items():
            for row, document in zip(parts[shard], documents, strict=True):
                found[row] = document
        return found

    def ids(self) -> list[str]:
        """All ids, shard by shard."""
        return [id for _, ids in sorted(self._all("ids").items()) for id in ids]

    def count(self, filter: Mapping[str, Any] | None = None) -> int:
        """The number of documents that a filter keeps."""
        return sum(self._each(self._for_all("count", filter)).values())

    def __len__(self) -> int:
        return self.count()

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.get([id])[0] is not None

    def shard_of(self, id: str) -> int:
        """Which shard a document belongs to."""
        return shard_of(id, len(self.shards))

    # Dials and users

    def learn(self, name: str, positive: object, negative: object, **options: Any) -> None:
        """Learns a dial from texts, calibrates all dials on a sample of all shards, and shares
        them.
        """
        self.steering.learn(name, positive, negative, embedder=self._embedder, **options)
        most = max(1, 400 // len(self.shards))
        told = self._each(self._for_all("sample", most))
        sample = [vector for _, part in sorted(told.items()) for vector in part]
        if len(sample) >= 20:
            self.steering.calibrate(np.array(sample, np.float32))
        self.share_steering()

    def feedback(self, query: object, id: str, rating: float, **options: Any) -> None:
        """Takes a rating of a document that was found for a question: the user's vector moves.

        The other options are those of :meth:`Steering.feedback`. Only the set here learns; searches
        steer by it at once.
        """
        [document] = self.get([id])
        if document is None or document.vector is None:
            raise InvalidArgument(f'the document "{id}" is not here, or has no vector')
        vector: Any = query
        if isinstance(query, str):
            if self._embedder is None:
                raise InvalidArgument(
                    "the question is a text and there is no embedder; give a vector"
                )
            vector = self._embedder.encode([query], kind="query")[0]
        self.steering.feedback(vector, document.vector, rating, **options)

    def share_steering(self) -> None:
        """Gives all shards the dials and users that are here, to the bit; reranking needs it."""
        self._write(self._for_all("steer", self.steering))

    # Upkeep

    def verify(self) -> dict[int, Report]:
        """Of each shard what :meth:`Collection.verify` says."""
        return self._all("verify")

    def checkpoint(self) -> None:
        """Writes images, so that all shards open quickly."""
        self._write(self._for_all("checkpoint"))

    def compact(self) -> None:
        """Gives back the room of what was deleted."""
        self._write(self._for_all("compact"))

    def move(self, shard: int, folder: str) -> None:
        """Moves a shard to an empty folder while searches and writes go on: a snapshot is copied,
        then what was written meanwhile is carried out there as well, for which writers wait.

        Both folders must be within reach of the shard's process. The old one stays as it is.
        """
        if not 0 <= shard < len(self.shards):
            raise InvalidArgument(f"shard must be in 0..={len(self.shards) - 1}, got {shard}")
        with self._lock:
            if shard in self._tails:
                raise InvalidArgument(f"shard {shard} is being moved already")
            self._tails[shard] = []
        try:
            self._each({shard: ("backup", (folder,))})
            self.shards.stage(shard, folder)
            with self._lock:
                # Between the two nobody can tell which of them has answered.
                sure, taken = shard not in self._unsure, False
                self._unsure.add(shard)
                try:
                    sequence = self._catch_up(shard)
                    taken = True
                finally:
                    self.shards.switch(shard, taken)
                    if sure and not taken:
                        self._unsure.discard(shard)
                self._acknowledge(shard, sequence)
        finally:
            with self._lock:
                del self._tails[shard]

    def _catch_up(self, shard: int) -> int:
        """Carries out the tail beside; the sequence that comes of it."""
        sequence = 0
        for call in [("hello", ()), *self._tails[shard]]:
            told = self.shards.ask_staged(shard, call, self.deadline_s)
            if told is None:
                raise Timeout(
                    f"shard {shard} did not answer within {self.deadline_s:.3g} s where it goes"
                )
            if isinstance(told, Exception):
                raise told
            sequence = told[-1]
        return sequence

    def close(self) -> None:
        """Closes all shards; what ran them ends."""
        self.shards.close()

    def __enter__(self) -> ShardedCollection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ShardedCollection({len(self.shards)} shards, dim={self._dim})"

    # Asking

    def _for_all(self, verb: str, *args: Any) -> dict[int, Call]:
        return dict.fromkeys(range(len(self.shards)), (verb, args))

    def _all(self, verb: str) -> dict[int, Any]:
        return self._each(self._for_all(verb))

    def _write(self, calls: Mapping[int, Call]) -> dict[int, Any]:
        """Verbs that change shards, one writer at a time."""
        with self._lock:
            self._unsure.update(calls)
            done: dict[int, Any] = {}

            def keep(shard: int, value: tuple[Any, int]) -> None:
                done[shard] = value[0]
                self._acknowledge(shard, value[1])

            try:
                self._each(calls, each=keep)
            finally:
                # Carried out or not: sent again it does no harm.
                for shard in self._tails.keys() & calls.keys():
                    self._tails[shard].append(calls[shard])
        return done

    def _each(
        self,
        calls: Mapping[int, Call],
        *,
        ends: float | None = None,
        partial: bool = False,
        each: Callable[[int, Any], None] | None = None,
    ) -> dict[int, Any]:
        left_s = self.deadline_s if ends is None else max(0.0, ends - time.monotonic())
        return answered(self.shards.ask, calls, left_s, partial=partial, each=each)

    @contextlib.contextmanager
    def written_elsewhere(self) -> Iterator[None]:
        """While others write to the shards; what they are like then is taken as it is."""
        with self._lock:
            self._unsure.update(range(len(self.shards)))
        yield
        with self._lock:
            self._meet()


def answered(
    ask: Callable[[Mapping[int, Call], float], dict[int, Any]],
    calls: Mapping[int, Call],
    deadline_s: float,
    *,
    partial: bool = False,
    each: Callable[[int, Any], None] | None = None,
) -> dict[int, Any]:
    """What each shard answers, those that were lost asked again; the first error is raised once all
    have answered, and :class:`Timeout` names the late ones.
    """
    ends = time.monotonic() + deadline_s
    told: dict[int, Any] = {}
    errors: dict[int, Exception] = {}
    lost: dict[int, Exception] = {}
    pause = _PAUSES[0]
    left = dict(calls)
    while left:
        lost.clear()
        for shard, value in ask(left, max(0.0, ends - time.monotonic())).items():
            if isinstance(value, LostShard):
                lost[shard] = value
                continue
            del left[shard]
            if isinstance(value, Exception):
                errors[shard] = value
                continue
            told[shard] = value
            if each is not None:
                each(shard, value)
        if not lost or time.monotonic() + pause >= ends:
            break
        time.sleep(pause)
        pause = min(2 * pause, _PAUSES[1])
    if errors:
        shard, error = min(errors.items())
        if len(calls) > 1:
            error.add_note(f"shard {shard}; answered: {sorted(told)}")
        raise error
    if left and not (partial and told):
        late = ", ".join(map(str, sorted(left)))
        why = f": {min(lost.items())[1]}" if lost else ""
        raise Timeout(
            f"{len(left)} of {len(calls)} shards did not answer within {deadline_s:.3g} s "
            f"({late}){why}; try again, wait longer with deadline_s, or search with partial=True"
        )
    return told
