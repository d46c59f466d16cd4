"""The collection from Python: what goes in comes back, and what Python adds around it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ragcore as rag

TEXTS = {
    "tides": "The moon pulls the sea and makes the tides.",
    "yeast": "Yeast eats sugar and makes the dough rise.",
    "loans": "The bank lends money at a yearly interest rate.",
}


def filled(**options: Any) -> rag.Collection:
    col = rag.open(**options)
    years = [{"year": 2018 + i, "tags": ["t", str(i)]} for i in range(len(TEXTS))]
    col.add(list(TEXTS), list(TEXTS.values()), metadata=years)
    return col


def test_a_question_in_other_words_finds_its_passage() -> None:
    col = filled()
    hits = col.search("why does bread rise?", k=2, explain=True)
    assert hits.ids[0] == "yeast" and len(hits) == 2
    best = hits[0]
    assert best.text == TEXTS["yeast"] and best.metadata["year"] == 2019
    split = best.explanation
    assert split is not None
    total = split["lexical"] + split["dense"] + split["user"] + sum(split["dials"].values())
    assert total == pytest.approx(best.score, abs=1e-5)
    assert col.search("bread")[0].explanation is None


def test_modes_give_the_scores_they_name() -> None:
    col = filled()
    assert col.search("moon", mode="lexical")[0].dense_score is None
    assert col.search("moon", mode="dense")[0].lexical_score is None
    vector = col.embedder.encode("moon", kind="query")
    by_vector, by_text = col.search(vector), col.search("moon", mode="dense")
    assert by_vector.ids == by_text.ids
    assert np.allclose(by_vector.scores, by_text.scores, atol=1e-6)
    with_own = col.search("moon", vector=vector)
    assert with_own.ids == col.search("moon").ids


def test_many_questions_are_the_single_ones() -> None:
    col = filled()
    queries = ["moon", "sugar", "money"]
    assert col.search_many(queries, 2) == [col.search(query, 2) for query in queries]
    vectors = col.embedder.encode(queries, kind="query")
    found = col.search_many(vectors, 2)
    assert [hits.ids for hits in found] == [col.search(v, 2).ids for v in vectors]
    assert [h.ids for h in col.search_many(queries, 2, vectors=vectors)] == [
        col.search(q, 2).ids for q in queries
    ]


def test_filters_count_and_delete() -> None:
    col = filled()
    assert col.count() == 3 and col.count({"year": {"$gte": 2019}}) == 2
    assert col.search("moon", filter={"tags": "2"}).ids == ["loans"]
    assert col.delete(["tides", "unknown"]) == 1
    assert col.delete(filter={"year": 2020}) == 1
    assert col.ids() == ["yeast"] and "tides" not in col and 3 not in col


def test_upsert_replaces_the_whole_document() -> None:
    col = filled()
    col.upsert(["tides", "new"], ["Something else.", "A new one."])
    [tides, none, new] = col.get(["tides", "none", "new"])
    assert tides is not None and tides.text == "Something else." and tides.metadata == {}
    assert none is None and new is not None and new.vector is not None
    assert np.linalg.norm(new.vector) == pytest.approx(1.0, abs=1e-5)


def test_a_store_opens_again_and_tells_its_state(tmp_path: Path) -> None:
    with filled(path=tmp_path / "store") as col:
        assert col.path == str(tmp_path / "store") and "3 documents" in repr(col)
        with pytest.raises(rag.Locked):
            rag.open(tmp_path / "store")
        col.checkpoint()
        col.backup(tmp_path / "copy")
        assert col.verify().ok
    with pytest.raises(rag.Closed):
        len(col)
    with rag.open(tmp_path / "copy", read_only=True) as copy:
        assert copy.search("moon").ids == filled().search("moon").ids
        assert copy.stats()["documents"] == 3
        with pytest.raises(rag.ReadOnly):
            copy.delete(["tides"])


def test_another_process_that_holds_the_store_is_named(tmp_path: Path) -> None:
    script = (
        "import sys, ragcore as rag; col = rag.open(sys.argv[1])\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(rag.Locked) as caught:
            rag.open(tmp_path / "store")
        assert caught.value.pid == other.pid
        other.stdin.close()
        assert other.wait(30) == 0
    rag.open(tmp_path / "store").close()


def test_a_reader_follows_a_writer_in_another_process(tmp_path: Path) -> None:
    script = (
        "import sys, ragcore as rag; col = rag.open(sys.argv[1]); print('open', flush=True)\n"
        "for line in sys.stdin:\n"
        "    word, _, rest = line.strip().partition(' ')\n"
        "    col.add([rest], [rest]) if word == 'add' else col.compact()\n"
        "    print('done', flush=True)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store")]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "open\n"
        with rag.open(tmp_path / "store", read_only=True) as reader:
            assert len(reader) == 0 and not reader.search("moon")
            for count, line in enumerate(["add moon", "add sun", "compact", "add star"], 1):
                other.stdin.write(line + "\n")
                other.stdin.flush()
                assert other.stdout.readline() == "done\n"
                assert len(reader) == (count if count < 3 else count - 1)
            assert reader.search("star", mode="lexical").ids == ["star"]
            assert reader.search("moon").ids[0] == "moon"
            other.stdin.close()
            assert other.wait(30) == 0
            assert len(reader) == 3 and reader.verify().ok


def test_damage_names_the_file_and_the_offset(tmp_path: Path) -> None:
    with filled(path=tmp_path / "store") as col:
        col.add(["later"], ["A record behind the damaged one."])
    log = tmp_path / "store" / "log-1"
    content = bytearray(log.read_bytes())
    content[200] ^= 0xFF
    log.write_bytes(content)
    with pytest.raises(rag.Corrupt) as caught:
        rag.open(tmp_path / "store")
    assert caught.value.file == str(log) and caught.value.offset is not None


def test_dials_live_in_the_collection(tmp_path: Path) -> None:
    polite = [f"could you please help with {x}, thank you" for x in ("this", "that", "it", "tea")]
    blunt = [f"give me {x} now" for x in ("this", "that", "it", "tea")]
    with filled(path=tmp_path / "store") as col:
        dial = col.steering.learn("polite", polite, blunt)
        assert dial.name == "polite" and col.steering.dials == ["polite"]
        query = col.embedder.encode("moon", kind="query")
        moved = col.steering.apply(query, {"polite": 1.0})
        assert np.array_equal(col.steering.apply(query, {"polite": 0.0}), query)
        assert float(moved @ dial.vector) > float(query @ dial.vector)
        col.steering.feedback(query, col.get(["tides"])[0].vector, 1.0, user="ann", at=0.0)  # type: ignore[union-attr]
        assert col.steering.users == ["ann"]
        explained = col.search("moon", steer={"polite": 1.0}, user="ann", explain=True)[0]
        assert explained.explanation is not None and "polite" in explained.explanation["dials"]
    with rag.open(tmp_path / "store") as col:
        assert "polite" in col.steering and list(col.steering) == ["polite"]
        free = rag.Steering()
        free.merge(col.steering)
        assert free.dials == ["polite"] and free.users == ["ann"]
        col.steering.save(tmp_path / "dials")
        assert rag.Steering.load(tmp_path / "dials").dials == ["polite"]
        assert col.steering.forget("ann") and not col.steering.forget("ann")
        assert col.steering.retrain().events == 0
        col.steering.remove("polite")
        assert len(col.steering) == 0


def test_another_model_is_refused(tmp_path: Path, model_folder: Path) -> None:
    filled(path=tmp_path / "store").close()
    with pytest.raises(rag.ModelMismatch):
        rag.open(tmp_path / "store", embedder=rag.Embedder(model_folder))


def columns() -> dict[str, Callable[[list[Any]], Any]]:
    import pandas
    import pyarrow

    class Stream:
        """A table of another library: it speaks Arrow's stream and nothing else."""

        def __init__(self, values: list[Any]) -> None:
            self._table = pyarrow.table({"only": values})

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self._table.__arrow_c_stream__(requested_schema)

    return {
        "list": list,
        "tuple": tuple,
        "generator": lambda values: (v for v in values),
        "dict keys": lambda values: dict.fromkeys(values).keys(),
        "NumPy strings": lambda values: np.array(values),
        "NumPy objects": lambda values: np.array(values, dtype=object),
        "pandas Series": pandas.Series,
        "pandas Index": pandas.Index,
        "pandas column of objects": lambda v: pandas.DataFrame({"a": v}, dtype=object)["a"],
        "Arrow array": pyarrow.array,
        "Arrow chunks": lambda values: pyarrow.chunked_array([values[:1], values[1:]]),
        "Arrow stream": Stream,
    }


@pytest.mark.parametrize(
    "kind",
    ["list", "tuple", "generator", "dict keys", "NumPy strings", "NumPy objects", "pandas Series",
     "pandas Index", "pandas column of objects", "Arrow array", "Arrow chunks", "Arrow stream"],
)  # fmt: skip
def test_columns_of_every_library_are_welcome(kind: str) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    make = columns()[kind]
    col = rag.open()
    col.add(make(list(TEXTS)), make(list(TEXTS.values())))
    assert col.ids() == list(TEXTS)
    assert [d.text for d in col.get(make(list(TEXTS))) if d] == list(TEXTS.values())
    assert len(col.search_many(make(["moon", "sugar"]))) == 2


def test_a_table_of_several_columns_is_no_list_of_texts() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": ["x"], "b": ["y"]})
    for several in (table, table.to_pandas()):
        with pytest.raises(rag.InvalidArgument, match="columns a, b"):
            rag.open().add(["x"], several)
    one = table.select(["b"])
    col = rag.open()
    col.add(["x", "y"], pyarrow.concat_tables([one, one]))
    assert [d.text for d in col.get(["x", "y"]) if d] == ["y", "y"]


def test_the_rows_of_a_table_are_metadata() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    rows = [{"lang": "en", "year": 2020}, {"lang": "de", "year": 2021}]
    table = pyarrow.Table.from_pylist(rows)
    for metadata in (rows, iter(rows), table, table.to_pandas(), table.to_reader()):
        col = rag.open(dim=2)
        col.add(["x", "y"], vectors=[[1, 0], [0, 1]], metadata=metadata)
        assert [d.metadata for d in col.get(["x", "y"]) if d] == rows


def test_arrow_metadata_and_missing_texts() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    col = rag.open(dim=2)
    metadata = pyarrow.array([{"a": 1}, None])
    col.add(["x", "y"], [None, "text"], vectors=[[1, 0], [0, 1]], metadata=metadata)
    [x, y] = col.get(["x", "y"])
    assert x is not None and x.text is None and x.metadata == {"a": 1}
    assert y is not None and y.text == "text" and y.metadata == {}
