"""Labelled texts with their vectors, and the splits of one attribute into examples and an index.

    from data import read
    texts = read(Path("DATA"), Path("MODEL"), Path("CACHE"))

`DATA` holds `politeness/texts.jsonl` (requests with the mean score of annotators) and
`emotions/texts.jsonl` (comments with the emotions that readers named). Vectors are made once and
kept in `CACHE` as .npy, which should lie outside the repository.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SETS = ("politeness", "emotions")
EMOTIONS = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion",
    "curiosity", "desire", "disappointment", "disapproval", "disgust", "embarrassment",
    "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness", "optimism", "pride",
    "realization", "relief", "remorse", "sadness", "surprise",
)  # fmt: skip
PLEASANT = (
    "admiration", "amusement", "approval", "caring", "excitement", "gratitude", "joy", "love",
    "optimism", "pride", "relief",
)  # fmt: skip
UNPLEASANT = (
    "anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear",
    "grief", "nervousness", "remorse", "sadness",
)  # fmt: skip

#: What an author would write who names the attribute instead of giving examples.
ANCHORS = {
    "polite": "Please, would you be so kind? Thank you very much.",
    "pleasant": "What a wonderful day, I am so happy about this!",
    "admiration": "This is amazing work, I am impressed.",
    "amusement": "Haha, that is hilarious.",
    "anger": "I am furious about this.",
    "curiosity": "I wonder how that works?",
    "gratitude": "Thank you so much, I am grateful.",
    "love": "I love this with all my heart.",
}


@dataclass(frozen=True)
class Texts:
    """One data set: unit vectors, texts, and a matrix of labels with its names."""

    vectors: np.ndarray
    texts: list[str]
    names: tuple[str, ...]
    labels: np.ndarray

    def column(self, name: str) -> np.ndarray:
        return self.labels[:, self.names.index(name)]


@dataclass(frozen=True)
class Split:
    """One attribute: examples to learn from, and an index to search. Rows of `texts`.

    `positive[i]` and `negative[i]` are drawn independently: pairs of one size, not of one content.
    The index holds the attribute in one half of its documents and shares none with the examples.
    """

    attribute: str
    texts: Texts
    positive: np.ndarray
    negative: np.ndarray
    index: np.ndarray
    #: Of the index: 1 where a document has the attribute.
    truth: np.ndarray
    #: Rows of the index that ask, and those on which strengths are found.
    asked: np.ndarray
    tuned: np.ndarray


def embedder(model: Path):
    import ragcore

    return ragcore.Embedder(str(model))


def read(data: Path, model: Path, cache: Path) -> dict[str, Texts]:
    """Both sets by name; embeds what `cache` does not hold."""
    return {name: _read(name, data, model, cache) for name in SETS}


def anchors(model: Path, cache: Path) -> dict[str, np.ndarray]:
    """The vectors of `ANCHORS`."""
    vectors = _embedded("anchors", list(ANCHORS.values()), model, cache)
    return dict(zip(ANCHORS, vectors, strict=True))


def _read(name: str, data: Path, model: Path, cache: Path) -> Texts:
    with (data / name / "texts.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    # One text may stand in the file twice, under two labels; the first is taken.
    records = list({record["text"]: record for record in reversed(records)}.values())[::-1]
    texts = [record["text"] for record in records]
    if name == "politeness":
        names: tuple[str, ...] = ("polite", "impolite")
        labels = np.array([[record["label"] == n for n in names] for record in records])
    else:
        own = [set(record["labels"]) for record in records]
        sums = {"pleasant": set(PLEASANT), "unpleasant": set(UNPLEASANT)}
        names = (*EMOTIONS, "neutral", *sums)
        labels = np.array([[bool(o & sums.get(n, {n})) for n in names] for o in own])
    return Texts(_embedded(name, texts, model, cache), texts, names, labels)


def _embedded(name: str, texts: list[str], model: Path, cache: Path) -> np.ndarray:
    path = cache / f"{name}-{model.name}.npy"
    if path.exists():
        vectors = np.load(path)
        if len(vectors) == len(texts):
            return vectors
    cache.mkdir(parents=True, exist_ok=True)
    vectors = embedder(model).encode(texts)
    np.save(path, vectors)
    return vectors


def candidates(texts: dict[str, Texts], attribute: str) -> tuple[Texts, np.ndarray, np.ndarray]:
    """Rows that have the attribute, and rows that are its opposite.

    Polite against impolite (the outer quarters of the score), pleasant against unpleasant
    emotions, and one emotion against all comments without it.
    """
    if attribute == "polite":
        kind = texts["politeness"]
        yes, no = kind.column("polite"), kind.column("impolite")
    else:
        kind = texts["emotions"]
        yes = kind.column(attribute)
        no = kind.column("unpleasant") if attribute == "pleasant" else ~yes
        if attribute == "pleasant":
            yes, no = yes & ~no, no & ~yes
    return kind, np.flatnonzero(yes), np.flatnonzero(no)


def split(
    texts: dict[str, Texts], attribute: str, pairs: int, documents: int, queries: int, seed: int
) -> Split:
    """`pairs` examples of each kind, and at most `documents` other texts as the index."""
    rng = np.random.default_rng([seed, sum(attribute.encode())])
    kind, yes, no = candidates(texts, attribute)
    yes, no = rng.permutation(yes), rng.permutation(no)
    half = min(documents // 2, len(yes) - pairs, len(no) - pairs)
    index = np.concatenate([yes[pairs : pairs + half], no[pairs : pairs + half]])
    truth = np.repeat([1.0, 0.0], half)
    order = rng.permutation(len(index))
    drawn = rng.permutation(len(index))
    return Split(
        attribute, kind, yes[:pairs], no[:pairs], index[order], truth[order],
        asked=drawn[:queries], tuned=drawn[queries : 2 * queries],
    )  # fmt: skip
