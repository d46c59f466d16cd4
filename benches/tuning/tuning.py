"""Four judged sets as four domains of one collection, their questions arriving mixed: how near a
tuned weight comes to the best fixed one of each domain, which is known by trying every weight.

    python benches/tuning/tuning.py --data FOLDER [--model FOLDER] [--seeds 12] [--after 100]

Prints nDCG@10 on questions that were not used for tuning. `README.md` explains the columns.
"""

from __future__ import annotations

import argparse
import math
import random
import time
import warnings
from pathlib import Path

import numpy as np
import ragcore as rag
from data import Domain, Question, filled, interval, load

K = 10
WEIGHTS = [round(i / 20, 2) for i in range(21)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="judged collections in BEIR's layout")
    add("--model", type=Path, help="a model folder; none: the built-in model")
    add("--precision", default="auto", help="of the model: auto, f32, bf16 or int8")
    add("--seeds", type=int, default=12, help="orders in which the questions arrive")
    add("--after", type=int, default=100, help="questions of each domain to tune by")
    add("--questions", type=int, default=400, help="at most so many of each domain")
    add("--examples", type=int, default=30, help="questions of each domain for the detector")
    return parser.parse_args()


def ndcg(ids: list[str], grades: dict[str, float]) -> float:
    gains = sum(grades.get(id, 0.0) / math.log2(i + 2) for i, id in enumerate(ids[:K]))
    best = sorted(grades.values(), reverse=True)[:K]
    return gains / sum(g / math.log2(i + 2) for i, g in enumerate(best))


def swept(col: rag.Collection, questions: list[Question], vectors: np.ndarray) -> np.ndarray:
    """nDCG of every question (row) at every weight (column)."""
    table = np.zeros((len(questions), len(WEIGHTS)))
    texts = [q.text for q in questions]
    for j, weight in enumerate(WEIGHTS):
        found = col.search_many(texts, K, vectors=vectors, bm25_weight=weight)
        table[:, j] = [ndcg(h.ids, q.grades) for h, q in zip(found, questions, strict=True)]
    return table


class Run:
    """One order of arrival, one way to pay, one way to know the domain."""

    def __init__(self, col: rag.Collection, seed: int, judged: bool, priors: dict[str, float]):
        self.col, self.judged = col, judged
        self.bandit = rag.Bandit(WEIGHTS, priors=priors, seed=seed)

    def ask(self, question: Question, vector: np.ndarray, domain: object) -> None:
        hits = self.col.search(question.text, K, vector=vector, tune=self.bandit, domain=domain)
        if self.judged:
            self.col.reward(hits, relevant=question.grades)
        else:
            self.col.reward(hits, ndcg(hits.ids, question.grades))

    def chosen(self, domain: str) -> int:
        known = domain in self.bandit.domains
        return WEIGHTS.index(self.bandit.best(domain)) if known else WEIGHTS.index(0.5)


def main() -> None:
    args = arguments()
    warnings.simplefilter("ignore", rag.TruncationWarning)
    if not args.data.is_dir():
        print(f"skipped: no folder {args.data}")
        return
    domains = load(args.data, args.questions)
    embedder = rag.Embedder(args.model, precision=args.precision)
    col = filled(domains, embedder)
    print(f"{embedder.name}: {len(col)} documents, {len(domains)} domains, nDCG@{K}")
    vectors = {
        d.name: embedder.encode([q.text for q in d.questions], kind="query") for d in domains
    }
    began = time.perf_counter()
    tables = {d.name: swept(col, d.questions, vectors[d.name]) for d in domains}
    searches = sum(table.size for table in tables.values())
    print(f"every weight tried: {searches} searches in {time.perf_counter() - began:.0f} s\n")
    best = {name: int(table.mean(0).argmax()) for name, table in tables.items()}
    everywhere = int(np.mean([t.mean(0) for t in tables.values()], axis=0).argmax())
    for d in domains:
        table, by_hand = tables[d.name].mean(0), WEIGHTS.index(d.by_hand)
        print(
            f"{d.name:10} {len(d.questions):4} questions: best {WEIGHTS[best[d.name]]:.2f} {table.max():.4f}"
            f"  by hand {d.by_hand:.2f} {table[by_hand]:.4f}  one for all {WEIGHTS[everywhere]:.2f}"
            f" {table[everywhere]:.4f}  default 0.25 {table[WEIGHTS.index(0.25)]:.4f}"
        )
    detector = rag.DomainDetector(embedder)
    examples = {d.name: vectors[d.name][:: len(d.questions) // args.examples] for d in domains}
    detector.learn(examples)
    by_hand = {d.name: d.by_hand for d in domains}
    ways = [
        ("paid by a number", False, {}, None),
        ("paid by relevance", True, {}, None),
        ("by a number, guesses", False, by_hand, None),
        ("by relevance, guesses", True, by_hand, None),
        ("by relevance, detected", True, {}, detector),
    ]
    print(f"\nheld-out questions after {args.after} of each domain, {args.seeds} orders")
    print(
        f"{'':24}{'':10}{'tuned':>8}{'- best fixed':>20}{'- by hand':>20}{'- one for all':>20}{'- default':>20}  weights"
    )
    hindsight(args, domains, tables, best, everywhere)
    for title, judged, priors, detected in ways:
        report(
            title, args, domains, vectors, tables, best, everywhere, col, judged, priors, detected
        )


def hindsight(
    args: argparse.Namespace,
    domains: list[Domain],
    tables: dict[str, np.ndarray],
    best: dict[str, int],
    everywhere: int,
) -> None:
    """No bandit: the weight that was best for what arrived, had every weight been tried on it."""
    rows: dict[str, list[list[float]]] = {d.name: [] for d in domains}
    weights: dict[str, list[float]] = {d.name: [] for d in domains}
    for seed in range(args.seeds):
        rng = random.Random(seed)
        for d in domains:
            order = list(range(len(d.questions)))
            rng.shuffle(order)
            arrived, table = order[: args.after], tables[d.name][order[args.after :]]
            chosen = int(tables[d.name][arrived].mean(0).argmax())
            fixed = (best[d.name], WEIGHTS.index(d.by_hand), everywhere, WEIGHTS.index(0.25))
            tuned = table[:, chosen].mean()
            rows[d.name].append([tuned, *(tuned - table[:, j].mean() for j in fixed)])
            weights[d.name].append(WEIGHTS[chosen])
    for d in domains:
        line("best for what arrived", d.name, np.array(rows[d.name]), weights[d.name])
    line("best for what arrived", "all", np.mean([rows[d.name] for d in domains], axis=0), [])


def report(
    title: str,
    args: argparse.Namespace,
    domains: list[Domain],
    vectors: dict[str, np.ndarray],
    tables: dict[str, np.ndarray],
    best: dict[str, int],
    everywhere: int,
    col: rag.Collection,
    judged: bool,
    priors: dict[str, float],
    detector: rag.DomainDetector | None,
) -> None:
    rows: dict[str, list[list[float]]] = {d.name: [] for d in domains}
    weights: dict[str, list[float]] = {d.name: [] for d in domains}
    for seed in range(args.seeds):
        rng = random.Random(seed)
        arriving, held = [], {}
        for d in domains:
            order = list(range(len(d.questions)))
            if detector is not None:
                step = len(d.questions) // args.examples
                order = [i for i in order if i % step]
            rng.shuffle(order)
            arriving += [(d, i) for i in order[: args.after]]
            held[d.name] = order[args.after :]
        rng.shuffle(arriving)
        run = Run(col, seed, judged, priors)
        for d, i in arriving:
            domain = d.name if detector is None else detector
            run.ask(d.questions[i], vectors[d.name][i], domain)
        for d in domains:
            table = tables[d.name][held[d.name]]
            if detector is None:
                tuned = table[:, run.chosen(d.name)].mean()
            else:
                asked = vectors[d.name][held[d.name]]
                found = [x.domain or "general" for x in detector.detect_many(asked)]
                tuned = np.mean([row[run.chosen(f)] for row, f in zip(table, found, strict=True)])
            fixed = (best[d.name], WEIGHTS.index(d.by_hand), everywhere, WEIGHTS.index(0.25))
            rows[d.name].append([tuned, *(tuned - table[:, j].mean() for j in fixed)])
            weights[d.name].append(WEIGHTS[run.chosen(d.name)])
    for d in domains:
        line(title, d.name, np.array(rows[d.name]), weights[d.name])
    line(title, "all", np.mean([rows[d.name] for d in domains], axis=0), [])


def line(title: str, name: str, rows: np.ndarray, weights: list[float]) -> None:
    tuned, _ = interval(rows[:, 0])
    others = [interval(rows[:, j]) for j in range(1, rows.shape[1])]
    told = "".join(f"{mean:+12.4f} ±{half:.4f}" for mean, half in others)
    found = " ".join(f"{w:.2f}" for w in sorted(weights))
    print(f"{title:24}{name:10}{tuned:8.4f}{told}  {found}", flush=True)


if __name__ == "__main__":
    main()
