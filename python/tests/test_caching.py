"""Caches as objects of their own, and with an engine and a server that several share."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import ragcore as rag
from ragcore import aio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a real Redis server that ends with the test."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("Ready to accept" in line for line in process.stdout)
        yield f"redis://127.0.0.1:{port}"
        process.kill()


def engine(cache: rag.Cache) -> rag.Engine:
    app = rag.Engine(rag.open(), cache=cache)
    app.add_documents(["Yeast eats sugar. Its gas makes the dough rise."], ids=["bread"])
    return app


def test_a_cache_says_what_happened() -> None:
    cache = rag.Cache(answers_s=60)
    assert cache.stats() == {"layers": {}, "nearby": None, "remote": None}
    app = engine(cache)
    first, second = (app.ask("what makes the dough rise?") for _ in range(2))
    assert not first.cached
    assert second.cached
    assert second.text == first.text
    answers = cache.stats()["layers"]["answers"]
    assert answers["hits"] == 1
    assert answers["entries"] == 1
    cache.clear_tenant("another")
    assert app.ask("what makes the dough rise?").cached
    cache.clear()
    assert not app.ask("what makes the dough rise?").cached
    cache.clear_tenant(None)


def test_options_are_checked_by_the_core() -> None:
    with pytest.raises(rag.InvalidArgument, match="answers_s must be in 0"):
        rag.Cache(answers_s=-1)
    with pytest.raises(rag.InvalidArgument, match="near_duplicates"):
        rag.Cache(near_duplicates=2)
    with pytest.raises(rag.InvalidArgument) as caught:
        rag.Cache(redis="redis://u:hunter2@host/x")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(rag.Unsupported, match="TLS"):
        rag.Cache(redis="rediss://u:hunter2@host")
    assert "hunter2" not in repr(rag.Cache(redis="redis://u:hunter2@host"))


@pytest.mark.loopback
def test_a_server_is_used_and_done_without(server: str) -> None:
    cache = rag.Cache(redis=server, remote_timeout_ms=10_000)
    app = engine(cache)
    app.ask("what makes the dough rise?")
    remote = cache.stats()["remote"]
    assert remote["up"]
    assert remote["errors"] == 0
    cache.clear()
    gone = rag.Cache(redis="redis://127.0.0.1:1", remote_timeout_ms=10_000)
    app = engine(gone)
    assert not app.ask("what makes the dough rise?").cached
    assert app.ask("what makes the dough rise?").cached
    remote = gone.stats()["remote"]
    assert not remote["up"]
    assert remote["outages"] == 1
    assert "127.0.0.1:1" in remote["warning"]
    with pytest.raises(rag.Upstream):
        gone.clear()


def test_coroutines() -> None:
    async def main() -> None:
        cache = await aio.Cache(answers_s=60)
        assert (await cache.stats())["remote"] is None
        await cache.clear()
        await cache.clear_tenant("shop")
        assert await aio.question_difference("who won in 2020", "who won in 2021") == "numbers"

    asyncio.run(main())


def test_questions_are_texts() -> None:
    with pytest.raises(rag.InvalidArgument):
        rag.question_difference("why", 3)  # type: ignore[arg-type]
    assert rag.question_difference("x" * 3000, "y" * 3000) == "length"
