"""How long it takes to learn a dial from embedded pairs, to calibrate it, and to apply it.

    python benches/steering/speed.py --data DATA --model MODEL --cache CACHE

Through Python, vectors given. Learning: 300 polite and 300 impolite requests, effect and
calibration on the examples included, as `learn` does it; median of 20 rounds in which all methods
take turns, wall and processor time. Scikit-learn fits once, without effect and calibration.
Applying: one query a call, 20,000 calls, median and 99th percentile of the wall; numpy does the
same sum and normalisation.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import methods
import numpy as np
from data import read, split
from gain import arguments
from ranking import table

ROUNDS = 20
CALLS = 20_000


def learning(part) -> None:
    ways: dict[str, Callable[[], object]] = {}
    for pairs in (30, 100, 300, 1000):
        ways[f"ragcore: auto, {pairs} pairs"] = lambda n=pairs: methods.learnt(part, n)
    for name in methods.LIBRARY:
        ways[f"ragcore: {name}"] = lambda name=name: methods.learnt(part, 300, name)
    dial, index = methods.learnt(part, 300), methods.documents(part)
    ways["ragcore: calibrate on 2,000 documents"] = lambda: dial.calibrated(index)
    for name, method in methods.peers().items():
        ways[name] = lambda method=method: method(part, 300)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            if turn:
                spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    rows = []
    for name, each in spent.items():
        wall, cpu = 1e3 * np.median(each, axis=0)
        rows.append([name, f"{wall:.1f}", f"{cpu:.1f}"])
    print("Learning; 300 pairs where none are named")
    table(["what", "wall, ms", "processor, ms"], rows)


def applying(part) -> None:
    import ragcore

    dial = methods.learnt(part, 300).named("polite")
    steering = ragcore.Steering([dial])
    queries = methods.documents(part)
    move = (dial.scale * dial.vector).astype(np.float32)

    def plain(query: np.ndarray) -> np.ndarray:
        moved = query + move
        return moved / np.sqrt(moved @ moved)

    for at in range(300):
        query, item = queries[at], queries[at + 1]
        steering.feedback(query, item, (at % 3) / 2, user="ann", at=float(at))
    ways: dict[str, Callable[[np.ndarray], object]] = {
        "ragcore: SteeringVector.apply": dial.apply,
        "ragcore: Steering.apply, one dial": lambda q: steering.apply(q, {"polite": 1.0}),
        "ragcore: Steering.apply, a dial and a user": lambda q: steering.apply(
            q, {"polite": 1.0}, "ann"
        ),
        "numpy: q + v, divided by its length": plain,
    }
    rows = []
    for name, way in ways.items():
        each = np.empty(CALLS)
        for at in range(CALLS):
            query = queries[at % len(queries)]
            start = time.perf_counter_ns()
            way(query)
            each[at] = time.perf_counter_ns() - start
        p50, p99 = np.percentile(each, [50, 99]) / 1e3
        rows.append([name, f"{p50:.2f}", f"{p99:.2f}"])
    print("\nApplying, one query a call")
    table(["what", "median, us", "p99, us"], rows)


def main() -> None:
    asked = arguments(__doc__).parse_args()
    texts = read(asked.data, asked.model, asked.cache)
    part = split(texts, "polite", 1000, 2_000, 200, 0)
    learning(part)
    applying(part)


if __name__ == "__main__":
    main()
