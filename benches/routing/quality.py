"""What routers reach on held-out prompts, as AIQ, when every outcome of the training part is known.

    python benches/routing/quality.py --data DATA --cache CACHE [--model MODEL]

AIQ (Hu et al., 2024) is the mean height of the non-decreasing hull of cost and quality between the
mean costs of the cheapest and the dearest model. Every router chooses by `worth * quality - cost`
for the same 143 worths. The peer is scikit-learn's KNeighborsRegressor on the same vectors, its number of
neighbours and its weights chosen by five-fold AIQ on the training part; the best of them by the test
part stands beside it, which nobody could have known.
"""

from __future__ import annotations

import numpy as np
import ragcore
from data import WORTHS, Part, aiq, arguments, expected, fitted, read, span

NEIGHBOURS = (5, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 600)
FOLDS = 5


def neighbours(
    train: Part, asked: np.ndarray, k: int, weights: str
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import KNeighborsRegressor

    model = KNeighborsRegressor(min(k, len(train.vectors)), weights=weights)
    model.fit(train.vectors, np.concatenate([train.quality, train.cost], axis=1))
    both = model.predict(asked)
    return both[:, : len(train.models)], both[:, len(train.models) :]


def tuned(train: Part, seed: int = 0) -> tuple[int, str]:
    """Neighbours and weights by the AIQ of held-out folds of the training part."""
    fold = np.random.default_rng(seed).permutation(len(train.vectors)) % FOLDS
    best = (-np.inf, 0, "")
    for weights in ("uniform", "distance"):
        for k in NEIGHBOURS:
            quality, cost = np.empty_like(train.quality), np.empty_like(train.cost)
            for out in range(FOLDS):
                part = train.take(fold != out)
                told = neighbours(part, train.vectors[fold == out], k, weights)
                quality[fold == out], cost[fold == out] = told
            best = max(best, (aiq(quality, cost, train), k, weights))
    return best[1], best[2]


def cascade(quality: np.ndarray, cost: np.ndarray, truth: Part) -> float:
    n = np.arange(len(cost))
    costs, qualities = [], []
    for threshold in np.linspace(0.0, 1.0, 101):
        enough = np.where(quality >= threshold, cost, np.inf)
        cheapest, best = enough.argmin(axis=1), quality.argmax(axis=1)
        chosen = np.where(np.isinf(enough).all(axis=1), best, cheapest)
        costs.append(truth.cost[n, chosen].mean())
        qualities.append(truth.quality[n, chosen].mean())
    return ragcore.aiq(costs, qualities, range=span(truth))


def chebyshev(router: ragcore.Router, truth: Part) -> float:
    """The default trade: preferences between cost and quality, each in units of its range on the front."""
    costs, qualities = [], []
    for share in np.linspace(0.0, 1.0, 41):
        wish = {"cost": 1.0 - share, "quality": share}
        names = [router.route(v, preference=wish, at=0.0).name for v in truth.vectors]
        chosen = [truth.models.index(name) for name in names]
        n = np.arange(len(chosen))
        costs.append(truth.cost[n, chosen].mean())
        qualities.append(truth.quality[n, chosen].mean())
    return ragcore.aiq(costs, qualities, range=span(truth))


def gap(quality: np.ndarray, cost: np.ndarray, truth: Part) -> tuple[float, float]:
    """APGR and CPT(50%) between the cheapest model and the best one."""
    weak, strong = int(truth.cost.mean(axis=0).argmin()), int(truth.quality.mean(axis=0).argmax())
    n = np.arange(len(cost))
    shares, qualities = [], []
    for worth in WORTHS:
        gain = worth * (quality[:, strong] - quality[:, weak]) > cost[:, strong] - cost[:, weak]
        chosen = np.where(gain, strong, weak)
        shares.append(gain.mean())
        qualities.append(truth.quality[n, chosen].mean())
    ends = {"weak": truth.quality[:, weak].mean(), "strong": truth.quality[:, strong].mean()}
    return ragcore.apgr(shares, qualities, **ends), ragcore.cpt(shares, qualities, **ends)


def main() -> None:
    options = arguments(__doc__).parse_args()
    train, test = read(options.data, options.model, options.cache)
    name = options.model.name if options.model else "built-in"
    print(
        f"{len(train.vectors)} prompts to learn from, {len(test.vectors)} to test, "
        f"{len(train.models)} models; vectors: {name}, {train.vectors.shape[1]} numbers"
    )
    rows = []
    router = fitted(train)
    ours = expected(router, test)
    rows.append(("ragcore: router", aiq(*ours, test), *gap(*ours, test)))
    try:
        k, weights = tuned(train)
        theirs = neighbours(train, test.vectors, k, weights)
        label = f"scikit-learn: kNN, tuned on the training part (k {k}, {weights})"
        rows.append((label, aiq(*theirs, test), *gap(*theirs, test)))
        every = [
            (aiq(*(told := neighbours(train, test.vectors, k, w)), test), k, w, *gap(*told, test))
            for w in ("uniform", "distance") for k in NEIGHBOURS
        ]  # fmt: skip
        best = max(every)
        rows.append(
            (
                f"scikit-learn: kNN, best by the test part (k {best[1]}, {best[2]})",
                best[0],
                *best[3:],
            )
        )
    except ImportError:
        print("no scikit-learn: its rows are left out")
    rows.append(("ragcore: router, Chebyshev preferences", chebyshev(router, test), None, None))
    rows.append(("ragcore: cascade", cascade(*ours, test), None, None))
    alone = test.cost.mean(axis=0), test.quality.mean(axis=0)
    rows.append(
        (
            "lots between the models (hull of always-one)",
            ragcore.aiq(*alone, range=span(test)),
            None,
            None,
        )
    )
    best = int(alone[1].argmax())
    one = ragcore.aiq([alone[0][best]], [alone[1][best]], range=span(test))
    rows.append((f"always {test.models[best]}", one, None, None))
    rows.append(
        (
            "any model by lot",
            ragcore.aiq([alone[0].mean()], [alone[1].mean()], range=span(test)),
            None,
            None,
        )
    )
    rows.append(("oracle", aiq(test.quality, test.cost, test), *gap(test.quality, test.cost, test)))
    print("| router | AIQ | APGR | CPT(50%) |")
    print("|---|---|---|---|")
    for label, *figures in rows:
        told = ["" if figure is None else f"{figure:.4f}" for figure in figures]
        print(f"| {label} | {' | '.join(told)} |")


if __name__ == "__main__":
    main()
