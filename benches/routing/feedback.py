"""What is learnt from feedback alone: every training prompt once, only the chosen model's outcome seen.

    python benches/routing/feedback.py --data DATA --cache CACHE [--model MODEL] [--seeds 8]

Every model starts with the same guess (a cost of .001, a quality of .7). Prompts come in random
order; each has a worth of its own, log-uniform between .001 and 1 dollar for a unit of quality, as if
callers differed; the router explores. Then AIQ on the test part, by what it expects, against scikit-learn's
tuned kNN that saw every outcome of every prompt.
"""

from __future__ import annotations

import numpy as np
import ragcore
from data import Part, aiq, arguments, expected, read
from quality import neighbours, tuned


def learnt(train: Part, seed: int) -> ragcore.Router:
    rng = np.random.default_rng(seed)
    router = ragcore.Router(("cost", "quality"), seed=seed)
    for model in train.models:
        router.add(model, cost=0.001, quality=0.7)
    for i in rng.permutation(len(train.vectors)):
        wish = {"cost": 1.0, "quality": float(np.exp(rng.uniform(np.log(0.001), 0.0)))}
        decision = router.route(
            train.vectors[i], preference=wish, trade="linear", explore=True, at=float(i)
        )
        chosen = train.models.index(decision.name)
        router.observe(decision, quality=train.quality[i, chosen], cost=train.cost[i, chosen])
    return router


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    train, test = read(options.data, options.model, options.cache)
    k, weights = tuned(train)
    full = aiq(*neighbours(train, test.vectors, k, weights), test)
    print(f"scikit-learn's kNN with every outcome (k {k}, {weights}): AIQ {full:.4f}")
    found = []
    for seed in range(options.seeds):
        found.append(aiq(*expected(learnt(train, seed), test), test))
        print(f"seed {seed}: AIQ {found[-1]:.4f}, {found[-1] / full:.1%}", flush=True)
    half = 1.96 * np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else float("nan")
    print(
        f"mean {np.mean(found):.4f} ± {half:.4f}, {np.mean(found) / full:.1%} of it; "
        f"worst {min(found) / full:.1%}"
    )


if __name__ == "__main__":
    main()
