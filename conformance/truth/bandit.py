"""Slow truth for the bandit: beliefs about curves, names and grids, and values of policies.

Standard library only. Run from anywhere: it writes ../bandit_*.json beside this folder.

The bandit keeps sums over the coefficients of a basis; here everything is done with the
covariances of the arms themselves, observation by observation.
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


def case(name, inputs, want=None, error=None, options=None, tolerance=0.0):
    c = {"name": name, "inputs": inputs, "options": options or {}, "seed": 0}
    c.update({"error": error} if error else {"want": want})
    return plain(c | {"tolerance": tolerance})


def write(operation, about, cases):
    doc = {"operation": operation, "about": about, "truth": "truth/bandit.py", "cases": cases}
    lines = ",\n  ".join(json.dumps(c) for c in doc.pop("cases"))
    head = json.dumps(doc, indent=1)[:-2]
    (HERE.parent / f"{operation}.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')


# ---- what is thought beforehand ----------------------------------------------------------------

LEVEL_SD, DROP, JITTER, PRODUCT_SD = 0.5, 0.8, 1e-7, 0.1
#: Standard deviations of the tilt, the bend and the smooth rest, with a guess and without.
GUESSED, FREE = (0.25, 0.2, 0.04), (0.5, 0.8, 0.1)
LENGTH, NAME_SD, NAME_AHEAD, LEVEL = 0.35, 0.15, 0.1, 0.5


def legendre(u, degree):
    """On [-0.25, 1.25], by the explicit sum of powers."""
    t = (4 * u - 2) / 3
    return [sum((-1) ** j * math.comb(k, j) * math.comb(2 * k - 2 * j, k) * t ** (k - 2 * j) for j in range(k // 2 + 1)) / 2**k
            for k in range(degree + 1)]


def smooth(degree):
    """The squared-exponential kernel on those polynomials, by the midpoint rule on 64 points."""
    at = [(i + 0.5) / 64 * 1.5 - 0.25 for i in range(64)]
    p = [[x * (2 * k + 1) / 64 for k, x in enumerate(legendre(u, degree))] for u in at]
    kernel = [[math.exp(-0.5 * ((u - v) / LENGTH) ** 2) for v in at] for u in at]
    half = [[sum(k * row[b] for k, row in zip(line, p)) for b in range(degree + 1)] for line in kernel]
    return [[sum(row[a] * h[b] for row, h in zip(p, half)) for b in range(degree + 1)] for a in range(degree + 1)]


SMOOTH = {degree: smooth(degree) for degree in (4, 5)}


def places(values):
    low, high = min(values), max(values)
    return lambda v: v if low >= 0 and high <= 1 else ((v - low) / (high - low) if high > low else 0.5)


def line_part(degree, u, v, top, sds):
    tilt, bend, rest = sds
    p, q, s = legendre(u, degree), legendre(v, degree), SMOOTH[degree]
    both = sum(s[a][b] * p[a] * q[b] for a in range(degree + 1) for b in range(degree + 1))
    jitter = JITTER * sum(a * b for a, b in zip(p[1:], q[1:]))
    return tilt**2 * (u - top) * (v - top) + bend**2 * ((u - top) * (v - top)) ** 2 + rest**2 * both + jitter


def grid_prior(axes, guess):
    """Mean and covariance at each combination of values, the last axis changing fastest."""
    place = [places(values) for values in axes]
    points = [()]
    for values in axes:
        points = [p + (v,) for p in points for v in values]
    at = [[f(v) for f, v in zip(place, p)] for p in points]
    tops = [0.5] * len(axes) if guess is None else [f(g) for f, g in zip(place, guess)]
    degree = 5 if len(axes) == 1 else 4
    sds = FREE if guess is None else GUESSED
    mean = [LEVEL - (0.0 if guess is None else DROP * sum((u - t) ** 2 for u, t in zip(p, tops))) for p in at]

    def covariance(p, q):
        k = LEVEL_SD**2 + JITTER + sum(line_part(degree, u, v, t, sds) for u, v, t in zip(p, q, tops))
        for a in range(len(axes)):
            for b in range(a + 1, len(axes)):
                x, y = (legendre(z[a], 2) for z in (p, q))
                s, t = (legendre(z[b], 2) for z in (p, q))
                k += PRODUCT_SD**2 * sum(x[m] * s[n] * y[m] * t[n] for m, n in ((1, 1), (1, 2), (2, 1)))
        return k

    return mean, [[covariance(p, q) for q in at] for p in at]


def names_prior(n, guess):
    mean = [LEVEL + (NAME_AHEAD if i == guess else 0.0) for i in range(n)]
    return mean, [[LEVEL_SD**2 + (NAME_SD**2 if i == j else 0.0) for j in range(n)] for i in range(n)]


# ---- what is believed afterwards ---------------------------------------------------------------

def solve(a, b):
    """Gauss and Jordan with row exchange; columns of b."""
    n = len(a)
    m = [row[:] + list(x) for row, x in zip(a, b)]
    for c in range(n):
        p = max(range(c, n), key=lambda r: abs(m[r][c]))
        m[c], m[p] = m[p], m[c]
        m[c] = [x / m[c][c] for x in m[c]]
        for r in range(n):
            if r != c:
                m[r] = [x - m[r][c] * y for x, y in zip(m[r], m[c])]
    return [row[n:] for row in m]


dot = lambda x, y: sum(a * b for a, b in zip(x, y))


class Belief:
    """Observations are sums of arms: (coefficient of each arm, value, weight, tells the level)."""

    def __init__(self, mean, covariance, noise):
        self.mean, self.covariance, self.noise = mean, covariance, noise
        self.rows, self.seen, self.level = [], 0, LEVEL
        self.variance = 0.01 if noise is None else noise**2
        self.fit()

    def fit(self):
        mean = [m - LEVEL + self.level for m in self.mean]
        if not self.rows:
            self.now, self.spread = mean, self.covariance
            return
        # The same combination of arms again is one observation of more weight.
        groups = {}
        for h, y, w, _ in (row for row in self.rows if row[2] > 0):
            total = groups.setdefault(tuple(h), [0.0, 0.0])
            total[0] += w
            total[1] += w * y
        hs = list(groups)
        cov = [[dot(h, row) for row in self.covariance] for h in hs]
        gram = [[dot(c, g) + (self.variance / groups[h][0] if i == j else 0.0) for j, g in enumerate(hs)]
                for i, (h, c) in enumerate(zip(hs, cov))]
        off = [[groups[h][1] / groups[h][0] - dot(h, mean)] for h in hs]
        gain = solve(gram, [o + c for o, c in zip(off, cov)])
        self.now = [m + sum(c[k] * g[0] for c, g in zip(cov, gain)) for k, m in enumerate(mean)]
        self.spread = [[v - sum(c[k] * g[1 + l] for c, g in zip(cov, gain)) for l, v in enumerate(row)]
                       for k, row in enumerate(self.covariance)]

    def renew(self):
        """The noise under what is believed (ten rewards of 0.1 beforehand), the level, the belief."""
        rest = sum(w * ((y - dot(h, self.now)) ** 2 + dot(h, [dot(h, row) for row in self.spread])) for h, y, w, _ in self.rows)
        count = sum(w for _, _, w, _ in self.rows)
        levels = [(w, y) for _, y, w, tells in self.rows if tells]
        mean = sum(w * y for w, y in levels) / sum(w for w, _ in levels)
        self.level = LEVEL if -0.5 <= mean <= 1.5 else mean
        if self.noise is None:
            self.variance = (10 * 0.01 + rest) / (10 + count)
        self.fit()

    def learn(self, arm, y):
        self.rows.append(([1.0 if k == arm else 0.0 for k in range(len(self.mean))], y, 1.0, True))
        self.seen += 1
        self.fit()
        if self.seen in (1, 2, 4, 8) or self.seen % 16 == 1:
            self.renew()

    def learn_all(self, rewards, free):
        n = len(rewards)
        average = sum(rewards) / n
        for k, y in enumerate(rewards):
            self.rows.append(([(1.0 if k == j else 0.0) - 1 / n for j in range(n)], y - average, free / n, False))
        self.rows.append(([1 / n] * n, average, 1.0, True))
        self.seen += 1
        self.renew()

    def want(self):
        return {"mean": self.now, "sd": [math.sqrt(row[k]) for k, row in enumerate(self.spread)]}


def estimate_cases():
    eleven = [i / 10 for i in range(11)]
    many = [(rng.randrange(11), round(rng.random(), 3)) for _ in range(200)]
    setups = [("nothing seen, no prior", eleven, [], None, {}), ("nothing seen, a prior", eleven, [], 0.7, {}),
              ("given noise", eleven, [(3, 0.8), (7, 0.4), (5, 0.6), (3, 0.7)], 0.4, {"noise": 0.2}),
              ("estimated noise", eleven, [(3, 0.8), (7, 0.4), (5, 0.6), (3, 0.1), (10, 1.0)], 0.4, {}),
              ("no prior", eleven, [(0, 0.2), (10, 0.9), (5, 0.5)], None, {}),
              ("arms outside 0..1", [10.0, 20.0, 50.0], [(0, 0.1), (2, 0.9), (1, 0.3), (2, 0.8)], 20.0, {}),
              ("unsorted arms", [0.9, 0.1, 0.5], [(0, 1.0), (1, 0.0)], 0.5, {"noise": 0.1}),
              ("one arm", [3.0], [(0, 1.0), (0, 0.5)], None, {}),
              ("rewards beyond 0..1", eleven, [(2, 5.0), (4, -3.0), (6, 2.0)], 0.2, {}),
              ("many rewards", eleven, many, 0.5, {"adapt": False})]
    cases = []
    for name, arms, rows, guess, options in setups:
        mean, covariance = grid_prior([arms], None if guess is None else [guess])
        belief = Belief(mean, covariance, options.get("noise"))
        for arm, y in rows:
            belief.learn(arm, y)
        inputs = {"arms": arms, "prior": math.nan if guess is None else guess,
                  "chosen": [k for k, _ in rows], "rewards": [y for _, y in rows]}
        cases.append(case(name, inputs, belief.want(), options=options, tolerance=1e-6))
    write("bandit_estimates", "posterior mean and standard deviation at each arm; prior nan is none; chosen are arm indices", cases)


def arm_cases():
    two = {"weight": [0.0, 0.5, 1.0], "k": [5.0, 10.0, 20.0]}
    three = {"a": [0.0, 1.0], "b": [0.0, 0.5], "c": [1.0, 3.0]}
    setups = [("names, nothing seen", ["a", "b", "c"], [], None), ("names, a guess", ["a", "b", "c"], [], 1),
              ("names", ["a", "b", "c"], [(0, 0.4), (2, 0.9), (2, 0.7)], 0), ("names, no guess", ["x", "y"], [(1, 0.2)] * 5, None),
              ("one name", ["x"], [(0, 0.2)], None), ("a grid, nothing seen", two, [], None), ("a grid, a guess", two, [], [0.5, 10.0]),
              ("a grid", two, [(0, 0.4), (4, 0.9), (8, 0.7), (4, 0.8)], [0.5, 10.0]),
              ("a grid, no guess", two, [(3, 0.4), (3, 0.5)], None), ("three knobs", three, [(7, 0.9), (0, 0.1), (5, 0.6)], [1.0, 0.0, 3.0]),
              ("one knob", {"w": [0.0, 0.25, 1.0]}, [(2, 0.9)], [0.25])]
    cases = []
    for name, arms, rows, guess in setups:
        named = isinstance(arms, list)
        prior = names_prior(len(arms), guess) if named else grid_prior(list(arms.values()), guess)
        belief = Belief(*prior, None)
        for arm, y in rows:
            belief.learn(arm, y)
        point = [] if guess is None else ([float(guess)] if named else guess)
        inputs = {"names": arms if named else list(arms), "values": [] if named else list(arms.values()), "prior": point,
                  "chosen": [k for k, _ in rows], "rewards": [y for _, y in rows]}
        cases.append(case(name, inputs, belief.want(), tolerance=1e-6))
    for name, names, values in (("no name", [], []), ("equal names", ["a", "a"], []), ("an empty knob", ["a"], [[]]),
                                ("an infinite knob", ["a"], [[0.0, math.inf]]), ("four knobs", list("abcd"), [[0.0, 1.0]] * 4)):
        inputs = {"names": names, "values": values, "prior": [], "chosen": [], "rewards": []}
        cases.append(case(name, inputs, error="invalid_argument"))
    write("bandit_arms", "as bandit_estimates, over names (values empty) or a grid of named knobs; prior empty is none", cases)


def full_cases():
    eleven = [i / 10 for i in range(11)]
    curve = lambda top: [round(0.7 - (u - top) ** 2 + 0.05 * math.sin(9 * u), 4) for u in eleven]
    setups = [("once", eleven, [curve(0.3)], None), ("a prior", eleven, [curve(0.3)], 0.7),
              ("three times", eleven, [curve(0.3), curve(0.5), curve(0.4)], 0.6), ("two arms", [0.0, 1.0], [[0.2, 0.7], [0.4, 0.5]], None),
              ("one arm", [3.0], [[0.2], [0.4]], None), ("all alike", eleven, [[0.5] * 11], 0.2),
              ("beyond 0..1", eleven, [[3.0 + y for y in curve(0.8)]], 0.5)]
    setups += [(f"round {i}", eleven, [curve(rng.random()) for _ in range(i)], 0.5) for i in (2, 4, 6)]
    cases = []
    for name, arms, rounds, guess in setups:
        belief = Belief(*grid_prior([arms], None if guess is None else [guess]), None)
        for rewards in rounds:
            belief.learn_all(rewards, min(3.0, len(arms) - 1.0))
        inputs = {"arms": arms, "prior": math.nan if guess is None else guess, "rewards": rounds}
        cases.append(case(name, inputs, belief.want(), tolerance=1e-6))
    cases.append(case("too few", {"arms": [0.0, 1.0], "prior": math.nan, "rewards": [[0.5]]}, error="invalid_argument"))
    cases.append(case("nan", {"arms": [0.0, 1.0], "prior": math.nan, "rewards": [[0.5, math.nan]]}, error="invalid_argument"))
    write("bandit_reward_all", "as bandit_estimates after every arm's reward of some choices; prior nan is none", cases)


# ---- what a policy would have earned -----------------------------------------------------------

def interval(terms):
    n = len(terms)
    value = sum(terms) / n
    half = math.inf if n < 2 else 1.959963984540054 * math.sqrt(sum((t - value) ** 2 for t in terms) / (n - 1) / n)
    return [value, value - half, value + half]


def terms_of(method, log, target, model):
    weights = [1 / p if k == target else 0.0 for k, _, p in log]
    if method == "ips":
        return [w * y for w, (_, y, _) in zip(weights, log)]
    if method == "snips":
        if not any(weights):
            return None
        value = sum(w * y for w, (_, y, _) in zip(weights, log)) / sum(weights)
        return [len(log) * w / sum(weights) * (y - value) + value for w, (_, y, _) in zip(weights, log)]
    used = [0.0 if method == "switch-dr" and w > 10 else w for w in weights]
    return [m + w * (y - m) for m, w, (_, y, _) in zip(model, used, log)]


def model_of(arms, log):
    """The belief after the log, noise and belief fitted to each other in three rounds."""
    belief = Belief(*grid_prior([arms], None), None)
    belief.rows = [([1.0 if k == j else 0.0 for j in range(len(arms))], y, 1.0, True) for k, y, _ in log]
    belief.fit()
    for _ in range(3):
        belief.renew()
    return belief.now


def evaluate_cases():
    eleven = [i / 10 for i in range(11)]
    logs = {"two arms": ([0.0, 1.0], [(0, 0.2, 0.5), (1, 0.6, 0.5), (1, 0.8, 0.5), (0, 0.4, 0.5)], 1.0),
            "rare agreement": (eleven, [(5, 0.5, 0.9), (5, 0.6, 0.9), (6, 0.9, 0.02), (4, 0.4, 0.08)], 0.6),
            "between two arms": (eleven, [(2, 0.1, 0.3), (3, 0.2, 0.6), (3, 0.4, 0.6)], 0.32),
            "one entry": ([0.0, 1.0], [(1, 0.5, 0.25)], 1.0),
            "no agreement": ([0.0, 1.0], [(1, 0.5, 0.25), (1, 0.7, 0.5)], 0.0)}
    values, compared = [], []
    for name, (arms, log, wanted) in logs.items():
        target = min(range(len(arms)), key=lambda k: (abs(arms[k] - wanted), k))
        model = [model_of(arms, log)[target]] * len(log)
        for method in ("ips", "snips", "dr", "switch-dr"):
            inputs = {"arms": arms, "logged": [k for k, _, _ in log], "rewards": [y for _, y, _ in log],
                      "propensities": [p for _, _, p in log], "policy": wanted, "method": method}
            terms = terms_of(method, log, target, model)
            if terms is None:
                values.append(case(f"{name}, {method}", inputs, error="invalid_argument"))
                compared.append(case(f"{name}, {method}", inputs, error="invalid_argument"))
                continue
            value, low, high = interval(terms)
            values.append(case(f"{name}, {method}", inputs, {"value": value, "low": low, "high": high}, tolerance=1e-6))
            earned = [y for _, y, _ in log]
            want = {"count": len(log), "earned": interval(earned), "value": [value, low, high],
                    "difference": interval([t - y for t, y in zip(terms, earned)])}
            compared.append(case(f"{name}, {method}", inputs, want, tolerance=1e-6))
    bad = {"arms": [0.0, 1.0], "logged": [0], "rewards": [0.5], "propensities": [0.0], "policy": 0.0, "method": "ips"}
    for cases in (values, compared):
        cases.append(case("a propensity of zero", bad, error="invalid_argument"))
        cases.append(case("an empty log", bad | {"logged": [], "rewards": [], "propensities": []}, error="invalid_argument"))
    write("bandit_evaluate", "value of a policy that always picks one value; domain \"d\", no prior; logged are arm indices", values)
    write("bandit_what_if", "as bandit_evaluate, beside what was earned; value, low and high of each mean", compared)


estimate_cases()
arm_cases()
full_cases()
evaluate_cases()
