"""The whole library on one page, cell by cell.

A folder of text is split, embedded, searched, steered by a dial that is learnt in the run, tuned
by a bandit and routed over a Pareto front. Run it as it is, or open it as a notebook: every
`# %%` begins a cell.

    python examples/python/quickstart.py
    python examples/python/quickstart.py ~/notes --ask "when is the boiler serviced?"
"""

# %% What to read, and what to ask
import argparse
import random
import time
from pathlib import Path

import numpy as np
import ragcore as rag

ROOT = Path(__file__).resolve().parents[2]
OWN = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"]
STRENGTH = 3.0

parser = argparse.ArgumentParser(description="Search a folder of text.")
parser.add_argument("paths", nargs="*", type=Path, help="files or folders; this project's docs")
parser.add_argument("--ask", default="What happens to my data when the power fails?")
parser.add_argument("--k", type=int, default=5, help="how many passages to show")
parser.add_argument("--store", help="keep the collection in this directory")
parser.add_argument("--model", help="a model folder; the built-in model if none is named")
parser.add_argument("--ext", default="md,markdown,txt,rst", help="endings of the files to read")
args = parser.parse_args()


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}")


def show(hits):
    print("     score    bm25  cosine  where")
    for rank, hit in enumerate(hits, 1):
        bm25, cosine = ("     -" if s is None else f"{s:6.3f}" for s in hit[4:6])
        line = " ".join(hit.text.split())
        print(f"{rank:3}. {hit.score:.4f}  {bm25}  {cosine}  {place(hit.id)}")
        print(f"     {line[:96]}{'...' if len(line) > 96 else ''}")


def place(id):
    return id.rpartition("@")[0]


# %% The model and the collection
embedder = rag.Embedder(args.model)
col = rag.open(args.store, embedder=embedder)
print(f"model: {embedder.name} ({embedder.dim} dimensions)")


# %% Read and split: passages that know their file and line
def files(path):
    """The text files below a path, hidden and built folders left out."""
    if path.is_file():
        return [path]
    found = []
    for entry in path.iterdir():
        if entry.name.startswith(".") or entry.name in {"target", "node_modules", "__pycache__"}:
            continue
        if entry.is_dir() and not entry.is_symlink():
            found += files(entry)
        elif entry.suffix[1:].lower() in args.ext.split(","):
            found.append(entry)
    return found


if len(col) == 0:
    base = Path() if Path.cwd() == ROOT else ROOT
    paths = args.paths or [base / name for name in OWN]
    ids, texts, metadata = [], [], []
    for file in sorted({file for path in paths for file in files(path)}):
        text = file.read_bytes().decode()
        mode = "markdown" if file.suffix in (".md", ".markdown") else "sentence"
        for chunk in rag.Chunker(embedder, mode=mode, max_tokens=128).split(text):
            line = text.count("\n", 0, chunk.start) + 1
            start = len(text[: chunk.start].encode())
            ids.append(f"{file}:{line}@{start}")
            texts.append(chunk.text)
            metadata.append({"file": str(file), "line": line, "start": start})
    col.add(ids, texts, metadata=metadata, progress=True)
    print(f"indexed: {len(col)} passages of {len({m['file'] for m in metadata})} files")
else:
    print(f"opened: {len(col)} passages that an earlier run saved")

# %% Ask
heading(f"Question: {args.ask}")
plain = col.search(args.ask, k=args.k)
show(plain)

# %% Learn a dial from examples, and ask again with it turned up
lines = (ROOT / "examples" / "data" / "hands-on.txt").read_text("utf-8").splitlines()
instructions = [line[2:] for line in lines if line.startswith("+ ")]
background = [line[2:] for line in lines if line.startswith("- ")]
if "hands-on" not in col.steering:
    col.steering.learn("hands-on", instructions, background)
effect = col.steering["hands-on"].effect

heading(f'The same, with the dial "hands-on" at {STRENGTH:g}')
print(
    f"learnt from {len(instructions)} pairs, "
    f"held-out effect {effect.value:.2f} sd [{effect.low:.2f}, {effect.high:.2f}]"
)
steered = col.search(args.ask, k=args.k, steer={"hands-on": STRENGTH})
show(steered)
print("entered:", ", ".join(place(i) for i in steered.ids if i not in plain.ids) or "nothing")
print("left:   ", ", ".join(place(i) for i in plain.ids if i not in steered.ids) or "nothing")


# %% Questions with a known answer: half of the words of a passage, which is the one wanted
def probes(n, seed):
    rng = random.Random(seed)
    found = []
    for document in col.get(rng.sample(col.ids(), len(col))):
        words = document.text.split()[:24]
        if len(words) >= 8 and len(found) < n:
            found.append((" ".join(rng.sample(words, len(words) // 2)), document.id))
    return found


def reward(hits, wanted):
    """One over the rank, which is what a click on the right hit would tell."""
    return 1.0 / (hits.ids.index(wanted) + 1) if wanted in hits.ids else 0.0


# %% A bandit tunes how much words weigh against meanings
heading("Three rounds of feedback: how much should words weigh against meanings?")
bandit = rag.Bandit((0.0, 1.0), priors={"this folder": 0.5}, seed=7)
for question, wanted in probes(3, seed=11):
    choice = bandit.choose("this folder")
    earned = reward(col.search(question, bm25_weight=choice.value), wanted)
    bandit.reward(choice, earned)
    best = bandit.best("this folder")
    print(f"tried {choice.value:.2f}, reward {earned:.2f}, best now {best:.2f}")

# %% Four ways of searching, and the one that the wish goes to
heading("Routing: four ways of searching, measured on questions with a known answer")
weight = bandit.best("this folder")
ways = {
    "words alone": {"mode": "lexical"},
    "meanings alone": {"mode": "dense"},
    "both": {"bm25_weight": weight},
    "both, diverse": {"bm25_weight": weight, "diversity": 0.5},
}
router = rag.Router(("cost", "quality", "diversity"), seed=7)
for name, way in ways.items():
    start = time.perf_counter()
    found = [(col.search(question, **way), wanted) for question, wanted in probes(24, seed=23)]
    cost = 1000 * (time.perf_counter() - start) / max(len(found), 1)
    quality = np.mean([reward(hits, wanted) for hits, wanted in found] or [0.0])
    spread = []
    for hits, _ in found:
        vectors = np.stack([document.vector for document in col.get(hits.ids[:5])])
        pairs = np.triu_indices(len(vectors), 1)
        spread.append(np.mean(1 - (vectors @ vectors.T)[pairs]) if len(vectors) > 1 else 0.0)
    diversity = np.mean(spread or [0.0])
    router.add(name, cost=cost, quality=quality, diversity=diversity)
    print(f"{name:16} cost {cost:7.3f} ms   quality {quality:.3f}   diversity {diversity:.3f}")
decision = router.route(preference={"cost": 0.1, "quality": 0.7, "diversity": 0.2})
print(f"on the front: {', '.join(decision.front)}; chosen: {decision.name}")

# %% Keep it
if args.store:
    col.checkpoint()
col.close()
