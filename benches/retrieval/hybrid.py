"""Hybrid search beside its peers from PyPI, in one run, on one thread, over 10,000 documents.

    python benches/retrieval/hybrid.py --texts FILE.jsonl --vectors FILE.npy \
        --data FOLDER --model FOLDER [--out FILE.json]

Two workloads. Passages: the first rows of the two files; a query is 3 to 6 words of a passage among
the last rows and that passage's vector. Questions: the judged questions of the collections in
`--data` over a pool that has everything judged relevant; `--model` embeds both once, and `--keep`
holds the vectors for the next run. `README.md` beside this file explains the columns.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

# Before anything starts a thread; libraries count what the process may use.
CORE = int(os.environ.get("RAGCORE_BENCH_CORE", max(os.sched_getaffinity(0))))
os.sched_setaffinity(0, {CORE})
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANCE_CPU_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("LANCEDB_LOG", "error")

import numpy as np  # noqa: E402
from hybrid_engines import WORD, Engine, K, engines  # noqa: E402

OURS = "ragcore"
SETS = ("fiqa_pool", "scifact", "cranfield", "cosqa")
SHARES = {1: 10, 10: 100, 50: 500}
DRAWS = 1000
Found = list[list[int]]


class Workload(NamedTuple):
    name: str
    texts: list[str]
    rows: np.ndarray
    queries: list[str]
    vectors: np.ndarray
    # Set and graded documents of each query, where it is judged.
    judged: list[tuple[str, dict[int, float]]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--texts", type=Path, help="a `text` a line")
    add("--vectors", type=Path, help="float32 rows of the texts")
    add("--data", type=Path, help="a folder of judged collections in BEIR's layout")
    add("--model", type=Path, help="a model folder; none: the built-in model")
    add("--keep", type=Path, help="a folder where the vectors of --data stay for the next run")
    add("--documents", type=int, default=10_000)
    add("--queries", type=int, default=1_000)
    add("--rounds", type=int, default=5)
    add("--turn", type=float, default=0.5, help="seconds of an engine's turn, about")
    add("--engines", default="", help="names, semicolon between; none means all")
    add("--seed", type=int, default=7)
    add("--out", type=Path, help="where every figure goes, as JSON")
    return parser.parse_args()


def unit(rows: np.ndarray) -> np.ndarray:
    rows = np.array(rows, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def passages(asked: argparse.Namespace) -> Workload:
    rng = random.Random(asked.seed)
    with asked.texts.open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    rows = np.load(asked.vectors, mmap_mode="r")
    if len(rows) != len(texts):
        raise SystemExit(f"{len(texts)} texts but {len(rows)} vectors")
    documents = texts[: min(asked.documents, len(texts) - asked.queries)]
    held = Counter(word for text in documents for word in set(WORD.findall(text.lower())))
    queries, chosen = [], []
    for at in range(len(texts) - asked.queries, len(texts)):
        words = {
            w for w in WORD.findall(texts[at].lower()) if 2 <= held[w] <= 0.05 * len(documents)
        }
        likely = sorted(words)
        rng.shuffle(likely)
        if likely:
            queries.append(" ".join(likely[: rng.randint(3, 6)]))
            chosen.append(at)
    return Workload(
        "passages", documents, unit(rows[: len(documents)]), queries, unit(rows[chosen]), []
    )


def _records(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        records = map(json.loads, file)
        return {r["_id"]: f"{r.get('title') or ''} {r['text']}".strip() for r in records}


def questions(asked: argparse.Namespace) -> Workload:
    rng = random.Random(asked.seed)
    corpus: dict[tuple[str, str], str] = {}
    graded: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    wording: dict[tuple[str, str], str] = {}
    for name in SETS:
        folder = asked.data / name
        corpus |= {(name, i): text for i, text in _records(folder / "corpus.jsonl").items()}
        wording |= {(name, i): text for i, text in _records(folder / "queries.jsonl").items()}
        for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            query, document, grade = line.split("\t")[:3]
            if float(grade) > 0 and query != document:
                graded.setdefault((name, query), {})[name, document] = float(grade)
    wanted = {document for own in graded.values() for document in own if document in corpus}
    rest = sorted(set(corpus) - wanted)
    rng.shuffle(rest)
    pool = sorted(wanted) + rest[: max(0, asked.documents - len(wanted))]
    rng.shuffle(pool)
    place = {document: i for i, document in enumerate(pool)}
    ordered = sorted(query for query in graded if query in wording)
    rng.shuffle(ordered)
    texts, queries = [corpus[document] for document in pool], [wording[q] for q in ordered]
    vectors = embedded(texts + queries, asked)
    judged = [
        (query[0], {place[d]: grade for d, grade in graded[query].items() if d in place})
        for query in ordered
    ]
    return Workload(
        "questions", texts, vectors[: len(texts)], queries, vectors[len(texts) :], judged
    )


def embedded(texts: list[str], asked: argparse.Namespace) -> np.ndarray:
    name = hashlib.sha256("\0".join([str(asked.model), *texts]).encode()).hexdigest()[:16]
    kept = None if asked.keep is None else asked.keep / f"{name}.npy"
    if kept is not None and kept.exists():
        return np.load(kept)
    import ragcore

    model = ragcore.Embedder() if asked.model is None else ragcore.Embedder(asked.model)
    rows = unit(model.encode(texts))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, rows)
    return rows


def ndcg(found: list[int], grades: dict[int, float]) -> float:
    def gain(values: list[float]) -> float:
        return sum(value / np.log2(rank) for rank, value in enumerate(values, 2))

    best = gain(sorted(grades.values(), reverse=True)[:K])
    return gain([grades.get(i, 0.0) for i in found[:K]]) / best if best else 0.0


def overlap(found: Found, truth: Found) -> float:
    pairs = zip(found, truth, strict=True)
    return float(np.mean([len(set(a) & set(b)) / max(1, len(b)) for a, b in pairs]))


class Turn(NamedTuple):
    """An engine with its queries of one workload and one filter, and what its turns took."""

    name: str
    engine: Engine
    share: int | None
    asked: list[Any]
    found: Found
    rates: list[float]
    each: list[float]

    def run(self, seconds: float) -> None:
        """Answers as many queries as fit, beginning where the last turn ended."""
        if self.engine.many:
            start = time.process_time()
            self.engine.all(self.asked)
            self.rates.append(len(self.asked) / (time.process_time() - start))
            return
        one, clock = self.engine.one, time.perf_counter
        at, done = len(self.each), 0
        began, start = clock(), time.process_time()
        while done < len(self.asked) and (done < 10 or clock() - began < seconds):
            query = self.asked[(at + done) % len(self.asked)]
            before = clock()
            one(query)
            self.each.append(clock() - before)
            done += 1
        self.rates.append(done / (time.process_time() - start))


def turn(name: str, engine: Engine, work: Workload, share: int | None) -> Turn:
    below = None if share is None else SHARES[share]
    pairs = zip(work.queries, work.vectors, strict=True)
    asked = [engine.asked(text, row, below) for text, row in pairs]
    if engine.many:
        found = [engine.ids(own) for own in engine.all(asked)]
    else:
        found = [engine.ids(engine.one(query)) for query in asked]
    return Turn(name, engine, share, asked, found, [], [])


def measured(work: Workload, args: argparse.Namespace, problems: list[str]) -> list[dict[str, Any]]:
    rng = random.Random(args.seed)
    numbers = np.random.default_rng(args.seed).integers(0, DRAWS, len(work.texts))
    turns: list[Turn] = []
    built: dict[str, float] = {}
    for name, make in engines().items():
        if args.engines and name not in args.engines.split(";"):
            continue
        try:
            engine = make()
            start = time.process_time()
            engine.build(work.texts, work.rows, numbers)
            built[name] = time.process_time() - start
            shares = [None, *SHARES] if engine.filters else [None]
            own = [turn(name, engine, work, share) for share in shares]
        except Exception as error:
            problems.append(f"{work.name}, {name}: {type(error).__name__}: {str(error)[:200]}")
            continue
        turns += own
        print(f"  {name}: built in {built[name]:.1f} CPU s", file=sys.stderr, flush=True)
    for _ in range(args.rounds):
        rng.shuffle(turns)
        for own in turns:
            own.run(args.turn)
    by = {(own.name, own.share): own for own in turns}
    records = []
    for name in dict.fromkeys([*built]):
        for share in (None, *SHARES):
            if (name, share) in by:
                records.append(record(by[name, share], by, work, built[name]))
    return records


def record(own: Turn, by: dict, work: Workload, built: float) -> dict[str, Any]:
    first = by.get((OURS, own.share))
    ratios = [a / b for a, b in zip(own.rates, first.rates, strict=True)] if first else []
    ranks = not own.name.startswith(OURS) or own.name == "ragcore, rank fusion"
    truth = exact(by, work, own.share, ranks)
    each = sorted(own.each)
    fact: dict[str, Any] = {
        "workload": work.name,
        "engine": own.name,
        "keeps": own.share or 100,
        "build_cpu_s": built,
        "qps": median(own.rates),
        "of_ours": median(ratios) if ratios else None,
        "rates": own.rates,
        "p50_ms": each[len(each) // 2] * 1e3 if each else None,
        "p99_ms": each[len(each) * 99 // 100] * 1e3 if each else None,
        "overlap": overlap(own.found, truth) if truth else None,
        "hits": float(np.mean([len(found) for found in own.found])),
    }
    if work.judged and own.share is None:
        by_set: dict[str, list[float]] = {}
        pairs = zip(work.judged, own.found, strict=True)
        for (name, grades), found in pairs:
            by_set.setdefault(name, []).append(ndcg(found, grades))
        fact["ndcg"] = {name: float(np.mean(by_set[name])) for name in SETS if name in by_set}
    return fact


def exact(by: dict, work: Workload, share: int | None, ranks: bool) -> Found | None:
    """The exact fused ten by ours, by the kind of fusion."""
    if (OURS, share) not in by:
        return None
    engine = by[OURS, share].engine
    options = {"exact": True, **({"fusion": "rrf"} if ranks else {})}
    key = f"exact {ranks}", share
    if key not in by:
        found = []
        for text, row, given in by[OURS, share].asked:
            hits = engine.collection.search(text, K, vector=row, **{**given, **options})
            found.append(engine.ids(hits.ids))
        by[key] = Turn("exact", engine, share, [], found, [], [])
    return by[key].found


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def table(records: list[dict[str, Any]]) -> str:
    sets = list(records[0].get("ndcg") or ())
    head = ["engine", "QPS", "of ours", "p50 ms", "p99 ms", "of exact ten", "build CPU s"]
    lines = [
        "| " + " | ".join([*head, *(f"nDCG@10 {name}" for name in sets)]) + " |",
        "|---" * (len(head) + len(sets)) + "|",
    ]
    for r in records:
        if r["keeps"] != 100:
            continue
        cells = [r["engine"], number(r["qps"], 0), number(r["of_ours"], 2)]
        cells += [number(r["p50_ms"], 3), number(r["p99_ms"], 3), number(r["overlap"], 3)]
        cells.append(number(r["build_cpu_s"], 1))
        cells += [number(r.get("ndcg", {}).get(name), 4) for name in sets]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| filter | keeps % | QPS | of ours | p50 ms | p99 ms | of exact ten | hits |"]
    lines.append("|---" * 8 + "|")
    for r in records:
        if r["keeps"] == 100:
            continue
        cells = [r["engine"], str(r["keeps"]), number(r["qps"], 0), number(r["of_ours"], 2)]
        cells += [number(r["p50_ms"], 3), number(r["p99_ms"], 3), number(r["overlap"], 3)]
        lines.append("| " + " | ".join([*cells, number(r["hits"], 2)]) + " |")
    return "\n".join(lines)


def main() -> None:
    asked = arguments()
    works = []
    if asked.texts and asked.vectors:
        works.append(passages)
    if asked.data:
        works.append(questions)
    if not works:
        raise SystemExit("name --texts and --vectors, or --data")
    records, problems = [], []
    for make in works:
        work = make(asked)
        words = np.mean([len(WORD.findall(text.lower())) for text in work.queries])
        long = np.mean([len(WORD.findall(text.lower())) for text in work.texts])
        print(
            f"\n{work.name}: {len(work.texts)} documents of {long:.0f} words, {work.rows.shape[1]} "
            f"numbers; {len(work.queries)} queries of {words:.1f} words; core {CORE}\n",
            flush=True,
        )
        own = measured(work, asked, problems)
        if own:
            print(table(own), flush=True)
        records += own
    for problem in problems:
        print(f"problem: {problem}")
    if asked.out is not None:
        asked.out.write_text(json.dumps({"records": records, "problems": problems}))


if __name__ == "__main__":
    main()
