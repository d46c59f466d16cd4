"""Writes `steering-1.safetensors`: a steering set of format 1, from its description alone.

Two dials, the second one without an effect; ratings of nobody, of ann and of bob, bob's last one
dropped by a filter; a dial that was on and has been removed since. The query was the first axis.
"""

import json
import pathlib
import struct
import zlib


def tensor(kind, shape, values):
    code = {"F32": "f", "F64": "d", "U64": "Q", "U32": "I", "U8": "B"}[kind]
    return kind, shape, struct.pack(f"<{len(values)}{code}", *values)


# (user, time, rating, kept, what the item was beside the query)
RATINGS = [
    (0, 10.0, 0.75, 1, (0.0, 0.6, 0.8)),
    (1, 11.0, 1.0, 1, (0.0, 0.8, 0.0)),
    (1, 12.0, 0.25, 1, (0.0, 0.0, -0.6)),
    (1, 13.0, 1.0, 1, (0.0, 0.6, 0.0)),
    (2, 14.0, 1.0, 1, (0.0, 0.0, 0.8)),
    (2, 15.0, 0.0, 0, (0.0, 0.0, 0.6)),
]
n = len(RATINGS)
tensors = {
    "dials": tensor("F32", [2, 3], [0.6, 0.8, 0.0, 0.0, 0.0, 1.0]),
    "residuals": tensor("F32", [n, 3], [v for r in RATINGS for v in r[4]]),
    "ratings": tensor("F64", [n], [r[2] for r in RATINGS]),
    "times": tensor("F64", [n], [r[1] for r in RATINGS]),
    "ids": tensor("U64", [n, 2], [v for i in range(n) for v in (7, i)]),
    "users": tensor("U32", [n], [r[0] for r in RATINGS]),
    "kept": tensor("U8", [n], [r[3] for r in RATINGS]),
    "use_rating": tensor("U32", [2], [0, 0]),
    "use_dial": tensor("U32", [2], [0, 1]),
    "use_strength": tensor("F64", [2], [1.0, -0.5]),
}
crc = 0
for name in sorted(tensors):
    crc = zlib.crc32(tensors[name][2], crc)
about = {
    "kind": "steering",
    "version": 1,
    "crc32": crc,
    "dim": 3,
    "model": "some-model",
    "dials": [
        {"name": "trust", "scale": 0.5, "effect": [1.5, 1.0, 2.0], "generation": 2},
        {"name": "warm", "scale": 0.25, "effect": None, "generation": 0},
    ],
    "users": ["ann", "bob"],
    "used": ["gone", "trust"],
}
header, data = {"__metadata__": {"ragcore": json.dumps(about)}}, b""
# Wide numbers first, so that every tensor lies at a multiple of its numbers' size.
width = {"F64": 8, "U64": 8, "F32": 4, "U32": 4, "U8": 1}
for name, (kind, shape, values) in sorted(tensors.items(), key=lambda t: (-width[t[1][0]], t[0])):
    at = [len(data), len(data) + len(values)]
    header[name] = {"dtype": kind, "shape": shape, "data_offsets": at}
    data += values
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
path = pathlib.Path(__file__).with_name("steering-1.safetensors")
path.write_bytes(struct.pack("<Q", len(text)) + text + data)
