"""What no caller should send, against every door: an error of the library, or an exact answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag

NAN, INF = math.nan, math.inf
LONE = "a\ud800b"


def collection() -> rag.Collection:
    col = rag.open(dim=2)
    col.add(["a", "b"], ["first text", "second text"], vectors=[[1, 0], [0, 1]])
    return col


def dense() -> rag.DenseIndex:
    index = rag.DenseIndex(2)
    index.add([1, 2], [[1, 0], [0, 1]])
    return index


def lexical() -> rag.LexicalIndex:
    index = rag.LexicalIndex()
    index.add([1, 2], ["first text", "second text"])
    return index


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


#: What is tried, and what it must end in.
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    # numbers that are none
    "dense add nan": (lambda: dense().add([3], [[NAN, 0]]), rag.InvalidArgument),
    "dense add inf": (lambda: dense().add([3], [[INF, 0]]), rag.InvalidArgument),
    "dense add 1e300": (lambda: dense().add([3], [[1e300, 0]]), rag.InvalidArgument),
    "dense add zeros": (lambda: dense().add([3], [[0, 0]]), rag.InvalidArgument),
    "dense search nan": (lambda: dense().search([NAN, 0]), rag.InvalidArgument),
    "collection add nan": (
        lambda: collection().add(["c"], vectors=[[NAN, 0]]),
        rag.InvalidArgument,
    ),
    "collection search nan": (lambda: collection().search([NAN, 0]), rag.InvalidArgument),
    "collection search inf": (
        lambda: collection().search("x", vector=[INF, 0]),
        rag.InvalidArgument,
    ),
    "learn nan": (
        lambda: rag.SteeringVector.learn([[NAN, 1], [1, 1]], [[0, 1], [1, 0]]),
        rag.InvalidArgument,
    ),
    "apply nan": (lambda: rag.SteeringVector([1, 0]).apply([NAN, 0]), rag.InvalidArgument),
    "strength nan": (
        lambda: rag.SteeringVector([1, 0]).apply([1, 0], NAN),
        rag.InvalidArgument,
    ),
    "points nan": (lambda: rag.pareto_front([[NAN, 1]]), rag.InvalidArgument),
    "reward nan": (
        lambda: (b := rag.Bandit([0, 1], seed=1)).reward(b.choose(), NAN),
        rag.InvalidArgument,
    ),
    "arms nan": (lambda: rag.Bandit([0, NAN]), rag.InvalidArgument),
    "rating nan": (lambda: rag.Steering().feedback([1, 0], [0, 1], NAN), rag.InvalidArgument),
    "budget nan": (lambda: router().route(budget=NAN), rag.InvalidArgument),
    # dimensions
    "dense add dim": (lambda: dense().add([3], [[1, 0, 0]]), rag.DimensionMismatch),
    "dense search dim": (lambda: dense().search([1, 0, 0]), rag.DimensionMismatch),
    "dense of no dimension": (lambda: rag.DenseIndex(0), rag.InvalidArgument),
    "dense of a huge dimension": (lambda: rag.DenseIndex(10**12), rag.InvalidArgument),
    "dense of a negative dimension": (lambda: rag.DenseIndex(-3), rag.InvalidArgument),
    "dense of a broken dimension": (lambda: rag.DenseIndex(2.5), rag.InvalidArgument),  # type: ignore[arg-type]
    "collection add dim": (
        lambda: collection().add(["c"], vectors=[[1, 0, 0]]),
        rag.DimensionMismatch,
    ),
    "collection search dim": (lambda: collection().search([1, 0, 0]), rag.DimensionMismatch),
    "apply dim": (lambda: rag.SteeringVector([1, 0]).apply([1, 0, 0]), rag.DimensionMismatch),
    "router dim": (lambda: fitted().route([1.0, 2.0, 3.0]), rag.DimensionMismatch),
    # counts
    "dense k 0": (lambda: dense().search([1, 0], 0), rag.InvalidArgument),
    "dense k huge": (lambda: dense().search([1, 0], 10**9), rag.InvalidArgument),
    "dense k negative": (lambda: dense().search([1, 0], -1), rag.InvalidArgument),
    "dense k broken": (lambda: dense().search([1, 0], 2.5), rag.InvalidArgument),  # type: ignore[arg-type]
    "dense k of 2**80": (lambda: dense().search([1, 0], 2**80), rag.InvalidArgument),
    "dense k text": (lambda: dense().search([1, 0], "3"), rag.InvalidArgument),  # type: ignore[arg-type]
    "lexical k 0": (lambda: lexical().search("x", 0), rag.InvalidArgument),
    "lexical k huge": (lambda: lexical().search("x", 10**9), rag.InvalidArgument),
    "collection k 0": (lambda: collection().search("x", 0), rag.InvalidArgument),
    "collection k huge": (lambda: collection().search("x", 10**9), rag.InvalidArgument),
    "collection k negative": (lambda: collection().search("x", -1), rag.InvalidArgument),
    "collection k bool": (lambda: collection().search("x", True), rag.InvalidArgument),
    "mmr k 0": (lambda: rag.mmr([1], [[1, 0]], 0), rag.InvalidArgument),
    "mmr k huge": (lambda: rag.mmr([1], [[1, 0]], 10**9), rag.InvalidArgument),
    # keys and ids
    "dense duplicate": (lambda: dense().add([3, 3], [[1, 0], [0, 1]]), rag.AlreadyExists),
    "dense taken": (lambda: dense().add([1], [[1, 0]]), rag.AlreadyExists),
    "dense reserved": (lambda: dense().add([2**64 - 1], [[1, 0]]), rag.InvalidArgument),
    "dense remove unknown": (lambda: dense().remove([9]), rag.NotFound),
    "dense counts": (lambda: dense().add([3, 4], [[1, 0]]), rag.InvalidArgument),
    "lexical duplicate": (lambda: lexical().add([3, 3], ["x", "y"]), rag.AlreadyExists),
    "lexical counts": (lambda: lexical().add([3, 4], ["x"]), rag.InvalidArgument),
    "fuse duplicate": (lambda: rag.fuse([[1, 1]]), rag.InvalidArgument),
    "collection duplicate": (
        lambda: collection().add(["c", "c"], vectors=[[1, 0], [0, 1]]),
        rag.Error,
    ),
    "collection taken": (lambda: collection().add(["a"], vectors=[[1, 0]]), rag.AlreadyExists),
    "collection empty id": (lambda: collection().add([""], vectors=[[1, 0]]), rag.InvalidArgument),
    "collection NUL id": (
        lambda: collection().add(["a\0b"], vectors=[[1, 0]]),
        rag.InvalidArgument,
    ),
    "collection long id": (
        lambda: collection().add(["x" * 513], vectors=[[1, 0]]),
        rag.InvalidArgument,
    ),
    "collection id number": (
        lambda: collection().add([1], vectors=[[1, 0]]),
        rag.InvalidArgument,
    ),
    "collection id string": (lambda: collection().add("abc"), rag.InvalidArgument),
    "collection counts": (
        lambda: collection().add(["c", "d"], vectors=[[1, 0]]),
        rag.InvalidArgument,
    ),
    "collection text counts": (
        lambda: collection().add(["c", "d"], ["x"], vectors=[[1, 0], [0, 1]]),
        rag.InvalidArgument,
    ),
    "collection metadata counts": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[]),
        rag.InvalidArgument,
    ),
    # texts
    "surrogate id": (lambda: collection().add([LONE], vectors=[[1, 0]]), rag.InvalidArgument),
    "surrogate text": (
        lambda: collection().add(["c"], [LONE], vectors=[[1, 0]]),
        rag.InvalidArgument,
    ),
    "surrogate query": (lambda: collection().search(LONE, vector=[1, 0]), rag.InvalidArgument),
    "surrogate metadata": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{"a": LONE}]),
        rag.InvalidArgument,
    ),
    "surrogate key": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{LONE: 1}]),
        rag.InvalidArgument,
    ),
    "surrogate lexical": (lambda: lexical().add([3], [LONE]), rag.InvalidArgument),
    "surrogate lexical query": (lambda: lexical().search(LONE), rag.InvalidArgument),
    "surrogate chunk": (lambda: rag.Chunker().split(LONE), rag.InvalidArgument),
    "surrogate encode": (lambda: rag.Embedder().encode(["fine", LONE]), rag.InvalidArgument),
    "surrogate domain": (lambda: rag.Bandit([0, 1]).choose(LONE), rag.InvalidArgument),
    "surrogate dial": (lambda: rag.SteeringVector([1, 0], name=LONE), rag.InvalidArgument),
    "surrogate route": (lambda: router().add(LONE, cost=1), rag.InvalidArgument),
    "surrogate option": (lambda: rag.DenseIndex(2, metric=LONE), rag.InvalidArgument),
    "text of 17 MB": (
        lambda: collection().add(["c"], ["x" * (17 << 20)], vectors=[[1, 0]]),
        rag.InvalidArgument,
    ),
    "metadata of 2 MB": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{"a": "x" * (2 << 20)}]),
        rag.InvalidArgument,
    ),
    "bytes text": (lambda: lexical().add([3], [b"x"]), rag.InvalidArgument),
    "None among texts": (lambda: rag.Embedder().encode(["x", None]), rag.InvalidArgument),
    "one string as texts": (lambda: lexical().add([3], "x"), rag.InvalidArgument),
    "numbers as texts": (lambda: rag.Embedder().encode(7), rag.InvalidArgument),
    # metadata and filters
    "metadata number": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[1]),
        rag.InvalidArgument,
    ),
    "metadata set": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{"a": {1}}]),
        rag.InvalidArgument,
    ),
    "metadata nan": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{"a": NAN}]),
        rag.InvalidArgument,
    ),
    "metadata key number": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{1: 1}]),
        rag.InvalidArgument,
    ),
    "metadata deep": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[nested(100_000)]),
        rag.InvalidArgument,
    ),
    "metadata 10**400": (
        lambda: collection().add(["c"], vectors=[[1, 0]], metadata=[{"a": 10**400}]),
        rag.InvalidArgument,
    ),
    "filter number": (lambda: collection().count(3), rag.InvalidArgument),  # type: ignore[arg-type]
    "filter text": (lambda: collection().search("x", filter="a"), rag.InvalidArgument),  # type: ignore[arg-type]
    "filter operator": (lambda: collection().count({"a": {"$like": 1}}), rag.InvalidArgument),
    "filter or of a dict": (lambda: collection().count({"$or": {"a": 1}}), rag.InvalidArgument),
    "filter deep": (lambda: collection().count({"a": nested(100_000)}), rag.InvalidArgument),
    "filter wide": (
        lambda: collection().count({"a": {"$in": list(range(100_001))}}),
        rag.InvalidArgument,
    ),
    "filter in delete": (
        lambda: collection().delete(filter={"$where": "1"}),
        rag.InvalidArgument,
    ),
    # options
    "unknown metric": (lambda: rag.DenseIndex(2, metric="hamming"), rag.InvalidArgument),
    "unknown mode": (lambda: collection().search("x", mode="magic"), rag.InvalidArgument),
    "number for a choice": (lambda: rag.DenseIndex(2, metric=1), rag.InvalidArgument),  # type: ignore[arg-type]
    "weight above 1": (lambda: collection().search("x", bm25_weight=1.5), rag.InvalidArgument),
    "weight nan": (lambda: collection().search("x", bm25_weight=NAN), rag.InvalidArgument),
    "diversity list": (lambda: collection().search("x", diversity=[1]), rag.InvalidArgument),  # type: ignore[arg-type]
    "negative seed": (lambda: rag.Router(seed=-1), rag.InvalidArgument),
    "seed text": (lambda: rag.Bandit([0, 1], seed="x"), rag.InvalidArgument),  # type: ignore[arg-type]
    "threads 0": (lambda: rag.Embedder(threads=0), rag.InvalidArgument),
    "progress text": (lambda: rag.Embedder().encode(["x"], progress="yes"), rag.InvalidArgument),  # type: ignore[arg-type]
    # names that are not there
    "unknown dial": (lambda: collection().search("x", vector=[1, 0], steer={"t": 1}), rag.NotFound),
    "unknown choice": (lambda: rag.Bandit([0, 1]).reward(7, 1.0), rag.Error),
    "choice of another type": (lambda: rag.Bandit([0, 1]).reward("7", 1.0), rag.InvalidArgument),  # type: ignore[arg-type]
    "decision of another type": (lambda: router().observe("x", cost=1.0), rag.InvalidArgument),  # type: ignore[arg-type]
    "unknown decision": (lambda: router().observe(99, cost=1.0), rag.NotFound),
    "text without an embedder": (lambda: collection().add(["c"], ["text"]), rag.InvalidArgument),
    "everything excluded": (lambda: router().route(exclude=["only"]), rag.Error),
    "vector twice": (lambda: collection().search([1, 0], vector=[1, 0]), rag.InvalidArgument),
    "delete of nothing": (lambda: collection().delete(), rag.InvalidArgument),
    "memory for reading": (lambda: rag.open(read_only=True), rag.InvalidArgument),
    "missing file": (lambda: rag.Bandit.load("/no/such/file"), rag.NotFound),
    "missing folder": (lambda: rag.Embedder("/no/such/folder"), rag.NotFound),
    "missing store": (lambda: rag.open("/no/such/folder", read_only=True), rag.NotFound),
    "missing index": (lambda: rag.DenseIndex.open("/no/such/file"), rag.NotFound),
    "missing words": (lambda: rag.LexicalIndex.open("/no/such/file"), rag.NotFound),
}


def router() -> rag.Router:
    made = rag.Router(["cost"])
    made.add("only", cost=1.0)
    return made


def fitted() -> rag.Router:
    made = router()
    made.fit([[1.0, 0.0]], {"only": {"cost": [1.0]}})
    return made


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_an_error_of_the_library(name: str) -> None:
    attempt, error = REFUSED[name]
    with pytest.raises(error) as caught:
        attempt()
    assert isinstance(caught.value, rag.Error)
    message = str(caught.value)
    assert message and message[-1] != "." and "{" not in message.split(":")[0], message


def test_a_refused_batch_changes_nothing() -> None:
    col, index, words = collection(), dense(), lexical()
    before = col.stats()
    for bad in ([[1, 0], [NAN, 0]], [[1, 0], [0, 0, 0]], [[1, 0]]):
        with pytest.raises(rag.Error):
            col.add(["c", "d"], vectors=bad)
        with pytest.raises(rag.Error):
            index.add([3, 4], bad)
    with pytest.raises(rag.Error):
        words.add([3, 2], ["x", "y"])
    assert col.stats() == before and len(index) == 2 and len(words) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "nul \0 inside",
        "🙂",
        "e\u0301",
        "\u202eright to left",
        "a" * 1_000_000,
        "word " * 200_000,
    ],
    ids=[
        "empty",
        "space",
        "NUL",
        "NUL inside",
        "emoji",
        "combining",
        "bidi",
        "1 MB word",
        "1 MB text",
    ],
)
def test_texts_of_every_sort_come_back_exactly(text: str, embedder: rag.Embedder) -> None:
    col = rag.open()
    col.add(["t"], [text], metadata=[{"copy": text[:1000]}])
    [found] = col.get(["t"])
    assert found is not None
    assert found.text == text and found.metadata == {"copy": text[:1000]}
    vector = embedder.encode(text)
    assert vector.shape == (embedder.dim,) and np.isfinite(vector).all()
    for chunk in rag.Chunker(max_tokens=100).split(text):
        assert text[chunk.start : chunk.end] == chunk.text
    words = rag.LexicalIndex()
    words.add([1], [text])
    words.search(text[:100])


def test_metadata_of_every_sort_comes_back_exactly() -> None:
    metadata = {
        "none": None,
        "yes": True,
        "whole": 2**63,
        "negative": -(2**63),
        "real": 0.1,
        "tiny": 5e-324,
        "text": "\0 🙂",
        "list": [1, "a", [None, {}]],
        "": {"nested": {"deep": []}},
        "numpy": np.float64(0.5),
        "array": np.array([1, 2]),
        "tuple": (1, 2),
    }
    want = {**metadata, "numpy": 0.5, "array": [1, 2], "tuple": [1, 2]}
    col = rag.open(dim=2)
    col.add(["a"], vectors=[[1, 0]], metadata=[metadata])
    [found] = col.get(["a"])
    assert found is not None and found.metadata == want
    assert type(found.metadata["yes"]) is bool and type(found.metadata["whole"]) is int


def test_searching_more_than_there_is_and_nothing_at_all() -> None:
    assert collection().search("text", 10_000, mode="lexical").ids == ["a", "b"]
    keys, scores = dense().search([[1, 0]], 10_000)
    assert keys.shape == scores.shape == (1, 10_000)
    assert keys[0, 2:].tolist() == [2**64 - 1] * 9_998 and (scores[0, 2:] == -np.inf).all()
    empty = rag.open(dim=2)
    assert empty.search([1, 0]).ids == [] and len(empty) == 0
    assert dense().search(np.empty((0, 2), np.float32))[0].shape == (0, 10)
    assert collection().search_many([]) == []


@pytest.mark.parametrize(
    "kind", [rag.Bandit, rag.Steering, rag.Router, rag.DenseIndex, rag.LexicalIndex]
)
def test_files_that_are_none_are_refused(kind: Any, tmp_path: Path) -> None:
    read = getattr(kind, "load", None) or kind.open
    for i, content in enumerate((b"", b"junk", b"RAGCORE\0" + b"\xff" * 64, bytes(100))):
        path = tmp_path / str(i)
        path.write_bytes(content)
        with pytest.raises(rag.Error):
            read(path)


@pytest.mark.parametrize("make", [dense, lexical])
def test_every_damaged_byte_of_a_file_is_noticed(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "index"
    make().save(path)
    good = path.read_bytes()
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x10
        path.write_bytes(bad)
        with pytest.raises(rag.Error):
            type(make()).open(path)


def test_words_come_back_from_their_file(tmp_path: Path) -> None:
    words = rag.LexicalIndex(k1=0.9, language="none")
    words.add([5, 2**63], ["red apples", "a pear, red"])
    words.save(tmp_path / "words")
    again = rag.LexicalIndex.open(tmp_path / "words")
    for query in ("red", "apples pear", "?!"):
        for a, b in zip(again.search(query), words.search(query), strict=True):
            assert a.tolist() == b.tolist()
    with pytest.raises(rag.AlreadyExists):
        again.add([5], ["red"])
    again.remove([5])
    assert len(again) == 1 and 2**63 in again
    with pytest.raises(rag.InvalidArgument):
        rag.DenseIndex.open(tmp_path / "words")


def test_repeats_and_very_many_words_cost_no_more_than_their_postings() -> None:
    words = rag.LexicalIndex(language="none")
    words.add([1, 2, 3, 4], ["", "?! -- 🙂", "red " * 1_000_000, "red w17"])
    many = " ".join(f"w{i}" for i in range(10_000))
    assert words.search(many, 1)[0].tolist() == [4]
    assert words.search("red " * 1_000_000, 2)[0].tolist() == [3, 4]
    assert (words.search("?!", 2)[1] == -np.inf).all()
