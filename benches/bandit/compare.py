"""Regret in the simulator, beside peers; speed; delay; what a log says of another policy.

    python benches/bandit/compare.py [--seeds N] [--first SEED] [--peers-seeds N] [--world WORLD]

Every row is a mean over seeds with the 95% interval of that mean. Processor time is of choosing
and rewarding alone, the players' turns interleaved domain by domain.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import ragcore as rag
from players import PLAYERS
from simulator import GUESSES, NAMES, NOISE, STEPS, WORLDS, World


def play(player: Any, world: World, delay: int = 0) -> dict[str, float]:
    """Regret per domain after 100 and all choices, converged domains, safety, microseconds."""
    regret, early, worse, spent = 0.0, 0.0, 0, 0.0
    late = [0.0] * 6
    waiting: deque[tuple[int, Any, float]] = deque()
    for step in range(STEPS):
        if step == 100:
            early = regret
        for index in range(6):
            context = world.step(index, step)
            begin = time.process_time_ns()
            token, weight = player.choose(index, context)
            spent += time.process_time_ns() - begin
            loss = world.loss(index, context, weight)
            regret += loss
            if 90 <= step < 100:
                late[index] += loss / 10
            if step < 100:
                worse += loss > world.loss(index, context, GUESSES[index]) + 0.05
            waiting.append((index, token, world.reward(index, loss)))
            if len(waiting) > 6 * delay:
                paid = waiting.popleft()
                begin = time.process_time_ns()
                player.reward(*paid)
                spent += time.process_time_ns() - begin
    return {
        "100": early / 6,
        "1000": regret / 6,
        "converged": 100 * sum(x < 0.01 for x in late) / 6,
        "worse": worse / 6,
        "us": spent / 1000 / (6 * STEPS),
    }


def mean(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], math.inf
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), half


def show(values: list[float], digits: int = 2) -> str:
    middle, half = mean(values)
    return f"{middle:.{digits}f} ± {half:.{digits}f}"


def regrets(seeds: range, few: range, worlds: list[str]) -> None:
    print("\n| who | world | regret at 100 | at 1,000 | converged % | worse % | us |")
    print("|---|---|---|---|---|---|---|")
    for name, make in PLAYERS.items():
        try:
            make(0, False)
        except ImportError as missing:
            print(f"| {name} | left out: {missing} | | | | | |")
            continue
        own = seeds if name.startswith(("ragcore", "static")) else few
        for kind in worlds:
            runs = [play(make(s, kind == "contextual"), World(kind, s)) for s in own]
            columns = {key: [run[key] for run in runs] for key in runs[0]}
            print(
                f"| {name} ({len(own)} seeds) | {kind} | {show(columns['100'])} "
                f"| {show(columns['1000'])} | {statistics.fmean(columns['converged']):.0f} "
                f"| {statistics.fmean(columns['worse']):.1f} | {statistics.median(columns['us']):.1f} |",
                flush=True,
            )
    delayed = [
        play(PLAYERS["ragcore, the default"](s, False), World("stationary", s), 50) for s in seeds
    ]
    print(
        f"| ragcore, the default, rewards 50 choices late | stationary "
        f"| {show([r['100'] for r in delayed])} | {show([r['1000'] for r in delayed])} | | | |"
    )


def sharing(seeds: range) -> None:
    print("\nContexts' slopes that all domains have in common, and that each has alone:\n")
    print("| shared variance | regret at 100 | at 1,000 |")
    print("|---|---|---|")
    for shared in (0.0, 0.5, 1.0):
        make = PLAYERS["ragcore, the default"]
        runs = [play(make(s, True), World("contextual", s, shared)) for s in seeds]
        print(
            f"| {shared:.0%} | {show([r['100'] for r in runs])} | {show([r['1000'] for r in runs])} |"
        )


def off_policy(logs: int) -> None:
    """1,000 entries logged by the default; what the best weight would have earned is asked."""
    errors: dict[str, list[float]] = {m: [] for m in ("ips", "snips", "dr", "switch-dr")}
    inside = 0
    for seed in range(logs):
        world = World("stationary", 10_000 + seed)
        bandit = rag.Bandit((0.0, 1.0), priors={NAMES[0]: GUESSES[0]}, seed=seed, log_size=1000)
        for step in range(1000):
            context = world.step(0, step)
            choice = bandit.choose(NAMES[0])
            bandit.reward(choice, world.reward(0, world.loss(0, context, choice.value)))
        domain = world.domains[0]
        wanted = round(domain.optimum, 2)
        truth = domain.base - world.loss(0, [0.0] * 3, wanted)
        answer: Callable[[str, list[float] | None], float] = lambda d, x, w=wanted: w  # noqa: E731
        log = bandit.log
        for method, found in errors.items():
            try:
                estimate = bandit.evaluate(answer, log, method=method)
            except rag.InvalidArgument:
                continue
            found.append(estimate.value - truth)
            if method == "switch-dr":
                inside += estimate.low <= truth <= estimate.high
    print(f"\nValue of the best weight from {logs} logs of 1,000 entries (noise {NOISE}):\n")
    print("| method | RMSE | logs with an answer |")
    print("|---|---|---|")
    for method, found in errors.items():
        rmse = math.sqrt(statistics.fmean(e * e for e in found)) if found else math.nan
        print(f"| {method} | {rmse:.4f} | {len(found)} |")
    print(f"\nThe interval of switch-dr holds the truth in {100 * inside / logs:.0f}% of the logs.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=48)
    parser.add_argument("--first", type=int, default=5000)
    parser.add_argument("--peers-seeds", type=int, default=24)
    parser.add_argument("--logs", type=int, default=100)
    parser.add_argument("--world", choices=WORLDS, action="append")
    args = parser.parse_args()
    for package in ("vowpalwabbit", "mabwiser", "numpy"):
        try:
            print(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            print(package, "is not installed")
    seeds = range(args.first, args.first + args.seeds)
    regrets(seeds, range(args.first, args.first + args.peers_seeds), args.world or list(WORLDS))
    sharing(seeds)
    off_policy(args.logs)


if __name__ == "__main__":
    main()
