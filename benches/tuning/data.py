"""Judged collections in BEIR's layout as the domains of one collection."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import ragcore as rag

#: The sets with the files of further judged questions, and the weight that somebody would set by hand.
SETS = {
    "scifact": ("_train", 0.7),
    "fiqa_pool": ("", 0.5),
    "cosqa": ("_dev", 0.4),
    "cranfield": ("", 0.4),
}


class Question(NamedTuple):
    text: str
    grades: dict[str, float]


class Domain(NamedTuple):
    name: str
    by_hand: float
    ids: list[str]
    texts: list[str]
    questions: list[Question]


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def load(folder: Path, most: int) -> list[Domain]:
    """The sets that are there, each with at most so many questions, spread over all of its own."""
    found = []
    for name, (more, by_hand) in SETS.items():
        place = folder / name
        if not place.is_dir():
            continue
        corpus = lines(place / "corpus.jsonl")
        ids = [f"{name}/{entry['_id']}" for entry in corpus]
        texts = [f"{entry.get('title', '')} {entry['text']}".strip() for entry in corpus]
        known, questions = set(ids), []
        for ending in dict.fromkeys(["", more]):
            grades: dict[str, dict[str, float]] = defaultdict(dict)
            for query, judged in rag.read_qrels(place / f"qrels{ending}.tsv").items():
                kept = {f"{name}/{d}": g for d, g in judged.items()}
                grades[query] = {d: g for d, g in kept.items() if g > 0 and d in known}
            for entry in lines(place / f"queries{ending}.jsonl"):
                if grades.get(entry["_id"]):
                    questions.append(Question(entry["text"], grades[entry["_id"]]))
        step = max(1.0, len(questions) / most)
        chosen = [questions[int(i * step)] for i in range(min(most, len(questions)))]
        found.append(Domain(name, by_hand, ids, texts, chosen))
    return found


def filled(domains: list[Domain], embedder: rag.Embedder) -> rag.Collection:
    """All documents of all domains in one collection."""
    collection = rag.open(embedder=embedder)
    for domain in domains:
        collection.add(domain.ids, domain.texts)
    return collection


def interval(values: np.ndarray) -> tuple[float, float]:
    """A mean with half the width of its 95% interval (Student's t)."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    t = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14)
    factor = t[len(values) - 2] if len(values) - 2 < len(t) else 2.05
    return float(values.mean()), float(factor * values.std(ddof=1) / np.sqrt(len(values)))
