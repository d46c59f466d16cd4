"""What an engine counts, as Python sees it: files, alerts, the page, those who are told."""

from __future__ import annotations

import asyncio
import html.parser
import pathlib
import sys
import threading
from typing import Any

import pytest
import ragcore as rag
from ragcore import aio


def app_of(**options: Any) -> rag.Engine:
    app = rag.Engine(rag.open(), **options)
    app.add_documents(["Yeast eats sugar. Its gas makes the dough rise."], ids=["bread"])
    return app


class Links(html.parser.HTMLParser):
    """What a page would load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_written_and_needs_nothing_beside_it(tmp_path: pathlib.Path) -> None:
    app = app_of(generators={"<b>bold": lambda prompt: "Gas."})
    assert "Nothing was asked yet" in app.report()
    app.ask("what makes the dough rise?")
    page = app.report(tmp_path / "report.html", title="Ours & <theirs>")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    read = Links()
    read.feed(page)
    assert read.loads == [] and "script" not in read.tags and "b" not in read.tags
    assert read.tags.count("svg") >= 4
    assert "Ours & <theirs>" in read.texts and "<b>bold" in read.texts
    assert "dough" not in page


def test_files_are_written_by_checkpoints_and_read_back(tmp_path: pathlib.Path) -> None:
    files = rag.MetricsFiles(tmp_path / "figures", every="day")
    app = app_of(metrics=files)
    app.ask("what makes the dough rise?")
    app.ask("what makes the dough rise?")
    app.checkpoint()
    (tmp_path / "figures" / "notes.txt").write_text("of somebody else")
    with app_of(metrics=rag.MetricsFiles(tmp_path / "figures", every="day")) as other:
        other.ask("what makes the dough rise?")
    kept = files.read()
    assert sum(s["figures"]["queries"] for s in kept["stretches"]) == 3
    assert kept["files"] >= 2 and kept["skipped"] == 1
    assert kept["stretches"][0]["to"] - kept["stretches"][0]["from"] == 86400
    assert files.read(until=1.0)["stretches"] == []
    assert "All days that are kept" in app.report()
    with pytest.raises(rag.InvalidArgument, match="keep_days"):
        rag.MetricsFiles(tmp_path, keep_days=0)
    with pytest.raises(rag.InvalidArgument, match="every"):
        rag.MetricsFiles(tmp_path, every="week")
    (tmp_path / "file").write_text("")
    with pytest.raises(rag.Error):
        rag.MetricsFiles(tmp_path / "file" / "folder")


def test_who_is_told_may_fail_and_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of()
    heard: list[dict[str, Any]] = []
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    def fails(event: dict[str, Any]) -> None:
        raise ValueError("its own fault")

    def asks(event: dict[str, Any]) -> None:
        heard.append({**event, "queries": app.metrics()["total"]["queries"]})

    numbers = [app.on_query(fails), app.on_query(asks)]
    answer = app.ask("what makes the dough rise?")
    assert [e["id"] for e in heard] == [answer.id] and heard[0]["queries"] == 1
    assert heard[0]["seconds"] > 0 and "question" not in heard[0]
    assert [type(u.exc_value) for u in unraisable] == [ValueError]
    for number in numbers:
        app.unsubscribe(number)
    app.ask("and what now?")
    assert len(heard) == 1
    with pytest.raises(rag.NotFound):
        app.unsubscribe(numbers[0])


def test_many_threads_are_told_without_waiting_for_each_other() -> None:
    app = app_of()
    heard: list[str] = []
    app.on_query(lambda event: heard.append(event["id"]))
    threads = [
        threading.Thread(target=lambda i=i: [app.ask(f"what {i} {j}?") for j in range(10)])
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(heard)) == 80


def test_alerts_are_there_to_be_asked_for() -> None:
    app = app_of()
    app.watch(window_minutes=1, limit=3.0)
    assert app.alerts() == []
    number = app.on_alert(print)
    app.unsubscribe(number)
    app.accept_alert("latency_p95")
    with pytest.raises(rag.InvalidArgument, match="figure must be one of"):
        app.accept_alert("weather")
    with pytest.raises(rag.InvalidArgument, match="limit"):
        app.watch(limit=0.5)


def test_coroutines_have_them_too(tmp_path: pathlib.Path) -> None:
    async def main() -> tuple[str, list[Any], dict[str, Any]]:
        files = await aio.MetricsFiles(tmp_path)
        app = await aio.Engine(await aio.open(), metrics=files)
        await app.add_documents(["Yeast eats sugar."])
        await app.ask("what eats sugar?")
        await app.checkpoint()
        return await app.report(), await app.alerts(), await files.read()

    page, alerts, kept = asyncio.run(main())
    assert page.startswith("<!doctype html>") and alerts == [] and kept["files"] == 1
