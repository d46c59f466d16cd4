"""Slow truth for fronts, ranks, crowding, volumes and routing.

Standard library only. Run from anywhere: it writes ../<operation>.json beside this folder.
"""

import itertools
import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
rng = random.Random(20240517)


def plain(x):
    if isinstance(x, float):
        if math.isnan(x):
            return "nan"
        if math.isinf(x):
            return "inf" if x > 0 else "-inf"
    if isinstance(x, (list, tuple)):
        return [plain(y) for y in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return x


def case(name, inputs, want=None, error=None, options=None, tolerance=0.0):
    c = {"name": name, "inputs": inputs, "options": options or {}, "seed": 0}
    c.update({"error": error} if error else {"want": want})
    return plain(c | {"tolerance": tolerance})


def write(operation, about, cases):
    doc = {"operation": operation, "about": about, "truth": "truth/choosing.py", "cases": cases}
    lines = ",\n  ".join(json.dumps(c) for c in doc.pop("cases"))
    head = json.dumps(doc, indent=1)[:-2]
    (HERE.parent / f"{operation}.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')


# ---- points -------------------------------------------------------------------------------

def turned(points, maximize):
    return [[-x if m else x for x, m in zip(p, maximize)] for p in points]


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b)) and any(x < y for x, y in zip(a, b))


def front(points):
    return [i for i, p in enumerate(points) if not any(dominates(q, p) for q in points)]


def ranks(points):
    result, left, rank = [None] * len(points), set(range(len(points))), 0
    while left:
        now = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in now:
            result[i] = rank
        left -= now
        rank += 1
    return result


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
            a, b = column[before], column[after]
            if a == b:
                continue
            if math.isinf(high - low):
                room[i] += 1.0 if math.isinf(b - a) else 0.0
            else:
                room[i] += (b - a) / (high - low)
    return room


def volume(points, reference):
    """Inclusion and exclusion over all subsets."""
    boxes = [[r - x for x, r in zip(p, reference)] for p in points]
    boxes = [b for b in boxes if all(s > 0 for s in b)]
    total = 0.0
    for size in range(1, len(boxes) + 1):
        for some in itertools.combinations(boxes, size):
            total += (-1) ** (size + 1) * math.prod(min(c) for c in zip(*some))
    return total


def lattice(n, d, levels):
    return [[float(rng.randrange(levels)) for _ in range(d)] for _ in range(n)]


def uniform(n, d):
    return [[round(rng.random(), 3) for _ in range(d)] for _ in range(n)]


def point_cases():
    sets = [("one point", [[1.0, 2.0]]), ("equal points", [[1.0, 2.0], [1.0, 2.0], [0.0, 3.0]]),
            ("infinities", [[math.inf, 0.0], [-math.inf, 5.0], [1.0, 1.0], [math.inf, math.inf]]),
            ("a chain", [[float(i)] * 3 for i in (2, 0, 3, 1)])]
    for d in (1, 2, 3, 4, 5):
        sets.append((f"lattice, {d} columns", lattice(14, d, 4)))
        sets.append((f"uniform, {d} columns", uniform(12, d)))
    cases = {"pareto_front": [], "nondominated_sort": []}
    for i, (name, points) in enumerate(sets):
        d = len(points[0])
        maximize = [bool((i >> j) & 1) for j in range(d)] if i % 2 else [False] * d
        t = turned(points, maximize)
        inputs = {"points": points, "maximize": maximize}
        cases["pareto_front"].append(case(name, inputs, {"indices": front(t)}))
        cases["nondominated_sort"].append(case(name, inputs, {"ranks": ranks(t)}))
    for operation in cases:
        cases[operation].append(case("one direction for all", {"points": [[1.0, 1.0], [2.0, 2.0]], "maximize": [True]},
                                     {"indices": [1]} if operation == "pareto_front" else {"ranks": [1, 0]}))
        cases[operation].append(case("nan", {"points": [[1.0, math.nan]], "maximize": [False, False]}, error="invalid_argument"))
        cases[operation].append(case("directions of another width", {"points": [[1.0, 1.0, 1.0]], "maximize": [True, False]},
                                     error="invalid_argument"))
    write("pareto_front", "indices of the points that no other dominates; equal points all stay", cases["pareto_front"])
    write("nondominated_sort", "the front that each point is on, from 0", cases["nondominated_sort"])

    rooms = [case(name, {"points": p}, {"distances": crowding(p)}, tolerance=1e-12) for name, p in sets]
    rooms.append(case("constant column", {"points": [[0.0, 7.0], [1.0, 7.0], [3.0, 7.0], [4.0, 7.0]]},
                      {"distances": [math.inf, 0.75, 0.75, math.inf]}, tolerance=1e-12))
    rooms.append(case("nan", {"points": [[math.nan]]}, error="invalid_argument"))
    write("crowding_distance", "room around each point of a front (Deb et al., 2002)", rooms)

    volumes = [case("empty of use", {"points": [[3.0, 0.0], [1.0, 4.0]], "reference": [3.0, 4.0], "maximize": [False, False]},
                    {"volume": 0.0}),
               case("infinitely better", {"points": [[-math.inf, 0.0]], "reference": [1.0, 1.0], "maximize": [False, False]},
                    {"volume": math.inf})]
    for d in range(1, 8):
        for kind, make in (("lattice", lambda: lattice(8, d, 4)), ("uniform", lambda: uniform(9, d))):
            points, maximize = make(), [kind == "uniform" and j % 2 == 0 for j in range(d)]
            reference = [(-0.5 if m else 3.5) for m in maximize]
            t, r = turned(points, maximize), turned([reference], maximize)[0]
            volumes.append(case(f"{kind}, {d} columns", {"points": points, "reference": reference, "maximize": maximize},
                                {"volume": volume(t, r)}, tolerance=1e-9))
    for name, p, r in (("nan", [[math.nan, 0.0]], [1.0, 1.0]), ("infinite reference", [[0.0, 0.0]], [1.0, math.inf]),
                       ("short reference", [[0.0, 0.0]], [1.0])):
        volumes.append(case(name, {"points": p, "reference": r, "maximize": [False, False]}, error="invalid_argument"))
    write("hypervolume", "exact volume between the points and the reference", volumes)


# ---- router -------------------------------------------------------------------------------

def chosen(values, minimize, weights, budget):
    """Lexicographic weighted Chebyshev on the front of what is affordable."""
    open_ = [i for i, v in enumerate(values) if budget is None or v[0] <= budget]
    if not open_:
        return None
    t = [[x if m else -x for x, m in zip(values[i], minimize)] for i in open_]
    on = [open_[i] for i in front(t)]
    rows = {i: [x if m else -x for x, m in zip(values[i], minimize)] for i in on}
    low = [min(c) for c in zip(*rows.values())]
    high = [max(c) for c in zip(*rows.values())]
    top = max(weights)
    loss = {i: [w / top * ((x - a) / (b - a) if b > a else 0.0) for x, a, b, w in zip(r, low, high, weights)] for i, r in rows.items()}
    return min(on, key=lambda i: (max(loss[i]), sum(loss[i]), i)), on


def router_cases():
    cases = []
    sets = {"a dent": [[1.0, 0.5], [4.0, 0.68], [9.0, 0.9]], "one dominated": [[1.0, 0.5], [2.0, 0.4], [3.0, 0.9]],
            "equal routes": [[1.0, 0.5], [1.0, 0.5]], "three objectives": [[round(rng.random(), 2) for _ in range(3)] for _ in range(8)]}
    for name, values in sets.items():
        d = len(values[0])
        objectives = ["cost", "quality", "diversity"][:d]
        for label, weights, budget in (("even", [1.0] * d, None), ("cheap", [5.0] + [1.0] * (d - 1), None),
                                       ("good", [0.1] + [1.0] * (d - 1), None), ("only quality", [0.0, 1.0, 0.0][:d], None),
                                       ("a budget", [0.1] + [1.0] * (d - 1), 1.5), ("no money", [1.0] * d, 0.0)):
            found = chosen(values, [True] + [False] * (d - 1), weights, budget)
            inputs = {"objectives": objectives, "names": [f"r{i}" for i in range(len(values))], "priors": values, "weights": weights,
                      "budget": math.inf if budget is None else budget}
            title = f"{name}, {label}"
            if found is None:
                cases.append(case(title, inputs, error="not_found"))
            else:
                best, on = found
                cases.append(case(title, inputs, {"name": f"r{best}", "front": [f"r{i}" for i in on], "expected": values[best]}, tolerance=1e-9))
    write("route", "the choice between routes known by their priors; no query; budget inf is none", cases)


point_cases()
router_cases()
