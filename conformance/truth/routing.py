"""Slow truth for the figures of routers, their baselines, and the health of routes.

Standard library only. Run from anywhere: it writes ../<operation>.json beside this folder.
"""

import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
rng = random.Random(20261130)


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


def case(name, inputs, want=None, error=None, options=None, tolerance=1e-9):
    c = {"name": name, "inputs": inputs, "options": options or {}, "seed": 0}
    c.update({"error": error} if error else {"want": want})
    return plain(c | {"tolerance": tolerance})


def write(operation, about, cases):
    doc = {"operation": operation, "about": about, "truth": "truth/routing.py", "cases": cases}
    lines = ",\n  ".join(json.dumps(c) for c in doc.pop("cases"))
    head = json.dumps(doc, indent=1)[:-2]
    (HERE.parent / f"{operation}.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')


# ---- figures ------------------------------------------------------------------------------

def height(points, cost, far):
    """The best mean quality at a mean cost, drawing lots between any two points; more may always be spent."""
    reachable = points + [(far, y) for _, y in points]
    best = None
    for x1, y1 in reachable:
        for x2, y2 in reachable:
            if x1 <= cost <= x2:
                y = max(y1, y2) if x1 == x2 else y1 + (y2 - y1) * (cost - x1) / (x2 - x1)
                best = y if best is None else max(best, y)
    return best


def vertices(points):
    far = max(x for x, _ in points) + 1.0
    found = []
    for x, y in sorted(set(points)):
        others = [p for p in points if p != (x, y)]
        without = height(others, x, far) if others else None
        if without is None or y > without + 1e-12:
            found.append((x, y))
    return found


def area(points, low, high):
    """The mean height, by pieces between the costs of points; nothing below the cheapest."""
    far = max([high] + [x for x, _ in points]) + 1.0
    if low == high:
        return height(points, low, far) or 0.0
    cuts = sorted({low, high} | {x for x, _ in points if low < x < high})
    total = 0.0
    for a, b in zip(cuts, cuts[1:]):
        # The height is a line within a piece, so its middle is its mean.
        total += (b - a) * (height(points, (a + b) / 2, far) or 0.0)
    return total / (high - low)


CLOUDS = {
    "one point": [(2.0, 0.5)],
    "two points": [(0.0, 0.5), (2.0, 0.9)],
    "a point below the line": [(1.0, 0.5), (2.0, 0.6), (4.0, 0.9)],
    "a point above the line": [(1.0, 0.5), (2.0, 0.8), (4.0, 0.9)],
    "dearer and worse": [(1.0, 0.5), (3.0, 0.8), (9.0, 0.7)],
    "all alike": [(1.0, 0.5), (1.0, 0.5)],
    "equal costs": [(1.0, 0.5), (1.0, 0.7), (2.0, 0.9)],
    "equal qualities": [(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)],
    "the best is the cheapest": [(1.0, 0.9), (2.0, 0.8)],
    "on one line": [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)],
    "costs and qualities below zero": [(-3.0, -1.0), (-1.0, -0.5), (0.5, -0.25)],
    "thirty at random": [(round(rng.random(), 3), round(rng.random(), 3)) for _ in range(30)],
    "sixty at random": [(round(rng.random() ** 3, 3), round(rng.random(), 3)) for _ in range(60)],
}


def figure_cases():
    curves, areas = [], []
    for name, cloud in CLOUDS.items():
        inputs = {"costs": [x for x, _ in cloud], "qualities": [y for _, y in cloud]}
        hull = vertices(cloud)
        if name == "on one line":
            hull = [cloud[0], cloud[-1]]
        want = {"costs": [x for x, _ in hull], "qualities": [y for _, y in hull]}
        curves.append(case(name, inputs, want))
        low, high = min(x for x, _ in cloud), max(x for x, _ in cloud)
        areas.append(case(name, inputs | {"range": []}, {"aiq": area(cloud, low, high)}))
        for word, wider in (("wider", (low - 1.0, high + 2.0)), ("narrower", (low + 0.25, high + 0.25))):
            areas.append(case(f"{name}, {word}", inputs | {"range": wider}, {"aiq": area(cloud, *wider)}))
    for name, costs, qualities in (
        ("nothing", [], []), ("other lengths", [1.0], [1.0, 2.0]),
        ("not a number", [1.0, math.nan], [1.0, 2.0]), ("without end", [1.0, math.inf], [1.0, 2.0]),
    ):
        inputs = {"costs": costs, "qualities": qualities}
        curves.append(case(name, inputs, error="invalid_argument"))
        areas.append(case(name, inputs | {"range": []}, error="invalid_argument"))
    good = {"costs": [1.0, 2.0], "qualities": [0.5, 0.6]}
    for name, span in (("a range upside down", [2.0, 1.0]), ("a range without end", [0.0, math.inf])):
        areas.append(case(name, good | {"range": span}, error="invalid_argument"))
    write("routing_curve", "the non-decreasing concave hull of cost and quality", curves)
    write("aiq", "the mean height of the hull over a range of costs; none is that of the points", areas)


def between(curve, share):
    """Straight lines between the points of a curve, whose shares differ."""
    for (x1, y1), (x2, y2) in zip(curve, curve[1:]):
        if x1 <= share <= x2:
            return y1 + (y2 - y1) * (share - x1) / (x2 - x1)
    raise AssertionError


def gap_cases():
    cases = []
    sets = {
        "no points": ([], []),
        "a good one": ([0.25], [0.75]),
        "one that draws lots": ([0.3, 0.6], [0.56, 0.62]),
        "worse than lots": ([0.5], [0.52]),
        "worse than the weak": ([0.5], [0.4]),
        "better than the strong": ([0.5], [0.9]),
        "ends are given": ([0.0, 1.0, 0.5], [0.1, 0.2, 0.65]),
        "a share twice": ([0.4, 0.4], [0.55, 0.65]),
        "in disorder": ([0.9, 0.1, 0.5], [0.69, 0.58, 0.66]),
        "ten at random": ([round(rng.uniform(0.01, 0.99), 3) for _ in range(10)], [round(rng.uniform(0.45, 0.75), 3) for _ in range(10)]),
    }
    for name, (shares, qualities) in sets.items():
        weak, strong = 0.5, 0.7
        best = {0.0: 0.0, 1.0: 1.0}
        for s, q in zip(shares, qualities):
            if 0.0 < s < 1.0:
                best[s] = max(best.get(s, -math.inf), (q - weak) / (strong - weak))
        curve = sorted(best.items())
        mean = sum((b - a) * between(curve, (a + b) / 2) for (a, _), (b, _) in zip(curve, curve[1:]))
        for gap in (0.5, 0.8):
            steps = 200_000
            first = next(i / steps for i in range(steps + 1) if between(curve, i / steps) >= gap - 1e-12)
            inputs = {"shares": shares, "qualities": qualities, "weak": weak, "strong": strong, "gap": gap, "quality": 0.63}
            want = {"apgr": mean, "cpt": first, "pgr": (0.63 - weak) / (strong - weak)}
            cases.append(case(f"{name}, {gap}", inputs, want, tolerance=1e-5))
    good = {"shares": [0.5], "qualities": [0.6], "weak": 0.5, "strong": 0.7, "gap": 0.5, "quality": 0.6}
    for name, change in (
        ("no gap", {"strong": 0.5}), ("a gap upside down", {"strong": 0.4}), ("a share above one", {"shares": [1.5]}),
        ("a quality that is no number", {"qualities": [math.nan], "quality": math.nan}),
        ("other lengths", {"shares": [0.1, 0.2]}), ("a gap above one", {"gap": 1.5}),
    ):
        cases.append(case(name, good | change, error="invalid_argument"))
    write("gap_recovered", "APGR, CPT and PGR of a router between a weak and a strong route", cases)


# ---- baselines ----------------------------------------------------------------------------

ROUTES = {"large": (9.0, 0.9), "middle": (4.0, 0.68), "odd": (5.0, 0.6), "small": (1.0, 0.5)}


def policy_cases():
    cases = []

    def add(name, options, want=None, error=None, weights=(1.0, 1.0), exclude=()):
        inputs = {"objectives": ["cost", "quality"], "names": list(ROUTES), "priors": [list(v) for v in ROUTES.values()],
                  "weights": list(weights), "exclude": list(exclude)}
        result = None if error else {"name": want, "expected": list(ROUTES[want])}
        cases.append(case(name, inputs, result, error, options))

    for name in ROUTES:
        add(f"always {name}", {"policy": "always", "always": name}, name)
    add("always, but nobody said whom", {"policy": "always"}, error="invalid_argument")
    add("always a stranger", {"policy": "always", "always": "nobody"}, error="not_found")
    add("always one that is excluded", {"policy": "always", "always": "odd"}, error="not_found", exclude=["odd"])
    add("always one over the budget", {"policy": "always", "always": "large", "budget": 2.0}, error="not_found")
    for threshold in (0.0, 0.5, 0.55, 0.6, 0.65, 0.7, 0.9, 0.95):
        enough = sorted((c, n) for n, (c, q) in ROUTES.items() if q >= threshold)
        want = enough[0][1] if enough else max(ROUTES, key=lambda n: ROUTES[n][1])
        add(f"a cascade to {threshold}", {"policy": "cascade", "threshold": threshold}, want)
    add("a cascade within a budget", {"policy": "cascade", "threshold": 0.95, "budget": 4.5}, "middle")
    for price in (0.0, 1.0, 10.0, 16.0, 17.0, 20.0, 22.0, 23.0, 100.0):
        want = max(sorted(ROUTES), key=lambda n: price * ROUTES[n][1] - ROUTES[n][0])
        add(f"a unit of quality worth {price}", {"trade": "linear"}, want, weights=(1.0, price))
    add("an unknown policy", {"policy": "best"}, error="invalid_argument")
    add("an unknown trade", {"trade": "sum"}, error="invalid_argument")
    write("route_policy", "baselines, and the choice by prices; known priors, no query", cases)


# ---- health -------------------------------------------------------------------------------

FIRST, LONGEST, WINDOW = 1.0, 8.0, 60.0


def simulate(routes, events):
    """`routes`: name -> (cost, a minute or 0). Events: ("route", at), ("fail", n), ("answer", n) of the n-th choice.

    Answers the chosen names, "" where nobody could be asked.
    """
    state = {name: {"failures": 0, "until": 0.0, "since": 0, "asked": []} for name in routes}
    made, told = [], []

    def wait(failures):
        return min(FIRST * 2 ** (failures - 1), LONGEST)

    for kind, value in events:
        if kind == "route":
            now = value
            free = []
            for name, (cost, limit) in routes.items():
                s = state[name]
                recent = [t for t in s["asked"] if t > now - WINDOW]
                if s["failures"] and now < s["until"]:
                    continue
                if limit and len(recent) >= limit:
                    continue
                free.append((cost, name))
            if not free:
                told.append("")
                continue
            name = min(free)[1]
            s = state[name]
            s["asked"].append(now)
            if s["failures"]:
                s["until"] = now + wait(s["failures"])
            made.append((name, now))
            told.append(name)
        else:
            number = value
            name, at = made[number]
            s = state[name]
            if kind == "fail":
                if s["failures"] == 0 or number >= s["since"]:
                    s["failures"] += 1
                    s["since"] = len(made)
                s["until"] = max(s["until"], at + wait(s["failures"]))
            elif number >= s["since"]:
                s["failures"] = 0
    return told


def health_cases():
    two, limited = {"a": (1.0, 0), "b": (2.0, 0)}, {"a": (1.0, 2), "b": (2.0, 3)}
    scripts = {
        "nothing fails": (two, [("route", 0.0), ("answer", 0), ("route", 1.0)]),
        "left out and probed": (two, [("route", 0.0), ("fail", 0), ("route", 0.5), ("route", 1.0), ("route", 1.5)]),
        "a probe that is answered heals": (two, [("route", 0.0), ("fail", 0), ("route", 1.0), ("answer", 1), ("route", 1.1), ("route", 1.2)]),
        "a wait that doubles": (two, [("route", 0.0), ("fail", 0), ("route", 1.0), ("fail", 1), ("route", 2.5), ("route", 3.0), ("fail", 3), ("route", 6.5), ("route", 7.0)]),
        "requests under way fail together": (two, [("route", 0.0), ("route", 0.0), ("fail", 0), ("fail", 1), ("route", 0.9), ("route", 1.0)]),
        "a late answer does not heal": (two, [("route", 0.0), ("route", 0.0), ("fail", 0), ("answer", 1), ("route", 0.5)]),
        "all fail": (two, [("route", 0.0), ("fail", 0), ("route", 0.0), ("fail", 1), ("route", 0.5), ("route", 1.0)]),
        "the longest wait": (two, [e for i in range(8) for e in (("route", 100.0 * i), ("fail", i))] + [("route", 707.0), ("route", 708.0)]),
        "at its limit": (limited, [("route", float(t)) for t in range(7)]),
        "the window frees": (limited, [("route", float(t)) for t in (0, 1, 2, 3, 4, 5, 59, 60, 61, 62)]),
        "limited and failing": (limited, [("route", 0.0), ("fail", 0), ("route", 0.0), ("route", 0.0), ("route", 0.0), ("route", 0.5), ("route", 1.0), ("route", 1.5)]),
    }
    kinds = ("route", "fail", "answer")
    for number in range(6):
        routes = {n: (float(i + 1), rng.choice((0, 2, 5))) for i, n in enumerate("abc")}
        events, now, choices, open_ones = [], 0.0, 0, []
        for _ in range(40):
            kind = rng.choice(kinds) if open_ones else "route"
            if kind == "route":
                now = round(now + rng.choice((0.0, 0.5, 2.0, 20.0)), 3)
                events.append((kind, now))
                if simulate(routes, events)[-1]:
                    open_ones.append(choices)
                    choices += 1
            else:
                events.append((kind, open_ones.pop(rng.randrange(len(open_ones)))))
        scripts[f"at random {number}"] = (routes, events)
    cases = []
    for name, (routes, events) in scripts.items():
        inputs = {
            "names": list(routes), "costs": [c for c, _ in routes.values()], "limits": [n for _, n in routes.values()],
            "kinds": [kinds.index(k) for k, _ in events], "values": [float(v) for _, v in events],
        }
        options = {"first_backoff_s": FIRST, "longest_backoff_s": LONGEST}
        cases.append(case(name, inputs, {"names": simulate(routes, events)}, options=options))
    about = (
        "who is chosen while routes fail and have limits; kinds 0: a choice at that time, 1 and 2: that choice, by its number, "
        "fails at the time when it was made, or is answered; an empty name: nobody can be asked"
    )
    write("route_health", about, cases)


figure_cases()
gap_cases()
policy_cases()
health_cases()
