"""Lexical search beside its peers from PyPI, in one run, on one thread.

    python benches/retrieval/lexical.py --data FOLDER [--rounds N] [--engines a,b]

Needs ragcore (built in release mode) and the packages of `requirements.txt`. Every engine gets the
same words, k1 = 1.2 and b = 0.75. In a round each workload is given to all engines, in shuffled
order; a figure is the median over rounds of processor time, and "of ours" is a ratio within a
round, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import texts

KS = (10, 100)
RAGCORE = "ragcore"


class Engine(Protocol):
    """An index over words that are split already."""

    def build(self, documents: list[list[str]]) -> None: ...
    def search(self, query: list[str], k: int) -> Any: ...
    def rows(self, found: Any) -> list[int]: ...
    def megabytes(self) -> float: ...


class Ragcore:
    def build(self, documents: list[list[str]]) -> None:
        import ragcore

        self.index = ragcore.LexicalIndex(k1=1.2, b=0.75, language="none")
        self.index.add(np.arange(len(documents)), [" ".join(words) for words in documents])

    def search(self, query: list[str], k: int) -> Any:
        return self.index.search(" ".join(query), k)

    def rows(self, found: Any) -> list[int]:
        keys, scores = found
        return [int(key) for key in keys[scores > 0]]

    def megabytes(self) -> float:
        return float("nan")


class Tantivy:
    def build(self, documents: list[list[str]]) -> None:
        import tantivy

        self.tantivy = tantivy
        builder = tantivy.SchemaBuilder()
        options = {"stored": False, "tokenizer_name": "whitespace", "index_option": "freq"}
        builder.add_text_field("text", **options)
        self.schema = builder.build()
        self.kept = tempfile.TemporaryDirectory()
        self.folder = Path(self.kept.name)
        index = tantivy.Index(self.schema, path=str(self.folder))
        writer = index.writer(heap_size=300_000_000, num_threads=1)
        for words in documents:
            writer.add_document(tantivy.Document(text=[" ".join(words)]))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self.searcher = index.searcher()

    def search(self, query: list[str], k: int) -> Any:
        kind, should = self.tantivy.Query, self.tantivy.Occur.Should
        terms = [(should, kind.term_query(self.schema, "text", w, "freq")) for w in query]
        return self.searcher.search(kind.boolean_query(terms), k, count=False).hits

    def rows(self, found: Any) -> list[int]:
        # One segment, written in order, so that a document's address is its row.
        return [address.doc for _, address in found]

    def megabytes(self) -> float:
        return sum(file.stat().st_size for file in self.folder.rglob("*")) / 1e6


class Bm25s:
    def build(self, documents: list[list[str]]) -> None:
        import bm25s

        numbers: dict[str, int] = {}
        ids = [[numbers.setdefault(w, len(numbers)) for w in words] for words in documents]
        self.index = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend="numba", dtype="float32")
        self.index.index((ids, numbers), show_progress=False)

    def search(self, query: list[str], k: int) -> Any:
        settings = {"show_progress": False, "n_threads": 0, "sorted": True}
        return self.index.retrieve([query], k=k, **settings)

    def rows(self, found: Any) -> list[int]:
        return [int(row) for row, score in zip(found[0][0], found[1][0], strict=True) if score > 0]

    def megabytes(self) -> float:
        with tempfile.TemporaryDirectory() as folder:
            self.index.save(folder)
            return sum(file.stat().st_size for file in Path(folder).rglob("*")) / 1e6


ENGINES: dict[str, Callable[[], Engine]] = {
    RAGCORE: Ragcore,
    "tantivy": Tantivy,
    "bm25s + numba": Bm25s,
}


def analysed(raw: list[str]) -> dict[str, float]:
    """Documents a second of processor time from text as written, with stop words and stems."""
    import ragcore
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name="en_stem", index_option="freq")
    writer = tantivy.Index(builder.build()).writer(heap_size=300_000_000, num_threads=1)
    start = time.process_time()
    for text in raw:
        writer.add_document(tantivy.Document(text=[text]))
    writer.commit()
    writer.wait_merging_threads()
    theirs = time.process_time() - start
    start = time.process_time()
    ragcore.LexicalIndex().add(np.arange(len(raw)), raw)
    ours = time.process_time() - start
    return {RAGCORE: len(raw) / ours, "tantivy": len(raw) / theirs}


def timed(engine: Engine, queries: list[list[str]], k: int) -> np.ndarray:
    """Seconds of processor time of each query."""
    each = np.empty(len(queries))
    for i, query in enumerate(queries):
        start = time.process_time()
        engine.search(query, k)
        each[i] = time.process_time() - start
    return each


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of BEIR collections")
    parser.add_argument("--documents", type=int, default=59_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    given = texts.read(asked.data, asked.documents, asked.queries, asked.seed)
    workloads = {"short": given.short, "questions": given.questions}
    for name, queries in workloads.items():
        mean = np.mean([len(query) for query in queries])
        print(f"{name}: {len(queries)} queries of {mean:.1f} words in the mean")
    mean = np.mean([len(words) for words in given.documents])
    print(f"{len(given.documents)} documents of {mean:.1f} words in the mean", flush=True)

    names = asked.engines.split(",")
    engines: dict[str, Engine] = {name: ENGINES[name]() for name in names}
    rate: dict[str, float] = {}
    grown: dict[str, float] = {}
    for name, engine in engines.items():
        before, start = resident(), time.process_time()
        engine.build(given.documents)
        rate[name] = len(given.documents) / (time.process_time() - start)
        grown[name] = resident() - before
    for engine in engines.values():
        for queries in workloads.values():
            timed(engine, queries[:100], 10)
    each: dict[tuple[str, int, str], list[np.ndarray]] = {}
    for _ in range(asked.rounds):
        for kind, queries in workloads.items():
            for k in KS:
                rng.shuffle(names)
                for name in names:
                    seconds = timed(engines[name], queries, k)
                    each.setdefault((kind, k, name), []).append(seconds)

    analysis = analysed(given.raw)
    print(
        "\n| engine | docs per CPU second | MB on disk | resident MB grew by |\n|---|---|---|---|"
    )
    for name, engine in engines.items():
        print(f"| {name} | {rate[name]:,.0f} | {engine.megabytes():.1f} | {grown[name]:.1f} |")
    print("\nfrom text as written, with stop words (ours) and stems, docs per CPU second:")
    print(", ".join(f"{name} {figure:,.0f}" for name, figure in analysis.items()))
    print("\n| queries | k | engine | QPS | of ours | p50 / p99, us | of the top ten as ours |")
    print("|---|---|---|---|---|---|---|")
    for kind, queries in workloads.items():
        best = [set(engines[RAGCORE].rows(engines[RAGCORE].search(q, 10))) for q in queries]
        for k in KS:
            ours = [1 / seconds.mean() for seconds in each[kind, k, RAGCORE]]
            for name, engine in engines.items():
                own = [1 / seconds.mean() for seconds in each[kind, k, name]]
                share = np.median([a / b for a, b in zip(own, ours, strict=True)])
                p50, p99 = np.median(
                    [np.percentile(seconds, [50, 99]) for seconds in each[kind, k, name]], axis=0
                )
                found = [set(engine.rows(engine.search(q, 10))) for q in queries]
                same = np.mean(
                    [len(a & b) / max(1, len(b)) for a, b in zip(found, best, strict=True)]
                )
                print(
                    f"| {kind} | {k} | {name} | {np.median(own):,.0f} | {share:.2f} "
                    f"| {p50 * 1e6:.0f} / {p99 * 1e6:.0f} | {same:.3f} |"
                )


if __name__ == "__main__":
    main()
