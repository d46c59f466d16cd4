"""Eight dials on one index: what turning one gains of its own emotion, and moves of the others.

    python benches/steering/dials.py --data DATA --model MODEL --cache CACHE

Protocol. Eight emotions; 300 examples of each and 300 neutral comments, every comment with exactly
one label. The index holds 4,000 other comments as they come, with any emotions, and 1,000 of them,
labels unseen, are the queries. Each dial is turned until the mean similarity of the
top tens has fallen by 5% (`ranking.py`). Target gain: the rise of the share of its emotion in the
top ten, in points, mean of the dials. Selectivity: target gain over the mean absolute change of the
shares of the seven other emotions. ± is the 95% interval over splits.

"Against neutral" learns each dial by itself from its examples and neutral ones, "against all" from
its examples and those of everything else, "together" by `learn_joint`. Joint ridge is one
regression of all eight labels on all examples; symmetric orthogonalisation is Loewdin's, whitening
is by the covariance of the index, balancing is explained in `balanced`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from data import Texts, read
from gain import arguments
from ranking import Pool, interval, table

EIGHT = ("admiration", "amusement", "anger", "curiosity", "gratitude", "joy", "love", "sadness")
PAIRS = 300
DOCUMENTS = 4_000


class Drawn:
    """The examples of one split, the index, and what it holds."""

    def __init__(self, texts: Texts, seed: int) -> None:
        rng = np.random.default_rng(seed)
        single = texts.labels[:, : texts.names.index("neutral") + 1].sum(axis=1) == 1
        self.examples: dict[str, np.ndarray] = {}
        free = np.ones(len(texts.texts), dtype=bool)
        for name in (*EIGHT, "neutral"):
            rows = rng.permutation(np.flatnonzero(texts.column(name) & single))[:PAIRS]
            self.examples[name] = texts.vectors[rows].astype(np.float64)
            free[rows] = False
        rows = rng.permutation(np.flatnonzero(free))[:DOCUMENTS]
        self.index = texts.vectors[rows]
        self.truth = np.stack([texts.column(name)[rows] for name in EIGHT], axis=1) * 1.0
        self.pool = Pool.of(self.index, rng.permutation(len(rows))[:1000])

    def others(self, name: str) -> np.ndarray:
        return np.concatenate([v for other, v in self.examples.items() if other != name])

    def regression(self) -> tuple[np.ndarray, np.ndarray]:
        """All examples about their mean at root mean square length 1, and centred labels."""
        x = np.concatenate(list(self.examples.values()))
        y = np.repeat(np.eye(len(self.examples))[:, : len(EIGHT)], PAIRS, axis=0)
        x = x - x.mean(axis=0)
        return x / np.sqrt((x**2).sum(axis=1).mean()), y - y.mean(axis=0)


Directions = Callable[[Drawn], np.ndarray]


def learnt(against: str, orthogonal: bool = False) -> Directions:
    """The library's dials, each learnt by itself."""

    def make(drawn: Drawn) -> np.ndarray:
        import ragcore

        steering = ragcore.Steering()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ragcore.NoMeasurableEffect)
            for name in EIGHT:
                rest = drawn.others(name) if against == "all" else drawn.examples["neutral"]
                steering.learn(name, drawn.examples[name], rest)
        if orthogonal:
            steering.orthogonalize()
        return np.stack([steering[name].vector for name in EIGHT])

    return make


def together(neutral: bool) -> Directions:
    """The library's dials, learnt together: against the others, with neutral comments or not."""

    def make(drawn: Drawn) -> np.ndarray:
        import ragcore

        steering = ragcore.Steering()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ragcore.NoMeasurableEffect)
            own = drawn.examples
            steering.learn_joint(
                {name: (own[name], drawn.others(name)) if neutral else own[name] for name in EIGHT}
            )
        return np.stack([steering[name].vector for name in EIGHT])

    return make


def differences(drawn: Drawn) -> np.ndarray:
    neutral = drawn.examples["neutral"].mean(axis=0)
    return np.stack([drawn.examples[name].mean(axis=0) - neutral for name in EIGHT])


def whitened(drawn: Drawn) -> np.ndarray:
    x = drawn.index - drawn.index.mean(axis=0)
    covariance = (x.T @ x / len(x)).astype(np.float64)
    ridge = 3 * np.trace(covariance) / len(covariance)
    return np.linalg.solve(covariance + ridge * np.eye(len(covariance)), differences(drawn).T).T


def joint(ridge: float) -> Directions:
    def make(drawn: Drawn) -> np.ndarray:
        x, y = drawn.regression()
        return np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y).T

    return make


def loewdin(make: Directions) -> Directions:
    """`(V V')^(-1/2) V` of unit rows."""

    def turned(drawn: Drawn) -> np.ndarray:
        rows = make(drawn)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        values, vectors = np.linalg.eigh(rows @ rows.T)
        return vectors @ np.diag(values**-0.5) @ vectors.T @ rows

    return turned


def gram_schmidt(make: Directions) -> Directions:
    """Each row without its part in the span of all others."""

    def turned(drawn: Drawn) -> np.ndarray:
        rows = make(drawn)
        return np.linalg.inv(rows @ rows.T) @ rows

    return turned


def balanced(make: Directions) -> Directions:
    """`G^(-1/2) V` of unit rows, G being two parts of their inner products and one of the
    correlations of the examples' projections: neither directions nor what they measure overlap
    much."""

    def turned(drawn: Drawn) -> np.ndarray:
        rows = make(drawn)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        projected = drawn.regression()[0] @ rows.T
        gram = (2 * rows @ rows.T + np.corrcoef(projected, rowvar=False)) / 3
        values, vectors = np.linalg.eigh(gram)
        return vectors @ np.diag(values**-0.5) @ vectors.T @ rows

    return turned


METHODS: dict[str, Directions] = {
    "ragcore: each against neutral": learnt("neutral"),
    "ragcore: each against neutral, orthogonalize()": learnt("neutral", True),
    "ragcore: each against all": learnt("all"),
    "ragcore: each against all, orthogonalize()": learnt("all", True),
    "ragcore: learnt together": together(False),
    "ragcore: learnt together, neutral ones too": together(True),
    "mean differences": differences,
    "mean differences, Loewdin": loewdin(differences),
    "mean differences, each orthogonal to all others": gram_schmidt(differences),
    "whitened differences, Loewdin": loewdin(whitened),
    "joint ridge": joint(3.0),
    "joint ridge, Loewdin": loewdin(joint(3.0)),
    "joint ridge, balanced": balanced(joint(1.0)),
    "ragcore: each against all, balanced by numpy": balanced(learnt("all")),
    "joint ridge, each orthogonal to all others": gram_schmidt(joint(3.0)),
}


def measure(drawn: Drawn, directions: np.ndarray) -> tuple[float, float]:
    """Target gain, and the mean absolute change of the others."""
    gains, moved = [], []
    before = drawn.truth[drawn.pool.top(np.zeros(len(drawn.index)), 0.0)].mean(axis=(0, 1))
    for at, direction in enumerate(directions):
        feature = drawn.index @ direction
        top = drawn.pool.top(feature, drawn.pool.at_loss(feature))
        change = 100 * (drawn.truth[top].mean(axis=(0, 1)) - before)
        gains.append(change[at])
        moved.append(np.abs(np.delete(change, at)).mean())
    return float(np.mean(gains)), float(np.mean(moved))


def main() -> None:
    asked = arguments(__doc__).parse_args()
    texts = read(asked.data, asked.model, asked.cache)["emotions"]
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    for seed in range(asked.splits):
        drawn = Drawn(texts, seed)
        for name, make in METHODS.items():
            figures[name].append(measure(drawn, make(drawn)))
    print(
        f"Eight dials ({', '.join(EIGHT)}), {PAIRS} examples each, 5% loss, {asked.splits} splits"
    )
    rows = []
    for name, found in figures.items():
        gain, moved = np.array(found).T
        rows.append([name, interval(gain), interval(moved), interval(gain / moved)])
    table(["dials", "target gain, points", "others move, points", "selectivity"], rows)


if __name__ == "__main__":
    main()
