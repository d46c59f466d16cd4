"""nDCG@10 of lexical search beside its peers from PyPI, on judged collections.

    python benches/retrieval/lexical_quality.py --data FOLDER [--sets a,b]

Every engine gets the terms of ragcore's English analysis, k1 = 1.2 and b = 0.75, so that only the
ranking can differ. A document with the query's own id is left out, as BEIR does it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import ragcore
import texts
from lexical import ENGINES, RAGCORE
from ragcore import _core

K = 10


def records(path: Path) -> dict[str, str]:
    """Title and text by id."""
    found = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            record: dict[str, Any] = json.loads(line)
            found[str(record["_id"])] = f"{record.get('title', '')} {record['text']}".strip()
    return found


def terms(text: str) -> list[str]:
    return _core.terms(text, language="english")


def measured(folder: Path) -> dict[str, float]:
    """nDCG@10 by engine."""
    documents = records(folder / "corpus.jsonl")
    qrels = ragcore.read_qrels(folder / "qrels.tsv")
    relevant = {query for query, grades in qrels.items() if max(grades.values(), default=0) > 0}
    queries = {q: text for q, text in records(folder / "queries.jsonl").items() if q in relevant}
    ids = list(documents)
    split = [terms(text) for text in documents.values()]
    results = {}
    for name, make in ENGINES.items():
        engine = make()
        engine.build(split)
        run = {}
        for query, text in queries.items():
            # A peer may refuse a query of which it knows no word.
            asked = terms(text)
            rows = engine.rows(engine.search(asked, K + 1)) if asked else []
            run[query] = [ids[row] for row in rows]
        found = ragcore.evaluate(run, qrels, ["ndcg@10"], ignore_identical_ids=True, interval="t")
        results[name] = found["ndcg@10"].value
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of BEIR collections")
    parser.add_argument("--sets", default=",".join(sorted(texts.SETS)))
    asked = parser.parse_args()
    print("| set | " + " | ".join(ENGINES) + " |")
    print("|---" * (1 + len(ENGINES)) + "|")
    means = dict.fromkeys(ENGINES, 0.0)
    sets = asked.sets.split(",")
    for name in sets:
        figures = measured(asked.data / name)
        for engine, figure in figures.items():
            means[engine] += figure / len(sets)
        print(f"| {name} | " + " | ".join(f"{x:.4f}" for x in figures.values()) + " |", flush=True)
    print("| mean | " + " | ".join(f"{x:.4f}" for x in means.values()) + " |")
    ours = means.pop(RAGCORE)
    print("ours over peers: " + ", ".join(f"{n} {ours - x:+.4f}" for n, x in means.items()))


if __name__ == "__main__":
    main()
