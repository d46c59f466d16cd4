"""Slow truths for dense search, filters, rank fusion and diversity. Standard library only.

Run from anywhere; writes the JSON files into the folder above this one. Filters follow
MongoDB's manual ("Query and Projection Operators", "Query for Null or Missing Fields",
"Query an Array"), written as a recursive definition over plain Python values.
"""

import json
import math
import random
import struct
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
NO_KEY = 2**64 - 1


def f32(x):
    """The nearest float32, as a Python float."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def write(operation, about, cases):
    names = [case["name"] for case in cases]
    assert len(names) == len(set(names)), operation
    page = {"operation": operation, "about": about, "truth": "truth/retrieval.py", "cases": cases}
    text = json.dumps(page, indent=1, ensure_ascii=False, allow_nan=False)
    (HERE / f"{operation}.json").write_text(text + "\n", encoding="utf-8")


# Dense search ---------------------------------------------------------------------------------


def score(metric, query, vector):
    dot = math.fsum(a * b for a, b in zip(query, vector))
    if metric == "dot":
        return dot
    if metric == "l2":
        return -math.fsum((a - b) ** 2 for a, b in zip(query, vector))
    return dot / math.sqrt(math.fsum(a * a for a in query) * math.fsum(b * b for b in vector))


def dense_want(keys, vectors, queries, k, metric, filter_, remove):
    held = [(key, v) for key, v in zip(keys, vectors) if key not in (remove or [])]
    if filter_ is not None:
        held = [(key, v) for key, v in held if key in filter_]
    want_keys, want_scores = [], []
    for query in queries:
        # Rounded so that equal directions tie here as they must in float32.
        ranked = sorted((-round(score(metric, query, v), 9) + 0.0, key) for key, v in held)[:k]
        pad = k - len(ranked)
        want_keys.append([key for _, key in ranked] + [NO_KEY] * pad)
        want_scores.append([-s + 0.0 for s, _ in ranked] + ["-inf"] * pad)
    return {"keys": want_keys, "scores": want_scores}


def dense_cases():
    cases = []

    def case(name, keys, vectors, queries, k, metric=None, filter_=None, remove=None, error=None,
             options=None, tolerance=1e-5):
        inputs = {"keys": keys, "vectors": vectors, "queries": queries, "k": k}
        if filter_ is not None:
            inputs["filter"] = filter_
        if remove is not None:
            inputs["remove"] = remove
        options = dict(options or {})
        if metric:
            options["metric"] = metric
        made = {"name": name, "inputs": inputs, "options": options, "seed": 0}
        if error:
            made["error"] = error
        else:
            made["want"] = dense_want(keys, vectors, queries, k, metric or "cosine", filter_, remove)
            made["tolerance"] = tolerance
        cases.append(made)

    rng = random.Random(7)
    keys = [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]
    vectors = [[f32(rng.gauss(0, 1)) for _ in range(5)] for _ in keys]
    queries = [[f32(rng.gauss(0, 1)) for _ in range(5)] for _ in range(3)]
    for metric in ("cosine", "dot", "l2"):
        case(f"{metric} top five", keys, vectors, queries, 5, metric)
        case(f"{metric} more asked for than held", keys, vectors, queries, 14, metric)
        case(f"{metric} filtered", keys, vectors, queries, 4, metric, [26, 3, 46, 89, 89, 1000])
        case(f"{metric} after removals", keys, vectors, queries, 12, metric, None, [3, 26, 65])
    many = [[f32(rng.gauss(0, 1)) for _ in range(5)] for _ in range(19)]
    case("more queries than a block", keys, vectors, many, 3)
    case("the default metric is cosine", [1, 2], [[10.0, 0.0], [0.6, 0.8]], [[0.0, 5.0]], 2)
    case("ties go to the smaller key", [9, 4, 6, 5], [[1.0, 0.0], [2.0, 0.0], [4.0, 0.0], [0.0, 1.0]],
         [[1.0, 0.0]], 3)
    case("a tie at the last place goes to the smaller key", [9, 4, 6], [[1.0], [1.0], [1.0]],
         [[1.0]], 1, "dot")
    case("an empty filter finds nothing", [1, 2], [[1.0], [2.0]], [[1.0]], 2, "dot", [])
    case("a filter of unknown keys finds nothing", [1, 2], [[1.0], [2.0]], [[1.0]], 2, "dot", [7])
    case("no queries", [1, 2], [[1.0], [2.0]], [], 2, "dot")
    case("everything removed", [1, 2], [[1.0], [2.0]], [[1.0]], 1, "dot", None, [2, 1])
    case("l2 of the same vector is zero", [1, 2], [[0.5, 0.25], [0.5, 0.5]], [[0.5, 0.25]], 2, "l2")
    case("dot keeps lengths", [1, 2], [[1.0, 0.0], [5.0, 5.0]], [[1.0, 0.0]], 2, "dot")
    case("the largest usable key", [NO_KEY - 1], [[1.0]], [[1.0]], 1, "dot")
    case("one precision under another name", [1, 2], [[1.0, 1.0], [0.0, 1.0]], [[1.0, 0.0]], 2,
         options={"precision": "f32"})
    case("tiny vectors have a direction", [1, 2], [[1e-30, 1e-30], [0.0, 1e-30]], [[1.0, 0.0]], 2)

    one = [[1.0, 2.0]]
    bad = "invalid_argument"
    case("k of zero", [1], one, one, 0, error=bad)
    case("k of 10001", [1], one, one, 10001, error=bad)
    case("a query of another dimension", [1], one, [[1.0]], 1, error="dimension_mismatch")
    case("nan in a vector", [1], [["nan", 0.0]], one, 1, error=bad)
    case("infinity in a vector", [1], [[0.0, "inf"]], one, 1, error=bad)
    case("nan in a query", [1], one, [[0.0, "nan"]], 1, error=bad)
    case("a vector of zeros under cosine", [1], [[0.0, 0.0]], one, 1, error=bad)
    case("a query of zeros under cosine", [1], one, [[0.0, 0.0]], 1, error=bad)
    case("a number too large for dot", [1], [[2e15, 0.0]], one, 1, "dot", error=bad)
    case("a key twice", [1, 1], one * 2, one, 1, error="already_exists")
    case("the key of no hit", [NO_KEY], one, one, 1, error=bad)
    case("fewer keys than vectors", [1], one * 2, one, 1, error=bad)
    case("removing an unknown key", [1], one, one, 1, remove=[1, 2], error="not_found")
    case("an unknown metric", [1], one, one, 1, "hamming", error=bad)
    case("an unknown precision", [1], one, one, 1, options={"precision": "int8"}, error=bad)
    write("dense_search", "Add keys and vectors to a new index, remove keys if `remove` is there, "
          "search k hits among `filter` if it is there; scores are in the order of the keys.", cases)


# Filters --------------------------------------------------------------------------------------

MISSING = object()


def bracket(value):
    if value is None or value is MISSING:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object"}[type(value)]


def same(a, b):
    kind = bracket(a)
    if kind != bracket(b):
        return False
    if kind == "null":
        return True
    if kind == "number":
        return Fraction(a) == Fraction(b)
    if kind == "array":
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if kind == "object":
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


def order(a, b):
    """-1, 0, 1, or None where the two cannot be compared."""
    kind = bracket(a)
    if kind != bracket(b) or kind in ("array", "object"):
        return None
    if kind == "null":
        return 0
    if kind == "number":
        a, b = Fraction(a), Fraction(b)
    if kind == "string":
        a, b = a.encode(), b.encode()
    return (a > b) - (a < b)


def ends(value, steps):
    """Everything at the end of a path, MISSING included."""
    head, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        if head not in value:
            return [MISSING]
        inner = value[head]
        if not rest:
            return [inner]
        return ends(inner, rest) if isinstance(inner, (dict, list)) else [MISSING]
    found = []
    if head.isdigit() and (head == "0" or head[0] != "0") and int(head) < len(value):
        inner = value[int(head)]
        if not rest:
            found.append(inner)
        elif isinstance(inner, (dict, list)):
            found += ends(inner, rest)
    for element in value:
        if isinstance(element, dict):
            found += ends(element, steps)
    return found


def spread(values):
    """Each value, and what an array holds."""
    for value in values:
        yield value
        if isinstance(value, list):
            yield from value


def condition(values, operator, want):
    if operator == "$eq":
        return any(same(v, want) for v in spread(values))
    if operator == "$ne":
        return not condition(values, "$eq", want)
    if operator == "$in":
        return any(condition(values, "$eq", one) for one in want)
    if operator == "$nin":
        return not condition(values, "$in", want)
    if operator == "$exists":
        return any(v is not MISSING for v in values) == want
    if operator == "$not":
        return not all(condition(values, o, w) for o, w in want.items())
    accepted = {"$gt": [1], "$gte": [0, 1], "$lt": [-1], "$lte": [-1, 0]}[operator]
    return any(order(v, want) in accepted for v in spread(values))


def filter_holds(document, query):
    for name, want in query.items():
        if name == "$and":
            good = all(filter_holds(document, q) for q in want)
        elif name == "$or":
            good = any(filter_holds(document, q) for q in want)
        elif name == "$nor":
            good = not any(filter_holds(document, q) for q in want)
        else:
            values = ends(document, name.split("."))
            if not (isinstance(want, dict) and any(key.startswith("$") for key in want)):
                want = {"$eq": want}
            good = all(condition(values, o, w) for o, w in want.items())
        if not good:
            return False
    return True


DOCUMENTS = [
    {},
    {"a": None},
    {"a": 1, "lang": "en", "year": 2019},
    {"a": 1.0, "lang": "de", "year": 2020},
    {"a": 2, "lang": ["en", "de"], "year": 2020.5},
    {"a": "1", "lang": "EN", "year": "2021"},
    {"a": True, "lang": None},
    {"a": False, "lang": ""},
    {"a": [], "lang": []},
    {"a": [1, 5], "lang": ["fr"]},
    {"a": [[1, 5], 7]},
    {"a": [None]},
    {"a": {"b": 1}},
    {"a": {"b": 1, "c": 2}},
    {"a": {"b": {"c": 3}}},
    {"a": {"b": None}},
    {"a": {}},
    {"a": [{"b": 1}, {"b": 2}, {}, 3]},
    {"a": [{"b": [4, 5]}, {"b": {"c": 6}}]},
    {"a": {"b": [{"c": 1}, {"c": [2, 3]}]}},
    {"a": {"0": "zero", "1": "one"}},
    {"a": [{"0": 9}, [8, 7]]},
    {"a": 9007199254740993},
    {"a": 9007199254740992},
    {"a": 18446744073709551615},
    {"a": -9223372036854775808},
    {"a": -0.0},
    {"a": 1e300},
    {"a": "été"},
    {"a": "z"},
    {"a": "𝄞"},
    {"a": "ﬁ"},
]

FILTERS = [
    {}, {"a": 1}, {"a": 1.0}, {"a": "1"}, {"a": True}, {"a": None}, {"a": []}, {"a": {}},
    {"a": [1, 5]}, {"a": [5, 1]}, {"a": [None]}, {"a": {"b": 1}}, {"a": {"c": 2, "b": 1}},
    {"a": {"$eq": 1}}, {"a": {"$ne": 1}}, {"a": {"$ne": None}}, {"a": {"$ne": [1, 5]}},
    {"a": {"$eq": {"$x": 1}}},
    {"a": {"$gt": 1}}, {"a": {"$gte": 1}}, {"a": {"$lt": 2}}, {"a": {"$lte": 2}},
    {"a": {"$gt": "1"}}, {"a": {"$gte": "été"}}, {"a": {"$lt": "z"}}, {"a": {"$gt": "ﬁ"}},
    {"a": {"$gt": False}}, {"a": {"$lte": False}},
    {"a": {"$gte": None}}, {"a": {"$lte": None}}, {"a": {"$gt": None}}, {"a": {"$lt": None}},
    {"a": {"$gt": 1, "$lt": 5}}, {"a": {"$gte": 9007199254740993}},
    {"a": {"$gt": 9007199254740992.0}}, {"a": 9007199254740992.0}, {"a": {"$lt": -1e18}},
    {"a": {"$gte": 18446744073709551616.0}}, {"a": {"$lt": 18446744073709551616.0, "$gt": 1e19}},
    {"a": 0}, {"a": {"$in": []}}, {"a": {"$nin": []}}, {"a": {"$in": [1, "z", None]}},
    {"a": {"$in": [[1, 5], {"b": 1}]}}, {"a": {"$in": [True, 2.0]}}, {"a": {"$nin": [1, None]}},
    {"a": {"$nin": [[], {}]}}, {"lang": {"$in": ["en", "fr"]}}, {"lang": {"$nin": ["en"]}},
    {"a": {"$exists": True}}, {"a": {"$exists": False}}, {"a.b": {"$exists": True}},
    {"a.b": {"$exists": False}}, {"a.5": {"$exists": False}},
    {"a.b": 1}, {"a.b": None}, {"a.b": {"$ne": 1}}, {"a.b": {"$gt": 1}}, {"a.b.c": 3},
    {"a.b.c": 2}, {"a.b.c": 6}, {"a.b.c": None}, {"a.b.c": {"$ne": None}}, {"a.b.c": [2, 3]},
    {"a.b": 4}, {"a.0": 1}, {"a.0": "zero"}, {"a.0": 9}, {"a.1": 5}, {"a.1": 8}, {"a.1.0": 8},
    {"a.0.1": 5}, {"a.00": 1}, {"a.0.b": 1}, {"a.0.b": None}, {"a.1": None}, {"a.b.1.c": 2},
    {"a": {"$not": {"$gt": 1}}}, {"a": {"$not": {"$gt": 1, "$lt": 3}}},
    {"a": {"$not": {"$not": {"$eq": 1}}}}, {"a": {"$not": {"$exists": True}}},
    {"a": {"$gt": 0, "$not": {"$gt": 4}}},
    {"$and": [{"a": 1}, {"lang": "en"}]}, {"$or": [{"a": 1}, {"lang": "EN"}]},
    {"$nor": [{"a": {"$exists": True}}, {"lang": "x"}]}, {"$and": [{}]}, {"$or": [{}, {"a": 1}]},
    {"lang": "en", "year": {"$gte": 2020}}, {"year": {"$gte": 2020}}, {"year": {"$lt": "3"}},
    {"lang": "en", "$or": [{"year": {"$lt": 2020}}, {"year": {"$gt": 2020}}]},
    {"$or": [{"$and": [{"a": 1}, {"year": 2020}]}, {"$nor": [{"a": {"$ne": "z"}}]}]},
]


def deep(levels):
    query = {"a": 1}
    for _ in range(levels):
        query = {"$and": [query]}
    return query


def deep_value(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return {"a": value}


BAD_FILTERS = [
    ("not an object", []), ("a string", "a"), ("null", None),
    ("unknown operator of a field", {"a": {"$gtee": 1}}), ("unknown operator", {"$xor": [{}]}),
    ("regular expressions are not there", {"a": {"$regex": "x"}}),
    ("a field's operator outside of a field", {"$gt": 1}),
    ("a logical operator inside a field", {"a": {"$or": [1, 2]}}),
    ("and of an object", {"$and": {"a": 1}}), ("and of nothing", {"$and": []}),
    ("or of nothing", {"$or": []}), ("or of numbers", {"$or": [1]}),
    ("in of a number", {"a": {"$in": 1}}), ("nin of null", {"a": {"$nin": None}}),
    ("exists of a number", {"a": {"$exists": 1}}), ("not of a value", {"a": {"$not": 1}}),
    ("not of nothing", {"a": {"$not": {}}}), ("not of a field", {"a": {"$not": {"b": 1}}}),
    ("operators among fields", {"a": {"$gt": 1, "b": 2}}),
    ("fields before operators", {"a": {" b": 2, "$gt": 1}}),
    ("greater than a list", {"a": {"$gt": [1]}}), ("less than an object", {"a": {"$lt": {}}}),
    ("a field without a name", {"": 1}), ("a path with an empty step", {"a..b": 1}),
    ("a path that ends in a dot", {"a.": 1}),
    ("an error deep inside", {"$or": [{"a": 1}, {"b": {"$not": {"$is": 1}}}]}),
    ("levels without an end", deep(40)), ("a value of many levels", deep_value(70)),
    ("a path of many steps", {".".join(["a"] * 65): 1}),
]


def filter_cases():
    cases = []
    texts = [json.dumps(d, ensure_ascii=False) for d in DOCUMENTS]
    for query in FILTERS:
        text = json.dumps(query, ensure_ascii=False)
        matches = [i for i, d in enumerate(DOCUMENTS) if filter_holds(d, query)]
        cases.append({"name": text, "inputs": {"filter": text, "documents": texts}, "options": {},
                      "seed": 0, "want": {"matches": matches}, "tolerance": 0.0})
    for name, query in BAD_FILTERS:
        inputs = {"filter": json.dumps(query), "documents": []}
        cases.append({"name": name, "inputs": inputs, "options": {}, "seed": 0,
                      "error": "invalid_argument"})
    cases.append({"name": "not JSON", "inputs": {"filter": "{a: 1}", "documents": []},
                  "options": {}, "seed": 0, "error": "invalid_argument"})
    write("filter_match", "Which documents (JSON texts of their metadata, by position) a filter "
          "(JSON text) lets through.", cases)


# Rank fusion ----------------------------------------------------------------------------------


def fuse_cases():
    cases = []

    def case(name, rankings, options=None, error=None):
        made = {"name": name, "inputs": {"rankings": rankings}, "options": options or {}, "seed": 0}
        if error:
            made["error"] = error
        else:
            k = Fraction((options or {}).get("k", 60))
            scores = {}
            for ranking in rankings:
                for rank, one in enumerate(ranking, 1):
                    scores[one] = scores.get(one, 0) + 1 / (k + rank)
            ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
            made["want"] = {"ids": [one for one, _ in ranked],
                            "scores": [float(s) for _, s in ranked]}
            made["tolerance"] = 1e-6
        cases.append(made)

    rng = random.Random(3)
    case("two lists", [[7, 8, 9], [9, 8]])
    case("one list keeps its order", [[5, 1, 4, 2]])
    case("lists without a common id interleave", [[1, 3, 5], [2, 4, 6]])
    case("mirrored lists tie from outside in", [[4, 3, 2, 1], [1, 2, 3, 4]])
    case("ties of three lists", [[1, 2, 3], [2, 3, 1], [3, 1, 2]])
    case("a small constant favours the first", [[1, 2, 3], [2, 3, 4], [4, 3, 2]], {"k": 1.0})
    case("a fraction for a constant", [[1, 2], [2, 3]], {"k": 0.5})
    case("a large constant counts lists", [[1, 2, 3], [3], [2, 3]], {"k": 100000.0})
    case("no lists", [])
    case("empty lists", [[], []])
    case("an empty list beside another", [[], [3, 1]])
    case("the largest id", [[2**64 - 1, 0], [0]])
    for i in range(4):
        lists = [rng.sample(range(30), rng.randrange(4, 15)) for _ in range(2 + i % 3)]
        case(f"random lists {i}", lists)
    case("a constant of zero", [[1]], {"k": 0.0}, "invalid_argument")
    case("a constant below zero", [[1]], {"k": -1.0}, "invalid_argument")
    case("a constant that is no number", [[1]], {"k": "nan"}, "invalid_argument")
    case("an id twice in a list", [[1, 2], [3, 4, 3]], None, "invalid_argument")
    write("rrf_fuse", "Reciprocal rank fusion of lists of ids: every id once, with its score.", cases)


# Diversity ------------------------------------------------------------------------------------


def mmr_cases():
    cases = []

    def case(name, relevance, vectors, k, options=None, error=None):
        inputs = {"relevance": relevance, "vectors": vectors, "k": k}
        made = {"name": name, "inputs": inputs, "options": options or {}, "seed": 0}
        if error:
            made["error"] = error
            cases.append(made)
            return
        d = (options or {}).get("diversity", 0.3)

        def like(i, j):
            a, b = vectors[i], vectors[j]
            return 0.0 if not any(a) or not any(b) else score("cosine", a, b)

        taken, left = [], list(range(len(relevance)))
        while left and len(taken) < k:
            def value(i):
                if not taken:
                    return relevance[i]
                return (1 - d) * relevance[i] - d * max(like(i, j) for j in taken)
            best = max(left, key=lambda i: (round(value(i), 9), -i))
            values = sorted((value(i) for i in left), reverse=True)
            gap = values[0] - values[1] if len(values) > 1 else 1.0
            assert gap < 1e-9 or gap > 1e-5, f"{name}: too close to call in float32"
            taken.append(best)
            left.remove(best)
        made["want"] = {"order": taken}
        made["tolerance"] = 0.0
        cases.append(made)

    twins = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    case("a twin waits", [0.9, 0.8, 0.7], twins, 3, {"diversity": 0.5})
    case("no diversity keeps the order", [0.9, 0.8, 0.7], twins, 3, {"diversity": 0.0})
    case("no diversity keeps ties by position", [0.5, 0.5, 0.5], twins, 3, {"diversity": 0.0})
    case("the default", [0.9, 0.8, 0.3], twins, 3)
    case("only diversity", [0.9, 0.8, 0.1], twins, 3, {"diversity": 1.0})
    case("opposites are the most diverse", [0.9, 0.5, 0.4], [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], 2,
         {"diversity": 0.75})
    case("fewer asked for", [0.9, 0.8, 0.7], twins, 2, {"diversity": 0.5})
    case("more asked for", [0.9, 0.8, 0.7], twins, 10, {"diversity": 0.5})
    case("lengths do not matter", [0.9, 0.8, 0.7], [[5.0, 0.0], [0.1, 0.0], [0.0, 9.0]], 3,
         {"diversity": 0.5})
    case("zeros are like nothing", [0.9, 0.5, 0.75], [[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]], 3,
         {"diversity": 0.5})
    case("the most relevant comes first", [0.25, 0.875, 0.5], twins, 3, {"diversity": 0.25})
    case("ties go to the smaller position", [0.5, 0.5, 0.5, 0.5],
         [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], 4, {"diversity": 0.5})
    rng = random.Random(11)
    for i, d in enumerate((0.2, 0.5, 0.8)):
        vectors = [[f32(rng.gauss(0, 1)) for _ in range(4)] for _ in range(12)]
        relevance = sorted((f32(rng.random()) for _ in range(12)), reverse=True)
        case(f"random {i}", relevance, vectors, 8, {"diversity": d})
    bad = "invalid_argument"
    case("k of zero", [0.9], [[1.0]], 0, error=bad)
    case("k of 10001", [0.9], [[1.0]], 10001, error=bad)
    case("diversity above one", [0.9], [[1.0]], 1, {"diversity": 1.5}, bad)
    case("diversity below zero", [0.9], [[1.0]], 1, {"diversity": -0.5}, bad)
    case("diversity that is no number", [0.9], [[1.0]], 1, {"diversity": "nan"}, bad)
    case("fewer vectors than relevances", [0.9, 0.8], [[1.0]], 1, error=bad)
    case("nan relevance", ["nan"], [[1.0]], 1, error=bad)
    case("infinite vector", [0.5], [["inf"]], 1, error=bad)
    write("mmr", "Maximal marginal relevance with the cosine as similarity: the positions in the "
          "order in which they are taken.", cases)


dense_cases()
filter_cases()
fuse_cases()
mmr_cases()
