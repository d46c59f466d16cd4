"""What every test gets: no network, unchanged arrays, the model folder when there is one."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag

ROOT = Path(__file__).resolve().parents[2]


LOOPBACK = ("127.0.0.1", "localhost", "::1")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach the network fails the test. Local sockets (asyncio's own) stay.

    Tests that are marked ``loopback`` may reach this machine itself.
    """
    allowed = LOOPBACK if request.node.get_closest_marker("loopback") else ()
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    addresses = socket.getaddrinfo

    def check(address: Any) -> None:
        if not isinstance(address, tuple) or address[0] not in allowed:
            raise AssertionError(f"a connection to {address} was attempted")

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def guard(self: socket.socket, address: Any) -> Any:
            if self.family != getattr(socket, "AF_UNIX", None):
                check(address)
                return call(self, address)
            return None

        return guard

    def named(*args: Any, **kwargs: Any) -> Any:
        check(args)
        return addresses(*args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", named)


@pytest.fixture
def unchanged() -> Iterator[Callable[[Any], Any]]:
    """``unchanged(array)`` remembers an array; at the end it must have the same bytes."""
    seen: list[tuple[Any, bytes]] = []

    def watch(array: Any) -> Any:
        seen.append((array, array.tobytes()))
        return array

    yield watch
    for array, before in seen:
        assert array.tobytes() == before, "a call changed the caller's array"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture(scope="session")
def embedder() -> rag.Embedder:
    return rag.Embedder()


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """A sentence-transformers folder; tests that need one are skipped visibly without it."""
    folder = os.environ.get("RAGCORE_TEST_MODEL")
    if not folder:
        pytest.skip("RAGCORE_TEST_MODEL names no model folder")
    return Path(folder)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The line that the workspace's test command adds up."""
    count = {
        name: len(terminalreporter.stats.get(name, []))
        for name in ("passed", "failed", "error", "skipped")
    }
    failed = count["failed"] + count["error"]
    terminalreporter.write_line(
        f"Python: {count['passed']} passed, {failed} failed, {count['skipped']} skipped"
    )
