"""Simulated users: how much more they like what they are shown once their feedback is learnt.

    python benches/steering/users.py --data DATA --model MODEL --cache CACHE

Protocol. An index of 4,000 comments as they come. 14 users; a user likes comments that carry any of
four emotions, two of which have a dial for nine of the users and none of which has one for the
other five. The dials are learnt from 300 examples each of eight emotions against other comments,
none of them in the index. In each of 30 rounds a user asks with a random document, is shown the ten
best that this user has not seen, and rates each 1 or 0; one rating in twenty is wrong. The query is
moved by what is known of the user, at the strength at which the top tens of 50 other documents lose
5% of their similarity to the queries ("5% loss held"), or as the library moves it ("as it comes",
with the loss that this costs). The like share is that of the ten shown, by true taste, in percent.

The change of taste: after round 30 every user gets the taste of the next one, and goes on for 15
rounds. "Kept" is the share over no learning in rounds 36-40, as a part of what the users had in
rounds 21-30.

± is the 95% interval over draws, each of which draws index, tastes, queries and errors anew. All
methods see the same draws.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from data import EMOTIONS, Texts, read
from dials import EIGHT, PAIRS
from gain import arguments
from ranking import TOP, Pool, interval, table

USERS = 14
ROUNDS, AFTER = 30, 15
DOCUMENTS = 4_000
WRONG = 0.05
HELD = 50


@dataclass
class Draw:
    """One index with its users: who likes what, who asks what, and which ratings are wrong."""

    index: np.ndarray
    likes: np.ndarray
    queries: np.ndarray
    wrong: np.ndarray
    examples: dict[str, tuple[np.ndarray, np.ndarray]]
    pool: Pool

    @classmethod
    def of(cls, texts: Texts, seed: int) -> Draw:
        rng = np.random.default_rng([11, seed])
        free = np.ones(len(texts.texts), dtype=bool)
        examples = {}
        for name in EIGHT:
            has = texts.column(name)
            sets = [rng.permutation(np.flatnonzero(m & free))[:PAIRS] for m in (has, ~has)]
            free[np.concatenate(sets)] = False
            examples[name] = (texts.vectors[sets[0]], texts.vectors[sets[1]])
        rows = rng.permutation(np.flatnonzero(free))[:DOCUMENTS]
        without = [name for name in EMOTIONS if name not in EIGHT]
        likes = np.zeros((USERS, DOCUMENTS), dtype=bool)
        for user in range(USERS):
            names = [EIGHT[user % 8], EIGHT[(user + 3) % 8]] if user < 9 else []
            names += list(rng.permutation(without)[: 4 - len(names)])
            for name in names:
                likes[user] |= texts.column(name)[rows]
        index = texts.vectors[rows]
        queries = rng.integers(DOCUMENTS, size=(USERS, ROUNDS + AFTER))
        wrong = rng.random((USERS, ROUNDS + AFTER, TOP)) < WRONG
        pool = Pool.of(index, rng.permutation(DOCUMENTS)[:HELD])
        return cls(index, likes, queries, wrong, examples, pool)


@dataclass
class Learner:
    """What is known of one user. `told` gets a query, ten documents and ratings; `moves` answers
    with what is added to a unit query, of any length if the loss is held."""

    draw: Draw
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)

    def told(self, query: np.ndarray, shown: np.ndarray, ratings: np.ndarray) -> None:
        self.seen.append((query, shown, ratings))

    def rated(self, decay: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the items add to their queries, the ratings, and weights that fade with age."""
        rows = [shown - np.outer(shown @ query, query) for query, shown, _ in self.seen]
        y = np.concatenate([ratings for _, _, ratings in self.seen])
        weight = decay ** np.arange(len(y) - 1, -1, -1.0)
        return np.concatenate(rows).astype(np.float64), y, weight

    def moves(self, user: int, round_: int) -> np.ndarray | None:
        return None


class Oracle(Learner):
    """Ranks by the taste itself."""


class Rocchio(Learner):
    """The mean of what was liked less a quarter of the mean of the rest (Rocchio, 1971)."""

    def moves(self, user: int, round_: int) -> np.ndarray | None:
        if not self.seen:
            return None
        items = np.concatenate([shown for _, shown, _ in self.seen])
        ratings = np.concatenate([r for _, _, r in self.seen])
        if not ratings.any():
            return None
        rest = items[ratings == 0].mean(axis=0) if (ratings == 0).any() else 0.0
        return items[ratings == 1].mean(axis=0) - 0.25 * rest


class Difference(Learner):
    """The difference of liked and disliked items."""

    def moves(self, user: int, round_: int) -> np.ndarray | None:
        ratings = np.concatenate([r for _, _, r in self.seen]) if self.seen else np.zeros(0)
        if not 0 < ratings.sum() < len(ratings):
            return None
        items = np.concatenate([shown for _, shown, _ in self.seen])
        return items[ratings == 1].mean(axis=0) - items[ratings == 0].mean(axis=0)


class Whitened(Learner):
    """Two directions of one length: a Bayesian regression of the ratings on the dials, and the
    difference of liked and disliked items over the covariance of the index, both fading by a
    hundredth with each rating."""

    def moves(self, user: int, round_: int) -> np.ndarray | None:
        if not self.seen:
            return None
        x, y, weight = self.rated(0.99)
        surprise = weight * (y - (weight @ y + 1) / (weight.sum() + 2))
        around = self.draw.index - self.draw.index.mean(axis=0)
        covariance = (around.T @ around / len(around)).astype(np.float64)
        ridge = 3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        white = np.linalg.solve(covariance + ridge, x.T @ surprise)
        dials = np.stack([dial.vector for dial in learnt(self.draw)]).astype(np.float64)
        dials = dials / (around @ dials.T).std(axis=0)[:, None]
        on = x @ dials.T
        beta = np.linalg.solve((on * weight[:, None]).T @ on + np.eye(len(dials)), on.T @ surprise)
        parts = [white, beta @ dials]
        return sum(part / max(np.linalg.norm(part), 1e-12) for part in parts)


class Regression(Learner):
    """One ridge regression of the ratings on what the items add to the queries, in which the span
    of the dials has ten times the prior variance; ratings fade by a hundredth with each other."""

    DECAY, SPAN, NOISE = 0.99, 10.0, 10.0

    def moves(self, user: int, round_: int) -> np.ndarray | None:
        if not self.seen:
            return None
        x, y, weight = self.rated(self.DECAY)
        dials = np.stack([dial.vector for dial in learnt(self.draw)]).astype(np.float64)
        values, vectors = np.linalg.eigh(dials @ dials.T)
        basis = vectors @ np.diag(values**-0.5) @ vectors.T @ dials
        usual = (weight @ y + 1) / (weight.sum() + 2)
        on = x @ basis.T
        kernel = x @ x.T + self.SPAN * on @ on.T
        root = np.sqrt(weight)
        matrix = kernel * np.outer(root, root) + self.NOISE * np.eye(len(y))
        dual = root * np.linalg.solve(matrix, root * (y - usual))
        return x.T @ dual + self.SPAN * basis.T @ (on.T @ dual)


class Ragcore(Learner):
    """The library's user, with the dials."""

    def __init__(self, draw: Draw, dials: bool = True) -> None:
        import ragcore

        super().__init__(draw)
        self.clock = 0.0
        self.steering = ragcore.Steering(learnt(draw) if dials else ())

    def told(self, query: np.ndarray, shown: np.ndarray, ratings: np.ndarray) -> None:
        for item, rating in zip(shown, ratings, strict=True):
            self.clock += 60.0
            self.steering.feedback(query, item, float(rating), user="u", at=self.clock)

    def moves(self, user: int, round_: int) -> np.ndarray | None:
        """Two queries and where they go tell what was added: `a s - q = b t + q`."""
        query = self.draw.index[0].astype(np.float64)
        one = self.steering.apply(query, user="u").astype(np.float64)
        two = self.steering.apply(-query, user="u").astype(np.float64)
        lengths = np.linalg.lstsq(np.stack([one, -two], axis=1), 2 * query, rcond=None)[0]
        moved = lengths[0] * one - query
        return moved if np.linalg.norm(moved) > 1e-4 else None


def _others(draw: Draw, name: str) -> list[np.ndarray]:
    """What has another of the eight emotions and was not seen to have this one."""
    return [has for other, (has, _) in draw.examples.items() if other != name]


_learnt: dict[int, list] = {}


def learnt(draw: Draw) -> list:
    """The dials of a draw, learnt together and calibrated on its index; learnt once."""
    import ragcore

    if id(draw) not in _learnt:
        _learnt.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ragcore.NoMeasurableEffect)
            together = ragcore.Steering()
            together.learn_joint(
                {
                    name: (has, np.concatenate([without, *_others(draw, name)]))
                    for name, (has, without) in draw.examples.items()
                }
            )
            together.calibrate(draw.index)
            _learnt[id(draw)] = [together[name] for name in together.dials]
    return _learnt[id(draw)]


Make = Callable[[Draw], Learner]
METHODS: dict[str, tuple[Make, bool]] = {
    "no learning": (Learner, True),
    "Rocchio": (Rocchio, True),
    "difference of liked and disliked": (Difference, True),
    "numpy: dials and decayed whitened difference": (Whitened, True),
    "numpy: one regression": (Regression, True),
    "ragcore: no dials": (lambda draw: Ragcore(draw, False), True),
    "ragcore: dials": (Ragcore, True),
    "ragcore: dials, as it comes": (Ragcore, False),
    "oracle: the taste": (Oracle, True),
}


def play(draw: Draw, make: Make, held: bool) -> tuple[np.ndarray, np.ndarray]:
    """The like share of every user and round, and the loss of similarity."""
    shares = np.zeros((USERS, ROUNDS + AFTER))
    losses = np.zeros((USERS, ROUNDS + AFTER))
    for user in range(USERS):
        learner, seen, b = make(draw), np.zeros(DOCUMENTS, dtype=bool), 0.0
        for at in range(ROUNDS + AFTER):
            likes = draw.likes[user if at < ROUNDS else (user + 1) % USERS]
            asked = draw.queries[user, at]
            query = draw.index[asked]
            similar = draw.index @ query
            moved = learner.moves(user, at)
            if isinstance(learner, Oracle):
                feature = likes * 1.0
            else:
                feature = np.zeros(DOCUMENTS) if moved is None else draw.index @ moved
            if feature.any():
                feature = feature / feature.std() if held else feature
                b = draw.pool.at_loss(feature, start=b, close=0.02) if held else 1.0
                losses[user, at] = 0.05 if held else draw.pool.lost(feature, b)
                similar = similar + b * feature
            similar[seen] = -np.inf
            similar[asked] = -np.inf
            shown = np.argsort(-similar, kind="stable")[:TOP]
            seen[shown] = True
            shares[user, at] = likes[shown].mean()
            learner.told(query, draw.index[shown], (likes[shown] ^ draw.wrong[user, at]) * 1.0)
    return 100 * shares, 100 * losses


def main() -> None:
    parser = arguments(__doc__)
    parser.set_defaults(splits=5)
    asked = parser.parse_args()
    texts = read(asked.data, asked.model, asked.cache)["emotions"]
    spans = {"11-20": (10, 20), "21-30": (20, 30), "31-35": (30, 35), "36-40": (35, 40)}
    shares: dict[str, list[list[float]]] = {name: [] for name in METHODS}
    losses: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(asked.splits):
        draw = Draw.of(texts, seed)
        for name, (make, held) in METHODS.items():
            share, loss = play(draw, make, held)
            shares[name].append([share[:, a:b].mean() for a, b in spans.values()])
            losses[name].append(loss[:, 10:30].mean())
    print(f"{USERS} users, like share in %, taste changes after round 30, {asked.splits} draws")
    rows = []
    none = np.array(shares["no learning"])
    for name, found in shares.items():
        figures = np.array(found)
        times = figures.mean(axis=0) / none.mean(axis=0)
        each = [interval(column) for column in figures.T]
        kept = f"{times[3] / times[1]:.2f}"
        rows.append(
            [name, *each, f"{times[1]:.2f}x", f"{times[3]:.2f}x", kept, interval(losses[name])]
        )
    table(["learning", *spans, "21-30, of none", "36-40, of none", "kept", "loss, %"], rows)


if __name__ == "__main__":
    main()
