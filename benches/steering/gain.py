"""What a learnt direction gains of its attribute, and what it costs, beside other ways.

    python benches/steering/gain.py --data DATA --model MODEL --cache CACHE

Protocol. An attribute's texts are split at random into examples and an index (`data.py`): up to
1,000 pairs of examples, of which a method gets the first 10 to 1,000, and up to 2,000 other texts,
half of them with the attribute. 200 documents of the index, whose labels are not looked at, play
the queries: each finds the ten others that score best by `similarity + b * feature`
(`ranking.py`). For every method the strength b is bisected until the mean similarity of all top
tens to their queries has fallen by 5%. The gain is the rise of the share of documents with the
attribute among the top tens, in points. Figures are means over attributes; ± is the 95% interval
over splits (Student's t), each of which draws examples, index and queries anew.

The last table asks what a dial of 1.0 costs: the library calibrates each learnt direction on the
index (3% of similarity, on its own choice of documents), and the loss is measured with all
documents of the index as queries. The spread is the coefficient of variation over attributes.
Beside it the loss of unit vectors and of raw mean differences, at one length for all attributes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import methods
import numpy as np
from data import ANCHORS, anchors, read, split
from ranking import LOSS, Pool, interval, table

PAIRS = (10, 30, 100, 300, 500, 1000)
#: The hand-set rule: 0.7 * similarity + 0.3 * keyword weight.
HEURISTIC = 0.3 / 0.7
#: The library in a collection of the index's documents, where dials are learnt from texts.
VECTOR = "ragcore in a collection: dials move the query"
RERANK = "ragcore in a collection: dials rerank"
#: Documents that play the queries when the library calibrates: its default first.
QUERIES = (100, 400, 1600)


def arguments(about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="politeness and emotions")
    parser.add_argument("--model", type=Path, required=True, help="a folder of an embedding model")
    parser.add_argument("--cache", type=Path, required=True, help="where vectors are kept")
    parser.add_argument("--splits", type=int, default=3)
    return parser


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--attributes", default=",".join(ANCHORS))
    parser.add_argument("--pairs", default=",".join(map(str, PAIRS)))
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--each", action="store_true", help="the gain of each attribute too")
    parser.add_argument("--own", action="store_true", help="the library alone")
    asked = parser.parse_args()
    texts = read(asked.data, asked.model, asked.cache)
    anchored = anchors(asked.model, asked.cache)
    attributes = asked.attributes.split(",")
    sizes = [int(n) for n in asked.pairs.split(",")]

    taught = methods.Taught(asked.model)
    # One after the other for each size, so that a collection serves both.
    both = {VECTOR: taught.vector, RERANK: taught.probability}
    learning = {f"ragcore: {name}": methods.library(name) for name in methods.LIBRARY}
    learning |= both
    if not asked.own:
        learning |= methods.peers()
    if not asked.own:
        learning |= prototypes()
    fixed = ("anchor text", "random direction", "oracle: the labels")
    gains: dict[tuple[str, int], np.ndarray] = {}
    heuristic = np.zeros((2, asked.splits, len(attributes)))
    spread = np.zeros((len(QUERIES) + 4, asked.splits, len(attributes)))
    for at in range(asked.splits):
        for column, name in enumerate(attributes):
            part = split(texts, name, max(sizes), asked.documents, asked.queries, at)
            pool = Pool.of(methods.documents(part), part.asked)

            features = {
                (method, pairs): make(part, pairs)
                for pairs in sizes
                for method, make in learning.items()
            }
            features[fixed[0], 0] = methods.anchor(anchored[name])(part, 0)
            features[fixed[1], 0] = methods.random(part, 0)
            features[fixed[2], 0] = methods.oracle(part, 0)
            for key, feature in features.items():
                empty = np.zeros((asked.splits, len(attributes)))
                gains.setdefault(key, empty)[at, column] = pool.gain(feature, part.truth)
            words = methods.keyword(part, min(300, max(sizes)))
            found = part.truth[pool.top(words, HEURISTIC)].mean()
            rise = 100 * (found - part.truth[pool.top(words, 0.0)].mean())
            heuristic[:, at, column] = rise, 100 * pool.lost(words, HEURISTIC)
            spread[:, at, column] = losses(part, min(300, max(sizes)), taught)

    counted = ", ".join(attributes)
    print(
        f"Attribute gain in the top 10 in points at {LOSS:.0%} similarity loss, "
        f"{asked.splits} splits;"
    )
    print(f"mean of {counted}.")
    rows = []
    for method in learning:
        rows.append([method, *(interval(gains[method, n].mean(axis=1)) for n in sizes)])
    for method in fixed:
        rows.append([method, interval(gains[method, 0].mean(axis=1)), *[""] * (len(sizes) - 1)])
    table(["method \\ pairs", *map(str, sizes)], rows)
    rise, cost = heuristic.mean(axis=2)
    print(
        f"\n0.7 * similarity + 0.3 * keyword weight as it stands: {interval(rise)} points for "
        f"{interval(cost)}% of similarity."
    )
    if asked.each:
        middle = min(300, max(sizes))
        rows = [
            [method, *(interval(gains[method, middle][:, c]) for c in range(len(attributes)))]
            for method in learning
        ]
        table([f"{middle} pairs", *attributes], rows)

    print("\nLoss of similarity in % at dial 1.0, 300 pairs, auto")
    names = [f"ragcore, calibrated on the index by {n} queries" for n in QUERIES]
    names += [VECTOR, RERANK]
    names += ("unit vectors", "mean differences as they are")
    rows = []
    for name, losses_of in zip(names, spread, strict=True):
        variation = losses_of.std(axis=1, ddof=1) / losses_of.mean(axis=1)
        each = [f"{loss:.2f}" for loss in losses_of.mean(axis=0)]
        rows.append([name, interval(variation, 3), *each])
    table(["length of a dial", "coefficient of variation", *attributes], rows)


def prototypes() -> dict[str, methods.Method]:
    return {
        "numpy: probability, embedding": methods.probability(False),
        "numpy: probability, embedding and n-grams": methods.probability(True),
        "numpy: one vector towards these": methods.distilled,
        "keyword weight, tuned": methods.keyword,
    }


def losses(part, pairs: int, taught: methods.Taught) -> list[float]:
    """The loss in % of calibrated dials, and of two lengths that know nothing of the index."""
    index = methods.documents(part)
    pool = Pool.of(index, np.arange(len(index)))
    dial = methods.learnt(part, pairs)
    projected = index @ dial.vector
    plus, minus = (rows.mean(axis=0) for rows in methods.examples(part, pairs))
    tries = [(projected, dial.calibrated(index, max_queries=n).scale) for n in QUERIES]
    scales = taught.scales(part, pairs)
    tries += zip((taught.vector(part, pairs), taught.probability(part, pairs)), scales, strict=True)
    tries += [(projected, 0.45), (index @ (plus - minus), 1.2)]
    return [100 * pool.lost(feature, b) for feature, b in tries]


if __name__ == "__main__":
    main()
