"""A million real texts and their vectors, cut and embedded from passages, for `growth.py`.

    python benches/retrieval/windows.py --texts FILE.jsonl --model FOLDER --out FILE.npy [--count N]

FILE.jsonl has a `text` a line. First come all distinct sentences and pairs of neighbouring
sentences; then runs of 8 to 32 words that begin every few words, until there are `--count`. They
are shuffled, so that the first n are a sample of all for every n. The queries are sentences of
passages that nothing else is cut from; they are the last rows.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
SENTENCE_WORDS = (4, 60)
RUN_WORDS = (8, 32)
PART = 16_384


def cut(passages: list[str], count: int, queries: int, rng: random.Random) -> list[str]:
    passages = passages.copy()
    rng.shuffle(passages)
    asked: dict[str, None] = {}
    while len(asked) < queries:
        sentences = list(_sentences(passages.pop()))
        if sentences:
            asked[" ".join(rng.choice(sentences))] = None
    found: dict[str, None] = {}
    words = []
    for passage in passages:
        sentences = list(_sentences(passage))
        pairs = [a + b for a, b in pairwise(sentences)]
        for run in sentences + pairs:
            if len(run) <= SENTENCE_WORDS[1]:
                found[" ".join(run)] = None
        words.append(passage.split())
    whole = len(found)
    middle = sum(RUN_WORDS) // 2
    # Slightly closer than needed: runs that are there already are made up for.
    wanted = max(1, int(1.05 * (count - whole)))
    step = max(1, sum(max(0, len(own) - middle) for own in words) // wanted)
    for own in words:
        for start in range(rng.randrange(step), max(0, len(own) - RUN_WORDS[0]), step):
            found[" ".join(own[start : start + rng.randint(*RUN_WORDS)])] = None
    rows = [text for text in found if text not in asked]
    rng.shuffle(rows)
    print(f"{whole} sentences and pairs, {len(rows)} texts in all, {min(count, len(rows))} taken")
    return rows[:count] + list(asked)


def _sentences(text: str):
    for sentence in SENTENCE.split(text):
        words = sentence.split()
        if SENTENCE_WORDS[0] <= len(words) <= SENTENCE_WORDS[1]:
            yield words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=9)
    asked = parser.parse_args()
    import ragcore

    with asked.texts.open(encoding="utf-8") as file:
        passages = list(dict.fromkeys(json.loads(line)["text"] for line in file))
    texts = cut(passages, asked.count, asked.queries, random.Random(asked.seed))
    embedder = ragcore.Embedder(asked.model, precision="int8", threads=asked.threads)
    rows = np.empty((len(texts), embedder.dim), dtype=np.float16)
    start, began = time.process_time(), time.monotonic()
    for at in range(0, len(texts), PART):
        rows[at : at + PART] = embedder.encode(texts[at : at + PART])
        done = min(at + PART, len(texts))
        if at // PART % 8 == 0 or done == len(texts):
            rate = done / (time.process_time() - start)
            print(
                f"{time.monotonic() - began:5.0f} s: {done} texts, {rate:.0f} a CPU s", flush=True
            )
    np.save(asked.out, rows)


if __name__ == "__main__":
    main()
