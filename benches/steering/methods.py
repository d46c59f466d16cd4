"""Ways to give every document of an index one number for an attribute.

A method gets a split and the number of pairs that it may learn from, and answers with one number
for each document of the index. The library's are directions; the rest is what they have to beat.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from data import Split

Method = Callable[[Split, int], np.ndarray]

#: The methods that the library offers.
LIBRARY = ("auto", "ridge_lda", "logistic", "mean_difference", "pca")
WORD = re.compile(r"[a-z']+")
KEYWORDS = 50


def examples(split: Split, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    vectors = split.texts.vectors
    return vectors[split.positive[:pairs]], vectors[split.negative[:pairs]]


def documents(split: Split) -> np.ndarray:
    return split.texts.vectors[split.index]


def learnt(split: Split, pairs: int, method: str = "auto"):
    """The library's vector; a warning that nothing was found stands in its effect too."""
    import ragcore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ragcore.NoMeasurableEffect)
        return ragcore.SteeringVector.learn(*examples(split, pairs), method=method)


def library(method: str) -> Method:
    return lambda split, pairs: documents(split) @ learnt(split, pairs, method).vector


@functools.cache
def _embedder(model: Path):
    import ragcore

    return ragcore.Embedder(str(model))


class Taught:
    """The library as it is used: a collection of the documents, in which dials are learnt."""

    def __init__(self, model: Path) -> None:
        self.model = model
        self.held: tuple[Split, int, object] | None = None

    def collection(self, split: Split, pairs: int):
        """A collection with the dial learnt from so many pairs of texts; the last one is kept."""
        import ragcore

        if self.held is None or self.held[0] is not split or self.held[1] != pairs:
            texts = split.texts.texts
            col = ragcore.open(embedder=_embedder(self.model))
            rows = split.index.tolist()
            col.add(ids(split), [texts[i] for i in rows], vectors=documents(split))
            sets = ([texts[i] for i in part[:pairs]] for part in (split.positive, split.negative))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ragcore.NoMeasurableEffect)
                col.steering.learn(split.attribute, *sets)
            self.held = split, pairs, col
        return self.held[2]

    def vector(self, split: Split, pairs: int) -> np.ndarray:
        dial = self.collection(split, pairs).steering[split.attribute]
        return documents(split) @ dial.vector

    def probability(self, split: Split, pairs: int) -> np.ndarray:
        steering = self.collection(split, pairs).steering
        return steering.probabilities(split.attribute, ids(split)).astype(np.float64)

    def scales(self, split: Split, pairs: int) -> tuple[float, float]:
        """The lengths of a dial of 1: of the vector, and of the probability."""
        steering = self.collection(split, pairs).steering
        model = steering.attribute(split.attribute)
        return steering[split.attribute].scale, model.scale


def ids(split: Split) -> list[str]:
    return [str(i) for i in split.index.tolist()]


def keyword(split: Split, pairs: int) -> np.ndarray:
    """Keyword weight in 0..1, by hand-set rules that here are found: a document with one of the
    50 words of the largest smoothed log-odds between the examples counts by the share of the words'
    weight that it holds, at most that of the three best."""
    texts = split.texts.texts
    sets = [split.positive[:pairs], split.negative[:pairs]]
    counts = [
        Counter(w for i in rows for w in set(WORD.findall(texts[i].lower()))) for rows in sets
    ]
    # Half an example stands for what was not seen; words of one example say nothing.
    odds = {
        word: np.log((seen + 0.5) / (counts[1][word] + 0.5))
        for word, seen in counts[0].items()
        if seen > 1
    }
    best = sorted(odds, key=lambda word: (-odds[word] * np.sqrt(counts[0][word]), word))[:KEYWORDS]
    weight = {word: max(odds[word], 0.0) for word in best}
    full = sum(sorted(weight.values())[-3:]) or 1.0
    found = [
        sum(weight.get(w, 0.0) for w in set(WORD.findall(texts[i].lower()))) for i in split.index
    ]
    return np.minimum(np.array(found) / full, 1.0)


def grams(text: str) -> set[str]:
    """Words, neighbouring words, and two to five letters within a word and its borders."""
    words = re.findall(r"[\w']+|[?!.,]", text.lower())
    found = {f"1 {w}" for w in words} | {f"2 {a} {b}" for a, b in pairwise(words)}
    for word in text.lower().split():
        bordered = f" {word} "
        for size in range(2, 6):
            found.update(f"c{bordered[i : i + size]}" for i in range(len(bordered) - size + 1))
    return found


def gram_rows(split: Split, pairs: int) -> list[np.ndarray]:
    """Examples and documents over the n-grams that stand in at least two examples: each as strong
    as its log-odds between the examples (Wang and Manning, 2012), words and letters at length 1."""
    texts = split.texts.texts
    rows = [*split.positive[:pairs], *split.negative[:pairs], *split.index]
    sets = [grams(texts[i]) for i in rows]
    counts = [Counter(g for s in sets[a : a + pairs] for g in s) for a in (0, pairs)]
    both = sorted(g for g, n in (counts[0] + counts[1]).items() if n > 1)
    out = []
    for letters in (False, True):
        place = {g: i for i, g in enumerate(g for g in both if (g[0] == "c") == letters)}
        odds = [abs(np.log((counts[0][g] + 0.5) / (counts[1][g] + 0.5))) for g in place]
        weight = np.array(odds, dtype=np.float32)
        x = np.zeros((len(rows), len(place)), dtype=np.float32)
        for row, own in zip(x, sets, strict=True):
            held = [place[g] for g in own if g in place]
            row[held] = weight[held]
        out.append(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9))
    return out


def probability(with_grams: bool) -> Method:
    """The probability of the attribute by one logistic regression (C = 3) on the embedding about
    the examples' mean and, with them, the n-grams: what could be stored for every document."""

    def make(split: Split, pairs: int) -> np.ndarray:
        _, y, mean, size = _sample(split, pairs)
        rows = np.concatenate([*examples(split, pairs), documents(split)])
        parts = [((rows - mean) / size).astype(np.float32)]
        parts += gram_rows(split, pairs) if with_grams else []
        x = np.concatenate(parts, axis=1)
        kernel = (x @ x[: 2 * pairs].T).astype(np.float64)
        dual, bias = _kernel_logistic(kernel[: 2 * pairs], y.astype(np.float64), 3.0)
        return 1 / (1 + np.exp(-(kernel[2 * pairs :] @ dual + bias)))

    return make


def distilled(split: Split, pairs: int) -> np.ndarray:
    """The vector that comes nearest to the probabilities with n-grams on the documents of the
    index, and to the labels of the examples: least squares with a ridge of 3, all texts alike."""
    _, y, mean, size = _sample(split, pairs)
    known = (np.concatenate(examples(split, pairs)) - mean) / size
    wanted = 2 * probability(True)(split, pairs)
    index = (documents(split) - mean) / size
    x = np.concatenate([known, index - index.mean(axis=0)]).astype(np.float64)
    target = np.concatenate([2 * y - 1, wanted - wanted.mean()])
    vector = np.linalg.solve(x.T @ x + 3 * np.eye(x.shape[1]), x.T @ target)
    return documents(split) @ vector


def _kernel_logistic(kernel: np.ndarray, y: np.ndarray, c: float) -> tuple[np.ndarray, float]:
    """Newton steps, each a weighted least squares problem in the dual."""
    dual, bias = np.zeros(len(y)), 0.0
    for _ in range(15):
        p = 1 / (1 + np.exp(-(kernel @ dual + bias)))
        curvature = c * p * (1 - p) + 1e-9
        target = kernel @ dual + bias - c * (p - y) / curvature
        matrix = kernel + np.diag(1 / curvature)
        by_target, by_one = np.linalg.solve(matrix, np.stack([target, np.ones(len(y))], axis=1)).T
        bias = float(by_target.sum() / by_one.sum())
        new = by_target - bias * by_one
        moved = float(np.abs(new - dual).max())
        dual = new
        if moved < 1e-7:
            break
    return dual, bias


def random(split: Split, pairs: int) -> np.ndarray:
    rng = np.random.default_rng([pairs, int(split.index[0])])
    return documents(split) @ rng.normal(size=split.texts.vectors.shape[1])


def anchor(vector: np.ndarray) -> Method:
    return lambda split, pairs: documents(split) @ vector


def oracle(split: Split, pairs: int) -> np.ndarray:
    return split.truth


def sklearn_logistic(split: Split, pairs: int) -> np.ndarray:
    """The penalty is that of the library: rows about their mean, at root mean square length 1."""
    from sklearn.linear_model import LogisticRegression

    x, y, mean, size = _sample(split, pairs)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(x, y)
    return (documents(split) - mean) / size @ model.coef_[0]


def sklearn_lda(split: Split, pairs: int) -> np.ndarray:
    """Shrinkage by Ledoit and Wolf, as its users would set it."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x, y, mean, size = _sample(split, pairs)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, y)
    return (documents(split) - mean) / size @ model.coef_[0]


def _sample(split: Split, pairs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    rows = np.concatenate(examples(split, pairs)).astype(np.float64)
    mean, size = rows.mean(axis=0), float(np.sqrt((rows**2).sum(axis=1).mean()))
    return (rows - mean) / size, np.repeat([1, 0], pairs), mean, size


def peers() -> dict[str, Method]:
    """scikit-learn's methods; none, and a line that says so, where it is not installed."""
    try:
        import sklearn
    except ImportError:
        print("scikit-learn is not installed: its rows are left out\n")
        return {}
    name = f"scikit-learn {sklearn.__version__}"
    return {f"{name}: logistic": sklearn_logistic, f"{name}: LDA, Ledoit-Wolf": sklearn_lda}
