"""How long a choice takes, the vector given, with the training part as examples; through Python.

    python benches/routing/speed.py --data DATA --cache CACHE [--model MODEL]

Processor time of one thread, medians of rounds in which both sides take turns. scikit-learn predicts one
prompt a call with a kNN of 100, and chooses by the same sum. `cargo run --release -p ragcore-benches
--bin routing` is the same without Python, on vectors that are made up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from data import arguments, fitted, read
from sklearn.neighbors import KNeighborsRegressor

ROUNDS = 15
CALLS = 300


def main() -> None:
    options = arguments(__doc__).parse_args()
    train, test = read(options.data, options.model, options.cache)
    router = fitted(train)
    wish = {"cost": 1.0, "quality": 0.01}
    model = KNeighborsRegressor(100)
    model.fit(train.vectors, np.concatenate([train.quality, train.cost], axis=1))
    width = len(train.models)

    def theirs(vector: np.ndarray) -> int:
        told = model.predict(vector[None])[0]
        return int((0.01 * told[:width] - told[width:]).argmax())

    ways: dict[str, Callable[[np.ndarray], object]] = {
        "ragcore: route": lambda v: router.route(v, preference=wish, trade="linear", at=0.0),
        "ragcore: route, exploring": lambda v: router.route(
            v, preference=wish, trade="linear", explore=True, at=0.0
        ),
        "scikit-learn: kNN, k 100": theirs,
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.process_time()
            for i in range(CALLS):
                way(test.vectors[i % len(test.vectors)])
            spent[name].append((time.process_time() - start) / CALLS)
    print("| one choice | us |")
    print("|---|---|")
    for name, each in spent.items():
        print(f"| {name} | {1e6 * np.median(each):.1f} |")


if __name__ == "__main__":
    main()
