"""Chunks that are retrieved for questions whose answers are marked in the text: how much of the
marked text is in them (recall), how much of them is marked (precision), and both (IoU), as in
Smith and Troynikov (2024).

    python benches/chunking/run.py --data FOLDER [--model FOLDER] [--corpora NAME ...]
    python benches/chunking/run.py --data FOLDER --pairs semantic:250/recursive:212 ...

FOLDER has `corpora/NAME.md` and `questions.jsonl` with `corpus`, `question` and `references` of
`start` and `end` in characters. Each question is asked of the chunks of all corpora; the five
nearest by cosine are taken. Sizes are the most tokens of a chunk, counted by the model. Pairs are
compared question by question, with the 95% interval of 4,000 resamplings of the questions.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import ragcore as rag

K = 5
MODES = ["recursive", "tokens", "sentence", "markdown", "semantic"]
Span = tuple[int, int]


def recursive(text: str, most: int, count: Callable[[str], int]) -> list[Span]:
    """The field's usual splitter: by the largest separator there is, merged while it fits."""
    separators = ["\n\n", "\n", ". ", " ", ""]

    def fits(start: int, end: int) -> bool:
        return count(text[start:end]) <= most

    def cuts(start: int, end: int, separator: str) -> Iterator[Span]:
        begin, at = start, text.find(separator, start, end)
        while at != -1:
            yield begin, at + len(separator)
            begin = at + len(separator)
            at = text.find(separator, begin, end)
        if begin < end:
            yield begin, end

    def split(start: int, end: int, level: int) -> list[Span]:
        if fits(start, end):
            return [(start, end)]
        while separators[level] not in text[start:end]:
            level += 1
        if separators[level] == "":
            step = max(1, (end - start) * most // count(text[start:end]))
            return [(at, min(end, at + step)) for at in range(start, end, step)]
        found: list[Span] = []
        current: Span | None = None
        for piece in cuts(start, end, separators[level]):
            if current is not None and fits(current[0], piece[1]):
                current = (current[0], piece[1])
                continue
            if current is not None:
                found.append(current)
            current = piece
            if not fits(*piece):
                found += split(*piece, level + 1)
                current = None
        return found + ([current] if current is not None else [])

    return [(a, b) for a, b in split(0, len(text), 0) if text[a:b].strip()]


def judged(
    chunks: dict[str, list[Span]],
    texts: dict[str, str],
    asked: list[dict],
    vectors: np.ndarray,
    embedder: rag.Embedder,
) -> np.ndarray:
    """Recall, precision and IoU of each question."""
    places = [(name, a, b) for name, spans in chunks.items() for a, b in spans]
    rows = np.asarray(embedder.encode([texts[name][a:b] for name, a, b in places]))
    told = []
    for question, vector in zip(asked, vectors, strict=True):
        nearest = np.argsort(-(rows @ vector), kind="stable")[:K]
        taken = [places[i] for i in nearest]
        own = [(a, b) for name, a, b in taken if name == question["corpus"]]
        marked = [(r["start"], r["end"]) for r in question["references"]]
        both = sorted(
            (max(a, c), min(b, d)) for a, b in own for c, d in marked if max(a, c) < min(b, d)
        )
        shared = end = 0
        for a, b in both:
            a = max(a, end)
            shared, end = shared + max(0, b - a), max(end, b)
        wanted, got = sum(b - a for a, b in marked), sum(b - a for _, a, b in taken)
        told.append((shared / wanted, shared / got, shared / (wanted + got - shared)))
    return np.array(told)


def interval(differences: np.ndarray) -> str:
    """Mean and 95% interval by resampling (Efron 1979), seeded."""
    n = len(differences)
    means = differences[np.random.default_rng(0).integers(0, n, (4000, n))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{differences.mean():+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", help="a model folder; the built-in model without it")
    parser.add_argument("--corpora", nargs="*")
    parser.add_argument("--sizes", nargs="*", type=int, default=[200, 250, 400])
    parser.add_argument("--modes", nargs="*", default=MODES)
    parser.add_argument("--pairs", nargs="*", help="two of MODE:SIZE with / between")
    given = parser.parse_args()
    embedder = rag.Embedder() if given.model is None else rag.Embedder(given.model)
    texts = {}
    for path in sorted((given.data / "corpora").iterdir()):
        if not given.corpora or path.stem in given.corpora:
            with path.open(encoding="utf-8", newline="") as file:
                texts[path.stem] = file.read()
    lines = (given.data / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [one for one in map(json.loads, lines) if one["corpus"] in texts]
    vectors = np.asarray(embedder.encode([one["question"] for one in asked], kind="query"))
    characters = sum(map(len, texts.values()))
    print(f"{len(texts)} corpora of {characters:,} characters, {len(asked)} questions, k={K}")
    print("| chunks | most tokens | chunks | mean tokens | recall | precision | IoU | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    count = embedder.count_tokens

    def way(mode: str, size: int) -> Callable[[str], list[Span]]:
        if mode == "recursive":
            return lambda text: recursive(text, size, count)
        chunker = rag.Chunker(embedder, mode=mode, max_tokens=size)
        return lambda text: [(chunk.start, chunk.end) for chunk in chunker.split(text)]

    def row(mode: str, size: int) -> np.ndarray:
        cut = way(mode, size)
        begin = time.process_time()
        chunks = {corpus: cut(text) for corpus, text in texts.items()}
        seconds = time.process_time() - begin
        told = judged(chunks, texts, asked, vectors, embedder) * 100
        sizes = [count(texts[c][a:b]) for c, spans in chunks.items() for a, b in spans]
        cells = [mode, str(size), f"{len(sizes):,}", f"{np.mean(sizes):.0f}"]
        cells += [f"{figure:.2f}" for figure in told.mean(axis=0)] + [f"{seconds:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
        return told

    if given.pairs is None:
        for size in given.sizes:
            for mode in given.modes:
                row(mode, size)
        return
    pairs = [tuple(pair.split("/")) for pair in given.pairs]
    rows = {}
    for one in dict.fromkeys(one for pair in pairs for one in pair):
        mode, size = one.split(":")
        rows[one] = row(mode, int(size))
    print("\n| first less second | recall | IoU |")
    print("|---|---:|---:|")
    for first, second in pairs:
        differences = rows[first] - rows[second]
        cells = [interval(differences[:, 0]), interval(differences[:, 2])]
        print(f"| {first} - {second} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
