"""Many threads, forks, signals: nothing hangs, nothing is torn, results do not change."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag


def test_eight_threads_read_and_write_at_once(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(400, 16)).astype(np.float32)
    index, words, col = rag.DenseIndex(16), rag.LexicalIndex(), rag.open(dim=16)
    steering = rag.Steering([rag.SteeringVector(vectors[0], name="dial")])
    bandit = rag.Bandit([0.0, 1.0], seed=1)

    def work(worker: int) -> int:
        for i in range(worker * 50, worker * 50 + 50):
            index.add([i], vectors[i : i + 1])
            words.add([i], [f"word{i} common"])
            col.add([str(i)], [f"word{i}"], vectors=vectors[i : i + 1])
            assert index.search(vectors[i], 1)[0][0] == i
            assert words.search(f"word{i}", 1)[0][0] == i
            assert col.search(f"word{i}", 1, vector=vectors[i]).ids == [str(i)]
            bandit.reward(bandit.choose("d"), 0.5)
            steering.feedback(vectors[i], vectors[0], 1.0, user=str(worker), at=float(i))
            steering.apply(vectors[i], {"dial": 1.0}, user=str(worker))
        return worker

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    assert len(index) == len(words) == len(col) == 400
    assert len(bandit.log) == 400
    assert steering.users == [str(w) for w in range(8)]
    assert col.verify().ok


def test_threads_do_not_change_results(embedder: rag.Embedder) -> None:
    texts = [f"text number {i} about {i % 7}" for i in range(200)]
    alone = embedder.encode(texts)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(embedder.encode, [texts] * 8):
            assert np.array_equal(found, alone)
    assert np.array_equal(rag.Embedder(threads=1).encode(texts), alone)


def test_the_interpreter_goes_on_during_a_call(embedder: rag.Embedder) -> None:
    texts = ["some words to embed " * 20] * 3000
    turns = 0
    done = threading.Event()

    def work() -> None:
        embedder.encode(texts)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        turns += 1
        time.sleep(0.0005)
    thread.join()
    assert turns > 3


def test_objects_that_merge_each_other_do_not_wait_for_each_other() -> None:
    a, b = rag.Bandit([0.0, 1.0], seed=1), rag.Bandit([0.0, 1.0], seed=2)
    for made in (a, b):
        made.reward(made.choose("d"), 1.0)

    def work(pair: tuple[rag.Bandit, rag.Bandit]) -> None:
        for _ in range(200):
            pair[0].merge(pair[1])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [(a, b), (b, a), (a, a), (b, b)], timeout=60))
    assert a.estimates("d") == b.estimates("d")


FORK = """
import os, sys, threading, ragcore as rag
col = rag.open(sys.argv[1], dim=2)
col.add(["a"], vectors=[[1.0, 0.0]])
index = rag.DenseIndex(2); index.add([1], [[1.0, 0.0]])
embedder = rag.Embedder(); want = embedder.encode(["a text"] * 64).tobytes()
bandit = rag.Bandit([0.0, 1.0], seed=1)
stop = threading.Event()
def busy():
    while not stop.is_set():
        bandit.choose("d"); index.search([1.0, 0.0]); embedder.encode(["x"] * 64)
threads = [threading.Thread(target=busy) for _ in range(3)]
for t in threads: t.start()
for round in range(5):
    child = os.fork()
    if child == 0:
        code = 0
        try:
            assert embedder.encode(["a text"] * 64).tobytes() == want
            for attempt in (lambda: index.search([1.0, 0.0]), lambda: bandit.choose("d")):
                try:
                    attempt()
                except rag.Forked:
                    pass
            try:
                len(col)
                code = 3
            except rag.Forked:
                pass
            fresh = rag.open(dim=2); fresh.add(["b"], vectors=[[0.0, 1.0]])
            assert fresh.search([0.0, 1.0]).ids == ["b"]
        except BaseException as error:
            sys.stderr.write(repr(error)); code = 4
        os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
stop.set()
for t in threads: t.join()
col.add(["b"], vectors=[[0.0, 1.0]])
assert len(col) == 2 and col.verify().ok
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_works_or_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


# A run in the background may have inherited an ignored SIGINT, so the script asks for Python's own.
INTERRUPT = """
import signal, sys, time, ragcore as rag
signal.signal(signal.SIGINT, signal.default_int_handler)
embedder = rag.Embedder()
embedder.encode(["warm"])
texts = ["a long text with many words in it " * 40] * 200_000
print("ready", flush=True)
start = time.monotonic()
try:
    embedder.encode(texts)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
def test_ctrl_c_stops_a_long_call() -> None:
    command = [sys.executable, "-c", INTERRUPT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "stopped\n"
        print(f"Ctrl-C was answered after {time.monotonic() - sent:.3f} s")
        assert child.wait(30) == 0


def test_progress_is_told_and_its_exceptions_arrive(embedder: rag.Embedder) -> None:
    texts = [f"text {i}" for i in range(5000)]
    told: list[tuple[int, int]] = []
    embedder.encode(texts, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5000, 5000) and told == sorted(told)

    def stop(done: int, total: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        embedder.encode(texts, progress=stop)
    col = rag.open()
    with pytest.raises(LookupError, match="enough"):
        col.add([str(i) for i in range(5000)], texts, progress=stop)
    assert len(col) == 0
    index = rag.DenseIndex(2)
    index.add([1], [[1, 0]])
    with pytest.raises(LookupError, match="enough"):
        index.search([[1, 0]], progress=stop)


def test_a_progress_function_may_use_the_objects_at_work(embedder: rag.Embedder) -> None:
    index = rag.DenseIndex(2)
    index.add([1], [[1.0, 0.0]])
    seen: list[Any] = []

    def use(done: int, total: int) -> None:
        seen.append((len(index), embedder.encode("inside").shape, index.search([1, 0], 1)[0][0]))

    index.search(np.ones((600, 2), np.float32), 1, progress=use)
    assert seen and seen[0] == (1, (embedder.dim,), 1)


def test_a_progress_function_may_change_the_index_that_is_searched() -> None:
    index = rag.DenseIndex(2)
    index.add([1, 2], [[1.0, 0.0], [0.0, 1.0]])
    writer = threading.Thread(target=lambda: index.add([3], [[1.0, 1.0]]))

    def change(done: int, total: int) -> None:
        if not writer.ident:
            writer.start()
            writer.join(30)
            index.remove([1])
        assert index.search([1.0, 0.0], k=1)[0].tolist() == [3]

    keys, _ = index.search(np.tile(np.float32([1, 0]), (600, 1)), k=1, progress=change)
    assert keys[0] == 1 and keys[-1] == 3, "later queries of many see a later state"
    assert sorted(index.keys.tolist()) == [2, 3]


def test_searches_go_on_during_a_long_addition() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(16_000, 32)).astype(np.float32)
    index = rag.DenseIndex(32)
    index.add(np.arange(3_000), vectors[:3_000])
    writer = threading.Thread(target=lambda: index.add(np.arange(3_000, 16_000), vectors[3_000:]))
    writer.start()
    during = 0
    while writer.is_alive():
        assert index.search(vectors[7], k=1, threads=1)[0].tolist() == [7]
        assert len(index) in (3_000, 16_000)
        during += writer.is_alive()
    writer.join()
    assert during > 3 and index.search(vectors[15_999], k=1)[0].tolist() == [15_999]


def test_the_bar_is_for_terminals(
    embedder: rag.Embedder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder.encode(["a", "b"], progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    embedder.encode(["a", "b"], progress=True)
    shown = capsys.readouterr().err
    assert shown.startswith("\rencode ") and "2/2" in shown and shown.endswith("\n")


@pytest.mark.parametrize(
    "make",
    [
        lambda: rag.DenseIndex(2),
        rag.LexicalIndex,
        lambda: rag.open(dim=2),
        lambda: rag.open(dim=2).steering,
    ],
    ids=["DenseIndex", "LexicalIndex", "Collection", "CollectionSteering"],
)
def test_what_cannot_be_pickled_says_so(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(make())


def test_memory_comes_back() -> None:
    class Array(np.ndarray):  # type: ignore[type-arg]
        """An array that can be watched."""

    vectors = np.eye(4, dtype=np.float32).view(Array)
    watched = weakref.ref(vectors)
    index = rag.DenseIndex(4)
    index.add(range(4), vectors)
    index.search(vectors, 2)
    del vectors
    gc.collect()
    assert watched() is None
