"""Truth for the feedback filter: plain Python, medians by sorting, shares as fractions.

What a rating counts at the median is a `Fraction`, so that half is exactly half.
"""

import json
import math
import pathlib
from fractions import Fraction

HERE = pathlib.Path(__file__).resolve().parent.parent
LEAST = 2.0**-1022


def median(values, shares):
    """The middle of the least value at which half is reached and the least beyond half."""
    if not values:
        return 0.0
    total, sum_, lower = sum(shares), Fraction(0), None
    for value, share in sorted(zip(values, shares)):
        sum_ += share
        if lower is None and 2 * sum_ >= total:
            lower = value
        if 2 * sum_ > total:
            return lower + (value - lower) / 2
    raise AssertionError("the whole is more than half")


def centre_and_deviation(x, shares, method):
    if method == "mad":
        m = median(x, shares)
        away = [abs(v - m) for v in x]
        spread = median(away, shares)
        if spread == 0:
            apart = [(d, s) for d, s in zip(away, shares) if d > 0]
            spread = median([d for d, _ in apart], [s for _, s in apart])
        return m, spread / 0.6745
    if len(x) < 2:
        return (x[0] if x else 0.0), 0.0
    s = [float(v) for v in shares]
    m = math.fsum(a * b for a, b in zip(s, x)) / math.fsum(s)
    squares = math.fsum(a * (b - m) ** 2 for a, b in zip(s, x))
    # Bessel's correction; for shares of 1 the divisor is n - 1.
    divisor = math.fsum(s) - math.fsum(a * a for a in s) / math.fsum(s)
    if divisor <= 0:
        return m, 1e-12 * abs(m)
    return m, max(math.sqrt(squares / divisor), 1e-12 * abs(m))


def filtered(x, t, users, half_life, sigma, method, per_user):
    count = {u: users.count(u) for u in users} if users else {}
    most = Fraction(max(1.0, per_user))
    shares = [min(Fraction(1), most / count[u]) for u in users] if users else [Fraction(1)] * len(x)
    m, s = centre_and_deviation(x, shares, method)
    kept = [abs(v - m) <= sigma * s for v in x]
    newest = max((a for a, k in zip(t, kept) if k), default=0.0)
    w = [max(0.5 ** ((newest - a) / half_life), LEAST) if k else 0.0 for a, k in zip(t, kept)]
    voices = w
    if users:
        total = {u: math.fsum(v for v, o in zip(w, users) if o == u) for u in users}
        w = [v * min(1.0, per_user / total[u]) if v else 0.0 for v, u in zip(w, users)]
        voices = [math.fsum(v for v, o in zip(w, users) if o == u) for u in sorted(set(users))]
    if not any(kept):
        return {"weights": w, "kept": kept, "mean": "nan", "confidence": 0.0}
    mean = math.fsum(a * b for a, b in zip(w, x)) / math.fsum(w)
    variance = math.fsum(a * (b - mean) ** 2 for a, b in zip(w, x)) / math.fsum(w)
    n = math.fsum(voices) ** 2 / math.fsum(v * v for v in voices)
    those = [v for v, k in zip(x, kept) if k]
    span = max([1.0, *those]) - min([0.0, *those])
    within = (n * variance + span**2 / 4) / (n + 1)
    between = span**2 / 12
    return {"weights": w, "kept": kept, "mean": mean, "confidence": n / (n + within / between)}


def cases():
    out = []

    def run(name, x, t, half_life, users=None, sigma=3.0, method="mad", per_user=None):
        life = math.inf if half_life == "inf" else half_life
        cap = 1.0 if per_user is None else per_user
        inputs = {"ratings": x, "at": t, "half_life": half_life}
        options = {"sigma": sigma, "method": method}
        if users is not None:
            inputs["users"] = users
        if per_user is not None:
            options["per_user"] = per_user
        out.append({
            "name": name, "inputs": inputs, "options": options, "seed": 0,
            "want": filtered(x, t, users, life, sigma, method, cap), "tolerance": 1e-12,
        })

    x = [0.5, 0.52, 0.48, 0.51, 0.49, 0.95, 0.5, 0.47]
    t = [0.0, 10.0, 20.0, 30.0, 40.0, 100.0, 50.0, 60.0]
    run("one outlier, the newest", x, t, 30.0)
    run("times out of order", x, t[::-1], 30.0)
    run("a wider band", x, t, 30.0, sigma=20.0)
    run("three standard deviations of eight never fire", x, t, 30.0, method="sigma")
    run("two standard deviations", x, t, 30.0, sigma=2.0, method="sigma")
    run("an even number", [1.0, 2.0, 3.0, 100.0], [0.0] * 4, 1.0)
    run("all equal", [0.7] * 5, [0.0, 1.0, 2.0, 3.0, 4.0], 2.0)
    run("all equal, sigma", [0.1] * 7, [0.0] * 7, 2.0, method="sigma")
    run("most equal, one other", [0.5] * 9 + [1.0], [0.0] * 10, 2.0)
    run("most equal, some near, one far", [0.5] * 9 + [0.4, 0.6, 0.6, 9.0], [0.0] * 13, 2.0)
    run("likes with some dislikes", [1.0] * 6 + [0.0] * 4, [float(i) for i in range(10)], 5.0)
    run("few likes among dislikes", [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0.0] * 10, 5.0)
    run("stars, most of them five", [5.0] * 12 + [4.0] * 4 + [3.0] * 2 + [1.0] * 2, [0.0] * 20, 5.0)
    run("one rating", [0.3], [5.0], 1.0)
    run("one rating, sigma", [0.3], [5.0], 1.0, method="sigma")
    run("none", [], [], 1.0)
    run("nothing is kept", [0.0, 1.0], [0.0, 0.0], 1.0, sigma=0.1, method="sigma")
    run("no decay", x, t, "inf")
    run("times before 1970", [0.1, 0.2, 0.3], [-200.0, -100.0, 0.0], 100.0)
    run("so old that little is left", [0.1, 0.2, 0.3], [0.0, 5e4, 1e5], 1.0)

    votes = [0.0, 0.0, 1.0, 0.0, 0.0] + [1.0] * 12
    voters = [1, 2, 3, 4, 5] + [7] * 12
    when = [float(i) for i in range(17)]
    run("one votes twelve times", votes, [0.0] * 17, 10.0, voters)
    run("one votes twelve times, older votes weigh less", votes, when, 4.0, voters)
    run("one may count for three", votes, [0.0] * 17, 10.0, voters, per_user=3.0)
    run("nobody counts for more than a tenth", votes, when, 10.0, voters, per_user=0.1)
    run("no cap to speak of", votes, when, 10.0, voters, per_user=1e6)
    honest = [0.3, 0.35, 0.25, 0.3, 0.4, 0.2, 0.3]
    run("one who votes alike makes no outliers of others", honest + [0.99, 1.0, 1.0, 0.98] * 4,
        [0.0] * 23, 10.0, [11, 12, 13, 14, 15, 16, 17] + [9] * 16)
    run("the same by standard deviations", honest + [0.99, 1.0, 1.0, 0.98] * 4,
        [0.0] * 23, 10.0, [11, 12, 13, 14, 15, 16, 17] + [9] * 16, method="sigma")
    run("two who vote thrice against two who vote once", [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.1],
        [0.0] * 8, 10.0, [1, 1, 1, 2, 2, 2, 3, 4])
    run("half is exactly half, in thirds", [0.1, 0.2, 0.3, 0.8], [0.0] * 4, 10.0, [1, 1, 1, 2])
    run("every user once", x, t, 30.0, [8, 7, 6, 5, 4, 3, 2, 1])
    run("one user", x, t, 30.0, [5] * 8)
    run("the largest ids", [0.2, 0.4, 0.6], [0.0] * 3, 1.0, [2**64 - 1, 0, 2**64 - 1])
    run("none, with users", [], [], 1.0, [])

    def refused(name, x, t, h, users=None, **options):
        inputs = {"ratings": x, "at": t, "half_life": h}
        if users is not None:
            inputs["users"] = users
        out.append({"name": name, "inputs": inputs, "options": options, "seed": 0,
                    "error": "invalid_argument", "tolerance": 1e-5})

    refused("more ratings than times", [0.1, 0.2], [0.0], 1.0)
    refused("more ratings than users", [0.1, 0.2], [0.0, 0.0], 1.0, [1])
    refused("more users than ratings", [0.1], [0.0], 1.0, [1, 2])
    refused("rating not a number", ["nan"], [0.0], 1.0)
    refused("time infinite", [0.5], ["inf"], 1.0)
    refused("half_life of zero", [0.5], [0.0], 0.0)
    refused("half_life negative", [0.5], [0.0], -1.0)
    refused("half_life not a number", [0.5], [0.0], "nan")
    refused("sigma of zero", [0.5], [0.0], 1.0, sigma=0.0)
    refused("no such method", [0.5], [0.0], 1.0, method="mean")
    refused("per_user of zero", [0.5], [0.0], 1.0, [1], per_user=0.0)
    refused("per_user negative", [0.5], [0.0], 1.0, [1], per_user=-1.0)
    return out


data = {
    "operation": "filter_feedback",
    "about": "outliers dropped, the rest weighed by age and by user, their mean and its confidence",
    "truth": "truth/filter.py",
    "cases": cases(),
}
lines = json.dumps(data, allow_nan=False).replace('{"name": ', '\n{"name": ') + "\n"
(HERE / "filter_feedback.json").write_text(lines)
