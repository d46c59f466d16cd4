"""Who plays: ours, the guesses themselves, and the peers, each as (choose, reward)."""

from __future__ import annotations

import random
from typing import Any

import ragcore as rag
from simulator import GUESSES, NAMES

ELEVEN = [i / 10 for i in range(11)]


class Static:
    """Always the guess."""

    def __init__(self, seed: int, contextual: bool) -> None:
        pass

    def choose(self, index: int, context: list[float]) -> tuple[Any, float]:
        return None, GUESSES[index]

    def reward(self, index: int, token: Any, reward: float) -> None:
        pass


class Ours:
    """The one default."""

    options: dict[str, Any] = {}

    def __init__(self, seed: int, contextual: bool) -> None:
        priors = dict(zip(NAMES, GUESSES, strict=True))
        # Two domains of the simulator have one guess: priors go by name.
        self.bandit = rag.Bandit((0.0, 1.0), priors=priors, seed=seed, **self.options)
        self.contextual = contextual

    def choose(self, index: int, context: list[float]) -> tuple[Any, float]:
        choice = self.bandit.choose(NAMES[index], context=context if self.contextual else None)
        return choice.id, choice.value

    def reward(self, index: int, token: Any, reward: float) -> None:
        self.bandit.reward(token, reward)


class Safe(Ours):
    """The default with a bound."""

    options = {"safety": 0.02}


class Names(Ours):
    """Eleven weights as names without an order."""

    def __init__(self, seed: int, contextual: bool) -> None:
        priors = {n: f"{g:.1f}" for n, g in zip(NAMES, GUESSES, strict=True)}
        self.bandit = rag.Bandit([f"{w:.1f}" for w in ELEVEN], priors=priors, seed=seed)
        self.contextual = contextual

    def choose(self, index: int, context: list[float]) -> tuple[Any, float]:
        token, value = super().choose(index, context)
        return token, float(value)


class Wabbit:
    """Vowpal Wabbit; the domain and its context are features, costs are 1 less the reward."""

    arguments = ""

    def __init__(self, seed: int, contextual: bool) -> None:
        import vowpalwabbit

        self.vw = vowpalwabbit.Workspace(f"{self.arguments} --random_seed {seed} --quiet")
        self.rng, self.contextual = random.Random(seed), contextual

    def features(self, index: int, context: list[float]) -> str:
        extra = " ".join(f"x{i}:{x:.4f}" for i, x in enumerate(context)) if self.contextual else ""
        return f"|d domain{index} |x {extra}"


class SquareCb(Wabbit):
    arguments = "--cb_explore 11 --squarecb --gamma_scale 100 -q dx"

    def choose(self, index: int, context: list[float]) -> tuple[Any, float]:
        line = self.features(index, context)
        odds = self.vw.predict(line)
        [arm] = self.rng.choices(range(11), odds)
        return (line, arm, odds[arm]), ELEVEN[arm]

    def reward(self, index: int, token: Any, reward: float) -> None:
        line, arm, odds = token
        self.vw.learn(f"{arm + 1}:{1 - reward:.5f}:{odds:.6f} {line}")


class Cats(Wabbit):
    arguments = "--cats 16 --bandwidth 0.1 --min_value 0 --max_value 1 -q dx"

    def choose(self, index: int, context: list[float]) -> tuple[Any, float]:
        line = self.features(index, context)
        weight, density = self.vw.predict(line)
        return (line, weight, density), min(1.0, max(0.0, weight))

    def reward(self, index: int, token: Any, reward: float) -> None:
        line, weight, density = token
        self.vw.learn(f"ca {weight:.5f}:{1 - reward:.5f}:{density:.6f} {line}")


class Mab:
    """MABWiser's Thompson sampling, which takes rewards of 0 and 1: drawn with the reward's odds."""

    def __init__(self, seed: int, contextual: bool) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        self.rng = random.Random(seed)
        made = (MAB(ELEVEN, LearningPolicy.ThompsonSampling(), seed=seed + i) for i in range(6))
        self.mabs = list(made)
        for mab in self.mabs:
            mab.fit(ELEVEN * 2, [0] * 11 + [1] * 11)

    def choose(self, index: int, context: list[float]) -> tuple[Any, float]:
        weight = self.mabs[index].predict()
        return weight, weight

    def reward(self, index: int, token: Any, reward: float) -> None:
        self.mabs[index].partial_fit([token], [int(self.rng.random() < reward)])


PLAYERS: dict[str, Any] = {
    "static prior": Static,
    "ragcore, the default": Ours,
    "ragcore, safety .02": Safe,
    "ragcore, 11 names": Names,
    "Vowpal Wabbit squarecb": SquareCb,
    "Vowpal Wabbit cats": Cats,
    "MABWiser Thompson": Mab,
}
