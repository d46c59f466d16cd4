"""Writes lexical.json and terms.json: BM25 from its definition, stems from the Snowball project.

Needs snowballstemmer==2.2.0 (the words below stem alike in all Snowball versions since 2.0).
Run: python3 lexical.py
"""
import json
import math
import os
import unicodedata

import snowballstemmer

STOP = set(
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with".split()
)
ELISIONS = {
    "french": "c d j jusqu l lorsqu m n puisqu qu quoiqu s t".split(),
    "italian": "agl all c coll d dagl dall degl dell gl l m negl nell pell s sugl sull t tutt un v quest".split(),
}
UNSPACED = [
    (0x0E00, 0x0EFF), (0x1000, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF),
    (0xFF66, 0xFFDC), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
]


def kind(c):
    category = unicodedata.category(c)
    if c in "'\u2019\uff07":
        return "apostrophe"
    if c in ".,":
        return "point"
    if c in "\u200c\u200d\u00ad":
        return "joiner"
    if category[0] == "M":
        return "mark"
    if category[0] in "LN":
        if any(low <= ord(c) <= high for low, high in UNSPACED):
            return "unspaced"
        return "digit" if category[0] == "N" else "letter"
    return "other"


def words(text):
    """Every maximal word, decided character by character from its neighbours."""
    kinds = [kind(c) for c in text] + ["other"]
    out, i = [], 0
    while i < len(text):
        if kinds[i] not in ("letter", "digit", "unspaced"):
            i += 1
            continue
        unspaced = kinds[i] == "unspaced"
        own = ("unspaced",) if unspaced else ("letter", "digit")
        start, last = i, kinds[i]
        i += 1
        while i < len(text):
            here, after = kinds[i], kinds[i + 1]
            if here in own:
                last = here
            elif here == "mark" or (here == "joiner" and after in own):
                pass
            elif here == "apostrophe" and last == "letter" and after == "letter":
                pass
            elif here == "point" and last == "digit" and after == "digit":
                pass
            else:
                break
            i += 1
        out.append((text[start:i], unspaced))
    return out


def normal(word, language):
    word = "".join(c for c in word if c not in "\u200c\u200d\u00ad")
    word = unicodedata.normalize("NFKC", word)
    if language == "turkish":
        word = word.replace("I", "\u0131").replace("\u0130", "i")
    out = ""
    for c in word:
        out += {"\u2019": "'", "\u00df": "ss", "\u1e9e": "ss", "\u03c2": "\u03c3"}.get(c, c.lower())
    return out


def terms(text, language):
    stemmer = None if language == "none" else snowballstemmer.stemmer(language)
    out = []
    for word, unspaced in words(text):
        if unspaced:
            units = []
            for c in normal(word, language):
                if units and unicodedata.category(c)[0] == "M":
                    units[-1] += c
                else:
                    units.append(c)
            for i, unit in enumerate(units):
                out.append(unit)
                if i:
                    out.append(units[i - 1] + unit)
            continue
        word = normal(word[:128], language)
        if language == "english":
            if word.endswith("'s"):
                word = word[:-2]
            if word in STOP:
                continue
        head, mark, rest = word.partition("'")
        if mark and rest and head in ELISIONS.get(language, ()):
            word = rest
        out.append(stemmer.stemWord(word) or word if stemmer else word)
    return out


def search(docs, query, k, k1=1.2, b=0.75, language="english", filter=None):
    indexed = {key: terms(text, language) for key, text in docs.items()}
    n, total = len(indexed), sum(map(len, indexed.values()))
    asked = terms(query, language)
    scores = {}
    for key, found in indexed.items():
        score = 0.0
        for term in dict.fromkeys(asked):
            tf = found.count(term)
            if tf:
                df = sum(term in other for other in indexed.values())
                idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
                norm = k1 * (1 - b + b * len(found) * n / total)
                score += asked.count(term) * idf * tf / (tf + norm)
        if score > 0 and (filter is None or key in filter):
            scores[key] = score
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]


PETS = [
    (3, "Cats chase mice, and the mice run."),
    (1, "A dog's bark is worse than its bite"),
    (4, "The cat and the dog are friends; the cat sleeps while dogs are barking at other dogs."),
    (9, ""),
    (7, "Running, ran, runs: a runner's day"),
    (2, "cat"),
    (5, "?!... --- \U0001f642"),
    (8, "cat"),
]
WORLD = [
    (1, "Der Hund läuft über die Straße"), (2, "Les chats de l'école mangent"), (3, "東京都に行きました"),
    (4, "Кошки бегут по улице"), (5, "Los gatos corren rápidamente"), (6, "고양이가 달린다"), (7, "京都の寺"),
    (8, "STRASSE und strasse"), (9, "ﬁne cafe\u0301 ＡＢＣ"), (10, "gatti nell'acqua"), (11, "แมววิ่งเร็ว"),
]
UNICODE = {"none", "german", "french", "russian", "spanish", "italian"}


def index_cases():
    cases = []

    def case(name, docs, queries, k=10, remove=(), add=(), filter=None, error=None, **options):
        inputs = {"keys": [d[0] for d in docs], "texts": [d[1] for d in docs], "remove": list(remove),
                  "add_keys": [d[0] for d in add], "add_texts": [d[1] for d in add],
                  "queries": list(queries), "k": k}
        if filter is not None:
            inputs["filter"] = filter
        out = {"name": name, "inputs": inputs, "options": options, "seed": 0}
        if error:
            out["error"] = error
        else:
            held = {key: text for key, text in docs if key not in remove}
            held.update(dict(add))
            hits = [search(held, q, k, filter=filter, **options) for q in queries]
            out["want"] = {"len": len(held), "keys": [[key for key, _ in h] for h in hits],
                           "scores": [[s for _, s in h] for h in hits]}
        out["tolerance"] = 1e-5
        cases.append(out)

    case("several queries", PETS, ["cat", "dogs barking", "the running cat", "mouse"])
    case("ties go to the lower key", PETS, ["cat"], k=2)
    case("k above the number of documents", PETS, ["cat dog run mice"], k=10000)
    case("empty query", PETS, [""])
    case("punctuation only", PETS, ["?! ... ---", "\U0001f642"])
    case("stop words only", PETS, ["to be or not to be"])
    case("a word nowhere", PETS, ["zebra", "zebra cat"])
    case("repeated query words count again", PETS, ["dog dog dog cat"])
    case("no queries", PETS, [])
    case("empty index", [], ["cat"])
    case("empty texts only", [(1, ""), (2, " . ")], ["cat"])
    case("after removals", PETS, ["cat dog", "run"], remove=[4, 9, 2])
    case("after removing all", PETS, ["cat dog"], remove=[d[0] for d in PETS])
    case("removed and added again", PETS, ["cat dog sleep"], remove=[4, 2], add=[(2, "dogs sleep"), (11, "sleeping cat")])
    case("filter", PETS, ["cat dog run"], filter=[2, 3, 4, 1000])
    case("empty filter", PETS, ["cat dog run"], filter=[])
    case("filter with fewer places", PETS, ["cat dog run"], k=1, filter=[8, 3])
    case("k1 of 0", PETS, ["cat dog bark"], k1=0.0)
    case("k1 of 10 and b of 1", PETS, ["cat dog bark"], k1=10.0, b=1.0)
    case("b of 0", PETS, ["cat dog bark"], b=0.0)
    case("no stems", PETS, ["cats", "the", "Running"], language="none")
    for language, queries in {
        "none": ["strasse", "京", "京都", "café", "abc fine", "고양", "แมว"],
        "german": ["Hunde laufen", "Straßen"], "french": ["chat", "école manger"],
        "russian": ["кошка", "улица"], "spanish": ["gato", "rápido corren"],
        "italian": ["gatto acqua"],
    }.items():
        case("languages: " + language, WORLD, queries, language=language)
    filler = " ".join("word%d" % i for i in range(2000))
    case("a long document", [(1, filler + " needle"), (2, "needle"), (3, filler)], ["needle word7", "word7"])
    case("large keys", [(2**63, "cat"), (2**64 - 2, "cat dog")], ["cat"])
    case("key held twice", [(1, "a"), (2, "b")], ["x"], add=[(2, "c")], error="already_exists")
    case("key twice in the batch", [(1, "a"), (1, "b")], ["x"], error="already_exists")
    case("key for padding", [(2**64 - 1, "a")], ["x"], error="invalid_argument")
    case("remove an unknown key", PETS, ["x"], remove=[3, 77], error="not_found")
    case("k of 0", PETS, ["x"], k=0, error="invalid_argument")
    case("k too large", PETS, ["x"], k=10001, error="invalid_argument")
    case("k1 too large", PETS, ["x"], k1=10.5, error="invalid_argument")
    case("negative k1", PETS, ["x"], k1=-0.1, error="invalid_argument")
    case("k1 not a number", PETS, ["x"], k1="nan", error="invalid_argument")
    case("b too large", PETS, ["x"], b=1.01, error="invalid_argument")
    case("unknown language", PETS, ["x"], language="klingon", error="invalid_argument")
    case("fewer texts than keys", PETS, ["x"], error="invalid_argument")
    cases[-1]["inputs"]["texts"].pop()
    return cases


def write(name, about, cases):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", name + ".json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"operation": name, "about": about, "truth": "truth/lexical.py", "cases": cases},
                  file, ensure_ascii=False, indent=1)
        file.write("\n")


def term_cases():
    texts = {
        "english": "The dogs' owner's RUNNING shoes weren't national, generously 3.14 or 1,000.5 e-mail snake_case a.b",
        "none": "Ünïcode Straße ΟΔΟΣ don\u2019t co\u00adop cafe\u0301 ﬁ Ａ１ 東京タワーａ ก็ดี x² हिन्दी \u200d. 中\u0301国",
        "french": "L'avion qu'il mangeait, aujourd'hui continuellement", "german": "Häuser aufeinander Straßen schönes",
        "italian": "dell'acqua pronunciato gatti", "spanish": "rápidamente gatos cheques", "russian": "кошками улицы бегущий",
        "swedish": "flickornas husen", "danish": "undersøgelsen husene", "norwegian": "havnedistriktene husene",
        "dutch": "lichamelijk huizen", "finnish": "talossa koirien", "portuguese": "boas meninos quilométricas",
        "hungarian": "babaházaknak", "turkish": "ILIK evlerimizde İyiler", "romanian": "copiilor frumoase",
    }
    return [{"name": language, "inputs": {"text": text}, "options": {"language": language}, "seed": 0,
             "want": {"terms": terms(text, language)}, "tolerance": 0.0} for language, text in texts.items()]


if __name__ == "__main__":
    write("lexical", "LexicalIndex: add keys, remove, add add_keys, then search every query. Hits are "
          "score descending, key ascending, not padded.", index_cases())
    write("terms", "Analyzer: the index terms of a text, in order.", term_cases())
