"""NSGA-II beside pymoo's: the hypervolume reached with as many evaluations, and the time taken.

    python benches/pareto/optimize.py [--seeds 16]

ZDT1, 2, 3, 4 and 6 (Zitzler, Deb and Thiele, 2000) have two objectives, DTLZ2 and DTLZ7 (Deb et al.,
2002) three. Both run with the same population and number of generations and their defaults otherwise;
all that each of them evaluated counts, since ours answers the front of that. The hypervolume, up to the reference in `PROBLEMS`,
stands with the 95% interval of its mean over seeds. Time is processor time of a run less that of the objective itself, which
both call with a whole generation at once.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import ragcore as rag
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.optimize import minimize


def zdt(number: int, x: np.ndarray) -> np.ndarray:
    first, rest = x[:, 0], x[:, 1:]
    if number == 6:
        f1 = 1 - np.exp(-4 * first) * np.sin(6 * np.pi * first) ** 6
        g = 1 + 9 * rest.mean(axis=1) ** 0.25
        return np.column_stack([f1, g * (1 - (f1 / g) ** 2)])
    g = 1 + 9 * rest.mean(axis=1)
    if number == 4:
        rest = rest * 10 - 5
        g = 1 + 10 * rest.shape[1] + (rest**2 - 10 * np.cos(4 * np.pi * rest)).sum(axis=1)
    share = first / g
    h = {
        1: 1 - np.sqrt(share),
        2: 1 - share**2,
        3: 1 - np.sqrt(share) - share * np.sin(10 * np.pi * first),
        4: 1 - np.sqrt(share),
    }[number]
    return np.column_stack([first, g * h])


def dtlz(number: int, x: np.ndarray) -> np.ndarray:
    if number == 7:
        g = 1 + 9 * x[:, 2:].mean(axis=1)
        h = 3 - (x[:, :2] / (1 + g[:, None]) * (1 + np.sin(3 * np.pi * x[:, :2]))).sum(axis=1)
        return np.column_stack([x[:, 0], x[:, 1], (1 + g) * h])
    g = 1 + ((x[:, 2:] - 0.5) ** 2).sum(axis=1)
    a, b = x[:, 0] * np.pi / 2, x[:, 1] * np.pi / 2
    return np.column_stack([g * np.cos(a) * np.cos(b), g * np.cos(a) * np.sin(b), g * np.sin(a)])


#: The problem, its knobs and the reference point.
PROBLEMS: dict[str, tuple[Any, int, list[float]]] = {
    **{f"ZDT{i}": (lambda x, i=i: zdt(i, x), 10, [1.1, 11.0 if i != 4 else 200.0]) for i in (1, 2, 3, 4, 6)},
    "DTLZ2": (lambda x: dtlz(2, x), 12, [2.5] * 3),
    "DTLZ7": (lambda x: dtlz(7, x), 22, [1.1, 1.1, 22.0]),
}


#: Student's t at 97.5% for as many seeds.
STUDENT = {8: 2.365, 16: 2.131, 24: 2.069, 32: 2.040}


class Clocked:
    """Counts what is evaluated and the time that it takes."""

    def __init__(self, problem: Any) -> None:
        self.problem, self.seen, self.spent = problem, [], 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        start = time.process_time()
        found = self.problem(x)
        self.seen.append(found)
        self.spent += time.process_time() - start
        return found


def ours(call: Clocked, knobs: int, population: int, generations: int, seed: int, m: int) -> None:
    names = [f"x{i}" for i in range(knobs)]

    def judge(settings: list[dict[str, float]]) -> np.ndarray:
        return call(np.array([[s[n] for n in names] for s in settings]))

    rag.optimize(
        judge, dict.fromkeys(names, (0.0, 1.0)), objectives=[f"f{j}" for j in range(m)], batch=True,
        population=population, generations=generations, seed=seed,
    )  # fmt: skip


def theirs(call: Clocked, knobs: int, population: int, generations: int, seed: int, m: int) -> None:
    class Wrapped(Problem):
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = call(x)

    problem = Wrapped(n_var=knobs, n_obj=m, xl=0.0, xu=1.0)
    minimize(problem, NSGA2(pop_size=population), ("n_gen", generations), seed=seed, verbose=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=16, choices=sorted(STUDENT))
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    print(f"ragcore {rag.__version__}, pymoo {version('pymoo')}; {given.seeds} seeds\n")
    print("| problem | population x generations | ragcore hypervolume | pymoo hypervolume | ragcore ms | pymoo ms |")
    print("|---|---|---|---|---|---|")
    for population, generations in ((32, 25), (100, 100)):
        for name, (problem, knobs, reference) in PROBLEMS.items():
            if given.only not in name:
                continue
            volumes, times = [], []
            for seed in range(given.seeds):
                both = []
                for run in (ours, theirs):
                    call = Clocked(problem)
                    start = time.process_time()
                    run(call, knobs, population, generations, seed, len(reference))
                    spent = time.process_time() - start - call.spent
                    both.append((rag.hypervolume(np.concatenate(call.seen), reference), spent))
                volumes.append([v for v, _ in both])
                times.append([1e3 * t for _, t in both])
            table, half = np.array(volumes), STUDENT[given.seeds] / np.sqrt(given.seeds)
            shown = [f"{v.mean():.4f} ± {half * v.std(ddof=1):.4f}" for v in table.T]
            mine, peer = np.median(times, axis=0)
            print(f"| {name} | {population} x {generations} | {shown[0]} | {shown[1]} | {mine:.0f} | {peer:.0f} |")


if __name__ == "__main__":
    main()
