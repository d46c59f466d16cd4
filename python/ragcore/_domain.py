"""Which domain a text belongs to: see :class:`DomainDetector`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import _core
from ._arrays import vector as as_vector
from ._arrays import vectors as as_vectors
from ._embedding import Embedder
from ._texts import texts_or_vectors
from .errors import InvalidArgument


class Detection(NamedTuple):
    """What a text was found to be."""

    #: The likeliest domain, None if it is likelier to belong to none of them.
    domain: str | None
    #: How likely that is.
    probability: float
    #: How likely each domain is; what is missing to 1 is none of them.
    probabilities: dict[str, float]
    #: How likely it is none of them.
    none: float


class DomainDetector:
    """Tells domains apart, and texts that belong to none of them.

    It learns from examples or from a line that describes a domain, and goes on learning. Texts are
    embedded by ``embedder``, by the built-in model if it is None. ``background`` is the share of
    texts that are expected to belong to no domain.

    >>> import ragcore as rag
    >>> detector = rag.DomainDetector()
    >>> detector.learn({
    ...     "health": ["symptoms of the flu", "is this medicine safe for children?"],
    ...     "finance": "loans, interest rates, shares and taxes",
    ... })
    >>> detector.detect("what dose of this medicine is safe?").domain
    'health'
    >>> detector.domains
    {'finance': 1, 'health': 2}

    A collection asks it with the vector that a question has anyway:
    ``col.search(query, tune=bandit, domain=detector)``.
    """

    __slots__ = ("_inner", "_used")
    _inner: _core.DomainDetector
    _used: Embedder | None

    def __init__(self, embedder: Embedder | None = None, *, background: float = 0.2) -> None:
        if embedder is not None and not isinstance(embedder, Embedder):
            kind = type(embedder).__name__
            raise InvalidArgument(f"embedder must be an Embedder or None, got {kind}")
        self._inner = _core.DomainDetector(background=background)
        self._used = embedder

    @classmethod
    def _wrap(cls, core: _core.DomainDetector, embedder: Embedder | None) -> DomainDetector:
        self = cls.__new__(cls)
        self._inner, self._used = core, embedder
        return self

    def _embedder(self) -> Embedder:
        if self._used is None:
            self._used = Embedder()
        return self._used

    def learn(self, examples: Mapping[str, object]) -> None:
        """Learns from examples of domains, besides those that it has; all or nothing.

        ``examples`` maps domains to a line of description, a list of texts, or vectors of (n, dim).
        """
        if not isinstance(examples, Mapping):
            kind = type(examples).__name__
            raise InvalidArgument(f"examples must be a dict of domains and examples, got {kind}")
        given: list[tuple[str, Any]] = []
        by_text = False
        for name, values in examples.items():
            place = f"examples[{name!r}]"
            listed, rest = texts_or_vectors([values] if isinstance(values, str) else values, place)
            by_text = by_text or listed is not None
            given.append((name, as_vectors(rest, place, 1) if listed is None else listed))
        self._inner.learn(given, self._embedder()._inner if by_text else None)

    def detect(self, text_or_vector: object) -> Detection:
        """Which domain a text, or a vector of the same model, belongs to."""
        if isinstance(text_or_vector, str):
            [found] = self._inner.detect_texts(self._embedder()._inner, [text_or_vector])
        else:
            row = as_vector(text_or_vector, "vector")
            [found] = self._inner.detect_vectors(row.reshape(1, -1))
        return detection(found)

    def detect_many(self, texts_or_rows: object) -> list[Detection]:
        """As :meth:`detect` for many: texts are embedded together."""
        listed, rest = texts_or_vectors(texts_or_rows, "texts")
        if listed is not None:
            found = self._inner.detect_texts(self._embedder()._inner, listed)
        else:
            found = self._inner.detect_vectors(as_vectors(rest, "vectors", self._inner.dim()))
        return [detection(parts) for parts in found]

    @property
    def domains(self) -> dict[str, int]:
        """The domains with the number of their examples, in alphabetical order."""
        return dict(self._inner.domains())

    def merge(self, other: DomainDetector) -> None:
        """Adds what another detector has learnt from other examples."""
        self._inner.merge(other._inner)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything but the embedder to one file."""
        self._inner.save(os.fspath(path))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, embedder: Embedder | None = None
    ) -> DomainDetector:
        """Reads what :meth:`save` wrote."""
        return cls._wrap(_core.DomainDetector.load(os.fspath(path)), embedder)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._inner.to_bytes(), self._used)

    def __repr__(self) -> str:
        return f"DomainDetector({self.domains})"


def detection(parts: tuple[str | None, float, list[tuple[str, float]], float]) -> Detection:
    """The plain values of the extension with names."""
    domain, probability, probabilities, none = parts
    return Detection(domain, probability, dict(probabilities), none)


def _restore(data: bytes, embedder: Embedder | None) -> DomainDetector:
    return DomainDetector._wrap(_core.DomainDetector.from_bytes(data), embedder)
