"""Texts to measure with, cut from a retrieval collection in BEIR's layout; never kept.

Passages are runs of whole sentences whose wished-for lengths follow a log-normal law, so that they
are as uneven as real ones: about 90 tokens in the mean, at most 256.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

LONGEST = 256
MEAN_WORDS = 92
SPREAD = 0.65


class Set(NamedTuple):
    """Texts and the tokens of each, special ones included, cut at `LONGEST`."""

    texts: list[str]
    lengths: np.ndarray

    def tokens(self, rows: np.ndarray) -> int:
        return int(self.lengths[rows].sum())

    def pick(self, rows: np.ndarray) -> list[str]:
        return [self.texts[row] for row in rows]


class Texts(NamedTuple):
    passages: Set
    short: Set
    queries: Set
    calibration: list[list[int]]


def _records(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield f"{record.get('title', '')} {record['text']}".strip()


def _passages(documents: list[str], rng: random.Random) -> Iterator[str]:
    for document in documents:
        held: list[str] = []
        words, wished = 0, 0.0
        for sentence in _sentences(document):
            own = len(sentence.split())
            # A sentence goes where the passage ends up nearer to its wished-for length.
            if held and words + own / 2 > wished:
                yield " ".join(held)
                held, words = [], 0
            if not held:
                wished = MEAN_WORDS * math.exp(rng.gauss(-(SPREAD**2) / 2, SPREAD))
            held.append(sentence)
            words += own
        if held:
            yield " ".join(held)


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def read(data: Path, model: Path, seed: int, passages: int) -> Texts:
    """`passages` passages of `corpus.jsonl`, as many short texts, and the short queries."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)

    def measured(texts: list[str], fewest: int, most: int, count: int) -> Set:
        encoded = tokenizer.encode_batch(texts)
        lengths = np.array([len(own.ids) for own in encoded])
        rows = np.flatnonzero((lengths >= fewest) & (lengths <= most))[:count]
        return Set([texts[row] for row in rows], lengths[rows])

    rng = random.Random(seed)
    documents = list(_records(data / "corpus.jsonl"))
    rng.shuffle(documents)
    cut = list(dict.fromkeys(_passages(documents, rng)))
    rng.shuffle(cut)
    # The last ones calibrate a peer's quantisation and are measured by no one.
    calibration, cut = cut[-300:], cut[:-300]
    if len(cut) < passages:
        raise SystemExit(f"{data}: {passages} passages wanted, {len(cut)} found")
    sentences = [s for text in cut[passages:] + cut for s in _sentences(text)]
    sentences = list(dict.fromkeys(sentences))[: passages * 4]
    queries = list(dict.fromkeys(_records(data / "queries.jsonl")))
    extra = [
        name for name in ("queries_train.jsonl", "queries_dev.jsonl") if (data / name).exists()
    ]
    for name in extra:
        queries += list(dict.fromkeys(_records(data / name)))
    return Texts(
        measured(cut[:passages], 1, LONGEST, passages),
        measured(sentences, 5, 32, passages),
        measured(queries, 7, 17, 400),
        [own.ids for own in tokenizer.encode_batch(calibration)],
    )


def budget_batches(lengths: np.ndarray, rows: np.ndarray, budget: int) -> list[np.ndarray]:
    """Rows sorted by length, the longest first, cut so that a batch, padding included, stays
    within `budget` tokens: what a careful caller does for an engine that pads."""
    order = rows[np.argsort(-lengths[rows], kind="stable")]
    out, at = [], 0
    while at < len(order):
        size = max(1, budget // int(lengths[order[at]]))
        out.append(order[at : at + size])
        at += size
    return out
