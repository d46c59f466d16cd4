"""Slow truth for metrics of runs, their intervals and tests, and calibrated probabilities.

Standard library only. Run from anywhere: it writes ../<operation>.json beside this folder. The
metrics are written from their definitions, one document at a time; tails of Student's t come from
Simpson's rule; sign tests try every sign; isotonic curves come from Brunk's min-max formula and
sigmoids from nested bisection of the derivatives.
"""

import itertools
import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
rng = random.Random(20250921)


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
    doc = {"operation": operation, "about": about, "truth": "truth/evaluation.py", "cases": cases}
    lines = ",\n  ".join(json.dumps(c) for c in doc.pop("cases"))
    head = json.dumps(doc, indent=1)[:-2]
    (HERE.parent / f"{operation}.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')


# ---- metrics ------------------------------------------------------------------------------

def gain(grade, kind):
    if grade <= 0:
        return 0.0
    return grade if kind == "linear" else 2.0**grade - 1.0


def value(metric, ranking, grades, options):
    """One metric of one query. `grades` maps documents to grades."""
    name, _, cut = metric.partition("@")
    top = ranking[: int(cut)] if cut else ranking
    kind, least = options.get("gain", "linear"), options.get("min_grade", 0.0)

    def relevant(grade):
        return grade > 0 and grade >= least

    everything = sum(relevant(g) for g in grades.values())
    hits = [relevant(grades.get(d, 0)) for d in top]
    if name == "ndcg":
        ideal = sorted((g for g in grades.values() if g > 0), reverse=True)
        ideal = ideal[: int(cut)] if cut else ideal
        got = sum(gain(grades.get(d, 0), kind) / math.log2(i + 2) for i, d in enumerate(top))
        return got / sum(gain(g, kind) / math.log2(i + 2) for i, g in enumerate(ideal))
    if name == "recall":
        return sum(hits) / everything
    if name == "mrr":
        return next((1 / (i + 1) for i, hit in enumerate(hits) if hit), 0.0)
    if name == "map":
        return sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit) / everything
    if name == "precision":
        return sum(hits) / int(cut)
    if name == "success":
        return float(any(hits))
    if name == "judged":
        return sum(d in grades for d in top) / len(top) if top else 0.0
    raise ValueError(name)


def measured(inputs, metrics, options, run="rankings", scores="scores", queries="run_queries"):
    """Query ids, rows of values and counts."""
    rankings = dict(zip(inputs[queries], inputs[run], strict=True))
    if inputs.get(scores):
        for query, marks in zip(inputs[queries], inputs[scores], strict=True):
            order = sorted(range(len(marks)), key=lambda i: -marks[i])
            rankings[query] = [rankings[query][i] for i in order]
    least = options.get("min_grade", 0.0)
    names, counts = [], {"without_relevant": 0, "missing": 0, "unjudged": 0}
    rows = [[] for _ in metrics]
    judged = dict(zip(inputs["queries"], zip(inputs["documents"], inputs["grades"], strict=True), strict=True))
    for query in sorted(judged):
        grades = dict(zip(*judged[query], strict=True))
        if not any(g > 0 and g >= least for g in grades.values()):
            counts["without_relevant"] += 1
            continue
        names.append(query)
        counts["missing"] += query not in rankings
        ranking = rankings.get(query, [])
        if options.get("ignore_identical_ids"):
            ranking = [d for d in ranking if d != query]
        for row, metric in zip(rows, metrics, strict=True):
            row.append(value(metric, ranking, grades, options))
    counts["unjudged"] = sum(q not in judged for q in rankings)
    return names, rows, counts


# ---- Student's t --------------------------------------------------------------------------

def tail(t, free):
    """P(|T| >= t) by Simpson's rule over the angle whose tangent is t / sqrt(free)."""
    log = math.lgamma((free + 1) / 2) - math.lgamma(free / 2) - 0.5 * math.log(math.pi)
    end = math.atan(t / math.sqrt(free))
    n, c = 4000, math.exp(log)
    # The density of the angle is c cos^(free - 1).
    step = (math.pi / 2 - end) / n
    f = [max(0.0, math.cos(end + i * step)) ** (free - 1) for i in range(n + 1)]
    return 2 * c * step / 3 * (f[0] + f[-1] + sum((4 if i % 2 else 2) * f[i] for i in range(1, n)))


def reach(level, free):
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, free) > 1 - level else (low, middle)
    return (low + high) / 2


def spread(row):
    n = len(row)
    mean = sum(row) / n
    return mean, math.sqrt(sum((x - mean) ** 2 for x in row) / (n - 1) / n)


def interval(row, level):
    if len(row) < 2:
        return row[0], -math.inf, math.inf
    mean, error = spread(row)
    half = reach(level, len(row) - 1) * error
    return mean, mean - half, mean + half


def signs(differences):
    """The share of all signs under which the sum is as far from 0."""
    enough = abs(sum(differences)) - 1e-9
    every = list(itertools.product((1, -1), repeat=len(differences)))
    far = sum(abs(sum(s * d for s, d in zip(some, differences, strict=True))) >= enough for some in every)
    return far / len(every)


# ---- cases --------------------------------------------------------------------------------

def collection(n, documents=12, depth=8, grades=(0, 0, 1, 1, 2, 3), scored=False):
    names = [f"d{i}" for i in range(documents)]
    inputs = {"queries": [], "documents": [], "grades": [], "run_queries": [], "rankings": []}
    if scored:
        inputs["scores"] = []
    for i in range(n):
        some = rng.sample(names, rng.randint(2, 7))
        inputs["queries"].append(f"q{i}")
        inputs["documents"].append(some)
        inputs["grades"].append([rng.choice(grades) for _ in some])
        if max(inputs["grades"][-1]) <= 0:
            inputs["grades"][-1][0] = 1
        inputs["run_queries"].append(f"q{i}")
        inputs["rankings"].append(rng.sample(names, rng.randint(0, depth)))
        if scored:
            inputs["scores"].append([rng.choice([0.25, 0.5, 0.75, -1.0]) for _ in inputs["rankings"][-1]])
    order = list(range(n))
    rng.shuffle(order)
    for key in ("run_queries", "rankings", "scores"):
        if key in inputs:
            inputs[key] = [inputs[key][i] for i in order]
    return inputs


USUAL = ["ndcg@10", "recall@10", "mrr@10", "map@10"]
MANY = ["ndcg@3", "ndcg", "recall@3", "recall", "mrr@2", "mrr", "map@4", "map", "precision@5",
        "success@1", "success", "judged@5"]


def evaluation(name, inputs, metrics=None, options=None, asked=None):
    metrics, options = metrics or USUAL, dict(options or {})
    names, rows, counts = measured(inputs, metrics, options)
    want = {"queries": names, "per_query": rows, "value": [sum(r) / len(r) for r in rows], **counts}
    if options.get("interval") == "t" or len(names) < 2:
        found = [interval(r, options.get("level", 0.95)) for r in rows]
        want["low"], want["high"] = [f[1] for f in found], [f[2] for f in found]
    inputs = inputs | {"metrics": metrics if asked is None else asked}
    return case(name, inputs, want, options=options)


def small(**changed):
    inputs = {"queries": ["a", "b"], "documents": [["x", "y"], ["x"]], "grades": [[1, 2], [1]],
              "run_queries": ["a", "b"], "rankings": [["y", "x"], ["z", "x"]], "metrics": USUAL}
    return inputs | changed


def evaluate_cases():
    t = {"interval": "t"}
    cases = [
        evaluation("the usual metrics", collection(12), options=t),
        evaluation("no metric named", collection(5), asked=[]),
        evaluation("every metric", collection(9), MANY, t),
        evaluation("every metric at a higher grade", collection(15), MANY, t | {"min_grade": 2.0}),
        evaluation("exponential gains", collection(9), ["ndcg@5", "ndcg", "map@5"], t | {"gain": "exponential"}),
        evaluation("negative grades", collection(9, grades=(-2, -1, 0, 1, 2)), MANY, t),
        evaluation("fractional grades", collection(7, grades=(0.0, 0.25, 0.5, 1.5)), MANY, t),
        evaluation("fractional grades, exponential", collection(7, grades=(0.25, 0.5, 1.5)), ["ndcg@5"], t | {"gain": "exponential"}),
        evaluation("a level of .8", collection(6), options=t | {"level": 0.8}),
        evaluation("a level of .999", collection(4), options=t | {"level": 0.999}),
        evaluation("scores with ties keep their order", collection(10, scored=True), MANY, t),
        evaluation("a single query", collection(1), MANY),
        evaluation("cutoffs beyond the ranking", collection(5), ["ndcg@10000", "precision@20", "judged@50"], t),
    ]
    some = collection(6)
    some["run_queries"], some["rankings"] = some["run_queries"][:4] + ["elsewhere"], some["rankings"][:4] + [["d1"]]
    some["queries"].append("nothing")
    some["documents"].append(["d1", "d2"])
    some["grades"].append([0, -1])
    cases.append(evaluation("queries missing, without relevant documents and unjudged", some, MANY, t))
    own = {"queries": ["a", "b"], "documents": [["b", "c"], ["a"]], "grades": [[1, 1], [2]],
           "run_queries": ["a", "b"], "rankings": [["a", "b", "c"], ["b", "a"]]}
    cases.append(evaluation("documents that are the query", own, MANY, t))
    cases.append(evaluation("the query itself left out", own, MANY, t | {"ignore_identical_ids": True}))
    empty = small(run_queries=[], rankings=[])
    empty.pop("metrics")
    cases.append(evaluation("an empty run finds nothing", empty, MANY, t))
    bad = [
        ("an unknown metric", small(metrics=["auc"]), {}),
        ("a cutoff of 0", small(metrics=["ndcg@0"]), {}),
        ("a cutoff beyond the limit", small(metrics=["ndcg@10001"]), {}),
        ("precision without a cutoff", small(metrics=["precision"]), {}),
        ("a metric twice", small(metrics=["map", "map"]), {}),
        ("a document twice in a ranking", small(rankings=[["x", "x"], ["x"]]), {}),
        ("a document judged twice", small(documents=[["x", "x"], ["x"]]), {}),
        ("a query twice in the run", small(run_queries=["a", "a"]), {}),
        ("a query judged twice", small(queries=["b", "b"]), {}),
        ("a grade that is no number", small(grades=[[1, math.nan], [1]]), {}),
        ("an infinite grade", small(grades=[[1, math.inf], [1]]), {}),
        ("a score that is no number", small(scores=[[0.5, math.nan], [0.5, 0.25]]), {}),
        ("nothing relevant", small(grades=[[0, 0], [-1]]), {}),
        ("nothing judged", small(queries=[], documents=[], grades=[]), {}),
        ("no query in common", small(run_queries=["c", "d"]), {}),
        ("an unknown interval", small(), {"interval": "wald"}),
        ("a level of 1", small(), {"level": 1.0}),
        ("too few draws", small(), {"resamples": 99}),
        ("a lowest grade that is no number", small(), {"min_grade": math.nan}),
    ]
    for name, inputs, options in bad:
        cases.append(case(name, inputs, error="invalid_argument", options=options))
    return cases


def comparison(name, inputs, metric, options):
    _, (a,), _ = measured(inputs, [metric], options)
    _, (b,), _ = measured(inputs, [metric], options, "other_rankings", "other_scores", "other_queries")
    d = [x - y for x, y in zip(a, b, strict=True)]
    mean, low, high = interval(d, options.get("level", 0.95))
    apart = [x for x in d if abs(x) > 1e-12]
    want = {"a": sum(a) / len(a), "b": sum(b) / len(b), "difference": mean, "queries": len(d),
            "wins": sum(x > 1e-12 for x in d), "losses": sum(x < -1e-12 for x in d),
            "ties": sum(abs(x) <= 1e-12 for x in d)}
    if options.get("interval") == "t" or len(d) < 2:
        want |= {"low": low, "high": high}
    if not apart or len(d) < 2:
        want["p_value"] = 1.0
    elif options.get("test") == "t":
        mean, error = spread(d)
        want["p_value"] = tail(abs(mean) / error, len(d) - 1)
    elif options.get("test", "randomization") == "randomization" and len(apart) <= 12:
        want["p_value"] = signs(apart)
    return case(name, inputs | {"metric": metric}, want, options=options)


def pair(n):
    inputs = collection(n)
    other = [rng.sample(r, len(r)) if rng.random() < 0.8 else r for r in inputs["rankings"]]
    return inputs | {"other_queries": inputs["run_queries"], "other_rankings": other}


def compare_cases():
    t = {"interval": "t"}
    cases = []
    for metric in ("ndcg@10", "mrr", "map@3", "recall@2"):
        cases.append(comparison(f"{metric}, every sign", pair(10), metric, t))
        cases.append(comparison(f"{metric}, Student", pair(14), metric, t | {"test": "t"}))
    cases.append(comparison("a level of .9", pair(8), "ndcg@10", t | {"test": "t", "level": 0.9}))
    cases.append(comparison("exponential gains", pair(8), "ndcg@10", t | {"gain": "exponential"}))
    cases.append(comparison("bootstrap: all but its draws", pair(12), "ndcg@10", {"test": "bootstrap"}))
    same = pair(7)
    same["other_rankings"] = same["rankings"]
    for test in ("randomization", "bootstrap", "t"):
        cases.append(comparison(f"a run with itself, {test}", same, "ndcg@10", t | {"test": test}))
    cases.append(comparison("one query says nothing", pair(1), "ndcg@10", {}))
    less = pair(9)
    less["other_queries"], less["other_rankings"] = less["other_queries"][:5], less["other_rankings"][:5]
    cases.append(comparison("a run that leaves queries out", less, "recall@5", t))
    bad = pair(3)
    cases += [
        case("an unknown metric", bad | {"metric": "speed"}, error="invalid_argument"),
        case("an unknown test", bad | {"metric": "map"}, error="invalid_argument", options={"test": "z"}),
        case("a document twice", bad | {"metric": "map", "other_rankings": [["d1", "d1"]] * 3}, error="invalid_argument"),
    ]
    return cases


# ---- calibration --------------------------------------------------------------------------

def grouped(scores, relevant, weights):
    """Ascending scores with their relevant and irrelevant weight."""
    points = {}
    for s, r, w in zip(scores, relevant, weights, strict=True):
        sums = points.setdefault(s + 0.0, [0.0, 0.0])
        sums[0] += w * r
        sums[1] += w * (1 - r)
    return [(s, *points[s]) for s in sorted(points) if sum(points[s]) > 0]


def goals(points):
    positive, negative = sum(p[1] for p in points), sum(p[2] for p in points)
    return 1 / (negative + 2), (positive + 1) / (positive + 2)


def isotonic(points):
    low, high = goals(points)
    n = len(points)

    def mean(a, b):
        positive = sum(p[1] for p in points[a : b + 1])
        return positive / sum(p[1] + p[2] for p in points[a : b + 1])

    fitted = [max(min(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]
    fitted = [min(max(v, low), high) for v in fitted]

    def at(score):
        if score <= points[0][0]:
            return fitted[0]
        if score >= points[-1][0]:
            return fitted[-1]
        i = max(i for i in range(n) if points[i][0] <= score)
        (s, v), (t, w) = (points[i][0], fitted[i]), (points[i + 1][0], fitted[i + 1])
        return v + (w - v) * (score - s) / (t - s)

    return at


def platt(points):
    low, high = goals(points)
    total = sum(p[1] + p[2] for p in points)
    centre = sum((p[1] + p[2]) * p[0] for p in points) / total
    size = max(abs(p[0] - centre) for p in points) or 1.0
    rows = [((s - centre) / size, (pos * high + neg * low) / (pos + neg), pos + neg) for s, pos, neg in points]

    def sigmoid(x):
        return 1 / (1 + math.exp(-x)) if x > -700 else 0.0

    def root(f, low, high):
        """Where the rising function f is 0."""
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if f(middle) > 0 else (middle, high)
        return (low + high) / 2

    def intercept(a):
        return root(lambda b: sum(w * (sigmoid(a * z + b) - t) for z, t, w in rows), -2000.0, 2000.0)

    def pull(a):
        b = intercept(a)
        return sum(w * z * (sigmoid(a * z + b) - t) for z, t, w in rows)

    slope = root(pull, 0.0, 1000.0) if pull(0.0) < 0 else 0.0
    b = intercept(slope)
    return lambda score: sigmoid(slope * (score - centre) / size + b)


def curve(name, inputs, options=None, method=None):
    options = options or {}
    weights = inputs.get("weights") or [1.0] * len(inputs["scores"])
    points = grouped(inputs["scores"], inputs["relevant"], weights)
    method = method or options.get("method", "platt")
    at = {"platt": platt, "isotonic": isotonic}[method](points)
    inputs = inputs | {"at": sorted(set(inputs["scores"]) | {s + 0.03 for s in inputs["scores"]})[:40] + [-3.0, 9.0]}
    want = {"probabilities": [at(s) for s in inputs["at"]], "method": method,
            "pairs": sum(w > 0 for w in weights),
            "positives": sum(p[1] for p in points), "negatives": sum(p[2] for p in points)}
    return case(name, inputs, want, options=options, tolerance=1e-7)


def pairs(n, digits=3, share=False, weighted=False, slope=6.0):
    scores = [round(rng.random(), digits) for _ in range(n)]
    relevant = [float(rng.random() < 1 / (1 + math.exp(-slope * (s - 0.5)))) for s in scores]
    relevant[0], relevant[1] = 0.0, 1.0
    if share:
        relevant = [r if rng.random() < 0.5 else round(rng.random(), 2) for r in relevant]
    inputs = {"scores": scores, "relevant": relevant}
    if weighted:
        inputs["weights"] = [rng.choice([0.0, 0.5, 1.0, 3.0]) for _ in scores]
    return inputs


def calibrate_cases():
    cases = []
    for method in ("platt", "isotonic"):
        o = {"method": method}
        cases += [
            curve(f"{method}: thirty pairs", pairs(30), o),
            curve(f"{method}: many ties", pairs(40, digits=1), o),
            curve(f"{method}: shares of relevance", pairs(20, share=True), o),
            curve(f"{method}: weights, some of them 0", pairs(25, weighted=True), o),
            curve(f"{method}: weak scores", pairs(25, slope=0.5), o),
            curve(f"{method}: scores that mislead", pairs(25, slope=-5.0), o),
            curve(f"{method}: a clean cut", {"scores": [0.1, 0.2, 0.3, 0.7, 0.8], "relevant": [0.0, 0.0, 0.0, 1.0, 1.0]}, o),
            curve(f"{method}: two pairs", {"scores": [0.25, 0.75], "relevant": [0.0, 1.0]}, o),
            curve(f"{method}: one score", {"scores": [0.5] * 4, "relevant": [0.0, 1.0, 1.0, 1.0]}, o),
            curve(f"{method}: scores that are negative and far apart", {"scores": [-40.0, -3.0, 0.0, 5.0, 90.0], "relevant": [0.0, 0.0, 1.0, 0.0, 1.0]}, o),
        ]
    cases.append(curve("auto takes the sigmoid for few", pairs(50), {}, "platt"))
    two = {"scores": [0.1, 0.9], "relevant": [0.0, 1.0], "at": [0.5]}
    bad = [
        ("no relevant pair", two | {"relevant": [0.0, 0.0]}, {}),
        ("no irrelevant pair", two | {"relevant": [1.0, 1.0]}, {}),
        ("no pair", {"scores": [], "relevant": [], "at": []}, {}),
        ("all weight on one side", two | {"weights": [0.0, 1.0]}, {}),
        ("a score that is no number", two | {"scores": [0.1, math.nan]}, {}),
        ("an infinite score", two | {"scores": [0.1, math.inf]}, {}),
        ("relevance above 1", two | {"relevant": [0.0, 2.0]}, {}),
        ("a negative weight", two | {"weights": [1.0, -1.0]}, {}),
        ("weights that are no number", two | {"weights": [1.0, math.nan]}, {}),
        ("a prediction for no number", two | {"at": [math.nan]}, {}),
        ("an unknown method", two, {"method": "beta"}),
        ("one fold", two, {"folds": 1}),
    ]
    cases += [case(n, i, error="invalid_argument", options=o) for n, i, o in bad]
    return cases


if __name__ == "__main__":
    write("evaluate", "Metrics of a run against judgements, by query and on average; intervals by Student's t.", evaluate_cases())
    write("compare_runs", "The paired difference of two runs, with its interval and test.", compare_cases())
    write("calibrate", "Probabilities of relevance from pairs of score and relevance.", calibrate_cases())
