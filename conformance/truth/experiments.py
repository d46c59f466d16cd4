"""Slow truth for who gets which variant: the description in docs/experiments.md, written down in Python.

Standard library only. Run from anywhere: it writes ../experiment_assign.json beside this folder.
"""

import json
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
LOW = (1 << 64) - 1


def stable_hash(salt, user):
    h = 0xCBF29CE484222325
    for byte in salt.encode() + b"\0" + user.encode():
        h = (h ^ byte) * 0x100000001B3 & LOW
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & LOW
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & LOW
    return h ^ h >> 33


def assign(name, variants, weights, user, salt="", layer="", layer_from=0, layer_to=1000):
    salt = salt or name
    slot = stable_hash(f"layer:{layer}" if layer else f"alone:{salt}", user) * 1000 >> 64
    if not layer_from <= slot < layer_to:
        return "none"
    left = stable_hash(f"variant:{salt}", user) * sum(weights) >> 64
    for variant, weight in zip(variants, weights, strict=True):
        if left < weight:
            return variant
        left -= weight
    raise AssertionError


rng = random.Random(1)
letters = "abcxyzäöü 中文-_@.0123456789"
names = ["ranking", "prompt", "größe", "x"]
cases = []


def add(label, inputs, options, want):
    cases.append(
        {"name": label, "inputs": inputs, "options": options, "seed": 0, "tolerance": 0.0, **want}
    )


for number in range(120):
    n = rng.randrange(2, 6)
    inputs = {
        "name": rng.choice(names),
        "variants": [f"v{i}" for i in range(n)],
        "weights": [rng.choice([1, 2, 50, 1000000]) for _ in range(n)],
        "user": "".join(rng.choice(letters) for _ in range(rng.randrange(1, 24))),
    }
    options = {}
    if number % 3 == 1:
        options["salt"] = rng.choice(["s", "2026"])
    if number % 3 == 2:
        low = rng.randrange(0, 900)
        options = {"layer": "search", "layer_from": low, "layer_to": rng.randrange(low + 1, 1001)}
    want = {
        "variant": assign(**inputs, **options),
        "hash": f"{stable_hash(inputs['name'], inputs['user']):016x}",
    }
    add(f"assigned {number}", inputs, options, {"want": want})
good = {"name": "x", "variants": ["a", "b"], "weights": [1, 1], "user": "ann"}
for label, wrong, options in [
    ("no user", {"user": ""}, {}),
    ("one variant", {"variants": ["a"], "weights": [1]}, {}),
    ("a weight of nothing", {"weights": [0, 1]}, {}),
    ("a weight beyond all", {"weights": [1000001, 1]}, {}),
    ("slots that end before they begin", {}, {"layer_from": 10, "layer_to": 10}),
    ("a slot beyond the last", {}, {"layer_to": 1001}),
]:
    add(label, {**good, **wrong}, options, {"error": "invalid_argument"})

doc = {
    "operation": "experiment_assign",
    "about": "The variant of a user, none for one who is not in the experiment, and the hash under the name.",
    "truth": "truth/experiments.py",
}
head = json.dumps(doc, indent=1)[:-2]
lines = ",\n  ".join(json.dumps(c) for c in cases)
(HERE.parent / "experiment_assign.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')
