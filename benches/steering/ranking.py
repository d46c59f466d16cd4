"""How much of an attribute a ranking gains for how much similarity.

Documents are ranked by `similarity + b * feature`; `feature` is one number for each document, such
as its projection on a steering vector. For unit vectors that is the order that the steered query
`q + b v` gives. Raising b can only lower the mean similarity of the top ten to the unsteered query,
so a search between bounds finds the b that costs a given share of it, to a 500th of that share;
every method is measured at that cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOP = 10
LOSS = 0.05
#: Two-sided 95% of Student's t, by degrees of freedom.
STUDENT = (np.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass
class Pool:
    """Queries, with what they would find: similarities to every document, their own left out."""

    similar: np.ndarray

    @classmethod
    def of(cls, index: np.ndarray, asked: np.ndarray) -> Pool:
        similar = index[asked] @ index.T
        similar[np.arange(len(asked)), asked] = -np.inf
        return cls(similar)

    def top(self, feature: np.ndarray, b: float) -> np.ndarray:
        """The best ten documents of each query."""
        score = self.similar + np.float32(b) * feature.astype(np.float32)
        return np.argpartition(score, -TOP, axis=1)[:, -TOP:]

    def similarity(self, top: np.ndarray) -> float:
        return float(np.take_along_axis(self.similar, top, axis=1).mean())

    def at_loss(
        self, feature: np.ndarray, loss: float = LOSS, start: float = 0.0, close: float = 2e-3
    ) -> float:
        """The b at which the mean similarity of the top ten has fallen by the share `loss`, within
        the share `close` of it. A good guess to `start` from saves time."""
        spread = float(np.std(feature))
        if spread == 0:
            return 0.0
        feature = feature / spread
        before = self.similarity(self.top(feature, 0.0))
        low, high, b = 0.0, 2.0, start * spread if 0 < start * spread < 2 else 0.1
        # The loss grows with the square of b, so one look nearly tells where to look next.
        for _ in range(20):
            cost = 1 - self.similarity(self.top(feature, b)) / before
            if abs(cost - loss) <= close * loss:
                break
            low, high = (b, high) if cost < loss else (low, b)
            b = b * np.sqrt(loss / max(cost, 1e-9))
            if not low < b < high:
                b = 0.5 * (low + high)
        return float(b / spread)

    def gain(self, feature: np.ndarray, truth: np.ndarray, loss: float = LOSS) -> float:
        """By how many points the share of `truth` in the top ten rises at that loss."""
        found = truth[self.top(feature, self.at_loss(feature, loss))]
        return 100 * float(found.mean() - truth[self.top(feature, 0.0)].mean())

    def lost(self, feature: np.ndarray, b: float) -> float:
        """The share of the mean similarity that b costs."""
        before = self.similarity(self.top(feature, 0.0))
        return 1 - self.similarity(self.top(feature, b)) / before


def interval(values: list[float] | np.ndarray, digits: int = 1) -> str:
    """Mean and half-width of the 95% interval over independent splits (Student's t)."""
    given = np.asarray(values, dtype=float)
    mean = f"{given.mean():.{digits}f}"
    if len(given) < 2:
        return mean
    t = STUDENT[min(len(given) - 1, len(STUDENT) - 1)]
    half = t * given.std(ddof=1) / np.sqrt(len(given))
    return f"{mean} ± {half:.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
