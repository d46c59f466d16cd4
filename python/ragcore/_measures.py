"""What is measured without a model: :func:`groundedness`, :func:`readability` and variety."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from . import _core
from ._arrays import vectors as as_vectors
from ._embedding import Embedder
from ._evaluation import ids_of
from ._hits import Hits
from ._texts import texts as as_texts
from .errors import InvalidArgument


class SentenceSupport(NamedTuple):
    """How far one sentence of an answer is supported."""

    text: str
    #: Where it stands in the answer: ``answer[start:end]``.
    start: int
    end: int
    #: The passage that supports it best, None without any.
    passage: int | None
    #: The cosine with that passage, None without an embedder.
    cosine: float | None
    #: The share of its words that three neighbouring sentences of that passage have in this order.
    rouge_l: float
    #: Whether that passage lacks a number or a name of it.
    differs: bool
    #: The larger of the two, at most 0.3 if it differs.
    score: float


class Groundedness(NamedTuple):
    """How far an answer stands on its passages."""

    #: The mean support of its sentences, in 0 to 1.
    score: float
    #: The share of sentences with a support of at least one half.
    coverage: float
    #: The share of the answer's words that the passages have.
    k_precision: float
    sentences: list[SentenceSupport]


class Readability(NamedTuple):
    """How easily an English text reads."""

    #: The school grade at which it is read with ease (Flesch and Kincaid).
    grade: float
    #: Flesch's reading ease: the higher the easier, mostly 0 to 100.
    ease: float
    words_per_sentence: float
    syllables_per_word: float
    sentences: int
    words: int
    syllables: int


def groundedness(
    answer: str, passages: object, *, embedder: Embedder | None = None
) -> Groundedness:
    """Measures how far an answer is grounded in passages: texts, or the :class:`Hits` of a search.

    Each sentence counts by the order of its words in the passage that supports it best (recall of
    ROUGE-L) and, with an ``embedder``, by the cosine with it, whichever is larger; where the
    passage lacks a number or a name of the sentence it counts 0.3 at most. ``k_precision`` says
    besides how many of the answer's words the passages have. Made for English; a sentence that
    denies what a passage says is not told from one that repeats it.

    >>> import ragcore as rag
    >>> passages = ["The bridge was opened in 1932. It is 1,149 metres long."]
    >>> rag.groundedness("The bridge is 1149 metres long.", passages).score
    1.0
    >>> found = rag.groundedness("The bridge is 1419 metres long.", passages)
    >>> found.score, found.sentences[0].rouge_l, found.sentences[0].differs
    (0.3, 0.8, True)
    """
    listed = passages.texts if isinstance(passages, Hits) else as_texts(passages, "passages")
    known = [text or "" for text in listed] if isinstance(passages, Hits) else listed
    inner = None if embedder is None else embedder._inner
    score, coverage, precision, rows = _core.groundedness(answer, known, inner)  # type: ignore[arg-type]
    sentences = [SentenceSupport(answer[row[0] : row[1]], *row) for row in rows]
    return Groundedness(score, coverage, precision, sentences)


def readability(text: str) -> Readability:
    """Measures how easily an English text reads, by its words a sentence and syllables a word.

    >>> import ragcore as rag
    >>> found = rag.readability("The cat sat on the mat. It was warm.")
    >>> found.sentences, found.words, found.syllables, round(found.grade, 2)
    (2, 9, 9, -2.03)
    """
    return Readability(*_core.readability(text))


def alpha_ndcg(
    ranking: object,
    subtopics: Mapping[str, Iterable[str]],
    *,
    alpha: float = 0.5,
    k: int = 10,
) -> float:
    """Measures novelty and variety of a ranking by what its documents are about (alpha-nDCG).

    ``ranking`` holds ids, best first, or is :class:`Hits`; ``subtopics`` maps ids to names. What a
    document says of a subtopic that ``n`` before it had is worth ``(1 - alpha) ** n``.

    >>> import ragcore as rag
    >>> about = {"a": ["price"], "b": ["price"], "c": ["safety"]}
    >>> rag.alpha_ndcg(["a", "c", "b"], about)
    1.0
    >>> round(rag.alpha_ndcg(["a", "b", "c"], about), 3)
    0.965
    """
    if not isinstance(subtopics, Mapping):
        kind = type(subtopics).__name__
        raise InvalidArgument(f"subtopics must be a dict of ids and names, got {kind}")
    about = []
    for id, names in subtopics.items():
        listed = as_texts(names, f"subtopics[{id!r}]")
        # A set has no order of its own, and messages should not depend on its chance.
        about.append((id, sorted(listed) if isinstance(names, (set, frozenset)) else listed))
    return _core.alpha_ndcg(ids_of(ranking, "ranking"), about, alpha=alpha, k=k)


def intra_list_distance(vectors: object) -> float:
    """Measures how unlike each other items are: the mean of 1 - cosine over all pairs of rows.

    >>> import ragcore as rag
    >>> rag.intra_list_distance([[1.0, 0.0], [0.0, 3.0]])
    1.0
    """
    return _core.intra_list_distance(as_vectors(vectors, "vectors", 1))
