"""Comparing an open store with what it should hold, in `get`, `count` and search alike."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np

from documents import Doc, Model, of_model, texts, vectors, word
from subject import Store

#: A column of the table and a sentence.
Trouble = tuple[str, str]


def read(store: Store, dim: int) -> tuple[Model, list[Trouble]]:
    """Everything that `get` answers, as a model, and what is not as it was given."""
    numbers = store.numbers()
    found = store.get(numbers)
    docs = [entry.doc for entry in found if entry is not None]
    held = {doc.number: (doc.version, doc.batch) for doc in docs}
    if [doc.number for doc in docs] != numbers or len(held) != len(numbers):
        return held, [("torn", "the list of ids and what get answers are not the same")]
    if not all(0 <= field < 1 << 62 for doc in docs for field in doc):
        return held, [("silent", "a document has numbers that were never given")]
    given, grid = _given(tuple(docs), dim)
    got = [entry.text for entry in found]
    if got != given:
        doc, one, other = next(x for x in zip(docs, got, given, strict=True) if x[1] != x[2])
        return held, [("silent", f"the text of {doc} is {one!r}, not {other!r}")]
    if not all(entry.vector.shape == (dim,) for entry in found):
        return held, [("silent", f"a vector has not {dim} numbers")]
    # Written so that a NaN is wrong too.
    if docs and not np.abs(np.stack([entry.vector for entry in found]) - grid).max() < 1e-5:
        return held, [("silent", "a vector is not the one given")]
    return held, []


@lru_cache(maxsize=8)
def _given(docs: tuple[Doc, ...], dim: int) -> tuple[list[str], np.ndarray]:
    return texts(list(docs)), vectors(list(docs), dim)


def judge(
    store: Store, dim: int, states: list[Model], rng: random.Random, sample: int = 20
) -> tuple[int | None, Model, list[Trouble]]:
    """Which of the allowed states this store is in, and all that is wrong.

    The first of `states` holds all that was acknowledged; each next one has one change more.
    """
    held, troubles = read(store, dim)
    state = next((i for i, state in enumerate(states) if state == held), None)
    if state is None:
        troubles.append(_difference(held, states))
    if store.count() != len(held):
        troubles.append(("torn", f"count says {store.count()}, get has {len(held)}"))
    if held:
        batch = rng.choice(list(held.values()))[1]
        want = sum(entry[1] == batch for entry in held.values())
        if store.count(batch) != want:
            troubles.append(
                ("torn", f"count of batch {batch} says {store.count(batch)}, not {want}")
            )
    troubles += searched(store, dim, held, states, rng, sample)
    troubles += [("torn", f"verify: {problem}") for problem in store.problems()[:3]]
    return state, held, troubles


def _difference(held: Model, states: list[Model]) -> Trouble:
    numbers = set(held).union(*states)
    for number in sorted(numbers):
        allowed = {state.get(number) for state in states}
        if held.get(number) not in allowed:
            first = states[0].get(number)
            return "lost", f"document {number} is {held.get(number)}, acknowledged was {first}"
    return "torn", f"{len(held)} documents that are no state of {[len(s) for s in states]}"


def searched(
    store: Store, dim: int, held: Model, states: list[Model], rng: random.Random, sample: int
) -> list[Trouble]:
    """What is here is found by its own word and its own vector; what is not is not."""
    last, first = set(of_model(states[-1])), set(of_model(states[0]))
    changed = sorted(last ^ first)
    docs = of_model(held)
    chosen = rng.sample(docs, min(sample, len(docs))) + changed[: 2 * sample]
    chosen += [doc._replace(version=doc.version - 1) for doc in chosen if doc.version]
    if not chosen:
        return []
    here = [held.get(doc.number, (-1,))[0] == doc.version for doc in chosen]
    found = store.find("lexical", [word(doc) for doc in chosen], np.empty((0, dim)), 2)
    troubles: list[Trouble] = []
    for doc, expected, hits in zip(chosen, here, found, strict=True):
        want = [doc.number] if expected else []
        if [number for number, _ in hits] != want:
            troubles.append(("torn", f"the word of {doc} finds {hits}, not {want}"))
    present = [doc for doc, expected in zip(chosen, here, strict=True) if expected]
    troubles += [
        ("torn", f"{doc} is not found by its vector") for doc in unseen(store, dim, present)
    ]
    return troubles[:3]


def unseen(store: Store, dim: int, docs: list[Doc]) -> list[Doc]:
    """Documents that their own vector does not find first."""
    if not docs:
        return []
    found = store.find("dense", [], vectors(docs, dim), 1)
    return [
        doc
        for doc, hits in zip(docs, found, strict=True)
        if not hits or hits[0][0] != doc.number or not abs(hits[0][1] - 1) < 1e-3
    ]
