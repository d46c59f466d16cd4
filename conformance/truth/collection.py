"""Truth for searches of a collection: BM25, cosine, filters, both fusions and MMR by the book.

Writes ../collection_search.json, ../collection_calibrate.json and ../collection_write.json. Words are chosen so that each
is its own stem and no stop word; the curves are those of evaluation.py. Slow, pure Python.
"""
import json
import math
import pathlib
import random

from evaluation import grouped, isotonic, platt

HERE = pathlib.Path(__file__).resolve().parent.parent
WORDS = ["moon", "salt", "bread", "iron", "rust", "wolf", "corn", "gold", "lamp", "fish"]
K1, B, RRF_K = 1.2, 0.75, 60


def unit(v):
    n = math.sqrt(sum(x * x for x in v))
    return [x / n for x in v]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def idf(docs, word):
    df = sum(1 for d in docs if d["text"] and word in d["text"].split())
    n = sum(1 for d in docs if d["text"] is not None)
    return math.log(1 + (n - df + 0.5) / (df + 0.5)) if df else 0.0


def bm25(docs, query, doc):
    if doc["text"] is None:
        return 0.0
    texts = [d["text"].split() for d in docs if d["text"] is not None]
    mean = sum(map(len, texts)) / len(texts)
    here = doc["text"].split()
    return sum(
        idf(docs, w) * here.count(w) / (here.count(w) + K1 * (1 - B + B * len(here) / mean)) for w in query.split()
    )


def keep(metadata, flt):
    """Only the forms that these cases use: equality, $gte, $lt, $in, $or."""
    for key, want in (flt or {}).items():
        if key == "$or":
            if not any(keep(metadata, part) for part in want):
                return False
        elif isinstance(want, dict):
            have = metadata.get(key)
            for op, value in want.items():
                good = {
                    "$gte": lambda: have is not None and have >= value,
                    "$lt": lambda: have is not None and have < value,
                    "$in": lambda: have in value,
                }[op]()
                if not good:
                    return False
        elif metadata.get(key) != want:
            return False
    return True


def search(docs, inputs, options):
    mode = options.get("mode", "hybrid")
    k, weight = options.get("k", 10), options.get("bm25_weight", 0.25)
    text, vector = inputs.get("query"), inputs.get("vector")
    if text is None:
        mode = "dense"
    q = unit(vector) if vector else None
    words = text or ""
    bound = sum(idf(docs, w) for w in words.split())
    rows = [d for d in docs if keep(d["metadata"], json.loads(inputs.get("filter") or "{}"))]
    scored = []
    for d in rows:
        lexical = bm25(docs, words, d)
        dense = dot(q, unit(d["vector"])) if q else None
        if mode == "lexical":
            if lexical > 0:
                scored.append([d, lexical, lexical / bound])
        elif mode == "dense":
            scored.append([d, dense, (1 + dense) / 2])
        else:
            score = weight * (lexical / bound if bound else 0) + (1 - weight) * (1 + dense) / 2
            scored.append([d, score, score])
    if mode == "hybrid" and options.get("fusion") == "rrf":
        depth = max(10 * k, 100)
        ranks = {}
        for key in (lambda d: bm25(docs, words, d), lambda d: dot(q, unit(d["vector"]))):
            lexical = key(rows[0]) == bm25(docs, words, rows[0])
            ranking = sorted(rows, key=lambda d: (-key(d), d["id"]))
            if lexical:
                ranking = [d for d in ranking if key(d) > 0]
            for rank, d in enumerate(ranking[:depth]):
                ranks[d["id"]] = ranks.get(d["id"], 0) + 1 / (RRF_K + rank + 1)
        scored = [[d, ranks[d["id"]], ranks[d["id"]] * (RRF_K + 1) / 2] for d in rows if d["id"] in ranks]
    scored.sort(key=lambda s: (-s[1], s[0]["id"]))
    diversity = options.get("diversity", 0)
    if diversity:
        pool, taken = scored[: max(5 * k, 50)], []
        while pool and len(taken) < k:
            def value(s):
                if not taken:
                    return s[2]
                near = max((1 + dot(unit(s[0]["vector"]), unit(t[0]["vector"]))) / 2 for t in taken)
                return (1 - diversity) * s[2] - diversity * near
            best = max(range(len(pool)), key=lambda i: (value(pool[i]), -i))
            taken.append(pool.pop(best))
        scored = taken
    return scored[:k]


def documents(rng, n, dim):
    docs = []
    for i in range(n):
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 9)))
        docs.append({
            "id": f"d{i:02}",
            "text": text,
            "vector": [round(rng.gauss(0, 1), 3) for _ in range(dim)],
            "metadata": {"n": i, "kind": rng.choice(["a", "b", "c"]), "even": i % 2 == 0},
        })
    return docs


def inputs_of(docs, **more):
    return {
        "ids": [d["id"] for d in docs],
        "texts": [d["text"] for d in docs],
        "vectors": [d["vector"] for d in docs],
        "metadata": [json.dumps(d["metadata"]) for d in docs],
        **more,
    }


def search_cases():
    rng = random.Random(17)
    dim = 4
    settings = [
        ("hybrid", {}, None),
        ("hybrid, more words", {"bm25_weight": 0.8, "k": 5}, None),
        ("hybrid, words only", {"bm25_weight": 1.0, "k": 3}, None),
        ("hybrid, vectors only", {"bm25_weight": 0.0, "k": 7}, None),
        ("dense", {"mode": "dense", "k": 4}, None),
        ("lexical", {"mode": "lexical", "k": 10000}, None),
        ("rank fusion", {"fusion": "rrf", "k": 6}, None),
        ("diverse", {"diversity": 0.5, "k": 5}, None),
        ("very diverse", {"diversity": 0.9, "k": 4, "mode": "dense"}, None),
        ("filter by equality", {"k": 20}, {"kind": "b"}),
        ("filter by range", {"mode": "dense"}, {"n": {"$gte": 5, "$lt": 11}}),
        ("filter by list", {"mode": "lexical"}, {"kind": {"$in": ["a", "c"]}}),
        ("filter by either", {"fusion": "rrf"}, {"$or": [{"n": {"$lt": 3}}, {"even": True}]}),
        ("filter that keeps nothing", {}, {"kind": "z"}),
    ]
    cases = []
    for name, options, flt in settings:
        docs = documents(rng, 24, dim)
        while True:
            query = " ".join(rng.sample(WORDS, 2))
            vector = [round(rng.gauss(0, 1), 3) for _ in range(dim)]
            inputs = inputs_of(docs, query=query, vector=vector)
            if flt is not None:
                inputs["filter"] = json.dumps(flt)
            if options.get("mode") == "lexical":
                del inputs["vector"]
            if options.get("mode") == "dense":
                del inputs["query"]
            found = search(docs, inputs, options)
            gaps = [abs(a[1] - b[1]) for a, b in zip(found, found[1:])]
            if all(g > 1e-4 for g in gaps) or options.get("fusion") == "rrf" or options.get("mode") == "lexical":
                break
        if options.get("mode") == "lexical" or options.get("fusion") == "rrf":
            # Equal scores are welcome here: they are broken by id.
            found = [[s[0], round(s[1], 12), s[2]] for s in found]
        want = {"ids": [s[0]["id"] for s in found], "scores": [s[1] for s in found]}
        cases.append({"name": name, "inputs": inputs, "options": options, "want": want, "tolerance": 1e-5})
    docs = documents(rng, 3, dim)
    base = inputs_of(docs, query="moon", vector=[1, 0, 0, 0])
    bad = [
        ("k of 0", {}, {"k": 0}, "invalid_argument"),
        ("k too large", {}, {"k": 1000000000}, "invalid_argument"),
        ("weight above 1", {}, {"bm25_weight": 1.5}, "invalid_argument"),
        ("diversity below 0", {}, {"diversity": -0.1}, "invalid_argument"),
        ("min_relevance without a calibration", {}, {"min_relevance": 0}, "invalid_argument"),
        ("min_relevance above 1", {}, {"min_relevance": 1.5}, "invalid_argument"),
        ("unknown mode", {}, {"mode": "sparse"}, "invalid_argument"),
        ("unknown fusion", {}, {"fusion": "sum"}, "invalid_argument"),
        ("a vector of another dimension", {"vector": [1, 0]}, {}, "dimension_mismatch"),
        ("a vector of zeros", {"vector": [0, 0, 0, 0]}, {}, "invalid_argument"),
        ("a vector with a NaN", {"vector": [1, "nan", 0, 0]}, {}, "invalid_argument"),
        ("an unknown operator", {"filter": '{"n": {"$near": 1}}'}, {}, "invalid_argument"),
        ("a filter that is no object", {"filter": "[1]"}, {}, "invalid_argument"),
    ]
    for name, inputs, options, error in bad:
        cases.append({"name": name, "inputs": {**base, **inputs}, "options": options, "error": error})
    return cases


def calibrate_cases():
    """Judged queries are searched alike; then one more query is asked, with a probability for each hit."""
    rng = random.Random(23)
    dim = 3
    settings = [
        ("a sigmoid", {}, {}, {}),
        ("steps", {"method": "isotonic"}, {"k": 12}, {"k": 12}),
        ("a threshold", {"method": "platt"}, {"bm25_weight": 0.6}, {"bm25_weight": 0.6, "min_relevance": 0.4}),
        ("a threshold on steps", {"method": "isotonic"}, {"k": 14}, {"k": 8, "min_relevance": 0.5}),
        ("a threshold that nothing reaches", {"method": "platt"}, {}, {"min_relevance": 1.0}),
        ("dense", {"method": "platt"}, {"mode": "dense", "k": 6}, {"mode": "dense", "k": 20}),
        ("lexical", {"method": "platt"}, {"mode": "lexical", "k": 30}, {"mode": "lexical", "k": 4}),
        ("rank fusion", {"method": "platt"}, {"fusion": "rrf", "k": 20}, {"fusion": "rrf", "k": 20}),
        ("with diversity the score decides", {"method": "platt"}, {}, {"diversity": 0.6, "k": 6}),
    ]
    cases = []
    for name, options, common, ask in settings:
        while True:
            docs = documents(rng, 20, dim)
            asked = [
                {
                    "query": " ".join(rng.sample(WORDS, 2)),
                    "vector": [round(rng.gauss(0, 1), 3) for _ in range(dim)],
                }
                for _ in range(6)
            ]
            *judged, last = asked
            pairs, grades = [], []
            for query in judged:
                # Grades lean towards the documents that lie in the question's direction; some documents are not judged.
                near = {d["id"]: dot(unit(query["vector"]), unit(d["vector"])) for d in docs}
                of = {id: int(rng.random() < 0.5 + 0.5 * s) * rng.randint(1, 3) for id, s in near.items() if rng.random() < 0.7}
                grades.append(of)
                pairs += [(s[1], float(of.get(s[0]["id"], 0) > 0)) for s in search(docs, query, common)]
            pairs = [(round(score, 12), label) for score, label in pairs]
            fit = isotonic if options.get("method") == "isotonic" else platt
            at = fit(grouped([p[0] for p in pairs], [p[1] for p in pairs], [1.0] * len(pairs)))
            found = [[s[0]["id"], round(s[1], 12), at(s[1])] for s in search(docs, last, ask)]
            least = ask.get("min_relevance", 0.0)
            # A score is rounded to 32 bits, which must not decide anything here.
            sure = all(abs(at(s[1] + e) - s[2]) < 1e-4 for s in found for e in (-5e-7, 5e-7))
            gaps = [abs(a[1] - b[1]) for a, b in zip(found, found[1:])]
            apart = all(g > 1e-4 for g in gaps) or "fusion" in ask or ask.get("mode") == "lexical"
            kept = [s for s in found if s[2] >= least]
            told = len(kept) < len(found) if least else len({round(s[2], 3) for s in found}) > 2
            if sure and apart and told and all(abs(s[2] - least) > 1e-3 for s in found):
                break
        inputs = {
            "ids": [d["id"] for d in docs],
            "texts": [d["text"] for d in docs],
            "vectors": [d["vector"] for d in docs],
            "query_ids": [f"q{i}" for i in range(len(judged))],
            "query_texts": [q["query"] for q in judged],
            "query_vectors": [q["vector"] for q in judged],
            "queries": [f"q{i}" for i in range(len(judged))],
            "documents": [list(of) for of in grades],
            "grades": [list(of.values()) for of in grades],
            "search": common, "query": last["query"], "vector": last["vector"], "ask": ask,
        }
        want = {"ids": [s[0] for s in kept], "scores": [s[1] for s in kept], "relevance": [s[2] for s in kept]}
        cases.append({"name": name, "inputs": inputs, "options": options, "want": want, "tolerance": 3e-4})
    small = cases[0]["inputs"]
    lists = {key: small[key][:4] for key in ("ids", "texts", "vectors")}
    good = small | lists | {"documents": [small["ids"][:2]] * 5, "grades": [[1, 0]] * 5}
    bad = [
        ("no queries", {"query_ids": [], "query_texts": [], "query_vectors": [], "queries": [], "documents": [], "grades": []}, {}),
        ("a query that was not judged", {key: good[key][:4] for key in ("queries", "documents", "grades")}, {}),
        ("a judged query that is not asked", {key: good[key][:4] for key in ("query_ids", "query_texts", "query_vectors")}, {}),
        ("nothing relevant", {"grades": [[0] * len(row) for row in good["grades"]]}, {}),
        ("nothing irrelevant", {"documents": [good["ids"]] * 5, "grades": [[1] * 4] * 5}, {}),
        ("k of 0", {"search": {"k": 0}}, {}),
        ("an unknown method", {}, {"method": "beta"}),
        ("one fold", {}, {"folds": 1}),
        ("a threshold for another mode", {"ask": {"mode": "dense", "min_relevance": 0.1}}, {}),
        ("a threshold for another weight", {"ask": {"bm25_weight": 0.31, "min_relevance": 0.1}}, {}),
        ("a threshold above 1", {"ask": {"min_relevance": 1.01}}, {}),
    ]
    for name, inputs, options in bad:
        cases.append({"name": name, "inputs": {**good, **inputs}, "options": options, "error": "invalid_argument"})
    return cases


def ndcg(ids, grades, k):
    gains = [max(grades.get(i, 0.0), 0.0) for i in ids[:k]]
    best = sorted((g for g in grades.values() if g > 0), reverse=True)[:k]
    def worth(list):
        return sum(g / math.log2(rank + 2) for rank, g in enumerate(list))
    return worth(gains) / worth(best)


def tune_cases():
    """What each arm of a bandit over weights would have earned, by a search for each."""
    rng = random.Random(23)
    cases = []
    settings = [
        ("eleven weights", [i / 10 for i in range(11)], {"k": 5}),
        ("many weights", [i / 40 for i in range(41)], {"k": 3}),
        ("one weight", [0.4], {"k": 5}),
        ("the ends alone", [0.0, 1.0], {}),
        ("weights in no order", [0.9, 0.1, 0.5], {"k": 4}),
        ("with diversity", [0.0, 0.3, 0.6, 1.0], {"k": 4, "diversity": 0.5}),
        ("with a filter", [i / 10 for i in range(11)], {"k": 5, "filter": True}),
        ("the first hit alone", [i / 10 for i in range(11)], {"k": 1}),
    ]
    for name, arms, asked in settings:
        docs = documents(rng, 24, 4)
        inputs = inputs_of(docs, query=" ".join(rng.sample(WORDS, 3)), vector=[round(rng.gauss(0, 1), 3) for _ in range(4)])
        if asked.pop("filter", False):
            inputs["filter"] = json.dumps({"kind": {"$in": ["a", "b"]}})
        chosen = rng.sample([d["id"] for d in docs], 4)
        grades = dict(zip(chosen, [2.0, 1.0, 1.0, 0.0])) | {"gone": 1.0}
        rewards = []
        for arm in arms:
            found = search(docs, inputs, asked | {"bm25_weight": arm})
            rewards.append(ndcg([s[0]["id"] for s in found], grades, asked.get("k", 10)))
        inputs |= {"arms": arms, "relevant": list(grades), "grades": list(grades.values())}
        cases.append({"name": name, "inputs": inputs, "options": asked, "want": {"rewards": rewards}, "tolerance": 1e-6})
    good = {k: v for k, v in cases[0]["inputs"].items() if k != "metadata"}
    bad = [
        ("nothing relevant", good | {"grades": [0.0] * 5}, {}),
        ("nothing judged", good | {"relevant": [], "grades": []}, {}),
        ("a document twice", good | {"relevant": ["d01", "d01"], "grades": [1.0, 1.0]}, {}),
        ("a grade beyond all", good | {"relevant": ["d01"], "grades": [1e9]}, {}),
        ("weights above 1", good | {"arms": [0.5, 1.5]}, {}),
        ("a weight of the question's own", good, {"bm25_weight": 0.5}),
        ("ranks have no weight", good, {"fusion": "rrf"}),
        ("vectors alone have no weight", good, {"mode": "dense"}),
    ]
    for name, inputs, options in bad:
        cases.append({"name": name, "inputs": inputs, "options": options, "error": "invalid_argument", "tolerance": 0})
    return cases


def write_cases():
    """Adds to, upserts into or deletes from a collection of two documents, then lists its ids."""
    start = {
        "ids": ["a", "b"], "texts": ["moon", "salt"], "vectors": [[1, 0], [0, 1]],
        "metadata": ['{"n": 1}', '{"n": 2}'],
    }

    def case(name, verb, more, want=None, error=None):
        inputs = {**start, "verb": verb, **more}
        end = {"want": {"ids": want}} if error is None else {"error": error}
        return {"name": name, "inputs": inputs, "options": {}, **end}

    def put(ids, vectors, texts=None, metadata=None):
        more = {"more_ids": ids, "more_vectors": vectors}
        if texts is not None:
            more["more_texts"] = texts
        if metadata is not None:
            more["more_metadata"] = metadata
        return more

    return [
        case("add", "add", put(["c"], [[1, 1]], ["bread"]), ["a", "b", "c"]),
        case("add nothing", "add", put([], []), ["a", "b"]),
        case("add an id that is here", "add", put(["c", "a"], [[1, 1], [1, 2]]), error="already_exists"),
        case("add an id twice", "add", put(["c", "c"], [[1, 1], [1, 2]]), error="invalid_argument"),
        case("add an empty id", "add", put([""], [[1, 1]]), error="invalid_argument"),
        case("add a vector of zeros", "add", put(["c"], [[0, 0]]), error="invalid_argument"),
        case("add a NaN", "add", put(["c", "d"], [[1, 1], ["nan", 1]]), error="invalid_argument"),
        case("add an infinity", "add", put(["c"], [["-inf", 1]]), error="invalid_argument"),
        case("add another dimension", "add", put(["c"], [[1, 1, 1]]), error="dimension_mismatch"),
        case("add fewer texts than ids", "add", put(["c", "d"], [[1, 1], [1, 2]], ["x"]), error="invalid_argument"),
        case("upsert moves a document to the end", "upsert", put(["a"], [[1, 1]], ["corn"]), ["b", "a"]),
        case("upsert adds what is new", "upsert", put(["c", "a"], [[1, 1], [0, 2]]), ["b", "c", "a"]),
        case("delete", "delete", {"more_ids": ["a", "z"]}, ["b"]),
        case("delete everything", "delete", {"more_ids": ["b", "a", "b"]}, []),
        case("delete by filter", "delete_where", {"filter": '{"n": {"$gte": 2}}'}, ["a"]),
        case("delete by a broken filter", "delete_where", {"filter": '{"n": {"$gte": }'}, error="invalid_argument"),
        case("replace one by two", "replace", {"removed": ["a", "z"]} | put(["c", "d"], [[1, 1], [1, 2]]), ["b", "c", "d"]),
        case("replace one by itself", "replace", {"removed": ["a"]} | put(["a"], [[1, 1]]), ["b", "a"]),
        case("replace by a broken filter", "replace", {"filter": '{"n": {"$lte": 1}'} | put(["c"], [[1, 1]]), error="invalid_argument"),
        case("replace what a filter keeps", "replace", {"filter": '{"n": {"$lte": 1}}'} | put(["c"], [[1, 1]]), ["b", "c"]),
        case("replace everything by nothing", "replace", {"removed": ["a", "b"]} | put([], []), []),
        case("replace by an id that stays", "replace", {"removed": ["a"]} | put(["b"], [[1, 1]]), error="already_exists"),
        case("replace by a NaN", "replace", {"removed": ["a"]} | put(["c"], [["nan", 1]]), error="invalid_argument"),
    ]


def write(operation, about, cases):
    data = {"operation": operation, "about": about, "truth": "truth/collection.py", "cases": cases}
    (HERE / f"{operation}.json").write_text(json.dumps(data, indent=1) + "\n")


write("collection_search", "A collection in memory with the caller's own vectors, asked one question. Metadata and the "
      "filter are JSON texts. The order of ids is exact; scores compare by the tolerance.", search_cases())
write("collection_calibrate", "A collection in memory is calibrated by judged queries, each searched with the options of "
      "\"search\"; then it is asked one question with those of \"ask\". The order of ids is exact.", calibrate_cases())
write("collection_write", "A change of a collection of two documents, then the ids in order. After an error the two "
      "documents must be there as before.", write_cases())
write("collection_tune", "A question is asked with a weight that a bandit over the arms chooses; then it is said which documents "
      "are relevant, and every arm is paid what a search with it earns in nDCG.", tune_cases())
