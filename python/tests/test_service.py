"""The example service, asked by real clients over HTTP and WebSockets on loopback."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.loopback
SERVICE = Path(__file__).resolve().parents[2] / "examples" / "service"
KEYS = "r-key=reader,e-key=editor,a-key=admin,x-key=editor@acme,slow-key=reader"
BREAD = {"id": "bread", "text": "Yeast eats sugar. Its gas makes the dough rise."}
TIDES = {"id": "tides", "text": "The moon pulls the sea. That makes the tides."}
QUESTION = {"question": "what makes the dough rise?"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a service listens that ends with the tests of this file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "service:from_environment"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--app-dir", str(SERVICE)]
    env = {"RAGCORE_KEYS": KEYS, "RAGCORE_RATE": "200/minute", "PYTHONDONTWRITEBYTECODE": "1"}
    place = {"PYTHONPATH": str(SERVICE.parents[1] / "python")}
    with subprocess.Popen([*command, *options], env=env | place) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            for _ in range(600):
                try:
                    httpx.get(f"{base}/health").raise_for_status()
                    break
                except httpx.TransportError:
                    assert process.poll() is None
                    time.sleep(0.1)
            yield base
        finally:
            process.terminate()


def client(address: str, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"X-API-Key": key}
    return httpx.Client(base_url=address, headers=headers, timeout=60)


def filled(address: str, key: str = "e-key") -> httpx.Client:
    with client(address, key) as editor:
        editor.post("/documents", json={"documents": [BREAD, TIDES]}).raise_for_status()
    return client(address, "r-key")


def test_questions_are_answered_cited_rated_and_found_again(address: str) -> None:
    with filled(address) as reader:
        answer = reader.post("/query", json=QUESTION | {"user": "ann"}).json()
        assert answer["citations"][0]["document"] == "bread"
        assert reader.post("/query", json=QUESTION | {"user": "ann"}).json()["cached"]
        given = {"answer": answer["id"], "rating": 1.0}
        assert reader.post("/feedback", json=given).status_code == 204
        kept = reader.get("/history", params={"user": "ann"}).json()
        assert kept[-1]["rating"] == 1.0
        shown = reader.get(f"/export/{answer['id']}", params={"format": "bibtex"})
        assert "@misc" in shown.text
        asked = {"texts": ["Dough rises by heat alone."], "answers": [answer["id"]]}
        assert 0 <= reader.post("/compare", json=asked).json()["agreement"] <= 1
        assert reader.post("/compare", json={"answers": ["none", "x"]}).status_code == 404
        evidence = reader.post("/retrieve", json=QUESTION | {"k": 1}).json()
        assert [passage["document"] for passage in evidence["passages"]] == ["bread"]
        many = reader.post("/batch", json={"questions": ["why tides?", " "]}).json()
        assert many[0]["citations"] and "empty" in many[1]["error"]


def test_who_may_do_what(address: str) -> None:
    with filled(address) as reader, client(address, None) as nobody:
        assert nobody.get("/health").status_code == 200
        assert nobody.post("/query", json=QUESTION).status_code == 401
        guess = {"X-API-Key": "guess"}
        assert nobody.post("/query", json=QUESTION, headers=guess).status_code == 401
        refused = reader.post("/documents", json={"documents": [BREAD]})
        assert refused.status_code == 403
        assert refused.json()["detail"] == "this needs the role editor, the key is of a reader"
        assert reader.get("/metrics").status_code == 403
    with client(address, "a-key") as admin:
        assert "rag_" in admin.get("/metrics").text
        admin.post("/documents", json={"documents": [{"id": "gone", "text": "x"}]})
        assert admin.delete("/documents/gone").status_code == 204
        assert admin.delete("/documents/gone").status_code == 404
        given = {"name": "plain", "positive": ["a cat", "a dog"], "negative": ["felines", "hounds"]}
        assert "plain" in admin.post("/learn-steering", json=given).json()["dials"]


def test_a_tenants_key_sees_its_own(address: str) -> None:
    with client(address, "x-key") as acme:
        text = {"id": "salt", "text": "Salt keeps fish."}
        acme.post("/documents", json={"documents": [text]}).raise_for_status()
        assert acme.get("/documents").json() == ["salt"]
        assert not acme.post("/query", json=QUESTION).json()["citations"]
    with filled(address) as reader:
        assert "salt" not in reader.get("/documents").json()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/query", {}, 422),
        ("/query", {"question": ""}, 422),
        ("/query", {"question": "x", "kay": 1}, 422),
        ("/query", {"question": "x", "dials": {"none": 2}}, 422),
        ("/query", {"question": "x", "filter": {"$bad": 1}}, 422),
        ("/query", {"question": "x", "generator": "none"}, 404),
        ("/feedback", {"answer": "none", "rating": 0.5}, 404),
        ("/feedback", {"answer": "none", "rating": 2}, 422),
        ("/retrieve", {"question": "x" * 100_001}, 422),
    ],
)
def test_wrong_requests_are_told_so(
    address: str, path: str, body: dict[str, object], status: int
) -> None:
    with filled(address) as reader:
        answer = reader.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]


def test_answers_are_streamed(address: str) -> None:
    filled(address).close()
    url = address.replace("http", "ws") + "/stream"
    with connect(url, additional_headers={"X-API-Key": "r-key"}) as stream:
        for _ in range(2):
            stream.send(json.dumps(QUESTION | {"user": "eve"}))
            events = []
            while "answer" not in (event := json.loads(stream.recv())):
                events.append(event["text"])
            assert "".join(events) == event["answer"]["text"]
        stream.send(json.dumps({"question": "x", "kay": 1}))
        assert json.loads(stream.recv()) == {"error": "wrong or unknown: kay"}
        stream.send(json.dumps({"question": "x", "generator": "none"}))
        assert "none" in json.loads(stream.recv())["error"]
    with pytest.raises(InvalidStatus):
        connect(url)


def test_a_key_that_asks_too_often_waits(address: str) -> None:
    with client(address, "slow-key") as reader:
        for _ in range(201):
            answer = reader.get("/documents")
        assert answer.status_code == 429
        assert re.fullmatch(r"\d+", answer.headers["Retry-After"])
    with client(address, "r-key") as other:
        assert other.get("/documents").status_code == 200


def test_keys_are_read_strictly() -> None:
    sys.path.insert(0, str(SERVICE))
    try:
        import service
    finally:
        sys.path.pop(0)
    assert service.keys_of("a=reader, b=admin@x,") == {"a": ("reader", None), "b": ("admin", "x")}
    for wrong in ("secret", "=reader", "secret=owner"):
        with pytest.raises(ValueError, match="entry 1") as caught:
            service.keys_of(wrong)
        assert "secret" not in str(caught.value)
