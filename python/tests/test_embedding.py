"""The embedder and the chunker from Python."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import ragcore as rag


def test_one_text_is_one_vector_and_several_are_rows(embedder: rag.Embedder) -> None:
    one = embedder.encode("a red apple")
    many = embedder.encode(["a red apple", "", "tax law"])
    assert one.shape == (embedder.dim,) and many.shape == (3, embedder.dim)
    assert one.dtype == many.dtype == np.float32
    assert np.array_equal(many[0], one)
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert embedder.encode([]).shape == (0, embedder.dim)
    assert one.flags.writeable and many.flags.writeable


def test_it_tells_what_it_is(embedder: rag.Embedder) -> None:
    assert embedder.dim > 0 and embedder.max_tokens > 0 and embedder.precision == "f32"
    assert embedder.name in repr(embedder) and len(embedder.fingerprint) == 16
    assert embedder.count_tokens("a red apple") >= 3
    assert rag.Embedder().fingerprint == embedder.fingerprint


def test_a_model_folder(model_folder: Path) -> None:
    model = rag.Embedder(model_folder, threads=1)
    assert (model.dim, model.max_tokens) == (384, 256)
    cat, dog, tax = model.encode(["a cat", "a dog", "income tax"])
    assert cat @ dog > cat @ tax
    copy = pickle.loads(pickle.dumps(model))
    assert copy.fingerprint == model.fingerprint
    assert rag.Embedder(str(model_folder), max_tokens=16).max_tokens == 16
    chunks = rag.Chunker(model, max_tokens=12).split("One two three. " * 20)
    assert len(chunks) > 3 and all(model.count_tokens(c.text) <= 14 for c in chunks)


def test_a_device_that_is_not_there_is_refused(model_folder: Path) -> None:
    with pytest.raises(rag.Unsupported, match=r"device is \"cuda:0\" and .*leave device out"):
        rag.Embedder(model_folder, device="cuda")
    with pytest.raises(rag.InvalidArgument, match=r"device must be .*got \"gpu\""):
        rag.Embedder(device="gpu")
    assert rag.Embedder(device="cpu").precision == "f32"


def test_texts_that_are_cut_are_counted_in_a_warning(model_folder: Path) -> None:
    model = rag.Embedder(model_folder, max_tokens=8)
    long = "one two three four five six seven eight nine"
    with pytest.warns(rag.TruncationWarning, match=r"^2 of 3 texts are longer than 8 tokens and"):
        rows = model.encode([long, "short", long + " ten"])
    assert np.array_equal(rows[0], rows[2])
    with pytest.warns(
        rag.TruncationWarning, match=r"^1 of 1 texts is longer than 8 tokens and was"
    ):
        assert np.array_equal(model.encode(long), rows[0])
    model.encode(["short", "one two three"])
    col = rag.open(embedder=model)
    with pytest.warns(
        rag.TruncationWarning, match=r"^2 of 3 texts are longer than 8 tokens"
    ) as seen:
        col.add(["a", "b", "c"], [long, "short", long + " ten"])
    assert seen[0].filename == __file__
    with pytest.warns(rag.TruncationWarning, match=r"^1 of 1 texts is"):
        col.upsert(["a"], [long])
    col.upsert(["b", "c"], vectors=np.eye(2, model.dim, dtype=np.float32))


def test_callers_that_share_passes_get_the_vectors_they_get_alone(model_folder: Path) -> None:
    texts = [f"text number {i} " * (1 + i % 5) for i in range(32)]
    alone = rag.Embedder(model_folder, threads=1)
    want = [alone.encode(text) for text in texts]
    shared = rag.Embedder(model_folder, max_wait_ms=1, max_batch=256)
    with ThreadPoolExecutor(32) as pool:
        for _ in range(3):
            for got, row in zip(pool.map(shared.encode, texts), want, strict=True):
                assert np.array_equal(got, row)


BUSY_FORK = """
import os, sys, threading, ragcore as rag
embedder = rag.Embedder(sys.argv[1], threads=2); want = embedder.encode(["a text"] * 8).tobytes()
stop = threading.Event()
def busy():
    while not stop.is_set():
        embedder.encode(["some words that take a while " * 9] * 8)
threads = [threading.Thread(target=busy) for _ in range(4)]
for t in threads: t.start()
for round in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if embedder.encode(["a text"] * 8).tobytes() == want else 4)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
stop.set()
for t in threads: t.join()
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_a_queue_of_its_own(model_folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", BUSY_FORK, str(model_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_chunks_count_by_what_they_are_told() -> None:
    text = "One two three. Four five six. Seven."
    counted = []

    def words(piece: str) -> int:
        counted.append(piece)
        return len(piece.split())

    chunks = rag.Chunker(max_tokens=4, counter=words).split(text)
    assert [c.text for c in chunks] == ["One two three.", "Four five six. Seven."]
    assert counted
    assert rag.Chunker().split("  \n ") == []

    def broken(piece: str) -> int:
        raise LookupError("no such token")

    with pytest.raises(LookupError, match="no such token"):
        rag.Chunker(counter=broken).split(text)
    with pytest.raises(rag.Unsupported, match="give an embedder"):
        rag.Chunker(mode="semantic").split(text)
    with pytest.raises(rag.InvalidArgument):
        rag.Chunker("model")  # type: ignore[arg-type]


def test_chunks_keep_to_their_subject() -> None:
    cats = (
        "The cat purrs when it is stroked. Cats sleep for most of the day and hunt at night. "
        "A kitten plays with a ball of wool. Its mother licks its fur and carries it by the neck. "
        "Whiskers tell a cat how wide a gap is."
    )
    banks = (
        "The bank lends money at interest. Banks keep the savings of many people in accounts. "
        "Loans are paid back over several years. A central bank sets the rate for all of them. "
        "Deposits are insured up to a limit."
    )
    text = f"{cats}\n\n{banks}"
    chunker = rag.Chunker(rag.Embedder(), mode="semantic")
    assert [chunk.text for chunk in chunker.split(text)] == [cats, banks]

    def words(piece: str) -> int:
        return len(piece.split())

    counted = rag.Chunker(rag.Embedder(), mode="semantic", max_tokens=50, counter=words)
    assert [chunk.text for chunk in counted.split(text)] == [cats, banks]
    col = rag.open()
    rag.Engine(col).add_documents([text], ids=["both"], mode="semantic")
    assert len(col) == 2
