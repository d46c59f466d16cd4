"""What near questions that share answers cost in wrong ones, and what they gain.

python benches/caching/near_duplicates.py --data DATA [--model MODEL]

Two kinds of pairs. Natural ones: all pairs of CoSQA's questions; two ask the same if one judged
answer is relevant to both, which misses some that do. Made ones: claims of SciFact and questions
of CoSQA, changed by a script so that they ask something else (a negation, a number, a name, the
order), or the same (small words, politeness, contractions; and synonyms and moved words, which the guard
does not know). Lists of words here are not those of the library.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import ragcore as rag

THRESHOLDS = (0.80, 0.85, 0.90, 0.92, 0.95, 0.97)


def texts(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        return {row["_id"]: row["text"] for row in map(json.loads, file)}


def relevant(path: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if float(grade) > 0:
            found[query].add(document)
    return found


VERBS = {
    "increases": "reduces", "increase": "reduce", "reduces": "raises", "reduce": "raise",
    "decreases": "raises", "decreased": "elevated", "increased": "reduced",
    "promotes": "blocks", "induces": "blocks", "inhibits": "drives", "causes": "averts",
    "activates": "silences", "enhances": "weakens", "higher": "lower", "lower": "higher",
    "more": "less", "less": "more", "with": "without", "first": "last", "max": "min",
    "read": "write", "remove": "append", "start": "end", "before": "after",
}  # fmt: skip


def negated(text: str, rng: random.Random) -> str | None:
    out = re.sub(r"\b(is|are|can|does|do|was|were)\b", r"\1 not", text, count=1)
    return out if out != text else None


def opposed(text: str, rng: random.Random) -> str | None:
    words = text.split()
    places = [i for i, word in enumerate(words) if word in VERBS]
    if not places:
        return None
    at = rng.choice(places)
    return " ".join([*words[:at], VERBS[words[at]], *words[at + 1 :]])


def renumbered(text: str, rng: random.Random) -> str | None:
    found = list(re.finditer(r"\d+", text))
    if not found:
        return None
    at = rng.choice(found)
    number = str(int(at.group()) + rng.choice([1, 2, 10]))
    return text[: at.start()] + number + text[at.end() :]


def renamed(text: str, rng: random.Random, names: list[str]) -> str | None:
    words = text.split()
    places = [i for i, w in enumerate(words) if (i > 0 and re.search(r"[A-Z]", w)) or len(w) > 9]
    if not places:
        return None
    at = rng.choice(places)
    other = rng.choice(names)
    return None if other == words[at] else " ".join([*words[:at], other, *words[at + 1 :]])


def turned(text: str, rng: random.Random) -> str | None:
    found = re.match(
        r"(.*?)\b(\w{4,})((?: \w+)? (?:than|to|from|into|with|in|by|of) )(\w{4,})\b(.*)", text
    )
    if found is None:
        return None
    before, a, between, b, after = found.groups()
    return None if a.lower() == b.lower() else f"{before}{b}{between}{a}{after}"


def polite(text: str, rng: random.Random) -> str:
    return f"{rng.choice(['please tell me', 'Can you tell me', 'hello,', 'do you know'])} {text}?"


def small(text: str, rng: random.Random) -> str | None:
    out = re.sub(r"\b(the|a|an) ", "", text)
    out = re.sub(r"\bis not\b", "isn't", out).replace("how to ", "how do I ")
    out = re.sub(r"\bcannot\b", "can't", out)
    out = out[0].upper() + out[1:] + "?"
    return out if out.lower().rstrip("?") != text.lower() else None


OTHERS = {
    "check": "test", "list": "array", "create": "make", "find": "look up", "convert": "turn",
    "string": "text", "associated": "linked", "patients": "people who are ill",
    "cells": "cell lines",    "important": "essential", "play": "have", "mice": "rodents", "reduces": "lowers",
    "increases": "raises", "risk": "danger", "remove": "drop", "number": "count", "write": "save",
}  # fmt: skip


def synonymous(text: str, rng: random.Random) -> str | None:
    words = text.split()
    places = [i for i, word in enumerate(words) if word in OTHERS]
    if not places:
        return None
    at = rng.choice(places)
    return " ".join([*words[:at], OTHERS[words[at]], *words[at + 1 :]])


def moved(text: str, rng: random.Random) -> str | None:
    if text.startswith("python "):
        return f"{text.removeprefix('python ')} in python"
    if text.endswith(" in python"):
        return f"in python, {text.removesuffix(' in python')}"
    return None


def share(part: int, whole: int) -> str:
    return f"{part:6d} of {whole:6d} ({100 * part / max(whole, 1):6.2f}%)"


def made(embedder: rag.Embedder, asked: list[str]) -> None:
    rng = random.Random(8)
    names = sorted(
        {w for t in asked for w in t.split()[1:] if re.search(r"[A-Z]", w) or len(w) > 9}
    )
    kinds = {
        "different: negated": [(t, negated(t, rng)) for t in asked],
        "different: opposite": [(t, opposed(t, rng)) for t in asked],
        "different: number": [(t, renumbered(t, rng)) for t in asked],
        "different: name": [(t, renamed(t, rng, names)) for t in asked],
        "different: order": [(t, turned(t, rng)) for t in asked],
        "same: politeness": [(t, polite(t, rng)) for t in asked],
        "same: small words": [(t, small(t, rng)) for t in asked],
        "same: synonym": [(t, synonymous(t, rng)) for t in asked],
        "same: moved": [(t, moved(t, rng)) for t in asked],
    }
    print("Made pairs: those above the cosine, and those of them that the guard lets through")
    missed: list[tuple[str, str, str]] = []
    for kind, found in kinds.items():
        pairs = [(a, b) for a, b in found if b is not None]
        first = embedder.encode([a for a, _ in pairs], kind="query")
        second = embedder.encode([b for _, b in pairs], kind="query")
        cosines = (first * second).sum(axis=1)
        passed = np.array([rag.question_difference(a, b) is None for a, b in pairs])
        for least in THRESHOLDS:
            near = cosines >= least
            through = int((near & passed).sum())
            alone, behind = share(int(near.sum()), len(pairs)), share(through, len(pairs))
            print(f"  {kind:20} {least:.2f}  {alone}  {behind}")
        if kind.startswith("different"):
            missed += [(kind, a, b) for (a, b), p in zip(pairs, passed, strict=True) if p]
    for kind, a, b in missed[:40]:
        print(f"  let through, {kind}: {a!r} / {b!r}")


def natural(embedder: rag.Embedder, folder: Path) -> None:
    questions = texts(folder / "queries.jsonl") | texts(folder / "queries_dev.jsonl")
    judged = relevant(folder / "qrels.tsv")
    for query, documents in relevant(folder / "qrels_dev.tsv").items():
        judged[query] |= documents
    ids = [i for i in questions if judged[i]]
    vectors = embedder.encode([questions[i] for i in ids], kind="query")
    counts: Counter[tuple[float, bool, bool]] = Counter()
    shown: list[tuple[float, str, str]] = []
    kinds: Counter[str] = Counter()
    for start in range(0, len(ids), 512):
        cosines = vectors[start : start + 512] @ vectors.T
        for row, column in zip(*np.nonzero(cosines >= THRESHOLDS[0]), strict=True):
            i = start + int(row)
            if column <= i or questions[ids[i]] == questions[ids[column]]:
                continue
            a, b = questions[ids[i]], questions[ids[column]]
            same = bool(judged[ids[i]] & judged[ids[column]])
            difference = rag.question_difference(a, b)
            kinds[difference or "none"] += 1
            for least in THRESHOLDS:
                if cosines[row, column] >= least:
                    counts[least, same, difference is None] += 1
            if difference is None:
                shown.append((float(cosines[row, column]), a, b))
    print(f"\nNatural pairs among {len(ids)} questions of {folder.name}")
    print("('same': one judged answer is relevant to both)")
    for least in THRESHOLDS:
        alone = [counts[least, same, True] + counts[least, same, False] for same in (True, False)]
        behind = [counts[least, same, True] for same in (True, False)]
        without = f"cosine alone: {alone[0]:5d} same {alone[1]:5d} not"
        guarded = f"with the guard: {behind[0]:4d} same {behind[1]:4d} not"
        print(f"  {least:.2f}  {without};  {guarded}")
    print(f"  why the guard refused: {dict(kinds.most_common())}")
    for cosine, a, b in sorted(shown, reverse=True)[:60]:
        print(f"  let through at {cosine:.3f}: {a!r} / {b!r}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    embedder = rag.Embedder(arguments.model)
    asked: list[str] = []
    for name, files in (
        ("scifact", ["queries", "queries_train"]),
        ("cosqa", ["queries", "queries_dev"]),
    ):
        for file in files:
            path = arguments.data / name / f"{file}.jsonl"
            if path.exists():
                asked += texts(path).values()
            else:
                print(f"left out: there is no {path}")
    made(embedder, sorted(set(asked)))
    if (arguments.data / "cosqa").exists():
        natural(embedder, arguments.data / "cosqa")


if __name__ == "__main__":
    main()
