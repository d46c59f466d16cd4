"""The feedback filter: what false ratings and one loud voter do to a mean, and its speed.

    python benches/steering/feedback.py

Contamination: n = 1,000 ratings, of which the true ones are normal with mean 0 and deviation 1 and
the given share is false, normal with mean 8 and deviation 0.5. The bias is the weighted mean of
what the filter keeps; 200 draws. Beside it the plain mean, the median, and numpy's three standard
deviations and median absolute deviation.

Attack: 200 users give one rating each; one attacker adds 500. Votes are 1 with probability 0.30,
and so no distance from a centre tells the attacker's 1 from others': only counting users does.
Real ratings are normal about 0.30 with deviation 0.1, and the attacker's lie within 0.001 of 1:
more than half of all, close together, they make outliers of the honest ones unless the median
counts by user too. The bias is the mean less that of the 200.

Confidence: of the mean of n votes, by how they are split.

Speed: ratings given over a year, half-life of a month; processor time for one thread, and the time
of a clock for all threads. The library and numpy take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import ragcore
from ranking import table

SHARES = (0.05, 0.10, 0.20, 0.30, 0.40)
MONTH = 30 * 86400.0


def numpy_sigma(x: np.ndarray) -> float:
    return float(x[np.abs(x - x.mean()) <= 3 * x.std(ddof=1)].mean())


def numpy_mad(x: np.ndarray) -> float:
    centre = np.median(x)
    away = np.abs(x - centre)
    return float(x[away <= 3.5 * np.median(away) / 0.6745].mean())


def kept_mean(x: np.ndarray, **options: object) -> float:
    return ragcore.filter_feedback(x, np.zeros(len(x)), half_life=MONTH, **options).mean


def bias() -> None:
    ways: dict[str, Callable[[np.ndarray], float]] = {
        "ragcore: mad": kept_mean,
        "ragcore: sigma": lambda x: kept_mean(x, method="sigma"),
        "numpy: 3 sigma": numpy_sigma,
        "numpy: MAD 3.5": numpy_mad,
        "median": lambda x: float(np.median(x)),
        "mean": lambda x: float(x.mean()),
    }
    rows = []
    for name, way in ways.items():
        row = [name]
        for share in SHARES:
            found = []
            for draw in range(200):
                rng = np.random.default_rng([draw, int(100 * share)])
                false = rng.random(1000) < share
                found.append(way(np.where(false, rng.normal(8, 0.5, 1000), rng.normal(0, 1, 1000))))
            row.append(f"{abs(np.mean(found)):.3f} ± {1.96 * np.std(found) / np.sqrt(200):.3f}")
        rows.append(row)
    print("Bias of the mean under contamination (truth 0)")
    table(["filter", *(f"{share:.0%}" for share in SHARES)], rows)


def attack() -> None:
    users = np.concatenate([np.arange(200), np.full(500, 200)])
    found: dict[str, dict[str, list[float]]] = {}
    for draw in range(200):
        rng = np.random.default_rng([7, draw])
        honest = {
            "votes": ((rng.random(200) < 0.3) * 1.0, np.ones(500)),
            "real ratings": (rng.normal(0.3, 0.1, 200), rng.uniform(0.999, 1.0, 500)),
        }
        for kind, (true, false) in honest.items():
            x = np.concatenate([true, false])
            tries = {
                "every rating counts": x.mean(),
                "mean of each user's mean": (true.sum() + false.mean()) / 201,
                "ragcore: ratings alone": kept_mean(x),
                "ragcore: users": kept_mean(x, users=users),
                "ragcore: users, per_user=10": kept_mean(x, users=users, per_user=10.0),
                "ragcore: sigma, users": kept_mean(x, users=users, method="sigma"),
            }
            for name, mean in tries.items():
                found.setdefault(name, {}).setdefault(kind, []).append(mean - true.mean())
    print(
        "\nOne attacker with 500 ratings of 1 against 200 users: bias of the mean, and the largest"
    )
    rows = [
        [name, *(f"{np.mean(b):+.3f} ({np.max(np.abs(b)):.3f})" for b in kinds.values())]
        for name, kinds in found.items()
    ]
    table(["filter", "votes", "real ratings"], rows)


def confidence() -> None:
    rows = []
    for count in (1, 3, 10, 100, 1000):
        row = [f"{count:,}"]
        for share in (0.0, 0.1, 0.3, 0.5):
            votes = (np.arange(count) < share * count) * 1.0
            found = ragcore.filter_feedback(votes, np.zeros(count), half_life=MONTH)
            row.append(f"{found.confidence:.3f}")
        rows.append(row)
    print("\nConfidence in the mean of votes, by the share of the fewer")
    table(["votes", "0%", "10%", "30%", "50%"], rows)


def numpy_filter(x: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centre = np.median(x)
    away = np.abs(x - centre)
    kept = away <= 3.0 * np.median(away) / 0.6745
    return np.where(kept, np.exp2((at - at[kept].max()) / MONTH), 0.0), kept


def speed() -> None:
    rows = []
    for count, calls in ((100, 2000), (10_000, 50), (1_000_000, 3)):
        rng = np.random.default_rng(count)
        x, at = rng.normal(size=count), rng.random(count) * 365 * 86400
        votes = (rng.random(count) < 0.3) * 1.0
        users = rng.integers(0, max(count // 10, 1), count)

        def run(x: np.ndarray = x, at: np.ndarray = at, **options: object) -> Callable[[], object]:
            return lambda: ragcore.filter_feedback(x, at, half_life=MONTH, **options)

        ways: dict[str, Callable[[], object]] = {
            "ragcore: mad": run(threads=1),
            "ragcore: mad, all threads": run(),
            "ragcore: mad, votes": run(votes, threads=1),
            "ragcore: mad, users": run(users=users, threads=1),
            "ragcore: mad, users, all threads": run(users=users),
            "ragcore: sigma": run(method="sigma", threads=1),
            "numpy: mad and decay": lambda x=x, at=at: numpy_filter(x, at),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(9):
            for name, way in ways.items():
                clock = time.perf_counter if "all threads" in name else time.process_time
                start = clock()
                for _ in range(calls):
                    way()
                if turn:
                    spent[name].append((clock() - start) / calls)
        for name, seconds in spent.items():
            each = float(np.median(seconds))
            rows.append([f"{count:,}", name, f"{each * 1e6:,.1f}", f"{each / count * 1e9:.2f}"])
    print("\nSpeed of one call, median of 8 rounds in turn; an average of ten ratings a user")
    table(["ratings", "filter", "us", "ns a rating"], rows)


if __name__ == "__main__":
    bias()
    attack()
    confidence()
    speed()
