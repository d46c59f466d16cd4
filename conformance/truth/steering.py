"""Truth for steering: plain Python, float64, the textbook formula each time. Writes the cases.

Linear systems by Gaussian elimination, logistic regression by Newton's method, principal axes by
squaring the matrix, the inverse square root by Newton and Schulz, strengths by sorting.
"""

import json
import math
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent.parent
M64 = (1 << 64) - 1


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


class Rng:
    """xoshiro256++ seeded by SplitMix64."""

    def __init__(self, seed):
        self.s, x = [], seed
        for _ in range(4):
            x, z = self.mix(x)
            self.s.append(z)

    @staticmethod
    def mix(x):
        x = (x + 0x9E3779B97F4A7C15) & M64
        z = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & M64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
        return x, z ^ (z >> 31)

    def next(self):
        s = self.s
        rotl = lambda v, k: ((v << k) | (v >> (64 - k))) & M64
        out = (rotl((s[0] + s[3]) & M64, 23) + s[0]) & M64
        t = (s[1] << 17) & M64
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return out

    def below(self, n):
        while True:
            m = self.next() * n
            if (m & M64) >= (1 << 64) % n:
                return m >> 64

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


def gauss(rng):
    u = lambda: (rng.next() >> 11) / (1 << 53)
    return math.sqrt(-2 * math.log(1 - u())) * math.cos(2 * math.pi * u())


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def norm(a):
    return math.sqrt(dot(a, a))


def unit(a):
    n = norm(a)
    return [x / n for x in a]


def mean(rows):
    return [math.fsum(c) / len(rows) for c in zip(*rows)]


def sub(a, b):
    return [x - y for x, y in zip(a, b)]


def add(a, b, k=1.0):
    return [x + k * y for x, y in zip(a, b)]


def solve(a, b):
    n = len(b)
    a = [row[:] + [v] for row, v in zip(a, b)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[p] = a[p], a[i]
        for r in range(n):
            if r != i:
                k = a[r][i] / a[i][i]
                a[r] = [x - k * y for x, y in zip(a[r], a[i])]
    return [a[i][n] / a[i][i] for i in range(n)]


def matmul(a, b):
    return [[dot(r, c) for c in zip(*b)] for r in a]


# Directions. Rows are taken about the mean of all, over their root mean square length.


def prepare(pos, neg):
    rows = pos + neg
    size = math.sqrt(math.fsum(dot(r, r) for r in rows) / len(rows))
    m = mean(rows)
    scaled = [[x / size for x in sub(r, m)] for r in rows]
    return scaled[: len(pos)], scaled[len(pos):]


def ridge_lda(pos, neg, o):
    d = len(pos[0])
    s = [[o["ridge"] * (i == j) for j in range(d)] for i in range(d)]
    for group in (pos, neg):
        m = mean(group)
        for r in group:
            e = sub(r, m)
            s = [[s[i][j] + e[i] * e[j] for j in range(d)] for i in range(d)]
    return solve(s, sub(mean(pos), mean(neg)))


def logistic(pos, neg, o):
    rows = [r + [1.0] for r in pos + neg]
    y = [1.0] * len(pos) + [0.0] * len(neg)
    d, c = len(rows[0]), o["c"]
    w = [0.0] * d
    pen = [1.0] * (d - 1) + [0.0]

    def value(w):
        fit = 0.0
        for r, t in zip(rows, y):
            s = dot(w, r)
            fit += max(s, 0) + math.log1p(math.exp(-abs(s))) - t * s
        return 0.5 * dot(w[:-1], w[:-1]) + c * fit

    for _ in range(200):
        p = [1 / (1 + math.exp(-dot(w, r))) for r in rows]
        g = [pen[i] * w[i] + c * math.fsum((q - t) * r[i] for q, t, r in zip(p, y, rows)) for i in range(d)]
        if norm(g) < 1e-13:
            break
        h = [[pen[i] * (i == j) + c * math.fsum(q * (1 - q) * r[i] * r[j] for q, r in zip(p, rows))
              for j in range(d)] for i in range(d)]
        step, k = solve(h, g), 1.0
        while value(add(w, step, -k)) > value(w) and k > 1e-8:
            k /= 2
        w = add(w, step, -k)
    return w[:-1]


def mean_difference(pos, neg, o):
    return sub(mean(pos), mean(neg))


def pca(pos, neg, o):
    if o["paired"]:
        diffs = [sub(p, n) for p, n in zip(pos, neg)]
    else:
        diffs = [sub(p, mean(neg)) for p in pos] + [sub(mean(pos), n) for n in neg]
    d = len(pos[0])
    a = [[math.fsum(r[i] * r[j] for r in diffs) for j in range(d)] for i in range(d)]
    for _ in range(40):
        a = matmul(a, a)
        t = math.fsum(a[i][i] for i in range(d))
        a = [[x / t for x in r] for r in a]
    axis = unit(max(a, key=norm))
    towards = mean_difference(pos, neg, o)
    return [-x for x in axis] if dot(axis, towards) < 0 else axis


METHODS = {f.__name__: f for f in (ridge_lda, logistic, mean_difference, pca)}


def folds_of(n, folds, rng):
    order = list(range(n))
    rng.shuffle(order)
    out = [0] * n
    for at, row in enumerate(order):
        out[row] = at % folds
    return out


def effect(pos, neg, fit, folds, seed):
    rng = Rng(seed)
    folds = min(folds, len(pos), len(neg))
    fp = folds_of(len(pos), folds, rng)
    fn = fp if len(pos) == len(neg) else folds_of(len(neg), folds, rng)
    sp, sn = [], []
    for f in range(folds):
        w = unit(fit([r for r, g in zip(pos, fp) if g != f], [r for r, g in zip(neg, fn) if g != f]))
        sp += [dot(w, r) for r, g in zip(pos, fp) if g == f]
        sn += [dot(w, r) for r, g in zip(neg, fn) if g == f]
    return gain(sp, sn)


def gain(sp, sn):
    """The gap of two sets of scores in standard deviations, with its interval."""
    p, n = len(sp), len(sn)
    mp, mn = math.fsum(sp) / p, math.fsum(sn) / n
    df = p + n - 2
    sd = math.sqrt((math.fsum((x - mp) ** 2 for x in sp) + math.fsum((x - mn) ** 2 for x in sn)) / df)
    gap = mp - mn
    d = gap / max(sd, abs(gap) / 1000) if gap else 0.0
    d = max(-1000.0, min(1000.0, d)) * (1 - 3 / (4 * df - 1))
    reach = 1.959963984540054 * math.sqrt(1.5 * ((p + n) / (p * n) + d * d / (2 * (p + n))))
    return [d, d - reach, d + reach]


def calibrate(docs, v, loss=0.03, neighbours=10, max_queries=400, seed=0):
    docs = [unit(r) for r in docs if norm(r) > 0]
    v = unit(v)
    n = len(docs)
    k = max(1, min(neighbours, (n - 1) // 2))
    sims = [[dot(a, b) for b in docs] for a in docs]
    proj = [dot(v, r) for r in docs]
    queries = list(range(n))
    if n > max_queries:
        Rng(seed ^ Rng.mix(2)[1]).shuffle(queries)
        queries = queries[:max_queries]

    def at(b):
        total = 0.0
        for q in queries:
            order = sorted((i for i in range(n) if i != q), key=lambda i: -(sims[q][i] + b * proj[i]))
            total += math.fsum(sims[q][i] for i in order[:k])
        return total / (len(queries) * k)

    before = at(0.0)
    wanted = before - loss * max(abs(before), 0.1)
    if at(2.0) > wanted:
        return 2.0
    low, high = 0.0, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        if at(middle) > wanted:
            low = middle
        else:
            high = middle
    return high


def learn(pos, neg, **options):
    o = {"method": "auto", "ridge": 3.0, "c": 1.0, "folds": 5, **options}
    method, seed = o["method"], o.get("seed", 0)
    o["paired"] = len(pos) == len(neg)
    p, n = prepare(pos, neg)
    fit = lambda a, b: METHODS[method](a, b, o)
    if method == "auto":
        method = "ridge_lda"
        worth = {}
        for ridge in (1.0, 3.0, 10.0, 30.0):
            o["ridge"] = ridge
            worth[ridge] = effect(p, n, fit, o["folds"], seed)[0]
        o["ridge"] = 3.0
        for ridge, value in worth.items():
            if value > 1.02 * worth[o["ridge"]]:
                o["ridge"] = ridge
    v = unit(fit(p, n))
    return v, effect(p, n, fit, o["folds"], seed), calibrate(pos + neg, v, seed=seed)


def samples(seed, count, dim, shift, spread=1.0):
    rng = Rng(seed)
    out = []
    for _ in range(count):
        out.append([f32(round(spread * gauss(rng) + shift * (i == 0) + (0.5 if i == 1 else 0), 3)) for i in range(dim)])
    return out


def case(name, inputs, want=None, options=None, error=None, tolerance=1e-5, seed=0):
    c = {"name": name, "inputs": inputs, "options": options or {}, "seed": seed}
    if error:
        c["error"] = error
    else:
        c["want"] = want
    c["tolerance"] = tolerance
    return c


def write(operation, about, cases):
    data = {"operation": operation, "about": about, "truth": "truth/steering.py", "cases": cases}
    lines = json.dumps(data, allow_nan=False)
    lines = lines.replace('{"name": ', '\n{"name": ') + "\n"
    (HERE / f"{operation}.json").write_text(lines)


def learn_cases():
    out = []

    def add_case(name, pos, neg, seed=0, **options):
        v, e, s = learn(pos, neg, seed=seed, **options)
        out.append(case(name, {"positive": pos, "negative": neg},
                        {"vector": v, "effect": e, "scale": s}, options, seed=seed, tolerance=1e-4))

    for method in METHODS:
        a, b = samples(1, 9, 4, 1.5), samples(2, 9, 4, 0.0)
        add_case(f"{method}, more rows than dimensions", a, b, method=method)
        add_case(f"{method}, sets of unlike size", a, b[:6], seed=3, method=method)
        a, b = samples(5, 3, 8, 1.0), samples(6, 3, 8, 0.0)
        add_case(f"{method}, more dimensions than rows", a, b, seed=1, method=method)
        add_case(f"{method}, two of each", a[:2], b[:2], method=method)
        long = lambda rows: [[f32(100 * x) for x in r] for r in rows]
        add_case(f"{method}, long rows", long(a), long(b), method=method)
    a, b = samples(7, 12, 3, 2.0), samples(8, 12, 3, 0.0)
    add_case("auto chooses a ridge", a, b)
    add_case("a small ridge", a, b, method="ridge_lda", ridge=0.01)
    add_case("a large ridge comes to the mean difference", a, b, method="ridge_lda", ridge=1000.0)
    add_case("strong logistic weight", a, b, method="logistic", c=20.0)
    add_case("three folds", a, b, seed=9, method="mean_difference", folds=3)
    a, b = samples(11, 100, 2, 1.0), samples(12, 101, 2, 0.0)
    add_case("auto with many rows", a, b)
    x, y = [[1.0, 0.0], [0.9, 0.1]], [[0.0, 1.0], [0.1, 0.9]]
    bad = [
        ("one positive", x[:1], y, {}, "invalid_argument"),
        ("one negative", x, y[:1], {}, "invalid_argument"),
        ("two dimensions", x, [[0.0, 1.0, 2.0]] * 2, {}, "dimension_mismatch"),
        ("the same sets", x, x[::-1], {}, "invalid_argument"),
        ("all equal", [[1.0, 1.0]] * 3, [[1.0, 1.0]] * 3, {}, "invalid_argument"),
        ("all zero", [[0.0, 0.0]] * 2, [[0.0, 0.0]] * 2, {}, "invalid_argument"),
        ("equal means", [[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]], {}, "invalid_argument"),
        ("not a number", [[1.0, "nan"], [0.9, 0.1]], y, {}, "invalid_argument"),
        ("infinity", x, [["inf", 1.0], [0.1, 0.9]], {}, "invalid_argument"),
        ("no such method", x, y, {"method": "magic"}, "invalid_argument"),
        ("one fold", x, y, {"folds": 1}, "invalid_argument"),
        ("no ridge", x, y, {"ridge": 0.0}, "invalid_argument"),
        ("a long name", x, y, {"name": "n" * 257}, "invalid_argument"),
    ]
    for name, p, n, o, error in bad:
        out.append(case(name, {"positive": p, "negative": n}, options=o, error=error))
    write("steering_learn", "the direction, its held-out effect (value, low, high) and its calibrated scale", out)


def joint_cases():
    out = []

    def learn_joint(sets, ridge=1.0, folds=5, seed=0, method="auto"):
        rows, targets = [], []
        for j, pair in enumerate(sets):
            for group, t in zip(pair, (1.0, -1.0)):
                for r in group:
                    if r not in rows:
                        rows.append(r)
                        targets.append([0.0] * len(sets))
                    targets[rows.index(r)][j] = t
        told = [t[:] for t in targets]
        for j, (_, negative) in enumerate(sets):
            if not negative:
                for r, t in zip(targets, told):
                    if t[j] == 0.0 and any(v > 0 for v in t):
                        r[j] = -1.0
        x, _ = prepare(rows, [])
        d, k = len(rows[0]), len(sets)

        def fit(kept):
            mid = mean([x[i] for i in kept])
            e = [sub(x[i], mid) for i in kept]
            s = [[math.fsum(r[a] * r[b] for r in e) + ridge * (a == b) for b in range(d)] for a in range(d)]
            v = []
            for j in range(k):
                t = [targets[i][j] for i in kept]
                usual = math.fsum(t) / len(t)
                v.append(unit(solve(s, [math.fsum((y - usual) * r[a] for y, r in zip(t, e)) for a in range(d)])))
            scores = [unit([dot(r, w) for r in e]) for w in v]
            g = [[0.65 * dot(v[a], v[b]) + 0.35 * dot(scores[a], scores[b]) for b in range(k)] for a in range(k)]
            values, axes = eigen(g)
            roots = [math.sqrt(max(w, 0.1)) for w in values]
            root = [[math.fsum(e[a] * e[b] / w for e, w in zip(axes, roots)) for b in range(k)] for a in range(k)]
            return [unit(r) for r in matmul(root, v)]

        folds = max(2, min(folds, len(rows) // 2))
        fold = folds_of(len(rows), folds, Rng(seed))
        high, low = [[] for _ in sets], [[] for _ in sets]
        for f in range(folds):
            v = fit([i for i in range(len(rows)) if fold[i] != f])
            for i in range(len(rows)):
                for j in range(k):
                    if fold[i] == f and targets[i][j]:
                        (high if targets[i][j] > 0 else low)[j].append(dot(v[j], x[i]))
        v = fit(range(len(rows)))
        return {"vectors": v, "effects": [gain(a, b) for a, b in zip(high, low)],
                "scales": [calibrate(rows, w, seed=seed) for w in v]}

    def inputs_of(sets):
        return {"names": ["calm", "warm", "able"][: len(sets)],
                "positive": [p for p, _ in sets], "negative": [n for _, n in sets]}

    def run(name, sets, seed=0, **options):
        want = learn_joint(sets, seed=seed, **options)
        out.append(case(name, inputs_of(sets), want, options, seed=seed, tolerance=2e-4))

    def about(seed, count, axes, dim=6):
        """Rows of noise moved along some axes."""
        rows = samples(seed, count, dim, 0.0)
        return [[f32(round(v + axes.get(i, 0.0), 3)) for i, v in enumerate(r)] for r in rows]

    calm = (about(31, 9, {0: 1.5, 1: 0.8}), about(32, 8, {0: -1.5, 1: -0.8}))
    warm = (about(33, 8, {1: 1.5, 0: 0.8}), about(34, 9, {1: -1.5, 0: -0.8}))
    able = (about(35, 7, {2: 1.5, 0: 0.5}), about(36, 7, {2: -1.5}))
    run("two that overlap", [calm, warm])
    run("the other way round", [warm, calm])
    run("three", [calm, warm, able])
    run("what has the others is what lacks it", [(calm[0], []), (warm[0], []), (able[0], [])])
    run("one of them says what lacks it", [calm, (warm[0], [])])
    run("a row that has both", [(calm[0] + warm[0][:2], calm[1]), warm])
    run("a row twice counts once", [(calm[0] + calm[0][:1], calm[1]), warm])
    run("a ridge of one's own", [calm, warm], method="ridge_lda", ridge=10.0)
    run("another seed", [calm, warm], seed=7)
    run("three folds", [calm, warm], folds=3)
    run("fewer rows than dimensions", [(about(41, 3, {0: 2.0}, 20), about(42, 3, {0: -2.0}, 20)),
                                       (about(43, 3, {1: 2.0}, 20), about(44, 3, {1: -2.0}, 20))])
    short = lambda sets: [([r[:3] for r in p], [r[:3] for r in n]) for p, n in sets]
    for name, sets, o, error in [
        ("one attribute", [calm], {}, "invalid_argument"),
        ("two that are told only from each other", [(calm[0], []), (warm[0], [])], {}, "invalid_argument"),
        ("none", [], {}, "invalid_argument"),
        ("one row", [(calm[0][:1], calm[1]), warm], {}, "invalid_argument"),
        ("a row that has it and lacks it", [(calm[0], calm[1] + calm[0][:1]), warm], {}, "invalid_argument"),
        ("the same said twice", [calm, calm], {}, "invalid_argument"),
        ("not a number", [calm, (warm[0], warm[1] + [["nan"] * 6])], {}, "invalid_argument"),
        ("another dimension", [calm, short([warm])[0]], {}, "dimension_mismatch"),
        ("a method without a joint form", [calm, warm], {"method": "pca"}, "invalid_argument"),
        ("no ridge", [calm, warm], {"ridge": 0.0}, "invalid_argument"),
        ("one fold", [calm, warm], {"folds": 1}, "invalid_argument"),
    ]:
        out.append(case(name, inputs_of(sets), options=o, error=error))
    write("steering_joint", "several directions learnt together, with effects and scales", out)


def apply_cases():
    out = []
    v, w = [0.6, 0.8, 0.0], [0.0, -0.6, 0.8]
    names, vectors, scales = ["trust", "warm"], [v, w], [0.5, 0.25]

    def run(name, query, dials, tolerance=1e-6, error=None, **options):
        inputs = {"names": names, "vectors": vectors, "scales": scales, "query": query,
                  "dials": [d for d, _ in dials], "strengths": [s for _, s in dials]}
        if error:
            return out.append(case(name, inputs, options=options, error=error))
        moved = [(vectors[names.index(d)], s * scales[names.index(d)]) for d, s in dials if s]
        total = [0.0] * len(query)
        for u, k in moved:
            total = add(total, u, k)
        if moved and "max_loss" in options:
            lengths = [abs(k) * norm(u) for u, k in moved]
            each = [scales[names.index(d)] * norm(vectors[names.index(d)]) for d, s in dials if s]
            scale = sum(x * y for x, y in zip(lengths, each)) / sum(lengths)
            cost = 0.03 * (norm(total) / scale) ** 2
            total = [x * min(1.0, math.sqrt(options["max_loss"] / cost)) for x in total]
        want = query
        if moved and options.get("application") == "geodesic":
            q, t = unit(query), unit(total)
            between = math.acos(max(-1.0, min(1.0, dot(q, t))))
            angle = min(math.atan(norm(total)), between)
            side = add(t, q, -dot(q, t))
            want = unit(add([math.cos(angle) * x for x in q], unit(side), math.sin(angle))) if norm(side) > 1e-9 else q
        elif moved:
            want = unit(add(unit(query), total))
        out.append(case(name, inputs, {"vector": want}, options, tolerance=tolerance if moved else 0.0))

    q = [0.8, 0.0, 0.6]
    run("one dial", q, [("trust", 1.0)])
    run("a negative strength", q, [("trust", -0.7)])
    run("two dials", q, [("trust", 0.8), ("warm", -1.5)])
    run("the order of dials does not matter", q, [("warm", -1.5), ("trust", 0.8)])
    run("the largest strength", q, [("trust", 100.0)])
    run("the length of the query does not matter", [8.0, 0.0, 6.0], [("trust", 1.0)])
    run("a zero dial gives the query back", [3.0, 0.1, -0.7], [("trust", 0.0)])
    run("no dial gives the query back", [3.0, 0.1, -0.7], [])
    run("zero beside another", q, [("trust", 0.0), ("warm", 1.0)])
    run("along the dial", v, [("trust", 1.0)])
    geodesic = {"application": "geodesic"}
    run("a turn", q, [("trust", 1.0)], **geodesic)
    run("a turn away", q, [("trust", -3.0)], **geodesic)
    run("a turn by two dials", q, [("trust", 0.8), ("warm", -1.5)], **geodesic)
    run("a turn ends where the dial points", [0.6, 0.7, 0.1], [("trust", 50.0)], **geodesic)
    run("a turn from where the dial points", v, [("trust", 1.0)], tolerance=1e-4, **geodesic)
    run("no turn gives the query back", [3.0, 0.1, -0.7], [("trust", 0.0)], **geodesic)
    run("a turn by a half has no way", v, [("trust", -1.0)], error="invalid_argument", **geodesic)
    run("within a loss", q, [("trust", 0.8), ("warm", -1.5)], max_loss=0.05)
    run("a loss that is not reached", q, [("trust", 0.8)], max_loss=0.2)
    run("a turn within a loss", q, [("trust", 4.0)], max_loss=0.01, **geodesic)
    run("no such application", q, [("trust", 1.0)], error="invalid_argument", application="slerp")
    run("a loss of nothing", q, [("trust", 1.0)], error="invalid_argument", max_loss=0.0)
    run("the dial cancels the query", v, [("trust", -2.0)], error="invalid_argument")
    run("a query of zeros", [0.0, 0.0, 0.0], [("trust", 1.0)], error="invalid_argument")
    run("no such dial", q, [("thrust", 1.0)], error="not_found")
    run("twice the same dial", q, [("trust", 1.0), ("trust", 1.0)], error="invalid_argument")
    run("too strong", q, [("trust", 100.5)], error="invalid_argument")
    run("strength not a number", q, [("trust", "nan")], error="invalid_argument")
    run("query not a number", [0.8, "nan", 0.6], [("trust", 1.0)], error="invalid_argument")
    run("another dimension", [0.8, 0.6], [("trust", 1.0)], error="dimension_mismatch")
    write("steering_apply", "a query moved by dials", out)


def arithmetic_cases():
    out = []
    a, b, sa, sb = [0.6, 0.8, 0.0], [0.0, -0.3, 0.4], 0.5, 0.2
    mixed = (norm(a) * sa + norm(b) * sb) / (norm(a) + norm(b))
    along = dot(a, b) / dot(b, b)

    def run(op, want=None, scale=None, factor=0.0, error=None, b=b, name=None):
        inputs = {"operator": op, "a": a, "b": b, "scale_a": sa, "scale_b": sb, "factor": factor}
        want = None if error else {"vector": want, "scale": scale}
        out.append(case(name or op, inputs, want, error=error, tolerance=1e-6))

    run("plus", add(a, b), mixed)
    run("minus", sub(a, b), mixed)
    run("minus", [0.0] * 3, sa * 0.5 + sb * 0.5, b=a, name="a vector minus itself is zero")
    run("negated", [-x for x in a], sa)
    for k in (0.5, -2.0, 0.0):
        run("times", [k * x for x in a], sa, factor=k, name=f"times {k}")
    run("orthogonal_to", sub(a, [along * x for x in b]), sa)
    run("orthogonal_to", error="invalid_argument", b=[0.0] * 3, name="orthogonal to nothing")
    run("plus", error="dimension_mismatch", b=[1.0, 0.0], name="another dimension")
    run("times", error="invalid_argument", factor="nan", name="times not a number")
    run("times", error="invalid_argument", factor="inf", name="times infinity")
    write("steering_arithmetic", "sums, differences, multiples and rests of steering vectors", out)


def inverse_root(g):
    """Newton and Schulz: Y -> g^1/2, Z -> g^-1/2 for a matrix scaled below 1."""
    n = len(g)
    t = math.fsum(g[i][i] for i in range(n))
    y = [[x / t for x in r] for r in g]
    z = [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(100):
        zy = matmul(z, y)
        m = [[(3.0 * (i == j) - zy[i][j]) / 2 for j in range(n)] for i in range(n)]
        y, z = matmul(y, m), matmul(m, z)
    return [[x / math.sqrt(t) for x in r] for r in z]


def eigen(g):
    """Jacobi's rotations: eigenvalues, and eigenvectors as rows."""
    n = len(g)
    g, v = [r[:] for r in g], [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(60):
        for p in range(n):
            for q in range(p):
                if abs(g[p][q]) < 1e-300:
                    continue
                turn = 0.5 * math.atan2(2 * g[p][q], g[q][q] - g[p][p])
                c, s = math.cos(turn), math.sin(turn)
                for m in (g, v):
                    m[p], m[q] = ([c * x - s * y for x, y in zip(m[p], m[q])],
                                  [s * x + c * y for x, y in zip(m[p], m[q])])
                for r in g:
                    r[p], r[q] = c * r[p] - s * r[q], s * r[p] + c * r[q]
    return [g[i][i] for i in range(n)], v


def orthogonalize_cases():
    out = []

    def run(name, vectors, error=None, tolerance=1e-6):
        want = None
        if not error:
            u = [unit(v) for v in vectors]
            want = {"vectors": matmul(inverse_root(matmul(u, [list(c) for c in zip(*u)])), u)}
        out.append(case(name, {"vectors": vectors}, want, error=error, tolerance=tolerance))

    run("two at sixty degrees", [[1.0, 0.0], [0.5, math.sqrt(0.75)]])
    run("already orthogonal", [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]])
    run("lengths do not matter", [[2.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    run("three in four dimensions", [[1.0, 0.2, 0.0, 0.1], [0.3, 1.0, 0.2, 0.0], [0.1, 0.4, 1.0, -0.5]])
    run("nearly parallel", [[1.0, 0.0, 0.0], [1.0, 0.125, 0.0]], tolerance=1e-5)
    run("opposites", [[1.0, 0.0], [-1.0, 0.0]], error="invalid_argument")
    run("the same twice", [[0.6, 0.8], [0.6, 0.8]], error="invalid_argument")
    run("three in two dimensions", [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], error="invalid_argument")
    write("steering_orthogonalize", "dials made orthogonal, each turned as little as possible", out)


def calibrate_cases():
    out = []

    def run(name, docs, v, **o):
        want = {"scale": calibrate(docs, v, **o)}
        seed = o.pop("seed", 0)
        out.append(case(name, {"documents": docs, "vector": v}, want, o, tolerance=1e-4, seed=seed))

    docs = samples(21, 40, 6, 0.5)
    run("forty documents", docs, [1.0, 0, 0, 0, 0, 0])
    run("across all axes", docs, [0.5, -0.5, 0.5, -0.5, 0.0, 0.0])
    run("a larger loss", docs, [1.0, 0, 0, 0, 0, 0], loss=0.1)
    run("ten queries of forty documents", docs, [1.0, 0, 0, 0, 0, 0], max_queries=10, seed=5)
    run("three neighbours", docs, [0, 0, 1.0, 0, 0, 0], neighbours=3)
    run("the order of documents does not matter", docs[::-1], [1.0, 0, 0, 0, 0, 0])
    run("five documents have two neighbours", docs[:5], [1.0, 0, 0, 0, 0, 0])
    run("zeros are left out", docs[:20] + [[0.0] * 6], [1.0, 0, 0, 0, 0, 0])
    run("the same everywhere: the longest", [[1.0, 0.0]] * 8, [0.0, 1.0])
    bad = [("two documents", docs[:2], {}, "invalid_argument"),
           ("not a number", docs[:4] + [["nan"] * 6], {}, "invalid_argument"),
           ("another dimension", [[1.0, 2.0]] * 5, {}, "dimension_mismatch"),
           ("no loss", docs, {"loss": 0.0}, "invalid_argument")]
    for name, d, o, error in bad:
        out.append(case(name, {"documents": d, "vector": [1.0, 0, 0, 0, 0, 0]}, options=o, error=error))
    write("steering_calibrate", "the displacement that costs a share of the nearest neighbours' similarity", out)


def curve_cases():
    out = []

    def curve(docs, v, scale, strengths, neighbours=10, max_queries=400, seed=0):
        docs = [unit(r) for r in docs if norm(r) > 0]
        n = len(docs)
        k = max(1, min(neighbours, (n - 1) // 2))
        score = [dot(v, r) for r in docs]
        middle = math.fsum(score) / n
        variance = math.fsum((s - middle) ** 2 for s in score) / n
        spread = math.sqrt(variance) if variance > 1e-20 else 1.0
        queries = list(range(n))
        if n > max_queries:
            Rng(seed ^ Rng.mix(2)[1]).shuffle(queries)
            queries = queries[:max_queries]

        def at(b):
            similar = gained = 0.0
            for q in queries:
                near = {i: dot(docs[q], docs[i]) for i in range(n) if i != q}
                best = sorted(near, key=lambda i: -(near[i] + b * score[i]))[:k]
                similar += math.fsum(near[i] for i in best)
                gained += math.fsum(score[i] for i in best)
            return similar / (len(queries) * k), gained / (len(queries) * k)

        before, usual = at(0.0)
        found = [at(b * scale) for b in strengths]
        return {"losses": [(before - s) / max(abs(before), 0.1) for s, _ in found],
                "gains": [(g - usual) / spread for _, g in found]}

    def run(name, docs, v, scale, strengths, **o):
        want = curve(docs, v, scale, strengths, **o)
        seed = o.pop("seed", 0)
        inputs = {"documents": docs, "vector": v, "scale": scale, "strengths": strengths}
        out.append(case(name, inputs, want, o, tolerance=1e-5, seed=seed))

    docs = samples(51, 40, 6, 0.5)
    axis = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    run("both ways", docs, axis, 0.3, [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    run("nothing costs nothing", docs, axis, 0.3, [0.0])
    run("no strength, no point", docs, axis, 0.3, [])
    run("in the order of the strengths", docs, axis, 0.3, [1.0, 0.25, 1.0])
    run("a longer vector", docs, [2.0, -2.0, 0.0, 1.0, 0.0, 0.0], 0.1, [0.5, 1.0, 2.0])
    run("three neighbours", docs, axis, 0.3, [1.0, 2.0], neighbours=3)
    run("ten queries of forty documents", docs, axis, 0.3, [1.0, 2.0], max_queries=10, seed=5)
    run("zeros are left out", docs[:20] + [[0.0] * 6], axis, 0.3, [1.0])
    run("a vector of zeros", docs, [0.0] * 6, 0.3, [1.0])
    run("the same everywhere", [[1.0, 0.0]] * 8, [0.0, 1.0], 0.5, [1.0])
    run("as far as it goes", docs, axis, 0.3, [100.0, -100.0])
    for name, d, strengths, o, error in [
        ("two documents", docs[:2], [1.0], {}, "invalid_argument"),
        ("not a number", docs[:4] + [["nan"] * 6], [1.0], {}, "invalid_argument"),
        ("another dimension", [[1.0, 2.0]] * 5, [1.0], {}, "dimension_mismatch"),
        ("too strong", docs, [1.0, 100.5], {}, "invalid_argument"),
        ("a strength that is no number", docs, ["nan"], {}, "invalid_argument"),
        ("no neighbours", docs, [1.0], {"neighbours": 0}, "invalid_argument"),
    ]:
        inputs = {"documents": d, "vector": axis, "scale": 0.3, "strengths": strengths}
        out.append(case(name, inputs, options=o, error=error))
    write("steering_curve", "what a dial gains and costs at each strength", out)


def feedback_cases():
    out = []
    dials = [[0.6, 0.8, 0.0, 0.0], [0.0, 0.0, 0.6, 0.8]]
    scales = [0.4, 0.2]
    rng = Rng(77)
    events = [([round(gauss(rng), 3) for _ in range(4)], [round(gauss(rng), 3) for _ in range(4)],
               round((rng.next() >> 11) / (1 << 53), 2), 10.0 * i) for i in range(12)]

    def run(name, events, dials, scales, on=0.0):
        weight = rated = 0.0
        toward = [0.0] * 4
        for q, x, rating, _ in events:
            q = unit(q)
            if on:
                q = unit(add(q, dials[0], on * scales[0]))
            x = unit(x)
            item = add(x, q, -dot(x, q))
            usual = (rated + 1.0) / (weight + 2.0)
            toward = add([0.9825 * t for t in toward], item, rating - usual)
            weight, rated = 0.9825 * weight + 1.0, 0.9825 * rated + rating
        direction = toward
        if dials:
            gram = [[dot(a, b) + (1e-3 if i == j else 0.0) for j, b in enumerate(dials)] for i, a in enumerate(dials)]
            beta = solve(gram, [dot(v, toward) for v in dials])
            direction = add(toward, [math.fsum(b * v[j] for b, v in zip(beta, dials)) for j in range(4)], 10.0)
        direction, total = unit(direction), weight
        full = sum(scales) / len(scales) if dials else 0.3
        query = [1.0, 0.0, 0.0, 0.0]
        want = unit(add(query, direction, full * total / (total + 3.0)))
        inputs = {"vectors": dials, "scales": scales, "queries": [e[0] for e in events],
                  "items": [e[1] for e in events], "ratings": [e[2] for e in events],
                  "times": [e[3] for e in events], "first_dial": on, "query": query}
        out.append(case(name, inputs, {"vector": want}, tolerance=5e-5))

    run("one rating, no dials", events[:1], [], [])
    run("twelve ratings, no dials", events, [], [])
    run("twelve ratings, two dials", events, dials, scales)
    run("told out of order", events[::-1], dials, scales)
    run("with a dial on", events, dials, scales, on=1.5)
    liked = [(q, x, 1.0, t) for q, x, _, t in events]
    run("likes alone", liked, dials, scales)

    def bad(name, error, q=(1.0, 0.0, 0.0, 0.0), x=(0.0, 1.0, 0.0, 0.0), rating=1.0, at=0.0):
        inputs = {"vectors": dials, "scales": scales, "queries": [list(q)], "items": [list(x)],
                  "ratings": [rating], "times": [at], "first_dial": 0.0, "query": [1.0, 0, 0, 0]}
        out.append(case(name, inputs, error=error))

    bad("rating above one", "invalid_argument", rating=1.5)
    bad("rating not a number", "invalid_argument", rating="nan")
    bad("time infinite", "invalid_argument", at="inf")
    bad("item of zeros", "invalid_argument", x=[0.0] * 4)
    bad("query of zeros", "invalid_argument", q=[0.0] * 4)
    bad("item of another dimension", "dimension_mismatch", x=[1.0, 2.0])
    write("steering_feedback", "a query moved by what a user has rated", out)


for make in (learn_cases, joint_cases, apply_cases, arithmetic_cases, orthogonalize_cases,
             calibrate_cases, curve_cases, feedback_cases):
    make()
