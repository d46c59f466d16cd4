"""The feedback filter: what false ratings and one loud voter do to a mean, and its speed.

    python benches/steering/feedback.py

Contamination: n = 1,000 ratings, of which the true ones are normal with mean 0 and deviation 1 and
the given share is false, normal with mean 8 and deviation 0.5. The bias is the weighted mean of
what the filter keeps; 200 draws. Beside it the plain mean, the median, and numpy's three standard
deviations and median absolute deviation.

Attack: 200 users give one vote each, true with probability 0.30; one attacker adds 500 votes of 1.
The bias is the weighted mean less 0.30. Votes are 0 or 1, so no distance from a centre tells the
attacker's from others': only counting users does. Where the filter takes no users, this is what
`filter_feedback` does with the votes alone.

Speed: ratings given over a year, half-life of a month; the library and numpy take turns.
"""

from __future__ import annotations

import inspect
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
    weights, _ = ragcore.filter_feedback(x, np.zeros(len(x)), half_life=MONTH, **options)
    return float(weights @ x / weights.sum())


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
    accepts = inspect.signature(ragcore.filter_feedback).parameters
    found: dict[str, list[float]] = {}
    for draw in range(200):
        rng = np.random.default_rng([7, draw])
        votes = np.concatenate([(rng.random(200) < 0.3) * 1.0, np.ones(500)])
        users = np.concatenate([np.arange(200), np.full(500, 200)])
        at = np.zeros(len(votes))
        weights, _ = ragcore.filter_feedback(votes, at, half_life=MONTH)
        tries = {
            "every vote counts": votes.mean(),
            "mean of each user's mean": (votes[:200].sum() + 1) / 201,
            "ragcore: votes alone": weights @ votes / weights.sum(),
        }
        if "users" in accepts:
            told = [f"user {u}" for u in users]
            weights, _ = ragcore.filter_feedback(votes, at, half_life=MONTH, users=told)
            tries["ragcore: votes and users"] = weights @ votes / weights.sum()
        for name, mean in tries.items():
            found.setdefault(name, []).append(mean - votes[:200].mean())
    print("\nOne attacker with 500 votes against 200 users, truth 0.30")
    table(["filter", "bias"], [[name, f"{np.mean(b):+.3f}"] for name, b in found.items()])


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
        ways: dict[str, Callable[[], object]] = {
            "ragcore: mad": lambda x=x, at=at: ragcore.filter_feedback(x, at, half_life=MONTH),
            "ragcore: sigma": lambda x=x, at=at: ragcore.filter_feedback(
                x, at, half_life=MONTH, method="sigma"
            ),
            "numpy: mad and decay": lambda x=x, at=at: numpy_filter(x, at),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(9):
            for name, way in ways.items():
                start = time.process_time()
                for _ in range(calls):
                    way()
                if turn:
                    spent[name].append((time.process_time() - start) / calls)
        for name, seconds in spent.items():
            each = float(np.median(seconds))
            rows.append([f"{count:,}", name, f"{each * 1e6:,.1f}", f"{each / count * 1e9:.2f}"])
    print("\nSpeed of one call, processor time, median of 8 rounds in turn")
    table(["ratings", "filter", "us", "ns a rating"], rows)


if __name__ == "__main__":
    bias()
    attack()
    speed()
