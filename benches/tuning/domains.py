"""Which of the judged sets a question belongs to, told from examples or from a line each; questions
of a set that was left out belong to none. And how long that takes.

    python benches/tuning/domains.py --data FOLDER [--model FOLDER] [--examples 50]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import ragcore as rag
from data import load

LINES = {
    "scifact": "claims about medicine and biology: cells, genes, proteins, patients and diseases",
    "fiqa_pool": "personal finance: banks, loans, taxes, stocks, credit and investment",
    "cosqa": "programming questions: python code for lists, strings, files and data frames",
    "cranfield": "aerodynamics: flow, boundary layers, wings, shock waves, heat and structures",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="judged collections in BEIR's layout")
    add("--model", type=Path, help="a model folder; none: the built-in model")
    add("--precision", default="auto", help="of the model: auto, f32, bf16 or int8")
    add("--threads", type=int, help="of the embedder; none: all")
    add("--examples", type=int, default=50, help="questions of each domain to learn from")
    return parser.parse_args()


def detector(embedder: rag.Embedder, examples: dict[str, object]) -> rag.DomainDetector:
    made = rag.DomainDetector(embedder)
    made.learn(examples)
    return made


def measured(title: str, made: rag.DomainDetector, asked: dict[str, np.ndarray]) -> None:
    """Accuracy with the mean probability of what was said, and how much of a stranger was told."""
    right, sure, log_loss, told = [], [], [], []
    for name, vectors in asked.items():
        for found in made.detect_many(vectors):
            truth = name if name in made.domains else None
            p = found.none if truth is None else found.probabilities[truth]
            right.append(found.domain == truth)
            sure.append(found.probability)
            log_loss.append(-np.log(max(p, 1e-12)))
            told.append((truth is None, found.domain is None))
    known = [d for none, d in told if not none]
    strange = [d for none, d in told if none]
    none = f"  strangers told {np.mean(strange):.3f}" if strange else ""
    print(
        f"{title:44} right {np.mean(right):.3f}  said {np.mean(sure):.3f}  log loss {np.mean(log_loss):.3f}"
        f"  taken for strangers {np.mean(known):.3f}{none}"
    )


def main() -> None:
    args = arguments()
    if not args.data.is_dir():
        print(f"skipped: no folder {args.data}")
        return
    domains = load(args.data, 400)
    embedder = rag.Embedder(args.model, precision=args.precision, threads=args.threads)
    print(f"{embedder.name}, {embedder.precision}, {embedder.dim} dimensions")
    vectors = {
        d.name: embedder.encode([q.text for q in d.questions], kind="query") for d in domains
    }
    rest = {
        name: rows[200:] if len(rows) > 250 else rows[len(rows) // 2 :]
        for name, rows in vectors.items()
    }
    for n in (2, 5, 10, args.examples):
        learnt = {name: rows[:n] for name, rows in vectors.items()}
        measured(f"{n} examples each", detector(embedder, learnt), rest)
    measured("a line each", detector(embedder, {d.name: LINES[d.name] for d in domains}), rest)
    for left in vectors:
        learnt = {name: rows[: args.examples] for name, rows in vectors.items() if name != left}
        measured(
            f"{args.examples} examples each, {left} left out", detector(embedder, learnt), rest
        )
    speed(detector(embedder, {n: rows[: args.examples] for n, rows in vectors.items()}), domains)


def speed(made: rag.DomainDetector, domains: list) -> None:
    texts = [q.text for d in domains for q in d.questions[:100]]
    np.random.default_rng(1).shuffle(texts)
    for text in texts[:20]:
        made.detect(text)
    wall, busy = [], []
    for text in texts:
        began = time.perf_counter(), time.process_time()
        made.detect(text)
        wall.append(1e3 * (time.perf_counter() - began[0]))
        busy.append(1e3 * (time.process_time() - began[1]))
    for name, times in (("wall", wall), ("processor", busy)):
        print(
            f"one text, embedding included, {name}: median {np.median(times):.3f} ms, "
            f"95% {np.percentile(times, 95):.3f} ms"
        )
    row = np.ones(made._inner.dim() or 1, np.float32)
    alone = []
    for _ in range(2000):
        began = time.process_time()
        made.detect(row)
        alone.append(1e3 * (time.process_time() - began))
    print(f"its vector given, processor: median {np.median(alone):.4f} ms")
    ratios, one, ten = [], [], []
    for i in range(0, len(texts) - 10, 10):
        some = texts[i : i + 10]
        began = time.process_time(), time.perf_counter()
        for text in some:
            made.detect(text)
        middle = time.process_time(), time.perf_counter()
        made.detect_many(some)
        end = time.process_time(), time.perf_counter()
        one.append(1e3 * (middle[1] - began[1]))
        ten.append(1e3 * (end[1] - middle[1]))
        ratios.append((middle[0] - began[0]) / max(end[0] - middle[0], 1e-9))
    print(
        f"ten texts: one by one {np.median(one):.2f} ms, together {np.median(ten):.2f} ms; "
        f"processor time {np.median(ratios):.2f} times"
    )


if __name__ == "__main__":
    main()
