"""The pipeline from Python: what the core decides is tested there, what crosses the border here."""

from __future__ import annotations

import asyncio
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import ragcore as rag

BREAD = "Yeast eats sugar. Its gas makes the dough rise.\n\nBake it hot."
TIDES = "Der Mond zieht am Meer: Ärger für Fischer. The moon makes the tides."


def filled(**options: Any) -> rag.Engine:
    app = rag.Engine(rag.open(), **options)
    app.add_documents([BREAD, TIDES], ids=["bread", "tides"], metadata=[{"n": 1}, {"n": 2}])
    return app


def test_offsets_are_those_of_python() -> None:
    app = filled()
    answer = app.ask("what makes the tides?", k=2)
    citation = answer.citations[0]
    passage = next(p for p in answer.passages if p.id == citation.passage)
    assert passage.text[citation.source_start : citation.source_end].endswith("the tides.")
    assert "tides" in answer.text[citation.start : citation.end]
    assert TIDES[passage.start : passage.end] == passage.text
    assert passage.metadata == {"n": 2}
    evidence = app.retrieve("dough", k=1)
    assert evidence[0].document == "bread" and len(evidence) == 1 and not evidence.cached
    assert app.retrieve("dough", k=1).cached
    assert app.document("bread") == BREAD and app.documents() == ["bread", "tides"]


def test_functions_are_generators() -> None:
    asked: list[dict[str, Any]] = []

    def pieces(prompt: dict[str, Any]) -> Iterator[str]:
        asked.append(prompt)
        yield "It is gas [1]. "
        yield "[PRO TIP: bake "
        yield "it hot] Bye."

    app = filled(generators={"pieces": pieces, "one": lambda prompt: "One."}, scenario="studio")
    with app.ask("what makes the dough rise?", stream=True) as stream:
        events = list(stream)
    text = "".join(event for event in events if isinstance(event, str))
    assert text == stream.answer.text and stream.answer.finish == "stop"
    assert [event.text for event in events if isinstance(event, rag.Marker)] == ["bake it hot"]
    assert asked[0]["question"] == "what makes the dough rise?" and asked[0]["messages"]
    assert app.ask("what makes the dough rise?", generator="one").text == "One."
    assert app.generators == ["pieces", "one"]

    async def heard() -> list[Any]:
        return [event async for event in app.ask("and now?", stream=True)]

    assert asyncio.run(heard())


def test_closing_a_stream_stops_it() -> None:
    made: list[int] = []

    def endless(prompt: dict[str, Any]) -> Iterator[str]:
        for i in range(1_000_000):
            made.append(i)
            yield f"{i} "

    stream = filled(generators={"endless": endless}).ask("count", stream=True)
    assert next(stream) == "0 "
    stream.close()
    assert len(made) < 1_000_000 and stream.answer.finish == "cancelled"


def test_what_a_function_raises_is_upstream() -> None:
    def broken(prompt: dict[str, Any]) -> str:
        raise RuntimeError("secret " + prompt["question"])

    app = filled(generators={"broken": broken})
    with pytest.raises(rag.Upstream) as caught:
        app.ask("my canary")
    assert "canary" not in str(caught.value) and "RuntimeError" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert str(caught.value.__cause__) == "secret my canary"
    answers = app.ask_many(["a", "b"])
    assert all(isinstance(answer, rag.Upstream) for answer in answers)


def test_history_memory_and_feedback(tmp_path: pathlib.Path) -> None:
    with rag.open(tmp_path / "store") as col, rag.Engine(col) as app:
        app.add_documents([BREAD], ids=["bread"])
        answer = app.ask("what makes the dough rise?", user="ann", session="s")
        app.feedback(answer, 0.5)
        found = app.history().search("dough", user="ann")
        assert [a.id for a in found] == [answer.id] and found[0].to_dict()["rating"] == 0.5
        assert app.history().search(user="bob") == [] and len(app.history()) == 1
        memory = app.memory()
        assert memory.remember("ann", "city", {"name": "Ulm"})["value"] == {"name": "Ulm"}
        assert [f["key"] for f in memory.search("ann", "ulm")] == ["city"]
        with pytest.raises(rag.InvalidArgument):
            memory.remember("ann", "x", object())
        assert memory.forget("ann") == 1 and len(memory) == 0
        with pytest.raises(rag.NotFound):
            app.feedback("nobody", 1.0)
    with pytest.raises(rag.NotFound):
        filled(memory=False).memory()


def test_facts_agree_with_a_schema() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}
    memory = rag.Engine(rag.open(), memory_schema=schema, memory_previous=False).memory()
    memory.remember("ann", "age", 39)
    assert memory.remember("ann", "age", 40).get("previous") is None
    with pytest.raises(rag.InvalidArgument, match="age must be integer, got a string"):
        memory.remember("ann", "age", "forty")
    with pytest.raises(rag.InvalidArgument):
        rag.Engine(rag.open(), memory_schema={"type": "nothing"})
    with pytest.raises(rag.InvalidArgument, match="memory_schema holds None, bools"):
        rag.Engine(rag.open(), memory_schema={"type": object()})
    with pytest.raises(rag.InvalidArgument, match="memory_max_chars"):
        rag.Engine(rag.open(), memory_max_chars=0)


def test_folders_tenants_and_figures(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "bread.md").write_text("# Bread\n\n" + BREAD, encoding="utf-8")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8")
    app = rag.Engine(rag.open())
    assert app.add_documents(tmp_path, tenant="acme").ids == ["a/bread.md"]
    answer = app.ask("what makes the dough rise?", tenant="acme")
    assert answer.passages[0].metadata["title"] == "Bread"
    assert app.tenants == ["acme"] and app.remove_tenant("acme")
    with pytest.raises(rag.NotFound):
        app.ask("what?", tenant="acme")
    assert app.metrics()["total"]["queries"] == 2
    assert "rag_" in app.prometheus()
    assert json.dumps(app.cache.stats())


@pytest.mark.parametrize(
    "options",
    [{"k": 0}, {"dials": {"x": 2.0}}, {"strategy": "best"}, {"filter": {"$x": 1}}, {"kay": 1}],
)
def test_wrong_questions_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(rag.InvalidArgument):
        filled().ask("x", **options)
