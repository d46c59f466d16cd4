"""Slow truth for what is done with fronts: contributions, fewer points, choices, archives, searches.

Standard library only. Run from anywhere: it writes ../<operation>.json beside this folder.
"""

import itertools
import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
rng = random.Random(20261130)


def plain(x):
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    if isinstance(x, (list, tuple)):
        return [plain(y) for y in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return x


def case(name, inputs, want=None, error=None, tolerance=0.0):
    c = {"name": name, "inputs": inputs, "options": {}, "seed": 0}
    c.update({"error": error} if error else {"want": want})
    return plain(c | {"tolerance": tolerance})


def write(operation, about, cases):
    lines = ",\n  ".join(json.dumps(c) for c in cases)
    head = json.dumps({"operation": operation, "about": about, "truth": "truth/fronts.py"}, indent=1)[:-2]
    (HERE.parent / f"{operation}.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')


def turned(points, maximize):
    return [[-x if m else x for x, m in zip(p, maximize)] for p in points]


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b)) and any(x < y for x, y in zip(a, b))


def front(points):
    return [i for i, p in enumerate(points) if not any(dominates(q, p) for q in points)]


def volume(points, reference):
    """Inclusion and exclusion over all subsets."""
    boxes = [[r - x for x, r in zip(p, reference)] for p in points]
    boxes = [b for b in boxes if all(s > 0 for s in b)]
    total = 0.0
    for size in range(1, len(boxes) + 1):
        for some in itertools.combinations(boxes, size):
            total += (-1) ** (size + 1) * math.prod(min(c) for c in zip(*some))
    return total


def alone(points, reference):
    whole = volume(points, reference)
    return [whole - volume(points[:i] + points[i + 1 :], reference) for i in range(len(points))]


def lattice(n, d, levels):
    return [[float(1 + rng.randrange(levels)) for _ in range(d)] for _ in range(n)]


def uniform(n, d):
    return [[round(0.01 + rng.random(), 3) for _ in range(d)] for _ in range(n)]


def sets():
    yield "one point", [[1.0, 2.0]], [False, False]
    yield "equal points", [[1.0, 2.0], [1.0, 2.0], [0.5, 3.0]], [True, False]
    yield "a dent", [[1.0, 5.0], [3.4, 3.4], [5.0, 1.0]], [False, False]
    for d in (1, 2, 3, 4, 5, 6):
        yield f"lattice, {d} columns", lattice(9, d, 4), [False] * d
        yield f"uniform, {d} columns", uniform(9, d), [j % 2 == 0 for j in range(d)]


# ---- contributions ------------------------------------------------------------------------

def contribution_cases():
    cases = []
    for name, points, maximize in sets():
        reference = [0.2 if m else 3.7 for m in maximize]
        t, r = turned(points, maximize), turned([reference], maximize)[0]
        inputs = {"points": points, "reference": reference, "maximize": maximize}
        cases.append(case(name, inputs, {"contributions": alone(t, r)}, tolerance=1e-9))
    for name, p, r in (("nan", [[math.nan, 0.0]], [1.0, 1.0]), ("infinite reference", [[0.0, 0.0]], [1.0, math.inf])):
        cases.append(case(name, {"points": p, "reference": r, "maximize": []}, error="invalid_argument"))
    write("hypervolume_contributions", "the volume that is lost without each point", cases)


# ---- epsilon front ------------------------------------------------------------------------

def thinned(points, epsilon, kind, maximize):
    def place(x, j):
        if kind == "multiplicative":
            return (-1 if maximize[j] else 1) * math.log(x) / math.log1p(epsilon[j])
        return (-x if maximize[j] else x) / epsilon[j]

    on = front(turned(points, maximize))
    at = {i: [place(x, j) for j, x in enumerate(points[i])] for i in on}
    boxes = {i: tuple(math.floor(p) for p in at[i]) for i in on}
    away = {i: sum((p - math.floor(p)) ** 2 for p in at[i]) for i in on}
    best = {b for b in boxes.values() if not any(dominates(c, b) for c in boxes.values())}
    return sorted(min((i for i in on if boxes[i] == b), key=lambda i: (away[i], i)) for b in best)


def epsilon_cases():
    cases = []
    for at, (name, points, maximize) in enumerate(sets()):
        for kind in ("additive", "multiplicative"):
            width = [0.3, 0.17, 0.71][at % 3]
            epsilon = [width] if at % 2 else [width + 0.11 * j for j in range(len(maximize))]
            each = epsilon * len(maximize) if len(epsilon) == 1 else epsilon
            want = {"indices": thinned(points, each, kind, maximize)}
            inputs = {"points": points, "epsilon": epsilon, "kind": kind, "maximize": maximize}
            cases.append(case(f"{name}, {kind}", inputs, want))
    bad = {"points": [[1.0, 0.0]], "epsilon": [0.1], "kind": "additive", "maximize": []}
    for name, change in (("no width", {"epsilon": [0.0]}), ("nan", {"points": [[math.nan, 1.0]]}),
                         ("zero by ratio", {"kind": "multiplicative"}), ("another kind", {"kind": "both"}),
                         ("widths of another number", {"epsilon": [0.1] * 3})):
        cases.append(case(name, bad | change, error="invalid_argument"))
    write("epsilon_front", "one point of the front for each box (Laumanns et al., 2002)", cases)


# ---- choices ------------------------------------------------------------------------------

def scaled(points, maximize, reference=None):
    t = turned(points, maximize)
    on = [t[i] for i in front(t)]
    low, high = [min(c) for c in zip(*on)], [max(c) for c in zip(*on)]
    origin = low if reference is None else turned([reference], maximize)[0]
    return [[(x - o) / (b - a if b > a else 1.0) for x, o, a, b in zip(p, origin, low, high)] for p in t]


def choice_cases():
    knees, distances, scores = [], [], []
    for at, (name, points, maximize) in enumerate(sets()):
        d = len(maximize)
        x = scaled(points, maximize)
        on = front(turned(points, maximize))
        base = {"points": points, "maximize": maximize}
        knees.append(case(name, base, {"index": min(on, key=lambda i: (round(sum(x[i]), 12), i))}))
        weights = [[], [2.0], [0.5 * j for j in range(1, d + 1)]][at % 3]
        each = weights * d if len(weights) == 1 else weights or [1.0] * d
        want = [math.sqrt(sum((w * v) ** 2 for w, v in zip(each, row))) for row in x]
        distances.append(case(name, base | {"weights": weights}, {"distances": want}, tolerance=1e-9))
        reference = [] if at % 2 else [round(rng.random(), 3) for _ in range(d)]
        rho = [0.001, 0.0, 0.1][at % 3]
        terms = [[w * v for w, v in zip(each, row)] for row in scaled(points, maximize, reference or None)]
        want = [max(row) + rho * sum(row) for row in terms]
        scores.append(case(name, base | {"weights": weights, "reference": reference, "rho": rho}, {"scores": want}, tolerance=1e-9))
    for name, points in (("nan", [[math.nan, 1.0]]), ("infinite", [[1.0, math.inf], [0.0, 0.0]])):
        base = {"points": points, "maximize": []}
        knees.append(case(name, base, error="invalid_argument"))
        distances.append(case(name, base | {"weights": []}, error="invalid_argument"))
        scores.append(case(name, base | {"weights": [], "reference": [], "rho": 0.1}, error="invalid_argument"))
    base = {"points": [[1.0, 2.0]], "maximize": []}
    for name, weights in (("a negative weight", [1.0, -1.0]), ("no weight at all", [0.0]), ("weights of another number", [1.0] * 3)):
        distances.append(case(name, base | {"weights": weights}, error="invalid_argument"))
    scores.append(case("rho beyond", base | {"weights": [], "reference": [], "rho": 1.5}, error="invalid_argument"))
    scores.append(case("a short reference", base | {"weights": [], "reference": [1.0], "rho": 0.1}, error="invalid_argument"))
    write("knee", "the point of the front with the least sum of scaled columns", knees)
    write("distance_to_ideal", "weighted Euclidean distance in ranges of the front", distances)
    write("chebyshev", "augmented Chebyshev scores (Steuer and Choo, 1983)", scores)


# ---- archive ------------------------------------------------------------------------------

def crowding(points):
    n = len(points)
    if n <= 2:
        return [math.inf] * n
    room = [0.0] * n
    for column in zip(*points):
        order = sorted(range(n), key=lambda i: (column[i], i))
        low, high = column[order[0]], column[order[-1]]
        if low == high:
            continue
        room[order[0]] = room[order[-1]] = math.inf
        for before, i, after in zip(order, order[1:], order[2:]):
            room[i] += (column[after] - column[before]) / (high - low)
    return room


def archived(points, ids, capacity, keep, reference, maximize):
    held, kept = [], []
    r = turned([reference], maximize)[0] if reference else None
    for p, number in zip(turned(points, maximize), ids):
        if any(dominates(q, p) or (q == p and j == number) for q, j in held):
            kept.append(0)
            continue
        held = [(q, j) for q, j in held if not dominates(p, q)] + [(p, number)]
        last = len(held) - 1
        gone = None
        if len(held) > capacity:
            rows = [q for q, _ in held]
            room = crowding(rows) if keep == "crowding" else [round(x, 12) for x in alone(rows, r)]
            gone = min(range(len(rows)), key=lambda i: (room[i], -i))
            del held[gone]
        kept.append(int(gone != last))
    return {"ids": [j for _, j in held], "kept": kept}


def archive_cases():
    cases = []
    for name, d, capacity, keep in (
        ("room for all", 2, 50, "crowding"), ("three stay", 2, 3, "crowding"), ("one stays", 3, 1, "crowding"),
        ("four of three columns", 3, 4, "crowding"), ("five of five columns", 5, 5, "crowding"),
        ("volume, three stay", 2, 3, "volume"), ("volume, three columns", 3, 4, "volume"),
        ("volume, four columns", 4, 3, "volume"), ("one column", 1, 2, "crowding"),
    ):
        points, maximize = uniform(24, d), [j == 1 for j in range(d)]
        reference = [(-0.5 if m else 1.5) for m in maximize] if keep == "volume" else []
        inputs = {"points": points, "ids": list(range(100, 124)), "capacity": capacity, "keep": keep,
                  "reference": reference, "maximize": maximize}
        cases.append(case(name, inputs, archived(points, inputs["ids"], capacity, keep, reference, maximize)))
    points = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [0.0, 5.0]]
    inputs = {"points": points, "ids": [1, 1, 2, 3, 3], "capacity": 9, "keep": "crowding", "reference": [], "maximize": []}
    cases.append(case("the same again", inputs, archived(points, inputs["ids"], 9, "crowding", [], [False] * 2)))
    for name, change in (("nan", {"points": [[math.nan, 1.0]], "ids": [1]}), ("no room", {"capacity": 0}),
                         ("another way", {"keep": "luck"}), ("a short reference", {"reference": [1.0]})):
        cases.append(case(name, inputs | change, error="invalid_argument"))
    write("pareto_archive", "what stays, in order of arrival, and what was kept when it came", cases)


# ---- search -------------------------------------------------------------------------------

def grid(knobs):
    choices = [range(len(k["choices"])) if k["kind"] == "choice" else range(int(k["low"]), int(k["high"]) + 1) for k in knobs]
    return [[float(x) for x in setting] for setting in itertools.product(*choices)]


def optimize_cases():
    def whole(name, low, high):
        return {"name": name, "kind": "whole", "low": float(low), "high": float(high), "choices": []}

    def choice(name, *choices):
        return {"name": name, "kind": "choice", "low": 0.0, "high": 0.0, "choices": list(choices)}

    spaces = [
        ("one knob", [whole("k", 1, 9)], 2), ("one value", [whole("k", 3, 3)], 2), ("negative numbers", [whole("k", -4, 3)], 2),
        ("choices", [choice("model", "a", "b", "c"), choice("mode", "x", "y")], 2),
        ("both", [whole("k", 0, 5), choice("model", "a", "b", "c")], 2), ("three knobs", [whole("a", 0, 3), whole("b", 0, 3), choice("c", "x", "y")], 2),
        ("three objectives", [whole("k", 0, 7), choice("model", "a", "b")], 3), ("one objective", [whole("k", 0, 11)], 1),
    ]
    cases = []
    for at, (name, knobs, m) in enumerate(spaces):
        settings = grid(knobs)
        outcomes = [[float(rng.randrange(12)) for _ in range(m)] for _ in settings]
        maximize = [bool(at % 2)] * m
        best = sorted(outcomes[i] for i in front(turned(outcomes, maximize)))
        inputs = {"knobs": knobs, "objectives": ["cost", "quality", "diversity"][:m], "maximize": maximize, "settings": settings,
                  "outcomes": outcomes, "initial": settings[:1] if at % 3 == 0 else [], "population": 64, "generations": 9}
        cases.append(case(name, inputs, {"points": best, "evaluations": len(settings)}))
    first = cases[0]["inputs"]
    for name, change in (
        ("an outcome of nan", {"outcomes": [["nan", 1.0]] * 9}), ("bounds the wrong way round", {"knobs": [whole("k", 2, 1)]}),
        ("nothing to choose from", {"knobs": [choice("k")], "settings": [], "outcomes": [], "initial": []}), ("a name twice", {"objectives": ["cost", "cost"]}),
        ("initial outside", {"initial": [[77.0]]}), ("no population", {"population": 0}),
    ):
        cases.append(case(name, first | change, error="invalid_argument"))
    write("optimize", "spaces small enough to be tried whole: the front of all settings, sorted, and how many there are", cases)


contribution_cases()
epsilon_cases()
choice_cases()
archive_cases()
optimize_cases()
