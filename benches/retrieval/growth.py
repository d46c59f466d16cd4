"""How the dense index slows down as it grows: queries a second at a recall, by the number of rows.

    python benches/retrieval/growth.py --vectors FILE.npy [--sizes 10000,100000] [--plot FILE.png]

FILE.npy holds float16 or float32 rows in random order, such as `windows.py` writes; the last
`--queries` of them are the queries and an index of n rows has the first n. All indexes are there at
once; in a round each answers the queries at every effort, in shuffled order. Times are processor
time of one thread. If speed falls no faster than log n, the last column stays at 1 or above.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

# Before NumPy starts threads.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from dense_report import at  # noqa: E402

K = 10
EFFORTS = (10, 12, 14, 17, 20, 24, 28, 34, 40, 48, 56, 68, 80, 100, 120, 160, 220, 300)
RECALLS = (0.95, 0.99)
BLOCK = 50_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--vectors", type=Path, required=True)
    add("--queries", type=int, default=1000)
    add("--sizes", default="10000,30000,100000,300000,1000000")
    add("--rounds", type=int, default=3)
    add("--seed", type=int, default=7)
    add("--keep", type=Path, help="a folder where the indexes stay for the next run")
    add("--plot", type=Path, help="where the picture goes, as PNG")
    add("--out", type=Path, help="where every figure goes, as JSON")
    return parser.parse_args()


def unit(rows: np.ndarray) -> np.ndarray:
    rows = np.array(rows, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def tenth_best(rows: np.ndarray, queries: np.ndarray, sizes: list[int]) -> dict[int, np.ndarray]:
    """The score of each query's tenth neighbour among the first rows, for each size."""
    best = np.full((len(queries), K), -np.inf, dtype=np.float32)
    found: dict[int, np.ndarray] = {}
    edges = sorted({*range(0, max(sizes), BLOCK), *sizes})
    for start, end in pairwise(edges):
        scores = np.concatenate([best, queries @ unit(rows[start:end]).T], axis=1)
        best = np.partition(scores, -K, axis=1)[:, -K:]
        if end in sizes:
            found[end] = best.min(axis=1)
    return found


def measured(args: argparse.Namespace) -> list[dict[str, Any]]:
    import ragcore

    rng = random.Random(args.seed)
    rows = np.load(args.vectors, mmap_mode="r")
    sizes = [int(n) for n in args.sizes.split(",") if int(n) <= len(rows) - args.queries]
    queries = unit(rows[len(rows) - args.queries :])
    worst = tenth_best(rows, queries, sizes)
    indexes, records = {}, []
    for n in sizes:
        kept = None if args.keep is None else args.keep / f"{n}.index"
        if kept is not None and kept.exists():
            indexes[n] = ragcore.DenseIndex.open(kept)
            took = json.loads(kept.with_suffix(".json").read_text())
        else:
            indexes[n] = ragcore.DenseIndex(rows.shape[1])
            start, began = time.process_time(), time.perf_counter()
            indexes[n].add(np.arange(n, dtype=np.uint64), unit(rows[:n]))
            took = [time.process_time() - start, time.perf_counter() - began]
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                indexes[n].save(kept)
                kept.with_suffix(".json").write_text(json.dumps(took))
        records.append({"rows": n, "build_cpu_s": took[0], "build_wall_s": took[1], "points": {}})
        print(f"{n} rows: built in {took[0]:.1f} CPU s, {took[1]:.1f} s", flush=True)
    turns = [(record, effort) for record in records for effort in EFFORTS]
    for _ in range(args.rounds):
        rng.shuffle(turns)
        for record, effort in turns:
            n = record["rows"]
            search = indexes[n].search
            for query in queries[:50]:
                search(query, K, effort=effort, threads=1)
            start = time.process_time()
            found = [search(query, K, effort=effort, threads=1) for query in queries]
            one = time.process_time() - start
            start = time.process_time()
            search(queries, K, effort=effort, threads=1)
            batch = time.process_time() - start
            point = record["points"].setdefault(effort, {"one": [], "batch": []})
            point["one"].append(len(queries) / one)
            point["batch"].append(len(queries) / batch)
            if "recall" not in point:
                point["recall"] = recall(rows, queries, found, worst[n])
    return records


def recall(rows: np.ndarray, queries: np.ndarray, found: list, worst: np.ndarray) -> float:
    right = 0
    for query, (keys, _), least in zip(queries, found, worst, strict=True):
        # An exact tie is as good as what it ties with.
        own = unit(rows[np.sort(np.asarray(keys, dtype=np.int64))])
        right += int((own @ query >= least - 1e-6).sum())
    return right / (K * len(queries))


def speed(record: dict[str, Any], way: str, wanted: float) -> float | None:
    curve = [(p["recall"], median(p[way])) for p in record["points"].values()]
    return at(curve, wanted)


def table(records: list[dict[str, Any]]) -> str:
    head = ["rows", "build CPU s", "us a row"]
    for wanted in RECALLS:
        for way in ("one a call", "all in a call"):
            head += [f"{way}, .{wanted * 100:.0f}", "times log n, of the first"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for record in records:
        n = record["rows"]
        cells = [f"{n:,}", f"{record['build_cpu_s']:.1f}", f"{record['build_cpu_s'] / n * 1e6:.0f}"]
        for wanted in RECALLS:
            for way in ("one", "batch"):
                own, first = speed(record, way, wanted), speed(records[0], way, wanted)
                cells.append("-" if own is None else f"{own:,.0f}")
                grown = math.log(n) / math.log(records[0]["rows"])
                cells.append(f"{own / first * grown:.2f}" if own and first else "-")
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("\neffort: recall, queries a CPU second one a call and all in a call")
    for record in records:
        points = sorted(record["points"].items())
        parts = (
            f"{e}: {p['recall']:.4f} {median(p['one']):,.0f} {median(p['batch']):,.0f}"
            for e, p in points
        )
        lines.append(f"{record['rows']:,}: " + "; ".join(parts))
    return "\n".join(lines)


def plot(records: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(13, 5.5), sharey=True)
    titles = {"one": "one query a call", "batch": "all queries in one call"}
    for panel, (way, title) in zip(panels, titles.items(), strict=True):
        for wanted, color in zip(RECALLS, ("tab:blue", "tab:orange"), strict=True):
            rates = [(r["rows"], speed(r, way, wanted)) for r in records]
            points = [(n, rate) for n, rate in rates if rate]
            if not points:
                continue
            n, rate = zip(*points, strict=True)
            panel.plot(n, rate, "o-", color=color, label=f"recall .{wanted * 100:.0f}")
            line = [rate[0] * math.log(n[0]) / math.log(m) for m in n]
            panel.plot(n, line, "--", color=color, alpha=0.7, label="falling as log n grows")
        panel.set_xscale("log")
        panel.set_xlabel("rows")
        panel.set_title(title)
        panel.grid(visible=True, which="both", alpha=0.25)
    panels[0].set_ylabel("queries per second of processor time, one thread")
    # Both panels share it; set before both are drawn, it would be the first one's.
    panels[0].set_ylim(bottom=0)
    panels[1].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    args = arguments()
    records = measured(args)
    print("\n" + table(records))
    if args.out is not None:
        args.out.write_text(json.dumps(records))
    if args.plot is not None:
        plot(records, args.plot)


if __name__ == "__main__":
    main()
