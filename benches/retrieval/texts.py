"""Short documents and queries to time lexical search with, cut from collections in BEIR's layout.

Documents are runs of whole sentences, about 40 words in the mean, whose wished-for lengths follow a
log-normal law. Every engine gets the same words: lower case, letters and digits, two at least, so
that analysis does not decide who is fast. Nothing is kept unless a folder is named.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MEAN_WORDS = 40
SPREAD = 0.6
SHORTEST = 5
SETS = ("fiqa_pool", "scifact", "cranfield", "cosqa")
WORD = re.compile(r"[a-z0-9]{2,}")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


class Texts(NamedTuple):
    """Documents as written, and documents and queries as words."""

    raw: list[str]
    documents: list[list[str]]
    short: list[list[str]]
    questions: list[list[str]]


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _records(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield f"{record.get('title', '')} {record['text']}".strip()


def _passages(text: str, rng: random.Random) -> Iterator[str]:
    held: list[str] = []
    count, wished = 0, 0.0
    for sentence in SENTENCE.split(text):
        if not held:
            middle = math.log(MEAN_WORDS) - SPREAD**2 / 2
            wished = max(SHORTEST, rng.lognormvariate(middle, SPREAD))
        held.append(sentence)
        count += len(words(sentence))
        if count >= wished:
            yield " ".join(held)
            held, count = [], 0
    if count >= SHORTEST:
        yield " ".join(held)


def read(data: Path, documents: int, queries: int, seed: int = 5) -> Texts:
    """``documents`` passages; ``queries`` of 3 to 6 informative words of other passages; all
    questions of the collections."""
    rng = random.Random(seed)
    passages: list[str] = []
    for name in SETS:
        for text in _records(data / name / "corpus.jsonl"):
            passages.extend(_passages(text, rng))
    passages = [p for p in dict.fromkeys(passages) if len(words(p)) >= SHORTEST]
    rng.shuffle(passages)
    held_out, raw = passages[:queries], passages[queries : queries + documents]
    split = [words(text) for text in raw]
    held = Counter(word for document in split for word in set(document))
    short: list[list[str]] = []
    for text in held_out:
        likely = sorted({w for w in words(text) if 2 <= held[w] <= 0.05 * len(raw)})
        rng.shuffle(likely)
        if chosen := likely[: rng.randint(3, 6)]:
            short.append(chosen)
    questions = [
        words(text)
        for name in SETS
        for path in sorted((data / name).glob("queries*.jsonl"))
        for text in _records(path)
    ]
    return Texts(raw, split, short, [q for q in questions if q])


def write(texts: Texts, folder: Path) -> None:
    """One text a line, for the Rust program ``lexical``."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = {
        "raw": (" ".join(text.split()) for text in texts.raw),
        "documents": map(" ".join, texts.documents),
        "short": map(" ".join, texts.short),
        "questions": map(" ".join, texts.questions),
    }
    for name, rows in lines.items():
        (folder / f"{name}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=59_000)
    parser.add_argument("--queries", type=int, default=1_000)
    asked = parser.parse_args()
    write(read(asked.data, asked.documents, asked.queries), asked.out)
