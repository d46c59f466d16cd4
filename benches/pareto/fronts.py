"""Fronts, ranks and volumes beside moocore: processor time, and whether the answers are equal.

    python benches/pareto/fronts.py [--rounds 5] [--only "front random"]

Random points are uniform in the unit cube; those "all on the front" lie on a sphere around (1, 1, ...),
seen from the origin. One thread each. Both take turns in each round, and a round of something short is
as many calls as make a tenth of a second; the figures are medians over rounds of the processor time of a
call, the ratio is the median of the ratios of rounds, and what stands behind ± is half the distance
between their quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import moocore
import numpy as np
import ragcore as rag


def sphere(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    x = np.abs(rng.standard_normal((n, d)))
    return 1 - x / np.linalg.norm(x, axis=1, keepdims=True)


def cube(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.random((n, d))


def lattice(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return np.floor(rng.random((n, d)) * 20)


def our_front(x: np.ndarray) -> np.ndarray:
    return rag.pareto_front(x)


def their_front(x: np.ndarray) -> np.ndarray:
    return np.flatnonzero(moocore.is_nondominated(x, keep_weakly=True)).astype(np.uint64)


def our_ranks(x: np.ndarray) -> np.ndarray:
    return rag.nondominated_sort(x)


def their_ranks(x: np.ndarray) -> np.ndarray:
    ranks: np.ndarray = moocore.pareto_rank(x)
    return ranks.astype(np.uint64)


def our_volume(x: np.ndarray) -> float:
    return rag.hypervolume(x, np.ones(x.shape[1]))


def their_volume(x: np.ndarray) -> float:
    return float(moocore.hypervolume(x, ref=1.0))


def our_contributions(x: np.ndarray) -> np.ndarray:
    return rag.hypervolume_contributions(x, np.ones(x.shape[1]))


def their_contributions(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = moocore.hv_contributions(x, ref=1.0)
    return found


FRONT, RANKS = (our_front, their_front), (our_ranks, their_ranks)
VOLUME, ALONE = (our_volume, their_volume), (our_contributions, their_contributions)
ROWS: list[tuple[str, Any, Any, list[tuple[int, int]]]] = [
    ("front random", FRONT, cube, [(10**6, 2), (10**6, 3), (10**6, 5)]),
    ("front, all on it", FRONT, sphere, [(10**6, 2), (10**6, 3), (10**4, 5), (10**5, 5)]),
    ("front of a lattice", FRONT, lattice, [(10**6, 3), (10**5, 5)]),
    ("full sort", RANKS, cube, [(10**5, 2), (10**5, 3), (10**4, 5), (10**5, 5)]),
    ("hypervolume", VOLUME, sphere, [(10**5, 2), (10**5, 3), (10**3, 4), (10**3, 5), (100, 6)]),
    ("contributions", ALONE, sphere, [(10**3, 2), (10**3, 3), (100, 5)]),
]


def seconds(call: Callable[[], Any], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) or a.dtype == np.float64:
        return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))
    return bool(np.array_equal(a, b))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    print(f"ragcore {rag.__version__}, moocore {version('moocore')}, NumPy {np.__version__}\n")
    print("| task | n | columns | ragcore ms | moocore ms | ratio | equal |")
    print("|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(7)
    for name, (ours, theirs), make, sizes in ROWS:
        for n, d in sizes if given.only in name else []:
            x = make(rng, n, d)
            calls = (partial(ours, x), partial(theirs, x))
            equal = same(calls[0](), calls[1]())
            times = [max(1, int(0.1 / max(seconds(call, 1), 1e-6))) for call in calls]
            rounds = [
                [seconds(c, t) for c, t in zip(calls, times, strict=True)]
                for _ in range(given.rounds)
            ]
            ratios = sorted(b / a for a, b in rounds)
            mine, peer = (1e3 * statistics.median(r[i] for r in rounds) for i in (0, 1))
            low, _, high = statistics.quantiles(ratios, n=4)
            ratio = f"{statistics.median(ratios):.1f} ± {(high - low) / 2:.1f}"
            print(f"| {name} | {n:,} | {d} | {mine:.2f} | {peer:.2f} | {ratio} | {'yes' if equal else 'NO'} |")


if __name__ == "__main__":
    main()
