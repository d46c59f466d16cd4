"""Slow truth for measures of answers and lists, rewards, and domains.

Standard library only. Run from anywhere: it writes ../<operation>.json beside this folder.
Sentences are given as lists, so that nothing here cuts texts; syllables were counted by ear
(syllables.txt); the longest common subsequence is its recurrence; the best order of alpha-nDCG is
found by trying every document at every rank; domains are learnt anew without each example, and
their two numbers are found by bisection of derivatives inside a golden section search.
"""

import json
import math
import pathlib
import random
import re

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
    doc = {"operation": operation, "about": about, "truth": "truth/measures.py", "cases": cases}
    lines = ",\n  ".join(json.dumps(c) for c in doc.pop("cases"))
    head = json.dumps(doc, indent=1)[:-2]
    (HERE.parent / f"{operation}.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')


# ---- groundedness -------------------------------------------------------------------------

WORD = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z]+|[.,][0-9]+)*")
SPELLED = {w: str(n) for n, w in enumerate(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen".split(), 2)}
SPELLED |= dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), "20 30 40 50 60 70 80 90".split()))
SPELLED |= {"hundred": "100", "thousand": "1000"}


def token(word):
    word = re.sub(r"'s$", "", word.lower())
    if re.fullmatch(r"[0-9][0-9.,]*", word):
        word = word.replace(",", "")
        if word.count(".") == 1:
            word = re.sub(r"\.?0*$", "", word)
    return word


def tokens(sentence):
    return [t for t in map(token, WORD.findall(sentence)) if t not in ("a", "an", "the")]


def facts(sentence):
    written = WORD.findall(sentence)
    long = [w for w in written if len(w) > 3]
    headline = len(long) >= 3 and all(w[0].isupper() for w in long)
    found = []
    for i, word in enumerate(written):
        t = token(word)
        named = any(c.isupper() for c in word[1:]) or (i > 0 and word[0].isupper())
        if t in SPELLED:
            found.append(SPELLED[t])
        elif any(c.isdigit() for c in t):
            found.append(t)
        elif named and not headline and word != "I" and not word.startswith("I'") and t not in ("a", "an", "the"):
            found.append(t)
    return found


def lcs(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def grounded(answer, passages):
    """`answer` and each passage are lists of sentences."""
    rows, starts, at = [], [], 0
    for sentence in answer:
        starts.append(at)
        at += len(sentence) + 1
        said = tokens(sentence)
        best = None
        for j, passage in enumerate(passages):
            parts = [tokens(s) for s in passage]
            n = min(3, len(parts))
            windows = [sum(parts[i : i + n], []) for i in range(len(parts) - n + 1)]
            rouge = max((lcs(said, w) for w in windows), default=0) / len(said)
            known = set(sum(parts, []))
            known |= {d for w, d in (SPELLED | {"one": "1"}).items() if w in known}
            differs = any(f not in known for f in facts(sentence))
            score = min(rouge, 0.3) if differs else rouge
            if best is None or score > best["score"]:
                best = {"passage": j, "rouge_l": rouge, "differs": differs, "score": score}
        rows.append(best or {"passage": None, "rouge_l": 0.0, "differs": False, "score": 0.0})
    said, have = sum(map(tokens, answer), []), sum((tokens(s) for p in passages for s in p), [])
    known = sum(min(said.count(t), have.count(t)) for t in set(said))
    n = len(rows)
    return {
        "score": sum(r["score"] for r in rows) / n,
        "coverage": sum(r["score"] >= 0.5 for r in rows) / n,
        "k_precision": known / len(said),
        "starts": starts,
        "ends": [s + len(t) for s, t in zip(starts, answer)],
        "passages": [-1 if r["passage"] is None else r["passage"] for r in rows],
        "rouge_l": [r["rouge_l"] for r in rows],
        "differs": [int(r["differs"]) for r in rows],
        "scores": [r["score"] for r in rows],
    }


BRIDGE = ["The Harbour Bridge was opened in 1932.", "It is 1,149 metres long and carries eight lanes of traffic.", "About 160,000 vehicles cross it each day."]
YEAST = ["Yeast eats sugar and gives off gas.", "The gas makes the dough rise.", "Bakers let it rest for two hours.", "Warm dough rises faster than cold dough."]
CURIE = ["Marie Curie won the Nobel Prize in 1903.", "She was born in Warsaw and moved to Paris in 1891."]


def grounded_case(name, answer, passages):
    inputs = {"answer": " ".join(answer), "passages": [" ".join(p) for p in passages]}
    return case(name, inputs, grounded(answer, passages))


def grounded_cases():
    all_three = [BRIDGE, YEAST, CURIE]
    cases = [
        grounded_case("said word by word", BRIDGE[:1], all_three),
        grounded_case("a number written another way", ["It is 1149 metres long."], all_three),
        grounded_case("a wrong number", ["It is 1419 metres long and carries eight lanes of traffic."], all_three),
        grounded_case("a number spelled out", ["It carries 8 lanes of traffic.", "Bakers let it rest for 2 hours."], all_three),
        grounded_case("a wrong spelled number", ["Bakers let it rest for three hours."], all_three),
        grounded_case("a wrong name", ["Marie Curie won the Nobel Prize in Berlin."], all_three),
        grounded_case("a wrong first name where a sentence begins", ["Pierre Curie won the Nobel Prize in 1903."], all_three),
        grounded_case("two sentences, one of them invented", ["The gas makes the dough rise.", "Salt slows it down a lot."], all_three),
        grounded_case("across two sentences of a passage", ["Yeast gives off gas that makes dough rise."], all_three),
        grounded_case("across four sentences of a passage", ["Yeast makes bakers faster."], all_three),
        grounded_case("no passage", ["Yeast eats sugar.", "Bread is good."], []),
        grounded_case("the first of equal passages", ["Yeast eats sugar."], [YEAST, YEAST]),
        grounded_case("possession", ["The bridge's lanes carry traffic.", "Curie's prize was won in 1903."], all_three),
        grounded_case("a name at the beginning counts nothing", ["Berlin has many lanes of traffic."], all_three),
        grounded_case("capitals inside a word do", ["NASA has eight lanes of traffic."], all_three),
        grounded_case("one more decimal", ["It weighs 5.50 tons."], [["The scale said 5.5 tons."]]),
        grounded_case("words twice in the answer", ["Sugar sugar sugar gas."], [YEAST]),
        grounded_case("a headline names nothing", ["Yeast Makes Dough Rise."], [["Yeast makes dough rise."]]),
    ]
    vocabulary = "yeast sugar gas dough rise warm cold bakers rest hours bread salt water".split()
    for i in range(6):
        def sentence():
            return " ".join(rng.choice(vocabulary) for _ in range(rng.randint(3, 12))).capitalize() + "."
        passages = [[sentence() for _ in range(rng.randint(1, 6))] for _ in range(3)]
        cases.append(grounded_case(f"words at random {i}", [sentence() for _ in range(3)], passages))
    cases += [
        case("no words", {"answer": " ... ", "passages": ["a"]}, error="invalid_argument"),
        case("nothing", {"answer": "", "passages": []}, error="invalid_argument"),
    ]
    return cases


# ---- readability --------------------------------------------------------------------------

def by_ear():
    found = {}
    for line in (HERE / "syllables.txt").read_text().splitlines()[1:]:
        count, _, words = line.partition(":")
        found |= dict.fromkeys(words.split(), int(count))
    return found


EAR = by_ear()
# Counted by hand, word by word.
TEXTS = [
    ("one short sentence", [("The cat sat on the mat.", 6, 6)]),
    ("two", [("The cat sat on the mat.", 6, 6), ("It was warm.", 3, 3)]),
    ("longer words", [("The university evaluated its responsibility.", 5, 5 + 1 + 5 + 1 + 6)]),
    ("an abbreviation and a number", [("Dr. Smith paid 3 dollars.", 5, 1 + 1 + 1 + 1 + 2)]),
    ("a letter by letter word", [("The BBC asked.", 3, 1 + 3 + 1)]),
    ("a list of short words", [("Go on and see it now.", 6, 6)]),
    ("a hard sentence", [("Comprehensive information about biological variability is necessary.", 7, 4 + 4 + 2 + 5 + 6 + 1 + 4)]),
    ("contractions", [("They couldn't and we won't.", 5, 1 + 2 + 1 + 1 + 1)]),
    ("a question and a shout", [("Is it?", 2, 2), ("No!", 1, 1)]),
]


def read(parts):
    sentences, words, syllables = len(parts), sum(p[1] for p in parts), sum(p[2] for p in parts)
    a, b = words / sentences, syllables / words
    return {
        "grade": 0.39 * a + 11.8 * b - 15.59, "ease": 206.835 - 1.015 * a - 84.6 * b,
        "words_per_sentence": a, "syllables_per_word": b,
        "sentences": sentences, "words": words, "syllables": syllables,
    }


def readability_cases():
    cases = [case(name, {"text": " ".join(p[0] for p in parts)}, read(parts)) for name, parts in TEXTS]
    words = sorted(w for w in EAR if "'" not in w)
    for i in range(0, len(words), 40):
        some = words[i : i + 40]
        # One sentence: small letters, a full stop at the end.
        text = " ".join(w.lower() for w in some) + "."
        count = sum(EAR[w] for w in some)
        cases.append(case(f"words by ear from {some[0]}", {"text": text}, read([(text, len(some), count)])))
    cases += [case("no words", {"text": "?!"}, error="invalid_argument"), case("nothing", {"text": ""}, error="invalid_argument")]
    return cases


# ---- variety ------------------------------------------------------------------------------

def gains(order, about, alpha, k):
    seen, found = {}, 0.0
    for rank, document in enumerate(order[:k]):
        gain = sum((1 - alpha) ** seen.get(t, 0) for t in about.get(document, ()))
        for t in about.get(document, ()):
            seen[t] = seen.get(t, 0) + 1
        found += gain / math.log2(rank + 2)
    return found


def ideal(about, alpha):
    order, seen = [], {}
    while len(order) < len(about):
        left = sorted(d for d in about if d not in order)
        best = max(left, key=lambda d: sum((1 - alpha) ** seen.get(t, 0) for t in about[d]))
        for t in about[best]:
            seen[t] = seen.get(t, 0) + 1
        order.append(best)
    return order


def variety(name, ranking, about, **options):
    alpha, k = options.get("alpha", 0.5), options.get("k", 10)
    value = gains(ranking, about, alpha, k) / gains(ideal(about, alpha), about, alpha, k)
    inputs = {"ranking": ranking, "documents": list(about), "subtopics": list(about.values())}
    return case(name, inputs, {"value": value}, options=options)


def variety_cases():
    about = {"a": ["price"], "b": ["price"], "c": ["safety"], "d": ["safety", "price", "speed"], "e": []}
    cases = [
        variety("the best first", ["d", "a", "c", "b"], about),
        variety("the same twice first", ["a", "b", "c", "d"], about),
        variety("documents that nobody knows", ["x", "a", "y", "d"], about),
        variety("every subtopic counts once", ["a", "b", "d"], about, alpha=1.0),
        variety("novelty is nothing", ["a", "b", "d"], about, alpha=0.0),
        variety("cut off", ["e", "d", "a"], about, k=1),
        variety("nothing found", [], about),
        variety("only what is about nothing", ["e"], about),
    ]
    for i in range(8):
        names = [f"d{j}" for j in range(rng.randint(3, 12))]
        about = {n: rng.sample(["p", "q", "r", "s", "t"], rng.randint(0, 4)) for n in names}
        about[names[0]] = ["p"]
        ranking = rng.sample(names, rng.randint(1, len(names)))
        cases.append(variety(f"at random {i}", ranking, about, alpha=round(rng.random(), 2), k=rng.randint(1, 8)))
    one = {"ranking": ["a"], "documents": ["a"], "subtopics": [["x"]]}
    bad = [
        ("a document twice", one | {"ranking": ["a", "a"]}, {}),
        ("a subtopic twice", one | {"subtopics": [["x", "x"]]}, {}),
        ("about nothing", one | {"subtopics": [[]]}, {}),
        ("alpha above 1", one, {"alpha": 1.5}),
        ("alpha that is no number", one, {"alpha": math.nan}),
        ("no rank", one, {"k": 0}),
    ]
    return cases + [case(n, i, error="invalid_argument", options=o) for n, i, o in bad]


def distance(rows):
    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b)) / math.hypot(*a) / math.hypot(*b)
    pairs = [1 - cosine(rows[i], rows[j]) for i in range(len(rows)) for j in range(i)]
    return sum(pairs) / len(pairs) if pairs else 0.0


def distance_cases():
    lists = [
        ("the same direction", [[1.0, 2.0], [2.0, 4.0]]),
        ("across", [[1.0, 0.0], [0.0, 3.0]]),
        ("opposite", [[1.0, 0.0], [-2.0, 0.0]]),
        ("one", [[1.0, 1.0]]),
        ("three ways", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]]),
    ]
    for i in range(5):
        lists.append((f"at random {i}", [[rng.randint(-8, 8) / 4 or 0.25 for _ in range(4)] for _ in range(3 * i + 2)]))
    cases = [case(n, {"vectors": v}, {"value": distance(v)}, tolerance=1e-7) for n, v in lists]
    cases += [
        case("a vector of zeros", {"vectors": [[0.0, 0.0], [1.0, 0.0]]}, error="invalid_argument"),
        case("no number", {"vectors": [[math.nan, 0.0], [1.0, 0.0]]}, error="invalid_argument"),
    ]
    return cases


# ---- rewards ------------------------------------------------------------------------------

def reward(name, weights, measured, limits=None):
    limits = dict(limits or {})
    known = weights or {"groundedness": 0.5, "recall": 0.4, "cost": 0.1}
    if "cost" in known:
        limits.setdefault("cost", 0.01)
    worth = {n: max(0.0, 1 - x / limits[n]) if n in limits else x for n, x in measured.items()}
    value = sum(known[n] * w for n, w in worth.items()) / sum(known[n] for n in worth)
    return case(name, rewarded(weights, measured, limits), {"value": value})


def rewarded(weights, measured, limits=None):
    limits = limits or {}
    return {
        "parts": list(weights), "weights": list(weights.values()),
        "limited": list(limits), "limits": list(limits.values()),
        "measured": list(measured), "values": list(measured.values()),
    }


def reward_cases():
    usual = {"groundedness": 0.5, "recall": 0.4, "cost": 0.1}
    cases = [
        reward("the usual three", usual, {"groundedness": 0.8, "recall": 0.5, "cost": 0.002}),
        reward("no weights", {}, {"groundedness": 0.8, "recall": 0.5, "cost": 0.002}),
        reward("a part is missing", usual, {"groundedness": 0.8, "cost": 0.002}),
        reward("one part alone", usual, {"recall": 0.25}),
        reward("as dear as may be", usual, {"groundedness": 1.0, "recall": 1.0, "cost": 0.01}),
        reward("dearer than that", usual, {"groundedness": 1.0, "recall": 1.0, "cost": 5.0}),
        reward("a limit of one's own", usual, {"groundedness": 1.0, "cost": 1.0}, {"cost": 4.0}),
        reward("parts of one's own", {"clicked": 7, "latency": 3}, {"clicked": 1.0, "latency": 0.5}, {"latency": 2.0}),
        reward("a part without weight", {"a": 1.0, "b": 0.0}, {"a": 0.3, "b": 1.0}),
        reward("nothing spent", {"cost": 2.0}, {"cost": 0.0}),
    ]
    bad = [
        ("above 1", usual, {"recall": 1.2}, {}), ("below 0", usual, {"recall": -0.1}, {}),
        ("no number", usual, {"recall": math.nan}, {}), ("a cost of no number", usual, {"cost": math.nan}, {}),
        ("an endless cost", usual, {"cost": math.inf}, {}), ("a negative cost", usual, {"cost": -1.0}, {}),
        ("an unknown part", usual, {"speed": 1.0}, {}), ("nothing measured", usual, {}, {}),
        ("only a part without weight", {"a": 1.0, "b": 0.0}, {"b": 1.0}, {}),
        ("a negative weight", {"a": -1.0, "b": 2.0}, {"a": 1.0}, {}), ("weights of nothing", {"a": 0.0}, {"a": 1.0}, {}),
        ("a weight of no number", {"a": math.nan}, {"a": 1.0}, {}), ("a limit of nothing", usual, {"cost": 0.1}, {"cost": 0.0}),
        ("a limit of no part", usual, {"cost": 0.1}, {"speed": 1.0}), ("a part without a name", {"": 1.0}, {"": 1.0}, {}),
    ]
    return cases + [case(n, rewarded(w, m, l), error="invalid_argument") for n, w, m, l in bad]


# ---- domains ------------------------------------------------------------------------------

def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def unit(v):
    n = math.sqrt(dot(v, v))
    return [x / n for x in v] if n else list(v)


def mean(rows):
    return [sum(c) / len(rows) for c in zip(*rows)]


def prototypes(domains, spread):
    """Directions and starts from lists of unit vectors."""
    means = [mean(rows) for rows in domains]
    common = [sum(c) / (len(domains) + 1) for c in zip(*means)]
    made = []
    for rows, m in zip(domains, means):
        f = len(rows) / (len(rows) + spread)
        made.append([f * (x - g) for x, g in zip(m, common)])
    return common, made


def scores(x, common, made):
    return [dot([a - g for a, g in zip(x, common)], w) - dot(w, w) / 2 for w in made]


def the_spread(domains):
    k, n = len(domains), sum(map(len, domains))
    if k < 2 or n < k + 1:
        return 4.0
    means = [mean(rows) for rows in domains]
    within = sum(1 - dot(m, m) for m, rows in zip(means, domains) for _ in rows) / (n - k)
    within = max(within, 0.0)
    middle = mean(means)
    apart = sum(dot([a - b for a, b in zip(m, middle)], [a - b for a, b in zip(m, middle)]) for m in means) / (k - 1)
    between = max(apart - within * sum(1 / len(rows) for rows in domains) / k, within / 100)
    return min(max(within / between, 0.1), 100.0) if between > 0 else 4.0


def softmax(logits):
    top = max(logits)
    e = [math.exp(x - top) for x in logits]
    return [x / sum(e) for x in e]


def fitted(domains, background):
    spread, k = the_spread(domains), len(domains)
    known, none = [], []
    for d, rows in enumerate(domains):
        for i, x in enumerate(rows):
            if len(rows) > 1:
                less = [r[:i] + r[i + 1 :] if e == d else r for e, r in enumerate(domains)]
                known.append((scores(x, *prototypes(less, spread)), d, 1 / len(rows)))
            if k > 1:
                others = [r for e, r in enumerate(domains) if e != d]
                none.append((scores(x, *prototypes(others, spread)), None, 1 / len(rows)))
    total = len(known) or 1.0
    judged = [(s, d, w * total * (1 - background) / sum(x[2] for x in known)) for s, d, w in known]
    judged += [(s, d, w * total * background / sum(x[2] for x in none)) for s, d, w in none]

    def loss(a, c):
        value = ((a - 60) / 60) ** 2 / 2 + (c / 2) ** 2 / 2
        for s, d, w in judged:
            p = softmax([a * x for x in s] + [c])
            value -= w * math.log(max(p[-1 if d is None else d], 1e-300))
        return value

    def best_c(a):
        low, high = -60.0, 60.0
        for _ in range(80):
            c = (low + high) / 2
            slope = c / 4 + sum(w * (softmax([a * x for x in s] + [c])[-1] - (d is None)) for s, d, w in judged)
            low, high = (c, high) if slope < 0 else (low, c)
        return low

    low, high, ratio = 1.0, 600.0, (math.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a, best_c(a)) < loss(b, best_c(b)) else (a, high)
    a = (low + high) / 2
    return spread, a, best_c(a)


def detected(name, domains, at, **options):
    names = sorted(domains)
    rows = [[unit(v) for v in domains[n]] for n in names]
    spread, a, c = fitted(rows, options.get("background", 0.2))
    common, made = prototypes(rows, spread)
    probabilities = [softmax([a * s for s in scores(unit(x), common, made)] + [c]) for x in at]
    best = [max(range(len(names) + 1), key=lambda i: (p[i], i == len(names))) for p in probabilities]
    want = {
        "domains": ["" if b == len(names) else names[b] for b in best],
        "probabilities": [p[:-1] for p in probabilities],
        "none": [p[-1] for p in probabilities],
    }
    inputs = {"names": list(domains), "examples": list(domains.values()), "at": at}
    return case(name, inputs, want, options=options, tolerance=2e-4)


def near(centre, n, width):
    return [[round(x + width * rng.gauss(0, 1), 3) for x in centre] for _ in range(n)]


def detect_cases():
    centres = {"health": [1, 0.2, 0, 0.5, 0, 0.1], "finance": [0, 1, 0.4, 0, 0.2, 0.3], "code": [0.2, 0, 1, 0, 0.9, 0]}
    strange = [[-0.3, -0.2, 0.1, 0.2, 0.1, 1.0], [0.0, 0.0, 0.0, -1.0, -0.2, 0.1], [0.0] * 6]
    at = [near(c, 1, 0.2)[0] for c in centres.values()] + strange
    def some(n, width=0.25, names=tuple(centres)):
        return {name: near(centres[name], n, width) for name in names}
    cases = [
        detected("three domains, eight examples each", some(8), at),
        detected("three domains, two examples each", some(2), at),
        detected("one line each", some(1, 0.05), at),
        detected("two domains", some(6, names=("health", "code")), at),
        detected("one domain", some(6, names=("finance",)), at),
        detected("one domain, one line", some(1, names=("finance",)), at),
        detected("one line beside many examples", some(9, names=("health", "finance")) | some(1, names=("code",)), at),
        detected("much is expected to be none", some(6), at, background=0.6),
        detected("little is expected to be none", some(6), at, background=0.01),
        detected("examples that spread", some(10, 0.8), at),
    ]
    good = {"names": ["a"], "examples": [[[1.0, 0.0]]], "at": [[1.0, 0.0]]}
    bad = [
        ("no domain", good | {"names": [], "examples": []}, {}, "invalid_argument"),
        ("no example", good | {"examples": [[]]}, {}, "invalid_argument"),
        ("no name", good | {"names": [""]}, {}, "invalid_argument"),
        ("an example of zeros", good | {"examples": [[[0.0, 0.0]]]}, {}, "invalid_argument"),
        ("an example of no number", good | {"examples": [[[math.nan, 0.0]]]}, {}, "invalid_argument"),
        ("a question of no number", good | {"at": [[math.nan, 0.0]]}, {}, "invalid_argument"),
        ("a longer question", good | {"at": [[1.0, 0.0, 0.0]]}, {}, "dimension_mismatch"),
        ("nothing but none is expected", good, {"background": 1.0}, "invalid_argument"),
    ]
    return cases + [case(n, i, error=e, options=o) for n, i, o, e in bad]


if __name__ == "__main__":
    write("groundedness", "How far an answer is grounded in passages, by words.", grounded_cases())
    write("readability", "Reading ease and grade of English texts.", readability_cases())
    write("alpha_ndcg", "Novelty and variety of rankings by subtopics.", variety_cases())
    write("intra_list_distance", "How unlike each other the rows of a list are.", distance_cases())
    write("reward", "One number of several parts.", reward_cases())
    write("detect_domain", "Which domain vectors belong to, learnt from examples.", detect_cases())
