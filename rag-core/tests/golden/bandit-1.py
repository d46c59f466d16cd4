"""Writes `bandit-1.bandit`: a bandit of format 1, from its description alone.

Three arms, a domain with a guess and one without; four rewards, the history of which one worker
wrote; a choice that waits. The envelope is that of all saved things.
"""

import json
import pathlib
import struct
import zlib

TAG = 0xABCDEF << 40
MASK = 2**64 - 1


def splitmix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def fnv(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


ARMS = [0.0, 0.5, 1.0]
REWARDS = [("finance", 1, 0.75), ("finance", 2, 0.5), ("general", 0, 0.25), ("finance", 1, 1.0)]
digest, digests, parts, log = 0, [], {}, []
for i, (domain, arm, reward) in enumerate(REWARDS):
    for word in (TAG | i, fnv(domain), arm, struct.unpack("<Q", struct.pack("<d", reward))[0]):
        digest = splitmix64(digest ^ word)
    if (i + 1) & i == 0:
        digests.append(digest)
    part = parts.setdefault(domain, {"count": [0.0] * 3, "reward": [0.0] * 3, "squares": 0.0, "age": 0})
    part["count"][arm] += 1.0
    part["reward"][arm] += reward
    part["squares"] += reward**2
    log.append({"id": TAG | i, "domain": domain, "context": [1.0], "arm": ARMS[arm], "reward": reward, "propensity": 0.5})

saved = {
    "values": ARMS, "range": None, "policy": "thompson", "discount": 1.0, "exploration": None, "noise": None,
    "propensity_draws": 128, "log_size": 100, "seed": 7, "fixed_seed": True, "rng": [1, 2, 3, 4], "next": 5,
    "domains": {"finance": 0.5, "general": None},
    "histories": [{"digests": digests, "digest": digest, "length": len(REWARDS), "parts": parts}],
    "pending": [{"id": TAG | 4, "domain": "general", "context": None, "arm": 2, "propensity": 0.25}],
    "log": log,
}  # fmt: skip
payload = json.dumps(saved).encode()
head = b"RAGCORE\0" + b"bandit\0\0" + struct.pack("<IIQ", 1, zlib.crc32(payload), len(payload))
pathlib.Path(__file__).with_name("bandit-1.bandit").write_bytes(head + payload)
