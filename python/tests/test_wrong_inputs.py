"""What an embedder says to wrong inputs: what was found, what was expected, what to do."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import ragcore as rag
import tiny
from ragcore import aio

LONG = "the cat sat the cat"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.write(tmp_path / "model")


@pytest.fixture
def model(folder: Path) -> rag.Embedder:
    return rag.Embedder(folder, max_tokens=5)


def says(text: str) -> Any:
    return pytest.raises(rag.InvalidArgument, match=rf"^{re.escape(text)}$")


RANGES = {
    "threads": "1 to 256",
    "max_tokens": "1 to 1000000",
    "max_wait_ms": "0 to 10000",
    "max_batch": "1 to 65536",
}
NO_WHOLE_NUMBERS = [
    (-1, "-1"),
    (2.0, "2.0"),
    (2.5, "2.5"),
    (float("nan"), "NaN"),
    (2**70, "1.1805916207174113e21"),
    (True, "true"),
    ("3", '"3"'),
    (b"3", "bytes"),
    ([1], "list"),
]


@pytest.mark.parametrize("option", RANGES)
@pytest.mark.parametrize(("value", "shown"), NO_WHOLE_NUMBERS)
def test_whole_numbers_are_refused_with_their_range(option: str, value: Any, shown: str) -> None:
    with says(f"{option} must be a whole number from {RANGES[option]}, got {shown}"):
        rag.Embedder(**{option: value})


def test_other_whole_numbers_have_their_ranges_too() -> None:
    col = rag.open()
    k = "k must be a whole number from 1 to 10000, got "
    with says(k + "-1"):
        col.search("a", k=-1)
    index = rag.DenseIndex(2)
    with says(k + "2.5"):
        index.search([[1.0, 0.0]], k=2.5)  # type: ignore[arg-type]
    with says(k + "list"):
        rag.mmr([1.0], [[1.0, 0.0]], k=[1])  # type: ignore[arg-type]
    with says(k + "-3"):
        rag.LexicalIndex().search(["a"], k=-3)
    with says("dim must be a whole number from 1 to 65536, got -1"):
        rag.DenseIndex(-1)
    with says("dim must be a whole number from 1 to 65536, got -1"):
        rag.open(dim=-1)
    with says("max_tokens must be a whole number from 1 to 1000000, got -1"):
        rag.Chunker(max_tokens=-1)
    with says("seed must be a whole number from 0 to 18446744073709551615, got -1"):
        rag.Bandit([0.0, 1.0], seed=-1)


@pytest.mark.parametrize("value", [1, True, b"f32", [], "F32", "", "fp16"])
def test_a_choice_is_refused_with_the_choices(value: Any) -> None:
    with pytest.raises(rag.InvalidArgument, match=r'^precision must be one of "auto", "f32", '):
        rag.Embedder(precision=value)


WRONG_TEXTS: list[tuple[Any, str]] = [
    (None, "NoneType"),
    (b"x", "bytes"),
    ({}, "dict"),
    (["a"], "list"),
    (3, "int"),
    (3.5, "float"),
]


@pytest.mark.parametrize(("value", "kind"), WRONG_TEXTS)
def test_one_text_is_a_str(value: Any, kind: str, model: rag.Embedder) -> None:
    with says(f"text must be a str, got {kind}"):
        model.count_tokens(value)
    for chunker in (rag.Chunker(), rag.Chunker(model), rag.Chunker(counter=len)):
        with says(f"text must be a str, got {kind}"):
            chunker.split(value)


@pytest.mark.parametrize(("value", "kind"), [*WRONG_TEXTS, ([["a"]], "list")])
def test_each_of_many_texts_is_a_str(value: Any, kind: str, model: rag.Embedder) -> None:
    with says(f"texts[1] must be a str, got {kind}"):
        model.encode(["a", value])


def test_strings_that_are_no_texts(model: rag.Embedder) -> None:
    for call in (model.count_tokens, model.encode, rag.Chunker().split):
        with pytest.raises(rag.InvalidArgument, match=r"^texts?(\[0\])? holds a lone surrogate"):
            call("\ud800")
    assert model.count_tokens("") == 2 and model.count_tokens("cat\0") == 3


def test_names_and_users_are_strings() -> None:
    with pytest.raises(rag.InvalidArgument) as info:
        rag.open().search("a", user=1)  # type: ignore[arg-type]
    assert str(info.value) == "the argument must be a str, got int"
    assert info.value.__notes__ == ["while processing 'user'"]


def test_a_mark_of_utf8_changes_nothing(tmp_path: Path) -> None:
    def marked(value: object) -> bytes:
        return json.dumps(value).encode("utf-8-sig")

    settings = {
        "tokenizer_config": {"model_max_length": 7},
        "sentence_bert_config": {"max_seq_length": 6},
        "config_sentence_transformers": {"prompts": {"query": "the "}},
        "modules": [{"path": "", "type": "models.Transformer"}],
    }
    parts = {"config": tiny.CONFIG, "tokenizer": tiny.TOKENIZER, **settings}
    plain = rag.Embedder(tiny.write(tmp_path / "plain", **settings))
    folder = tiny.write(tmp_path / "marked", **{name: marked(v) for name, v in parts.items()})
    assert rag.Embedder(folder).max_tokens == plain.max_tokens == 6
    assert rag.Embedder(folder).fingerprint == plain.fingerprint


def test_an_empty_folder_is_told_what_belongs_there(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    parts = "config.json, tokenizer.json, model.safetensors"
    with pytest.raises(rag.NotFound) as info:
        rag.Embedder(empty)
    assert str(info.value) == (
        f"{empty} lacks {parts}; a model is a folder with {parts}: "
        "it is empty; download the model into it"
    )
    with pytest.raises(
        rag.NotFound, match=r"there is no model folder .* name a folder with config"
    ):
        rag.Embedder(tmp_path / "no")
    with pytest.raises(rag.NotFound, match=r"is .*inner the one that is meant"):
        rag.Embedder(tiny.write(tmp_path / "outer" / "inner").parent)


@pytest.mark.parametrize("part", ["config.json", "tokenizer.json", "model.safetensors"])
def test_what_is_no_file_is_refused_at_once(part: str, folder: Path) -> None:
    (folder / part).unlink()
    (folder / part).mkdir()
    with pytest.raises(rag.InvalidArgument, match=f"{part} is a folder, expected a file$"):
        rag.Embedder(folder)
    if hasattr(os, "mkfifo"):
        (folder / part).rmdir()
        os.mkfifo(folder / part)
        with pytest.raises(rag.InvalidArgument, match=f"{part} is a pipe, a socket or a device"):
            rag.Embedder(folder)


def test_a_link_to_nowhere_is_named(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(folder / "gone")
    with pytest.raises(rag.NotFound, match=r"config.json is a link to .*gone, which is not there"):
        rag.Embedder(folder)


def changed(**settings: object) -> dict[str, Any]:
    return {"config": {**tiny.CONFIG, **settings}}


DAMAGE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"config": b""}, rag.InvalidArgument, "config.json is empty; download it again"),
    ({"config": b"<html>"}, rag.InvalidArgument, "config.json is a web page"),
    ({"config": b"\xff\xfe{\0}\0"}, rag.InvalidArgument, "is UTF-16, expected UTF-8"),
    ({"config": b"{model: 1}"}, rag.InvalidArgument, "not JSON: .*; mend it or download"),
    ({"config": b'{"model_type"'}, rag.InvalidArgument, "it ends too early"),
    ({"config": [1]}, rag.InvalidArgument, "expected a map"),
    (changed(hidden_size=-4), rag.InvalidArgument, r"hidden_size must be in 1..=16384, got -4"),
    (changed(hidden_size=10**30), rag.InvalidArgument, r"must be in 1..=16384, got 1e\+30"),
    (changed(vocab_size=10**12), rag.InvalidArgument, "must be in 1..=4000000"),
    (changed(model_type="gpt2"), rag.Unsupported, 'model_type is "gpt2"; "bert"'),
    ({"tokenizer": {}}, rag.InvalidArgument, 'it has no "model"; save the tokenizer'),
    ({"model": tiny.weights()[:2500]}, rag.Corrupt, "announces .* there are .*download it again"),
    ({"model": b"version https://git-lfs.x\n"}, rag.Corrupt, "it is a pointer of Git LFS"),
    ({"model": tiny.weights("F64")}, rag.Unsupported, "holds F64; f32, f16 and bf16 are read"),
    (
        {"model": tiny.weights(**{"embeddings.LayerNorm.bias": []})},
        rag.InvalidArgument,
        "is a single number, config.json asks for 4",
    ),
    ({"model": None, "pytorch_model": {}}, rag.NotFound, "lacks model.safetensors; "),
]


@pytest.mark.parametrize(("files", "kind", "said"), DAMAGE)
def test_damage_is_named(
    files: dict[str, Any], kind: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=said):
        rag.Embedder(tiny.write(tmp_path / "damaged", **files))


def test_texts_that_are_cut_are_counted_everywhere(model: rag.Embedder) -> None:
    one, two = r"^1 of 1 texts is longer than 5 tokens", r"^2 of 3 texts are longer than 5 tokens"
    texts = [LONG, "the cat", LONG]
    col = rag.open(embedder=model)
    with pytest.warns(rag.TruncationWarning, match=two) as seen:
        col.add(["a", "b", "c"], texts)
    assert [w.filename for w in seen] == [__file__]
    with pytest.warns(rag.TruncationWarning, match=one) as seen:
        col.upsert(["a"], [LONG])
    assert [w.filename for w in seen] == [__file__]
    col.upsert(["a"], ["the cat"])


def test_texts_that_are_cut_are_counted_in_coroutines(folder: Path) -> None:
    async def main() -> None:
        model = await aio.Embedder(folder, max_tokens=5)
        col = await aio.open(embedder=model)
        with pytest.warns(rag.TruncationWarning, match=r"^2 of 3 texts are longer than 5"):
            await col.add(["a", "b", "c"], [LONG, "the cat", LONG])
        with pytest.warns(rag.TruncationWarning, match=r"^1 of 1 texts is longer than 5"):
            await col.upsert(["a"], [LONG])
        with pytest.warns(rag.TruncationWarning, match=r"^1 of 2 texts is longer than 5"):
            await model.encode([LONG, "the cat"])
        await col.upsert(["a"], ["the cat"])

    asyncio.run(main())
