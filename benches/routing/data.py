"""Prompts with what each model made of them, their vectors, and the figure that routers are compared by.

    from data import read
    train, test = read(Path("DATA"), None, Path("CACHE"))

`DATA` holds `prompts.jsonl` (`sample_id`, `split`, `prompt`) and `routing.csv` (`sample_id`, `model`, `quality`,
`cost_usd`). Vectors are made once, by the built-in model or by that in a folder, and kept in
`CACHE` as .npy, which should lie outside the repository. A prompt of which one model's outcome is missing is
left out.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ragcore

#: What one unit of quality may cost, in dollars a prompt: from nothing to anything.
WORTHS = (0.0, *np.logspace(-6, 1, 141))


@dataclass(frozen=True)
class Part:
    """Prompts: unit vectors (n, dim), and quality and cost of every model (n, models)."""

    vectors: np.ndarray
    quality: np.ndarray
    cost: np.ndarray
    models: tuple[str, ...]

    def take(self, rows: np.ndarray) -> Part:
        return Part(self.vectors[rows], self.quality[rows], self.cost[rows], self.models)


def arguments(about: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="a model's folder; the built-in one without")
    return parser


def read(data: Path, model: Path | None, cache: Path) -> tuple[Part, Part]:
    """The training and the test part."""
    with (data / "prompts.jsonl").open(encoding="utf-8") as lines:
        prompts = [json.loads(line) for line in lines]
    place = {prompt["sample_id"]: i for i, prompt in enumerate(prompts)}
    with (data / "routing.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    models = tuple(sorted({row["model"] for row in rows}))
    quality = np.full((len(prompts), len(models)), np.nan)
    cost = quality.copy()
    for row in rows:
        at = place[row["sample_id"]], models.index(row["model"])
        quality[at], cost[at] = float(row["quality"]), float(row["cost_usd"])
    vectors = embedded([prompt["prompt"] for prompt in prompts], model, cache)
    whole = ~np.isnan(quality).any(axis=1)
    train = np.array([prompt["split"] == "train" for prompt in prompts])
    every = Part(vectors, quality, cost, models)
    return every.take(whole & train), every.take(whole & ~train)


def embedded(texts: list[str], model: Path | None, cache: Path) -> np.ndarray:
    embedder = ragcore.Embedder() if model is None else ragcore.Embedder(model)
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"routing-{embedder.fingerprint[:16]}-{len(texts)}.npy"
    if not kept.exists():
        np.save(kept, embedder.encode(texts, kind="query"))
    return np.load(kept)


def points(quality: np.ndarray, cost: np.ndarray, truth: Part) -> tuple[list[float], list[float]]:
    """Mean cost and quality of choosing by these expectations, for every worth."""
    n = np.arange(len(truth.quality))
    costs, qualities = [], []
    for worth in (*WORTHS, np.inf):
        gain = quality if np.isinf(worth) else worth * quality - cost
        chosen = gain.argmax(axis=1)
        costs.append(float(truth.cost[n, chosen].mean()))
        qualities.append(float(truth.quality[n, chosen].mean()))
    return costs, qualities


def span(truth: Part) -> tuple[float, float]:
    """The costs over which routers are compared: those of the cheapest and the dearest model."""
    means = truth.cost.mean(axis=0)
    return float(means.min()), float(means.max())


def aiq(quality: np.ndarray, cost: np.ndarray, truth: Part) -> float:
    """The average improvement in quality (Hu et al., 2024) of choosing by these expectations."""
    return ragcore.aiq(*points(quality, cost, truth), range=span(truth))


def expected(router: ragcore.Router, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """What a router expects of every model, through its own explanations."""
    quality, cost = np.empty_like(part.quality), np.empty_like(part.cost)
    for i, vector in enumerate(part.vectors):
        for route in router.route(vector, at=0.0).why.routes:
            at = i, part.models.index(route.name)
            quality[at], cost[at] = route.expected["quality"], route.expected["cost"]
    return quality, cost


def fitted(part: Part, seed: int = 0) -> ragcore.Router:
    """A router that was told every outcome of a part."""
    router = ragcore.Router(("cost", "quality"), seed=seed)
    router.fit(
        part.vectors,
        {
            model: {"quality": part.quality[:, j], "cost": part.cost[:, j]}
            for j, model in enumerate(part.models)
        },
    )
    return router
